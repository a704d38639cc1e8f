//! What a run said, in forms that other programs read: a table, and TensorBoard's files.
pub mod csv;
pub mod tensorboard;

pub use csv::write_csv;
pub use tensorboard::write_tensorboard;
