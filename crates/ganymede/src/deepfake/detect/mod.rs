//! What tells fakes: one detector, one file. A [`Suite`] holds those that learn from pictures and judges with them.
//!
//! | detector | looks at | catches |
//! |---|---|---|
//! | [`spatial`] | pixels, by a small network | what a generator makes, as far as it is like those it has seen |
//! | [`frequency`] | the power of waves of each length | what upsampling leaves out or adds |
//! | [`boundary`] | edges of soft masks, by a network that saw real pictures alone | pictures put together of two |
//! | [`temporal`] | how landmarks and identity move from frame to frame | faces that are made frame by frame |
//! | [`audio_visual`] | the mouth and the loudness | lips that do not follow the sound |
//! | [`person`] | which movements of a face go together | somebody else's face on a known person |
//!
//! Every detector knows what it was shown. A picture that none of them holds for a fake may be one all the same.
mod altered;
pub mod audio_visual;
pub mod boundary;
pub mod calibration;
pub mod frequency;
mod learner;
pub mod person;
pub mod spatial;
mod suite;
pub mod temporal;

pub use suite::{DetectError, Judged, Suite};

use crate::data::order;

/// Pictures of one shape, numbers in [-1, 1].
#[derive(Clone, Copy, Debug)]
pub struct Pictures<'a> {
    /// `[n, height, width, channels]`
    pub values: &'a [f32],
    /// Height, width and channels.
    pub shape: [usize; 3],
}

impl<'a> Pictures<'a> {
    /// Numbers in a picture.
    pub fn floats(&self) -> usize {
        self.shape.iter().product()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.values.len() / self.floats()
    }

    /// One of them.
    ///
    /// # Panics
    /// Where there are not as many.
    pub fn get(&self, index: usize) -> &'a [f32] {
        &self.values[index * self.floats()..][..self.floats()]
    }

    /// So many of them, in an order that is drawn: batch `number` of a seed.
    fn batch(&self, seed: u64, number: u64, count: usize) -> Vec<f32> {
        let first = number * count as u64;
        let drawn = (first..first + count as u64).map(|k| order::nth(seed, self.count() as u64, k) as usize);
        drawn.flat_map(|index| self.get(index)).copied().collect()
    }
}
