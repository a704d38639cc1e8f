//! Faces that move.
pub mod faceswap;
pub mod puppetry;
pub mod talking_head;
