//! `c_rnn_gan`: scales, span, repetitions and chords of its notes beside those of chorales that it has not seen.
use crate::Result;
use crate::made::Numbers;
use crate::melody::{
    self, Tune, distance, everything, pitch_classes, polyphony, repetition, scale_consistency, tone_span,
};
use crate::record::{Evidence, median, picture, root, round};
use crate::training::{self, Changes, grid, order, samples, settings};
use ganymede::data::tunes::NUMBERS;
use ganymede::data::{self, Want};
use ganymede::run::{Sampler, midi};

const SEEDS: [u64; 1] = [0];
const STEPS: u64 = 2_000;
/// Narrower than the paper's and with fewer notes, for a share of two processor cores.
const CHANGES: Changes = &[("hidden", "64"), ("batch", "32"), ("adversarial", "1")];
const NAMES: [&str; 4] = ["scale_consistency", "tone_span", "repetition", "polyphony"];
/// Tunes that are counted.
const COUNT: usize = 500;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    data::get("chorales", &mut |line| println!("      {line}"))?;
    let [train, test] =
        ["events:chorales:train", "events:chorales:test"].map(|spec| data::open(spec, &Want::default()));
    let (train, test) = (train?, test?);
    let shape = train.shape();
    let of = |values: &[f32]| melody::tunes(values, shape);
    let (seen, kept) = (everything(&*train)?, everything(&*test)?);
    let classes = pitch_classes(&of(&kept));
    let tell = |evidence: &mut Evidence, who: &str, tunes: &[Tune]| {
        let figures = [scale_consistency, tone_span, repetition, polyphony].map(|figure| figure(tunes));
        for (name, figure) in NAMES.iter().zip(figures) {
            evidence.figure(&format!("{name}.{who}"), round(figure));
        }
        let apart = distance(&pitch_classes(tunes), &classes);
        evidence.figure(&format!("pitch_classes.{who}"), round(apart));
        figures
    };
    tell(&mut evidence, "training_notes", &of(&seen));
    let real = tell(&mut evidence, "held_out_notes", &of(&kept));
    let shuffled = tell(&mut evidence, "independent_notes", &of(&independent(&seen)));
    let (mut found, mut untrained) = (vec![], vec![]);
    for seed in SEEDS {
        let data = "events:chorales:train";
        let mut first = training::train(
            &format!("c_rnn_gan-untrained-{seed}"),
            order("c_rnn_gan", data, CHANGES, seed, 1),
        )?;
        untrained.push(tell(&mut evidence, "untrained", &of(&samples(first.play(), COUNT))));
        let mut run = training::train(
            &format!("c_rnn_gan-{seed}"),
            order("c_rnn_gan", data, CHANGES, seed, STEPS),
        )?;
        let x = samples(run.play(), COUNT);
        found.push(tell(&mut evidence, "samples", &of(&x)));
        evidence.figure("seconds_per_step", round(training::seconds(&run)? / STEPS as f64));
        evidence.settings("c_rnn_gan", settings(&run)?);
        if seed == 0 {
            grid(&run, &x[..16 * shape.floats()], 4, &picture("c_rnn_gan")?)?;
            grid(&run, &kept[..16 * shape.floats()], 4, &picture("c_rnn_gan-real")?)?;
            let folder = root().join("docs/results/sounds");
            std::fs::create_dir_all(&folder)?;
            let stamp = Sampler::open(run.folder().path())?.stamp();
            midi::write(&x[..8 * shape.floats()], shape, &stamp, &folder.join("c_rnn_gan.mid"))?;
        }
    }
    let middle = |all: &[[f64; 4]], i: usize| median(&all.iter().map(|figures| figures[i]).collect::<Vec<_>>());
    let claims = [
        "scale consistency nearer to held-out chorales than independent notes are and the untrained network is",
        "tone span nearer to held-out chorales than independent notes are and the untrained network is",
        "share of repeated runs of three pitches nearer to held-out chorales than independent notes are and the untrained network is",
        "share of notes that begin together nearer to held-out chorales than independent notes are and the untrained network is",
    ];
    for (i, claim) in claims.into_iter().enumerate() {
        let [samples, before] = [&found, &untrained].map(|all| (middle(all, i) - real[i]).abs());
        let bar = before.min((shuffled[i] - real[i]).abs());
        evidence.check(
            claim,
            &format!("off by < {bar:.3}"),
            format!("{samples:.3}"),
            samples < bar,
        );
    }
    let said = |i: usize| {
        format!(
            "{:.2} (chorales {:.2}, independent notes {:.2})",
            middle(&found, i),
            real[i],
            shuffled[i]
        )
    };
    evidence.figure = format!(
        "scale consistency {}; tone span {}; repeated runs {}; notes that begin together {}",
        said(0),
        said(1),
        said(2),
        said(3)
    );
    Ok(evidence)
}

/// The notes of examples `[n, notes, 4]` in a random order among all of them.
fn independent(values: &[f32]) -> Vec<f32> {
    let (mut numbers, mut values) = (Numbers(5), values.to_vec());
    let (notes, _) = values.as_chunks_mut::<NUMBERS>();
    for last in (1..notes.len()).rev() {
        notes.swap(last, (numbers.draw() * (last + 1) as f32) as usize % (last + 1));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_stay_whole() {
        let values: Vec<f32> = (0..40).map(|i| i as f32).collect();
        let mixed = independent(&values);
        assert_ne!(mixed, values);
        assert!(
            mixed
                .chunks(4)
                .all(|note| note[0] % 4.0 == 0.0 && note[3] == note[0] + 3.0)
        );
    }
}
