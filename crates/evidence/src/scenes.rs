//! Scenes drawn by formula, whose every pixel is known to be sky, ground, sun, tree or house, and a small network that learns to
//! tell them apart from scenes that no generator sees.
use crate::made::{Numbers, Set};
use ganymede::data::Field;
use ganymede::engine::{DType, Tensor};
use ganymede::explore::segmenter::Segmenter;
use ganymede::games::{BatchShape, Function, Game, Play, Player, Space, Step, System};
use ganymede::nn::{Activation, Layer, Scope, Sequential, conv};
use ganymede::objectives::likelihood::categorical;
use ganymede::optimisers::OptimiserConfig;

/// Height and width.
pub(crate) const SIDE: usize = 32;
const PIXELS: usize = SIDE * SIDE;
/// What pixels belong to, by number.
pub(crate) const CONCEPTS: [&str; 5] = ["sky", "ground", "sun", "tree", "house"];
const SKY: u8 = 0;
const GROUND: u8 = 1;
const SUN: u8 = 2;
const TREE: u8 = 3;
const HOUSE: u8 = 4;

/// `count` scenes, and the concept of every pixel. There is a sun in every other one, likewise a tree, likewise a house, each by chance;
/// a tree and a house stand on different sides.
pub(crate) fn scenes(seed: u64, count: usize) -> (Set, Vec<u8>) {
    let mut numbers = Numbers(seed);
    let (mut values, mut labels) = (vec![], vec![]);
    for _ in 0..count {
        let (pixels, concepts) = scene(&mut numbers);
        values.extend(pixels);
        labels.extend(concepts);
    }
    let shape = [SIDE, SIDE, 3];
    (Set { shape, values }, labels)
}

fn scene(numbers: &mut Numbers) -> (Vec<f32>, Vec<u8>) {
    let mut between = |low: f32, high: f32| low + (high - low) * numbers.draw();
    let tinted = |between: &mut dyn FnMut(f32, f32) -> f32, colour: [f32; 3], by: f32| {
        colour.map(|level| level + between(-by, by))
    };
    let (sky, ground) = (
        tinted(&mut between, [0.45, 0.65, 0.9], 0.1),
        tinted(&mut between, [0.55, 0.75, 0.35], 0.1),
    );
    let (disc, wall, crown) = (
        tinted(&mut between, [0.97, 0.85, 0.2], 0.03),
        tinted(&mut between, [0.85, 0.8, 0.7], 0.08),
        tinted(&mut between, [0.1, 0.4, 0.15], 0.06),
    );
    let horizon = between(16.0, 22.0);
    let [has_sun, has_tree, has_house, tree_is_left] = [(); 4].map(|()| between(0.0, 1.0) < 0.5);
    let sun = [between(4.0, 28.0), between(4.0, 9.0), between(2.5, 4.0)];
    let sides = [between(5.0, 11.0), between(21.0, 27.0)];
    let (tree_x, house_x) = (sides[usize::from(!tree_is_left)], sides[usize::from(tree_is_left)]);
    let [tree_foot, house_foot] = [(); 2].map(|()| horizon + between(2.0, 6.0));
    let (trunk, radius) = (between(3.0, 5.0), between(3.5, 5.0));
    let (half, high, roof) = (between(3.5, 5.0), between(5.0, 7.0), between(3.0, 5.0));
    let crown_y = tree_foot - trunk - radius;
    let colour_at = |x: f32, y: f32| {
        let is_within = |[cx, cy, r]: [f32; 3]| (x - cx).powi(2) + (y - cy).powi(2) < r * r;
        if has_tree && is_within([tree_x, crown_y, radius]) {
            return (crown, TREE);
        }
        if has_tree && (x - tree_x).abs() < 0.8 && y < tree_foot && y > crown_y {
            return ([0.4, 0.25, 0.1], TREE);
        }
        let eaves = house_foot - high;
        if has_house && (x - house_x).abs() < half && y < house_foot && y > eaves {
            return (wall, HOUSE);
        }
        let up_the_roof = (eaves - y) / roof;
        if has_house && (0.0..1.0).contains(&up_the_roof) && (x - house_x).abs() < (half + 1.0) * (1.0 - up_the_roof) {
            return ([0.75, 0.25, 0.2], HOUSE);
        }
        if has_sun && is_within(sun) && y < horizon {
            return (disc, SUN);
        }
        if y > horizon {
            let far = (y - horizon) / (SIDE as f32 - horizon);
            return (ground.map(|level| level * (1.0 - 0.3 * far)), GROUND);
        }
        let down = 0.6 * y / horizon;
        let haze = [0.9, 0.93, 0.98];
        (std::array::from_fn(|c| sky[c] + (haze[c] - sky[c]) * down), SKY)
    };
    let places = (0..PIXELS).map(|i| ((i % SIDE) as f32 + 0.5, (i / SIDE) as f32 + 0.5));
    let (colours, concepts): (Vec<[f32; 3]>, Vec<u8>) = places.map(|(x, y)| colour_at(x, y)).unzip();
    (
        colours
            .into_iter()
            .flatten()
            .map(|level| 2.0 * level.clamp(0.0, 1.0) - 1.0)
            .collect(),
        concepts,
    )
}

/// Four convolutions of 3 x 3 and one of 1 x 1: each pixel's concept from the nine by nine around it.
struct Network {
    layers: Sequential,
}

impl System for Network {
    fn game(&self) -> Game {
        Game::step(Player::new("segmenter", OptimiserConfig::adam(3e-3, [0.9, 0.999])), 1)
    }

    fn loss(&self, _: &str, s: &Step) -> Tensor {
        // Generators are less clean than formulas.
        let x = s.x() + s.normal(s.x().shape()) * 0.15;
        let pixels = s.batch() * PIXELS;
        let logits = self.layers.forward(&x).reshape(&[pixels, CONCEPTS.len()]);
        categorical(&logits, &s.x_b().reshape(&[pixels])).mean()
    }

    fn z_dim(&self) -> usize {
        0
    }

    fn functions(&self) -> Vec<Function> {
        vec![Function::of_x(
            "segment",
            Space::Other(vec![SIDE, SIDE, CONCEPTS.len()]),
        )]
    }

    fn apply(&self, _: &str, x: &Tensor) -> Tensor {
        self.layers.forward(x)
    }
}

/// The network, trained.
pub(crate) struct Trained(Play);

const BATCH: usize = 50;
const STEPS: u64 = 400;

impl Trained {
    /// Learns from scenes and the concepts of their pixels, a multiple of [`BATCH`] of them.
    pub(crate) fn on(scenes: &Set, labels: &[u8]) -> Trained {
        let scope = Scope::new(DType::F32, 0);
        let mut layers = Sequential::new(&scope.at("segmenter"));
        for [c_in, c_out] in [[3, 16], [16, 24], [24, 24], [24, 24]] {
            layers = layers
                .push(conv(c_in, c_out, [3, 3]).padding(1))
                .push(Activation::LeakyRelu(0.1));
        }
        let layers = layers.push(conv(24, CONCEPTS.len(), [1, 1]));
        let shape = BatchShape {
            x: vec![BATCH, SIDE, SIDE, 3],
            extras: vec![(Field::XB, vec![BATCH, SIDE, SIDE, 1])],
        };
        let mut play = Play::new(Box::new(Network { layers }), scope, shape, 0);
        let floats = BATCH * PIXELS;
        for step in 0..STEPS {
            let batch = step as usize % (scenes.count() / BATCH);
            play.batch_mut(0)
                .0
                .copy_from_slice(&scenes.values[batch * floats * 3..][..floats * 3]);
            let concepts = &labels[batch * floats..][..floats];
            play.extra_mut(0, 0)
                .iter_mut()
                .zip(concepts)
                .for_each(|(to, label)| *to = f32::from(*label));
            play.step(step);
        }
        Trained(play)
    }

    /// Intersection over union with the truth, a concept each.
    pub(crate) fn agreement(&mut self, scenes: &Set, labels: &[u8]) -> Vec<f64> {
        let said = self.segment(&scenes.values, scenes.shape);
        let of = |concept: u8| {
            let pairs = || said.iter().zip(labels);
            let both = pairs().filter(|(a, b)| **a == concept && **b == concept).count();
            let either = pairs().filter(|(a, b)| **a == concept || **b == concept).count();
            both as f64 / either.max(1) as f64
        };
        (0..CONCEPTS.len() as u8).map(of).collect()
    }
}

impl Segmenter for Trained {
    fn concepts(&self) -> Vec<String> {
        CONCEPTS.map(str::to_owned).to_vec()
    }

    fn segment(&mut self, pictures: &[f32], _: [usize; 3]) -> Vec<u8> {
        let mut labels = Vec::with_capacity(pictures.len() / 3);
        for batch in pictures.chunks(BATCH * PIXELS * 3) {
            // Always whole batches, so that one program sees them all.
            let mut whole = batch.to_vec();
            whole.resize(BATCH * PIXELS * 3, 0.0);
            let logits = self.0.apply("segment", &whole);
            let most = |logits: &[f32]| {
                (0..logits.len())
                    .max_by(|a, b| logits[*a].total_cmp(&logits[*b]))
                    .unwrap_or(0) as u8
            };
            labels.extend(logits.chunks_exact(CONCEPTS.len()).take(batch.len() / 3).map(most));
        }
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_concept_has_pixels_of_its_own_colours() {
        let (set, labels) = scenes(0, 200);
        assert_eq!((set.count(), labels.len()), (200, 200 * PIXELS));
        let mean = |concept: u8| {
            let pixels = set
                .values
                .chunks_exact(3)
                .zip(&labels)
                .filter(|(_, label)| **label == concept);
            let (sum, count) = pixels.fold(([0.0; 3], 0), |(sum, count), (pixel, _)| {
                (std::array::from_fn(|c| sum[c] + pixel[c]), count + 1)
            });
            assert!(count > 1000, "{concept}: {count}");
            sum.map(|sum: f32| sum / count as f32)
        };
        let [sky, ground, sun, tree, house] = [SKY, GROUND, SUN, TREE, HOUSE].map(mean);
        assert!(sky[2] > sky[0] && ground[1] > ground[2] && tree[1] > tree[0] && house[0] > house[1]);
        assert!(sun[0] > 0.8 && sun[2] < -0.4 && tree[1] < ground[1]);
    }
}
