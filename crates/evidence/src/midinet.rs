//! `midinet`: pitch classes, key and intervals of its tunes beside those of folk tunes that it has not seen, and whether it hears chords.
use crate::Result;
use crate::made::Numbers;
use crate::melody::{self, Tune, distance, everything, in_key, intervals, pitch_classes};
use crate::record::{Evidence, median, picture, root, round};
use crate::training::{self, Changes, grid, order, samples, settings};
use ganymede::data::tunes::Note;
use ganymede::data::{self, Want};
use ganymede::run::{Sampler, midi};

const SEEDS: [u64; 3] = [0, 1, 2];
const STEPS: u64 = 3_000;
/// A narrower network than the paper's, for a share of two processor cores.
const CHANGES: Changes = &[("hidden", "256"), ("width", "64"), ("chords", CHORDS)];
const CHORDS: &str = "C F C G C F G C";
/// Pitch classes of the chords of [`CHORDS`], and of those a semitone higher, which no white key is the root of.
const TONES: [[u8; 3]; 8] = [C, F, C, G, C, F, G, C];
const C: [u8; 3] = [0, 4, 7];
const F: [u8; 3] = [5, 9, 0];
const G: [u8; 3] = [7, 11, 2];
/// Tunes that are counted, of eight bars each.
const COUNT: usize = 1_000;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    data::get("tunes", &mut |line| println!("      {line}"))?;
    let [train, test] = ["tunes:train", "tunes:test"].map(|spec| data::open(spec, &Want::default()));
    let (train, test) = (train?, test?);
    let shape = train.shape();
    let of = |values: &[f32]| melody::tunes(values, shape);
    let (seen, held_out) = (of(&everything(&*train)?), of(&everything(&*test)?));
    let real = (pitch_classes(&held_out), intervals(&held_out));
    let measure = |tunes: &[Tune]| {
        [
            distance(&pitch_classes(tunes), &real.0),
            in_key(tunes),
            distance(&intervals(tunes), &real.1),
            within_chords(tunes),
        ]
    };
    let names = ["pitch_classes", "in_key", "intervals", "within_chords"];
    let tell = |evidence: &mut Evidence, who: &str, figures: [f64; 4]| {
        for (name, figure) in names.iter().zip(figures) {
            evidence.figure(&format!("{name}.{who}"), round(figure));
        }
        figures
    };
    tell(&mut evidence, "training_tunes", measure(&seen));
    let kept = tell(&mut evidence, "held_out_tunes", measure(&held_out));
    let shuffled = tell(&mut evidence, "independent_notes", measure(&independent(&seen)));
    let uniform = tell(&mut evidence, "uniform_notes", measure(&any(&seen)));
    let (mut found, mut untrained) = (vec![], vec![]);
    for seed in SEEDS {
        let mut first = training::train(
            &format!("midinet-untrained-{seed}"),
            order("midinet", "tunes:train", CHANGES, seed, 1),
        )?;
        untrained.push(measure(&of(&samples(first.play(), COUNT))));
        let mut run = training::train(
            &format!("midinet-{seed}"),
            order("midinet", "tunes:train", CHANGES, seed, STEPS),
        )?;
        let x = samples(run.play(), COUNT);
        found.push(tell(&mut evidence, &format!("samples_{seed}"), measure(&of(&x))));
        evidence.figure("seconds_per_step", round(training::seconds(&run)? / STEPS as f64));
        evidence.settings("midinet", settings(&run)?);
        if seed == 0 {
            grid(&run, &x[..16 * shape.floats()], 4, &picture("midinet")?)?;
            grid(
                &run,
                &everything(&*test)?[..16 * shape.floats()],
                4,
                &picture("midinet-real")?,
            )?;
            let folder = root().join("docs/results/sounds");
            std::fs::create_dir_all(&folder)?;
            let stamp = Sampler::open(run.folder().path())?.stamp();
            midi::write(&x[..8 * shape.floats()], shape, &stamp, &folder.join("midinet.mid"))?;
        }
    }
    let middle = |all: &[[f64; 4]], i: usize| median(&all.iter().map(|figures| figures[i]).collect::<Vec<_>>());
    let [classes, key, steps, chords] = [0, 1, 2, 3].map(|i| middle(&found, i));
    let before = tell(&mut evidence, "untrained", [0, 1, 2, 3].map(|i| middle(&untrained, i)));
    let bar = uniform[0].min(before[0]);
    evidence.check(
        "distance of pitch classes to held-out tunes below that of uniform notes and of the untrained network, median of 3 seeds",
        &format!("< {bar:.3}"),
        format!("{classes:.3}"),
        classes < bar,
    );
    evidence.check(
        "share of time in the key, as in held-out tunes within 0.05, median of 3 seeds",
        &format!("> {:.3}", kept[1] - 0.05),
        format!("{key:.3}"),
        key > kept[1] - 0.05,
    );
    let bar = shuffled[2].min(before[2]);
    evidence.check(
        "distance of intervals to held-out tunes below that of the same notes in random order, median of 3 seeds",
        &format!("< {bar:.3}"),
        format!("{steps:.3}"),
        steps < bar,
    );
    evidence.check(
        "share of time within the chord that is asked for, above that of notes drawn without it, median of 3 seeds",
        &format!("> {:.3}", shuffled[3] + 0.1),
        format!("{chords:.3}"),
        chords > shuffled[3] + 0.1,
    );
    evidence.figure = format!(
        "pitch classes {classes:.3} from held-out folk tunes (uniform notes {:.3}, untrained {:.3}), {:.0} % of the time in the key (tunes {:.0} %), \
         intervals {steps:.3} (the same notes in random order {:.3}), {:.0} % within the chord asked for ({:.0} % without)",
        uniform[0],
        before[0],
        100.0 * key,
        100.0 * kept[1],
        shuffled[2],
        100.0 * chords,
        100.0 * shuffled[3],
    );
    Ok(evidence)
}

/// The share of all time in which a tune is within the chord of its bar, were it made over [`CHORDS`].
fn within_chords(tunes: &[Tune]) -> f64 {
    let (mut all, mut within) = (0.0, 0.0);
    for note in tunes.iter().flatten() {
        let bar = note.start / (4 * ganymede::data::tunes::QUARTER);
        all += note.length as f64;
        if TONES[bar as usize % TONES.len()].contains(&(note.pitch % 12)) {
            within += note.length as f64;
        }
    }
    within / all
}

/// The notes of tunes with their pitches in a random order among all of them: as often each, and nothing else.
fn independent(tunes: &[Tune]) -> Vec<Tune> {
    let mut numbers = Numbers(3);
    let mut pitches: Vec<u8> = tunes.iter().flatten().map(|note| note.pitch).collect();
    for last in (1..pitches.len()).rev() {
        pitches.swap(last, (numbers.draw() * (last + 1) as f32) as usize % (last + 1));
    }
    let mut pitches = pitches.into_iter();
    with_pitches(tunes, || pitches.next().unwrap_or(60))
}

/// The notes of tunes with any of the 24 pitches.
fn any(tunes: &[Tune]) -> Vec<Tune> {
    let mut numbers = Numbers(4);
    with_pitches(tunes, || 60 + (numbers.draw() * 24.0) as u8 % 24)
}

fn with_pitches(tunes: &[Tune], mut pitch: impl FnMut() -> u8) -> Vec<Tune> {
    let mut other = |note: &Note| Note {
        pitch: pitch(),
        ..*note
    };
    tunes.iter().map(|tune| tune.iter().map(&mut other).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ganymede::data::tunes::QUARTER;

    fn tune(pitches: [u8; 3]) -> Tune {
        let note = |(bar, pitch)| Note {
            pitch,
            start: bar as u64 * 4 * QUARTER,
            length: QUARTER,
            velocity: 80,
        };
        pitches.into_iter().enumerate().map(note).collect()
    }

    /// C over C, A over F, D over C.
    #[test]
    fn chords_are_those_of_the_bars() {
        assert!((within_chords(&[tune([60, 69, 62])]) - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_random_order_keeps_every_pitch() {
        let tunes = [tune([60, 62, 64]), tune([65, 67, 69])];
        let sorted = |tunes: &[Tune]| {
            let mut pitches: Vec<u8> = tunes.iter().flatten().map(|note| note.pitch).collect();
            pitches.sort_unstable();
            pitches
        };
        assert_eq!(sorted(&independent(&tunes)), sorted(&tunes));
        assert!(any(&tunes).iter().flatten().all(|note| (60..84).contains(&note.pitch)));
    }
}
