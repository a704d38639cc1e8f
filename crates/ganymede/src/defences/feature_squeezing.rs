//! Feature squeezing: a classifier that changes its mind when detail is taken away has been lied to.
//!
//! Xu, Evans and Qi 2018, "Feature Squeezing: Detecting Adversarial Examples in Deep Neural Networks", arXiv:1704.01155,
//! sections IV and V.
//!
//! ```text
//! s(x) = max( |p(x) - p(bits(x))|_1, |p(x) - p(median(x))|_1 ),  p: softmax
//! adversarial where s(x) is above what legitimate pictures reach but in so many cases
//! ```
//!
//! The squeezers are fewer bits for each number and the median of each small window, as in the paper for MNIST (one bit, 2 x 2); its
//! third, non-local means, is left out. Whoever knows the detector can fool it too (He et al. 2017, arXiv:1706.04701).
use super::Describe;
use crate::attacks::{Judge, Target};
use crate::section::Section;
use crate::studies::Study;
use serde::{Deserialize, Serialize};

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureSqueezing {
    /// Bits that are left of each number.
    pub bits: u32,
    /// Pixels a side of the window that medians are taken of.
    pub window: usize,
    /// The share of legitimate pictures that may be called adversarial.
    pub false_alarms: f64,
}

impl Default for FeatureSqueezing {
    /// The paper's for MNIST.
    fn default() -> Self {
        FeatureSqueezing {
            bits: 1,
            window: 2,
            false_alarms: 0.05,
        }
    }
}

impl Describe for FeatureSqueezing {
    const PAGE: Study = Study {
        id: "feature_squeezing",
        section: Section::Attacks,
        title: "Feature squeezing",
        source: "Xu, Evans and Qi 2018, Feature Squeezing: Detecting Adversarial Examples in Deep Neural Networks, arXiv:1704.01155",
        idea: "Takes away detail that a person does not need, and distrusts pictures of which the classifier then says something else.",
        equations: &["s(x) = max(|p(x) - p(bits(x))|_1, |p(x) - p(median(x))|_1);  adversarial where s(x) > threshold"],
        command: "gany harden detect PICTURE --target mnist",
        lesson: None,
    };
}

impl FeatureSqueezing {
    /// Whether it can be.
    ///
    /// # Errors
    /// Where it cannot: what was expected, and what it got.
    pub fn check(&self, target: &Target) -> Result<(), String> {
        let [height, width, _] = target.shape();
        if !(1..=8).contains(&self.bits) {
            return Err(format!("expected 1 to 8 bits, got {}", self.bits));
        }
        if !(2..=height.min(width)).contains(&self.window) {
            return Err(format!(
                "expected a window of 2 to {} pixels, got {}",
                height.min(width),
                self.window
            ));
        }
        if self.false_alarms > 0.0 && self.false_alarms < 1.0 {
            return Ok(());
        }
        Err(format!(
            "expected a share of false alarms between 0 and 1, got {}",
            self.false_alarms
        ))
    }

    /// How far squeezing changes what a target says of each picture `[n, height, width, channels]` in [0, 1]: from 0 to 2.
    pub fn scores(&self, target: &Target, pictures: &[f32]) -> Vec<f64> {
        let classes = target.classes().len();
        let mut judge = target.judge(pictures.len() / target.floats());
        let said = shares(&mut judge, pictures, classes);
        let squeezed = [self.fewer_bits(pictures), self.smoothed(pictures, target.shape())];
        let differences = squeezed.map(|squeezed| {
            let other = shares(&mut judge, &squeezed, classes);
            let pairs = said.chunks_exact(classes).zip(other.chunks_exact(classes));
            pairs
                .map(|(a, b)| a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum())
                .collect::<Vec<f64>>()
        });
        differences[0]
            .iter()
            .zip(&differences[1])
            .map(|(a, b)| a.max(*b))
            .collect()
    }

    /// The score that the allowed share of legitimate pictures is above.
    ///
    /// # Panics
    /// Where there is none.
    pub fn threshold(&self, legitimate: &[f64]) -> f64 {
        let mut sorted = legitimate.to_vec();
        sorted.sort_by(f64::total_cmp);
        let above = (self.false_alarms * sorted.len() as f64).floor() as usize;
        sorted[sorted.len() - 1 - above.min(sorted.len() - 1)]
    }

    /// Numbers rounded to so many bits.
    fn fewer_bits(&self, pictures: &[f32]) -> Vec<f32> {
        let levels = (2_u32.pow(self.bits) - 1) as f32;
        pictures.iter().map(|x| (x * levels).round() / levels).collect()
    }

    /// Each number the median of the window that ends there, right and below; of an even count the upper one. Beyond the border
    /// pictures are mirrored.
    fn smoothed(&self, pictures: &[f32], [height, width, channels]: [usize; 3]) -> Vec<f32> {
        let before = self.window / 2;
        let mirrored = |at: usize, extent: usize| {
            let at = at as isize - before as isize;
            let last = extent as isize - 1;
            (if at < 0 {
                -at - 1
            } else if at > last {
                2 * last + 1 - at
            } else {
                at
            }) as usize
        };
        let mut window = vec![0.0; self.window * self.window];
        let mut smoothed = Vec::with_capacity(pictures.len());
        for picture in pictures.chunks_exact(height * width * channels) {
            for index in 0..picture.len() {
                let (y, x, channel) = (index / channels / width, index / channels % width, index % channels);
                for (i, number) in window.iter_mut().enumerate() {
                    let [down, right] = [(y + i / self.window, height), (x + i % self.window, width)]
                        .map(|(at, extent)| mirrored(at, extent));
                    *number = picture[(down * width + right) * channels + channel];
                }
                window.sort_by(f32::total_cmp);
                smoothed.push(window[window.len() / 2]);
            }
        }
        smoothed
    }
}

/// The softmax of what a target says, `[n, classes]`.
fn shares(judge: &mut Judge, pictures: &[f32], classes: usize) -> Vec<f64> {
    let logits = judge.logits(pictures);
    let of_one = |logits: &[f32]| {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let powers: Vec<f64> = logits.iter().map(|logit| f64::from(logit - largest).exp()).collect();
        let sum: f64 = powers.iter().sum();
        powers.into_iter().map(move |power| power / sum)
    };
    logits.chunks_exact(classes).flat_map(of_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gany_engine::{Tensor, concat};

    /// Two classes by the number in the upper left corner.
    fn corner(extents: [usize; 3]) -> Target {
        Target::new("corner", extents, ["dark", "bright"].map(str::to_owned).to_vec(), |x| {
            let number = x.flatten_from(1).slice(1, 0, 1);
            concat(&[(&number * -1.0 + 0.5) * 40.0, Tensor::zeros_like(&number)], 1)
        })
    }

    #[test]
    fn squeezers_by_hand() {
        let squeezing = FeatureSqueezing {
            bits: 2,
            ..FeatureSqueezing::default()
        };
        assert_eq!(
            squeezing.fewer_bits(&[0.0, 0.2, 0.49, 0.9]),
            [0.0, 1.0 / 3.0, 1.0 / 3.0, 1.0]
        );
        // Windows reach one up and one to the left: mirrored, they are {1 1 1 1}, {1 1 2 2}, {1 1 3 3}, {1 2 3 4}.
        assert_eq!(
            squeezing.smoothed(&[1.0, 2.0, 3.0, 4.0], [2, 2, 1]),
            [1.0, 2.0, 3.0, 3.0]
        );
        let three = FeatureSqueezing { window: 3, ..squeezing };
        // A single white pixel is no median of nine.
        let mut dot = [0.0; 25];
        dot[12] = 1.0;
        assert_eq!(three.smoothed(&dot, [5, 5, 1]), [0.0; 25]);
    }

    #[test]
    fn who_stands_on_a_detail_is_found() {
        let (target, squeezing) = (
            corner([4, 4, 1]),
            FeatureSqueezing {
                bits: 8,
                window: 3,
                ..FeatureSqueezing::default()
            },
        );
        let (mut all, mut dot) = ([1.0; 16], [0.0; 16]);
        dot[0] = 1.0;
        // Mirrored at the border, a dot in the corner fills four of the nine: less than half of them.
        let scores = squeezing.scores(&target, &[all, dot].concat());
        assert!(scores[0] < 1e-6 && scores[1] > 1.99, "{scores:?}");
        all[0] = 0.0;
        assert!(squeezing.scores(&target, &all)[0] > 1.99);
    }

    #[test]
    fn thresholds_leave_the_allowed_share_above() {
        let squeezing = FeatureSqueezing {
            false_alarms: 0.2,
            ..FeatureSqueezing::default()
        };
        let threshold = squeezing.threshold(&[5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!(threshold, 4.0);
        assert_eq!(FeatureSqueezing::default().threshold(&[5.0, 1.0]), 5.0);
    }

    #[test]
    fn impossible_settings_are_said() {
        let check = |squeezing: FeatureSqueezing| squeezing.check(&corner([4, 4, 1])).unwrap_err();
        let default = FeatureSqueezing::default();
        assert_eq!(
            check(FeatureSqueezing { bits: 0, ..default }),
            "expected 1 to 8 bits, got 0"
        );
        assert_eq!(
            check(FeatureSqueezing { window: 5, ..default }),
            "expected a window of 2 to 4 pixels, got 5"
        );
        assert_eq!(
            check(FeatureSqueezing {
                false_alarms: 1.0,
                ..default
            }),
            "expected a share of false alarms between 0 and 1, got 1"
        );
    }
}
