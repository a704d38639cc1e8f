//! Faces that move.
pub mod faceswap;
pub mod talking_head;
