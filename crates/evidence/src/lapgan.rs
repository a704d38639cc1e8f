//! `lapgan`: emoji against `dcgan`, which makes them in one go, by the same number of pictures seen; and what is made at every
//! level of its pyramid.
use crate::Result;
use crate::gallery::{COUNT, Gallery};
use crate::record::{Evidence, median, picture, round};
use crate::training::{self, Changes, HELD_OUT_SEED, grid, grid_of, order, samples, settings};
use ganymede::games::latent_vectors;

const SEEDS: [u64; 3] = [0, 1, 2];
const SIDE: usize = 32;
const STEPS: u64 = 1_000;
/// Narrower than the papers' and smaller batches, for a share of two processor cores.
const CHANGES: Changes = &[("batch", "32"), ("width", "16")];

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut gallery = Gallery::of("emoji-google", SIDE)?;
    gallery.record(&mut evidence, "emoji-google");
    let mut distances = [vec![], vec![]];
    for seed in SEEDS {
        for (which, system) in ["lapgan", "dcgan"].into_iter().enumerate() {
            let mut order = order(system, "emoji-google", CHANGES, seed, STEPS);
            order.want = gallery.want.clone();
            let mut run = training::train(&format!("lapgan-{system}-{seed}"), order)?;
            let x = samples(run.play(), COUNT);
            distances[which].push(gallery.frechet(&x)?);
            println!("      FD(effnet) {:.2}", distances[which][seed as usize]);
            evidence.settings(system, settings(&run)?);
            if seed == 0 {
                let name = if which == 0 { "lapgan" } else { "lapgan-dcgan" };
                grid(&run, &x[..64 * SIDE * SIDE * 3], 8, &picture(name)?)?;
            }
            if seed == 0 && which == 0 {
                let z = latent_vectors(HELD_OUT_SEED, 0, 8, run.play().system().z_dim());
                let levels = run.play().apply("pyramid", &z);
                grid_of(&run, &levels, 1, 4, &picture("lapgan-levels")?)?;
            }
        }
    }
    let [pyramid, one_shot] = distances.each_ref().map(|distances| median(distances));
    for (name, distances) in ["lapgan", "dcgan"].into_iter().zip(&distances) {
        let rounded: Vec<f64> = distances.iter().map(|d| round(*d)).collect();
        evidence.figure(&format!("fd_effnet.{name}"), rounded);
    }
    evidence.check(
        "FD(effnet) below that of one-shot dcgan, median of 3 seeds",
        &format!("< {one_shot:.2}"),
        format!("{pyramid:.2}"),
        pyramid < one_shot,
    );
    evidence.figure = format!(
        "FD(effnet) on emoji at {SIDE} pixels {pyramid:.2} against dcgan's {one_shot:.2}, {} pictures seen by each",
        STEPS * 32
    );
    Ok(evidence)
}
