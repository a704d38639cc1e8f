//! GAN dissection: which units of a generator make which concept, shown by taking them away and putting them in.
//!
//! Bau et al. 2019, "GAN Dissection: Visualizing and Understanding Generative Adversarial Networks", arXiv:1811.10597, equations 2
//! to 5.
//!
//! ```text
//! IoU_uc = |(a_u > t_uc) and s_c(x)| / |(a_u > t_uc) or s_c(x)|        a_u: map of unit u, brought to the picture's size
//! ablation   a_u := 0 everywhere          for u of U
//! insertion  a_u := k_uc at a place P     for u of U;  k_uc: mean of a_u where c is
//! ```
//!
//! s_c are the pixels that a segmenter gives the concept c; it knows nothing of the generator. What is left of c after an
//! ablation, beside what as many random units leave, says whether U causes c. Simplified: of a few thresholds of a unit, each passed
//! by a share of its values, the one of the largest IoU on half of the samples is taken (the paper has the largest ratio of
//! mutual information to joint entropy), and the IoU is that on the other half; U are the units of the largest IoU, where the paper
//! optimises a set for its effect.
use super::segmenter::Segmenter;
use crate::data::Field;
use crate::games::{Play, Space, Surgery, UnitLayer, latent_vectors};
use gany_engine::kernels::random;
use std::ops::Range;

/// How a unit goes with a concept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unit {
    /// Its number in the layer.
    pub number: usize,
    /// Intersection over union of where it is above its threshold and where the concept is, 0 to 1.
    pub iou: f64,
    /// The threshold.
    pub threshold: f32,
    /// Its mean where the concept is: what is put in to insert it.
    pub level: f32,
}

/// A concept, and the units of a layer by how well they go with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Concept {
    /// Its name.
    pub name: String,
    /// Its share of all pixels of samples, 0 to 1.
    pub share: f64,
    /// All units, best first.
    pub units: Vec<Unit>,
}

/// What happens to a concept when its best units are replaced, and when as many random ones are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// Share of its area that is gone without its best units; less than 0 where there is more of it.
    pub removed: f64,
    /// The same without random units.
    pub removed_by_random: f64,
    /// Its share of the place where it is most usual.
    pub at_place: f64,
    /// The same with its best units put in there.
    pub inserted: f64,
    /// The same with random units put in there.
    pub inserted_by_random: f64,
}

/// What is done to the maps of a layer: `keep * u + put`, each `[rows, columns, units]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    pub(super) keep: Vec<f32>,
    pub(super) put: Vec<f32>,
}

/// Rows and columns of a layer's grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Edit {
    /// Everything stays.
    pub fn none(layer: &UnitLayer) -> Edit {
        Edit {
            keep: vec![1.0; layer.floats()],
            put: vec![0.0; layer.floats()],
        }
    }

    /// These units say nothing anywhere.
    pub fn ablate(layer: &UnitLayer, units: &[usize]) -> Edit {
        let [rows, columns, _] = layer.extents;
        let everywhere = Place {
            rows: 0..rows,
            columns: 0..columns,
        };
        let silent: Vec<(usize, f32)> = units.iter().map(|unit| (*unit, 0.0)).collect();
        Edit::insert(layer, &silent, &everywhere)
    }

    /// These units say so many times what they say, everywhere: 0 silences a unit.
    ///
    /// # Panics
    /// Where the layer has no such unit.
    pub fn times(layer: &UnitLayer, units: &[(usize, f32)]) -> Edit {
        let mut edit = Edit::none(layer);
        let of_place = layer.extents[2];
        for (unit, factor) in units {
            assert!(
                *unit < of_place,
                "edit: the layer has {of_place} units, not unit {unit}"
            );
            let places = edit.keep.iter_mut().skip(*unit).step_by(of_place);
            places.for_each(|keep| *keep = *factor);
        }
        edit
    }

    /// These units say these numbers at a place, and elsewhere what they say.
    pub fn insert(layer: &UnitLayer, units: &[(usize, f32)], place: &Place) -> Edit {
        let mut edit = Edit::none(layer);
        let [_, columns, of_place] = layer.extents;
        for row in place.rows.clone() {
            for column in place.columns.clone() {
                for (unit, level) in units {
                    let at = (row * columns + column) * of_place + unit;
                    (edit.keep[at], edit.put[at]) = (0.0, *level);
                }
            }
        }
        edit
    }
}

impl Place {
    /// A quarter of the sides of the layer's grid, where a concept is most often in pictures of `sides`.
    ///
    /// `labels` are concepts of pixels, `[n, height, width]`.
    fn usual(labels: &[u8], concept: usize, sides: [usize; 2], layer: &UnitLayer) -> Place {
        let [rows, columns, _] = layer.extents;
        let [high, wide] = [rows.div_ceil(4), columns.div_ceil(4)];
        let mut counts = vec![0_u64; rows * columns];
        for (pixel, label) in labels.iter().enumerate() {
            if usize::from(*label) == concept {
                let (y, x) = (pixel / sides[1] % sides[0], pixel % sides[1]);
                counts[y * rows / sides[0] * columns + x * columns / sides[1]] += 1;
            }
        }
        let places = (0..=rows - high).flat_map(|row| (0..=columns - wide).map(move |column| (row, column)));
        let place = |(row, column)| Place {
            rows: row..row + high,
            columns: column..column + wide,
        };
        let count = |place: &Place| -> u64 {
            let of_row = |row: usize| counts[row * columns..][place.columns.clone()].iter().sum::<u64>();
            place.rows.clone().map(of_row).sum()
        };
        places.map(place).max_by_key(count).expect("a grid has a place")
    }

    /// The share of a concept among the pixels of a place.
    fn share(&self, labels: &[u8], concept: usize, sides: [usize; 2], layer: &UnitLayer) -> f64 {
        let [rows, columns, _] = layer.extents;
        let is_here = |pixel: usize| {
            let (y, x) = (pixel / sides[1] % sides[0], pixel % sides[1]);
            self.rows.contains(&(y * rows / sides[0])) && self.columns.contains(&(x * columns / sides[1]))
        };
        let here: Vec<u8> = labels
            .iter()
            .enumerate()
            .filter(|(pixel, _)| is_here(*pixel))
            .map(|(_, label)| *label)
            .collect();
        share(&here, concept)
    }
}

/// The share of a concept among labels of pixels.
pub fn share(labels: &[u8], concept: usize) -> f64 {
    let count = labels.iter().filter(|label| usize::from(**label) == concept).count();
    count as f64 / labels.len().max(1) as f64
}

/// A generator opened at a layer, with the samples that it is looked at by.
pub struct Dissector {
    surgery: Surgery,
    class: Option<usize>,
    /// Height, width and channels of samples.
    shape: [usize; 3],
}

/// Samples are made this many at a time, whatever number is asked for.
const BATCH: usize = 50;
/// The shares of a unit's values that pass the thresholds which are tried.
const PASSING: [f64; 7] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4];
/// Sets of random units that an effect is the mean of.
const RANDOM_SETS: u64 = 5;

impl Dissector {
    /// Opens a generator of pictures at a layer; samples are of one class, or of all in turn where the system is conditional.
    ///
    /// # Panics
    /// Where samples are no pictures, or do not go through the layer.
    pub fn new(play: &Play, layer: &UnitLayer, class: Option<usize>) -> Dissector {
        let shape = play.shape_in(&Space::Data(Field::X));
        Dissector {
            surgery: Surgery::new(play, layer, BATCH, play.system().classes().is_some()),
            class,
            shape: shape[1..].try_into().expect("samples are pictures"),
        }
    }

    fn layer(&self) -> UnitLayer {
        self.surgery.layer().clone()
    }

    /// The first `count` samples of a seed after an edit, `[count, ..]`, and what the layer said before, `[count, rows, columns,
    /// units]`.
    pub fn samples(&mut self, play: &mut Play, seed: u64, count: usize, edit: &Edit) -> (Vec<f32>, Vec<f32>) {
        let (z_dim, classes) = (play.system().z_dim(), play.system().classes());
        let (mut samples, mut maps) = (vec![], vec![]);
        for first in (0..count).step_by(BATCH) {
            let z = latent_vectors(seed, first, BATCH, z_dim);
            let y: Option<Vec<f32>> = classes.map(|classes| {
                let class_of = |i: usize| self.class.unwrap_or((first + i) % classes) as f32;
                (0..BATCH).map(class_of).collect()
            });
            let operated = self.surgery.operate(play, &z, y.as_deref(), [&edit.keep, &edit.put]);
            samples.extend(operated.samples);
            maps.extend(operated.maps);
        }
        samples.truncate(count * self.shape.iter().product::<usize>());
        maps.truncate(count * self.surgery.layer().floats());
        (samples, maps)
    }

    /// Finds the units of every concept in the first `2 * half` samples of a seed.
    pub fn dissect(&mut self, play: &mut Play, segmenter: &mut dyn Segmenter, seed: u64, half: usize) -> Vec<Concept> {
        let layer = self.layer();
        let (samples, maps) = self.samples(play, seed, 2 * half, &Edit::none(&layer));
        let labels = segmenter.segment(&samples, self.shape);
        let (maps_1, maps_2) = maps.split_at(half * layer.floats());
        let (labels_1, labels_2) = labels.split_at(labels.len() / 2);
        let thresholds = thresholds(maps_1, layer.extents[2]);
        let concepts = segmenter.concepts();
        let count = |maps, labels| Counts::of(maps, labels, &layer, self.shape, &thresholds, concepts.len());
        let (first, second) = (count(maps_1, labels_1), count(maps_2, labels_2));
        let concept = |(c, name): (usize, &String)| {
            let unit = |number: usize| {
                let better = |a: &usize, b: &usize| first.iou(number, *a, c).total_cmp(&first.iou(number, *b, c));
                let best = (0..PASSING.len()).max_by(better).expect("some thresholds");
                Unit {
                    number,
                    iou: second.iou(number, best, c),
                    threshold: thresholds[number][best],
                    level: first.level(number, c),
                }
            };
            let mut units: Vec<Unit> = (0..layer.extents[2]).map(unit).collect();
            units.sort_by(|a, b| b.iou.total_cmp(&a.iou));
            Concept {
                name: name.clone(),
                share: share(&labels, c),
                units,
            }
        };
        concepts.iter().enumerate().map(concept).collect()
    }

    /// What the best `count` units of concept number `concept` do to it, in the first `samples` samples of a seed, which had better
    /// not be the one that they were found with.
    pub fn effect(
        &mut self,
        play: &mut Play,
        segmenter: &mut dyn Segmenter,
        (concept, found): (usize, &Concept),
        count: usize,
        (seed, samples): (u64, usize),
    ) -> Effect {
        let layer = self.layer();
        let sides = [self.shape[0], self.shape[1]];
        let mut labels = |edit: &Edit| {
            let (samples, _) = self.samples(play, seed, samples, edit);
            segmenter.segment(&samples, self.shape)
        };
        let before = labels(&Edit::none(&layer));
        let place = Place::usual(&before, concept, sides, &layer);
        let area = share(&before, concept);
        let mut replaced = |units: &[&Unit]| {
            let numbers: Vec<usize> = units.iter().map(|unit| unit.number).collect();
            let levels: Vec<(usize, f32)> = units.iter().map(|unit| (unit.number, unit.level)).collect();
            let without = share(&labels(&Edit::ablate(&layer, &numbers)), concept);
            let with = labels(&Edit::insert(&layer, &levels, &place));
            [
                1.0 - without / area.max(f64::MIN_POSITIVE),
                place.share(&with, concept, sides, &layer),
            ]
        };
        let [removed, inserted] = replaced(&found.units[..count].iter().collect::<Vec<_>>());
        let mut by_random = [0.0; 2];
        for set in 0..RANDOM_SETS {
            let units: Vec<&Unit> = random_numbers(set, found.units.len(), count)
                .map(|i| &found.units[i])
                .collect();
            let effects = replaced(&units);
            by_random
                .iter_mut()
                .zip(effects)
                .for_each(|(mean, effect)| *mean += effect / RANDOM_SETS as f64);
        }
        Effect {
            removed,
            removed_by_random: by_random[0],
            at_place: place.share(&before, concept, sides, &layer),
            inserted,
            inserted_by_random: by_random[1],
        }
    }
}

/// `count` different numbers below `below`, the same every time for a seed.
fn random_numbers(seed: u64, below: usize, count: usize) -> impl Iterator<Item = usize> {
    let mut keys = vec![0.0_f32; below];
    random::fill_uniform(
        random::Key {
            seed,
            stream: 0,
            step: 0,
        },
        0,
        &mut keys,
    );
    let mut order: Vec<usize> = (0..below).collect();
    order.sort_by(|a, b| keys[*a].total_cmp(&keys[*b]));
    order.into_iter().take(count)
}

/// For each unit of maps `[.., units]` the values that [`PASSING`] shares of its values pass.
fn thresholds(maps: &[f32], units: usize) -> Vec<[f32; PASSING.len()]> {
    let of_unit = |unit: usize| {
        let mut values: Vec<f32> = maps.iter().skip(unit).step_by(units).copied().collect();
        values.sort_by(|a, b| b.total_cmp(a));
        PASSING.map(|share| values[(share * values.len() as f64) as usize])
    };
    (0..units).map(of_unit).collect()
}

/// What is counted of pixels.
struct Counts {
    concepts: usize,
    /// `[units, thresholds + 1, concepts]`: pixels of a concept where a unit fails so many thresholds, the highest first.
    histogram: Vec<u64>,
    /// `[units, concepts]`: sums of a unit's values over the pixels of a concept.
    sums: Vec<f64>,
}

impl Counts {
    fn of(
        maps: &[f32],
        labels: &[u8],
        layer: &UnitLayer,
        shape: [usize; 3],
        thresholds: &[[f32; PASSING.len()]],
        concepts: usize,
    ) -> Counts {
        let units = thresholds.len();
        let mut counts = Counts {
            concepts,
            histogram: vec![0; units * (PASSING.len() + 1) * concepts],
            sums: vec![0.0; units * concepts],
        };
        let sides = [shape[0], shape[1]];
        for (maps, labels) in maps
            .chunks_exact(layer.floats())
            .zip(labels.chunks_exact(sides[0] * sides[1]))
        {
            let values = enlarged(maps, layer.extents, sides);
            for (values, label) in values.chunks_exact(units).zip(labels) {
                let concept = usize::from(*label);
                for (unit, (value, thresholds)) in values.iter().zip(thresholds).enumerate() {
                    let failed = thresholds.iter().take_while(|threshold| value <= threshold).count();
                    counts.histogram[(unit * (PASSING.len() + 1) + failed) * concepts + concept] += 1;
                    counts.sums[unit * concepts + concept] += f64::from(*value);
                }
            }
        }
        counts
    }

    /// Pixels of a concept where a unit fails so many thresholds, of which the highest is the first.
    fn pixels(&self, unit: usize, failed: Range<usize>, concept: usize) -> u64 {
        let at = |failed: usize| self.histogram[(unit * (PASSING.len() + 1) + failed) * self.concepts + concept];
        failed.map(at).sum()
    }

    /// Intersection over union of a concept and of where a unit passes a threshold.
    fn iou(&self, unit: usize, threshold: usize, concept: usize) -> f64 {
        let both = self.pixels(unit, 0..threshold + 1, concept);
        let passing: u64 = (0..self.concepts).map(|c| self.pixels(unit, 0..threshold + 1, c)).sum();
        let area = self.pixels(unit, 0..PASSING.len() + 1, concept);
        both as f64 / (passing + area - both).max(1) as f64
    }

    /// The mean of a unit over the pixels of a concept.
    fn level(&self, unit: usize, concept: usize) -> f32 {
        let area = self.pixels(unit, 0..PASSING.len() + 1, concept);
        (self.sums[unit * self.concepts + concept] / area.max(1) as f64) as f32
    }
}

/// Maps `[rows, columns, units]` brought to a picture's sides by straight lines between the centres of their cells.
pub(super) fn enlarged(maps: &[f32], [rows, columns, units]: [usize; 3], [height, width]: [usize; 2]) -> Vec<f32> {
    // The cells on either side of a pixel's centre, and how far it is from the first to the second.
    let between = |pixel: usize, pixels: usize, cells: usize| {
        let at = ((pixel as f32 + 0.5) * cells as f32 / pixels as f32 - 0.5).clamp(0.0, (cells - 1) as f32);
        let low = at as usize;
        (low, (low + 1).min(cells - 1), at - low as f32)
    };
    let mut values = Vec::with_capacity(height * width * units);
    for y in 0..height {
        let (top, bottom, down) = between(y, height, rows);
        for x in 0..width {
            let (left, right, along) = between(x, width, columns);
            let cell = |row: usize, column: usize| &maps[(row * columns + column) * units..][..units];
            let corners = [
                cell(top, left),
                cell(top, right),
                cell(bottom, left),
                cell(bottom, right),
            ];
            values.extend((0..units).map(|unit| {
                let [a, b, c, d] = corners.map(|corner| corner[unit]);
                (a + (b - a) * along) * (1.0 - down) + (c + (d - c) * along) * down
            }));
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::segmenter::Colours;
    use crate::games::{BatchShape, Game, Player, Step, System};
    use crate::nn::{Activation, Layer, Scope, Sequential, dense};
    use crate::optimisers::OptimiserConfig;
    use gany_engine::{DType, Tensor, concat};

    /// A generator of two units: where z_0 > 0 the first paints the left half red, where z_1 > 0 the second the right half blue.
    struct Painter {
        units: Sequential,
    }

    impl System for Painter {
        fn game(&self) -> Game {
            Game::step(Player::new("generator", OptimiserConfig::sgd(0.1, 0.0)), 1)
        }

        fn loss(&self, _: &str, s: &Step) -> Tensor {
            self.sample(&s.normal(&[s.batch(), 2]), None).mean()
        }

        fn z_dim(&self) -> usize {
            2
        }

        fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
            let maps = self.units.forward(z);
            let paint = Tensor::from_f32(&[2, 3], &[2.0, 0.0, 0.0, 0.0, 0.0, 2.0]);
            maps.reshape(&[z.extent(0) * 16, 2])
                .matmul(&paint)
                .reshape(&[z.extent(0), 4, 4, 3])
                - 1.0
        }
    }

    fn painter() -> Play {
        let scope = Scope::new(DType::F32, 0);
        // A system has something to learn, whether it is used or not.
        let _ = Sequential::new(&scope.at("generator.unused")).push(dense(1, 1));
        let units = Sequential::new(&scope.at("generator"))
            .push(|z: &Tensor| {
                let n = z.extent(0);
                let of = |unit: usize| {
                    z.slice(1, unit, unit + 1)
                        .positive()
                        .reshape(&[n, 1, 1])
                        .broadcast_to(&[n, 4, 2])
                };
                let nothing = of(0) * 0.0;
                let red = concat(&[of(0), nothing.clone()], 2).reshape(&[n, 4, 4, 1]);
                let blue = concat(&[nothing, of(1)], 2).reshape(&[n, 4, 4, 1]);
                concat(&[red, blue], 3)
            })
            .push(Activation::Relu);
        Play::new(Box::new(Painter { units }), scope, BatchShape::of(&[1, 4, 4, 3]), 0)
    }

    #[test]
    fn the_unit_that_paints_a_colour_is_found_and_without_it_there_is_none() {
        let mut play = painter();
        let layers = UnitLayer::all(&play);
        assert_eq!(
            (layers.len(), layers[0].name.as_str(), layers[0].extents),
            (1, "generator.1", [4, 4, 2])
        );
        let mut dissector = Dissector::new(&play, &layers[0], None);
        let mut colours = Colours;
        let concepts = dissector.dissect(&mut play, &mut colours, 0, 100);
        for (name, unit) in [("red", 0), ("blue", 1)] {
            let position = concepts.iter().position(|concept| concept.name == name).unwrap();
            let concept = &concepts[position];
            assert_eq!(
                (concept.units[0].number, concept.units[0].iou, concept.units[0].level),
                (unit, 1.0, 1.0)
            );
            assert!(
                (concept.share - 0.25).abs() < 0.05 && concept.units[1].iou < 1e-9,
                "{concept:?}"
            );
            let effect = dissector.effect(&mut play, &mut colours, (position, concept), 1, (1, 100));
            assert_eq!((effect.removed, effect.inserted), (1.0, 1.0));
            // One of two units by chance: either all or nothing.
            assert!(
                effect.removed_by_random < 1.0 && effect.inserted_by_random < 1.0,
                "{effect:?}"
            );
            assert!((effect.at_place - 0.5).abs() < 0.15, "{effect:?}");
        }
        // Nothing is as it was not.
        let (plain, _) = dissector.samples(&mut play, 3, 7, &Edit::none(&layers[0]));
        assert_eq!(plain, play.sample(&latent_vectors(3, 0, 7, 2), None));
        let (without, maps) = dissector.samples(&mut play, 3, 7, &Edit::ablate(&layers[0], &[0, 1]));
        assert!(without.iter().all(|x| *x == -1.0) && maps.contains(&1.0));
    }

    /// Six pixels: a unit fires on three, the concept has three, and two are both: 2 / 4.
    #[test]
    fn intersection_over_union_by_hand() {
        let layer = UnitLayer {
            name: "layer".into(),
            extents: [2, 3, 1],
        };
        let (maps, labels) = ([0.0, 5.0, 7.0, 0.0, 6.0, 1.0], [0, 1, 1, 1, 0, 0]);
        let mut thresholds = [9.0; PASSING.len()];
        (thresholds[5], thresholds[6]) = (4.0, 0.5);
        let counts = Counts::of(&maps, &labels, &layer, [2, 3, 3], &[thresholds], 2);
        assert_eq!(counts.iou(0, 5, 1), 0.5);
        assert_eq!(counts.iou(0, 5, 0), 1.0 / 5.0);
        // Of a lower threshold: four fire, two of the concept.
        assert_eq!(counts.iou(0, 6, 1), 2.0 / 5.0);
        assert_eq!(counts.iou(0, 0, 1), 0.0);
        assert_eq!(counts.level(0, 1), 4.0);
    }

    #[test]
    fn thresholds_are_passed_by_their_shares() {
        let maps: Vec<f32> = (0..1000).flat_map(|i| [i as f32, -7.0]).collect();
        let thresholds = thresholds(&maps, 2);
        for (share, threshold) in PASSING.iter().zip(thresholds[0]) {
            let passing = (0..1000).filter(|i| *i as f32 > threshold).count();
            assert_eq!(passing, (share * 1000.0) as usize);
        }
        assert_eq!(thresholds[1], [-7.0; 7]);
    }

    #[test]
    fn maps_are_enlarged_by_straight_lines() {
        assert_eq!(enlarged(&[0.0, 4.0], [1, 2, 1], [1, 4]), [0.0, 1.0, 3.0, 4.0]);
        assert_eq!(enlarged(&[1.0, 2.0], [1, 1, 2], [2, 1]), [1.0, 2.0, 1.0, 2.0]);
        assert_eq!(enlarged(&[0.0, 8.0], [2, 1, 1], [4, 1]), [0.0, 2.0, 6.0, 8.0]);
    }

    #[test]
    fn places_are_where_a_concept_is_usual() {
        let layer = UnitLayer {
            name: "layer".into(),
            extents: [4, 4, 1],
        };
        // Two pictures of eight by eight pixels with the concept in cell (2, 1).
        let picture: Vec<u8> = (0..64).map(|i| u8::from(i / 8 / 2 == 2 && i % 8 / 2 == 1)).collect();
        let labels = picture.repeat(2);
        let place = Place::usual(&labels, 1, [8, 8], &layer);
        assert_eq!((place.rows.clone(), place.columns.clone()), (2..3, 1..2));
        assert_eq!(place.share(&labels, 1, [8, 8], &layer), 1.0);
        assert_eq!(share(&labels, 1), 4.0 / 64.0);
    }
}
