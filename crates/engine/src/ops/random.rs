//! Random numbers as a pure function of (seed, stream, step): nothing to save, nothing to restore.
use crate::buffer::DType;
use crate::tensor::{Op, Random, Tensor};

/// Seed and step as a tensor, so that they enter a plan as an input and the same plan serves every step. 16 bits to an
/// element, exact in every dtype: four elements of seed, four of step, lowest first.
#[derive(Clone, Debug)]
pub struct Key(pub(crate) Tensor);

impl Key {
    /// Elements of a key tensor.
    pub const EXTENT: usize = 8;

    /// The key of a known seed and step.
    pub fn new(dtype: DType, seed: u64, step: u64) -> Key {
        Key(Tensor::from_elements(
            dtype,
            &[Self::EXTENT],
            &Self::elements(seed, step),
        ))
    }

    /// A key that is given when a program runs, as the elements that [`elements`](Key::elements) makes.
    pub fn from_tensor(tensor: &Tensor) -> Key {
        assert_eq!(tensor.shape(), [Self::EXTENT], "key: wrong shape");
        Key(tensor.clone())
    }

    /// Seed and step as the elements of a key tensor.
    pub fn elements(seed: u64, step: u64) -> [f64; Self::EXTENT] {
        std::array::from_fn(|i| f64::from((if i < 4 { seed } else { step } >> (16 * (i % 4)) & 0xffff) as u16))
    }

    /// Uniform numbers on [0, 1). Streams of different numbers are independent.
    pub fn uniform(&self, stream: u64, shape: &[usize]) -> Tensor {
        self.numbers(Random::Uniform, stream, shape)
    }

    /// Normal numbers of mean 0 and variance 1.
    pub fn normal(&self, stream: u64, shape: &[usize]) -> Tensor {
        self.numbers(Random::Normal, stream, shape)
    }

    /// 1 with this probability, 0 otherwise.
    pub fn bernoulli(&self, stream: u64, shape: &[usize], probability: f64) -> Tensor {
        let bound = Tensor::full(self.0.dtype(), shape, probability);
        self.uniform(stream, shape).lt(&bound)
    }

    fn numbers(&self, random: Random, stream: u64, shape: &[usize]) -> Tensor {
        Tensor::derived(Op::Random(random, stream), vec![self.0.clone()], shape.to_vec())
    }
}
