//! What is counted in tunes: pitch classes, intervals, scales, repetitions. Mogren 2016 (arXiv:1611.09904, section 4) names the last four.
use crate::Result;
use ganymede::data::tunes::{Note, QUARTER, STEPS, notes_of_events, notes_of_roll};
use ganymede::data::{Dataset, Shape};

/// Semitones of the white keys from C.
const WHITE: [u8; 7] = [0, 2, 4, 5, 7, 9, 11];
/// Notes in a row that are looked for again.
const REPEATED: usize = 3;

/// A tune: notes in the order of their beginnings.
pub(crate) type Tune = Vec<Note>;

/// The notes of examples `[n, ..]` of this shape.
pub(crate) fn tunes(values: &[f32], shape: Shape) -> Vec<Tune> {
    let tune = |values: &[f32]| match shape {
        Shape::Roll { pitches, lowest, .. } => {
            let step = 4 * QUARTER / STEPS as u64;
            let note = |(pitch, start, length)| Note {
                pitch,
                start: start as u64 * step,
                length: length as u64 * step,
                velocity: 80,
            };
            notes_of_roll(values, pitches, lowest).into_iter().map(note).collect()
        }
        _ => notes_of_events(values),
    };
    values.chunks_exact(shape.floats()).map(tune).collect()
}

/// All examples of data, one after the other.
pub(crate) fn everything(data: &dyn Dataset) -> Result<Vec<f32>> {
    let mut values = vec![];
    for index in 0..data.len().unwrap_or(0) {
        values.extend(data.example(index)?.0);
    }
    Ok(values)
}

/// The share of all time that each pitch class sounds, from C.
pub(crate) fn pitch_classes(tunes: &[Tune]) -> [f64; 12] {
    let mut sounding = [0.0; 12];
    for note in tunes.iter().flatten() {
        sounding[usize::from(note.pitch % 12)] += note.length as f64;
    }
    shares(sounding)
}

/// The share of all time in which what sounds is a white key.
pub(crate) fn in_key(tunes: &[Tune]) -> f64 {
    let classes = pitch_classes(tunes);
    WHITE.iter().map(|class| classes[usize::from(*class)]).sum()
}

/// Shares of the steps from one note to the next: 0 to 11 semitones, and an octave or more.
pub(crate) fn intervals(tunes: &[Tune]) -> [f64; 13] {
    let mut steps = [0.0; 13];
    for pair in tunes.iter().flat_map(|tune| tune.windows(2)) {
        steps[usize::from(pair[0].pitch.abs_diff(pair[1].pitch)).min(12)] += 1.0;
    }
    shares(steps)
}

fn shares<const N: usize>(counts: [f64; N]) -> [f64; N] {
    let all: f64 = counts.iter().sum();
    counts.map(|count| count / all.max(f64::MIN_POSITIVE))
}

/// Half the sum of the absolute differences of two histograms: 0 where they are equal, 1 where they have nothing in common.
pub(crate) fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
}

/// The mean over tunes of the share of notes in the major scale that has most of them.
pub(crate) fn scale_consistency(tunes: &[Tune]) -> f64 {
    let of = |tune: &Tune| {
        let within = |root: u8| {
            tune.iter()
                .filter(|note| WHITE.contains(&((note.pitch + 12 - root) % 12)))
                .count()
        };
        (0..12).map(within).max().unwrap_or(0) as f64 / tune.len() as f64
    };
    mean(tunes, of)
}

/// The mean over tunes of the semitones between the lowest and the highest note.
pub(crate) fn tone_span(tunes: &[Tune]) -> f64 {
    mean(tunes, |tune| {
        let pitches = || tune.iter().map(|note| f64::from(note.pitch));
        pitches().fold(f64::MIN, f64::max) - pitches().fold(f64::MAX, f64::min)
    })
}

/// The mean over tunes of the share of runs of three pitches that have been there before.
pub(crate) fn repetition(tunes: &[Tune]) -> f64 {
    mean(tunes, |tune| {
        let pitches: Vec<u8> = tune.iter().map(|note| note.pitch).collect();
        let runs: Vec<&[u8]> = pitches.windows(REPEATED).collect();
        let again = (0..runs.len()).filter(|i| runs[..*i].contains(&runs[*i])).count();
        again as f64 / runs.len().max(1) as f64
    })
}

/// The mean over tunes of the share of notes that begin together with the one before them.
pub(crate) fn polyphony(tunes: &[Tune]) -> f64 {
    mean(tunes, |tune| {
        let together = tune.windows(2).filter(|pair| pair[0].start == pair[1].start).count();
        together as f64 / tune.len().saturating_sub(1).max(1) as f64
    })
}

/// Over tunes that have a note.
fn mean(tunes: &[Tune], of: impl Fn(&Tune) -> f64) -> f64 {
    let values: Vec<f64> = tunes.iter().filter(|tune| !tune.is_empty()).map(of).collect();
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tune(pitches: &[u8]) -> Tune {
        let note = |(i, pitch): (usize, &u8)| Note {
            pitch: *pitch,
            start: (i / 2) as u64 * QUARTER,
            length: (1 + i as u64 % 2) * QUARTER,
            velocity: 80,
        };
        pitches.iter().enumerate().map(note).collect()
    }

    /// Six notes of which every second is twice as long and begins with the one before it.
    #[test]
    fn statistics_by_hand() {
        let tunes = [tune(&[60, 61, 64, 60, 61, 64])];
        let classes = pitch_classes(&tunes);
        // C sounds 1 + 2, C sharp 2 + 1, E 1 + 2 quarters.
        assert_eq!([classes[0], classes[1], classes[4]], [1.0 / 3.0; 3]);
        assert!((in_key(&tunes) - 2.0 / 3.0).abs() < 1e-12);
        let steps = intervals(&tunes);
        assert_eq!([steps[1], steps[3], steps[4]], [0.4, 0.4, 0.2]);
        assert_eq!(distance(&[0.5, 0.5, 0.0], &[0.0, 0.5, 0.5]), 0.5);
        // No major scale has C, C sharp and E; F minor's has the first two.
        assert!((scale_consistency(&tunes) - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(tone_span(&tunes), 4.0);
        // Of four runs the last is the first again.
        assert_eq!(repetition(&tunes), 0.25);
        assert_eq!(polyphony(&tunes), 0.6);
    }
}
