//! The CPU's inner loops.
pub mod conv;
mod fold;
pub mod gemm;
pub mod isa;
pub mod loops;
pub mod math;
mod micro;
pub mod peak;
mod product;
pub mod random;
pub mod real;
mod scratch;
mod vector;
mod winograd;
