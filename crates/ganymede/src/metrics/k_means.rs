//! Cells that divide a space as a set of vectors fills it: Lloyd's k-means (Lloyd 1982), begun from centres far apart (Arthur
//! and Vassilvitskii 2007, "k-means++").
use super::{matrix, neighbours, random};

/// Rounds after which the cells are good enough.
const ROUNDS: usize = 30;

/// Divides the space of `vectors [n, dimension]` into `k` cells and gives their centres `[k, dimension]`. The same seed gives
/// the same cells.
///
/// # Panics
/// Where the numbers are not whole vectors, or there are fewer than `k`, or `k` is 0.
pub fn k_means(vectors: &[f32], dimension: usize, k: usize, seed: u64) -> Vec<f32> {
    let n = matrix::count(vectors, dimension);
    assert!(k > 0 && n >= k, "k-means: {k} cells of {n} vectors");
    let vector = |i: usize| &vectors[i * dimension..][..dimension];
    let mut centres = vector(random::below(seed, 0, 0, n)).to_vec();
    let mut nearest = vec![f64::INFINITY; n];
    for centre in 1..k as u64 {
        let newest = &centres[centres.len() - dimension..];
        matrix::squared_distances(vectors, newest, dimension, |first, part| {
            let known = nearest[first..].iter_mut().zip(part);
            known.for_each(|(nearest, square)| *nearest = nearest.min(*square));
        });
        let mut left = random::unit(seed, 1, centre) * nearest.iter().sum::<f64>();
        let drawn = nearest.iter().position(|square| {
            left -= square;
            left < 0.0
        });
        // Where all vectors are centres already, any is as good.
        centres.extend_from_slice(vector(drawn.unwrap_or(centre as usize)));
    }
    let mut cells = vec![];
    for _ in 0..ROUNDS {
        let found = cells_of(vectors, &centres, dimension);
        if found == cells {
            break;
        }
        cells = found;
        let (mut sums, mut counts) = (vec![0.0; k * dimension], vec![0_u32; k]);
        for (i, &cell) in cells.iter().enumerate() {
            counts[cell] += 1;
            let sums = &mut sums[cell * dimension..][..dimension];
            sums.iter_mut()
                .zip(vector(i))
                .for_each(|(sum, x)| *sum += f64::from(*x));
        }
        for (i, centre) in centres.iter_mut().enumerate() {
            // A cell that nothing lies in stays where it is.
            if counts[i / dimension] > 0 {
                *centre = (sums[i] / f64::from(counts[i / dimension])) as f32;
            }
        }
    }
    centres
}

/// The cell of each vector: the number of the nearest centre.
///
/// # Panics
/// Where the numbers are not whole vectors, or there is no centre.
pub fn cells_of(vectors: &[f32], centres: &[f32], dimension: usize) -> Vec<usize> {
    neighbours::nearest(vectors, centres, dimension, 1).indices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_get_a_cell_each() {
        let corners = [[0.0, 0.0], [8.0, 0.0], [0.0, 8.0], [8.0, 8.0]];
        let noise = random::normal(4, 0, 400);
        let vectors: Vec<f32> = noise
            .chunks_exact(2)
            .enumerate()
            .flat_map(|(i, n)| [0, 1].map(|axis| corners[i % 4][axis] + 0.3 * n[axis]))
            .collect();
        let centres = k_means(&vectors, 2, 4, 0);
        for corner in corners {
            let near = centres
                .chunks_exact(2)
                .filter(|c| (c[0] - corner[0]).hypot(c[1] - corner[1]) < 0.3);
            assert_eq!(near.count(), 1, "{centres:?}");
        }
        let cells = cells_of(&vectors, &centres, 2);
        assert!(cells.iter().enumerate().all(|(i, cell)| *cell == cells[i % 4]));
    }

    #[test]
    fn copies_of_one_vector_do_no_harm() {
        assert_eq!(k_means(&[2.0; 6], 1, 3, 0), [2.0; 3]);
    }
}
