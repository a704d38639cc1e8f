//! The CPU's inner loops.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
pub mod arithmetic;
mod bf16;
pub mod conv;
mod depthwise;
mod fold;
pub mod gemm;
mod grouped;
mod image;
pub mod isa;
pub mod loops;
pub mod math;
mod micro;
pub mod peak;
mod phases;
mod pieces;
mod product;
pub mod random;
pub mod real;
mod scratch;
mod vector;
mod windows;
mod winograd;
