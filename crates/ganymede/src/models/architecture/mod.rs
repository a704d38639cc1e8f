//! Bigger pictures and other shapes.
pub mod dcgan;
