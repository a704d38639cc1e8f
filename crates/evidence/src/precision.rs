//! bf16 against f32: do the convolutional systems learn as well where products are rounded?
use crate::Result;
use crate::judge::Judge;
use crate::record::{Evidence, median, picture, round};
use crate::training::{self, Changes, grid, order, samples, settings};
use ganymede::engine::Precision;

const SEEDS: [u64; 5] = [0, 1, 2, 3, 4];
const SAMPLES: usize = 5_000;
/// A system, its settings and the steps of a run.
const SYSTEMS: [(&str, Changes, u64); 2] = [
    ("dcgan", &[("width", "32")], 1_500),
    ("wgan_gp", &[("width", "32"), ("networks", "convolutional")], 400),
];

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut judge = Judge::of("fashion-mnist")?;
    judge.record(&mut evidence, 0.9);
    let mut told = vec![];
    for (system, changes, steps) in SYSTEMS {
        let mut distances = [vec![], vec![]];
        for seed in SEEDS {
            for (distances, precision) in distances.iter_mut().zip(Precision::ALL) {
                let name = precision.name();
                let mut order = order(system, &judge.train, changes, seed, steps);
                order.precision = precision;
                let mut run = training::train(&format!("precision-{system}-{name}-{seed}"), order)?;
                let x = samples(run.play(), SAMPLES);
                let distance = judge.frechet(&x);
                println!("      FD(clf) {distance:.2} in {name}");
                distances.push(distance);
                evidence.settings(&format!("{system}.{name}"), settings(&run)?);
                if seed == 0 {
                    grid(
                        &run,
                        &x[..64 * 784],
                        8,
                        &picture(&format!("precision-{system}-{name}"))?,
                    )?;
                }
            }
        }
        for (distances, precision) in distances.iter().zip(Precision::ALL) {
            let rounded: Vec<f64> = distances.iter().map(|d| round(*d)).collect();
            evidence.figure(&format!("fd_clf.{system}.{}", precision.name()), rounded);
        }
        let [exact, rounded] = [median(&distances[0]), median(&distances[1])];
        let spread = distances[0]
            .iter()
            .fold(0.0, |most: f64, d| most.max((d - exact).abs()));
        let name = if system == "dcgan" {
            "dcgan: median FD(clf) in bf16 no further from that in f32 than f32's own seeds"
        } else {
            "wgan_gp: median FD(clf) in bf16 no further from that in f32 than f32's own seeds"
        };
        let difference = rounded - exact;
        evidence.check(
            name,
            &format!("within {spread:.2}"),
            format!("{rounded:.2} - {exact:.2} = {difference:.2}"),
            difference.abs() <= spread,
        );
        told.push(format!(
            "{system} {rounded:.1} in bf16, {exact:.1} in f32 (its seeds within {spread:.1})"
        ));
    }
    evidence.figure = format!("FD(clf) on Fashion-MNIST, medians of 5 seeds: {}", told.join("; "));
    Ok(evidence)
}
