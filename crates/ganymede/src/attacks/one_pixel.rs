//! The one-pixel attack: evolution looks for the place and the colour of the pixel on which a picture's class hangs.
//!
//! Su, Vargas and Sakurai 2019, "One Pixel Attack for Fooling Deep Neural Networks", arXiv:1710.08864, section 3.
//!
//! ```text
//! a candidate: for each pixel its place and its colour;  child = a + F (b - c) of three others, no two the same
//! a child takes its parent's place where the target is less sure of the class (towards one: surer)
//! ```
//!
//! Places begin uniform, colours normal around grey with a deviation of a half; there is no crossover. It ends when the best
//! candidate has what is wanted. It asks for confidences alone.
//!
//! a may be the best candidate instead of a random one (Storn and Price 1997, strategy best/1). All children then begin at one point,
//! and what keeps the candidates from becoming that point is SciPy's way with it, which torchattacks takes: F is drawn for each
//! generation, up to 1, and what lies beyond the picture is drawn anew; colours begin uniform.
use super::draws::Draws;
use super::loss::margin_of;
use super::target::{Judge, confidence};
use super::{Aim, Attack, Describe, Made, Target, Task};
use crate::section::Section;
use crate::studies::Study;
use serde::{Deserialize, Serialize};

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnePixel {
    /// How many pixels may change.
    pub pixels: usize,
    /// How many candidates there are.
    pub population: usize,
    /// Most generations of children.
    pub generations: usize,
    /// How much of the difference of two others a child takes, F; the least of it where children begin at the best candidate.
    pub difference: f64,
    /// Whether every child begins at the best candidate, which is sooner there, instead of at a random one.
    pub from_best: bool,
}

impl Default for OnePixel {
    /// The paper's.
    fn default() -> Self {
        OnePixel {
            pixels: 1,
            population: 400,
            generations: 100,
            difference: 0.5,
            from_best: false,
        }
    }
}

impl Describe for OnePixel {
    const PAGE: Study = Study {
        id: "one_pixel",
        section: Section::Attacks,
        title: "One-pixel attack (black box, L0)",
        source: "Su, Vargas and Sakurai 2019, One Pixel Attack for Fooling Deep Neural Networks, arXiv:1710.08864",
        idea: "Lets candidates of a pixel's place and colour evolve until one of them changes the class.",
        equations: &["child = a + F (b - c);  it survives where p(y | x with child) < p(y | x with parent)"],
        command: "gany attack one_pixel PICTURE --target mnist --set pixels=3 -o fooled.png",
        lesson: None,
    };
}

impl Attack for OnePixel {
    fn run(&self, target: &Target, task: &Task) -> Made {
        let mut judge = target.judge(self.population);
        let mut made = Made { pictures: vec![], gradients: vec![0; task.count()], queries: vec![] };
        for (index, picture) in task.pictures.chunks_exact(target.floats()).enumerate() {
            let evolution = Evolution { attack: self, shape: target.shape(), picture, class: task.classes[index], aim: task.aim };
            let (changed, queries) = evolution.run(&mut judge, target.classes().len(), Draws::of(task.seed, index));
            made.pictures.extend(changed);
            made.queries.push(queries);
        }
        made
    }

    fn check(&self, target: &Target, _: &Task) -> Result<(), String> {
        let [height, width, _] = target.shape();
        if self.population >= 4 && (1..=height * width).contains(&self.pixels) {
            return Ok(());
        }
        Err(format!(
            "expected a population of 4 or more and 1 to {} pixels, got {} and {}",
            height * width,
            self.population,
            self.pixels
        ))
    }
}

/// The search for one picture.
struct Evolution<'a> {
    attack: &'a OnePixel,
    shape: [usize; 3],
    picture: &'a [f32],
    class: usize,
    aim: Aim,
}

/// How well a candidate does, and whether it has what is wanted.
///
/// In single precision, where the target is sure (1 - 3e-8 is 1) no candidate is better than another and they stay apart: with
/// finer confidences they gather around the first that is better by nothing.
#[derive(Clone, Copy)]
struct Fitness {
    value: f32,
    is_there: bool,
}

/// The candidate that does best.
fn best_of(fitness: &[Fitness]) -> usize {
    let rank = |i: &usize| (fitness[*i].is_there, fitness[*i].value);
    (0..fitness.len()).max_by(|a, b| rank(a).partial_cmp(&rank(b)).expect("no NaN")).expect("a population")
}

impl Evolution<'_> {
    fn run(&self, judge: &mut Judge, classes: usize, mut draws: Draws) -> (Vec<f32>, u64) {
        let population = self.attack.population;
        let mut candidates: Vec<Vec<f64>> = (0..population).map(|_| self.candidate(&mut draws)).collect();
        let mut fitness = self.fitness(judge, classes, &candidates);
        let mut queries = population as u64;
        for _ in 0..self.attack.generations {
            if fitness.iter().any(|fitness| fitness.is_there) {
                break;
            }
            let best = self.attack.from_best.then(|| best_of(&fitness));
            let least = self.attack.difference;
            let factor = if best.is_some() { least + (1.0 - least) * draws.unit() } else { least };
            let children: Vec<Vec<f64>> =
                (0..population).map(|parent| self.child(&candidates, parent, best, factor, &mut draws)).collect();
            let theirs = self.fitness(judge, classes, &children);
            queries += population as u64;
            let pairs = candidates.iter_mut().zip(&mut fitness).zip(children.into_iter().zip(theirs));
            for ((parent, its), (child, its_fitness)) in pairs {
                if its_fitness.value > its.value || its_fitness.is_there {
                    (*parent, *its) = (child, its_fitness);
                }
            }
        }
        (self.changed(&candidates[best_of(&fitness)]), queries)
    }

    /// Place and colour of each pixel.
    fn candidate(&self, draws: &mut Draws) -> Vec<f64> {
        let pixel = 2 + self.shape[2];
        let begun = |i: usize| {
            let is_normal = i % pixel >= 2 && !self.attack.from_best;
            if is_normal { 0.5 + 0.5 * draws.normal() } else { draws.unit() * self.extent(i) }
        };
        (0..self.attack.pixels * pixel).map(begun).collect()
    }

    /// What number `i` of a candidate lies below: the height, the width, or 1 for a colour.
    fn extent(&self, i: usize) -> f64 {
        let [height, width, channels] = self.shape;
        match i % (2 + channels) {
            0 => height as f64,
            1 => width as f64,
            _ => 1.0,
        }
    }

    /// Of `parent`. Were b and c the same candidate, the child would be a again, and where a is the best its likes would soon be all.
    fn child(
        &self,
        candidates: &[Vec<f64>],
        parent: usize,
        best: Option<usize>,
        factor: f64,
        draws: &mut Draws,
    ) -> Vec<f64> {
        let mut taken = vec![parent];
        let mut other = || loop {
            let drawn = draws.below(candidates.len());
            if !taken.contains(&drawn) {
                taken.push(drawn);
                return drawn;
            }
        };
        let a = best.unwrap_or_else(&mut other);
        let [a, b, c] = [a, other(), other()].map(|i| &candidates[i]);
        let number = |i: usize| {
            let (number, extent) = (a[i] + factor * (b[i] - c[i]), self.extent(i));
            let is_beyond = best.is_some() && !(0.0..=extent).contains(&number);
            if is_beyond { draws.unit() * extent } else { number }
        };
        (0..a.len()).map(number).collect()
    }

    /// The picture with a candidate's pixels; places and colours beyond the picture are at its border.
    fn changed(&self, candidate: &[f64]) -> Vec<f32> {
        let [height, width, channels] = self.shape;
        let mut picture = self.picture.to_vec();
        for pixel in candidate.chunks_exact(2 + channels) {
            let place = |at: f64, extent: usize| (at.max(0.0) as usize).min(extent - 1);
            let first = (place(pixel[0], height) * width + place(pixel[1], width)) * channels;
            let colours = pixel[2..].iter().map(|colour| colour.clamp(0.0, 1.0) as f32);
            picture[first..first + channels].iter_mut().zip(colours).for_each(|(to, colour)| *to = colour);
        }
        picture
    }

    fn fitness(&self, judge: &mut Judge, classes: usize, candidates: &[Vec<f64>]) -> Vec<Fitness> {
        let pictures: Vec<f32> = candidates.iter().flat_map(|candidate| self.changed(candidate)).collect();
        let logits = judge.logits(&pictures);
        let of_one = |logits: &[f32]| Fitness {
            value: (-self.aim.sign() * confidence(logits, self.class)) as f32,
            is_there: margin_of(logits, self.class, self.aim) > 0.0,
        };
        logits.chunks_exact(classes).map(of_one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Norm;
    use super::super::linear::{margin, target, task};
    use super::*;

    #[test]
    fn the_pixel_on_which_the_class_hangs_is_found() {
        // The plane is 0.1 or 0.11 away in logits: the third pixel, whose weight is 2, needs to rise by 0.055 at most.
        let made = OnePixel { population: 20, generations: 20, ..OnePixel::default() }.run(&target(), &task());
        for (was, is) in task().pictures.chunks_exact(6).zip(made.pictures.chunks_exact(6)) {
            let change: Vec<f32> = is.iter().zip(was).map(|(is, was)| is - was).collect();
            assert_eq!(Norm::L0.of(&change, 1), 1.0);
            assert!(margin(is) > 0.0);
        }
    }

    #[test]
    fn children_begin_at_the_best_candidate_or_at_any() {
        let attack = OnePixel::default();
        let evolution = Evolution { attack: &attack, shape: [4, 4, 2], picture: &[0.25; 32], class: 0, aim: Aim::Away };
        let candidates = [0.0, 0.5, 1.0, 0.7].map(|number| vec![number; 4]);
        let begun = |best| {
            let mut draws = Draws::of(0, 0);
            let children = (0..20).map(|_| evolution.child(&candidates, 3, best, 0.0, &mut draws)[0]);
            children.collect::<Vec<f64>>()
        };
        assert_eq!(begun(Some(1)), [0.5; 20]);
        assert!([0.0, 0.5, 1.0].iter().all(|number| begun(None).contains(number)));
        // Not at its own parent.
        assert!(!begun(None).contains(&0.7));
    }

    /// A child is never the best again, and never lies as far from it as its own parent does.
    #[test]
    fn what_is_added_to_the_best_is_a_difference_of_two_others() {
        let attack = OnePixel::default();
        let evolution = Evolution { attack: &attack, shape: [4, 4, 2], picture: &[0.25; 32], class: 0, aim: Aim::Away };
        let candidates = [0.0, 0.5, 1.5, 3.5].map(|number| vec![number; 4]);
        let mut draws = Draws::of(0, 0);
        for parent in [1, 2, 3].repeat(20) {
            let child = evolution.child(&candidates, parent, Some(0), 1.0, &mut draws);
            assert!(child[0] != 0.0 && child[0] != candidates[parent][0], "{child:?} of {parent}");
        }
    }

    #[test]
    fn what_leaves_the_picture_is_drawn_anew_where_children_begin_at_the_best() {
        let attack = OnePixel { from_best: true, ..OnePixel::default() };
        let evolution = Evolution { attack: &attack, shape: [4, 6, 1], picture: &[0.25; 24], class: 0, aim: Aim::Away };
        let candidates = [
            vec![0.1, 5.9, 0.9],
            vec![3.9, 0.1, 0.1],
            vec![0.0, 6.0, 1.0],
            vec![2.0; 3],
        ];
        let mut draws = Draws::of(0, 0);
        for _ in 0..100 {
            let child = evolution.child(&candidates, 3, Some(0), 0.9, &mut draws);
            assert!((0..3).all(|i| (0.0..=evolution.extent(i)).contains(&child[i])), "{child:?}");
        }
    }

    #[test]
    fn places_and_colours_beyond_the_picture_are_at_its_border() {
        let attack = OnePixel { pixels: 2, ..OnePixel::default() };
        let evolution = Evolution { attack: &attack, shape: [1, 2, 2], picture: &[0.25; 4], class: 0, aim: Aim::Away };
        assert_eq!(evolution.changed(&[-3.0, 9.0, 2.0, 0.5, 0.5, 0.5, -1.0, 0.75]), [0.0, 0.75, 1.0, 0.5]);
    }
}
