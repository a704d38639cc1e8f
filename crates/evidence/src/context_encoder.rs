//! `context_encoder`: a hole of half the height and width in held-out pictures, against the smoothest filling there is. Clothes
//! and faces have a shape to be learned; small pieces of landscapes hardly have one, and their figures are there to show it.
use crate::Result;
use crate::made::{Nearness, Ruler, Set, crops, faces, record, show};
use crate::record::{Evidence, median};
use crate::training::{self, Changes, applied, order, settings};
use ganymede::data::{self, Want};
use ganymede::metrics::ssim::psnr;

const SEEDS: [u64; 3] = [0, 1, 2];
const STEPS: u64 = 4_000;
/// Of faces, which have four times the pixels, and of which there are few.
const FACES_STEPS: u64 = 1_200;
/// Narrower than the paper's 64 channels and 4,000 numbers in the bottleneck, for two processor cores.
const CHANGES: Changes = &[("width", "32"), ("bottleneck", "256")];
/// Pixels a side of a face.
const FACES_SIDE: usize = 64;

const CLOTHES: [&str; 2] = [
    "clothes: held-out PSNR in the hole above diffusion's",
    "clothes: held-out LPIPS-like below diffusion's",
];
const FACES: [&str; 2] = [
    "faces of people never seen: PSNR in the hole above diffusion's",
    "faces of people never seen: LPIPS-like below diffusion's",
];

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut ruler = Ruler::new()?;
    data::get("fashion-mnist", &mut |line| println!("      {line}"))?;
    let clothes = Set::of(&data::open("fashion-mnist:test", &Want::default())?)?.those(|i| i < 1_000);
    let clothes_data = "fashion-mnist:train".to_owned();
    let [known, strangers] = faces(FACES_SIDE)?;
    let known = known.write("faces-to-fill")?;
    let pieces = crops("landscapes", 32, &[2, 4, 8])?.write("photos-to-fill")?;
    let unseen = crops("landscapes-held-out", 32, &[2, 4])?;
    let mut said = vec![];
    for (name, data, real, steps, claims) in [
        ("clothes", clothes_data, clothes, STEPS, Some(CLOTHES)),
        ("faces", known, strangers, FACES_STEPS, Some(FACES)),
        ("landscapes", pieces, unseen, STEPS, None),
    ] {
        let diffused = real.each(|picture| diffused(picture, real.shape));
        let by_diffusion = ruler.measure(&diffused, &real);
        let psnr_of_diffusion = psnr_in_hole(&diffused, &real);
        let (mut found, mut psnrs): (Vec<Nearness>, Vec<f64>) = (vec![], vec![]);
        for seed in SEEDS {
            let order = order("context_encoder", &data, CHANGES, seed, steps);
            let mut run = training::train(&format!("context-encoder-{name}-{seed}"), order)?;
            evidence.settings(name, settings(&run)?);
            let made = real.like(applied(run.play(), "fill", &real.values, real.floats()));
            found.push(ruler.measure(&made, &real));
            psnrs.push(psnr_in_hole(&made, &real));
            if seed == 0 {
                let punched = real.like(applied(run.play(), "punch", &real.values, real.floats()));
                let name = format!("context-encoder-{name}");
                show(&name, &[&punched, &diffused, &made, &real], 96)?;
            }
        }
        record(&mut evidence, &format!("{name}.diffusion"), &[by_diffusion]);
        record(&mut evidence, &format!("{name}.context_encoder"), &found);
        let (psnr, lpips) = (median(&psnrs), crate::made::median_of(&found, |near| near.lpips));
        if let Some([by_psnr, by_lpips]) = claims {
            evidence.check(
                by_psnr,
                "> 0 dB more",
                format!("{psnr:.2} dB against {psnr_of_diffusion:.2} dB"),
                psnr > psnr_of_diffusion,
            );
            evidence.check(
                by_lpips,
                "< 1 times",
                format!("{lpips:.4} / {:.4}", by_diffusion.lpips),
                lpips < by_diffusion.lpips,
            );
        }
        said.push(format!(
            "{name} {psnr:.1} dB, {lpips:.3} (diffusion {psnr_of_diffusion:.1} dB, {:.3})",
            by_diffusion.lpips
        ));
    }
    evidence.figure = format!(
        "a quarter of held-out pictures filled, PSNR in the hole and LPIPS-like: {}",
        said.join("; ")
    );
    Ok(evidence)
}

/// Rows and columns of the hole: the middle half.
fn is_in_hole(i: usize, [height, width, channels]: [usize; 3]) -> bool {
    let within = |at: usize, side: usize| (side / 4..side / 4 + side / 2).contains(&at);
    within(i / channels / width, height) && within(i / channels % width, width)
}

/// The mean over pictures, of the hole alone.
fn psnr_in_hole(made: &Set, real: &Set) -> f64 {
    let inside = |picture: &[f32]| -> Vec<f32> {
        let values = picture.iter().enumerate().filter(|(i, _)| is_in_hole(*i, real.shape));
        values.map(|(_, v)| *v).collect()
    };
    let all = made.pictures().zip(real.pictures());
    all.map(|(a, b)| psnr(&inside(a), &inside(b)).min(60.0)).sum::<f64>() / real.count() as f64
}

/// The hole filled by heat that flows in from its rim until nothing changes (Bertalmio et al. 2000 without their transport
/// term): every pixel the mean of its four neighbours.
fn diffused(picture: &[f32], shape: [usize; 3]) -> Vec<f32> {
    let [_, width, channels] = shape;
    let mut values = picture.to_vec();
    let hole: Vec<usize> = (0..values.len()).filter(|i| is_in_hole(*i, shape)).collect();
    hole.iter().for_each(|i| values[*i] = 0.0);
    for _ in 0..1_000 {
        let mut largest = 0.0_f32;
        for &i in &hole {
            let row = width * channels;
            let mean = (values[i - row] + values[i + row] + values[i - channels] + values[i + channels]) / 4.0;
            // Over-relaxed, which ends where relaxation does, and sooner.
            let change = 1.7 * (mean - values[i]);
            values[i] += change;
            largest = largest.max(change.abs());
        }
        if largest < 1e-5 {
            break;
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slope is its own smoothest filling.
    #[test]
    fn diffusion_goes_on_with_a_slope() {
        let picture: Vec<f32> = (0..64)
            .map(|i| (i % 8) as f32 / 10.0 + (i / 8) as f32 / 20.0 - 0.5)
            .collect();
        let filled = diffused(&picture, [8, 8, 1]);
        assert_eq!((0..64).filter(|i| is_in_hole(*i, [8, 8, 1])).count(), 16);
        assert!(
            filled.iter().zip(&picture).all(|(a, b)| (a - b).abs() < 1e-3),
            "{filled:?}"
        );
    }
}
