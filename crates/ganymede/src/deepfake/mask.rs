//! Which pixels belong to a face: the convex hull of its landmarks, drawn in and with a soft border.
//!
//! Inside a convex polygon the distance to its border is the smallest of the distances to its edges, d. So one formula draws in and
//! softens: `mask = clamp((d - inset) / softness, 0, 1)`.
use super::alignment::Landmarks;
use super::plane::Plane;

/// The brows, which the hull is raised above, left and right.
const BROWS: [(std::ops::Range<usize>, std::ops::Range<usize>); 2] = [(17..22, 36..42), (22..27, 42..48)];
/// How far, in parts of the way from the eye to its brow.
const RAISED: f32 = 0.6;

/// The points around a face: its landmarks, the brows raised to take in some of the forehead.
pub fn around(landmarks: &Landmarks) -> Vec<[f32; 2]> {
    let mut points = landmarks.to_vec();
    for (brow, eye) in BROWS {
        let middle = [0, 1].map(|axis| eye.clone().map(|i| landmarks[i][axis]).sum::<f32>() / eye.len() as f32);
        for point in &mut points[brow] {
            *point = [0, 1].map(|axis| point[axis] + RAISED * (point[axis] - middle[axis]));
        }
    }
    points
}

/// The corners of the convex hull of points, in the order in which x turns to y (Andrew 1979, "Another efficient algorithm for convex
/// hulls in two dimensions"); fewer than three where all lie on a line.
pub fn hull(points: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let mut points: Vec<[f32; 2]> = points
        .iter()
        .copied()
        .filter(|p| p.iter().all(|x| x.is_finite()))
        .collect();
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    points.dedup();
    let chain = |points: &mut dyn Iterator<Item = [f32; 2]>| {
        let mut chain: Vec<[f32; 2]> = vec![];
        for point in points {
            while let [.., a, b] = chain[..]
                && cross(a, b, point) <= 0.0
            {
                chain.pop();
            }
            chain.push(point);
        }
        chain.pop();
        chain
    };
    let mut corners = chain(&mut points.iter().copied());
    corners.extend(chain(&mut points.iter().rev().copied()));
    corners
}

/// Twice the area of a triangle, positive where it turns from x to y.
fn cross(a: [f32; 2], b: [f32; 2], c: [f32; 2]) -> f32 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

/// How much of each pixel belongs to the hull of points, `[height, width, 1]` from 0 to 1: 0 up to `inset` pixels inside of the border,
/// 1 from `softness` pixels further in.
pub fn drawn(points: &[[f32; 2]], [height, width]: [usize; 2], inset: f32, softness: f32) -> Plane {
    let corners = hull(points);
    let mut mask = Plane::new([height, width, 1]);
    if corners.len() < 3 {
        return mask;
    }
    let edges: Vec<([f32; 2], [f32; 2])> = (0..corners.len())
        .map(|i| (corners[i], corners[(i + 1) % corners.len()]))
        .collect();
    let within = |axis: usize, extent: usize| {
        let places = || corners.iter().map(move |corner| corner[axis]);
        let low = places().fold(f32::INFINITY, f32::min).max(0.0) as usize;
        low..(places().fold(0.0, f32::max).ceil() as usize).min(extent)
    };
    for y in within(1, height) {
        for x in within(0, width) {
            let place = [x as f32 + 0.5, y as f32 + 0.5];
            let distance =
                |(from, to): &([f32; 2], [f32; 2])| cross(*from, *to, place) / (to[0] - from[0]).hypot(to[1] - from[1]);
            let inside = edges.iter().map(distance).fold(f32::INFINITY, f32::min);
            mask.values[y * width + x] = ((inside - inset) / softness.max(f32::MIN_POSITIVE)).clamp(0.0, 1.0);
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hull_has_the_outer_corners_alone() {
        let square = [[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]];
        let inner = [[1.0, 1.0], [2.0, 0.0], [f32::NAN, 9.0], [4.0, 4.0]];
        assert_eq!(hull(&[&inner[..], &square[..]].concat()), square);
        assert!(hull(&[[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]).len() < 3);
        assert!(hull(&[]).is_empty());
    }

    /// A square from 1 to 6: the middles of pixels are 0.5, 1.5 and 2.5 inside.
    #[test]
    fn a_border_is_drawn_in_and_soft() {
        let square = [[1.0, 1.0], [6.0, 1.0], [6.0, 6.0], [1.0, 6.0]];
        let row = |inset, softness| drawn(&square, [8, 8], inset, softness).values[3 * 8..4 * 8].to_vec();
        assert_eq!(row(0.0, 2.0), [0.0, 0.25, 0.75, 1.0, 0.75, 0.25, 0.0, 0.0]);
        assert_eq!(row(1.0, 1.0), [0.0, 0.0, 0.5, 1.0, 0.5, 0.0, 0.0, 0.0]);
        assert_eq!(row(0.0, 0.0), [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
        // A hull that reaches out of the picture, and none at all.
        let outside = square.map(|[x, y]| [x - 3.0, y + 5.0]);
        assert_eq!(drawn(&outside, [8, 8], 0.0, 0.0).values.iter().sum::<f32>(), 6.0);
        assert_eq!(drawn(&square[..2], [8, 8], 0.0, 1.0).values, [0.0; 64]);
    }

    #[test]
    fn brows_are_raised_away_from_their_eyes() {
        let mut landmarks = [[0.0, 0.0]; crate::deepfake::faces::LANDMARKS];
        landmarks[17..22].fill([2.0, -10.0]);
        let raised = around(&landmarks);
        assert_eq!(raised[17], [3.2, -16.0]);
        assert_eq!(raised[..17], landmarks[..17]);
    }
}
