//! Optimal transport between point sets: what it costs at least to move one onto the other, and how.
//!
//! ```text
//! W_1(a, b) = min over plans P of sum P_ij |a_i - b_j|,   rows of P sum to the masses of a, columns to those of b
//! ```
//!
//! Between sets of equal size and equal masses the best plan is an assignment: found exactly by shortest augmenting paths
//! (Jonker and Volgenant 1987, "A Shortest Augmenting Path Algorithm for Dense and Sparse Linear Assignment Problems"),
//! whose potentials prove it optimal. Any masses are moved, approximately, by Sinkhorn's iteration (Cuturi 2013,
//! "Sinkhorn Distances", arXiv:1306.0895), here in the logarithmic domain.

/// The cheapest assignment of rows to columns, and the potentials that prove it.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The column of each row.
    pub column_of: Vec<usize>,
    /// What it costs, summed over the rows.
    pub cost: f64,
    /// A number for every row; `row_potentials[i] + column_potentials[j] <= cost[i, j]`, with equality where i is assigned
    /// to j: the dual solution, whose sum is the cost.
    pub row_potentials: Vec<f64>,
    /// A number for every column.
    pub column_potentials: Vec<f64>,
}

/// Euclidean distances between `a [n, dimension]` and `b [m, dimension]`, `[n, m]`.
///
/// # Panics
/// Where the points are not whole vectors.
pub fn distances(a: &[f32], b: &[f32], dimension: usize) -> Vec<f64> {
    assert!(
        dimension > 0 && a.len().is_multiple_of(dimension) && b.len().is_multiple_of(dimension),
        "transport: {} and {} numbers are not whole vectors of {dimension}",
        a.len(),
        b.len()
    );
    let distance = |a: &[f32], b: &[f32]| {
        let squares = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
        squares.sum::<f64>().sqrt()
    };
    a.chunks_exact(dimension)
        .flat_map(|a| b.chunks_exact(dimension).map(move |b| distance(a, b)))
        .collect()
}

/// The exact 1-Wasserstein distance between two sets of as many points, `[n, dimension]`, of equal mass each. Takes time
/// n^3: well under a second for 1,000 points.
///
/// ```
/// use ganymede::metrics::wasserstein_1;
///
/// // On a line, the best plan moves the points in their order.
/// assert_eq!(wasserstein_1(&[0.0, 4.0], &[5.0, 2.0], 1), 1.5);
/// ```
///
/// # Panics
/// Where the sets are empty, of different size, or not whole vectors.
pub fn wasserstein_1(a: &[f32], b: &[f32], dimension: usize) -> f64 {
    assert_eq!(a.len(), b.len(), "transport: sets of different size");
    let n = a.len() / dimension;
    assign(&distances(a, b, dimension), n).cost / n as f64
}

/// The cheapest assignment of `n` rows to `n` columns of a cost matrix `[n, n]`.
///
/// # Panics
/// Where the matrix has another size, is empty, or has costs that are not finite.
pub fn assign(cost: &[f64], n: usize) -> Assignment {
    assert!(
        n > 0 && cost.len() == n * n,
        "transport: {} costs for {n} rows and columns",
        cost.len()
    );
    assert!(
        cost.iter().all(|cost| cost.is_finite()),
        "transport: costs that are not finite"
    );
    const NONE: usize = usize::MAX;
    let (mut rows, mut columns) = (vec![0.0; n], vec![0.0; n]);
    let mut row_of = vec![NONE; n];
    let mut column_of = vec![NONE; n];
    for free in 0..n {
        // Dijkstra over reduced costs, from the free row to the nearest free column.
        let mut shortest = vec![f64::INFINITY; n];
        let mut before = vec![NONE; n];
        let mut unvisited: Vec<usize> = (0..n).collect();
        let mut visited: Vec<usize> = Vec::with_capacity(n);
        let (mut row, mut length) = (free, 0.0);
        let end = loop {
            let (mut best, mut best_length) = (0, f64::INFINITY);
            for (position, &column) in unvisited.iter().enumerate() {
                let through = length + cost[row * n + column] - rows[row] - columns[column];
                if through < shortest[column] {
                    shortest[column] = through;
                    before[column] = row;
                }
                let is_shorter = shortest[column] < best_length;
                if is_shorter || (shortest[column] == best_length && row_of[column] == NONE) {
                    (best, best_length) = (position, shortest[column]);
                }
            }
            let column = unvisited.swap_remove(best);
            length = best_length;
            if row_of[column] == NONE {
                break column;
            }
            visited.push(column);
            row = row_of[column];
        };
        rows[free] += length;
        for &column in &visited {
            let slack = length - shortest[column];
            rows[row_of[column]] += slack;
            columns[column] -= slack;
        }
        // Along the path, every row takes the column after it.
        let mut column = end;
        loop {
            let row = before[column];
            row_of[column] = row;
            let next = std::mem::replace(&mut column_of[row], column);
            if row == free {
                break;
            }
            column = next;
        }
    }
    Assignment {
        cost: column_of
            .iter()
            .enumerate()
            .map(|(row, column)| cost[row * n + column])
            .sum(),
        column_of,
        row_potentials: rows,
        column_potentials: columns,
    }
}

/// A plan that moves masses `a [n]` to masses `b [m]` at a cost `[n, m]`, smoothed by `epsilon` (in units of cost).
#[derive(Clone, Debug, PartialEq)]
pub struct Sinkhorn {
    /// Mass moved from i to j, `[n, m]`.
    pub plan: Vec<f64>,
    /// What the plan costs, without the entropy; at least the exact cost.
    pub cost: f64,
    /// How much of the mass the plan takes from the wrong place, at most: 0 once it has converged.
    pub error: f64,
}

/// Sinkhorn's iteration, until the rows' masses are wrong by no more than 1e-9 in all or `iterations` are done. The less
/// it smooths, the more iterations it takes; an `epsilon` of a twentieth of a typical cost is a fair choice.
///
/// # Panics
/// Where the lengths do not fit, a mass or `epsilon` is not positive.
pub fn sinkhorn(cost: &[f64], a: &[f64], b: &[f64], epsilon: f64, iterations: usize) -> Sinkhorn {
    let (n, m) = (a.len(), b.len());
    assert_eq!(
        cost.len(),
        n * m,
        "transport: {} costs for {n} rows and {m} columns",
        cost.len()
    );
    assert!(
        epsilon > 0.0 && a.iter().chain(b).all(|&mass| mass > 0.0),
        "transport: masses and epsilon must be positive"
    );
    let (mut f, mut g) = (vec![0.0; n], vec![0.0; m]);
    let plan = |f: &[f64], g: &[f64]| -> Vec<f64> {
        let mass = |i: usize, j: usize| ((f[i] + g[j] - cost[i * m + j]) / epsilon).exp();
        (0..n * m).map(|ij| mass(ij / m, ij % m)).collect()
    };
    let error = |plan: &[f64]| -> f64 {
        let rows = plan.chunks_exact(m).map(|row| row.iter().sum::<f64>());
        rows.zip(a).map(|(got, wanted)| (got - wanted).abs()).sum()
    };
    for iteration in 0..iterations {
        for i in 0..n {
            let row = (0..m).map(|j| (g[j] - cost[i * m + j]) / epsilon);
            f[i] = epsilon * (a[i].ln() - log_sum_exp(row));
        }
        for j in 0..m {
            let column = (0..n).map(|i| (f[i] - cost[i * m + j]) / epsilon);
            g[j] = epsilon * (b[j].ln() - log_sum_exp(column));
        }
        if iteration % 10 == 9 && error(&plan(&f, &g)) < 1e-9 {
            break;
        }
    }
    let plan = plan(&f, &g);
    Sinkhorn {
        cost: plan.iter().zip(cost).map(|(mass, cost)| mass * cost).sum(),
        error: error(&plan),
        plan,
    }
}

fn log_sum_exp(numbers: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = numbers.clone().fold(f64::NEG_INFINITY, f64::max);
    largest + numbers.map(|number| (number - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The least cost over all orders of columns.
    fn brute_force(cost: &[f64], n: usize) -> f64 {
        fn best(cost: &[f64], n: usize, row: usize, taken: u32) -> f64 {
            if row == n {
                return 0.0;
            }
            let free = (0..n).filter(|column| taken >> column & 1 == 0);
            free.map(|column| cost[row * n + column] + best(cost, n, row + 1, taken | 1 << column))
                .fold(f64::INFINITY, f64::min)
        }
        best(cost, n, 0, 0)
    }

    #[test]
    fn assignments_by_hand() {
        let cost = [4.0, 1.0, 3.0, 2.0, 0.0, 5.0, 3.0, 2.0, 2.0];
        let assignment = assign(&cost, 3);
        assert_eq!((assignment.cost, assignment.column_of), (5.0, vec![1, 0, 2]));
        // The greedy choice, 0 to 0, would cost 11.
        assert_eq!(assign(&[0.0, 1.0, 1.0, 11.0], 2).cost, 2.0);
    }

    #[test]
    fn distances_between_sets_by_hand() {
        let square = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
        let moved: Vec<f32> = square.chunks(2).rev().flat_map(|p| [p[0] + 3.0, p[1] + 4.0]).collect();
        assert!((wasserstein_1(&square, &moved, 2) - 5.0).abs() < 1e-12);
        assert_eq!(wasserstein_1(&square, &square, 2), 0.0);
    }

    #[test]
    fn on_a_line_points_move_in_their_order() {
        let draw = |k: u64| (k.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f32 / 1e7;
        let (a, b): (Vec<f32>, Vec<f32>) = (0..300).map(|k| (draw(k), draw(k + 1000) * 2.0)).unzip();
        let sorted = |mut v: Vec<f32>| {
            v.sort_by(f32::total_cmp);
            v
        };
        let exact = wasserstein_1(&a, &b, 1);
        let pairs = sorted(a).into_iter().zip(sorted(b));
        let expected: f64 = pairs.map(|(a, b)| (f64::from(a) - f64::from(b)).abs()).sum::<f64>() / 300.0;
        assert!((exact - expected).abs() < 1e-9, "{exact} {expected}");
    }

    #[test]
    fn a_smoothed_plan_comes_near_the_exact_one() {
        let cost = distances(&[0.0, 1.0, 5.0], &[2.0, 0.5, 5.5], 1);
        let exact = assign(&cost, 3).cost / 3.0;
        let masses = [1.0 / 3.0; 3];
        let smooth = sinkhorn(&cost, &masses, &masses, 0.1, 2_000);
        assert!(smooth.error < 1e-6);
        assert!((0.0..3e-3).contains(&(smooth.cost - exact)), "{} {exact}", smooth.cost);
        // Where one place has all the mass there is nothing to choose.
        let forced = sinkhorn(&[0.0, 1.0], &[1.0], &[0.25, 0.75], 0.1, 100);
        assert!((forced.cost - 0.75).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn no_order_of_columns_is_cheaper(n in 1usize..7, seed in prop::collection::vec(0u32..50, 36)) {
            let cost: Vec<f64> = seed[..n * n].iter().map(|&c| f64::from(c) / 8.0).collect();
            let found = assign(&cost, n);
            prop_assert!((found.cost - brute_force(&cost, n)).abs() < 1e-9);
        }

        #[test]
        fn potentials_prove_the_assignment(seed in prop::collection::vec(-1e3f64..1e3, 400)) {
            let n = 20;
            let found = assign(&seed, n);
            let mut taken = found.column_of.clone();
            taken.sort_unstable();
            prop_assert_eq!(taken, (0..n).collect::<Vec<_>>());
            for i in 0..n {
                for j in 0..n {
                    let slack = seed[i * n + j] - found.row_potentials[i] - found.column_potentials[j];
                    prop_assert!(slack > -1e-9);
                }
            }
            let dual: f64 = found.row_potentials.iter().chain(&found.column_potentials).sum();
            prop_assert!((dual - found.cost).abs() < 1e-8);
        }
    }
}
