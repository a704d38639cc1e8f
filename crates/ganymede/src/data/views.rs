//! What volumes look like: from the front, and beside it from above; what is nearer is brighter. Scans are cut open instead: the
//! middle slice across the depth, and beside it the one across the height.

/// Rows, columns and channels of the views of a volume of this depth, height and width.
pub(super) fn extents([depth, height, width]: [usize; 3]) -> [usize; 3] {
    [height.max(depth), 2 * width, 1]
}

/// The views of volumes `[n, depth, height, width, channels]`, of which the first channel is above 0 where there is something:
/// `[n, rows, columns, 1]` with -1 where one sees through.
pub(super) fn of(values: &[f32], [depth, height, width]: [usize; 3], channels: usize) -> Vec<f32> {
    let [rows, columns, _] = extents([depth, height, width]);
    let mut views = vec![-1.0; values.len() / (depth * height * width * channels) * rows * columns];
    let volumes = values.chunks_exact(depth * height * width * channels);
    for (volume, view) in volumes.zip(views.chunks_exact_mut(rows * columns)) {
        let is_solid = |z: usize, y: usize, x: usize| volume[((z * height + y) * width + x) * channels] > 0.0;
        // From 1 in front to -1/2 at the back, well above what is empty.
        let shade = |distance: usize, of: usize| 1.0 - 1.5 * distance as f32 / of as f32;
        for x in 0..width {
            for y in 0..height {
                if let Some(z) = (0..depth).find(|&z| is_solid(z, y, x)) {
                    view[y * columns + x] = shade(z, depth);
                }
            }
            for z in 0..depth {
                if let Some(y) = (0..height).find(|&y| is_solid(z, y, x)) {
                    // The front is at the bottom, as on a floor plan.
                    view[(depth - 1 - z) * columns + width + x] = shade(y, height);
                }
            }
        }
    }
    views
}

/// The middle slices of volumes likewise, of the first channel.
pub(super) fn slices(values: &[f32], [depth, height, width]: [usize; 3], channels: usize) -> Vec<f32> {
    let [rows, columns, _] = extents([depth, height, width]);
    let mut views = vec![-1.0; values.len() / (depth * height * width * channels) * rows * columns];
    let volumes = values.chunks_exact(depth * height * width * channels);
    for (volume, view) in volumes.zip(views.chunks_exact_mut(rows * columns)) {
        let at = |z: usize, y: usize, x: usize| volume[((z * height + y) * width + x) * channels];
        for x in 0..width {
            (0..height).for_each(|y| view[y * columns + x] = at(depth / 2, y, x));
            // The last slice is the top of a head.
            (0..depth).for_each(|z| view[(depth - 1 - z) * columns + width + x] = at(z, height / 2, x));
        }
    }
    views
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One place of a 2 x 2 x 1 volume: at the back, below.
    #[test]
    fn a_place_is_seen_from_the_front_and_from_above() {
        let volume = [-1.0, -1.0, -1.0, 1.0];
        assert_eq!(extents([2, 2, 1]), [2, 2, 1]);
        // Rows of two: left from the front, right from above.
        assert_eq!(of(&volume, [2, 2, 1], 1), [-1.0, 0.25, 0.25, -1.0]);
    }

    /// Rows of two: left the second slice of two, right the second row of each, the last slice above.
    #[test]
    fn a_scan_is_cut_in_the_middle() {
        let volume = [0.1, 0.2, 0.3, 0.4];
        assert_eq!(slices(&volume, [2, 2, 1], 1), [0.3, 0.4, 0.4, 0.2]);
    }
}
