//! What a picture looks like in 64 bits, to find pictures that are nearly the same.

use std::collections::HashMap;

use super::shaping::{Fit, Shaper, Size, Want};

const ROWS: usize = 8;
const COLUMNS: usize = 9;
/// Fingerprints that differ in more bits are those of different pictures.
const MOST_BITS: u32 = 3;
/// Of near pictures, the grey values of the thumbnails differ by no more than this on average.
const MOST_DIFFERENCE: u32 = 6;
/// Fingerprints are looked for by their quarters: of four, three different bits leave at least one as it was.
const QUARTERS: u32 = 4;
/// Most earlier pictures that one is compared with for each quarter; blank borders make many quarters alike.
const MOST_COMPARED: usize = 256;

/// A difference hash (Krawetz, "Kind of Like That", 2013): whether each of the 8x8 pixels of a 9x8 grey thumbnail is
/// brighter than the one right of it. The thumbnail is kept, since flat pictures of any grey have one hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    hash: u64,
    thumbnail: [u8; ROWS * COLUMNS],
}

impl Fingerprint {
    /// The fingerprint of a picture.
    pub(crate) fn of(pixels: &[u8], size: Size) -> Self {
        let want = Want {
            fit: Fit::Stretch,
            ..Want::default()
        };
        let target = Size {
            height: ROWS,
            width: COLUMNS,
            channels: 1,
        };
        let mut thumbnail = [0; ROWS * COLUMNS];
        Shaper::with(|s| s.shape(pixels, size, &mut thumbnail, target, &want));
        let bits = thumbnail
            .chunks(COLUMNS)
            .flat_map(|row| row.windows(2).map(|pair| u64::from(pair[0] > pair[1])));
        let hash = bits.fold(0, |hash, bit| hash << 1 | bit);
        Self { hash, thumbnail }
    }

    /// In how many bits near pictures differ; `None` for pictures that are not near.
    fn near(&self, other: &Self) -> Option<u32> {
        let bits = (self.hash ^ other.hash).count_ones();
        let pairs = self.thumbnail.iter().zip(&other.thumbnail);
        let difference: u32 = pairs.map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
        (bits <= MOST_BITS && difference <= MOST_DIFFERENCE * self.thumbnail.len() as u32).then_some(bits)
    }
}

/// Pictures that look like an earlier one: the number of the later, of the earlier, and the bits they differ in.
pub(crate) fn near(fingerprints: &[Fingerprint]) -> Vec<(usize, usize, u32)> {
    let mut found = Vec::new();
    let mut seen: HashMap<(u32, u16), Vec<usize>> = HashMap::new();
    for (number, fingerprint) in fingerprints.iter().enumerate() {
        let keys = (0..QUARTERS).map(|quarter| (quarter, (fingerprint.hash >> (16 * quarter)) as u16));
        let earlier = keys
            .clone()
            .filter_map(|key| seen.get(&key))
            .flat_map(|alike| alike.iter().rev().take(MOST_COMPARED));
        let near = earlier.filter_map(|&other| Some((fingerprints[other].near(fingerprint)?, other)));
        if let Some((bits, first)) = near.min() {
            found.push((number, first, bits));
        }
        keys.for_each(|key| seen.entry(key).or_default().push(number));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u64, height: usize, width: usize) -> Vec<u8> {
        // Blocks of 8x8, so that the picture survives shrinking.
        let block = |y: usize, x: usize| crate::data::order::hash(seed, (y / 8 * 100 + x / 8) as u64) as u8;
        (0..height * width).map(|i| block(i / width, i % width)).collect()
    }

    const SIZE: Size = Size {
        height: 64,
        width: 72,
        channels: 1,
    };

    #[test]
    fn bits_say_which_neighbour_is_brighter() {
        // Darker to the right everywhere, then brighter.
        let falling: Vec<u8> = (0..8 * 9).map(|i| 255 - (i % 9) * 20).collect();
        let rising: Vec<u8> = falling.iter().map(|v| 255 - v).collect();
        let size = Size {
            height: 8,
            width: 9,
            channels: 1,
        };
        assert_eq!(Fingerprint::of(&falling, size).hash, u64::MAX);
        assert_eq!(Fingerprint::of(&rising, size).hash, 0);
    }

    #[test]
    fn brighter_and_noisier_copies_are_near_and_others_are_not() {
        let first = noise(1, 64, 72);
        let copy: Vec<u8> = first
            .iter()
            .enumerate()
            .map(|(i, v)| v.saturating_add((i % 3) as u8))
            .collect();
        let prints = [first, noise(2, 64, 72), copy].map(|pixels| Fingerprint::of(&pixels, SIZE));
        let found = near(&prints);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].0, found[0].1), (2, 0));
        // Flat pictures share a hash and are told apart by their grey.
        let flat = [10, 200].map(|grey| Fingerprint::of(&vec![grey; 64 * 72], SIZE));
        assert_eq!(flat[0].hash, flat[1].hash);
        assert_eq!(near(&flat), []);
    }
}
