//! `medical3d`: patches of one head: how near slices of made ones are to slices of its other half, and their greys to its greys.
use crate::Result;
use crate::made::Numbers;
use crate::record::{Evidence, median, picture, root, round};
use crate::training::{self, Changes, HELD_OUT_SEED, grid, order, samples, settings};
use ganymede::data::{self, Want, nifti};
use ganymede::metrics::features::{self, FeatureNetwork};
use ganymede::metrics::frechet::frechet_distance;
use ganymede::run::Sampler;

const SEEDS: [u64; 3] = [0, 1, 2];
const SIDE: usize = 24;
const PLACES: usize = SIDE * SIDE * SIDE;
const STEPS: u64 = 8_000;
/// Smaller than the paper's, for a share of two processor cores; `gan3d` has the same batch, width and steps, and no averaged weights.
const CHANGES: Changes = &[
    ("batch", "8"),
    ("width", "16"),
    ("z_dim", "64"),
    ("average_decay", "0.99"),
    ("generator.learning_rate", "2e-4"),
    ("discriminator.learning_rate", "2e-4"),
];
const PARENT: Changes = &[
    ("batch", "8"),
    ("width", "16"),
    ("z_dim", "64"),
    ("generator.learning_rate", "1e-3"),
    ("discriminator.learning_rate", "2e-4"),
];
/// Patches that are measured, and slices of each.
const COUNT: usize = 200;
const SLICES: [usize; 2] = [SIDE / 3, 2 * SIDE / 3];

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    for name in ["mri", "effnet-lite0"] {
        data::get(name, &mut |line| println!("      {line}"))?;
    }
    let want = Want::picture(SIDE, SIDE, 1);
    let read = |spec: &str| -> Result<Vec<f32>> {
        let data = data::open(spec, &want)?;
        let mut x = vec![0.0; COUNT * PLACES];
        data.batch(HELD_OUT_SEED, 0, COUNT, &mut x, &mut [])?;
        Ok(x)
    };
    let (train, test) = (read("mri:train")?, read("mri:test")?);
    let mut network = features::open("effnet-lite0", None)?;
    let held_out = of_slices(&mut *network, &test);
    let mut compared = |x: &[f32]| {
        let distance = frechet_distance(&of_slices(&mut *network, x), &held_out, network.dimension());
        [distance, between(x, &test)]
    };
    let bounds = [
        ("training_half", compared(&train)),
        ("independent_places", compared(&independently(&train))),
    ];
    let mut all = [[vec![], vec![]], [vec![], vec![]]];
    for seed in SEEDS {
        for (system, changes, which) in [("medical3d", CHANGES, 0), ("gan3d", PARENT, 1)] {
            let mut order = order(system, "mri:train", changes, seed, STEPS);
            order.want = want.clone();
            let mut run = training::train(&format!("mri-{system}-{seed}"), order)?;
            let x = samples(run.play(), COUNT);
            let [distance, greys] = compared(&x);
            println!("      {system}: slice FD {distance:.1}, greys {greys:.4}");
            all[which][0].push(distance);
            all[which][1].push(greys);
            evidence.settings(system, settings(&run)?);
            if seed == 0 {
                grid(&run, &x[..32 * PLACES], 8, &picture(&format!("medical3d-{system}"))?)?;
                if system == "medical3d" {
                    grid(&run, &train[..32 * PLACES], 8, &picture("medical3d-real")?)?;
                    volume(&Sampler::open(run.folder().path())?, &x[..PLACES])?;
                }
            }
        }
    }
    let list = |numbers: &[f64]| numbers.iter().map(|number| round(*number)).collect::<Vec<_>>();
    for (system, [distances, greys]) in ["medical3d", "gan3d"].iter().zip(&all) {
        evidence.figure(&format!("slice_fd.{system}"), list(distances));
        evidence.figure(&format!("greys.{system}"), list(greys));
    }
    for (name, [distance, greys]) in bounds {
        evidence.figure(&format!("slice_fd.{name}"), round(distance));
        evidence.figure(&format!("greys.{name}"), round(greys));
    }
    let [[distance, greys], [parent, _]] = all.each_ref().map(|lists| lists.each_ref().map(|list| median(list)));
    let [[best, best_greys], [chance, _]] = bounds.map(|(_, figures)| figures);
    evidence.check(
        "slice FD(effnet) to the other half below `gan3d`'s on as many patches, medians of 3 seeds",
        &format!("< {parent:.1}"),
        format!("{distance:.1}"),
        distance < parent,
    );
    evidence.check(
        "slice FD(effnet) of the way from independent places to the training half, median of 3 seeds",
        ">= 1/2",
        format!("{:.2}", (chance - distance) / (chance - best)),
        distance <= 0.5 * (chance + best),
    );
    evidence.check(
        "mean difference of greys from those of the other half, of a range of 2, median of 3 seeds",
        "< 0.1",
        format!("{greys:.3}, training half {best_greys:.3}"),
        greys < 0.1,
    );
    evidence.figure = format!(
        "slice FD(effnet) {distance:.0} to the other half of the head (`gan3d` {parent:.0}, training half {best:.0}, independent places \
         {chance:.0}); greys {greys:.3} from its own of a range of 2; one head, patches of {SIDE}^3"
    );
    Ok(evidence)
}

/// Features of two slices of each patch.
fn of_slices(network: &mut dyn FeatureNetwork, patches: &[f32]) -> Vec<f32> {
    let slice = |patch: &[f32], number: usize| patch[number * SIDE * SIDE..][..SIDE * SIDE].to_vec();
    let slices: Vec<f32> = patches
        .chunks_exact(PLACES)
        .flat_map(|patch| SLICES.map(|number| slice(patch, number)).concat())
        .collect();
    network.answer(&slices, [SIDE, SIDE, 1]).features
}

/// The Wasserstein-1 distance of two histograms of as many numbers: the mean difference of what has the same rank.
fn between(a: &[f32], b: &[f32]) -> f64 {
    let sorted = |values: &[f32]| {
        let mut values = values.to_vec();
        values.sort_by(f32::total_cmp);
        values
    };
    let pairs = sorted(a).into_iter().zip(sorted(b));
    pairs.map(|(a, b)| f64::from(a - b).abs()).sum::<f64>() / a.len() as f64
}

/// Patches whose place number p is that of another patch for each p: the same greys, and nothing of their ties.
fn independently(patches: &[f32]) -> Vec<f32> {
    let count = patches.len() / PLACES;
    let mut numbers = Numbers(5);
    let mut other = || (numbers.draw() * count as f32) as usize % count;
    (0..patches.len())
        .map(|at| patches[other() * PLACES + at % PLACES])
        .collect()
}

/// Writes a made patch as a scanner would have it.
fn volume(sampler: &Sampler, patch: &[f32]) -> Result<()> {
    let folder = root().join("docs/results/volumes");
    std::fs::create_dir_all(&folder)?;
    let scan = sampler.voxels().scan([SIDE; 3], patch);
    let about = "made, not scanned: gany medical3d";
    Ok(nifti::write(&scan, about, &folder.join("medical3d.nii.gz"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_differ_by_ranks() {
        assert_eq!(between(&[1.0, 0.0, 5.0], &[0.0, 6.0, 3.0]), (0.0 + 2.0 + 1.0) / 3.0);
        assert_eq!(between(&[1.0, 2.0], &[2.0, 1.0]), 0.0);
    }

    #[test]
    fn independent_places_have_the_same_greys_in_each_place() {
        let patches: Vec<f32> = (0..3 * PLACES).map(|i| (i % PLACES) as f32).collect();
        assert_eq!(independently(&patches), patches);
    }
}
