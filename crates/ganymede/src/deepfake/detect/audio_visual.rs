//! Audio-visual consistency: a mouth that speaks opens when it is loud.
//!
//! ```text
//! score = max over lags |l| <= most of corr(opening(t + l), loudness(t))
//! ```
//!
//! Chung and Zisserman 2016, "Out of time: automated lip sync in the wild", learn what goes together; here it is the opening of
//! the inner lips and the root mean square of the sound, which a true recording holds together within a few frames. No film in
//! any package that can be reached has a face that speaks, so it was only ever tested on made series.
use super::temporal::{Landmarks, upright};

/// The middles of the inner lips (iBUG 300-W's numbers, from 0).
const LIPS: [usize; 2] = [62, 66];

/// How far a mouth is open, frame by frame, in distances between the eyes.
pub fn openings(landmarks: &[Landmarks]) -> Vec<f64> {
    let opening = |landmarks: &Landmarks| {
        let [upper, lower] = LIPS.map(|i| upright(landmarks)[i]);
        (upper[0] - lower[0]).hypot(upper[1] - lower[1])
    };
    landmarks.iter().map(opening).collect()
}

/// The root mean square of a mono sound over each of so many frames of equal length.
pub fn loudness(sound: &[f32], frames: usize) -> Vec<f64> {
    let of_frame = |t: usize| {
        let part = &sound[t * sound.len() / frames..(t + 1) * sound.len() / frames];
        let square = part.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
        (square / part.len().max(1) as f64).sqrt()
    };
    (0..frames).map(of_frame).collect()
}

/// Where two series agree best.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Agreement {
    /// Frames by which the first lags behind the second.
    pub lag_frames: i64,
    /// Pearson's correlation there, from -1 to 1; 0 where a series does not move.
    pub correlation: f64,
}

/// The lag of at most so many frames at which two series agree best, over what they have in common.
pub fn best(openings: &[f64], loudness: &[f64], most_frames: usize) -> Agreement {
    let most = most_frames as i64;
    let at = |lag: i64| {
        let (first, second) = (lag.max(0) as usize, (-lag).max(0) as usize);
        let a = openings.get(first..).unwrap_or_default();
        let b = loudness.get(second..).unwrap_or_default();
        let common = a.len().min(b.len());
        Agreement {
            lag_frames: lag,
            correlation: correlation(&a[..common], &b[..common]),
        }
    };
    // Of lags that agree alike, the shortest.
    let mut lags: Vec<i64> = (-most..=most).collect();
    lags.sort_by_key(|lag| lag.abs());
    let pick = |best: Agreement, other: Agreement| {
        if other.correlation > best.correlation {
            other
        } else {
            best
        }
    };
    lags.into_iter().map(at).reduce(pick).expect("a lag of none")
}

/// Pearson's correlation; 0 where one of both does not move, or there are fewer than three.
pub(super) fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |series: &[f64]| series.iter().sum::<f64>() / series.len().max(1) as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(a, b)| f(a - mean_a, b - mean_b)).sum::<f64>();
    let scale = (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt();
    if a.len() < 3 || scale < 1e-12 {
        0.0
    } else {
        sum(&|a, b| a * b) / scale
    }
}

#[cfg(test)]
mod tests {
    use super::super::temporal::tests::face;
    use super::*;
    use crate::data::order;

    #[test]
    fn a_mouth_follows_its_sound_and_no_other() {
        let frames = 60;
        let talk = |seed: u64| -> Vec<f64> {
            (0..frames as u64)
                .map(|t| order::unit(order::hash(seed, t / 3)))
                .collect()
        };
        // A tone that is as loud as the talk, and lips that open two frames later.
        let sound: Vec<f32> = (0..frames * 400)
            .map(|i| (talk(1)[i / 400] * (i as f64 * 0.3).sin()) as f32)
            .collect();
        let lips: Vec<Landmarks> = (0..frames)
            .map(|t| {
                let mut face = face(t as f32, 0.0, 0.0, 1.0);
                (face[62], face[66]) = ([0.0, 0.0], [0.0, 20.0 * talk(1)[t.saturating_sub(2)] as f32]);
                face
            })
            .collect();
        let loud = loudness(&sound, frames);
        let found = best(&openings(&lips), &loud, 5);
        assert!(found.lag_frames == 2 && found.correlation > 0.98, "{found:?}");
        let other = best(&talk(2), &loud, 5);
        assert!(other.correlation < 0.6, "{other:?}");
    }

    #[test]
    fn what_does_not_move_agrees_with_nothing() {
        assert_eq!(
            best(&[1.0; 9], &[1.0, 2.0, 3.0], 1),
            Agreement {
                lag_frames: 0,
                correlation: 0.0
            }
        );
        assert_eq!(best(&[], &[], 3).correlation, 0.0);
        assert_eq!(loudness(&[], 2), [0.0, 0.0]);
        assert!((loudness(&[3.0, 4.0, 0.0, 0.0], 2)[0] - 12.5_f64.sqrt()).abs() < 1e-12);
    }
}
