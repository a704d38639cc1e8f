//! Bringing pictures to a network's size, exactly as the protocols of its figures do it.
//!
//! Parmar et al. 2022, "On Aliased Resizing and Surprising Subtleties in GAN Evaluation", arXiv:2104.11222: figures change by more
//! than papers report when this differs.
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::F32x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

/// How pictures of any size become a network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    /// Catmull-Rom splines (a = -1/2), widened where the picture shrinks, in floating point, and cut off at 0 and 255: what
    /// Pillow's `BICUBIC` does to pictures of floats, and `clean-fid` with it.
    BicubicAntialiased,
    /// Linear between the pixels whose corner is nearest, without antialiasing: what TensorFlow 1 did, and `torch-fidelity`
    /// still does, to be comparable with FID's first paper.
    BilinearTensorFlow1,
}

/// Resizes pictures; keeps its buffers.
#[derive(Default)]
pub struct Resizing {
    resizer: Resizer,
    from: Vec<F32x3>,
    to: Vec<F32x3>,
}

impl Resize {
    /// As protocols name it, such as `bicubic-antialiased 224x224`.
    pub fn name(self, side: usize) -> String {
        let how = match self {
            Resize::BicubicAntialiased => "bicubic-antialiased",
            Resize::BilinearTensorFlow1 => "bilinear-tensorflow1",
        };
        format!("{how} {side}x{side}")
    }
}

impl Resizing {
    /// Brings a picture `[height, width, channels]` in [-1, 1], channels 1 or 3, to `[side, side, 3]` in [0, 255]. Numbers are
    /// rounded to bytes first, as if the picture had been stored; a grey one becomes three equal channels.
    ///
    /// # Panics
    /// Where the numbers are not a picture of this shape.
    pub fn apply(&mut self, how: Resize, picture: &[f32], shape: [usize; 3], to: &mut [f32], side: usize) {
        let [height, width, channels] = shape;
        assert!(
            picture.len() == height * width * channels && matches!(channels, 1 | 3) && !picture.is_empty(),
            "resize: {} numbers are no picture of shape {shape:?} with 1 or 3 channels",
            picture.len()
        );
        let byte = |x: f32| ((x + 1.0) * 127.5).round().clamp(0.0, 255.0);
        self.from.clear();
        match channels {
            1 => self.from.extend(picture.iter().map(|&grey| F32x3::new([byte(grey); 3]))),
            _ => {
                let (pixels, _) = picture.as_chunks::<3>();
                self.from.extend(pixels.iter().map(|pixel| F32x3::new(pixel.map(byte))));
            }
        }
        let (to, _) = to.as_chunks_mut::<3>();
        if [height, width] == [side; 2] {
            to.iter_mut().zip(&self.from).for_each(|(to, from)| *to = from.0);
            return;
        }
        match how {
            Resize::BicubicAntialiased => {
                self.bicubic([height, width], side);
                to.iter_mut().zip(&self.to).for_each(|(to, from)| *to = from.0.map(|x| x.clamp(0.0, 255.0)));
            }
            Resize::BilinearTensorFlow1 => bilinear(&self.from, [height, width], to, side),
        }
    }

    fn bicubic(&mut self, [height, width]: [usize; 2], side: usize) {
        self.to.resize(side * side, F32x3::new([0.0; 3]));
        let from = TypedImageRef::new(width as u32, height as u32, &self.from).expect("as many pixels as the picture has");
        let to = TypedImage::from_pixels_slice(side as u32, side as u32, &mut self.to);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
        let resized = self.resizer.resize_typed(&from, &mut to.expect("as many pixels as asked for"), &options);
        resized.expect("both pictures have one pixel type");
    }
}

/// The two pixels between which each of `side` pixels lies along an axis of this extent, and how near it is to the second.
fn neighbours(extent: usize, side: usize) -> impl Iterator<Item = (usize, usize, f32)> {
    let scale = extent as f32 / side as f32;
    (0..side).map(move |i| {
        let place = i as f32 * scale;
        let low = (place as usize).min(extent - 1);
        (low, (low + 1).min(extent - 1), place - low as f32)
    })
}

fn bilinear(from: &[F32x3], [height, width]: [usize; 2], to: &mut [[f32; 3]], side: usize) {
    let columns: Vec<_> = neighbours(width, side).collect();
    for (row, (top, bottom, down)) in to.chunks_exact_mut(side).zip(neighbours(height, side)) {
        let (top, bottom) = (&from[top * width..][..width], &from[bottom * width..][..width]);
        for (to, &(left, right, along)) in row.iter_mut().zip(&columns) {
            for (channel, to) in to.iter_mut().enumerate() {
                let between = |row: &[F32x3]| {
                    let (left, right) = (row[left].0[channel], row[right].0[channel]);
                    left + (right - left) * along
                };
                let (top, bottom) = (between(top), between(bottom));
                *to = top + (bottom - top) * down;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn pixels_are_those_of_pillow_and_of_tensorflow_1() {
        let text = include_str!("../../../../../reference/features/resize.json");
        let cases: Value = serde_json::from_str(text).unwrap();
        let floats = |value: &Value| -> Vec<f32> { serde_json::from_value(value.clone()).unwrap() };
        for case in cases.as_array().unwrap() {
            let shape: [usize; 3] = serde_json::from_value(case["shape"].clone()).unwrap();
            let side = case["side"].as_u64().unwrap() as usize;
            let picture: Vec<f32> = floats(&case["bytes"]).iter().map(|byte| byte / 127.5 - 1.0).collect();
            for (how, name) in [(Resize::BicubicAntialiased, "pillow"), (Resize::BilinearTensorFlow1, "tensorflow_1")] {
                let mut got = vec![0.0; side * side * 3];
                Resizing::default().apply(how, &picture, shape, &mut got, side);
                for (i, (got, expected)) in got.iter().zip(floats(&case[name])).enumerate() {
                    assert!((got - expected).abs() <= 5e-5, "{name} {shape:?} to {side}: number {i} is {got}, expected {expected}");
                }
            }
        }
    }

    #[test]
    fn the_same_size_is_rounded_to_bytes_and_no_more() {
        let mut to = [0.0; 3];
        Resizing::default().apply(Resize::BicubicAntialiased, &[0.5], [1, 1, 1], &mut to, 1);
        // 1.5 * 127.5 = 191.25
        assert_eq!(to, [191.0; 3]);
        Resizing::default().apply(Resize::BilinearTensorFlow1, &[-2.0, 0.0, 2.0], [1, 1, 3], &mut to, 1);
        assert_eq!(to, [0.0, 128.0, 255.0]);
    }

    #[test]
    fn names_are_those_of_protocols() {
        assert_eq!(Resize::BicubicAntialiased.name(224), "bicubic-antialiased 224x224");
        assert_eq!(Resize::BilinearTensorFlow1.name(299), "bilinear-tensorflow1 299x299");
    }
}
