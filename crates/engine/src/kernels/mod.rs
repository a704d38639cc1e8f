//! The CPU's inner loops: the only place in the project where `unsafe` is allowed.
pub mod conv;
mod fold;
pub mod gemm;
pub mod isa;
mod micro;
mod product;
pub mod real;
mod scratch;
