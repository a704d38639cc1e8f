//! Whether a generator has learnt its training examples by heart.
//!
//! Meehan, Chaudhuri and Dasgupta 2020, "A Non-Parametric Test to Detect Data-Copying in Generative Models",
//! arXiv:2004.05675: within each cell of the space, are samples nearer to the training examples than held-out real examples
//! are? Ranks of those distances are compared by Mann and Whitney's test; its z-scores are averaged over the cells, each
//! counted by its held-out examples. About a standard normal number where nothing is copied; well below 0, say -3, is copying;
//! well above 0, underfitting.
use super::k_means::{cells_of, k_means};
use super::{matrix, neighbours};

/// Cells of the paper's image experiments hold at least this share of samples to count.
const LEAST_SHARE: f64 = 0.01;

/// The three-sample statistic C_T of `train [n, dimension]`, `held_out [m, dimension]` and `made [l, dimension]`, over
/// `cells` cells of the training examples. `None` where no cell has enough of both.
///
/// # Panics
/// Where the numbers are not whole vectors, a set is empty, or there are fewer training examples than cells.
pub fn data_copying(
    train: &[f32],
    held_out: &[f32],
    made: &[f32],
    dimension: usize,
    cells: usize,
    seed: u64,
) -> Option<f64> {
    let centres = k_means(train, dimension, cells, seed);
    let of_train = cells_of(train, &centres, dimension);
    let members = |set: &[f32], of: &[usize], cell: usize| -> Vec<f32> {
        let rows = set.chunks_exact(dimension).zip(of);
        rows.filter(|(_, of)| **of == cell)
            .flat_map(|(row, _)| row.to_vec())
            .collect()
    };
    let [of_held_out, of_made] = [held_out, made].map(|set| cells_of(set, &centres, dimension));
    let (mut sum, mut weight) = (0.0, 0.0);
    for cell in 0..cells {
        let train = members(train, &of_train, cell);
        let [held_out_here, made_here] = [members(held_out, &of_held_out, cell), members(made, &of_made, cell)];
        let enough = LEAST_SHARE * matrix::count(made, dimension) as f64;
        let counts = [&held_out_here, &made_here].map(|set| set.len() / dimension);
        if train.is_empty() || counts[0] == 0 || (counts[1] as f64) < enough.max(1.0) {
            continue;
        }
        let [from_held_out, from_made] =
            [held_out_here, made_here].map(|set| neighbours::nearest(&set, &train, dimension, 1).distances);
        sum += counts[0] as f64 * z_score(&from_made, &from_held_out);
        weight += counts[0] as f64;
    }
    (weight > 0.0).then(|| sum / weight)
}

/// Mann and Whitney's U of `a` against `b`, as a standard normal score: below 0 where numbers of `a` are the smaller ones.
///
/// # Panics
/// Where one is empty.
pub fn z_score(a: &[f64], b: &[f64]) -> f64 {
    assert!(!a.is_empty() && !b.is_empty(), "memorisation: ranks of nothing");
    let mut sorted = b.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    // Pairs in which a's number is the larger one; equal ones count half.
    let u: f64 = a
        .iter()
        .map(|x| {
            let below = sorted.partition_point(|y| y < x) as f64;
            let not_above = sorted.partition_point(|y| y <= x) as f64;
            (below + not_above) / 2.0
        })
        .sum();
    let (n, m) = (a.len() as f64, b.len() as f64);
    (u - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::random;

    #[test]
    fn ranks_by_hand() {
        // 1 exceeds none, 3 exceeds 2 and equals 3: U = 1.5 of 6; (1.5 - 3) / sqrt(2 * 3 * 6 / 12).
        let found = z_score(&[1.0, 3.0], &[2.0, 3.0, 4.0]);
        assert!((found + 1.5 / 3.0_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn copies_are_told_from_fresh_samples() {
        let [train, held_out, fresh] = [0, 1, 2].map(|stream| random::normal(1, stream, 1600));
        let score = |made: &[f32]| data_copying(&train, &held_out, made, 2, 5, 0).unwrap();
        assert!(score(&fresh).abs() < 2.0, "{}", score(&fresh));
        let copies: Vec<f32> = train.iter().zip(&fresh).map(|(x, noise)| x + 1e-3 * noise).collect();
        assert!(score(&copies) < -5.0, "{}", score(&copies));
        let blurred: Vec<f32> = fresh.iter().map(|x| 1.8 * x).collect();
        assert!(score(&blurred) > 2.0, "{}", score(&blurred));
    }

    #[test]
    fn nothing_near_any_training_example() {
        assert_eq!(data_copying(&[0.0, 10.0], &[0.1], &[9.9], 1, 2, 0), None);
    }
}
