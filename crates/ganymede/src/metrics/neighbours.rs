//! The nearest vectors of a set.
use super::matrix;
use rayon::prelude::*;

/// The `k` nearest of each vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbours {
    /// How many for each vector.
    pub k: usize,
    /// Their Euclidean distances, `[n, k]`, rising.
    pub distances: Vec<f64>,
    /// Their numbers, `[n, k]`; of equally near ones the first.
    pub indices: Vec<usize>,
}

impl Neighbours {
    /// The distance of the `k`-th nearest of each vector, `[n]`.
    pub fn radii(&self) -> impl Iterator<Item = f64> {
        self.distances.iter().skip(self.k - 1).step_by(self.k).copied()
    }
}

/// The `k` vectors of `among [m, dimension]` that are nearest to each of `of [n, dimension]`.
///
/// # Panics
/// Where the numbers are not whole vectors, or there are fewer than `k`, or `k` is 0.
pub fn nearest(of: &[f32], among: &[f32], dimension: usize, k: usize) -> Neighbours {
    search(of, among, dimension, k, |_| usize::MAX)
}

/// The `k` vectors of a set that are nearest to each of its own, which is not counted itself.
///
/// # Panics
/// As [`nearest`], where there are no more than `k` vectors.
pub fn nearest_others(set: &[f32], dimension: usize, k: usize) -> Neighbours {
    search(set, set, dimension, k, |i| i)
}

fn search(of: &[f32], among: &[f32], dimension: usize, k: usize, itself: impl Fn(usize) -> usize + Sync) -> Neighbours {
    let m = matrix::count(among, dimension);
    let available = m - usize::from(itself(0) == 0);
    assert!(
        k > 0 && available >= k,
        "neighbours: {k} nearest of {available} vectors"
    );
    let mut found = Neighbours {
        k,
        distances: vec![],
        indices: vec![],
    };
    matrix::squared_distances(of, among, dimension, |first, part| {
        let rows: Vec<Vec<(f64, usize)>> = part
            .par_chunks_exact(m)
            .enumerate()
            .map(|(row, distances)| least(distances, k, itself(first + row)))
            .collect();
        for (square, index) in rows.into_iter().flatten() {
            found.distances.push(square.sqrt());
            found.indices.push(index);
        }
    });
    found
}

/// The `k` least numbers with their places, rising, without one place.
fn least(numbers: &[f64], k: usize, without: usize) -> Vec<(f64, usize)> {
    let mut kept: Vec<(f64, usize)> = Vec::with_capacity(k + 1);
    for (i, &number) in numbers.iter().enumerate() {
        let is_among = kept.len() < k || number < kept[k - 1].0;
        if is_among && i != without {
            let place = kept.partition_point(|(other, _)| *other <= number);
            kept.insert(place, (number, i));
            kept.truncate(k);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_first_and_of_equals_the_first() {
        let found = nearest(&[0.0, 5.0], &[4.0, 1.0, -1.0, 7.0], 1, 2);
        assert_eq!(found.indices, [1, 2, 0, 3]);
        assert_eq!(found.distances, [1.0, 1.0, 1.0, 2.0]);
        assert_eq!(found.radii().collect::<Vec<_>>(), [1.0, 2.0]);
    }

    #[test]
    fn a_vector_is_no_neighbour_of_itself() {
        let found = nearest_others(&[0.0, 0.0, 3.0, 4.0, 0.0, 1.0], 2, 1);
        assert_eq!(found.indices, [2, 2, 0]);
        // A copy of it is.
        assert_eq!(nearest_others(&[1.0, 1.0, 2.0], 1, 1).distances, [0.0, 0.0, 1.0]);
    }
}
