//! Sequences: messages, sound, music.
pub mod crypto;
pub mod wavegan;
