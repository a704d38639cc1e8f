//! `vae`: the bound on held-out pictures, and how its samples' spectrum compares with a GAN's.
use crate::Result;
use crate::labelled::Labelled;
use crate::record::{Evidence, median, picture, round};
use crate::training::{self, Changes, applied, grid, order, samples, settings};
use ganymede::data;
use ganymede::metrics::spectrum::{Spectrometer, bands, fine_share};

const SEEDS: [u64; 3] = [0, 1, 2];
const FLOATS: usize = 784;
const SAMPLES: usize = 2_000;
/// Narrower than the papers', for two processor cores.
const VAE: Changes = &[("width", "256")];
const VAE_STEPS: u64 = 4_000;
const DCGAN: Changes = &[("width", "16")];
const DCGAN_STEPS: u64 = 1_500;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    data::get("fashion-mnist", &mut |line| println!("      {line}"))?;
    let test = Labelled::read("fashion-mnist:test", u64::MAX)?;
    let mut spectrometer = Spectrometer::new([28, 28, 1]);
    let mut fine = |pictures: &[f32]| fine_share(&spectrometer.spectra(pictures), bands(28, 28));
    let real = fine(&test.x[..SAMPLES * FLOATS]);
    let (mut bounds, mut shares) = (vec![], [vec![], vec![]]);
    for seed in SEEDS {
        let mut run = training::train(
            &format!("vae-{seed}"),
            order("vae", "fashion-mnist:train", VAE, seed, VAE_STEPS),
        )?;
        let elbo = applied(run.play(), "elbo", &test.x, FLOATS);
        bounds.push(elbo.iter().map(|bound| f64::from(*bound)).sum::<f64>() / elbo.len() as f64);
        let made = samples(run.play(), SAMPLES);
        shares[0].push(fine(&made));
        if seed == 0 {
            evidence.settings("vae", settings(&run)?);
            grid(&run, &made[..64 * FLOATS], 8, &picture("vae")?)?;
        }
        let gan = order("dcgan", "fashion-mnist:train", DCGAN, seed, DCGAN_STEPS);
        let mut run = training::train(&format!("vae-dcgan-{seed}"), gan)?;
        let made = samples(run.play(), SAMPLES);
        shares[1].push(fine(&made));
        if seed == 0 {
            evidence.settings("dcgan", settings(&run)?);
            grid(&run, &made[..64 * FLOATS], 8, &picture("vae-dcgan")?)?;
        }
    }
    evidence.figure("elbo.test_nats", bounds.iter().copied().map(round).collect::<Vec<_>>());
    let percent = |share: f64| round(100.0 * share);
    evidence.figure("fine_share_percent.real", percent(real));
    for (name, shares) in ["vae", "dcgan"].into_iter().zip(&shares) {
        let shares: Vec<f64> = shares.iter().copied().map(percent).collect();
        evidence.figure(&format!("fine_share_percent.{name}"), shares);
    }
    let [vae, gan] = [median(&shares[0]), median(&shares[1])];
    evidence.check(
        "power above half Nyquist, samples / real, median",
        "< 1",
        format!("{:.2} % / {:.2} %", 100.0 * vae, 100.0 * real),
        vae < real,
    );
    evidence.check(
        "dcgan's is nearer to that of real pictures, median",
        "nearer",
        format!("{:.2} %", 100.0 * gan),
        (gan - real).abs() < (vae - real).abs(),
    );
    evidence.figure = format!(
        "test ELBO {:.1} nats on Fashion-MNIST; of the power of its samples {:.2} % lie above half Nyquist, of real pictures' {:.2} %, of a dcgan's {:.2} % (medians of 3 seeds)",
        median(&bounds),
        100.0 * vae,
        100.0 * real,
        100.0 * gan
    );
    Ok(evidence)
}
