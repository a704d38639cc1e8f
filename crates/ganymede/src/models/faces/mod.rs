//! Faces that move.
pub mod faceswap;
mod motion;
pub mod puppetry;
pub mod talking_head;
