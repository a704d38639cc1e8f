//! `cargo xtask evidence NAME`: trains a system and measures what its page claims; for `precision` what bf16 costs, for
//! `metrics` how near measures are to the reference packages, for `faces` how near what is said of faces is to face-api's
//! JavaScript, for `survive` what a kill costs, for `failures` which alarms are raised, for `forecast` how near forecasts come;
//! `attacks` stands for every attack that is measured, `harden` for every defence.
//! Writes `docs/results/NAME.json` and pictures beside it, and prints a table. A bar that is missed is recorded as `short`,
//! with its figure.
mod acgan;
mod adda;
mod age_cgan;
mod anogan;
mod attacks;
mod augment;
mod autoencoder;
mod bayes_classifier;
mod began;
mod c_rnn_gan;
mod can;
mod cgan;
mod cogan;
mod context_encoder;
mod crypto;
mod cvae;
mod cyclegan;
mod dcgan;
mod defences;
mod defog;
mod detect;
mod dissect;
mod ebgan;
mod eyeglasses;
mod f_gan;
mod faces;
mod faceswap;
mod failures;
mod forecast;
mod gallery;
mod gan;
mod gan3d;
mod gan_r1r2;
mod gansynth;
mod grid;
mod improved_gan;
mod inference;
mod infogan;
mod judge;
mod lab;
mod labelled;
mod lapgan;
mod made;
mod medical3d;
mod melody;
mod metrics;
mod midinet;
mod onnx_target;
mod pix2pix;
mod poison;
mod precision;
mod progressive;
mod projection;
mod provenance;
mod puppetry;
mod record;
mod red_team;
mod scenes;
mod srgan;
mod studies;
mod stylegan;
mod survive;
mod tables;
mod tabular;
mod talking_head;
mod training;
mod universal;
mod vae;
mod wavegan;
mod wgan;
mod wgan_gp;

use record::Evidence;
use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

type Measure = fn() -> Result<Evidence>;

const SYSTEMS: &[(&str, Measure)] = &[
    ("gan", gan::evidence),
    ("wgan", wgan::evidence),
    ("wgan_gp", wgan_gp::evidence),
    ("improved_gan", improved_gan::evidence),
    ("f_gan", f_gan::evidence),
    ("ebgan", ebgan::evidence),
    ("began", began::evidence),
    ("geometric_gan", grid::geometric_gan),
    ("dragan", grid::dragan),
    ("gan_r1r2", gan_r1r2::evidence),
    ("lsgan", grid::lsgan),
    ("sngan", grid::sngan),
    ("hinge", grid::hinge),
    ("dcgan", dcgan::evidence),
    ("lapgan", lapgan::evidence),
    ("progressive", progressive::evidence),
    ("stylegan", stylegan::evidence),
    ("gan3d", gan3d::evidence),
    ("medical3d", medical3d::evidence),
    ("cgan", cgan::evidence),
    ("autoencoder", autoencoder::evidence),
    ("vae", vae::evidence),
    ("cvae", cvae::evidence),
    ("bayes_classifier", bayes_classifier::evidence),
    ("acgan", acgan::evidence),
    ("age_cgan", age_cgan::evidence),
    ("infogan", infogan::evidence),
    ("can", can::evidence),
    ("bigan", inference::bigan),
    ("ali", inference::ali),
    ("anogan", anogan::evidence),
    ("projection", projection::evidence),
    ("dissect", dissect::evidence),
    ("pix2pix", pix2pix::evidence),
    ("cyclegan", cyclegan::evidence),
    ("cogan", cogan::evidence),
    ("adda", adda::evidence),
    ("defog", defog::evidence),
    ("srgan", srgan::evidence),
    ("context_encoder", context_encoder::evidence),
    ("crypto", crypto::evidence),
    ("wavegan", wavegan::evidence),
    ("faces", faces::evidence),
    ("faceswap", faceswap::evidence),
    ("talking_head", talking_head::evidence),
    ("puppetry", puppetry::evidence),
    ("gansynth", gansynth::evidence),
    ("midinet", midinet::evidence),
    ("c_rnn_gan", c_rnn_gan::evidence),
    ("tabular", tabular::evidence),
    ("augment", augment::evidence),
    ("fgsm", attacks::fgsm),
    ("bim", attacks::bim),
    ("pgd", attacks::pgd),
    ("mim", attacks::mim),
    ("deepfool", attacks::deepfool),
    ("cw", attacks::cw),
    ("jsma", attacks::jsma),
    ("square", attacks::square),
    ("one_pixel", attacks::one_pixel),
    ("uap", universal::uap),
    ("patch", universal::patch),
    ("advgan", universal::advgan),
    ("eyeglasses", eyeglasses::evidence),
    ("label_flip", poison::label_flip),
    ("backdoor", poison::backdoor),
    ("feature_collision", poison::feature_collision),
    ("adversarial_training", defences::adversarial_training),
    ("trades", defences::trades),
    ("randomised_smoothing", defences::randomised_smoothing),
    ("defense_gan", defences::defense_gan),
    ("feature_squeezing", defences::feature_squeezing),
    ("onnx_target", onnx_target::evidence),
    ("lab", lab::evidence),
    ("nash", studies::nash),
    ("dice", studies::dice),
    ("precision", precision::evidence),
    ("metrics", metrics::evidence),
    ("survive", survive::evidence),
    ("failures", failures::evidence),
    ("forecast", forecast::evidence),
    ("provenance", provenance::evidence),
    ("detect", detect::evidence),
    ("red_team", red_team::evidence),
];

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    if let [word, index] = &names[..]
        && word == forecast::CHILD
    {
        return match forecast::child(index.parse().unwrap_or(0)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let is_measured = |id: &&str| SYSTEMS.iter().any(|(measured, _)| measured == id);
    let attacks = ganymede::attacks::registry().iter().map(|entry| entry.page.id);
    let every: Vec<String> = attacks.filter(is_measured).map(str::to_owned).collect();
    let defences = ganymede::defences::registry()
        .iter()
        .map(|entry| entry.page.id.to_owned());
    let defences: Vec<String> = defences.collect();
    let names: Vec<String> = names
        .into_iter()
        .flat_map(|name| match &name[..] {
            "attacks" => every.clone(),
            "harden" => defences.clone(),
            _ => vec![name],
        })
        .collect();
    let find = |name: &String| SYSTEMS.iter().find(|(id, _)| id == name);
    let chosen: Option<Vec<_>> = names.iter().map(find).collect();
    let Some(chosen) = chosen.filter(|chosen| !chosen.is_empty()) else {
        let ids: Vec<&str> = SYSTEMS.iter().map(|(id, _)| *id).collect();
        eprintln!("usage: cargo xtask evidence NAME...\n\nsystems: {}", ids.join(", "));
        return ExitCode::FAILURE;
    };
    for (id, measure) in chosen {
        let start = Instant::now();
        let outcome = measure().and_then(|evidence| evidence.write(id, start.elapsed()));
        if let Err(error) = outcome {
            eprintln!("error: {id}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
