//! Products, distances and eigenvalues of many vectors in f64. Products run on the engine's kernels, some rows at a time,
//! so that a matrix of all pairs is never held; the same bits come out on any number of threads.
use faer::{MatRef, Side};
use gany_engine::{Buffer, DType, Program, Tensor};

/// Rows of a block of products.
const ROWS: usize = 512;

/// Numbers as f64.
pub(super) fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&x| x.into()).collect()
}

/// The number of whole vectors.
///
/// # Panics
/// Where the numbers are not whole vectors.
#[track_caller]
pub(super) fn count(numbers: &[f32], dimension: usize) -> usize {
    assert!(
        dimension > 0 && numbers.len().is_multiple_of(dimension),
        "{} numbers are not whole vectors of {dimension}",
        numbers.len()
    );
    numbers.len() / dimension
}

/// `a b` for a `[m, k]` and b `[k, n]`: `[m, n]`.
pub(crate) fn product(a: &[f64], b: &[f64], [m, k, n]: [usize; 3]) -> Vec<f64> {
    Tensor::from_f64(&[m, k], a)
        .matmul(&Tensor::from_f64(&[k, n], b))
        .to_f64()
}

/// `x^T x` for x `[n, dimension]`: `[dimension, dimension]`.
pub(crate) fn gram(x: &[f64], dimension: usize) -> Vec<f64> {
    let x = Tensor::from_f64(&[x.len() / dimension, dimension], x);
    x.transpose().matmul(&x).to_f64()
}

/// Calls `see(first, distances)` for one block of rows of a after another, with the squares of the Euclidean distances
/// `[rows, m]` between rows `first..` of `a [n, dimension]` and all of `b [m, dimension]`.
pub(super) fn squared_distances(a: &[f32], b: &[f32], dimension: usize, mut see: impl FnMut(usize, &[f64])) {
    let (n, m) = (count(a, dimension), count(b, dimension));
    let rows = ROWS.min(n).max(1);
    let squares = |x: &Tensor| (x * x).sum_axes_kept(&[1]);
    let [x, y] = [rows, m].map(|extent| Tensor::placeholder(DType::F64, &[extent, dimension]));
    let distances = squares(&x) + squares(&y).transpose() - x.matmul(&y.transpose()) * 2.0;
    let mut program = Program::compile(&[x, y], &[distances.maximum(&distances.zeros_like())], &[None]);
    let mut buffers = [Buffer::zeros(DType::F64, rows * dimension), Buffer::from_f64(&wide(b))];
    for (block, part) in a.chunks(rows * dimension).enumerate() {
        // A short last block leaves rows of the one before, which nobody looks at.
        let to = &mut buffers[0].as_f64_mut()[..part.len()];
        to.iter_mut().zip(part).for_each(|(to, from)| *to = (*from).into());
        program.run(&mut buffers);
        see(block * rows, &program.output_f64(0)[..part.len() / dimension * m]);
    }
}

/// Eigenvalues, rising, and eigenvectors of a symmetric matrix `[n, n]`; element `i` of vector `j` is at `i * n + j`.
pub(crate) fn eigen(matrix: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let decomposed = MatRef::from_row_major_slice(matrix, n, n)
        .self_adjoint_eigen(Side::Lower)
        .expect("finite symmetric matrices have eigenvalues");
    let (values, vectors) = (decomposed.S(), decomposed.U());
    let vectors = (0..n * n).map(|ij| vectors[(ij / n, ij % n)]).collect();
    ((0..n).map(|i| values[i]).collect(), vectors)
}

/// Eigenvalues of a symmetric matrix `[n, n]`, rising.
pub(super) fn eigenvalues(matrix: &[f64], n: usize) -> Vec<f64> {
    MatRef::from_row_major_slice(matrix, n, n)
        .self_adjoint_eigenvalues(Side::Lower)
        .expect("finite symmetric matrices have eigenvalues")
}

#[cfg(test)]
mod tests {
    use super::*;
    use gany_engine::pool;

    #[test]
    fn distances_are_those_of_pythagoras() {
        let mut seen = vec![];
        squared_distances(
            &[0.0, 0.0, 1.0, 1.0],
            &[3.0, 4.0, 1.0, 1.0, 0.0, -2.0],
            2,
            |first, part| {
                seen.push((first, part.to_vec()));
            },
        );
        assert_eq!(seen, [(0, vec![25.0, 2.0, 4.0, 13.0, 0.0, 10.0])]);
    }

    #[test]
    fn blocks_follow_each_other_and_threads_change_nothing() {
        let points: Vec<f32> = (0..3 * (ROWS + 7)).map(|i| (i as f32 * 0.37).sin()).collect();
        let all = |threads| {
            pool::with_threads(threads, || {
                let mut all = vec![];
                squared_distances(&points, &points[..30], 3, |first, part| {
                    assert_eq!(all.len(), first * 10);
                    all.extend_from_slice(part);
                });
                all
            })
        };
        let one = all(1);
        assert_eq!(one, all(2));
        let last = &one[(ROWS + 6) * 10 + 9];
        let expected: f64 = (0..3)
            .map(|i| (f64::from(points[3 * (ROWS + 6) + i]) - f64::from(points[27 + i])).powi(2))
            .sum();
        assert!((last - expected).abs() < 1e-12);
    }

    #[test]
    fn eigenvalues_by_hand() {
        // [[2, 1], [1, 2]] stretches (1, 1) by 3 and (1, -1) by 1.
        let (values, vectors) = eigen(&[2.0, 1.0, 1.0, 2.0], 2);
        assert!((values[0] - 1.0).abs() < 1e-12 && (values[1] - 3.0).abs() < 1e-12);
        assert!((vectors[1] - vectors[3]).abs() < 1e-12 && (vectors[0] + vectors[2]).abs() < 1e-12);
        assert_eq!(eigenvalues(&[2.0, 1.0, 1.0, 2.0], 2).len(), 2);
    }
}
