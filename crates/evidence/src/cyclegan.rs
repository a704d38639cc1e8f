//! `cyclegan`: Google's emoji into Twitter's, learned from halves that hold no pair, against the true partners.
use crate::Result;
use crate::made::{Set, show};
use crate::record::{Evidence, median, round};
use crate::training::{self, Changes, applied, order, settings};
use ganymede::data::{self, Want};

const SEEDS: [u64; 3] = [0, 1, 2];
const SIDE: usize = 32;
const STEPS: u64 = 3_500;
/// Narrower and shallower than the paper's 64 channels and 9 blocks, in larger batches, for two processor cores.
const CHANGES: Changes = &[("width", "16"), ("blocks", "3"), ("batch", "4"), ("patch_levels", "2")];
/// Every so many emoji one is held out, in both sets.
const HELD_OUT: usize = 11;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    for name in ["emoji-google", "emoji-twitter"] {
        data::get(name, &mut |line| println!("      {line}"))?;
    }
    let pairs = data::open("paired:emoji-google,emoji-twitter", &Want::picture(SIDE, SIDE, 3))?;
    let google = Set::of(&pairs)?;
    let mut twitter = vec![0.0; google.values.len()];
    for (index, to) in twitter.chunks_exact_mut(google.floats()).enumerate() {
        pairs.read_extra(0, index as u64, to)?;
    }
    let twitter = google.like(twitter);
    let is_test = |i: usize| i % HELD_OUT == 5;
    // No emoji is in both halves.
    let a = google.those(|i| !is_test(i) && i % 2 == 0);
    let b = twitter.those(|i| !is_test(i) && i % 2 == 1);
    let (from, to) = (google.those(is_test), twitter.those(is_test));
    let data = format!(
        "unpaired:{},{}",
        a.write("emoji-google-half")?,
        b.write("emoji-twitter-half")?
    );

    let error = |made: &Set, real: &Set| {
        let sum: f64 = made
            .values
            .iter()
            .zip(&real.values)
            .map(|(a, b)| f64::from((a - b).abs()))
            .sum();
        sum / real.values.len() as f64
    };
    let (identity, recoloured) = (error(&from, &to), error(&recoloured(&from, &a, &b), &to));
    let mut errors = [vec![], vec![]];
    for seed in SEEDS {
        let mut run = training::train(
            &format!("cyclegan-{seed}"),
            order("cyclegan", &data, CHANGES, seed, STEPS),
        )?;
        evidence.settings("emoji", settings(&run)?);
        let made = to.like(applied(run.play(), "translate", &from.values, from.floats()));
        let back = from.like(applied(run.play(), "translate_back", &to.values, to.floats()));
        errors[0].push(error(&made, &to));
        errors[1].push(error(&back, &from));
        println!(
            "      error {:.4} there, {:.4} back",
            errors[0][errors[0].len() - 1],
            errors[1][errors[1].len() - 1]
        );
        if seed == 0 {
            show("cyclegan", &[&from, &made, &to, &back], 96)?;
        }
    }
    let list = |errors: &[f64]| errors.iter().map(|error| round(1e3 * error) / 1e3).collect::<Vec<_>>();
    evidence.figure("pairs.held_out", from.count());
    evidence.figure("error.google_to_twitter", list(&errors[0]));
    evidence.figure("error.twitter_to_google", list(&errors[1]));
    evidence.figure("error.identity", round(identity));
    evidence.figure("error.recoloured", round(recoloured));
    let got = median(&errors[0]);
    evidence.check(
        "mean absolute error to the true partner below that of doing nothing, median of 3 seeds",
        "< 1 times",
        format!("{got:.4} / {identity:.4} = {:.2}", got / identity),
        got < identity,
    );
    evidence.check(
        "and below that of matching the colours' mean and deviation",
        "< 1 times",
        format!("{got:.4} / {recoloured:.4} = {:.2}", got / recoloured),
        got < recoloured,
    );
    evidence.figure = format!(
        "google to twitter emoji from unpaired halves: error to the true partner {got:.4}, of doing nothing {identity:.4}, of matched colours {recoloured:.4}"
    );
    Ok(evidence)
}

/// What needs no pairs either: each channel brought to the mean and deviation that it has in the other set.
fn recoloured(from: &Set, a: &Set, b: &Set) -> Set {
    let moments = |set: &Set, channel: usize| {
        let values = || set.values.iter().skip(channel).step_by(3).map(|v| f64::from(*v));
        let count = (set.values.len() / 3) as f64;
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        (mean, variance.sqrt())
    };
    let maps = [0, 1, 2].map(|channel| (moments(a, channel), moments(b, channel)));
    let map = |(i, v): (usize, &f32)| {
        let ((mean_a, std_a), (mean_b, std_b)) = maps[i % 3];
        ((f64::from(*v) - mean_a) / std_a * std_b + mean_b).clamp(-1.0, 1.0) as f32
    };
    from.like(from.values.iter().enumerate().map(map).collect())
}
