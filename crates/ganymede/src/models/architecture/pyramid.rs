//! The sides of pictures halved again and again, which networks that grow grids of pixels are built along.
use crate::data::Shape;
use gany_engine::{PadMode, Tensor};

/// A pyramid over pictures of any sides: the smallest grid is 4 to 7 pixels along its shorter side, and the largest, the
/// canvas, is the picture or a little more where a side does not halve evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pyramid {
    /// How often the sides are halved.
    pub levels: usize,
    /// Rows and columns of the smallest grid.
    pub smallest: [usize; 2],
    /// Rows and columns of the picture.
    pub picture: [usize; 2],
    /// Channels of the picture.
    pub channels: usize,
}

impl Pyramid {
    /// The pyramid over a picture.
    ///
    /// # Panics
    /// Where the data are no pictures.
    pub fn of(sample: &Shape) -> Pyramid {
        let Shape::Picture {
            height,
            width,
            channels,
        } = *sample
        else {
            panic!("a pyramid stands over pictures")
        };
        let mut levels = 0;
        while height.min(width) >> (levels + 1) >= 4 {
            levels += 1;
        }
        Pyramid {
            levels,
            smallest: [height, width].map(|side| side.div_ceil(1 << levels)),
            picture: [height, width],
            channels,
        }
    }

    /// Rows and columns of the grid of a level, 0 being the smallest and `levels` the canvas.
    pub fn grid(&self, level: usize) -> [usize; 2] {
        self.smallest.map(|side| side << level)
    }

    /// Channels of features at a level: `width` at the canvas, doubled with every halving up to `widest`.
    pub fn width(&self, level: usize, width: usize, widest: usize) -> usize {
        (width << (self.levels - level)).min(widest.max(width))
    }

    /// Pictures `[n, height, width, c]` in the middle of a canvas that is grey around them.
    pub fn framed(&self, x: &Tensor) -> Tensor {
        let canvas = self.grid(self.levels);
        (0..2).fold(x.clone(), |x, side| {
            let spare = canvas[side] - self.picture[side];
            x.pad(side + 1, spare / 2, spare.div_ceil(2), PadMode::Zero)
        })
    }

    /// The pictures in the middle of canvases.
    pub fn cropped(&self, x: &Tensor) -> Tensor {
        (0..2).fold(x.clone(), |x, side| {
            let low = (x.extent(side + 1) - self.picture[side]) / 2;
            x.slice(side + 1, low, low + self.picture[side])
        })
    }

    /// Canvases `[n, .., c]` at the size of a level, by means of their pixels.
    pub fn reduced(&self, canvas: &Tensor, level: usize) -> Tensor {
        match self.levels - level {
            0 => canvas.clone(),
            halvings => canvas.average_pool(1 << halvings),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gany_engine::DType;

    #[test]
    fn sides_that_do_not_halve_are_framed() {
        let pyramid = Pyramid::of(&Shape::Picture {
            height: 18,
            width: 28,
            channels: 2,
        });
        assert_eq!((pyramid.levels, pyramid.smallest), (2, [5, 7]));
        assert_eq!([0, 1, 2].map(|level| pyramid.grid(level)), [[5, 7], [10, 14], [20, 28]]);
        assert_eq!([0, 1, 2].map(|level| pyramid.width(level, 8, 16)), [16, 16, 8]);
        let x = Tensor::full(DType::F64, &[1, 18, 28, 2], 1.0);
        let canvas = pyramid.framed(&x);
        assert_eq!(canvas.shape(), [1, 20, 28, 2]);
        assert_eq!(canvas.sum().to_f64(), x.sum().to_f64());
        assert_eq!(pyramid.cropped(&canvas).to_f64(), x.to_f64());
        // The border's rows are half picture, half frame.
        let reduced = pyramid.reduced(&canvas, 1).to_f64();
        assert_eq!((reduced.len(), reduced[0], reduced[14 * 2]), (10 * 14 * 2, 0.5, 1.0));
    }
}
