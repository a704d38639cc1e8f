//! `crypto`: how many of sixteen bits Bob, Eve and an Eve who was never part of the talk get wrong.
use crate::Result;
use crate::record::{Evidence, median, round};
use crate::training::{self, Changes, applied, held_out_points, order, settings};
use ganymede::data::{self, Want};
use serde_json::json;

const SEEDS: [u64; 3] = [0, 1, 2];
const BITS: usize = 16;
const TALK_STEPS: u64 = 20_000;
/// Of the fresh Eve, who is given as many moves as the first Eve had.
const STEPS: u64 = TALK_STEPS + 2 * TALK_STEPS;
/// A smaller batch than the paper's 4,096, for a share of two processor cores.
const CHANGES: Changes = &[("talk_steps", "20000"), ("batch", "512")];
/// Held-out messages, each with a key of its own.
const MESSAGES: usize = 100_000;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let spec = format!("bits:{BITS}");
    let messages = held_out_points(&*data::open(&spec, &Want::default())?, MESSAGES)?;
    let mut found = [vec![], vec![], vec![]];
    for seed in SEEDS {
        let mut run = training::train(&format!("crypto-{seed}"), order("crypto", &spec, CHANGES, seed, STEPS))?;
        evidence.settings("crypto", settings(&run)?);
        let listeners = ["receive", "intercept", "intercept_afresh"];
        for (list, function) in found.iter_mut().zip(listeners) {
            list.push(bits_wrong(&messages, &applied(run.play(), function, &messages, BITS)));
        }
        let [bob, eve, fresh] = found.each_ref().map(|list| list.last().copied().unwrap_or(f64::NAN));
        println!("      bits wrong of {BITS}: Bob {bob:.4}, Eve {eve:.3}, the fresh Eve {fresh:.3}");
    }
    for (name, list) in ["bob", "eve", "fresh_eve"].iter().zip(&found) {
        let list: Vec<f64> = list.iter().map(|bits| round(*bits)).collect();
        evidence.figure(&format!("bits_wrong.{name}"), json!(list));
    }
    let [bob, eve, fresh] = found.each_ref().map(|list| median(list));
    evidence.check(
        "bits of 16 that Bob gets wrong, median of 3 seeds",
        "< 0.05",
        format!("{bob:.4}"),
        bob < 0.05,
    );
    evidence.check(
        "bits of 16 that Eve gets wrong, median of 3 seeds; by chance 8",
        "> 7.3",
        format!("{eve:.2}"),
        eve > 7.3,
    );
    evidence.check(
        "bits of 16 that a fresh Eve gets wrong after as many moves as the first, median of 3 seeds",
        "> 6",
        format!("{fresh:.2}"),
        fresh > 6.0,
    );
    evidence.figure = format!(
        "of {BITS} bits Bob gets {bob:.4} wrong, Eve {eve:.2}, and an Eve trained afresh {fresh:.2} (chance: 8)"
    );
    Ok(evidence)
}

/// The mean over messages of the bits whose sign is another.
fn bits_wrong(messages: &[f32], said: &[f32]) -> f64 {
    let wrong = messages
        .iter()
        .zip(said)
        .filter(|(bit, said)| (**bit > 0.0) != (**said > 0.0));
    wrong.count() as f64 * BITS as f64 / messages.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_count() {
        let message = [1.0; BITS];
        let mut said = [0.1; BITS];
        (said[3], said[7]) = (-0.2, 0.0);
        assert_eq!(bits_wrong(&message, &said), 2.0);
    }
}
