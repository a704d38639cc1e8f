//! Faces brought upright, to one place and to one size, and back: the similarity (turn, stretch and shift) that brings five
//! points of a face as near as possible to where an aligned face has them.
//!
//! Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns", equations 40 to 42. In the plane, with
//! p and q less their means, no singular values are needed:
//!
//! ```text
//! q ~ (a -b; b a) p + t,   a = sum p . q / sum |p|^2,   b = sum p x q / sum |p|^2
//! ```
use super::faces::LANDMARKS;
use super::plane::Plane;

/// The landmarks of a face, in pixels: right and down.
pub type Landmarks = [[f32; 2]; LANDMARKS];

/// Where the middles of both eyes, the tip of the nose and both corners of the mouth lie in an aligned face of side 1: the places
/// that recognition has them at (Deng et al. 2019, "ArcFace", arXiv:1801.07698), made symmetric, at three quarters of the size, so that chin and
/// forehead are inside.
pub const CANONICAL: [[f64; 2]; 5] = [
    [0.382, 0.40],
    [0.618, 0.40],
    [0.5, 0.535],
    [0.402, 0.672],
    [0.598, 0.672],
];

/// The landmarks whose means are the five points.
const ANCHORS: [std::ops::Range<usize>; 5] = [36..42, 42..48, 30..31, 48..49, 54..55];

/// `x' = a x - b y + right`, `y' = b x + a y + down`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    a: f64,
    b: f64,
    right: f64,
    down: f64,
}

impl Similarity {
    /// The one that brings points nearest to others, by least squares; nothing where all of the first are one point, or a number
    /// is not finite.
    pub fn between(from: &[[f64; 2]], to: &[[f64; 2]]) -> Option<Similarity> {
        let mean = |points: &[[f64; 2]]| {
            let sum = points.iter().fold([0.0; 2], |sum, p| [sum[0] + p[0], sum[1] + p[1]]);
            sum.map(|sum| sum / points.len() as f64)
        };
        let (p_mean, q_mean) = (mean(from), mean(to));
        let (mut dot, mut cross, mut square) = (0.0, 0.0, 0.0);
        for (p, q) in from.iter().zip(to) {
            let (p, q) = ([0, 1].map(|i| p[i] - p_mean[i]), [0, 1].map(|i| q[i] - q_mean[i]));
            dot += p[0] * q[0] + p[1] * q[1];
            cross += p[0] * q[1] - p[1] * q[0];
            square += p[0] * p[0] + p[1] * p[1];
        }
        let (a, b) = (dot / square, cross / square);
        let is_sound = a.is_finite() && b.is_finite() && a.hypot(b) > 0.0;
        is_sound.then(|| Similarity {
            a,
            b,
            right: q_mean[0] - (a * p_mean[0] - b * p_mean[1]),
            down: q_mean[1] - (b * p_mean[0] + a * p_mean[1]),
        })
    }

    /// The one that brings a face with these landmarks to where an aligned picture of this side has it.
    pub fn upright(landmarks: &Landmarks, side: usize) -> Option<Similarity> {
        let canonical = CANONICAL.map(|point| point.map(|part| part * side as f64));
        Similarity::between(&anchors(landmarks), &canonical)
    }

    /// Where a point comes to lie.
    pub fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [
            self.a * x - self.b * y + self.right,
            self.b * x + self.a * y + self.down,
        ]
    }

    /// The one that undoes it.
    pub fn inverse(&self) -> Similarity {
        let square = self.a * self.a + self.b * self.b;
        let (a, b) = (self.a / square, -self.b / square);
        Similarity {
            a,
            b,
            right: -(a * self.right - b * self.down),
            down: -(b * self.right + a * self.down),
        }
    }

    /// The same of a picture that begins so many pixels further right and down.
    pub fn shifted(&self, left: u32, top: u32) -> Similarity {
        let [right, down] = self.place([left.into(), top.into()]);
        Similarity { right, down, ..*self }
    }

    /// How many times longer things become.
    pub fn scale(&self) -> f64 {
        self.a.hypot(self.b)
    }

    /// Landmarks where they come to lie.
    pub fn landmarks(&self, landmarks: &Landmarks) -> Landmarks {
        landmarks.map(|point| self.place(point.map(f64::from)).map(|part| part as f32))
    }
}

/// The five points of a face.
fn anchors(landmarks: &Landmarks) -> [[f64; 2]; 5] {
    ANCHORS.map(|range| {
        let count = range.len() as f64;
        [0, 1].map(|axis| landmarks[range.clone()].iter().map(|p| f64::from(p[axis])).sum::<f64>() / count)
    })
}

/// How far a face is turned aside: how far the tip of the nose lies from the middle between the eyes, along the line through them,
/// in parts of their distance. About 0 of a face seen from before; beyond 0.4 an eye begins to hide.
pub fn turn(landmarks: &Landmarks) -> f64 {
    let [left, right, nose, ..] = anchors(landmarks);
    let along = [right[0] - left[0], right[1] - left[1]];
    let from_middle = [0, 1].map(|i| nose[i] - (left[i] + right[i]) / 2.0);
    (from_middle[0] * along[0] + from_middle[1] * along[1]) / (along[0] * along[0] + along[1] * along[1])
}

/// The picture `[height, width, channels]` in which each pixel is what lies at its place in another one; `to_source` says where.
/// Where the source is finer, a pixel is a mean over its area; beyond the borders are the outermost pixels.
pub fn resampled(source: &Plane, to_source: &Similarity, [height, width]: [usize; 2]) -> Plane {
    let parts = (to_source.scale().ceil() as usize).clamp(1, MOST_PARTS);
    let mut to = Plane::new([height, width, source.channels()]);
    let share = 1.0 / (parts * parts) as f32;
    for (i, pixel) in to.values.chunks_exact_mut(source.channels()).enumerate() {
        for part in 0..parts * parts {
            let within = |part: usize| (part as f64 + 0.5) / parts as f64;
            let place = [
                (i % width) as f64 + within(part % parts),
                (i / width) as f64 + within(part / parts),
            ];
            source.add(to_source.place(place), share, pixel);
        }
    }
    to
}

/// A pixel is the mean over at most so many places each way.
const MOST_PARTS: usize = 8;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A face of which the five points are where an aligned face of this side has them, and the rest in its middle.
    pub(crate) fn aligned(side: f32) -> Landmarks {
        let mut landmarks = [[side / 2.0; 2]; LANDMARKS];
        for (range, place) in ANCHORS.into_iter().zip(CANONICAL) {
            landmarks[range].fill(place.map(|part| part as f32 * side));
        }
        landmarks
    }

    /// A quarter turn, twice as long, three to the right and one up.
    #[test]
    fn a_similarity_is_recovered_from_points() {
        let from = [[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]];
        let to = [[3.0, -1.0], [3.0, 1.0], [-1.0, -1.0]];
        let found = Similarity::between(&from, &to).unwrap();
        let expected = Similarity {
            a: 0.0,
            b: 2.0,
            right: 3.0,
            down: -1.0,
        };
        for (got, expected) in [(found.a, 0.0), (found.b, 2.0), (found.right, 3.0), (found.down, -1.0)] {
            assert!((got - expected).abs() < 1e-12, "{found:?}");
        }
        for point in from {
            let back = expected.inverse().place(expected.place(point));
            assert!(
                (back[0] - point[0]).abs() + (back[1] - point[1]).abs() < 1e-12,
                "{back:?}"
            );
        }
        assert_eq!(Similarity::between(&[[1.0, 1.0]; 3], &to), None);
        assert_eq!(Similarity::between(&[[f64::NAN, 1.0], [0.0, 0.0]], &to[..2]), None);
    }

    /// Two points that moved apart by a factor of 3 and a third that says 1: least squares, by hand a = (2 * 3 + 0) / 2.
    #[test]
    fn what_no_similarity_fits_is_fitted_by_least_squares() {
        let found = Similarity::between(
            &[[-1.0, 0.0], [1.0, 0.0], [0.0, 0.0]],
            &[[-3.0, 0.0], [3.0, 0.0], [0.0, 3.0]],
        )
        .unwrap();
        assert_eq!((found.a, found.b, found.right, found.down), (3.0, 0.0, 0.0, 1.0));
    }

    #[test]
    fn a_face_goes_to_its_place_and_knows_how_it_is_turned() {
        // Half as large, elsewhere.
        let face = aligned(32.0).map(|[x, y]| [x + 10.0, y + 5.0]);
        let upright = Similarity::upright(&face, 64).unwrap();
        assert!((upright.scale() - 2.0).abs() < 1e-5);
        let placed = upright.landmarks(&face);
        assert!(
            placed
                .iter()
                .zip(aligned(64.0))
                .all(|(a, b)| (a[0] - b[0]).abs() + (a[1] - b[1]).abs() < 1e-3)
        );
        assert!(turn(&face).abs() < 1e-6);
        let mut turned = face;
        // The eyes are 0.236 * 32 apart.
        turned[30][0] += 0.5 * 0.236 * 32.0;
        assert!((turn(&turned) - 0.5).abs() < 1e-5);
    }

    #[test]
    fn pixels_come_from_their_places() {
        let source = Plane {
            shape: [2, 2, 1],
            values: vec![0.0, 4.0, 8.0, 12.0],
        };
        let shifted = Similarity {
            a: 1.0,
            b: 0.0,
            right: 0.5,
            down: 0.0,
        };
        assert_eq!(resampled(&source, &shifted, [2, 2]).values, [2.0, 4.0, 10.0, 12.0]);
        // One pixel for all four is their mean, not one of them.
        let shrunk = Similarity {
            a: 2.0,
            right: 0.0,
            ..shifted
        };
        assert_eq!(resampled(&source, &shrunk, [1, 1]).values, [6.0]);
    }
}
