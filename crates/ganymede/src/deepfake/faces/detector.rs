//! Where faces are: a small one of YOLO's networks (Redmon and Farhadi 2017, "YOLO9000", arXiv:1612.08242) with separable
//! convolutions. Each cell of a grid says of five boxes how likely a face has its middle here, and how the box differs from its anchor.
use super::separable::Separable;
use super::{Area, Compiled, Square};
use crate::metrics::features::loading::Loader;
use crate::nn::{Conv, Layer, conv};
use crate::weights::WeightsError;
use gany_engine::{PadMode, Tensor};
use image::RgbImage;

/// Height and width of the pictures that it takes.
const SIDE: usize = 416;
/// How many pixels a cell has.
const CELL: usize = 32;
/// Widths and heights of the boxes that a cell begins with, in cells.
const ANCHORS: [[f64; 2]; 5] = [
    [1.603231, 2.094468],
    [6.041143, 7.080126],
    [2.882459, 3.518061],
    [4.266906, 5.178857],
    [9.041765, 10.66308],
];
/// Numbers that are said of a box: the middle, the logarithms of width and height, the score.
const SAID: usize = 5;
const MEAN_RGB: [f32; 3] = [117.001, 114.697, 97.404];
/// Boxes that are less likely are none.
const LEAST_SCORE: f64 = 0.5;
/// Two boxes that share more of what they cover together are one.
const MOST_SHARED: f32 = 0.4;

/// A face that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// Where.
    pub area: Area,
    /// How likely it is one, from 0 to 1.
    pub score: f32,
}

pub(super) struct Detector(Compiled);

struct Network {
    first: Conv,
    layers: Vec<Separable>,
    last: Conv,
}

impl Network {
    /// `[n, side / 32, side / 32, 25]` of pictures `[n, side, side, 3]` in [0, 255].
    fn forward(&self, x: &Tensor) -> Tensor {
        let x = (x - Tensor::from_f32(&[3], &MEAN_RGB)) / 255.0;
        let mut h = leaky(&self.first.forward(&x));
        for layer in &self.layers {
            h = leaky(&layer.forward(&pooled(&h, 2)));
        }
        self.last.forward(&pooled(&h, 1))
    }
}

fn leaky(x: &Tensor) -> Tensor {
    x.leaky_relu(0.1)
}

/// Largest elements over windows of 2 x 2; those that reach over the far borders end there.
fn pooled(x: &Tensor, stride: usize) -> Tensor {
    [1, 2].into_iter().fold(x.clone(), |x, axis| {
        let count = x.extent(axis).div_ceil(stride);
        let x = x.pad(axis, 0, 1, PadMode::Replicate);
        let tap = |tap| x.slice_step(axis, tap, count, stride as isize);
        tap(0).maximum(&tap(1))
    })
}

impl Detector {
    pub(super) fn load(loader: &Loader) -> Result<Detector, WeightsError> {
        let widths = [16, 32, 64, 128, 256, 512];
        let layers =
            (1..widths.len()).map(|i| Separable::load(loader, &format!("conv{i}"), widths[i - 1], widths[i], 1));
        let network = Network {
            first: loader.conv(conv(3, widths[0], [3, 3]), "conv0/filters", "conv0/bias")?,
            layers: layers.collect::<Result<_, _>>()?,
            last: loader.conv(
                conv(widths[5], ANCHORS.len() * SAID, [1, 1]),
                "conv8/filters",
                "conv8/bias",
            )?,
        };
        Ok(Detector(Compiled::new(SIDE, |x| network.forward(x))))
    }

    /// The faces of a picture, the surest first.
    pub(super) fn detect(&mut self, picture: &RgbImage) -> Vec<Detection> {
        let square = Square::placed(picture, 0..picture.width(), 0..picture.height(), [0, 0]);
        let found = boxes(self.0.run(&square.resized(SIDE)), square.side as f32);
        surest(found)
    }
}

/// The likely boxes in a square picture of this side, of what the network says.
fn boxes(said: &[f32], side: f32) -> Vec<Detection> {
    let cells = SIDE / CELL;
    let sigmoid = |x: f32| 1.0 / (1.0 + (-f64::from(x)).exp());
    let mut found = vec![];
    for (i, said) in said.chunks_exact(SAID).enumerate() {
        let (row, column) = (i / ANCHORS.len() / cells, i / ANCHORS.len() % cells);
        let [anchor_width, anchor_height] = ANCHORS[i % ANCHORS.len()];
        let score = sigmoid(said[4]);
        if score > LEAST_SCORE {
            let pixels = |in_cells: f64| (in_cells / cells as f64) as f32 * side;
            let width = f64::from(said[2]).exp() * anchor_width;
            let height = f64::from(said[3]).exp() * anchor_height;
            let area = Area {
                left: pixels(column as f64 + sigmoid(said[0]) - width / 2.0),
                top: pixels(row as f64 + sigmoid(said[1]) - height / 2.0),
                width: pixels(width),
                height: pixels(height),
            };
            found.push(Detection {
                area,
                score: score as f32,
            });
        }
    }
    found
}

/// Those of which no surer one covers nearly the same, the surest first.
fn surest(mut found: Vec<Detection>) -> Vec<Detection> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Detection> = vec![];
    for one in found {
        if kept.iter().all(|other| shared(one.area, other.area) <= MOST_SHARED) {
            kept.push(one);
        }
    }
    kept
}

/// What two areas both cover, as a share of what they cover together.
fn shared(a: Area, b: Area) -> f32 {
    let along = |a: f32, a_extent: f32, b: f32, b_extent: f32| ((a + a_extent).min(b + b_extent) - a.max(b)).max(0.0);
    let both = along(a.left, a.width, b.left, b.width) * along(a.top, a.height, b.top, b.height);
    both / (a.width * a.height + b.width * b.height - both)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(left: f32, score: f32) -> Detection {
        let area = Area {
            left,
            top: 0.0,
            width: 3.0,
            height: 2.0,
        };
        Detection { area, score }
    }

    #[test]
    fn of_boxes_on_one_another_the_surest_stays() {
        // [0, 3] and [1, 4] share 2 of 4, [0, 3] and [2, 5] 1 of 5.
        assert_eq!(shared(at(0.0, 0.0).area, at(1.0, 0.0).area), 0.5);
        assert_eq!(
            surest(vec![at(1.0, 0.7), at(0.0, 0.9), at(2.0, 0.6)]),
            [at(0.0, 0.9), at(2.0, 0.6)]
        );
    }

    #[test]
    fn a_box_is_read_off_its_cell_and_anchor() {
        let cells = SIDE / CELL;
        let mut said = vec![-9.0; cells * cells * ANCHORS.len() * SAID];
        // Row 2, column 4, anchor 1: in the middle of the cell, as large as the anchor.
        let first = ((2 * cells + 4) * ANCHORS.len() + 1) * SAID;
        said[first..first + SAID].copy_from_slice(&[0.0, 0.0, 0.0, 0.0, 20.0]);
        let found = boxes(&said, 13.0);
        assert_eq!(found.len(), 1);
        let Area {
            left,
            top,
            width,
            height,
        } = found[0].area;
        let expected = [4.5 - 6.041143 / 2.0, 2.5 - 7.080126 / 2.0, 6.041143, 7.080126];
        for (got, expected) in [left, top, width, height].into_iter().zip(expected) {
            assert!((f64::from(got) - expected).abs() < 1e-5, "{got} for {expected}");
        }
    }
}
