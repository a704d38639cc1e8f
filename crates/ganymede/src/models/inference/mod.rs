//! Back from picture to code.
pub mod ali;
pub mod anogan;
pub mod bigan;
mod joint;
