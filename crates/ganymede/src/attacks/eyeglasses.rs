//! Eyeglass frames that a classifier sees somebody else in: a change that may be as large as it likes, but only inside a mask, in
//! colours that a printer has, without hard edges.
//!
//! Sharif, Bhagavatula, Bauer and Reiter 2016, "Accessorize to a Crime: Real and Stealthy Attacks on State-of-the-Art Face
//! Recognition", section 4.2, 5.2 (equations 2 to 5).
//!
//! ```text
//! min_r  L(x outside of the mask, r inside) + k_1 TV(r) + k_2 NPS(r)
//! TV(r)  = mean over pixels of sqrt((r_ij - r_(i+1)j)^2 + (r_ij - r_i(j+1))^2)
//! NPS(r) = mean over pixels of the product over printable colours p of |r_ij - p|
//! ```
//!
//! The paper finds one r for many pictures of a person, moved a little; here there is one for each picture, and the mask is two
//! rims, a bridge and two temples drawn where the settings say. Printable colours are a grid of 27 in place of those that the
//! authors measured on their printer. Adam minimises, and the colours are held in [0, 1].
use super::iteration::{Iteration, Stepped};
use super::loss::cross_entropy;
use super::{Attack, Describe, Made, Target, Task};
use crate::optimisers::{Adam, Optimiser};
use crate::section::Section;
use crate::studies::Study;
use gany_engine::{Tensor, grad, select};
use serde::{Deserialize, Serialize};

/// Its settings; lengths are over the picture's width.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Eyeglasses {
    /// How far down the picture the eyes are, over its height.
    pub height: f64,
    /// How far the frame reaches from side to side.
    pub width: f64,
    /// How thick it is.
    pub thickness: f64,
    /// The weight of smoothness, k_1.
    pub smoothness: f64,
    /// The weight of printability, k_2.
    pub printability: f64,
    /// How many steps.
    pub steps: usize,
    /// Adam's learning rate, in numbers of [0, 1].
    pub learning_rate: f64,
}

impl Default for Eyeglasses {
    fn default() -> Self {
        Eyeglasses {
            height: 0.4,
            width: 0.8,
            thickness: 0.06,
            smoothness: 0.15,
            printability: 0.25,
            steps: 300,
            learning_rate: 0.02,
        }
    }
}

impl Describe for Eyeglasses {
    const PAGE: Study = Study {
        id: "eyeglasses",
        section: Section::Attacks,
        title: "Adversarial eyeglasses",
        source: "Sharif et al. 2016, Accessorize to a Crime: Real and Stealthy Attacks on State-of-the-Art Face Recognition",
        idea: "Colours nothing but a pair of glasses, smoothly and with ink that printers have, until its wearer is taken for another.",
        equations: &[
            "min_r L(x with r in the mask, y) + k_1 TV(r) + k_2 NPS(r)",
            "NPS(r) = mean_ij prod_p |r_ij - p|,  p: printable colours",
        ],
        command: "gany attack eyeglasses PICTURE --target effnet-lite0 --class strawberry -o fooled.png",
        lesson: None,
    };
}

/// What a frame's colours begin as: the yellow of the paper's.
const BEGIN: [f32; 3] = [0.9, 0.8, 0.2];
/// Levels of each channel that a printer has.
const LEVELS: [f64; 3] = [0.1, 0.5, 0.9];
/// Under a root, so that it has a slope at 0.
const TINY: f64 = 1e-8;

impl Eyeglasses {
    /// 1 where the frame is, 0 elsewhere: `[height, width]`.
    pub fn mask(&self, [height, width, _]: [usize; 3]) -> Vec<f32> {
        let (w, middle) = (width as f64, width as f64 / 2.0);
        let (eyes, half, thick) = (self.height * height as f64, self.width * w / 2.0, self.thickness * w);
        // Two rims whose outer edges touch the ends of the frame and leave a bridge between them.
        let (radius, apart) = (half * 0.42, half * 0.58);
        let is_frame = |y: f64, x: f64| {
            let (down, across) = (y - eyes, (x - middle).abs());
            let from_rim = ((across - apart).hypot(down) - radius).abs();
            let is_bar = down.abs() <= thick / 2.0;
            let is_bridge = is_bar && across <= apart - radius;
            let is_temple = is_bar && across >= apart + radius && across <= half + thick;
            from_rim <= thick / 2.0 || is_bridge || is_temple
        };
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (y as f64 + 0.5, x as f64 + 0.5)));
        places.map(|(y, x)| f32::from(u8::from(is_frame(y, x)))).collect()
    }
}

/// How much colours `[n, h, w, c]` change from pixel to pixel where both are in the mask `[h, w]`: the mean over its pixels, `[n]`.
fn variation(colours: &Tensor, mask: &Tensor) -> Tensor {
    let (h, w) = (colours.extent(1), colours.extent(2));
    let inner = |tensor: &Tensor, down: usize, right: usize| tensor.slice(1, down, h - 1 + down).slice(2, right, w - 1 + right);
    let m = mask.reshape(&[1, h, w, 1]);
    let both = |down, right| inner(&m, 0, 0) * inner(&m, down, right);
    let step = |down, right| (inner(colours, 0, 0) - inner(colours, down, right)) * both(down, right);
    let lengths = (step(1, 0).square() + step(0, 1).square() + TINY).sqrt() * inner(&m, 0, 0);
    lengths.mean_axes(&[3]).sum_axes(&[1, 2]) / m.sum()
}

/// How far colours `[n, h, w, c]` in the mask `[h, w]` are from all that are printable: the mean over its pixels, `[n]`.
fn unprintable(colours: &Tensor, mask: &Tensor) -> Tensor {
    let (h, w, c) = (colours.extent(1), colours.extent(2), colours.extent(3));
    let count = LEVELS.len().pow(c as u32);
    let printable = (0..count).map(|i| {
        let level = |channel: usize| LEVELS[i / LEVELS.len().pow(channel as u32) % LEVELS.len()];
        let colour: Vec<f64> = (0..c).map(level).collect();
        Tensor::from_elements(colours.dtype(), &[1, 1, 1, c], &colour)
    });
    let distance = |p: Tensor| ((colours - p).square().sum_axes(&[3]) + TINY).sqrt();
    let product = printable.map(distance).reduce(|a, b| a * b).expect("a printer has colours");
    (product * mask.reshape(&[1, h, w])).sum_axes(&[1, 2]) / mask.sum()
}

impl Attack for Eyeglasses {
    fn run(&self, target: &Target, task: &Task) -> Made {
        let shape = task.shape(target);
        let [_, h, w, c] = shape;
        let mask = self.mask(target.shape());
        let (adam, aim) = (Adam::default(), task.aim);
        let state: [&[usize]; 4] = [&shape, &[], &shape, &shape];
        let mut search = Iteration::compile(&[&shape, &shape[..1], &[h, w]], &state, task.seed, |traced| {
            let [pictures, classes, mask] = [0, 1, 2].map(|i| &traced.given[i]);
            let colours = &traced.state[0];
            let worn = select(&mask.reshape(&[1, h, w, 1]), colours, pictures);
            let losses = variation(colours, mask) * self.smoothness + unprintable(colours, mask) * self.printability
                - cross_entropy(&target.logits(&worn), classes, aim);
            let gradient = grad(&losses.sum(), &[colours]).remove(0);
            let updates = &traced.state[1] + 1.0;
            let mut slots = traced.state[2..].to_vec();
            let rate = updates.zeros_like() + self.learning_rate;
            let next = adam.update(colours, &gradient, &mut slots, &updates, &rate).clamp(0.0, 1.0);
            Stepped { state: [vec![next, updates], slots].concat(), said: vec![worn] }
        });
        search.given(0).copy_from_slice(&task.pictures);
        search.given(1).copy_from_slice(&task.numbers());
        search.given(2).copy_from_slice(&mask);
        let begin = (0..task.pictures.len()).map(|i| BEGIN[i % c % BEGIN.len()]);
        search.state(0).iter_mut().zip(begin).for_each(|(to, from)| *to = from);
        // What the last step says are the pictures before it.
        (0..=self.steps).for_each(|_| search.step());
        Made {
            pictures: search.said(0).to_vec(),
            gradients: vec![self.steps as u64; task.count()],
            queries: vec![0; task.count()],
        }
    }

    fn check(&self, target: &Target, _: &Task) -> Result<(), String> {
        let [height, width, _] = target.shape();
        if height.min(width) < 2 {
            return Err(format!("expected pictures of 2 x 2 pixels or more, got {width} x {height}"));
        }
        if self.mask(target.shape()).contains(&1.0) {
            return Ok(());
        }
        Err(format!(
            "expected a frame that can be seen, got none at height {} with width {} and thickness {}",
            self.height, self.width, self.thickness
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::Aim;

    #[test]
    fn colours_change_inside_the_frame_alone() {
        let target = Target::new("red", [16, 16, 3], ["other", "red"].map(str::to_owned).to_vec(), |x| {
            let red = x.slice(3, 0, 1).flatten_from(1).mean_axes(&[1]).reshape(&[x.extent(0), 1]);
            gany_engine::concat(&[red.zeros_like(), (red - 0.5) * 50.0], 1)
        });
        let glasses = Eyeglasses { thickness: 0.15, steps: 60, ..Eyeglasses::default() };
        let mask = glasses.mask(target.shape());
        let share = mask.iter().sum::<f32>() / 256.0;
        assert!((0.15..0.5).contains(&share), "{share}");
        let task = Task { pictures: vec![0.49; 768], classes: vec![1], aim: Aim::To, seed: 0 };
        let made = glasses.run(&target, &task);
        for (i, x) in made.pictures.iter().enumerate() {
            assert!((*x == 0.49) == (mask[i / 3] == 0.0), "number {i} is {x}");
        }
        assert_eq!(target.judge(1).says(&made.pictures)[0].class, 1);
    }

    #[test]
    fn a_frame_is_the_same_from_both_sides() {
        let mask = Eyeglasses::default().mask([40, 60, 3]);
        assert!((0..40).all(|y| (0..60).all(|x| mask[y * 60 + x] == mask[y * 60 + 59 - x])));
        // The bridge joins the rims.
        assert_eq!(mask[16 * 60 + 30], 1.0);
    }

    #[test]
    fn variation_and_printability_by_hand() {
        let mask = Tensor::from_f64(&[2, 2], &[1.0, 1.0, 1.0, 0.0]);
        let colours = Tensor::from_f64(&[1, 2, 2, 1], &[0.1, 0.4, 0.5, 7.0]);
        // One inner pixel: a step of 0.3 to the right and of 0.4 down, over three pixels of the mask.
        assert!((variation(&colours, &mask).to_f64()[0] - 0.5 / 3.0).abs() < 1e-6);
        // 0.1 and 0.5 can be printed; 0.4 is 0.3, 0.1 and 0.5 from what can.
        assert!((unprintable(&colours, &mask).to_f64()[0] - 0.015 / 3.0).abs() < 1e-4);
    }
}
