//! `gan3d`: furniture as solids: how near held-out pieces the nearest sample is, and how many of them are some sample's nearest.
use crate::Result;
use crate::record::{Evidence, median, picture, round};
use crate::training::{self, Changes, HELD_OUT_SEED, grid, order, samples, settings};
use ganymede::data::{self, Want};

const SEEDS: [u64; 3] = [0, 1, 2];
const SIDE: usize = 16;
const STEPS: u64 = 500;
/// Smaller than the paper's, and a discriminator that learns faster, for a share of two processor cores.
const CHANGES: Changes = &[
    ("batch", "32"),
    ("width", "16"),
    ("z_dim", "64"),
    ("generator.learning_rate", "1e-3"),
    ("discriminator.learning_rate", "2e-4"),
];
/// Samples for each held-out piece, as many as papers take.
const SAMPLES: usize = 164;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    data::get("shapes", &mut |line| println!("      {line}"))?;
    let want = Want::picture(SIDE, SIDE, 1);
    let [train, test] = ["shapes:train", "shapes:test"].map(|spec| data::open(spec, &want));
    let (train, test) = (train?, test?);
    let count = test.len().unwrap_or(0) as usize;
    let held_out = solids(
        &(0..count)
            .map(|i| test.example(i as u64).map(|(x, _)| x))
            .collect::<std::result::Result<Vec<_>, _>>()?
            .concat(),
    );
    let mut real = vec![0.0; SAMPLES * train.shape().floats()];
    train.batch(HELD_OUT_SEED, 0, SAMPLES, &mut real, &mut [])?;
    let best = compared(&solids(&real), &held_out);
    // Places that are taken as often as in the data, but each by itself.
    let independent = compared(&independently(&solids(&real)), &held_out);
    let mut found = [vec![], vec![]];
    for seed in SEEDS {
        let mut order = order("gan3d", "shapes:train", CHANGES, seed, STEPS);
        order.want = want.clone();
        let mut run = training::train(&format!("gan3d-{seed}"), order)?;
        let x = samples(run.play(), SAMPLES);
        let [distance, coverage] = compared(&solids(&x), &held_out);
        println!("      MMD {distance:.3}, coverage {coverage:.3}");
        found[0].push(distance);
        found[1].push(coverage);
        evidence.settings("gan3d", settings(&run)?);
        if seed == 0 {
            let floats = train.shape().floats();
            grid(&run, &x[..48 * floats], 8, &picture("gan3d")?)?;
            grid(&run, &real[..48 * floats], 8, &picture("gan3d-real")?)?;
        }
    }
    for (name, numbers) in ["mmd", "coverage"].iter().zip(&found) {
        evidence.figure(name, numbers.iter().map(|d| round(*d)).collect::<Vec<_>>());
    }
    for (name, [distance, coverage]) in [("training_pieces", best), ("independent_places", independent)] {
        evidence.figure(&format!("mmd.{name}"), round(distance));
        evidence.figure(&format!("coverage.{name}"), round(coverage));
    }
    let [distance, coverage] = found.each_ref().map(|numbers| median(numbers));
    evidence.check(
        "MMD (1 - IoU) to held-out pieces below that of independent places, median of 3 seeds",
        &format!("< {:.3}", independent[0]),
        format!("{distance:.3}"),
        distance < independent[0],
    );
    evidence.check(
        "coverage of held-out pieces, of what as many training pieces cover, median of 3 seeds",
        ">= 1/2",
        format!("{coverage:.3} / {:.3} = {:.2}", best[1], coverage / best[1]),
        coverage >= 0.5 * best[1],
    );
    evidence.figure = format!(
        "MMD {distance:.3} to held-out furniture in {SIDE}^3 places (training pieces {:.3}, independent places {:.3}), coverage {:.0} % (training pieces {:.0} %)",
        best[0],
        independent[0],
        100.0 * coverage,
        100.0 * best[1]
    );
    Ok(evidence)
}

/// Which places solids take, one after the other.
fn solids(values: &[f32]) -> Vec<Vec<bool>> {
    let volumes = values.chunks_exact(SIDE * SIDE * SIDE);
    volumes
        .map(|volume| volume.iter().map(|x| *x > 0.0).collect())
        .collect()
}

/// Solids whose place number p is that of another solid for each p: the same shares of places, and nothing of their ties.
fn independently(solids: &[Vec<bool>]) -> Vec<Vec<bool>> {
    // 7919 is a prime, so that every solid serves each place once.
    let place = |i: usize, p: usize| solids[(i + p * 7919) % solids.len()][p];
    (0..solids.len())
        .map(|i| (0..solids[i].len()).map(|p| place(i, p)).collect())
        .collect()
}

/// The minimum matching distance, the mean over the held-out solids of 1 less the largest intersection over union with a
/// made one; and the coverage, the share of held-out solids to which some made one is nearest (Achlioptas et al. 2018).
fn compared(made: &[Vec<bool>], held_out: &[Vec<bool>]) -> [f64; 2] {
    let distance = |a: &[bool], b: &[bool]| {
        let count = |f: &dyn Fn(bool, bool) -> bool| a.iter().zip(b).filter(|(a, b)| f(**a, **b)).count();
        1.0 - count(&|a, b| a && b) as f64 / count(&|a, b| a || b).max(1) as f64
    };
    let table: Vec<Vec<f64>> = made
        .iter()
        .map(|made| held_out.iter().map(|held_out| distance(made, held_out)).collect())
        .collect();
    let nearest = |row: &Vec<f64>| (0..row.len()).min_by(|a, b| row[*a].total_cmp(&row[*b]));
    let matched: std::collections::BTreeSet<usize> = table.iter().filter_map(nearest).collect();
    let least = |j: usize| table.iter().map(|row| row[j]).fold(f64::INFINITY, f64::min);
    let matching = (0..held_out.len()).map(least).sum::<f64>() / held_out.len() as f64;
    [matching, matched.len() as f64 / held_out.len() as f64]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made solids are the first held-out one and half of it: distances 0 and 1/2 to the first, 1 and 1 to the second.
    #[test]
    fn distances_by_hand() {
        let held_out = vec![vec![true, true, false], vec![false, false, true]];
        let made = vec![vec![true, true, false], vec![true, false, false]];
        assert_eq!(compared(&made, &held_out), [0.5, 0.5]);
        assert_eq!(compared(&held_out, &held_out), [0.0, 1.0]);
    }

    #[test]
    fn independent_places_are_taken_as_often() {
        let solids = vec![vec![true, true], vec![true, false], vec![false, false]];
        let shuffled = independently(&solids);
        let taken = |solids: &[Vec<bool>], p: usize| solids.iter().filter(|solid| solid[p]).count();
        assert_eq!([0, 1].map(|p| taken(&shuffled, p)), [2, 1]);
    }
}
