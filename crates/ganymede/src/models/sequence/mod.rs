//! Sequences: messages, sound, music.
pub mod c_rnn_gan;
pub mod crypto;
pub mod gansynth;
pub mod midinet;
mod spectrum;
pub mod wavegan;
