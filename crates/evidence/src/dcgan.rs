//! `dcgan`: Fashion-MNIST against the dense `gan`, judged by `clf`; and arithmetic with latent vectors.
use crate::Result;
use crate::judge::Judge;
use crate::record::{Evidence, median, picture, round};
use crate::training::{self, Changes, HELD_OUT_SEED, grid, order, samples, samples_at, settings};
use ganymede::games::latent_vectors;
use ganymede::run::Training;

const SEEDS: [u64; 3] = [0, 1, 2];
const STEPS: u64 = 1_500;
const SAMPLES: usize = 5_000;
/// Narrower than the paper's 64 channels, for two processor cores.
const DCGAN: Changes = &[("width", "32")];
/// T-shirt to dress, trouser to dress, pullover to T-shirt, sneaker to ankle boot.
const SHOWN: [(usize, usize); 4] = [(0, 3), (1, 3), (2, 0), (7, 9)];
const DENSE: Changes = &[("networks", "dense")];

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut judge = Judge::of("fashion-mnist")?;
    judge.record(&mut evidence, 0.9);
    let mut distances = [vec![], vec![]];
    let mut arithmetic = None;
    for seed in SEEDS {
        for (which, (system, changes)) in [("dcgan", DCGAN), ("gan", DENSE)].into_iter().enumerate() {
            let order = order(system, &judge.train, changes, seed, STEPS);
            let mut run = training::train(&format!("dcgan-{system}-{seed}"), order)?;
            let x = samples(run.play(), SAMPLES);
            distances[which].push(judge.frechet(&x));
            println!("      FD(clf) {:.2}", judge.frechet(&x));
            evidence.settings(system, settings(&run)?);
            if seed == 0 {
                grid(
                    &run,
                    &x[..64 * 784],
                    8,
                    &picture(if which == 0 { "dcgan" } else { "dcgan-dense-gan" })?,
                )?;
            }
            if seed == 0 && which == 0 {
                arithmetic = Some(latent_arithmetic(&mut evidence, &mut judge, &mut run)?);
            }
        }
    }
    let [convolutional, dense] = [median(&distances[0]), median(&distances[1])];
    for (name, distances) in ["dcgan", "gan"].into_iter().zip(&distances) {
        evidence.figure(
            &format!("fd_clf.{name}"),
            distances.iter().map(|d| round(*d)).collect::<Vec<_>>(),
        );
    }
    let real = judge.frechet_of_real(SAMPLES)?;
    evidence.figure("fd_clf.real_training_pictures", round(real));
    let factor = dense / convolutional;
    evidence.check(
        "FD(clf) of dense gan / of dcgan, median of 3 seeds",
        ">= 2",
        format!("{dense:.1} / {convolutional:.1} = {factor:.2}"),
        factor >= 2.0,
    );
    evidence.figure = format!(
        "FD(clf) on Fashion-MNIST {convolutional:.1} against the dense gan's {dense:.1} ({factor:.2} times; real pictures {real:.1}), same pictures seen; {}",
        arithmetic.ok_or("no run to do arithmetic with")?
    );
    Ok(evidence)
}

/// `z - mean_z(a) + mean_z(b)`: does what was an `a` become a `b`?
///
/// For every ordered pair of classes, latent vectors of fresh samples that `clf` calls `a` are moved by the difference of
/// the mean latent vectors of other samples called `a` and `b`. Chance is the share of `b` among samples that are moved
/// as far, by the difference of the means of two groups drawn at random.
fn latent_arithmetic(evidence: &mut Evidence, judge: &mut Judge, run: &mut Training) -> Result<String> {
    const CLASSES: usize = 10;
    const EACH: usize = 20;
    let z_dim = run.play().system().z_dim();
    let vectors = |first: usize, count: usize| latent_vectors(HELD_OUT_SEED + 1, first, count, z_dim);
    let called = |judge: &mut Judge, run: &mut Training, z: &[f32]| judge.clf.predict(&samples_at(run.play(), z));

    let known = vectors(0, 10_000);
    let classes = called(judge, run, &known);
    let mean_of = |is_chosen: &dyn Fn(usize) -> bool| -> Option<Vec<f32>> {
        let chosen: Vec<&[f32]> = known
            .chunks_exact(z_dim)
            .enumerate()
            .filter(|(i, _)| is_chosen(*i))
            .map(|(_, z)| z)
            .collect();
        let sum = |k: usize| chosen.iter().map(|z| z[k]).sum::<f32>() / chosen.len() as f32;
        (chosen.len() >= EACH).then(|| (0..z_dim).map(sum).collect())
    };
    let means: Vec<Option<Vec<f32>>> = (0..CLASSES).map(|c| mean_of(&|i| classes[i] as usize == c)).collect();
    let fresh = vectors(10_000, 5_000);
    let fresh_classes = called(judge, run, &fresh);
    let of_class = |class: usize| -> Vec<&[f32]> {
        let all = fresh.chunks_exact(z_dim).zip(&fresh_classes);
        all.filter(|(_, c)| **c as usize == class)
            .map(|(z, _)| z)
            .take(EACH)
            .collect()
    };
    let norm = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();

    let (mut moved, mut moved_at_random, mut wanted) = (vec![], vec![], vec![]);
    let mut pairs = 0;
    for a in 0..CLASSES {
        for b in (0..CLASSES).filter(|b| *b != a) {
            let (Some(from), Some(to)) = (&means[a], &means[b]) else {
                continue;
            };
            let difference: Vec<f32> = from.iter().zip(to).map(|(from, to)| to - from).collect();
            let direction = vectors(20_000 + a * CLASSES + b, 1);
            let scale = norm(&difference) / norm(&direction);
            pairs += 1;
            for z in of_class(a) {
                moved.extend(z.iter().zip(&difference).map(|(z, d)| z + d));
                moved_at_random.extend(z.iter().zip(&direction).map(|(z, d)| z + scale * d));
                wanted.push(b as u32);
            }
        }
    }
    let count = wanted.len();
    let mut share = |z: &[f32]| {
        let got = called(judge, run, z);
        got.iter().zip(&wanted).filter(|(got, wanted)| got == wanted).count() as f64 / count as f64
    };
    let (hit, chance) = (share(&moved), share(&moved_at_random));
    evidence.figure("arithmetic.pairs_of_classes", pairs);
    evidence.figure("arithmetic.moved_vectors", count);
    evidence.figure("arithmetic.share_in_the_wanted_class", round(hit));
    evidence.figure("arithmetic.share_by_chance", round(chance));
    evidence.check(
        "z - mean(a) + mean(b) is a b, against chance",
        ">= 3 times",
        format!("{:.1} % / {:.1} % = {:.1}", 100.0 * hit, 100.0 * chance, hit / chance),
        hit >= 3.0 * chance,
    );
    // In pairs of rows: samples of a class, and what they become.
    let mut shown = vec![];
    for (a, b) in SHOWN {
        let (Some(from), Some(to)) = (&means[a], &means[b]) else {
            continue;
        };
        let before: Vec<&[f32]> = of_class(a).into_iter().take(8).collect();
        if before.len() == 8 {
            shown.extend(before.iter().flat_map(|z| z.to_vec()));
            let difference = from.iter().zip(to).map(|(from, to)| to - from).collect::<Vec<f32>>();
            shown.extend(
                before
                    .iter()
                    .flat_map(|z| z.iter().zip(&difference).map(|(z, d)| z + d)),
            );
        }
    }
    let pictures = samples_at(run.play(), &shown);
    grid(run, &pictures, 8, &picture("dcgan-arithmetic")?)?;
    Ok(format!(
        "z - mean(a) + mean(b) becomes a b {:.1} times as often as by chance",
        hit / chance
    ))
}
