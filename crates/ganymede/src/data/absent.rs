//! No data: what a run has whose weights were trained elsewhere. All that is known is the shape that they would have.
use super::error::{DataError, Result};
use super::{Dataset, Shape, check_lengths, sha256_hex};

/// How such data are written: `absent:64x96x3`, pictures of 64 rows and 96 columns of 3 channels.
pub(crate) const KIND: &str = "absent";

/// A data set whose examples are not there.
#[derive(Debug)]
pub struct Absent {
    spec: String,
    digest: String,
    shape: Shape,
}

impl Absent {
    /// How data of this shape that are not there are written; `None` for what are no pictures.
    pub fn spec(shape: Shape) -> Option<String> {
        match shape {
            Shape::Picture {
                height,
                width,
                channels,
            } => Some(format!("{KIND}:{height}x{width}x{channels}")),
            _ => None,
        }
    }

    /// Whether data that are written so are not there.
    pub fn is(spec: &str) -> bool {
        spec.split_once(':').is_some_and(|(kind, _)| kind == KIND)
    }

    /// What stands behind `absent:`.
    pub(super) fn parse(rest: &str) -> Option<Absent> {
        let extents: Vec<usize> = rest
            .split('x')
            .map(|extent| extent.parse().ok())
            .collect::<Option<_>>()?;
        let [height, width, channels @ 1..=4] = extents[..] else {
            return None;
        };
        let shape = Shape::Picture {
            height,
            width,
            channels,
        };
        let spec = Absent::spec(shape)?;
        Some(Absent {
            digest: sha256_hex(&[spec.as_bytes()]),
            spec,
            shape,
        })
    }
}

impl Dataset for Absent {
    fn name(&self) -> &str {
        "none"
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn len(&self) -> Option<u64> {
        Some(0)
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn read(&self, _: u64, _: &mut [f32]) -> Result<u32> {
        Err(DataError::Absent {
            spec: self.spec.clone(),
        })
    }

    fn batch(&self, _: u64, _: u64, count: usize, x: &mut [f32], y: &mut [f32]) -> Result<()> {
        check_lengths(self.shape.floats(), count, x, y);
        self.read(0, x).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::Absent;
    use crate::data::{Shape, Want, open};

    #[test]
    fn data_that_are_absent_have_a_shape_and_nothing_to_read() {
        let data = open("absent:8x12x3", &Want::default()).unwrap();
        let shape = Shape::Picture {
            height: 8,
            width: 12,
            channels: 3,
        };
        assert_eq!((data.shape(), data.len()), (shape, Some(0)));
        assert!(Absent::is("absent:8x12x3") && !Absent::is("absent/photos"));
        let error = data.batch(0, 0, 1, &mut vec![0.0; 8 * 12 * 3], &mut [0.0]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "this run has no data: its weights were imported without any (absent:8x12x3)"
        );
        for other in ["absent:8x12", "absent:8x12x9", "absent:x"] {
            assert!(open(other, &Want::default()).is_err(), "{other}");
        }
    }
}
