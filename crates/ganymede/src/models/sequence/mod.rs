//! Sequences: messages, sound, music.
pub mod c_rnn_gan;
pub mod crypto;
pub mod midinet;
pub mod wavegan;
