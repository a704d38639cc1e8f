//! Augmentation inside the graph: what a discriminator sees of real and generated pictures alike is changed at random, so
//! that it cannot learn few pictures by heart, and the generator's gradient flows back through the change.
//!
//! Pictures are `[n, h, w, c]` with values in [-1, 1]. Randomness comes from the caller as a function from a shape to fresh
//! numbers, such as `|shape| step.uniform(shape)`, so that a step stays a pure function.
pub mod ada;
pub mod diff_augment;
mod sampling;

pub use ada::Ada;
pub use diff_augment::DiffAugment;
pub use sampling::{crop, flip, sample, translate, warp};

use gany_engine::Tensor;

/// Fresh random numbers of a shape.
pub type Draw<'a> = &'a dyn Fn(&[usize]) -> Tensor;
