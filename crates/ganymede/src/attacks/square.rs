//! The square attack: random squares of the strongest change, kept where they help. It asks for logits, and for no gradient.
//!
//! Andriushchenko, Croce, Flammarion and Hein 2020, "Square Attack: a Query-Efficient Black-Box Adversarial Attack via Random
//! Search", arXiv:1912.00049, algorithms 1 to 3 and equation 2.
//!
//! ```text
//! Linf: d begins as stripes of +-epsilon, one a column and channel; a square of random place gets +-epsilon in each channel
//! L2:   d begins as a grid of bumps; the mass of one random square goes into a bump in another, and all is scaled to epsilon
//! the new d is kept where L(clip(x + d)) is better;  side of the square: sqrt(p h w), p falls from p_0 by halves
//! L: the margin; towards a class, its cross-entropy
//! ```
use super::draws::Draws;
use super::loss::margin_of;
use super::{Aim, Attack, Describe, Made, Norm, Target, Task, check_norm, check_radius};
use crate::section::Section;
use crate::studies::Study;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Square {
    /// The ball's norm: `linf` or `l2`.
    pub norm: Norm,
    /// The ball's radius, in numbers of [0, 1].
    pub epsilon: f64,
    /// Most queries for each picture.
    pub queries: u64,
    /// Share of the pixels that the first squares cover, p_0.
    pub share: f64,
}

impl Default for Square {
    /// The paper's for Linf on ImageNet; for L2 it takes an epsilon of 5 and a share of 0.1.
    fn default() -> Self {
        Square {
            norm: Norm::Linf,
            epsilon: 0.05,
            queries: 10_000,
            share: 0.05,
        }
    }
}

impl Describe for Square {
    const PAGE: Study = Study {
        id: "square",
        section: Section::Attacks,
        title: "Square attack (black box)",
        source: "Andriushchenko et al. 2020, Square Attack: a Query-Efficient Black-Box Adversarial Attack via Random Search, arXiv:1912.00049",
        idea: "Paints random squares of the strongest allowed change and keeps those that help: no gradient, only answers.",
        equations: &["d' = d with +-epsilon in a random square of side sqrt(p h w);  keep d' where L(clip(x + d')) is better"],
        command: "gany attack square PICTURE --target effnet-lite0 --set queries=500 -o fooled.png",
        lesson: None,
    };
}

/// After how many of ten thousand queries p is halved.
const HALVINGS: [u64; 9] = [10, 50, 200, 500, 1_000, 2_000, 4_000, 6_000, 8_000];

/// Keeps a division by the norm of nothing from being one.
const TINY: f32 = 1e-10;

impl Attack for Square {
    fn run(&self, target: &Target, task: &Task) -> Made {
        let (floats, classes) = (target.floats(), target.classes().len());
        let mut judge = target.judge(task.count());
        let originals = task.pictures.chunks_exact(floats);
        let begun = |(index, picture)| Search::begin(self, picture, target.shape(), Draws::of(task.seed, index));
        let mut searches: Vec<Search> = originals.enumerate().map(begun).collect();
        for query in 0..self.queries {
            let open: Vec<usize> = (0..task.count()).filter(|i| !searches[*i].is_there).collect();
            if open.is_empty() {
                break;
            }
            let side_share = self.share_at(query);
            let propose = |search: &mut Search| {
                if !search.is_there && query > 0 {
                    search.propose(self, side_share);
                }
            };
            searches.par_iter_mut().for_each(propose);
            let asked: Vec<f32> = open.iter().flat_map(|i| searches[*i].proposed_picture()).collect();
            for (i, logits) in open.into_iter().zip(judge.logits(&asked).chunks_exact(classes)) {
                let above = margin_of(logits, task.classes[i], task.aim);
                let score = match task.aim {
                    Aim::Away => above,
                    Aim::To => log_share(logits, task.classes[i]),
                };
                searches[i].hear(score, above > 0.0);
            }
        }
        Made {
            pictures: searches.iter().flat_map(Search::picture).collect(),
            gradients: vec![0; task.count()],
            queries: searches.iter().map(|search| search.queries).collect(),
        }
    }

    fn ball(&self) -> Option<(Norm, f64)> {
        Some((self.norm, self.epsilon))
    }

    fn check(&self, target: &Target, _: &Task) -> Result<(), String> {
        check_norm(self.norm, &[Norm::Linf, Norm::L2])?;
        check_radius(self.epsilon)?;
        let [height, width, _] = target.shape();
        if self.norm == Norm::L2 && height.min(width) < GRID {
            return Err(format!("expected pictures of {GRID} x {GRID} pixels or more for l2, got {width} x {height}"));
        }
        if self.share > 0.0 && self.share <= 1.0 {
            return Ok(());
        }
        Err(format!("expected a share above 0 and at most 1, got {}", self.share))
    }
}

impl Square {
    /// p at a query: its halvings are spread over all queries as the paper's over ten thousand.
    fn share_at(&self, query: u64) -> f64 {
        let of_ten_thousand = query * 10_000 / self.queries;
        let halvings = HALVINGS.iter().filter(|after| of_ten_thousand > **after).count();
        self.share / f64::from(1 << halvings)
    }
}

/// The logarithm of a class's share of the softmax.
fn log_share(logits: &[f32], class: usize) -> f32 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    logits[class] - largest - sum.ln()
}

/// Bumps a side that a perturbation in L2 begins with.
const GRID: usize = 5;

/// The search for one picture.
struct Search<'a> {
    original: &'a [f32],
    shape: [usize; 3],
    draws: Draws,
    /// The best perturbation so far, and the one that is asked about.
    best: Vec<f32>,
    proposed: Vec<f32>,
    score: f32,
    is_there: bool,
    queries: u64,
}

/// A window of a picture: its upper left corner and its side.
#[derive(Clone, Copy)]
struct Window {
    top: usize,
    left: usize,
    side: usize,
}

impl Window {
    fn holds(&self, y: usize, x: usize) -> bool {
        (self.top..self.top + self.side).contains(&y) && (self.left..self.left + self.side).contains(&x)
    }
}

impl<'a> Search<'a> {
    /// With the perturbation that squares are painted on, which is asked about first.
    fn begin(attack: &Square, original: &'a [f32], shape: [usize; 3], draws: Draws) -> Search<'a> {
        let mut search = Search {
            original,
            shape,
            draws,
            best: vec![0.0; original.len()],
            proposed: vec![0.0; original.len()],
            score: f32::NEG_INFINITY,
            is_there: false,
            queries: 0,
        };
        if attack.norm == Norm::L2 {
            search.bumps();
            scale(&mut search.proposed, attack.epsilon as f32);
        } else {
            let row = shape[1] * shape[2];
            let stripes: Vec<f32> = (0..row).map(|_| attack.epsilon as f32 * search.draws.sign()).collect();
            search.proposed.chunks_exact_mut(row).for_each(|to| to.copy_from_slice(&stripes));
        }
        search
    }

    /// A grid of bumps of random signs.
    fn bumps(&mut self) {
        let [height, width, channels] = self.shape;
        let side = height.min(width) / GRID;
        let [top, left] = [height, width].map(|extent| (extent - extent / side * side) / 2);
        for tile_y in 0..height / side {
            for tile_x in 0..width / side {
                let shape = bump(side, self.draws.below(2) == 1);
                for channel in 0..channels {
                    let sign = self.draws.sign();
                    for (i, height) in shape.iter().enumerate() {
                        let (y, x) = (top + tile_y * side + i / side, left + tile_x * side + i % side);
                        self.proposed[(y * width + x) * channels + channel] += sign * height;
                    }
                }
            }
        }
    }

    fn window(&mut self, side: usize) -> Window {
        let [height, width, _] = self.shape;
        Window {
            top: self.draws.below(height - side + 1),
            left: self.draws.below(width - side + 1),
            side,
        }
    }

    /// A change of the best perturbation, with squares that cover this share of the pixels.
    fn propose(&mut self, attack: &Square, share: f64) {
        let [height, width, channels] = self.shape;
        let most = height.min(width);
        let side = (share * (height * width) as f64).sqrt().round() as usize;
        self.proposed.copy_from_slice(&self.best);
        if attack.norm == Norm::L2 {
            // Odd, and three at least, so that a bump has a middle.
            let side = (side.max(3) | 1).min(most - 1 + most % 2);
            let [to, from] = [self.window(side), self.window(side)];
            return self.move_mass(attack.epsilon as f32, to, from);
        }
        let window = self.window(side.clamp(1, most));
        for channel in 0..channels {
            let value = attack.epsilon as f32 * self.draws.sign();
            for y in window.top..window.top + window.side {
                for x in window.left..window.left + window.side {
                    self.proposed[(y * width + x) * channels + channel] = value;
                }
            }
        }
    }

    /// Equation 2 of the paper: what the two windows have of the norm, and what is left of epsilon, goes into a bump in the first.
    fn move_mass(&mut self, epsilon: f32, to: Window, from: Window) {
        let [height, width, channels] = self.shape;
        let squares = |x: &f32| x * x;
        let left = (epsilon * epsilon - self.best.iter().map(squares).sum::<f32>()).max(0.0) / channels as f32;
        let shape = bump(to.side, self.draws.below(2) == 1);
        for channel in 0..channels {
            let sign = self.draws.sign();
            let places = || (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
            let index = |y: usize, x: usize| (y * width + x) * channels + channel;
            let (mut in_first, mut in_both) = (0.0, 0.0);
            for (y, x) in places().filter(|(y, x)| to.holds(*y, *x) || from.holds(*y, *x)) {
                let square = self.best[index(y, x)].powi(2);
                in_both += square;
                in_first += if to.holds(y, x) { square } else { 0.0 };
            }
            places()
                .filter(|(y, x)| from.holds(*y, *x))
                .for_each(|(y, x)| self.proposed[index(y, x)] = 0.0);
            let at = |i: usize| index(to.top + i / to.side, to.left + i % to.side);
            let old = |i: usize| self.best[at(i)] / (in_first.sqrt() + TINY);
            let mut new: Vec<f32> = shape.iter().enumerate().map(|(i, height)| sign * height + old(i)).collect();
            scale(&mut new, (left + in_both).sqrt());
            new.iter().enumerate().for_each(|(i, value)| self.proposed[at(i)] = *value);
        }
        scale(&mut self.proposed, epsilon);
    }

    /// Keeps what was proposed where it is better.
    fn hear(&mut self, score: f32, is_there: bool) {
        self.queries += 1;
        if score > self.score || is_there {
            self.score = score;
            // What clipping takes away of the norm is free for the next square.
            let clipped = with(self.original, &self.proposed).zip(self.original);
            self.best.iter_mut().zip(clipped).for_each(|(d, (is, was))| *d = is - was);
        }
        self.is_there = is_there;
    }

    fn proposed_picture(&self) -> impl Iterator<Item = f32> {
        with(self.original, &self.proposed)
    }

    fn picture(&self) -> impl Iterator<Item = f32> {
        with(self.original, &self.best)
    }
}

fn with(original: &[f32], perturbation: &[f32]) -> impl Iterator<Item = f32> {
    original.iter().zip(perturbation).map(|(x, d)| (x + d).clamp(0.0, 1.0))
}

/// Scales numbers to a length.
fn scale(numbers: &mut [f32], length: f32) {
    let factor = length / (numbers.iter().map(|x| x * x).sum::<f32>().sqrt() + TINY);
    numbers.iter_mut().for_each(|x| *x *= factor);
}

/// Two bumps beside each other in a square, one up and one down, of length 1: `[side, side]`, or transposed.
fn bump(side: usize, is_transposed: bool) -> Vec<f32> {
    let half = side / 2;
    let mut bump = vec![0.0; side * side];
    for (first, rows, sign) in [(0, half, 1.0), (half, side - half, -1.0)] {
        let (middle_y, middle_x) = (rows / 2, side / 2);
        let widest = middle_y.max(middle_x);
        for y in 0..rows {
            for x in 0..side {
                let ring = y.abs_diff(middle_y).max(x.abs_diff(middle_x));
                let height: f32 = (ring..=widest).map(|ring| 1.0 / ((ring + 1) * (ring + 1)) as f32).sum();
                let (y, x) = (first + y, x);
                bump[if is_transposed { x * side + y } else { y * side + x }] = sign * height;
            }
        }
    }
    scale(&mut bump, 1.0);
    bump
}

#[cfg(test)]
mod tests {
    use super::super::linear::{margin, target, task};
    use super::*;

    #[test]
    fn on_a_plane_it_needs_few_answers() {
        let made = Square { epsilon: 0.05, queries: 200, ..Square::default() }.run(&target(), &task());
        for (is, queries) in made.pictures.chunks_exact(6).zip(&made.queries) {
            assert!(margin(is) > 0.0);
            assert!((1..200).contains(queries), "{queries}");
        }
        assert_eq!(made.gradients, [0, 0]);
    }

    #[test]
    fn halvings_are_spread_over_the_queries() {
        let square = Square { queries: 1_000, share: 0.8, ..Square::default() };
        // As at 0, 10, 60 and 9,990 of ten thousand.
        assert_eq!([0, 1, 6, 999].map(|query| square.share_at(query)), [0.8, 0.8, 0.2, 0.8 / 512.0]);
    }

    #[test]
    fn bumps_are_opposite_and_of_length_one() {
        let shape = bump(5, false);
        assert!((shape.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-6);
        assert!(shape[..10].iter().all(|x| *x > 0.0) && shape[10..].iter().all(|x| *x < 0.0));
        let turned = bump(5, true);
        assert!((0..25).all(|i| shape[i] == turned[i % 5 * 5 + i / 5]));
    }

    /// A picture of 8 x 8 pixels in two colours, far from black and white.
    #[test]
    fn mass_moves_and_its_length_stays() {
        let attack = Square { norm: Norm::L2, epsilon: 0.2, ..Square::default() };
        let original = [0.5; 128];
        let mut search = Search::begin(&attack, &original, [8, 8, 2], Draws::of(1, 0));
        for _ in 0..20 {
            search.hear(search.score + 1.0, false);
            let before = search.best.clone();
            search.propose(&attack, 0.2);
            let length = search.proposed.iter().map(|x| x * x).sum::<f32>().sqrt();
            assert!((length - 0.2).abs() < 1e-6, "{length}");
            assert_ne!(before, search.proposed);
        }
    }
}
