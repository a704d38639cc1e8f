//! The adversarial patch: a sticker that makes a classifier see one thing wherever it lies, however it is turned, on any picture.
//!
//! Brown, Mane, Roy, Abadi and Gilmer 2017, "Adversarial Patch", arXiv:1712.09665, section 2.
//!
//! ```text
//! p = argmax_p E_(x, place, angle, size) [log P(y | A(p, x, place, angle, size))]
//! A: the round patch, turned and scaled, laid over the picture at this place
//! ```
//!
//! The expectation over transformations (Athalye et al. 2018, arXiv:1707.07397) is a draw for each picture and step; Adam climbs
//! it, and the patch's numbers are held in [0, 1]. The pictures of the task are what it is made from; each is shown with the patch
//! at one more random place. Without a class to get to, it leads away from each picture's own.
use super::iteration::{Iteration, Stepped, Traced};
use super::loss::cross_entropy;
use super::{Attack, Describe, Made, Target, Task};
use crate::optimisers::{Adam, Optimiser};
use crate::section::Section;
use crate::studies::Study;
use gany_engine::{Key, Tensor, grad, select};
use serde::{Deserialize, Serialize};

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Patch {
    /// Pixels a side of the patch itself.
    pub side: usize,
    /// Its diameter over the picture's shorter side: the least.
    pub smallest: f64,
    /// Its diameter over the picture's shorter side: the most.
    pub largest: f64,
    /// How far it is turned at most, in degrees either way.
    pub degrees: f64,
    /// How many steps.
    pub steps: usize,
    /// Adam's learning rate, in numbers of [0, 1].
    pub learning_rate: f64,
}

impl Default for Patch {
    fn default() -> Self {
        Patch {
            side: 64,
            smallest: 0.3,
            largest: 0.5,
            degrees: 45.0,
            steps: 200,
            learning_rate: 0.05,
        }
    }
}

impl Describe for Patch {
    const PAGE: Study = Study {
        id: "patch",
        section: Section::Attacks,
        title: "Adversarial patch",
        source: "Brown et al. 2017, Adversarial Patch, arXiv:1712.09665",
        idea: "Paints a round sticker that says `toaster` louder than anything else, wherever it lies and however it is turned.",
        equations: &["p = argmax_p E_(x, place, angle, size)[log P(y | A(p, x, place, angle, size))]"],
        command: "gany attack patch PICTURE PICTURE PICTURE --target effnet-lite0 --class toaster -o fooled.png",
        lesson: None,
    };
}

/// A sticker.
#[derive(Clone, Debug, PartialEq)]
pub struct Sticker {
    /// `[side, side, channels]`, numbers in [0, 1]; what lies outside of the inscribed circle is not seen.
    pub numbers: Vec<f32>,
    /// Pixels a side.
    pub side: usize,
}

const PLACE_Y: u64 = 0;
const PLACE_X: u64 = 1;
const ANGLE: u64 = 2;
const SIZE: u64 = 3;

impl Patch {
    /// The sticker that fools the target on the pictures of a task.
    pub fn find(&self, target: &Target, task: &Task) -> Sticker {
        self.climb(target, task).0
    }

    /// Pictures `[n, height, width, channels]` with a sticker on each, where draw `number` of the seed lays it.
    pub fn lay(&self, target: &Target, pictures: &[f32], sticker: &Sticker, seed: u64, number: u64) -> Vec<f32> {
        let [height, width, channels] = target.shape();
        let count = pictures.len() / target.floats();
        let x = Tensor::from_f32(&[count, height, width, channels], pictures);
        let patch = Tensor::from_f32(&[sticker.side, sticker.side, channels], &sticker.numbers);
        self.laid(&x, &patch, &Key::new(x.dtype(), seed, number)).to_f32()
    }

    /// The sticker, and the pictures with it at the places that were drawn last.
    fn climb(&self, target: &Target, task: &Task) -> (Sticker, Vec<f32>) {
        let shape = task.shape(target);
        let patch = [self.side, self.side, shape[3]];
        let (adam, aim) = (Adam::default(), task.aim);
        let step = |traced: &Traced| {
            let [pictures, classes] = [0, 1].map(|i| &traced.given[i]);
            let state = traced.state;
            let seen = self.laid(pictures, &state[0], &traced.key);
            let loss = -cross_entropy(&target.logits(&seen), classes, aim).mean();
            let gradient = grad(&loss, &[&state[0]]).remove(0);
            let updates = &state[1] + 1.0;
            let mut slots = state[2..].to_vec();
            let rate = updates.zeros_like() + self.learning_rate;
            let next = adam.update(&state[0], &gradient, &mut slots, &updates, &rate).clamp(0.0, 1.0);
            Stepped { state: [vec![next, updates], slots].concat(), said: vec![seen] }
        };
        let state: [&[usize]; 4] = [&patch, &[], &patch, &patch];
        let mut climb = Iteration::compile(&[&shape, &shape[..1]], &state, task.seed, step);
        climb.given(0).copy_from_slice(&task.pictures);
        climb.given(1).copy_from_slice(&task.numbers());
        climb.state(0).fill(0.5);
        (0..self.steps).for_each(|_| climb.step());
        let sticker = Sticker { numbers: climb.state(0).to_vec(), side: self.side };
        // One step more shows it at places that it was not made for.
        climb.step();
        (sticker, climb.said(0).to_vec())
    }

    /// Pictures `x [n, h, w, c]` with a patch `[side, side, c]` at a random place, angle and size on each.
    fn laid(&self, x: &Tensor, patch: &Tensor, key: &Key) -> Tensor {
        let &[n, h, w, c] = x.shape() else { unreachable!("pictures have four axes") };
        let draw = |stream, low: f64, high: f64| key.uniform(stream, &[n, 1, 1]) * (high - low) + low;
        let shorter = h.min(w) as f64;
        let radius = draw(SIZE, self.smallest, self.largest) * (shorter / 2.0);
        // The centre lies so that the whole patch is seen.
        let centre = |stream, extent: usize| key.uniform(stream, &[n, 1, 1]) * (extent as f64 - &radius * 2.0) + &radius;
        let [cy, cx] = [(PLACE_Y, h), (PLACE_X, w)].map(|(stream, extent)| centre(stream, extent));
        let angle = draw(ANGLE, -self.degrees.to_radians(), self.degrees.to_radians());
        let line = |extent: usize, shape: &[usize]| Tensor::arange(x.dtype(), extent).reshape(shape) + 0.5;
        let [dy, dx] = [line(h, &[1, h, 1]) - cy, line(w, &[1, 1, w]) - cx];
        let [sin, cos] = [angle.sin(), angle.cos()];
        let across = (&dx * &cos + &dy * &sin) / &radius;
        let down = (&dy * &cos - &dx * &sin) / &radius;
        let is_inside = (across.square() + down.square()).le(&(across.zeros_like() + 1.0));
        let colours = sampled(patch, &down, &across).reshape(&[n, h, w, c]);
        select(&is_inside.reshape(&[n, h, w, 1]), &colours, x)
    }
}

/// Colours of a square `[side, side, c]` at places `[..]` where it reaches from -1 to 1, linear between pixels: `[.., c]`.
fn sampled(square: &Tensor, down: &Tensor, across: &Tensor) -> Tensor {
    let (side, c) = (square.extent(0), square.extent(2));
    let (table, last) = (square.reshape(&[side * side, c]), (side - 1) as f64);
    let pixels = |place: &Tensor| ((place + 1.0) * (side as f64 / 2.0) - 0.5).clamp(0.0, last);
    let (y, x) = (pixels(down), pixels(across));
    let (top, left) = (y.floor().detach(), x.floor().detach());
    let (fall, drift) = (&y - &top, &x - &left);
    let [below, beside] = [&top, &left].map(|first| (first + 1.0).clamp(0.0, last));
    let places = y.numel();
    let corner = |row: &Tensor, column: &Tensor, weight: Tensor| {
        let index = (row * side as f64 + column).reshape(&[places]);
        table.gather(&index) * weight.reshape(&[places, 1])
    };
    corner(&top, &left, (1.0 - &fall) * (1.0 - &drift))
        + corner(&top, &beside, (1.0 - &fall) * &drift)
        + corner(&below, &left, &fall * (1.0 - &drift))
        + corner(&below, &beside, &fall * &drift)
}

impl Attack for Patch {
    fn run(&self, target: &Target, task: &Task) -> Made {
        Made {
            pictures: self.climb(target, task).1,
            gradients: vec![self.steps as u64; task.count()],
            queries: vec![0; task.count()],
        }
    }

    fn is_universal(&self) -> bool {
        true
    }

    fn check(&self, _: &Target, _: &Task) -> Result<(), String> {
        let sizes_fit = 0.0 < self.smallest && self.smallest <= self.largest && self.largest <= 1.0;
        if sizes_fit && self.side >= 2 && self.degrees >= 0.0 {
            return Ok(());
        }
        Err(format!(
            "expected 0 < smallest <= largest <= 1, a side of 2 or more and degrees of 0 or more, got {}, {}, {} and {}",
            self.smallest, self.largest, self.side, self.degrees
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Aim;
    use super::*;
    use gany_engine::DType;

    /// Two classes of pictures of 12 x 12 pixels, told apart by their mean: white ones are of the second.
    fn bright() -> Target {
        Target::new("bright", [12, 12, 1], ["dark", "bright"].map(str::to_owned).to_vec(), |x| {
            let mean = x.flatten_from(1).mean_axes(&[1]).reshape(&[x.extent(0), 1]);
            gany_engine::concat(&[mean.zeros_like(), (mean - 0.5) * 20.0], 1)
        })
    }

    #[test]
    fn it_lies_whole_on_the_picture_and_nothing_else_changes() {
        let patch = Patch { smallest: 0.5, largest: 0.5, ..Patch::default() };
        let sticker = Sticker { numbers: vec![1.0; 16], side: 4 };
        for number in 0..5 {
            let laid = patch.lay(&bright(), &[0.25; 144], &sticker, 0, number);
            let covered = laid.iter().filter(|x| **x > 0.999).count();
            // A disc of radius 3 has 28.3 pixels.
            assert!((24..=34).contains(&covered), "{covered}");
            assert_eq!(laid.iter().filter(|x| **x == 0.25).count(), 144 - covered);
        }
    }

    #[test]
    fn colours_between_pixels_are_linear() {
        let square = Tensor::from_f64(&[2, 2, 1], &[0.0, 1.0, 2.0, 3.0]);
        let places = |numbers: &[f64]| Tensor::from_f64(&[numbers.len()], numbers);
        // Centres of the pixels lie at -0.5 and 0.5; beyond them the border goes on.
        let colours = sampled(&square, &places(&[-0.5, 0.0, 0.5, -1.0]), &places(&[-0.5, 0.0, -0.25, 1.0]));
        assert_eq!(colours.to_f64(), [0.0, 1.5, 2.25, 1.0]);
        assert_eq!(colours.dtype(), DType::F64);
    }

    #[test]
    fn a_patch_says_its_class_louder_than_the_picture() {
        let task = Task { pictures: vec![0.4; 288], classes: vec![1; 2], aim: Aim::To, seed: 3 };
        let patch = Patch { side: 8, smallest: 0.6, largest: 0.7, steps: 40, ..Patch::default() };
        let sticker = patch.find(&bright(), &task);
        // White says `bright` loudest, and the corners are not seen.
        let middle: Vec<f32> = (2..6).flat_map(|y| sticker.numbers[y * 8 + 2..y * 8 + 6].to_vec()).collect();
        assert!(middle.iter().all(|x| *x > 0.99), "{middle:?}");
        let made = patch.run(&bright(), &task);
        assert!(bright().judge(2).says(&made.pictures).iter().all(|said| said.class == 1));
    }
}
