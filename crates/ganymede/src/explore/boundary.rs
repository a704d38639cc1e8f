//! InterFaceGAN: the way from one class to another is at right angles to the plane that parts them.
//!
//! Shen et al. 2020, "Interpreting the Latent Space of GANs for Semantic Face Editing", arXiv:1907.10786, sections 3.1 and 3.2.
//!
//! ```text
//! n, c = argmin_{n, c} mean_j softplus(-s_j (n^T x_j + c)) + lambda/2 |n|^2,    s_j = 1 or -1 for the one class or the other
//! x' = x + a n / |n|
//! ```
//!
//! x_j are codes of samples, and s_j is what a classifier says of their pictures; it was trained on real pictures alone. Simplified:
//! the plane is that of a logistic regression of all samples of both classes, where the paper has a support vector machine on
//! those that the classifier is surest of.
use super::{Code, CodeShape, Directions, ExploreError, Explorer, Method, Pick, STATISTICS_SEED};
use crate::data::Shape;
use crate::metrics::{Classifier, Logistic};

/// Samples that the classifier is asked about.
const SAMPLES: usize = 4000;
/// Fewer of a class tell no plane.
const LEAST: usize = 40;
/// Every fifth sample is kept to measure the plane by.
const HELD_OUT: usize = 5;

/// The direction from samples that a classifier calls `from`, or anything else where that is not said, to those that it calls
/// `to`. Its strength is the share of held-out samples on the right side of the plane, of both classes alike.
///
/// # Errors
/// Where the classifier takes pictures of another shape, or calls too few samples by either name.
///
/// # Panics
/// Where the classifier has no such class.
pub fn direction(
    explorer: &mut Explorer,
    classifier: &mut Classifier,
    to: usize,
    from: Option<usize>,
) -> Result<Directions, ExploreError> {
    let record = classifier.record().clone();
    let made = match explorer.sampler().shape() {
        Shape::Picture {
            height,
            width,
            channels,
        } => [height, width, channels],
        _ => [0; 3],
    };
    if record.shape != made {
        let named = |[height, width, channels]: [usize; 3]| format!("{width}x{height} with {channels} channels");
        return Err(ExploreError::OtherPictures {
            data: record.data,
            expected: named(record.shape),
            got: named(made),
        });
    }
    let picks: Vec<Pick> = (0..SAMPLES)
        .map(|number| Pick {
            seed: STATISTICS_SEED,
            number,
        })
        .collect();
    let codes = explorer.codes(&picks, None);
    let called = classifier.predict(&explorer.pictures(&codes));
    let sides: Vec<Option<bool>> = called
        .iter()
        .map(|class| match *class as usize {
            class if class == to => Some(true),
            class => from.is_none_or(|from| from == class).then_some(false),
        })
        .collect();
    for (side, class) in [(true, Some(to)), (false, from)] {
        let got = sides.iter().filter(|is| **is == Some(side)).count();
        if got < LEAST {
            return Err(ExploreError::TooFew {
                class: class.map_or("anything else".to_owned(), |class| record.classes[class].clone()),
                got,
                of: SAMPLES,
                least: LEAST,
            });
        }
    }
    let (normal, share) = plane(&codes, &sides, explorer.shape());
    Ok(Directions::new(explorer, Method::Boundary, normal, vec![share]))
}

/// The unit normal of the plane between codes of the one and the other side, and the share of held-out codes on the right one.
fn plane(codes: &[Code], sides: &[Option<bool>], shape: CodeShape) -> (Vec<f64>, f64) {
    let chosen = codes
        .iter()
        .zip(sides)
        .filter_map(|(code, side)| Some((&code.values[..shape.floats], (*side)?)));
    let (mut learnt, mut kept) = ((vec![], vec![]), (vec![], vec![]));
    for (number, (values, side)) in chosen.enumerate() {
        let (x, s) = if number % HELD_OUT == 0 { &mut kept } else { &mut learnt };
        x.extend_from_slice(values);
        s.push(if side { 1.0 } else { -1.0 });
    }
    let plane = Logistic::fit(&learnt.0, &learnt.1, shape.floats);
    let is_right = |(x, s): (&[f32], &f32)| plane.height(x) * f64::from(*s) > 0.0;
    // Each class counts the same, however many there are of it.
    let share_of = |side: f32| {
        let of_side = kept
            .0
            .chunks_exact(shape.floats)
            .zip(&kept.1)
            .filter(|(_, s)| **s == side);
        let (right, all) = of_side.fold((0, 0), |(right, all), one| {
            (right + usize::from(is_right(one)), all + 1)
        });
        right as f64 / f64::from(all.max(1))
    };
    let normal = &plane.weights;
    let length = normal.iter().map(|n| n * n).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    let share = (share_of(1.0) + share_of(-1.0)) / 2.0;
    (normal.iter().map(|n| n / length).collect(), share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::games::latent_vectors;

    /// What lies above the plane 3 x + 4 y = 5 is the one class; of a few that lie below, nothing is known.
    #[test]
    fn a_plane_that_parts_two_classes_is_found() {
        let codes: Vec<Code> = latent_vectors(5, 0, 2000, 2)
            .chunks_exact(2)
            .map(|values| Code {
                // Two layers are told the same.
                values: values.repeat(2),
                class: None,
            })
            .collect();
        let height = |code: &Code| 0.6 * code.values[0] + 0.8 * code.values[1] - 1.0;
        let side = |(number, code)| (height(code) > 0.0 || number % 7 != 0).then_some(height(code) > 0.0);
        let sides: Vec<Option<bool>> = codes.iter().enumerate().map(side).collect();
        let (normal, share) = plane(&codes, &sides, CodeShape { layers: 2, floats: 2 });
        assert!(
            (normal[0] - 0.6).abs() < 0.03 && (normal[1] - 0.8).abs() < 0.03,
            "{normal:?}"
        );
        assert!(share > 0.97, "{share}");
    }
}
