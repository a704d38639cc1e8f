//! Learning that tells little of any single example: clipped and noised gradients, and how much they tell nevertheless.
//!
//! Differential privacy (Dwork et al. 2006): whether a row was in the table changes the probability of no outcome by more than a
//! factor of e^epsilon, save for a share delta of all outcomes.
mod accountant;
mod clipping;

pub use accountant::Accountant;
pub use clipping::Clipping;
