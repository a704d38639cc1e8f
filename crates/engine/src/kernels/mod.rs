//! The CPU's inner loops: the only place in the project where `unsafe` is allowed.
pub mod isa;
pub mod loops;
pub mod math;
pub mod random;
pub mod real;
mod vector;
