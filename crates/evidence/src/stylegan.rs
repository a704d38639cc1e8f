//! `stylegan`: emoji against `progressive`, by the same number of pictures seen; path length; what coarse and fine styles change.
use crate::Result;
use crate::gallery::{COUNT, Gallery};
use crate::progressive::GROWING;
use crate::record::{Evidence, median, picture, round};
use crate::training::{self, Changes, HELD_OUT_SEED, grid, order, samples, samples_at, settings};
use ganymede::games::{Play, latent_vectors};

const SEEDS: [u64; 3] = [0, 1, 2];
const SIDE: usize = 32;
const STEPS: u64 = crate::progressive::STEPS;
/// Narrower than the papers' and smaller batches, for a share of two processor cores.
pub(crate) const CHANGES: Changes = &[
    ("batch", "32"),
    ("width", "8"),
    ("z_dim", "64"),
    ("w_dim", "64"),
    ("mapping_layers", "4"),
    ("average_half_life", "2000"),
    // A slope of a picture of fewer pixels is of fewer numbers: ten is for faces of a million.
    ("r1_gamma", "0.1"),
];
/// Layers that are told styles at 32 pixels: the first four are those of 4 and 8 pixels, the last two those of 32.
const LAYERS: usize = 8;
const COARSE: std::ops::Range<usize> = 0..4;
const FINE: std::ops::Range<usize> = 6..8;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut gallery = Gallery::of("emoji-google", SIDE)?;
    gallery.record(&mut evidence, "emoji-google");
    let first = [CHANGES, &[("generation", "first")]].concat();
    let contestants: [(&str, &str, Changes); 3] = [
        ("stylegan", "stylegan", CHANGES),
        ("progressive", "progressive", GROWING),
        ("stylegan-first", "stylegan", &first),
    ];
    let (mut distances, mut lengths) = ([(); 3].map(|()| vec![]), [(); 3].map(|()| vec![]));
    let mut styles = [(); 3].map(|()| [vec![], vec![]]);
    for seed in SEEDS {
        for (which, (name, system, changes)) in contestants.into_iter().enumerate() {
            let mut order = order(system, "emoji-google", changes, seed, STEPS);
            order.want = gallery.want.clone();
            let mut run = training::train(&format!("stylegan-{name}-{seed}"), order)?;
            let x = samples(run.play(), COUNT);
            distances[which].push(gallery.frechet(&x)?);
            let z_dim = run.play().system().z_dim();
            lengths[which].push(gallery.path_length(z_dim, |z| samples_at(run.play(), z))?);
            println!("      FD(effnet) {:.2}", distances[which][seed as usize]);
            evidence.settings(name, settings(&run)?);
            if seed == 0 {
                let name = if name == "progressive" {
                    "stylegan-progressive"
                } else {
                    name
                };
                grid(&run, &x[..64 * SIDE * SIDE * 3], 8, &picture(name)?)?;
            }
            if system == "stylegan" {
                let [coarse, fine] = [COARSE, FINE].map(|layers| changes_by(run.play(), layers));
                // By how much more coarse styles change the outline than fine ones, and fine ones the colours.
                let ratios = [coarse[0] / fine[0], fine[1] / coarse[1]];
                println!("      outline {:.2}, colour {:.2}", ratios[0], ratios[1]);
                for (of, ratio) in styles[which].iter_mut().zip(ratios) {
                    of.push(ratio);
                }
                if seed == 0 {
                    let mixed = mixing_grid(run.play());
                    grid(&run, &mixed, 7, &picture(&format!("{name}-mixing"))?)?;
                }
            }
        }
    }
    let rounded = |numbers: &[f64]| numbers.iter().map(|d| round(*d)).collect::<Vec<_>>();
    for (which, (name, system, _)) in contestants.into_iter().enumerate() {
        evidence.figure(&format!("fd_effnet.{name}"), rounded(&distances[which]));
        evidence.figure(&format!("path_length.{name}"), rounded(&lengths[which]));
        if system == "stylegan" {
            let [outline, colour] = &styles[which];
            evidence.figure(&format!("outline.coarse_over_fine.{name}"), rounded(outline));
            evidence.figure(&format!("colour.fine_over_coarse.{name}"), rounded(colour));
        }
    }
    let [styled, growing, _] = distances.each_ref().map(|distances| median(distances));
    evidence.check(
        "FD(effnet) below that of progressive, median of 3 seeds",
        &format!("< {growing:.2}"),
        format!("{styled:.2}"),
        styled < growing,
    );
    // The first paper's observation, of its generation: the second sums pictures of all levels, so that colours come of each.
    let [outline, colour] = styles[2].each_ref().map(|ratios| median(ratios));
    for (name, ratio) in [
        (
            "first generation: outline changed by coarse styles / by fine ones, median of 3 seeds",
            outline,
        ),
        (
            "first generation: colour changed by fine styles / by coarse ones, median of 3 seeds",
            colour,
        ),
    ] {
        evidence.check(name, "> 1", format!("{ratio:.2}"), ratio > 1.0);
    }
    evidence.figure = format!(
        "FD(effnet) on emoji at {SIDE} pixels {styled:.2} against progressive's {growing:.2}, {} pictures seen by each; path length {:.0} against {:.0}",
        STEPS * 32,
        median(&lengths[0]),
        median(&lengths[1]),
    );
    Ok(evidence)
}

/// Styles `[count, LAYERS, w_dim]` that are those of `to` at some layers and those of `from` at all others.
fn mixed(from: &[f32], to: &[f32], layers: &std::ops::Range<usize>, w_dim: usize) -> Vec<f32> {
    let rows = from.chunks_exact(w_dim).zip(to.chunks_exact(w_dim)).enumerate();
    rows.flat_map(|(row, (from, to))| if layers.contains(&(row % LAYERS)) { to } else { from })
        .copied()
        .collect()
}

/// What other styles at some layers change of a sample, on average over a hundred: the share of its outline (what is painted
/// before or after, but not both) and its mean colour (how far it moves within the cube of colours).
fn changes_by(play: &mut Play, layers: std::ops::Range<usize>) -> [f64; 2] {
    const PAIRS: usize = 100;
    let z_dim = play.system().z_dim();
    let [from, to] = [0, 1].map(|half| {
        let z = latent_vectors(HELD_OUT_SEED + 2, half * PAIRS, PAIRS, z_dim);
        play.apply("mapping", &z)
    });
    let w_dim = from.len() / PAIRS / LAYERS;
    let before = play.apply("synthesis", &from);
    let after = play.apply("synthesis", &mixed(&from, &to, &layers, w_dim));
    let pictures = before
        .chunks_exact(SIDE * SIDE * 3)
        .zip(after.chunks_exact(SIDE * SIDE * 3));
    let changes = pictures.map(|(before, after)| {
        // The background is white.
        let is_painted = |pixel: &[f32]| pixel.iter().any(|x| *x < 0.8);
        let pixels = || before.chunks_exact(3).zip(after.chunks_exact(3));
        let either = pixels().filter(|(a, b)| is_painted(a) || is_painted(b)).count().max(1);
        let both = pixels().filter(|(a, b)| is_painted(a) && is_painted(b)).count();
        let colour = |picture: &[f32]| -> Vec<f64> {
            let painted: Vec<&[f32]> = picture.chunks_exact(3).filter(|pixel| is_painted(pixel)).collect();
            let sum = |c: usize| painted.iter().map(|pixel| f64::from(pixel[c])).sum::<f64>();
            (0..3).map(|c| sum(c) / painted.len().max(1) as f64).collect()
        };
        let (a, b) = (colour(before), colour(after));
        let moved = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        [1.0 - both as f64 / either as f64, moved]
    });
    let sums = changes.fold([0.0; 2], |sum, change| [sum[0] + change[0], sum[1] + change[1]]);
    sums.map(|sum| sum / PAIRS as f64)
}

/// Seven columns: the first row are sources of coarse styles; below, each begins with a source of all other styles.
fn mixing_grid(play: &mut Play) -> Vec<f32> {
    const SOURCES: usize = 6;
    let z_dim = play.system().z_dim();
    let styles = play.apply("mapping", &latent_vectors(HELD_OUT_SEED, 0, 2 * SOURCES, z_dim));
    let floats = styles.len() / (2 * SOURCES);
    let of = |source: usize| &styles[source * floats..][..floats];
    // The corner is the mean of nothing: white.
    let white = vec![1.0; SIDE * SIDE * 3];
    let mut pictures = white;
    pictures.extend(play.apply("synthesis", &styles[..SOURCES * floats]));
    for row in SOURCES..2 * SOURCES {
        let others = (0..SOURCES).flat_map(|column| mixed(of(row), of(column), &COARSE, floats / LAYERS));
        let all: Vec<f32> = of(row).iter().copied().chain(others).collect();
        pictures.extend(play.apply("synthesis", &all));
    }
    pictures
}
