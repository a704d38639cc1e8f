//! What metrics draw, as pure functions of a seed and numbers.
use crate::data::order;
use gany_engine::kernels::random::{Key, fill_normal};

/// A whole number below `len`, uniform: draw `i` of stream `stream`.
pub(super) fn below(seed: u64, stream: u64, i: u64, len: usize) -> usize {
    order::below(order::hash(order::hash(seed, stream), i), len as u64) as usize
}

/// A number in [0, 1), uniform.
pub(super) fn unit(seed: u64, stream: u64, i: u64) -> f64 {
    order::unit(order::hash(order::hash(seed, stream), i))
}

/// `count` of the numbers below `len` without repetition: permutation `stream` of a seed, or its beginning.
pub(super) fn choose(seed: u64, stream: u64, len: usize, count: usize) -> Vec<usize> {
    let first = stream * len as u64;
    (first..first + count as u64)
        .map(|k| order::nth(seed, len as u64, k) as usize)
        .collect()
}

/// Numbers that are normally distributed.
pub(super) fn normal(seed: u64, stream: u64, count: usize) -> Vec<f32> {
    let mut numbers = vec![0.0; count];
    fill_normal(Key { seed, stream, step: 0 }, 0, &mut numbers);
    numbers
}
