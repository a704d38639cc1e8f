//! Bigger pictures and other shapes.
pub mod dcgan;
pub mod gan3d;
pub mod lapgan;
pub mod medical3d;
pub mod progressive;
pub mod pyramid;
pub mod stylegan;
