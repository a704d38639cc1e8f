//! Messages: bits that are drawn without end, each -1 or 1 as a fair coin falls.

use super::error::{DataError, Result};
use super::order::hash;
use super::{Dataset, Shape, check_lengths, sha256_hex};

/// What messages are called: `bits:16`.
pub(crate) const KIND: &str = "bits";
/// Bits of the shortest and the longest message.
const LENGTHS: std::ops::RangeInclusive<usize> = 4..=1024;

/// Random messages. Reading by number draws with seed 0; batches draw with the run's seed.
#[derive(Debug, Clone)]
pub struct Bits {
    name: String,
    digest: String,
    bits: usize,
}

impl Bits {
    /// Messages of so many bits, as it is written behind `bits:`.
    ///
    /// # Errors
    /// [`DataError::ImpossibleMessage`] where it is no number from 4 to 1024.
    pub fn parse(text: &str) -> Result<Self> {
        let bits = text.parse().ok().filter(|bits| LENGTHS.contains(bits));
        let bits = bits.ok_or_else(|| DataError::ImpossibleMessage { got: text.into() })?;
        let name = format!("{KIND}:{bits}");
        // The version is part of the digest: it must change with the formula.
        let digest = sha256_hex(&[b"ganymede bits, version 1: ", name.as_bytes()]);
        Ok(Self { name, digest, bits })
    }

    fn draw(&self, seed: u64, k: u64, x: &mut [f32]) {
        for (word, bits) in x.chunks_mut(64).enumerate() {
            let word = hash(hash(seed, word as u64), k);
            let bit = |i: usize| if word >> i & 1 == 1 { 1.0 } else { -1.0 };
            bits.iter_mut().enumerate().for_each(|(i, x)| *x = bit(i));
        }
    }
}

impl Dataset for Bits {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn len(&self) -> Option<u64> {
        None
    }

    fn shape(&self) -> Shape {
        Shape::Point { dimension: self.bits }
    }

    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
        check_lengths(self.bits, 1, x, &[]);
        self.draw(0, index, x);
        Ok(0)
    }

    fn batch(&self, seed: u64, first: u64, count: usize, x: &mut [f32], y: &mut [f32]) -> Result<()> {
        check_lengths(self.bits, count, x, y);
        let messages = x.chunks_exact_mut(self.bits).enumerate();
        messages.for_each(|(i, x)| self.draw(seed, first + i as u64, x));
        y.fill(0.0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_is_a_fair_coin_of_its_own() {
        let bits = Bits::parse("70").unwrap();
        let mut x = vec![0.0; 70 * 4000];
        bits.batch(3, 0, 4000, &mut x, &mut []).unwrap();
        assert!(x.iter().all(|x| x.abs() == 1.0));
        // Means of 4,000 coins have a deviation of 0.016, and so have means of products of two.
        let mean = |f: &dyn Fn(&[f32]) -> f32| x.chunks_exact(70).map(f).sum::<f32>() / 4000.0;
        for i in 0..70 {
            assert!(mean(&|x| x[i]).abs() < 0.07, "bit {i}");
            assert!(mean(&|x| x[i] * x[(i + 1) % 70]).abs() < 0.07, "bit {i} and the next");
        }
    }

    #[test]
    fn a_batch_is_a_pure_function_of_seed_and_number() {
        let bits = Bits::parse("16").unwrap();
        let batch = |seed, first, count: usize| {
            let mut x = vec![0.0; 16 * count];
            bits.batch(seed, first, count, &mut x, &mut []).unwrap();
            x
        };
        assert_eq!(batch(1, 4, 2), batch(1, 0, 8)[64..96]);
        assert_ne!(batch(2, 0, 8), batch(1, 0, 8));
        assert_eq!(bits.example(4).unwrap().0, batch(0, 4, 1));
    }

    #[test]
    fn lengths_are_checked() {
        for text in ["", "3", "1025", "-16", "many"] {
            let error = Bits::parse(text).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("impossible message: expected 4 to 1024 bits, got `{text}`")
            );
            assert_eq!(
                error.hint().unwrap(),
                "write the number of bits behind the colon: `--data bits:16`"
            );
        }
    }
}
