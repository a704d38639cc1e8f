//! From one code to the next.
//!
//! Latent vectors are normal, so nearly all of them lie close to a sphere, and the straight line between two leaves it: its
//! middle is of a length that training never saw. Shoemake 1985, "Animating rotation with quaternion curves", goes along the
//! great circle instead (slerp), and White 2016, "Sampling Generative Networks", arXiv:1609.04468, does so with latent vectors:
//!
//! ```text
//! lerp(a, b, t)  = (1 - t) a + t b
//! slerp(a, b, t) = sin((1 - t) o) / sin(o) a + sin(t o) / sin(o) b,     o the angle between a and b
//! ```
//!
//! Styles lie on no sphere; there the straight line is the natural way.
use super::{Code, CodeSpace};
use crate::named::named_enum;

named_enum! {
    /// The way from one vector to another.
    "interpolation" Interpolation {
        /// The straight line.
        Lerp = "lerp",
        /// The great circle.
        Slerp = "slerp",
    }
}

impl Interpolation {
    /// What suits codes of a space.
    pub fn natural(space: CodeSpace) -> Interpolation {
        match space {
            CodeSpace::Z => Interpolation::Slerp,
            CodeSpace::W => Interpolation::Lerp,
        }
    }

    /// The vector at t from 0, which is a, to 1, which is b.
    ///
    /// # Panics
    /// Where they have not equally many numbers.
    pub fn between(self, a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
        assert_eq!(a.len(), b.len(), "interpolation: vectors of one space");
        match self {
            Interpolation::Lerp => weighted(a, b, 1.0 - t, t),
            Interpolation::Slerp => slerp(a, b, t),
        }
    }
}

fn weighted(a: &[f32], b: &[f32], of_a: f64, of_b: f64) -> Vec<f32> {
    let sum = |(a, b): (&f32, &f32)| (f64::from(*a) * of_a + f64::from(*b) * of_b) as f32;
    a.iter().zip(b).map(sum).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// Sines of angles below this are of vectors that lie on one line.
const ON_A_LINE: f64 = 1e-6;

fn slerp(a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
    let [length_a, length_b] = [a, b].map(|vector| dot(vector, vector).sqrt());
    if length_a * length_b == 0.0 {
        return weighted(a, b, 1.0 - t, t);
    }
    let cosine = (dot(a, b) / (length_a * length_b)).clamp(-1.0, 1.0);
    let angle = cosine.acos();
    let sine = angle.sin();
    if sine > ON_A_LINE {
        return weighted(a, b, ((1.0 - t) * angle).sin() / sine, (t * angle).sin() / sine);
    }
    if cosine > 0.0 {
        return weighted(a, b, 1.0 - t, t);
    }
    // Between opposite vectors every great circle is as short: the one by way of the axis that a is least along. Its ends must be
    // a and b themselves.
    let side = at_right_angles(a, length_a);
    let length = (1.0 - t) * length_a + t * length_b;
    let half = std::f64::consts::PI * t;
    weighted(a, &side, half.cos() * length / length_a, half.sin() * length)
}

/// A unit vector at right angles to a, which is not 0 and of this length, in the plane of a and an axis.
fn at_right_angles(a: &[f32], length: f64) -> Vec<f32> {
    let smallest = (0..a.len())
        .min_by(|i, j| a[*i].abs().total_cmp(&a[*j].abs()))
        .unwrap_or(0);
    let along = f64::from(a[smallest]) / (length * length);
    let mut side: Vec<f64> = a.iter().map(|x| -along * f64::from(*x)).collect();
    side[smallest] += 1.0;
    let norm = side.iter().map(|x| x * x).sum::<f64>().sqrt();
    if norm < ON_A_LINE {
        // There is but one axis.
        return vec![0.0; a.len()];
    }
    side.iter().map(|x| (x / norm) as f32).collect()
}

/// So many codes from one to another, both included; their class is that of the first.
pub fn leg(from: &Code, to: &Code, count: usize, by: Interpolation) -> Vec<Code> {
    let last = count.saturating_sub(1).max(1) as f64;
    (0..count).map(|i| at(from, to, i as f64 / last, by)).collect()
}

fn at(from: &Code, to: &Code, t: f64, by: Interpolation) -> Code {
    Code {
        // Not computed where it is known: a sample is itself to the last bit.
        values: match t {
            0.0 => from.values.clone(),
            1.0 => to.values.clone(),
            t => by.between(&from.values, &to.values, t),
        },
        class: from.class,
    }
}

/// The legs from each stop to the next, and, where the path is closed, from the last to the first; all in the class of the
/// first stop.
pub fn legs(stops: &[Code], count: usize, by: Interpolation, is_closed: bool) -> Vec<Vec<Code>> {
    pairs(stops, is_closed)
        .map(|(from, to)| leg(&from, &to, count, by))
        .collect()
}

/// The whole way as frames, so many for each leg: no stop is there twice, and behind the last frame of a closed path comes its
/// first.
pub fn frames(stops: &[Code], count: usize, by: Interpolation, is_closed: bool) -> Vec<Code> {
    let mut frames: Vec<Code> = pairs(stops, is_closed)
        .flat_map(|(from, to)| (0..count).map(move |i| at(&from, &to, i as f64 / count as f64, by)))
        .collect();
    let arrival = stops.last().filter(|_| !is_closed);
    frames.extend(arrival.map(|stop| in_class_of(stops, stop)));
    frames
}

fn pairs(stops: &[Code], is_closed: bool) -> impl Iterator<Item = (Code, Code)> {
    let legs = if is_closed {
        stops.len()
    } else {
        stops.len().saturating_sub(1)
    };
    (0..legs).map(|i| {
        (
            in_class_of(stops, &stops[i]),
            in_class_of(stops, &stops[(i + 1) % stops.len()]),
        )
    })
}

fn in_class_of(stops: &[Code], stop: &Code) -> Code {
    Code {
        class: stops.first().and_then(|first| first.class),
        ..stop.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: &[f32], expected: &[f32]) {
        let is_near = got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(is_near && got.len() == expected.len(), "{got:?} for {expected:?}");
    }

    #[test]
    fn a_third_of_a_right_angle_is_thirty_degrees() {
        let at = |t| Interpolation::Slerp.between(&[1.0, 0.0, 0.0], &[0.0, 1.0, 0.0], t);
        near(&at(1.0 / 3.0), &[3_f32.sqrt() / 2.0, 0.5, 0.0]);
        near(&at(0.5), &[0.5_f32.sqrt(), 0.5_f32.sqrt(), 0.0]);
        for t in [0.0, 0.1, 0.37, 0.9, 1.0] {
            assert!((dot(&at(t), &at(t)) - 1.0).abs() < 1e-6, "on the unit sphere at {t}");
        }
        near(
            &Interpolation::Lerp.between(&[1.0, 0.0], &[0.0, 1.0], 0.25),
            &[0.75, 0.25],
        );
    }

    #[test]
    fn vectors_on_one_line_are_no_exception() {
        let slerp = |a: &[f32], b: &[f32], t| Interpolation::Slerp.between(a, b, t);
        near(&slerp(&[1.0, 1.0], &[3.0, 3.0], 0.5), &[2.0, 2.0]);
        near(&slerp(&[0.0, 0.0], &[3.0, 4.0], 0.5), &[1.5, 2.0]);
        // Opposite ones: over the second axis, as long as they are in between.
        for (t, expected) in [(0.0, [2.0, 0.0]), (0.5, [0.0, 3.0]), (1.0, [-4.0, 0.0])] {
            near(&slerp(&[2.0, 0.0], &[-4.0, 0.0], t), &expected);
        }
        near(&slerp(&[1.0], &[-1.0], 1.0), &[-1.0]);
    }

    fn stops() -> Vec<Code> {
        let code = |values: [f32; 2], class| Code {
            values: values.to_vec(),
            class: Some(class),
        };
        vec![code([1.0, 0.0], 3), code([0.0, 1.0], 4), code([0.0, 2.0], 5)]
    }

    #[test]
    fn a_path_visits_every_stop_once_in_the_class_of_the_first() {
        let (stops, by) = (stops(), Interpolation::Slerp);
        let open = frames(&stops, 4, by, false);
        assert_eq!(open.len(), 9);
        for (frame, stop) in [(0, 0), (4, 1), (8, 2)] {
            assert_eq!(open[frame].values, stops[stop].values);
        }
        assert!(open.iter().all(|code| code.class == Some(3)));
        let closed = frames(&stops, 4, by, true);
        assert_eq!((closed.len(), &closed[8].values), (12, &stops[2].values));
        let rows = legs(&stops, 5, by, true);
        assert_eq!(rows.len(), 3);
        assert_eq!(
            (&rows[2][0].values, &rows[2][4].values),
            (&stops[2].values, &stops[0].values)
        );
    }
}
