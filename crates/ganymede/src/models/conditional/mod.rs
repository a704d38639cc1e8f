//! Steering the output.
pub mod cgan;
