//! Seeded choices: shapes, numbers and attributes that are random, and the same in every run.
#![allow(dead_code, reason = "each test file draws what it needs")]
use gany_engine::Tensor;

/// Steele, Lea and Flood's SplitMix64.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.bits() % bound as u64) as usize
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// True once in `n` times.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of these.
    pub(crate) fn choice<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A number on [-1, 1).
    pub(crate) fn number(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    /// Numbers on [-1, 1).
    pub(crate) fn numbers(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.number()).collect()
    }

    /// An f64 tensor of numbers on [-1, 1).
    pub(crate) fn tensor(&mut self, shape: &[usize]) -> Tensor {
        Tensor::from_f64(shape, &self.numbers(shape.iter().product()))
    }

    /// As many extents as wanted, from 1 to `most`.
    pub(crate) fn shape(&mut self, rank: usize, most: usize) -> Vec<usize> {
        (0..rank).map(|_| self.between(1, most)).collect()
    }

    /// The numbers below `count` in random order.
    pub(crate) fn order(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        (1..count).rev().for_each(|i| order.swap(i, self.below(i + 1)));
        order
    }

    /// Some of the axes below `rank`, at least one, in ascending order.
    pub(crate) fn axes(&mut self, rank: usize) -> Vec<usize> {
        let mut axes = self.order(rank);
        axes.truncate(self.between(1, rank));
        axes.sort_unstable();
        axes
    }
}
