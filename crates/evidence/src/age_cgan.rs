//! `age_cgan`: digits that grow older, which is to say bolder. The axis is made: a thin one has lost the rim of its strokes, a
//! bold one has gained a rim, so that what a digit looks like at another age is known.
use crate::Result;
use crate::judge::Judge;
use crate::labelled::{Labelled, Strokes, share, square_error};
use crate::record::{Evidence, median, picture, round};
use crate::training::{self, Changes, applied, grid, order, settings};
use ganymede::games::{Play, Search, latent_vectors};
use ganymede::optimisers::OptimiserConfig;
use serde_json::json;

const SEEDS: [u64; 3] = [0, 1, 2];
const AGES: usize = 3;
const FLOATS: usize = 784;
/// Digits that training sees, each at one age.
const TRAINED: u64 = 30_000;
/// Digits that are found in the generator and asked for at other ages.
const HELD_OUT: u64 = 150;
/// Narrower than the paper's, and with longer steps, for two processor cores.
const CHANGES: Changes = &[
    ("width", "24"),
    ("z_dim", "128"),
    ("generator.learning_rate", "5e-4"),
    ("discriminator.learning_rate", "5e-4"),
    ("encoder.learning_rate", "5e-4"),
];
const STEPS: u64 = 6_000;
const SEARCH_STEPS: usize = 800;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut judge = Judge::of("mnist")?;
    judge.record(&mut evidence, 0.99);
    let young = Labelled::read(&judge.train, TRAINED)?;
    let mut aged = Labelled::default();
    for (i, (x, _)) in young.iter().enumerate() {
        aged.x.extend(at_age(x, i % AGES));
        aged.y.push((i % AGES) as u32);
    }
    let spec = aged.write("digits-by-age", 28)?;
    let test = Labelled::read("mnist:test", HELD_OUT)?;
    // A thin stroke without its rim is next to nothing: clf does not know all digits again that are only made older.
    let truth = [0, 2].map(|age| {
        test.x
            .chunks_exact(FLOATS)
            .flat_map(|x| at_age(x, age))
            .collect::<Vec<f32>>()
    });
    let named = judge.clf.predict(&truth.concat());
    evidence.figure("digit_kept.truth", round(share(&named, test.y.iter().copied().cycle())));
    let (mut rising, mut kept, mut nearer, mut rows) = (vec![], vec![], vec![], vec![]);
    for seed in SEEDS {
        let mut run = training::train(
            &format!("age_cgan-{seed}"),
            order("age_cgan", &spec, CHANGES, seed, STEPS),
        )?;
        let guess = applied(run.play(), "encode", &test.x, FLOATS);
        let z_dim = run.play().system().z_dim();
        let count = test.y.len();
        let middle = vec![1.0; count];
        let adam = OptimiserConfig::adam(0.05, [0.9, 0.999]);
        let mut search = Search::new(run.play(), count, true, adam);
        let [first, found] =
            [0, SEARCH_STEPS].map(|steps| search.find(run.play(), &test.x, Some(&middle), &guess, steps));
        let blind = search.find(
            run.play(),
            &test.x,
            Some(&middle),
            &latent_vectors(7, 0, count, z_dim),
            0,
        );
        let ages: Vec<Vec<f32>> = (0..AGES).map(|age| made(run.play(), &found.codes, age)).collect();
        let inks: Vec<Vec<f64>> = ages
            .iter()
            .map(|x| x.chunks_exact(FLOATS).map(|x| Strokes::of(x).ink).collect())
            .collect();
        let grown = (0..count)
            .filter(|i| inks[0][*i] < inks[1][*i] && inks[1][*i] < inks[2][*i])
            .count();
        rising.push(grown as f64 / count as f64);
        let names: Vec<u32> = [0, 2].iter().flat_map(|age| judge.clf.predict(&ages[*age])).collect();
        kept.push(share(&names, test.y.iter().copied().cycle()));
        // What the digit is at that age, beside what it was.
        let errors = [0, 1].map(|k| [square_error(&ages[2 * k], &truth[k]), square_error(&test.x, &truth[k])]);
        nearer.push((errors[0][0] + errors[1][0]) / (errors[0][1] + errors[1][1]));
        let mean = |misfit: &[f32]| round(f64::from(misfit.iter().sum::<f32>() / count as f32));
        rows.push(json!({
            "seed": seed, "rising": round(rising[rising.len() - 1]), "digit_kept": round(kept[kept.len() - 1]),
            "misfit.random": mean(&blind.misfit), "misfit.encoder": mean(&first.misfit), "misfit.found": mean(&found.misfit),
            "mse.thin": round(errors[0][0]), "mse.thin_unchanged": round(errors[0][1]),
            "mse.bold": round(errors[1][0]), "mse.bold_unchanged": round(errors[1][1]),
        }));
        if seed == 0 {
            evidence.settings("digits_by_age", settings(&run)?);
            evidence.settings(
                "search",
                json!({"steps": SEARCH_STEPS, "optimiser": "adam 0.05 [0.9, 0.999]", "digits": HELD_OUT}),
            );
            // A column a digit: as it is, and found at the three ages.
            let row = |x: &[f32]| x[..12 * FLOATS].to_vec();
            let shown = [row(&test.x), row(&ages[0]), row(&ages[1]), row(&ages[2])].concat();
            grid(&run, &shown, 12, &picture("age_cgan")?)?;
        }
    }
    evidence.figure("runs", rows);
    let [rising, kept, nearer] = [&rising, &kept, &nearer].map(|values| median(values));
    evidence.check(
        "held-out digits that grow bolder at each age, median",
        ">= 90 %",
        format!("{:.1} %", 100.0 * rising),
        rising >= 0.9,
    );
    evidence.check(
        "aged digits that clf gives their digit, median",
        ">= 90 %",
        format!("{:.1} %", 100.0 * kept),
        kept >= 0.9,
    );
    evidence.check(
        "error against the digit at that age / unchanged, median",
        "< 1",
        format!("{nearer:.2}"),
        nearer < 1.0,
    );
    evidence.figure = format!(
        "held-out digits grow bolder with each age in {:.1} %, keep their digit in {:.1} %, and are {nearer:.2} times as far from what they are at that age as unchanged ones (medians of 3 seeds)",
        100.0 * rising,
        100.0 * kept
    );
    Ok(evidence)
}

/// What latent vectors make at an age.
fn made(play: &mut Play, z: &[f32], age: usize) -> Vec<f32> {
    let count = z.len() / play.system().z_dim();
    play.sample(z, Some(&vec![age as f32; count]))
}

/// A digit at age 0, without its rim: the darkest of two by two pixels; at age 1, as it is; at age 2, with a rim: the brightest
/// of a pixel and its four neighbours.
fn at_age(x: &[f32], age: usize) -> Vec<f32> {
    let pixel = |row: usize, column: usize| {
        if row < 28 && column < 28 {
            x[row * 28 + column]
        } else {
            -1.0
        }
    };
    let of_pixel = |i: usize| {
        let (row, column) = (i / 28, i % 28);
        let here = pixel(row, column);
        match age {
            0 => [(0, 1), (1, 0), (1, 1)]
                .iter()
                .fold(here, |least, (d, r)| least.min(pixel(row + d, column + r))),
            1 => here,
            _ => [(0, 1), (1, 0), (1, 2), (2, 1)].iter().fold(here, |most, (d, r)| {
                most.max(pixel((row + d).wrapping_sub(1), (column + r).wrapping_sub(1)))
            }),
        }
    };
    (0..FLOATS).map(of_pixel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_loses_and_gains_a_rim() {
        let square: Vec<f32> = (0..FLOATS)
            .map(|i| {
                if (10..13).contains(&(i / 28)) && (10..13).contains(&(i % 28)) {
                    1.0
                } else {
                    -1.0
                }
            })
            .collect();
        let bright = |age| at_age(&square, age).iter().filter(|x| **x == 1.0).count();
        assert_eq!([0, 1, 2].map(bright), [4, 9, 9 + 12]);
    }
}
