//! `defog`: photographs in fog of a known model, held out, against the dark channel prior.
use crate::Result;
use crate::made::{Nearness, Ruler, Set, crops, median_of, record, show, write_pairs};
use crate::record::Evidence;
use crate::training::{self, Changes, applied, order, settings};
use ganymede::data::fog;

const SEEDS: [u64; 3] = [0, 1, 2];
const SIDE: usize = 32;
const STEPS: u64 = 800;
/// Narrower than the paper's and in larger batches, for two processor cores.
const CHANGES: Changes = &[("width", "16"), ("batch", "16"), ("patch_levels", "2")];

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut ruler = Ruler::new()?;
    let (photos, unseen) = (
        crops("landscapes", SIDE, &[2, 4, 8])?,
        crops("landscapes-held-out", SIDE, &[2, 4])?,
    );
    let (foggy, from) = (in_fog(&photos, 1), in_fog(&unseen, 2));
    let data = write_pairs("fog", &foggy, &photos)?;
    evidence.figure("pictures.held_out", unseen.count());

    // The window of the prior that does best on pictures that the network trains on.
    let few = |set: &Set| set.those(|i| i % 8 == 0);
    let windows = [1, 3, 5, 9, 15].map(|window| {
        let near = ruler.measure(&few(&foggy).each(|x| by_dark_channel(x, window)), &few(&photos));
        println!("      dark channel, window {window}: PSNR {:.2} dB", near.psnr);
        (window, near.psnr)
    });
    let window = windows
        .into_iter()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .expect("five windows")
        .0;
    evidence.figure("dark_channel.window", window);
    let prior = from.each(|x| by_dark_channel(x, window));
    let (by_prior, as_is) = (ruler.measure(&prior, &unseen), ruler.measure(&from, &unseen));
    record(&mut evidence, "dark_channel", &[by_prior]);
    record(&mut evidence, "fog", &[as_is]);

    let mut found: Vec<Nearness> = vec![];
    for seed in SEEDS {
        let mut run = training::train(&format!("defog-{seed}"), order("defog", &data, CHANGES, seed, STEPS))?;
        evidence.settings("landscapes", settings(&run)?);
        let made = unseen.like(applied(run.play(), "translate", &from.values, from.floats()));
        found.push(ruler.measure(&made, &unseen));
        if seed == 0 {
            show("defog", &[&from, &prior, &made, &unseen], 96)?;
        }
    }
    record(&mut evidence, "defog", &found);
    let (psnr, ssim) = (median_of(&found, |n| n.psnr), median_of(&found, |n| n.ssim));
    evidence.check(
        "held-out PSNR above the dark channel prior's, median of 3 seeds",
        "> 0 dB more",
        format!(
            "{psnr:.2} dB against {:.2} dB ({:.2} dB in fog)",
            by_prior.psnr, as_is.psnr
        ),
        psnr > by_prior.psnr,
    );
    evidence.check(
        "held-out SSIM above the dark channel prior's, median of 3 seeds",
        "> 0 more",
        format!("{ssim:.3} against {:.3} ({:.3} in fog)", by_prior.ssim, as_is.ssim),
        ssim > by_prior.ssim,
    );
    evidence.figure = format!(
        "made fog on held-out photographs: PSNR {psnr:.1} dB, SSIM {ssim:.3}; dark channel prior {:.1} dB, {:.3}; the fog itself {:.1} dB, {:.3}",
        by_prior.psnr, by_prior.ssim, as_is.psnr, as_is.ssim
    );
    Ok(evidence)
}

/// Each photograph in a fog of its own.
fn in_fog(photos: &Set, seed: u64) -> Set {
    let number = |i: usize| (seed << 32) + i as u64;
    let foggy = photos
        .pictures()
        .enumerate()
        .flat_map(|(i, photo)| fog::in_fog(photo, photos.shape, number(i)));
    photos.like(foggy.collect())
}

/// He et al. 2009, "Single Image Haze Removal Using Dark Channel Prior": somewhere within a window every scene has a colour
/// that is nearly black, so what is light there is fog. Their omega and t_0; A is the mean colour of the hundredth of the
/// pixels with the lightest dark channel; the transmission is refined by their guided filter (2010).
fn by_dark_channel(foggy: &[f32], window: usize) -> Vec<f32> {
    const OMEGA: f32 = 0.95;
    const T_0: f32 = 0.1;
    let x: Vec<[f32; 3]> = foggy
        .chunks_exact(3)
        .map(|p| [p[0], p[1], p[2]].map(|v| (v + 1.0) / 2.0))
        .collect();
    let darkest = |of: &dyn Fn(usize) -> f32| -> Vec<f32> {
        let pixel = |i| around(i, window / 2).map(of).fold(f32::INFINITY, f32::min);
        (0..x.len()).map(pixel).collect()
    };
    let least = |p: [f32; 3]| p[0].min(p[1]).min(p[2]);
    let dark = darkest(&|i| least(x[i]));
    let mut lightest: Vec<usize> = (0..x.len()).collect();
    lightest.sort_by(|a, b| dark[*b].total_cmp(&dark[*a]));
    lightest.truncate(x.len() / 100);
    let colour = [0, 1, 2].map(|c| lightest.iter().map(|i| x[*i][c]).sum::<f32>() / lightest.len() as f32);
    let fog = darkest(&|i| least([0, 1, 2].map(|c| x[i][c] / colour[c].max(1e-3))));
    let raw: Vec<f32> = fog.iter().map(|fog| 1.0 - OMEGA * fog).collect();
    let guide: Vec<f32> = x.iter().map(|p| (p[0] + p[1] + p[2]) / 3.0).collect();
    let t = guided(&guide, &raw);
    let clear = |(p, t): (&[f32; 3], f32)| [0, 1, 2].map(|c| 2.0 * ((p[c] - colour[c]) / t.max(T_0) + colour[c]) - 1.0);
    x.iter().zip(t).flat_map(clear).map(|v| v.clamp(-1.0, 1.0)).collect()
}

/// The pixels of a square around a pixel, as far as there are any.
fn around(i: usize, radius: usize) -> impl Iterator<Item = usize> {
    let side = move |at: usize| at.saturating_sub(radius)..(at + radius + 1).min(SIDE);
    side(i / SIDE).flat_map(move |y| side(i % SIDE).map(move |x| y * SIDE + x))
}

/// He, Sun and Tang 2010, "Guided Image Filtering", equations 5, 6 and 8, radius 4, epsilon 1e-3.
fn guided(guide: &[f32], values: &[f32]) -> Vec<f32> {
    let mean = |of: &dyn Fn(usize) -> f32| -> Vec<f32> {
        let pixel = |i| {
            let (sum, count) = around(i, 4).fold((0.0, 0.0), |(sum, count), i| (sum + of(i), count + 1.0));
            sum / count
        };
        (0..guide.len()).map(pixel).collect()
    };
    let (mean_i, mean_p) = (mean(&|i| guide[i]), mean(&|i| values[i]));
    let (mean_ip, mean_ii) = (mean(&|i| guide[i] * values[i]), mean(&|i| guide[i] * guide[i]));
    let slope = |i: usize| (mean_ip[i] - mean_i[i] * mean_p[i]) / (mean_ii[i] - mean_i[i] * mean_i[i] + 1e-3);
    let (a, b) = (mean(&slope), mean(&|i| mean_p[i] - slope(i) * mean_i[i]));
    (0..guide.len()).map(|i| a[i] * guide[i] + b[i]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scene with black in every window behind fog of one thickness: what the prior is right about.
    #[test]
    fn the_prior_undoes_the_fog_that_it_is_right_about() {
        let scene = |i: usize| {
            if i.is_multiple_of(2) {
                [-1.0; 3]
            } else {
                [0.6, 0.2, -0.2]
            }
        };
        // Nothing but fog in the first four rows.
        let t = |i: usize| if i < 4 * SIDE { 0.0 } else { 0.5 };
        let foggy: Vec<f32> = (0..SIDE * SIDE)
            .flat_map(|i| scene(i).map(|v| t(i) * v + (1.0 - t(i)) * 0.8))
            .collect();
        let made = by_dark_channel(&foggy, 3);
        let middle = (20 * SIDE + 15) * 3;
        for (made, expected) in made[middle..middle + 3].iter().zip(scene(20 * SIDE + 15)) {
            assert!((made - expected).abs() < 0.15, "{made} {expected}");
        }
    }
}
