//! The order of examples as a pure function: which example is the `k`-th of a run, from seed and `k` alone.
//!
//! Every epoch is a permutation of the examples, computed point by point with the swap-or-not shuffle (Hoang, Morris and
//! Rogaway, "An Enciphering Scheme Based on a Card Shuffle", CRYPTO 2012): each round pairs the examples up and swaps a
//! pair or not by a keyed coin. No table is kept, so any step of any epoch is reached at once.

const ROUNDS: u64 = 64;

/// The example that is the `k`-th (from 0) of a run with this seed, among `len` examples.
///
/// Over each stretch of `len` numbers from a multiple of `len`, an epoch, every example comes exactly once.
///
/// # Panics
/// If `len` is 0.
pub fn nth(seed: u64, len: u64, k: u64) -> u64 {
    assert!(len > 0, "an order of no examples was asked for");
    let (epoch, mut position) = (k / len, k % len);
    let key = hash(seed, hash(epoch, len));
    for round in 0..ROUNDS {
        let round_key = hash(key, round);
        let offset = below(round_key, len);
        let partner = if offset >= position {
            offset - position
        } else {
            offset + len - position
        };
        let coin = hash(round_key, position.max(partner));
        if coin >> 63 == 1 {
            position = partner;
        }
    }
    position
}

/// Mixes two words into one; each bit of both reaches every bit of the result (SplitMix64's finaliser, Steele et al. 2014).
pub(crate) fn hash(a: u64, b: u64) -> u64 {
    finalise(finalise(a.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ b.wrapping_mul(0xd6e8_feb8_6659_fd93))
}

fn finalise(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Scales a uniform word to a uniform number below `len`.
pub(crate) fn below(word: u64, len: u64) -> u64 {
    ((u128::from(word) * u128::from(len)) >> 64) as u64
}

/// A uniform word as a uniform number in [0, 1).
pub(crate) fn unit(word: u64) -> f64 {
    (word >> 11) as f64 / (1u64 << 53) as f64
}

/// Two uniform words as two independent normal numbers, by Box and Muller's transform.
pub(crate) fn normal_pair(a: u64, b: u64) -> [f64; 2] {
    // The logarithm's argument is above 0.
    let radius = (-2.0 * (1.0 - unit(a)).ln()).sqrt();
    let (sin, cos) = (std::f64::consts::TAU * unit(b)).sin_cos();
    [radius * cos, radius * sin]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn every_epoch_holds_every_example_once(seed: u64, len in 1u64..300, epoch in 0u64..1_000_000) {
            let mut seen: Vec<u64> = (0..len).map(|i| nth(seed, len, epoch * len + i)).collect();
            seen.sort_unstable();
            prop_assert!(seen.into_iter().eq(0..len));
        }
    }

    #[test]
    fn all_orders_of_four_are_equally_likely() {
        let mut counts: HashMap<Vec<u64>, u32> = HashMap::new();
        for seed in 0..24_000 {
            *counts.entry((0..4).map(|k| nth(seed, 4, k)).collect()).or_default() += 1;
        }
        assert_eq!(counts.len(), 24);
        let chi_squared: f64 = counts.values().map(|&c| (f64::from(c) - 1000.0).powi(2) / 1000.0).sum();
        // 23 degrees of freedom: 49.7 is passed once in a thousand times.
        assert!(chi_squared < 49.7, "{chi_squared}");
    }

    #[test]
    fn places_and_neighbours_are_uniform_over_epochs() {
        let len = 20;
        let (mut place, mut gap) = (vec![0u32; 20], vec![0u32; 20]);
        for epoch in 0..20_000 {
            place[nth(7, len, epoch * len + 3) as usize] += 1;
            let (a, b) = (nth(7, len, epoch * len + 3), nth(7, len, epoch * len + 4));
            gap[((a + len - b) % len) as usize] += 1;
        }
        let chi =
            |counts: &[u32], mean: f64| -> f64 { counts.iter().map(|&c| (f64::from(c) - mean).powi(2) / mean).sum() };
        assert!(chi(&place, 1000.0) < 43.8);
        assert_eq!(gap[0], 0);
        assert!(chi(&gap[1..], 20_000.0 / 19.0) < 42.3);
    }

    #[test]
    fn seed_and_epoch_change_the_order() {
        let order = |seed: u64, epoch: u64| (0..50).map(|i| nth(seed, 50, epoch * 50 + i)).collect::<Vec<_>>();
        assert_ne!(order(0, 0), order(1, 0));
        assert_ne!(order(0, 0), order(0, 1));
        assert_eq!(order(3, 9), order(3, 9));
    }

    #[test]
    fn the_order_is_pinned() {
        // A change here changes every seeded run: it needs a note in the changelog.
        assert_eq!(
            (0..8).map(|k| nth(0, 10_000, k)).collect::<Vec<_>>(),
            [9897, 6720, 6318, 5874, 3605, 8699, 974, 1672]
        );
    }
}
