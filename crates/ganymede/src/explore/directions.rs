//! Directions that codes can be moved along, however they were found.
use super::{Code, CodeSpace, ExploreError, Explorer};
use crate::named::named_enum;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, serialize};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

named_enum! {
    /// How directions were found.
    "method" Method {
        /// Where codes, or what the first layer makes of them, vary most (GANSpace).
        Principal = "principal",
        /// What the generator's first weights stretch most (SeFa).
        Factors = "factors",
        /// From one class to another (InterFaceGAN).
        Boundary = "boundary",
    }
}

/// What a file of directions says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct About {
    method: Method,
    space: CodeSpace,
    system: String,
    run_seed: u64,
    step: u64,
}

/// Directions of a run's codes, the most important first.
#[derive(Clone, Debug, PartialEq)]
pub struct Directions {
    about: About,
    /// Unit vectors of a layer, `[count, floats]`.
    pub vectors: Vec<f64>,
    /// Deviation of fresh codes along each, `[count]`: the unit that codes are moved by.
    pub deviations: Vec<f64>,
    /// How important each is, `[count]`: the share of all variance along a principal component, the eigenvalue of a factor's
    /// share of all of them, the share of samples that lie on the right side of a boundary.
    pub strengths: Vec<f64>,
}

const METADATA: &str = "ganymede.directions";

impl Directions {
    /// Unit vectors `[count, floats]` of the codes that are explored, and their strengths. Which way a vector points is decided
    /// by its largest number, which is made positive, unless the method knows better.
    pub(super) fn new(
        explorer: &mut Explorer,
        method: Method,
        mut vectors: Vec<f64>,
        strengths: Vec<f64>,
    ) -> Directions {
        let floats = explorer.shape().floats;
        if method != Method::Boundary {
            vectors.chunks_exact_mut(floats).for_each(point_forward);
        }
        let stamp = explorer.sampler().stamp();
        Directions {
            about: About {
                method,
                space: explorer.space(),
                system: stamp.system,
                run_seed: stamp.seed,
                step: stamp.step,
            },
            deviations: explorer.deviations_along(&vectors),
            vectors,
            strengths,
        }
    }

    /// How they were found.
    pub fn method(&self) -> Method {
        self.about.method
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.deviations.len()
    }

    /// Direction number `number`, counted from 0, alone.
    ///
    /// # Errors
    /// [`ExploreError::DirectionNumber`], which counts from 1.
    pub fn only(&self, number: usize) -> Result<Directions, ExploreError> {
        let count = self.count();
        if number >= count {
            return Err(ExploreError::DirectionNumber {
                count,
                got: number.saturating_add(1),
            });
        }
        let floats = self.vectors.len() / count;
        Ok(Directions {
            about: self.about.clone(),
            vectors: self.vectors[number * floats..][..floats].to_vec(),
            deviations: vec![self.deviations[number]],
            strengths: vec![self.strengths[number]],
        })
    }

    /// A code moved along direction number `number`, counted from 0, by so many deviations, at some layers.
    ///
    /// # Panics
    /// Where there is no such direction, or the code has not so many layers.
    pub fn moved(&self, code: &Code, number: usize, by: f64, layers: &Range<usize>) -> Code {
        let floats = self.vectors.len() / self.count();
        let direction = &self.vectors[number * floats..][..floats];
        let step = by * self.deviations[number];
        let mut moved = code.clone();
        for layer in moved.values[layers.start * floats..layers.end * floats].chunks_exact_mut(floats) {
            let places = layer.iter_mut().zip(direction);
            places.for_each(|(x, d)| *x = (f64::from(*x) + step * d) as f32);
        }
        moved
    }

    /// Writes them to a safetensors file: `directions [count, floats]`, `deviations [count]`, `strengths [count]` in f32, and in
    /// its metadata what they are of.
    ///
    /// # Errors
    /// [`RunError::Io`](crate::run::RunError::Io).
    pub fn save(&self, path: &Path) -> Result<(), ExploreError> {
        let bytes = |numbers: &[f64]| {
            numbers
                .iter()
                .flat_map(|x| (*x as f32).to_le_bytes())
                .collect::<Vec<u8>>()
        };
        let count = self.count();
        let tensors = [
            (
                "directions",
                vec![count, self.vectors.len() / count.max(1)],
                bytes(&self.vectors),
            ),
            ("deviations", vec![count], bytes(&self.deviations)),
            ("strengths", vec![count], bytes(&self.strengths)),
        ];
        let views = tensors.iter().map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).expect("shape and bytes are its own");
            (*name, view)
        });
        let about = serde_json::to_string(&self.about).expect("a plain value");
        let file =
            serialize(views, Some(HashMap::from([(METADATA.to_owned(), about)]))).expect("tensors that are whole");
        std::fs::write(path, file).map_err(|source| crate::run::RunError::Io {
            doing: "write",
            source,
            path: path.to_owned(),
        })?;
        Ok(())
    }

    /// Reads what [`save`](Directions::save) has written for the run and the codes that are explored, at whatever step.
    ///
    /// # Errors
    /// [`ExploreError::Unreadable`], [`ExploreError::NoDirections`], [`ExploreError::OtherDirections`].
    pub fn load(path: &Path, explorer: &Explorer) -> Result<Directions, ExploreError> {
        let file = std::fs::read(path).map_err(|source| ExploreError::Unreadable {
            source: source.kind().into(),
            path: path.to_owned(),
        })?;
        let directions = Directions::read(&file).map_err(|reason| ExploreError::NoDirections {
            reason,
            path: path.to_owned(),
        })?;
        let stamp = explorer.sampler().stamp();
        let of = |system: &str, seed: u64, space: CodeSpace, floats: usize| {
            format!("{space} of {floats} numbers of `{system}` with run seed {seed}")
        };
        let expected = of(&stamp.system, stamp.seed, explorer.space(), explorer.shape().floats);
        let About {
            system,
            run_seed,
            space,
            ..
        } = &directions.about;
        let got = of(system, *run_seed, *space, directions.vectors.len() / directions.count());
        if expected != got {
            return Err(ExploreError::OtherDirections {
                expected,
                got,
                path: path.to_owned(),
            });
        }
        Ok(directions)
    }

    fn read(file: &[u8]) -> Result<Directions, String> {
        let (_, metadata) = SafeTensors::read_metadata(file).map_err(|error| error.to_string())?;
        let about = metadata.metadata().as_ref().and_then(|texts| texts.get(METADATA));
        let about = about.ok_or("it does not say what they are of")?;
        let about: About = serde_json::from_str(about).map_err(|error| error.to_string())?;
        let tensors = SafeTensors::deserialize(file).map_err(|error| error.to_string())?;
        let numbers = |name: &str| -> Result<Vec<f64>, String> {
            let tensor = tensors.tensor(name).map_err(|error| error.to_string())?;
            if tensor.dtype() != Dtype::F32 {
                return Err(format!("`{name}` has another type than f32"));
            }
            let (numbers, _) = tensor.data().as_chunks();
            Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes).into()).collect())
        };
        let directions = Directions {
            about,
            vectors: numbers("directions")?,
            deviations: numbers("deviations")?,
            strengths: numbers("strengths")?,
        };
        let count = directions.count();
        if count == 0 || directions.strengths.len() != count || !directions.vectors.len().is_multiple_of(count) {
            return Err("its tensors do not go together".to_owned());
        }
        Ok(directions)
    }
}

/// Turns a vector so that its largest number is positive: eigenvectors have no sign of their own.
fn point_forward(vector: &mut [f64]) {
    let largest = vector.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
    if largest.is_some_and(|largest| largest < 0.0) {
        vector.iter_mut().for_each(|x| *x = -*x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Directions {
        Directions {
            about: About {
                method: Method::Factors,
                space: CodeSpace::W,
                system: "stylegan".into(),
                run_seed: 3,
                step: 40,
            },
            vectors: vec![1.0, 0.0, 0.0, 1.0],
            deviations: vec![2.0, 0.5],
            strengths: vec![0.75, 0.25],
        }
    }

    #[test]
    fn codes_move_by_deviations_at_the_layers_that_are_told() {
        let code = Code {
            values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            class: None,
        };
        let moved = two().moved(&code, 1, -3.0, &(1..3));
        assert_eq!(moved.values, [1.0, 2.0, 3.0, 2.5, 5.0, 4.5]);
        assert_eq!(two().only(1).unwrap().moved(&code, 0, -3.0, &(1..3)), moved);
        assert!(matches!(
            two().only(2),
            Err(ExploreError::DirectionNumber { count: 2, got: 3 })
        ));
    }

    #[test]
    fn a_file_gives_back_what_was_written() {
        let there = tempfile::tempdir().unwrap();
        let path = there.path().join("two.safetensors");
        two().save(&path).unwrap();
        let file = std::fs::read(&path).unwrap();
        assert_eq!(Directions::read(&file), Ok(two()));
        for damaged in [&file[..file.len() - 1], b"{}", b""] {
            assert!(Directions::read(damaged).is_err());
        }
    }

    #[test]
    fn vectors_point_forward() {
        let mut vector = [0.6, -0.8];
        point_forward(&mut vector);
        assert_eq!(vector, [-0.6, 0.8]);
    }
}
