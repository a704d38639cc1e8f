//! How much of a distribution with known modes samples hit, and how well.
//!
//! As Srivastava et al. 2017, "VEEGAN", arXiv:1705.07761, section 4, and Lin et al. 2018, "PacGAN", arXiv:1712.04086,
//! section 4.1: a sample is of high quality within three standard deviations of the nearest centre, and a mode is covered
//! by at least one sample of high quality (of 2,500, in both papers).
use crate::data::Modes;

/// Standard deviations from a centre within which a sample is of high quality.
pub const RADIUS: f64 = 3.0;

/// What samples make of known modes.
#[derive(Clone, Debug, PartialEq)]
pub struct Coverage {
    /// How many samples of high quality each mode has.
    pub hits: Vec<usize>,
    /// Share of samples that are of high quality.
    pub high_quality: f64,
    /// Divergence KL(hits || uniform) of the histogram of hits from equal shares, in nats: 0 if all modes are hit equally
    /// often, `ln(modes)` if only one is. Infinite where nothing is hit.
    pub kl: f64,
}

impl Coverage {
    /// Coverage of modes by points.
    ///
    /// # Panics
    /// Where there are no points or no modes.
    pub fn of(points: &[[f32; 2]], modes: &Modes) -> Coverage {
        assert!(
            !points.is_empty() && !modes.centres.is_empty(),
            "coverage of no modes or by no points"
        );
        let mut hits = vec![0; modes.centres.len()];
        let radius = RADIUS * f64::from(modes.std_dev);
        for point in points {
            let distances = modes.centres.iter().map(|centre| distance(*point, *centre));
            // A point that is not a number is nearest to nothing and hits nothing.
            if let Some((mode, nearest)) = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1))
                && nearest <= radius
            {
                hits[mode] += 1;
            }
        }
        Coverage::of_hits(hits, points.len())
    }

    /// Coverage of classes, each a mode, by what a classifier calls samples: of known digits (Metz et al. 2017, "Unrolled
    /// Generative Adversarial Networks", arXiv:1611.02163, section 3.3), say. Every sample is of high quality.
    ///
    /// # Panics
    /// Where there are no classes, or a number beyond them.
    pub fn of_classes(called: &[u32], classes: usize) -> Coverage {
        let mut hits = vec![0; classes];
        called.iter().for_each(|&class| hits[class as usize] += 1);
        Coverage::of_hits(hits, called.len())
    }

    fn of_hits(hits: Vec<usize>, samples: usize) -> Coverage {
        let total: usize = hits.iter().sum();
        let kl = if total == 0 {
            f64::INFINITY
        } else {
            let shares = hits
                .iter()
                .filter(|&&hit| hit > 0)
                .map(|&hit| hit as f64 / total as f64);
            shares.map(|share| share * (share * hits.len() as f64).ln()).sum()
        };
        Coverage {
            high_quality: total as f64 / samples as f64,
            hits,
            kl,
        }
    }

    /// How many modes are hit.
    pub fn covered(&self) -> usize {
        self.hits.iter().filter(|&&hit| hit > 0).count()
    }
}

/// The mode of a picture of stacked digits: what a classifier calls each of its channels, as the digits of a number. With
/// three channels and ten classes there are 1,000 modes (stacked MNIST, Metz et al. 2017).
pub fn stacked(channels: &[&[u32]], classes: u32) -> Vec<u32> {
    let count = channels.first().map_or(0, |channel| channel.len());
    let mode = |i: usize| channels.iter().fold(0, |mode, channel| mode * classes + channel[i]);
    (0..count).map(mode).collect()
}

fn distance(a: [f32; 2], b: [f32; 2]) -> f64 {
    f64::from(a[0] - b[0]).hypot(f64::from(a[1] - b[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Modes {
        Modes {
            centres: vec![[0.0, 0.0], [1.0, 0.0]],
            std_dev: 0.1,
        }
    }

    #[test]
    fn hits_lie_within_three_standard_deviations() {
        let coverage = Coverage::of(
            &[[0.0, 0.29], [0.0, 0.31], [0.8, 0.0], [1.0, 0.0], [f32::NAN, 0.0]],
            &two(),
        );
        assert_eq!(coverage.hits, [1, 2]);
        assert_eq!(coverage.covered(), 2);
        assert!((coverage.high_quality - 0.6).abs() < 1e-12);
        // Shares 1/3 and 2/3 against 1/2 each.
        let expected = (2.0 / 3.0_f64).ln() / 3.0 + 2.0 * (4.0 / 3.0_f64).ln() / 3.0;
        assert!((coverage.kl - expected).abs() < 1e-12);
    }

    #[test]
    fn classes_and_stacked_digits_are_modes() {
        let coverage = Coverage::of_classes(&[0, 2, 2, 0], 4);
        assert_eq!((coverage.hits.clone(), coverage.covered()), (vec![2, 0, 2, 0], 2));
        assert!((coverage.kl - 2.0_f64.ln()).abs() < 1e-12);
        assert_eq!(stacked(&[&[9, 0], &[1, 0], &[7, 3]], 10), [917, 3]);
    }

    #[test]
    fn one_mode_only_and_no_mode_at_all() {
        let one = Coverage::of(&[[0.0, 0.0]; 5], &two());
        assert_eq!((one.covered(), one.high_quality), (1, 1.0));
        assert!((one.kl - 2.0_f64.ln()).abs() < 1e-12);
        let none = Coverage::of(&[[5.0, 0.0]], &two());
        assert_eq!((none.covered(), none.kl), (0, f64::INFINITY));
    }
}
