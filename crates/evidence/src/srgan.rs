//! `srgan`: held-out photographs at four times the pixels a side: the paper's order of bicubic, SRResNet and SRGAN.
use crate::Result;
use crate::made::{Nearness, Ruler, Set, crops, median_of, record, show};
use crate::record::Evidence;
use crate::training::{self, Changes, applied, order, settings};
use ganymede::metrics::ssim::psnr;
use ganymede::run::Training;

const SEEDS: [u64; 3] = [0, 1, 2];
const SIDE: usize = 32;
const FACTOR: usize = 4;
/// Pieces of a held-out photograph below one another; three for two of these lie beside one another.
const HELD_OUT_ROWS: usize = 6;
const MSE_STEPS: u64 = 24_000;
const STEPS: u64 = 30_000;
/// Narrower and shallower than the paper's 64 channels and 16 blocks, for two processor cores; learning five times as fast, for
/// a hundredth of its steps, with averaged weights, since the rate does not fall.
const CHANGES: Changes = &[
    ("width", "24"),
    ("blocks", "3"),
    ("mse_steps", "24000"),
    ("average_decay", "0.999"),
    ("generator.learning_rate", "0.0005"),
    ("discriminator.learning_rate", "0.0003"),
];
/// What is measured after the first phase, and after the second.
const NAMES: [&str; 2] = ["srresnet", "srgan"];

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut ruler = Ruler::new()?;
    let (photos, unseen) = (
        crops("landscapes", SIDE, &[4, 8, 16])?,
        crops("landscapes-held-out", SIDE, &[HELD_OUT_ROWS])?,
    );
    let data = photos.write("photos")?;
    evidence.figure("pictures.held_out", unseen.count());
    let small = unseen.pictures().flat_map(shrunk).collect::<Vec<_>>();
    let side = SIDE / FACTOR;
    let enlarged = unseen.like(small.chunks_exact(side * side * 3).flat_map(bicubic).collect());
    let mut measure = |made: &Set| Nearness {
        psnr: psnr_of_photographs(made, &unseen),
        ..ruler.measure(made, &unseen)
    };
    let by_bicubic = measure(&enlarged);
    record(&mut evidence, "bicubic", &[by_bicubic]);

    let mut found: [Vec<Nearness>; 2] = [vec![], vec![]];
    let mut shown = vec![];
    for seed in SEEDS {
        // SRGAN goes on from where SRResNet has come to, as the paper's.
        let mut look = |run: &mut Training| {
            let made = unseen.like(applied(run.play(), "restore", &unseen.values, unseen.floats()));
            let (near, is_gan) = (measure(&made), run.step() > MSE_STEPS);
            println!(
                "      {}: PSNR {:.2} dB, LPIPS-like {:.4}",
                NAMES[usize::from(is_gan)],
                near.psnr,
                near.lpips
            );
            found[usize::from(is_gan)].push(near);
            if seed == 0 {
                shown.push(made);
            }
            Ok(())
        };
        let run = training::train_in_parts(
            &format!("srgan-{seed}"),
            order("srgan", &data, CHANGES, seed, STEPS),
            &[MSE_STEPS, u64::MAX],
            &mut look,
        )?;
        evidence.settings("srgan", settings(&run)?);
    }
    for (name, runs) in NAMES.into_iter().zip(&found) {
        record(&mut evidence, name, runs);
    }
    show("srgan", &[&enlarged, &shown[0], &shown[1], &unseen], 96)?;
    let pair = |figure: fn(&Nearness) -> f64| found.each_ref().map(|runs| median_of(runs, figure));
    let ([psnr, psnr_gan], [lpips, lpips_gan]) = (pair(|n| n.psnr), pair(|n| n.lpips));
    evidence.check(
        "held-out PSNR of SRResNet above bicubic, median of 3 seeds",
        "> 0 dB more",
        format!("{psnr:.2} dB against {:.2} dB", by_bicubic.psnr),
        psnr > by_bicubic.psnr,
    );
    for (name, other) in [
        (
            "held-out LPIPS-like of SRGAN below SRResNet's, median of 3 seeds",
            lpips,
        ),
        (
            "held-out LPIPS-like of SRGAN below bicubic's, median of 3 seeds",
            by_bicubic.lpips,
        ),
    ] {
        evidence.check(
            name,
            "< 1 times",
            format!("{lpips_gan:.4} / {other:.4}"),
            lpips_gan < other,
        );
    }
    evidence.figure = format!(
        "photographs x4, held out: LPIPS-like SRGAN {lpips_gan:.3}, SRResNet {lpips:.3}, bicubic {:.3}; PSNR {psnr_gan:.1}, {psnr:.1}, {:.1} dB",
        by_bicubic.lpips, by_bicubic.psnr
    );
    Ok(evidence)
}

/// The mean over whole photographs, each by the mean squared error of all of its pieces, as papers have it: of a piece of
/// plain sky, whose error is next to nothing, the logarithm would be most of the mean.
fn psnr_of_photographs(made: &Set, real: &Set) -> f64 {
    let photograph = HELD_OUT_ROWS * HELD_OUT_ROWS * 3 / 2 * real.floats();
    let pairs = made
        .values
        .chunks_exact(photograph)
        .zip(real.values.chunks_exact(photograph));
    let each: Vec<f64> = pairs.map(|(made, real)| psnr(made, real)).collect();
    each.iter().sum::<f64>() / each.len() as f64
}

/// Means of 4 x 4 pixels, as the system makes small pictures.
fn shrunk(picture: &[f32]) -> Vec<f32> {
    let side = SIDE / FACTOR;
    let value = |i: usize| {
        let (y, x, c) = (i / 3 / side * FACTOR, i / 3 % side * FACTOR, i % 3);
        let block = (0..FACTOR * FACTOR).map(|k| picture[((y + k / FACTOR) * SIDE + x + k % FACTOR) * 3 + c]);
        block.sum::<f32>() / (FACTOR * FACTOR) as f32
    };
    (0..side * side * 3).map(value).collect()
}

/// Keys 1981, "Cubic Convolution Interpolation", a = -1/2, borders repeated.
fn bicubic(small: &[f32]) -> Vec<f32> {
    let side = small.len().div_euclid(3).isqrt();
    let kernel = |d: f32| match d.abs() {
        d if d < 1.0 => 1.5 * d.powi(3) - 2.5 * d.powi(2) + 1.0,
        d if d < 2.0 => -0.5 * d.powi(3) + 2.5 * d.powi(2) - 4.0 * d + 2.0,
        _ => 0.0,
    };
    // Places and weights of the four pixels that a pixel is made of, along either axis.
    let taps = |at: usize| {
        let place = (at as f32 + 0.5) / FACTOR as f32 - 0.5;
        let first = place.floor() as isize - 1;
        [0, 1, 2, 3].map(|k| {
            let tap = first + k;
            (tap.clamp(0, side as isize - 1) as usize, kernel(place - tap as f32))
        })
    };
    let (large, mut values) = (side * FACTOR, vec![]);
    for y in 0..large {
        for x in 0..large {
            for c in 0..3 {
                let row = |y: usize| {
                    taps(x)
                        .iter()
                        .map(|(x, w)| w * small[(y * side + x) * 3 + c])
                        .sum::<f32>()
                };
                values.push(taps(y).iter().map(|(y, w)| w * row(*y)).sum::<f32>().clamp(-1.0, 1.0));
            }
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cubic convolution is exact on straight slopes, away from borders.
    #[test]
    fn a_slope_stays_a_slope() {
        let side = 8;
        let small: Vec<f32> = (0..side * side * 3)
            .map(|i| (i / 3 % side) as f32 / 8.0 - 0.5)
            .collect();
        let large = bicubic(&small);
        for x in 8..24 {
            let expected = ((x as f32 + 0.5) / 4.0 - 0.5) / 8.0 - 0.5;
            assert!((large[(16 * SIDE + x) * 3] - expected).abs() < 1e-6, "{x}");
        }
        assert_eq!(shrunk(&[0.25; SIDE * SIDE * 3]), [0.25; 8 * 8 * 3]);
    }
}
