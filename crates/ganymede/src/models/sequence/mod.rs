//! Sequences: messages, sound, music, rows of tables.
pub mod crypto;
pub mod tabular;
pub mod wavegan;
