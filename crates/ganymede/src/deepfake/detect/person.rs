//! A person's fingerprint: which movements of a face go together differs from person to person, and an impostor has his own.
//!
//! Agarwal, Farid, Gu, He, Nagano and Li 2019, "Protecting World Leaders Against Deep Fakes", CVPR Workshops, section 2.
//!
//! ```text
//! r_ij     = corr(m_i(t), m_j(t)) over a clip             m: nod, shake, tilt, mouth's opening and width, brows, eyes
//! distance = mean_ij (r_ij - mean_ij)^2 / (deviation_ij^2 + 0.05^2)
//! ```
//!
//! Simplified: seven movements read off landmarks, where the paper has twenty of a face tracker, and a distance to the clips of one
//! person, each correlation alone, where it has a support vector machine of one class. No film of a known person is in any
//! package that can be reached, so it was only ever tested on made series.
use super::audio_visual::correlation;
use super::temporal::{Landmarks, upright};

/// Movements that are followed.
pub const MOVEMENTS: usize = 7;
/// Pairs of them.
pub const PAIRS: usize = MOVEMENTS * (MOVEMENTS - 1) / 2;
/// What is added to a deviation, as long as a few clips say little of it.
const LEAST_DEVIATION: f64 = 0.05;

/// The movements of a face at a moment, in distances between the eyes; tilt in radians.
pub fn movements(landmarks: &Landmarks) -> [f64; MOVEMENTS] {
    let at = upright(landmarks);
    let apart = |a: usize, b: usize| (at[a][0] - at[b][0]).hypot(at[a][1] - at[b][1]);
    let across = [0, 1].map(|axis| f64::from(landmarks[45][axis] - landmarks[36][axis]));
    // The nose's tip over the line of the eyes and off their middle; the eyes' line; lips; brows over eyes; lids.
    [
        at[30][1],
        at[30][0],
        across[1].atan2(across[0]),
        apart(62, 66),
        apart(48, 54),
        (apart(19, 37) + apart(24, 44)) / 2.0,
        (apart(37, 41) + apart(44, 46)) / 2.0,
    ]
}

/// Which movements of a clip go together: the correlation of each pair.
pub fn correlations(clip: &[[f64; MOVEMENTS]]) -> [f64; PAIRS] {
    let series = |i: usize| clip.iter().map(|moment| moment[i]).collect::<Vec<f64>>();
    let pairs = (0..MOVEMENTS).flat_map(|i| (i + 1..MOVEMENTS).map(move |j| (i, j)));
    let all: Vec<f64> = pairs.map(|(i, j)| correlation(&series(i), &series(j))).collect();
    all.try_into().expect("a number for each pair")
}

/// How one person moves.
#[derive(Clone, Debug, PartialEq)]
pub struct Fingerprint {
    mean: [f64; PAIRS],
    variance: [f64; PAIRS],
}

impl Fingerprint {
    /// From clips of this person.
    ///
    /// # Panics
    /// Where there is none.
    pub fn of(clips: &[Vec<[f64; MOVEMENTS]>]) -> Fingerprint {
        assert!(!clips.is_empty(), "fingerprint: no clips");
        let all: Vec<[f64; PAIRS]> = clips.iter().map(|clip| correlations(clip)).collect();
        let mean_of = |f: &dyn Fn(usize, f64) -> f64| -> [f64; PAIRS] {
            std::array::from_fn(|k| all.iter().map(|r| f(k, r[k])).sum::<f64>() / all.len() as f64)
        };
        let mean = mean_of(&|_, r| r);
        let variance = mean_of(&|k, r| (r - mean[k]).powi(2));
        Fingerprint { mean, variance }
    }

    /// How unlike this person a clip moves: about 1 for the same person, more for others.
    pub fn distance(&self, clip: &[[f64; MOVEMENTS]]) -> f64 {
        let found = correlations(clip);
        let of_pair = |k: usize| (found[k] - self.mean[k]).powi(2) / (self.variance[k] + LEAST_DEVIATION.powi(2));
        (0..PAIRS).map(of_pair).sum::<f64>() / PAIRS as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::temporal::tests::face;
    use super::*;
    use crate::data::order;

    /// A clip of somebody whose movements are mixed of the same few moods, by weights that are his own.
    fn clip(person: u64, seed: u64) -> Vec<[f64; MOVEMENTS]> {
        let draw = |a: u64, b: u64| order::unit(order::hash(a, b)) - 0.5;
        let moment = |t: u64| -> [f64; MOVEMENTS] {
            std::array::from_fn(|i| {
                let moods = (0..3).map(|mood| draw(person, i as u64 * 3 + mood) * draw(order::hash(seed, mood), t));
                moods.sum::<f64>() + 0.1 * draw(order::hash(seed, 99 + i as u64), t)
            })
        };
        (0..150).map(moment).collect()
    }

    #[test]
    fn a_person_is_told_from_others() {
        let known: Vec<_> = (0..10).map(|seed| clip(1, seed)).collect();
        let fingerprint = Fingerprint::of(&known);
        for seed in 20..25 {
            let own = fingerprint.distance(&clip(1, seed));
            let other = fingerprint.distance(&clip(2 + seed, seed));
            assert!(own < 3.0 && other > 2.0 * own, "{own} {other}");
        }
    }

    #[test]
    fn movements_are_those_of_the_face() {
        let still = movements(&face(3.0, 4.0, 0.0, 1.0));
        let turned = movements(&face(-9.0, 1.0, 0.3, 2.0));
        assert!((turned[2] - still[2] - 0.3).abs() < 1e-5, "tilt");
        for i in [0, 1, 3, 4, 5, 6] {
            assert!(
                (turned[i] - still[i]).abs() < 1e-4,
                "place, size and turn change nothing else: {i}"
            );
        }
    }
}
