//! `projection`: emoji that a `stylegan` has made, and emoji that it has never seen, looked for among its styles.
use crate::Result;
use crate::made::Set;
use crate::record::{Evidence, median, picture, round};
use crate::stylegan::CHANGES;
use crate::training::{self, HELD_OUT_SEED, grid, order, samples, samples_at, settings};
use ganymede::data::{self, Want};
use ganymede::explore::projection::{Code, Config, Projection};
use ganymede::games::latent_vectors;
use ganymede::metrics::lpips::Lpips;
use serde_json::json;

const SEEDS: [u64; 3] = [0, 1, 2];
const SIDE: usize = 32;
const SHAPE: [usize; 3] = [SIDE, SIDE, 3];
const FLOATS: usize = SIDE * SIDE * 3;
const STEPS: u64 = crate::progressive::STEPS;
/// Every so many-th emoji is never trained on; some of these have a near relation that is, of another shade of skin.
const EVERY: usize = 20;
/// Pictures that are looked for at a time, of either kind.
const COUNT: usize = 24;
/// Updates of a search: fewer than the paper's, for two processor cores.
const UPDATES: usize = 500;
/// After how many of them the distance is written down.
const STOPS: [usize; 5] = [50, 100, 200, 350, 500];
/// Samples of which the nearest is taken.
const SAMPLES: usize = 1_000;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    for part in ["emoji-google", "squeezenet", "lpips-heads"] {
        data::get(part, &mut |line| println!("      {line}"))?;
    }
    let emoji = Set::of(&data::open("emoji-google", &Want::picture(SIDE, SIDE, 3))?)?;
    let spec = emoji.those(|i| i % EVERY != 0).write("emoji-but-every-twentieth")?;
    // From all categories.
    let unseen = emoji.those(|i| i % (EVERY * 7) == 0).values[..COUNT * FLOATS].to_vec();
    let mut lpips = Lpips::open(None)?;
    let config = Config {
        steps: UPDATES,
        ..Config::default()
    };
    let (mut rows, mut ratios) = (vec![], [const { vec![] }; 4]);
    for seed in SEEDS {
        let mut run = training::train(
            &format!("projection-{seed}"),
            order("stylegan", &spec, CHANGES, seed, STEPS),
        )?;
        let z_dim = run.play().system().z_dim();
        let made = samples_at(run.play(), &latent_vectors(HELD_OUT_SEED + 1, 0, COUNT, z_dim));
        let mut mean = |a: &[f32], b: &[f32]| {
            let distances = lpips.distances(a, b, SHAPE);
            f64::from(distances.iter().sum::<f32>()) / distances.len() as f64
        };
        let mut found = vec![];
        for (kind, x) in [(Code::W, &made), (Code::W, &unseen), (Code::WPlus, &unseen)] {
            let distance = Lpips::open(None)?;
            let mut projection = Projection::new(run.play(), kind, Some(&distance), config, COUNT)?;
            let mut codes = vec![projection.mean().repeat(COUNT)];
            projection.find(run.play(), x, None, &mut |progress| {
                if STOPS.contains(&progress.done) {
                    codes.push(progress.codes.to_vec());
                }
            });
            let pictures: Vec<Vec<f32>> = codes
                .iter()
                .map(|codes| projection.pictures(run.play(), codes, None))
                .collect();
            let distances: Vec<f64> = pictures.iter().map(|pictures| mean(pictures, x)).collect();
            found.push((distances, pictures.into_iter().next_back().ok_or("no pictures")?));
        }
        let nearest = nearest(&mut lpips, &samples(run.play(), SAMPLES), &unseen);
        let of_nearest = f64::from(nearest.iter().map(|(distance, _)| distance).sum::<f32>()) / COUNT as f64;
        let ends = |search: usize| (found[search].0[0], found[search].0[STOPS.len()]);
        let ((made_before, made_after), (before, w), (_, w_plus)) = (ends(0), ends(1), ends(2));
        ratios[0].push(made_after / made_before);
        ratios[1].push(w_plus / before);
        ratios[2].push(w_plus / w);
        ratios[3].push(w_plus / of_nearest);
        let rounded = |search: usize| found[search].0.iter().copied().map(round).collect::<Vec<_>>();
        rows.push(json!({
            "seed": seed, "nearest_sample": round(of_nearest),
            "made.w": rounded(0), "unseen.w": rounded(1), "unseen.w+": rounded(2),
        }));
        println!("      {}", rows[rows.len() - 1]);
        if seed == 0 {
            evidence.settings("emoji", settings(&run)?);
            evidence.settings(
                "search",
                json!({
                    "steps": UPDATES, "learning_rate": config.learning_rate, "noise": config.noise,
                    "pixel_weight": config.pixel_weight, "pictures": COUNT,
                }),
            );
            // A column a picture: made and found again in w; then unseen, found in w, in w+, and the nearest sample.
            let row = |x: &[f32]| x[..12 * FLOATS].to_vec();
            let sampled: Vec<f32> = nearest.into_iter().flat_map(|(_, picture)| picture).collect();
            let shown = [&made, &found[0].1, &unseen, &found[1].1, &found[2].1, &sampled].map(|x| row(x));
            grid(&run, &shown.concat(), 12, &picture("projection")?)?;
        }
    }
    evidence.figure("lpips_like.updates", [&[0], &STOPS[..]].concat());
    evidence.figure("lpips_like", rows);
    let medians = ratios.each_ref().map(|ratios| median(ratios));
    let checks = [
        (
            "LPIPS-like to pictures the generator has made: found in w / at the mean w, median of 3 seeds",
            0.1,
        ),
        (
            "LPIPS-like to unseen emoji: found in w+ / at the mean w, median of 3 seeds",
            0.5,
        ),
        ("LPIPS-like to unseen emoji: found in w+ / in w, median of 3 seeds", 1.0),
        (
            "LPIPS-like to unseen emoji: found in w+ / nearest of 1,000 samples, median of 3 seeds",
            1.0,
        ),
    ];
    for ((name, bar), ratio) in checks.into_iter().zip(medians) {
        evidence.check(name, &format!("< {bar}"), format!("{ratio:.3}"), ratio < bar);
    }
    let [made, of_mean, of_w, of_nearest] = medians;
    evidence.figure = format!(
        "after {UPDATES} updates LPIPS-like of emoji at {SIDE} pixels is {made:.2} times that of the mean w for pictures the stylegan has made, {of_mean:.2} times for unseen ones in w+, which is {of_w:.2} times that in w and {of_nearest:.2} times that of the nearest of 1,000 samples (medians of 3 seeds)",
    );
    Ok(evidence)
}

/// For each picture the nearest of the samples, and how far it is.
fn nearest(lpips: &mut Lpips, samples: &[f32], x: &[f32]) -> Vec<(f32, Vec<f32>)> {
    let of = |x: &[f32]| {
        let distances = lpips.distances(samples, &x.repeat(SAMPLES), SHAPE);
        let by_distance = |a: &usize, b: &usize| distances[*a].total_cmp(&distances[*b]);
        let best = (0..SAMPLES).min_by(by_distance).unwrap_or(0);
        (distances[best], samples[best * FLOATS..][..FLOATS].to_vec())
    };
    x.chunks_exact(FLOATS).map(of).collect()
}
