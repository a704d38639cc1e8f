//! Pictures in fog beside what they were without it.
use std::f32::consts::TAU;
use std::sync::Arc;

use super::error::{DataError, Result};
use super::order::hash;
use super::pairs::x_b;
use super::{Dataset, Extra, Field, Shape, sha256_hex};

/// Every picture of another set in fog (x), and clear (x_b). The fog is [`in_fog`]'s, drawn from the number of the picture.
#[derive(Debug)]
pub struct Fog {
    name: String,
    digest: String,
    clear: Arc<dyn Dataset>,
    extras: [Extra; 1],
    has: Vec<Field>,
}

impl Fog {
    /// Over this set.
    ///
    /// # Errors
    /// [`DataError::Unfit`] where it holds no pictures.
    pub fn new(name: &str, clear: Arc<dyn Dataset>) -> Result<Fog> {
        if clear.shape().picture().is_none() {
            return Err(DataError::Unfit {
                spec: name.to_owned(),
                expected: "pictures",
                got: "points or volumes".into(),
            });
        }
        Ok(Fog {
            name: name.to_owned(),
            digest: sha256_hex(&[b"fog, version 1: ", clear.digest().as_bytes()]),
            extras: [x_b(clear.shape())],
            has: [clear.has(), &[Field::XB]].concat(),
            clear,
        })
    }
}

/// A picture `[height, width, channels]` in fog: `x = t J + (1 - t) A` with `t = exp(-beta d)` (Koschmieder 1924). Thickness
/// beta and colour A are drawn, one a picture, and so is the depth d: it grows to one side, with hills, since none is known
/// of a photograph. `J`, `A` and the result are in [-1, 1]; equal seeds give equal fog.
pub fn in_fog(picture: &[f32], [height, width, channels]: [usize; 3], seed: u64) -> Vec<f32> {
    let mut drawn = 0;
    let mut draw = || {
        drawn += 1;
        (hash(seed, drawn) >> 40) as f32 / (1_u64 << 24) as f32
    };
    let (beta, grey) = (0.4 + 1.2 * draw(), 0.75 + 0.25 * draw());
    let colour: Vec<f32> = (0..channels).map(|_| grey + 0.06 * (draw() - 0.5)).collect();
    let (dx, dy) = (TAU * draw()).sin_cos();
    let phases = [TAU * draw(), TAU * draw()];
    let pixel = |(i, pixel): (usize, &[f32])| -> Vec<f32> {
        let y = (i / width) as f32 / height as f32 - 0.5;
        let x = (i % width) as f32 / width as f32 - 0.5;
        let hills = (5.0 * x + phases[0]).sin() * (5.0 * y + phases[1]).sin();
        let t = (-beta * (1.0 + 0.8 * (dx * x + dy * y) + 0.2 * hills)).exp();
        let fogged = |(v, a): (&f32, &f32)| (t * v + (1.0 - t) * (2.0 * a - 1.0)).clamp(-1.0, 1.0);
        pixel.iter().zip(&colour).map(fogged).collect()
    };
    picture.chunks_exact(channels).enumerate().flat_map(pixel).collect()
}

impl Dataset for Fog {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn len(&self) -> Option<u64> {
        self.clear.len()
    }

    fn shape(&self) -> Shape {
        self.clear.shape()
    }

    fn classes(&self) -> Option<&[String]> {
        self.clear.classes()
    }

    fn has(&self) -> &[Field] {
        &self.has
    }

    fn extras(&self) -> &[Extra] {
        &self.extras
    }

    fn notes(&self) -> &[String] {
        self.clear.notes()
    }

    fn example_name(&self, index: u64) -> Option<&str> {
        self.clear.example_name(index)
    }

    fn caption(&self, index: u64) -> Option<&str> {
        self.clear.caption(index)
    }

    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
        let class = self.clear.read(index, x)?;
        if let Some(shape) = self.shape().picture() {
            x.copy_from_slice(&in_fog(x, shape, index));
        }
        Ok(class)
    }

    fn read_extra(&self, _: usize, index: u64, to: &mut [f32]) -> Result<()> {
        self.clear.read(index, to).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Want, open};

    /// Fog takes contrast away, never adds it, and leaves the clear picture beside.
    #[test]
    fn fog_lies_over_the_picture_beside_it() {
        let want = Want::default();
        let (foggy, clear) = (
            open("fog:fashion-mnist-10k", &want).unwrap(),
            open("fashion-mnist-10k", &want).unwrap(),
        );
        assert_eq!(foggy.has(), &[Field::X, Field::Y, Field::XB][..]);
        let mut beside = vec![0.0; 28 * 28];
        for index in 0..20 {
            let ((x, y), (real, class)) = (foggy.example(index).unwrap(), clear.example(index).unwrap());
            foggy.read_extra(0, index, &mut beside).unwrap();
            assert_eq!((&beside, y), (&real, class));
            let spread =
                |v: &[f32]| v.iter().fold(f32::MIN, |m, v| m.max(*v)) - v.iter().fold(f32::MAX, |m, v| m.min(*v));
            assert!(spread(&x) < spread(&real), "{index}");
            assert_eq!(x, in_fog(&real, [28, 28, 1], index));
        }
        let error = open("fog:ring", &want).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot make `fog:ring`: expected pictures, got points or volumes"
        );
    }
}
