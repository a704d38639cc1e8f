//! Temporal consistency: a face that is made frame by frame trembles, and is not quite the same person from frame to frame.
//!
//! ```text
//! jitter        = mean_t mean_i |q_i(t-1) - 2 q_i(t) + q_i(t+1)|      q: landmarks without the face's own place, size and turn
//! identity step = mean_t |e(t+1) - e(t)|                              e: the identity of face-api, 128 numbers
//! ```
//!
//! Yang, Li and Lyu 2019, "Exposing Deep Fakes Using Inconsistent Head Poses", arXiv:1811.00661, and Amerini et al. 2019, "Deepfake
//! Video Detection through Optical Flow based CNN", look for the same by other means. Simplified: two numbers without a
//! classifier, to be held against those of films that are known to be true.
use crate::deepfake::faces::{Faces, IDENTITY, LANDMARKS};
use image::RgbImage;

/// Landmarks of a face: right and down, in pixels.
pub type Landmarks = [[f32; 2]; LANDMARKS];

/// A face over the frames of a film.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Track {
    /// Its landmarks, frame by frame.
    pub landmarks: Vec<Landmarks>,
    /// Who it is, frame by frame.
    pub identities: Vec<[f32; IDENTITY]>,
    /// Frames in which there was no face.
    pub missed: usize,
}

impl Track {
    /// The surest face of each frame.
    pub fn of(frames: &[RgbImage], faces: &mut Faces) -> Track {
        let mut track = Track::default();
        for frame in frames {
            let Some(found) = faces.detect(frame).into_iter().next() else {
                track.missed += 1;
                continue;
            };
            track.landmarks.push(faces.landmarks(frame, found.area));
            track.identities.push(faces.identity(frame, found.area));
        }
        track
    }
}

/// The outer corners of the eyes (iBUG 300-W's numbers, from 0).
const CORNERS: [usize; 2] = [36, 45];

/// Landmarks where the corners of the eyes lie at (-1/2, 0) and (1/2, 0): without place, size and turn.
pub fn upright(landmarks: &Landmarks) -> [[f64; 2]; LANDMARKS] {
    let [left, right] = CORNERS.map(|i| landmarks[i].map(f64::from));
    let middle = [0, 1].map(|axis| (left[axis] + right[axis]) / 2.0);
    let across = [0, 1].map(|axis| right[axis] - left[axis]);
    let square = (across[0].powi(2) + across[1].powi(2)).max(1e-9);
    landmarks.map(|point| {
        let [x, y] = [0, 1].map(|axis| f64::from(point[axis]) - middle[axis]);
        [
            (x * across[0] + y * across[1]) / square,
            (y * across[0] - x * across[1]) / square,
        ]
    })
}

/// How landmarks tremble: the mean length of their second differences over three frames, in distances between the eyes; 0 for
/// fewer frames.
pub fn jitter(landmarks: &[Landmarks]) -> f64 {
    let upright: Vec<_> = landmarks.iter().map(upright).collect();
    let second = |three: &[[[f64; 2]; LANDMARKS]]| -> f64 {
        let of_point = |i: usize| {
            let [x, y] = [0, 1].map(|axis| three[0][i][axis] - 2.0 * three[1][i][axis] + three[2][i][axis]);
            x.hypot(y)
        };
        (0..LANDMARKS).map(of_point).sum::<f64>() / LANDMARKS as f64
    };
    let lengths: Vec<f64> = upright.windows(3).map(second).collect();
    lengths.iter().sum::<f64>() / lengths.len().max(1) as f64
}

/// How far identities move from one frame to the next, on average; 0 for fewer than two frames.
pub fn identity_step(identities: &[[f32; IDENTITY]]) -> f64 {
    let length = |pair: &[[f32; IDENTITY]]| -> f64 {
        let squares = pair[0].iter().zip(&pair[1]).map(|(a, b)| f64::from(a - b).powi(2));
        squares.sum::<f64>().sqrt()
    };
    let steps: Vec<f64> = identities.windows(2).map(length).collect();
    steps.iter().sum::<f64>() / steps.len().max(1) as f64
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A face whose landmarks lie on a spiral, moved, turned and made larger.
    pub(in crate::deepfake::detect) fn face(right: f32, down: f32, turn: f32, size: f32) -> Landmarks {
        std::array::from_fn(|i| {
            let (angle, radius) = (i as f32 * 0.7, 10.0 + i as f32);
            let [x, y] = [radius * angle.cos(), radius * angle.sin()];
            let [x, y] = [x * turn.cos() - y * turn.sin(), x * turn.sin() + y * turn.cos()];
            [right + size * x, down + size * y]
        })
    }

    #[test]
    fn a_head_that_moves_does_not_tremble() {
        let moving: Vec<Landmarks> = (0..9)
            .map(|t| t as f32)
            .map(|t| face(5.0 * t, t * t, 0.05 * t, 1.0 + 0.1 * t))
            .collect();
        assert!(jitter(&moving) < 1e-5, "{}", jitter(&moving));
        assert_eq!(jitter(&moving[..2]), 0.0);
    }

    #[test]
    fn trembling_by_hand() {
        // One landmark jumps by a tenth of the distance between the eyes and back, every frame: 4 tenths each time.
        let mut frames = vec![face(0.0, 0.0, 0.0, 1.0); 6];
        let [left, right] = CORNERS.map(|i| frames[0][i]);
        let between = (right[0] - left[0]).hypot(right[1] - left[1]);
        for (t, frame) in frames.iter_mut().enumerate() {
            frame[7][0] += if t % 2 == 0 { 0.1 } else { -0.1 } * between;
        }
        assert!((jitter(&frames) - 0.4 / 68.0).abs() < 1e-5, "{}", jitter(&frames));
    }

    #[test]
    fn identities_by_hand() {
        let mut moved = [0.0; IDENTITY];
        (moved[3], moved[90]) = (3.0, 4.0);
        assert_eq!(identity_step(&[[0.0; IDENTITY], moved, moved]), 2.5);
        assert_eq!(identity_step(&[moved]), 0.0);
    }
}
