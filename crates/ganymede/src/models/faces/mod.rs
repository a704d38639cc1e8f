//! Faces that move.
pub mod faceswap;
