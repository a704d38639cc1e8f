//! Steering the output.
pub mod acgan;
pub mod age_cgan;
pub mod can;
pub mod cgan;
pub mod infogan;
mod two_headed;
