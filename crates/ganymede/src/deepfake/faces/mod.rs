//! Faces in pictures: where they are, their landmarks, what they express and whose they are.
//!
//! The networks are those of the project face-api, whose weights `gany data get face-api` fetches; what they say equals what its
//! own JavaScript says of the same pictures (`reference/faces.mjs`). They were trained on photographs that nobody outside
//! of that project can look at: of whom they know little, they say little.
//!
//! ```no_run
//! use ganymede::deepfake::faces::Faces;
//!
//! let picture = image::open("group.jpg")?.to_rgb8();
//! let mut faces = Faces::open()?;
//! for found in faces.detect(&picture) {
//!     let identity = faces.identity(&picture, found.area);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
mod detector;
mod extractor;
mod identity;
mod likeness;
mod separable;

pub use detector::Detection;
pub use extractor::{EXPRESSIONS, LANDMARKS};
pub use identity::IDENTITY;
pub use likeness::Likeness;

use crate::metrics::features::loading::{Layout, Loader};
use crate::metrics::features::resize::{Resize, Resizing};
use crate::metrics::features::{FeaturesError, fetched};
use crate::weights::Weights;
use detector::Detector;
use extractor::Extractor;
use gany_engine::{Buffer, DType, Program, Tensor};
use identity::Identity;
use image::RgbImage;

/// Part of a picture, in pixels from its upper left corner. It may reach outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// The left edge.
    pub left: f32,
    /// The upper edge.
    pub top: f32,
    /// From the left edge to the right one.
    pub width: f32,
    /// From the upper edge to the lower one.
    pub height: f32,
}

impl Area {
    /// All of a picture.
    pub fn of(picture: &RgbImage) -> Area {
        Area {
            left: 0.0,
            top: 0.0,
            width: picture.width() as f32,
            height: picture.height() as f32,
        }
    }
}

/// The mean colour that the networks of whole faces subtract.
const MEAN_RGB: [f32; 3] = [122.782, 117.001, 104.298];

/// The networks, compiled.
pub struct Faces {
    detector: Detector,
    landmarks: Compiled,
    expression: Compiled,
    identity: Compiled,
}

impl Faces {
    /// The networks with the weights that were fetched.
    ///
    /// # Errors
    /// [`FeaturesError`]: they were not fetched, or are damaged.
    pub fn open() -> Result<Faces, FeaturesError> {
        let detector = Detector::load(&loader(&weights("tiny_face_detector_model")?))?;
        let [landmarks, expression] = [
            ("face_landmark_68_model", 2 * LANDMARKS),
            ("face_expression_model", EXPRESSIONS.len()),
        ]
        .map(|(name, outputs)| Ok::<_, FeaturesError>(Extractor::load(&loader(&weights(name)?), outputs)?));
        let (landmarks, expression) = (landmarks?, expression?);
        let identity = Identity::fetched()?;
        Ok(Faces {
            detector,
            landmarks: Compiled::new(extractor::SIDE, |x| landmarks.forward(&centred(x))),
            expression: Compiled::new(extractor::SIDE, |x| expression.forward(&centred(x)).softmax(1)),
            identity: Compiled::new(identity::SIDE, |x| identity.forward(&centred(x))),
        })
    }

    /// The faces of a picture, the surest first.
    pub fn detect(&mut self, picture: &RgbImage) -> Vec<Detection> {
        self.detector.detect(picture)
    }

    /// The 68 landmarks (iBUG 300-W's order) of the face in this area, as pixels of the picture: right and down.
    pub fn landmarks(&mut self, picture: &RgbImage, area: Area) -> [[f32; 2]; LANDMARKS] {
        let square = Square::around(picture, area);
        let said = self.landmarks.run(&square.resized(extractor::SIDE));
        std::array::from_fn(|i| square.place([said[2 * i], said[2 * i + 1]]))
    }

    /// How likely the face in this area expresses each of [`EXPRESSIONS`].
    pub fn expression(&mut self, picture: &RgbImage, area: Area) -> [f32; EXPRESSIONS.len()] {
        let square = Square::around(picture, area).resized(extractor::SIDE);
        self.expression.run(&square).try_into().expect("a number for each")
    }

    /// Numbers that are near (Euclidean distance below about 0.6) for faces of one person.
    pub fn identity(&mut self, picture: &RgbImage, area: Area) -> [f32; IDENTITY] {
        let square = Square::around(picture, area).resized(identity::SIDE);
        self.identity.run(&square).try_into().expect("as many numbers")
    }
}

/// The weights of a network of face-api, where they were fetched.
fn weights(name: &str) -> Result<Weights, FeaturesError> {
    let first = fetched("face-api")?;
    Ok(Weights::read(
        &first.with_file_name(format!("{name}-weights_manifest.json")),
    )?)
}

fn loader(weights: &Weights) -> Loader<'_> {
    Loader {
        weights,
        layout: Layout::TensorFlow,
        epsilon: 0.0,
    }
}

fn centred(x: &Tensor) -> Tensor {
    (x - Tensor::from_f32(&[3], &MEAN_RGB)) / 255.0
}

/// A network compiled for one square picture.
struct Compiled {
    program: Program,
    picture: [Buffer; 1],
}

impl Compiled {
    /// Compiles a function of pictures `[1, side, side, 3]` in [0, 255], in which all weights have values.
    fn new(side: usize, forward: impl Fn(&Tensor) -> Tensor) -> Compiled {
        let x = Tensor::placeholder(DType::F32, &[1, side, side, 3]);
        let said = forward(&x);
        Compiled {
            program: Program::compile(&[x], &[said], &[None]),
            picture: [Buffer::zeros(DType::F32, side * side * 3)],
        }
    }

    /// What it says of the numbers of a square picture.
    fn run(&mut self, picture: &[f32]) -> &[f32] {
        self.picture[0].as_f32_mut().copy_from_slice(picture);
        self.program.run(&mut self.picture);
        self.program.output(0)
    }
}

/// A part of a picture with black bars that make it square.
struct Square {
    /// `[side, side, 3]` in [-1, 1]
    pixels: Vec<f32>,
    side: usize,
    /// Where the square's upper left corner lies in the picture, in pixels: right and down.
    corner: [f32; 2],
}

impl Square {
    /// The part of the picture that lies in the area, in the middle of a square.
    fn around(picture: &RgbImage, area: Area) -> Square {
        let [columns, rows] = [
            (area.left, area.width, picture.width()),
            (area.top, area.height, picture.height()),
        ]
        .map(|(from, extent, limit)| {
            let within = |at: f32| at.floor().clamp(0.0, limit as f32) as u32;
            let from = within(from).min(limit - 1);
            from..(from + within(extent).max(1)).min(limit)
        });
        let side = columns.len().max(rows.len());
        Square::placed(
            picture,
            columns.clone(),
            rows.clone(),
            [(side - columns.len()) / 2, (side - rows.len()) / 2],
        )
    }

    /// These columns and rows of a picture, so many pixels right of and below the corner of a square.
    fn placed(
        picture: &RgbImage,
        columns: std::ops::Range<u32>,
        rows: std::ops::Range<u32>,
        [right, down]: [usize; 2],
    ) -> Square {
        let side = columns.len().max(rows.len());
        let mut pixels = vec![-1.0; side * side * 3];
        for (y, row) in rows.clone().enumerate() {
            for (x, column) in columns.clone().enumerate() {
                let to = &mut pixels[((y + down) * side + x + right) * 3..][..3];
                let from = picture.get_pixel(column, row).0;
                to.iter_mut()
                    .zip(from)
                    .for_each(|(to, byte)| *to = f32::from(byte) / 127.5 - 1.0);
            }
        }
        Square {
            pixels,
            side,
            corner: [columns.start as f32 - right as f32, rows.start as f32 - down as f32],
        }
    }

    /// Its pixels at another size, in [0, 255], as TensorFlow brings them there.
    fn resized(&self, side: usize) -> Vec<f32> {
        let mut to = vec![0.0; side * side * 3];
        let shape = [self.side, self.side, 3];
        Resizing::default().apply(Resize::BilinearTensorFlow1, &self.pixels, shape, &mut to, side);
        to
    }

    /// Where a point of the square, of sides 1, lies in the picture.
    fn place(&self, [right, down]: [f32; 2]) -> [f32; 2] {
        [
            self.corner[0] + right * self.side as f32,
            self.corner[1] + down * self.side as f32,
        ]
    }
}

#[cfg(test)]
mod tests;
