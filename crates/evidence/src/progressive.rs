//! `progressive`: emoji against `dcgan`: sliced Wasserstein distance, likeness, seconds; and whether a level fades in without a
//! jump.
use crate::Result;
use crate::gallery::{COUNT, Gallery};
use crate::record::{Evidence, median, picture, round};
use crate::training::{self, Changes, grid, order, samples, seconds, settings};
use ganymede::games::Play;
use serde_json::json;

const SEEDS: [u64; 3] = [0, 1, 2];
const SIDE: usize = 32;
/// Steps of each of the six phases before the last, and of all seven.
const PHASE: u64 = 150;
pub(crate) const STEPS: u64 = 1_300;
/// When the last level begins to fade in.
const FADES: u64 = 5 * PHASE;
/// Narrower than the papers' and smaller batches, for a share of two processor cores.
pub(crate) const GROWING: Changes = &[
    ("batch", "32"),
    ("width", "12"),
    ("z_dim", "64"),
    ("images_per_phase", "4800"),
    ("average_decay", "0.99"),
];
const DCGAN: Changes = &[("batch", "32"), ("width", "16")];

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let gallery = Gallery::of("emoji-google", SIDE)?;
    gallery.record(&mut evidence, "emoji-google");
    let (mut distances, mut times, mut jumps) = ([vec![], vec![]], [vec![], vec![]], vec![]);
    for seed in SEEDS {
        for (which, (system, changes)) in [("progressive", GROWING), ("dcgan", DCGAN)].into_iter().enumerate() {
            let mut order = order(system, "emoji-google", changes, seed, STEPS);
            order.want = gallery.want.clone();
            let name = format!("progressive-{system}-{seed}");
            let mut run = training::train_in_parts(&name, order, &[FADES, u64::MAX], &mut |run| {
                if which == 0 && run.step() == FADES {
                    jumps.push(jump(run.play()));
                }
                Ok(())
            })?;
            let x = samples(run.play(), COUNT);
            let levels = gallery.sliced_wasserstein(&x);
            let [made, real] = gallery.likeness(&x);
            let mean = levels.iter().sum::<f64>() / levels.len() as f64;
            distances[which].push(mean);
            times[which].push(seconds(&run)?);
            let rounded: Vec<f64> = levels.iter().map(|d| round(*d)).collect();
            evidence.figure(
                &format!("{system}.seed_{seed}"),
                json!({"swd_by_level": rounded, "ms_ssim": round(made), "ms_ssim.real": round(real), "seconds": round(times[which][seed as usize])}),
            );
            evidence.settings(system, settings(&run)?);
            if seed == 0 {
                let name = if which == 0 { "progressive" } else { "progressive-dcgan" };
                grid(&run, &x[..64 * SIDE * SIDE * 3], 8, &picture(name)?)?;
            }
        }
    }
    let [growing, plain] = distances.each_ref().map(|distances| median(distances));
    let [growing_time, plain_time] = times.each_ref().map(|times| median(times));
    evidence.check(
        "reaches dcgan's SWD (mean of levels), median of 3 seeds",
        &format!("<= {plain:.1}"),
        format!("{growing:.1}"),
        growing <= plain,
    );
    evidence.check(
        "in less time than dcgan, median of 3 seeds",
        &format!("< {plain_time:.0} s"),
        format!("{growing_time:.0} s"),
        growing_time < plain_time,
    );
    let jump = jumps.iter().copied().fold(0.0, f64::max);
    evidence.check(
        "largest jump of a pixel where a level begins to fade in",
        "<= 1e-5",
        format!("{jump:.1e}"),
        jumps.len() == SEEDS.len() && jump <= 1e-5,
    );
    evidence.figure = format!(
        "SWD on emoji at {SIDE} pixels {growing:.1} after {growing_time:.0} s against dcgan's {plain:.1} after {plain_time:.0} s, {} pictures seen by each",
        STEPS * 32
    );
    Ok(evidence)
}

/// How far a pixel of samples is at most from where it was, when a play has just turned to a phase that fades a level in: the
/// same weights, seen as by the last step of the phase before and as by the first of this.
fn jump(play: &mut Play) -> f64 {
    let done = play.done();
    let [whole, faded] = [done - 1, done].map(|step| {
        play.go_on_from(step);
        samples(play, 100)
    });
    let differences = whole.iter().zip(&faded).map(|(a, b)| (a - b).abs());
    f64::from(differences.fold(0.0, f32::max))
}
