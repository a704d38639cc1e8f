//! The classifier two-sample test: can a classifier tell samples from real examples?
//!
//! Lopez-Paz and Oquab 2017, "Revisiting Classifier Two-Sample Tests", arXiv:1610.06545; with the nearest neighbour that is
//! left over when an example is taken out (Xu et al. 2018, arXiv:1806.07755). One half is chance, and as good as it gets;
//! near 1, the sets are told apart; below one half, samples lie nearer to real examples than these to each other, as copies
//! do.
use super::estimate::Estimate;
use super::{matrix, neighbours};

/// How often the nearest other vector is of the same set.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoSample {
    /// Over both sets.
    pub accuracy: Estimate,
    /// Among the real ones: low where samples are copies of them.
    pub real: f64,
    /// Among the made ones: high where samples are all alike.
    pub made: f64,
}

/// The leave-one-out accuracy of the nearest neighbour, for sets of as many vectors, `[n, dimension]`. A vector whose
/// nearest ones of either set are equally near is put to its own half the time.
///
/// # Panics
/// Where the sets differ in size or hold fewer than two vectors.
pub fn two_sample(real: &[f32], made: &[f32], dimension: usize) -> TwoSample {
    assert_eq!(real.len(), made.len(), "two-sample test: sets of different size");
    let n = matrix::count(real, dimension);
    let right = |own: &[f32], other: &[f32]| -> f64 {
        let within = neighbours::nearest_others(own, dimension, 1).distances;
        let between = neighbours::nearest(own, other, dimension, 1).distances;
        let of_one = |(within, between): (&f64, &f64)| match within.total_cmp(between) {
            std::cmp::Ordering::Less => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Greater => 0.0,
        };
        within.iter().zip(&between).map(of_one).sum()
    };
    let (of_real, of_made) = (right(real, made), right(made, real));
    let mut accuracy = Estimate::share((of_real + of_made).round() as usize, 2 * n);
    accuracy.value = (of_real + of_made) / (2 * n) as f64;
    TwoSample {
        accuracy,
        real: of_real / n as f64,
        made: of_made / n as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::random;

    #[test]
    fn a_case_by_hand() {
        // 0 and 1 are nearest to each other, 5 to 6; 6 to 5, 20 to 21 and back.
        let found = two_sample(&[0.0, 1.0, 5.0], &[6.0, 20.0, 21.0], 1);
        assert_eq!((found.real, found.made), (2.0 / 3.0, 2.0 / 3.0));
        assert_eq!(found.accuracy.value, 4.0 / 6.0);
    }

    #[test]
    fn chance_copies_and_strangers() {
        let sets = [0, 1].map(|stream| random::normal(8, stream, 2000));
        let same = two_sample(&sets[0], &sets[1], 2).accuracy.value;
        assert!((same - 0.5).abs() < 0.05, "{same}");
        let copies: Vec<f32> = sets[0].iter().map(|x| x + 1e-5).collect();
        assert!(two_sample(&sets[0], &copies, 2).accuracy.value < 0.01);
        let far: Vec<f32> = sets[1].iter().map(|x| x + 50.0).collect();
        assert_eq!(two_sample(&sets[0], &far, 2).accuracy.value, 1.0);
    }
}
