//! `metrics`: every measure against the package that papers use, on the same inputs, and how long the Frechet distance takes.
use crate::Result;
use crate::record::Evidence;
use ganymede::metrics::kid::{Subsets, kernel_distance};
use ganymede::metrics::{bins, frechet, inception_score, memorisation, precision_recall, sliced_wasserstein, spectrum};
use ganymede::metrics::{ssim, transport, two_sample};
use serde_json::{Value, json};
use std::time::Instant;

/// How far a value may be from the reference, as a share of it.
const TOLERANCE: f64 = 1e-4;

/// Values of the reference packages: see `reference/metrics.py`.
const REFERENCE: &str = include_str!("../../../reference/metrics.json");

/// A measure beside its reference.
struct Row {
    name: String,
    package: String,
    /// The largest difference of a value, as a share of the larger of the reference's size and a hundredth of its largest.
    error: f64,
}

/// Compares everything there is a reference for.
fn parity() -> Vec<Row> {
    let reference: Value = serde_json::from_str(REFERENCE).expect("metrics.json is JSON");
    let mut rows = vec![];
    let mut row = |name: &str, got: Vec<f64>| {
        let case = &reference[name];
        let stored = case["values"]
            .as_array()
            .unwrap_or_else(|| panic!("no case `{name}` in metrics.json"));
        let expected: Vec<f64> = stored.iter().map(|x| x.as_f64().expect("a number")).collect();
        assert_eq!(got.len(), expected.len(), "{name}: number of values");
        // Values that nearly vanish beside the others are rounding in both.
        let floor = expected.iter().fold(0.0, |most, x| f64::max(most, x.abs())) / 100.0;
        let errors = got
            .iter()
            .zip(&expected)
            .map(|(a, b)| (a - b).abs() / b.abs().max(floor));
        rows.push(Row {
            name: name.trim().to_owned(),
            package: case["package"].as_str().unwrap_or_default().to_owned(),
            error: errors.fold(0.0, f64::max),
        });
    };
    for (n, d) in [(300, 16), (600, 64)] {
        let (real, mut made) = (bell(1, n * d), bell(2, n * d));
        for vector in made.chunks_exact_mut(d) {
            vector.iter_mut().for_each(|x| *x = 1.25 * *x + 0.25);
            vector[1] += 0.5 * vector[0];
        }
        let [real, made] = [narrow(&real), narrow(&made)];
        row(
            &format!("frechet {n}x{d}"),
            vec![frechet::frechet_distance(&real, &made, d)],
        );
        let subsets = Subsets {
            count: 3,
            size: n,
            seed: 0,
        };
        let kid = kernel_distance(&real, &made, d, subsets).distance.value;
        row(&format!("kid {n}x{d}"), vec![kid]);
        let four = precision_recall::precision_recall(&real, &made, d, 5);
        let four = [four.precision, four.recall, four.density, four.coverage];
        row(
            &format!("precision-recall {n}x{d}"),
            four.iter().map(|share| share.value).collect(),
        );
        let accuracy = two_sample::two_sample(&real, &made, d).accuracy.value;
        row(&format!("two-sample {n}x{d}"), vec![accuracy]);
    }
    let logits: Vec<f64> = bell(3, 5000).iter().map(|x| 4.0 * x).collect();
    let (score, std_dev) = inception_score::inception_score(&narrow(&logits), 10, 10);
    row("inception-score", vec![score.value, std_dev]);

    let shape = [40, 53, 3];
    let [a, b] = pair(10, shape);
    row("psnr", vec![ssim::psnr(&a, &b)]);
    row("ssim", vec![ssim::ssim(&a, &b, shape)]);
    row("ssim ", vec![ssim::ssim(&a, &b, shape)]);
    for (name, seed, shape) in [("ms-ssim two scales", 12, [21, 42, 2]), ("ms-ssim", 14, [177, 182, 3])] {
        let [a, b] = pair(seed, shape);
        row(name, vec![ssim::ms_ssim(&a, &b, shape)]);
    }

    let levels = sliced_wasserstein::pyramid(&narrow(&bell(20, 64 * 48 * 2)), [64, 48, 2]);
    let sparse = |values: &[f32], step| values.iter().step_by(step).map(|x| f64::from(*x)).collect::<Vec<_>>();
    row(
        "laplacian pyramid",
        [sparse(&levels[0].values, 301), sparse(&levels[1].values, 101)].concat(),
    );
    let (a, b) = (bell(21, 6000), bell(22, 6000));
    let b: Vec<f64> = b.iter().map(|x| 1.5 * x.powi(3)).collect();
    let directions = unit_rows(&bell(23, 240), 12, 20);
    let distances = sliced_wasserstein::along_directions(&a, &b, 12, &directions);
    let mean = distances.iter().sum::<f64>() / 20.0;
    row("sliced wasserstein", distances);
    row("sliced wasserstein ", vec![mean]);

    let spectra = spectrum::Spectrometer::new([20, 28, 2]).spectra(&narrow(&bell(30, 3 * 20 * 28 * 2)));
    row("spectrum", spectra);

    let (a, b) = (
        narrow(&bell(40, 600)),
        narrow(&bell(41, 600).iter().map(|x| x + 0.25).collect::<Vec<_>>()),
    );
    let exact = transport::wasserstein_1(&a, &b, 3);
    row("wasserstein-1", vec![exact]);
    row("wasserstein-1 ", vec![exact]);
    let masses = |seed, count| {
        let weights: Vec<f64> = numbers(seed, count).iter().map(|x| x + 0.125).collect();
        let total: f64 = weights.iter().sum();
        weights.into_iter().map(|x| x / total).collect::<Vec<_>>()
    };
    let cost = transport::distances(&a[..90], &b[..120], 3);
    let smooth = transport::sinkhorn(&cost, &masses(42, 30), &masses(43, 40), 0.05, 100_000);
    row(
        "sinkhorn",
        [vec![smooth.cost], smooth.plan.iter().copied().step_by(71).collect()].concat(),
    );

    let whole = |numbers: Vec<f64>, scale: f64, offset: f64| -> Vec<f64> {
        numbers
            .into_iter()
            .map(|x| (scale * x + offset).round_ties_even())
            .collect()
    };
    let score = memorisation::z_score(&whole(bell(50, 60), 8.0, 0.0), &whole(bell(51, 80), 8.0, 1.0));
    row("mann-whitney", vec![score]);
    let counts = |seed| {
        whole(numbers(seed, 30), 100.0, 0.0)
            .into_iter()
            .map(|x| x as usize)
            .collect::<Vec<_>>()
    };
    row(
        "jensen-shannon",
        vec![bins::compare(&counts(52), &counts(53)).divergence],
    );
    assert_eq!(
        rows.len(),
        reference.as_object().map_or(0, |cases| cases.len()),
        "every case is compared"
    );
    rows
}

/// The formula of `reference/metrics.py`: multiples of 2^-16 in [0, 1).
fn numbers(seed: u64, count: usize) -> Vec<f64> {
    let number = |i: u64| {
        let h = (i + seed * 1_000_003).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let h = (h ^ (h >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((h ^ (h >> 32)) >> 40 & 0xffff) as f64 / 65536.0
    };
    (0..count as u64).map(number).collect()
}

fn bell(seed: u64, count: usize) -> Vec<f64> {
    numbers(seed, 4 * count)
        .chunks_exact(4)
        .map(|four| four.iter().sum::<f64>() - 2.0)
        .collect()
}

fn narrow(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|&x| x as f32).collect()
}

/// Two pictures, one a noisy copy of the other.
fn pair(seed: u64, [height, width, channels]: [usize; 3]) -> [Vec<f32>; 2] {
    let count = height * width * channels;
    let [noise_a, noise_b] = [seed, seed + 1].map(|seed| bell(seed, count));
    let wave = |i: usize| {
        let (y, x) = (i / channels / width, i / channels % width);
        ((x / 4 + y / 6) % 7) as f64 / 4.0 - 0.75
    };
    let a: Vec<f64> = (0..count)
        .map(|i| (wave(i) + 0.25 * noise_a[i]).clamp(-1.0, 1.0))
        .collect();
    let b = a
        .iter()
        .zip(&noise_b)
        .map(|(a, noise)| (0.75 * a + 0.25 * noise + 0.125).clamp(-1.0, 1.0));
    let b: Vec<f64> = b.collect();
    [narrow(&a), narrow(&b)]
}

/// The columns of a matrix `[rows, columns]` as rows of length 1.
fn unit_rows(matrix: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    let column = |j: usize| matrix.iter().skip(j).step_by(columns).take(rows);
    let unit = |j: usize| {
        let norm = column(j).map(|x| x * x).sum::<f64>().sqrt();
        column(j).map(move |x| x / norm)
    };
    (0..columns).flat_map(unit).collect()
}

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&[0]);
    let rows = parity();
    for row in &rows {
        evidence.figure(
            &format!("relative error of {} beside {}", row.name, row.package),
            json!(format!("{:.1e}", row.error)),
        );
    }
    let worst = rows
        .iter()
        .max_by(|a, b| a.error.total_cmp(&b.error))
        .ok_or("nothing was compared")?;
    evidence.check(
        "largest relative error beside the reference packages",
        "<= 1e-4",
        format!("{:.1e} ({})", worst.error, worst.name),
        worst.error <= TOLERANCE,
    );
    let mut seconds = vec![];
    for dimension in [128, 1280, 2048] {
        let [real, made] = [1, 2].map(|seed| narrow(&bell(seed, 10_000 * dimension)));
        let start = Instant::now();
        let distance = frechet::Gaussian::of(&real, dimension).distance(&frechet::Gaussian::of(&made, dimension));
        let took = start.elapsed().as_secs_f64();
        seconds.push(json!({"features": dimension, "seconds": (took * 1e3).round() / 1e3, "distance": distance}));
    }
    evidence.figure("frechet distance of 10,000 and 10,000 vectors", seconds);
    evidence.figure = format!(
        "{} comparisons with reference packages, largest relative error {:.1e}",
        rows.len(),
        worst.error
    );
    Ok(evidence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_those_of_the_reference_packages() {
        for row in parity() {
            assert!(
                row.error <= TOLERANCE,
                "{} beside {}: off by {:.1e}",
                row.name,
                row.package,
                row.error
            );
        }
    }
}
