//! A face put into a picture without a seam: the picture that has the differences between neighbours of the one inside of a mask, and is
//! the other outside.
//!
//! Perez, Gangnet and Blake 2003, "Poisson image editing", equations 7 and 8, for what is added to the face, h = f - g:
//!
//! ```text
//! for all p inside:  sum over neighbours q of (h_p - h_q) = 0,   h = picture - face outside
//! ```
//!
//! So what is added is as smooth as it can be, like a skin over the seam. The matrix is symmetric and positive, and a face has some ten
//! thousand pixels: conjugate gradients solve it in a few hundred passes over the mask, of any outline, without the grids of other
//! sizes that a multigrid would need for it.
use super::plane::Plane;

/// The largest difference of the equations, in parts of the way from -1 to 1, that is left: a tenth of a level of 255.
const TOLERANCE: f64 = 1e-3;
/// No more passes than this: the longest that a mask of a million pixels takes.
const MOST_PASSES: usize = 2_000;

/// The picture with the face where the mask is more than 0, both of one shape; the mask `[height, width, 1]`.
pub fn seamless(picture: &Plane, face: &Plane, mask: &Plane) -> Plane {
    let [height, width, channels] = picture.shape;
    let inside: Vec<usize> = (0..height * width).filter(|pixel| mask.values[*pixel] > 0.0).collect();
    let mut numbers = vec![OUTSIDE; height * width];
    inside
        .iter()
        .zip(0..)
        .for_each(|(pixel, number)| numbers[*pixel] = number);
    let neighbours: Vec<[Option<usize>; 4]> = inside.iter().map(|pixel| around(*pixel, height, width)).collect();
    let equations = Equations {
        neighbours: neighbours
            .iter()
            .map(|around| around.map(|pixel| pixel.map_or(OUTSIDE, |pixel| numbers[pixel])))
            .collect(),
        counts: neighbours
            .iter()
            .map(|around| around.iter().flatten().count() as f64)
            .collect(),
    };
    let mut blended = picture.clone();
    for channel in 0..channels {
        let away = |pixel: usize| {
            f64::from(picture.values[pixel * channels + channel] - face.values[pixel * channels + channel])
        };
        let from_outside = |around: &[Option<usize>; 4]| {
            let outside = around.iter().flatten().filter(|pixel| numbers[**pixel] == OUTSIDE);
            outside.map(|pixel| away(*pixel)).sum::<f64>()
        };
        let right: Vec<f64> = neighbours.iter().map(from_outside).collect();
        let added = equations.solved(&right);
        for (pixel, added) in inside.iter().zip(added) {
            let at = pixel * channels + channel;
            blended.values[at] = face.values[at] + added as f32;
        }
    }
    blended
}

/// The picture with as much of the face in each pixel as the mask says.
pub fn feathered(picture: &Plane, face: &Plane, mask: &Plane) -> Plane {
    let mut blended = picture.clone();
    let channels = picture.channels();
    let pixels = blended
        .values
        .chunks_exact_mut(channels)
        .zip(face.values.chunks_exact(channels));
    for ((to, face), share) in pixels.zip(&mask.values) {
        to.iter_mut()
            .zip(face)
            .for_each(|(to, face)| *to += share * (face - *to));
    }
    blended
}

/// The number of a pixel that is not inside.
const OUTSIDE: usize = usize::MAX;

/// The pixels above, below and beside one, where there are any.
fn around(pixel: usize, height: usize, width: usize) -> [Option<usize>; 4] {
    let (row, column) = (pixel / width, pixel % width);
    [
        (row > 0).then(|| pixel - width),
        (row + 1 < height).then(|| pixel + width),
        (column > 0).then(|| pixel - 1),
        (column + 1 < width).then(|| pixel + 1),
    ]
}

/// For each pixel inside: those around it that are inside too, and how many lie around it in all.
struct Equations {
    neighbours: Vec<[usize; 4]>,
    counts: Vec<f64>,
}

impl Equations {
    /// `counts h - the sum of h around`.
    fn apply(&self, h: &[f64], to: &mut [f64]) {
        for (i, to) in to.iter_mut().enumerate() {
            let sum: f64 = self.neighbours[i].iter().filter_map(|number| h.get(*number)).sum();
            *to = self.counts[i] * h[i] - sum;
        }
    }

    /// Hestenes and Stiefel 1952, "Methods of conjugate gradients for solving linear systems".
    fn solved(&self, right: &[f64]) -> Vec<f64> {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut h = vec![0.0; right.len()];
        let (mut rest, mut direction, mut image) = (right.to_vec(), right.to_vec(), h.clone());
        let mut square = dot(&rest, &rest);
        for _ in 0..MOST_PASSES {
            if rest.iter().all(|x| x.abs() < TOLERANCE) {
                break;
            }
            self.apply(&direction, &mut image);
            let step = square / dot(&direction, &image);
            h.iter_mut().zip(&direction).for_each(|(h, d)| *h += step * d);
            rest.iter_mut().zip(&image).for_each(|(r, i)| *r -= step * i);
            let before = std::mem::replace(&mut square, dot(&rest, &rest));
            if !square.is_finite() {
                break;
            }
            direction
                .iter_mut()
                .zip(&rest)
                .for_each(|(d, r)| *d = r + square / before * *d);
        }
        h
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(shape: [usize; 2], value: impl Fn(usize, usize) -> f32) -> Plane {
        let pixels = (0..shape[0] * shape[1]).map(|i| value(i / shape[1], i % shape[1]));
        Plane {
            shape: [shape[0], shape[1], 1],
            values: pixels.collect(),
        }
    }

    fn middle(shape: [usize; 2]) -> Plane {
        let is_inside = |at: usize, extent: usize| (2..extent - 2).contains(&at);
        grey(shape, |y, x| {
            f32::from(u8::from(is_inside(y, shape[0]) && is_inside(x, shape[1])))
        })
    }

    fn near(got: &Plane, expected: &Plane) {
        let most = got
            .values
            .iter()
            .zip(&expected.values)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(most < 5e-3, "{most}");
    }

    /// A constant in a constant is gone altogether, and a face that is brighter all over keeps its own differences.
    #[test]
    fn the_seam_of_two_constants_is_gone() {
        let (picture, mask) = (grey([9, 12], |_, _| 0.25), middle([9, 12]));
        near(&seamless(&picture, &grey([9, 12], |_, _| -0.75), &mask), &picture);
        let face = |level: f32| grey([9, 12], move |y, x| level + if (y, x) == (4, 6) { 0.5 } else { 0.0 });
        near(&seamless(&picture, &face(-0.75), &mask), &face(0.25));
    }

    /// A line is its own mean of neighbours: what is added to the black between a slope is the slope.
    #[test]
    fn what_is_added_is_as_smooth_as_can_be() {
        let slope = grey([10, 10], |y, x| 0.1 * x as f32 - 0.05 * y as f32);
        near(&seamless(&slope, &Plane::new([10, 10, 1]), &middle([10, 10])), &slope);
    }

    #[test]
    fn a_mask_without_an_outside_takes_the_face_as_it_is() {
        let face = grey([3, 3], |y, _| y as f32 / 4.0);
        assert_eq!(seamless(&Plane::new([3, 3, 1]), &face, &grey([3, 3], |_, _| 1.0)), face);
        assert_eq!(seamless(&face, &Plane::new([3, 3, 1]), &Plane::new([3, 3, 1])), face);
    }

    #[test]
    fn a_soft_mask_takes_shares() {
        let (picture, face) = (grey([1, 3], |_, _| -1.0), grey([1, 3], |_, _| 1.0));
        let blended = feathered(&picture, &face, &grey([1, 3], |_, x| x as f32 / 2.0));
        assert_eq!(blended.values, [-1.0, 0.0, 1.0]);
    }
}
