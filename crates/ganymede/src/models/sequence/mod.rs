//! Sequences: messages, sound, music, rows of tables.
pub mod c_rnn_gan;
pub mod crypto;
pub mod gansynth;
pub mod midinet;
mod spectrum;
pub mod tabular;
pub mod wavegan;
