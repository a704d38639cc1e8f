//! The kernel inception distance: the squared maximum mean discrepancy between two sets of feature vectors under a cubic
//! kernel. Unlike the Frechet distance it is unbiased, whatever the size of the sample.
//!
//! Binkowski et al. 2018, "Demystifying MMD GANs", arXiv:1801.01401, section 4:
//!
//! ```text
//! k(x, y) = (x . y / d + 1)^3
//! MMD^2   = mean over i != j of k(x_i, x_j) + the same of y - 2 mean over i, j of k(x_i, y_j)
//! ```
use super::estimate::{Estimate, moments};
use super::{matrix, random};
use gany_engine::{Buffer, DType, Program, Tensor};

/// How a distance is estimated: the mean over random subsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subsets {
    /// How many subsets; 100 in the paper.
    pub count: usize,
    /// Vectors of each set in a subset, at most all; 1,000 in the paper.
    pub size: usize,
    /// What the choice follows from.
    pub seed: u64,
}

impl Default for Subsets {
    fn default() -> Subsets {
        Subsets {
            count: 100,
            size: 1000,
            seed: 0,
        }
    }
}

/// A kernel distance.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelDistance {
    /// The mean over the subsets; around 0, negative too, for sets from the same distribution. The interval counts as many
    /// subsets as there are disjoint ones, since those that overlap tell the same twice.
    pub distance: Estimate,
    /// Standard deviation between the subsets: the error bar that is usually printed.
    pub std_dev: f64,
}

/// The kernel distance between `a [n, dimension]` and `b [m, dimension]`.
///
/// # Panics
/// Where a set does not hold two or more whole vectors, or no subset is asked for.
pub fn kernel_distance(a: &[f32], b: &[f32], dimension: usize, subsets: Subsets) -> KernelDistance {
    let counts = [a, b].map(|set| matrix::count(set, dimension));
    let smaller = counts[0].min(counts[1]);
    let size = subsets.size.min(smaller);
    assert!(
        size >= 2 && subsets.count > 0,
        "kid: expected two or more vectors, got {size}"
    );
    let (mut program, mut buffers) = discrepancy(size, dimension);
    let values: Vec<f64> = (0..subsets.count as u64)
        .map(|subset| {
            for (which, (set, count)) in [a, b].into_iter().zip(counts).enumerate() {
                let chosen = random::choose(subsets.seed, 2 * subset + which as u64, count, size);
                let rows = buffers[which].as_f64_mut().chunks_exact_mut(dimension);
                for (to, i) in rows.zip(chosen) {
                    let from = &set[i * dimension..][..dimension];
                    to.iter_mut().zip(from).for_each(|(to, from)| *to = (*from).into());
                }
            }
            program.run(&mut buffers);
            program.output_f64(0)[0]
        })
        .collect();
    let (mean, variance) = moments(&values);
    let disjoint = (smaller / size).min(subsets.count) as f64;
    let distance = if counts == [size; 2] {
        // Every subset is everything: they cannot tell how much chance there is.
        Estimate::bare(mean)
    } else {
        Estimate::normal(mean, (variance / disjoint).sqrt(), "disjoint subsets")
    };
    KernelDistance {
        distance,
        std_dev: variance.sqrt(),
    }
}

/// The unbiased squared discrepancy of `size` vectors of each set.
fn discrepancy(size: usize, dimension: usize) -> (Program, [Buffer; 2]) {
    let n = size as f64;
    let cubed = |x: &Tensor| x * x * x;
    let kernel = |x: &Tensor, y: &Tensor| cubed(&(x.matmul(&y.transpose()) / dimension as f64 + 1.0)).sum();
    let with_itself = |x: &Tensor| cubed(&((x * x).sum_axes(&[1]) / dimension as f64 + 1.0)).sum();
    let [x, y] = [0, 1].map(|_| Tensor::placeholder(DType::F64, &[size, dimension]));
    let within = |x: &Tensor| (kernel(x, x) - with_itself(x)) / (n * (n - 1.0));
    let between = kernel(&x, &y) * (2.0 / (n * n));
    let value = within(&x) + within(&y) - between;
    let buffers = [0, 1].map(|_| Buffer::zeros(DType::F64, size * dimension));
    (Program::compile(&[x, y], &[value], &[None]), buffers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_by_hand() {
        // d = 1: k(0, 2) = 1; k(1, 3) = 64; k(0, 1) = k(0, 3) = 1; k(2, 1) = 27, k(2, 3) = 343.
        let found = kernel_distance(&[0.0, 2.0], &[1.0, 3.0], 1, Subsets::default());
        assert!((found.distance.value - (1.0 + 64.0 - 2.0 * 372.0 / 4.0)).abs() < 1e-9);
        // The only subset is everything.
        assert!(found.std_dev < 1e-9 && found.distance.interval.is_none());
    }

    #[test]
    fn it_is_around_zero_for_one_distribution_and_not_for_two() {
        let sets = [0, 1].map(|stream| random::normal(5, stream, 600 * 4));
        let subsets = Subsets {
            count: 50,
            size: 100,
            seed: 1,
        };
        let same = kernel_distance(&sets[0], &sets[1], 4, subsets);
        let interval = same.distance.interval.unwrap();
        assert!(interval.low < 0.0 && 0.0 < interval.high && same.std_dev > 0.0);
        let moved: Vec<f32> = sets[1].iter().map(|x| x + 1.0).collect();
        let other = kernel_distance(&sets[0], &moved, 4, subsets).distance;
        assert!(other.interval.unwrap().low > 1.0, "{}", other.value);
    }
}
