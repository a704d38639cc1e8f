//! Filling in and sharpening.
pub mod context_encoder;
pub mod srgan;
