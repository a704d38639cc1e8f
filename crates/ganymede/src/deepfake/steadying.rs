//! Landmarks of a film that tremble from frame to frame, steadied: slow movements are smoothed much, fast ones hardly, so that nothing lags.
//!
//! Casiez, Roussel and Vogel 2012, "1 EUR filter: a simple speed-based low-pass filter for noisy input in interactive systems":
//!
//! ```text
//! x^_t = x^_(t-1) + alpha(f) (x_t - x^_(t-1)),   f = least + beta |speed|,   alpha(f) = 1 / (1 + fps / (2 pi f))
//! ```
use super::alignment::Landmarks;
use std::f64::consts::TAU;

/// Frequency in hertz below which a point that rests is smoothed away.
const LEAST_HZ: f64 = 1.5;
/// The same for speeds, as the paper has it.
const SPEED_HZ: f64 = 1.0;
/// How many hertz more for a speed of one width of the face a second.
const BETA: f64 = 6.0;
/// A face whose middle moves further than this between frames, in its widths, is another one.
const JUMP: f64 = 0.5;

/// What is known of the frames before.
pub struct Steady {
    fps: f64,
    last: Option<(Landmarks, [[f64; 2]; super::faces::LANDMARKS])>,
}

impl Steady {
    /// Nothing is known yet of a film of so many frames a second.
    pub fn new(fps: f64) -> Steady {
        Steady {
            fps: fps.max(1.0),
            last: None,
        }
    }

    /// A frame had no face: the next one begins anew.
    pub fn lost(&mut self) {
        self.last = None;
    }

    /// The landmarks of the next frame, steadied.
    pub fn next(&mut self, landmarks: &Landmarks) -> Landmarks {
        let (width, middle) = extent(landmarks);
        let is_same = |(last, _): &(Landmarks, _)| {
            let (_, before) = extent(last);
            (middle[0] - before[0]).hypot(middle[1] - before[1]) <= JUMP * width
        };
        let Some((last, speeds)) = self.last.filter(is_same) else {
            self.last = Some((*landmarks, [[0.0; 2]; super::faces::LANDMARKS]));
            return *landmarks;
        };
        let alpha = |hz: f64| 1.0 / (1.0 + self.fps / (TAU * hz));
        let (mut steadied, mut faster) = (*landmarks, speeds);
        for (i, point) in landmarks.iter().enumerate() {
            for axis in 0..2 {
                let moved = f64::from(point[axis] - last[i][axis]);
                let speed = &mut faster[i][axis];
                *speed += alpha(SPEED_HZ) * (moved * self.fps / width.max(1.0) - *speed);
                steadied[i][axis] = last[i][axis] + (alpha(LEAST_HZ + BETA * speed.abs()) * moved) as f32;
            }
        }
        self.last = Some((steadied, faster));
        steadied
    }
}

/// How wide a face is and where its middle lies.
fn extent(landmarks: &Landmarks) -> (f64, [f64; 2]) {
    let xs = || landmarks.iter().map(|point| f64::from(point[0]));
    let width = xs().fold(f64::NEG_INFINITY, f64::max) - xs().fold(f64::INFINITY, f64::min);
    let mean = |axis: usize| landmarks.iter().map(|point| f64::from(point[axis])).sum::<f64>() / landmarks.len() as f64;
    (width, [mean(0), mean(1)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deepfake::alignment::tests::aligned;

    fn moved(right: f32) -> Landmarks {
        aligned(100.0).map(|[x, y]| [x + right, y])
    }

    /// At 2 pi 1.5 frames a second a resting point is moved half of the way; the speed's part adds to that, so a little more.
    #[test]
    fn a_tremble_is_halved_where_the_filter_is_that_slow() {
        let mut steady = Steady::new(TAU * LEAST_HZ);
        assert_eq!(steady.next(&moved(0.0)), moved(0.0));
        let got = steady.next(&moved(0.01))[0][0] - moved(0.0)[0][0];
        assert!((0.0049..0.0053).contains(&got), "{got}");
    }

    #[test]
    fn trembling_points_become_still_and_moving_ones_do_not_lag() {
        let mut steady = Steady::new(25.0);
        let trembling: Vec<f32> = (0..50)
            .map(|i| steady.next(&moved(if i % 2 == 0 { 0.2 } else { -0.2 }))[0][0] - moved(0.0)[0][0])
            .collect();
        assert!(trembling[40..].iter().all(|x| x.abs() < 0.06), "{:?}", &trembling[40..]);
        let mut steady = Steady::new(25.0);
        let last = (0..50)
            .map(|i| steady.next(&moved(3.0 * i as f32))[0][0])
            .last()
            .unwrap();
        assert!(moved(147.0)[0][0] - last < 3.0, "a frame behind at most");
    }

    #[test]
    fn another_face_begins_anew() {
        let mut steady = Steady::new(25.0);
        steady.next(&moved(0.0));
        assert_eq!(steady.next(&moved(90.0)), moved(90.0));
        steady.lost();
        assert_eq!(steady.next(&moved(90.1)), moved(90.1));
    }
}
