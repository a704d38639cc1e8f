//! Tunes as MIDI files that say of themselves where they come from.

use super::error::{Result, RunError};
use super::grid::Stamp;
use crate::data::Shape;
use crate::data::tunes::{Note, QUARTER, STEPS, notes_of_events, notes_of_roll};
use midly::num::{u4, u7, u15, u24, u28};
use midly::{Format, Header, MetaMessage, MidiMessage, Smf, Timing, TrackEvent, TrackEventKind};
use std::path::Path;

/// Ticks in a quarter note of a file.
const FILE_QUARTER: u64 = 480;
/// Microseconds in a quarter note: 120 of them in a minute.
const TEMPO: u32 = 500_000;
/// How strongly the notes of grids are struck, from 1 to 127.
const VELOCITY: u8 = 80;

/// Writes tunes `[n, ..]` of this shape as one MIDI file, one after the other with a bar of rest between them, at 120 quarter notes in a
/// minute and four in a bar, with a text that says where they come from.
///
/// # Errors
/// [`RunError::Io`].
///
/// # Panics
/// Where `shape` is not one of tunes.
pub fn write(values: &[f32], shape: Shape, stamp: &Stamp, path: &Path) -> Result<()> {
    let text = format!(
        "synthetic tune, system {}, run seed {}, step {}",
        stamp.system, stamp.seed, stamp.step
    );
    std::fs::write(path, of(&in_turn(values, shape), &text)).map_err(|source| RunError::io("write", path, source))
}

/// The notes of tunes, each beginning a whole bar behind the end of the last.
fn in_turn(values: &[f32], shape: Shape) -> Vec<Note> {
    let bar = 4 * QUARTER;
    let (mut notes, mut begin) = (vec![], 0);
    for tune in values.chunks_exact(shape.floats()) {
        let own = match shape {
            Shape::Roll { pitches, lowest, .. } => {
                let step = bar / STEPS as u64;
                let note = |(pitch, start, length)| Note {
                    pitch,
                    start: start as u64 * step,
                    length: length as u64 * step,
                    velocity: VELOCITY,
                };
                notes_of_roll(tune, pitches, lowest).into_iter().map(note).collect()
            }
            Shape::Events { .. } => notes_of_events(tune),
            _ => panic!("midi: these are no tunes"),
        };
        let end = match shape {
            Shape::Roll { steps, .. } => steps as u64 * bar / STEPS as u64,
            _ => own.iter().map(|note| note.start + note.length).max().unwrap_or(0),
        };
        notes.extend(own.into_iter().map(|note| Note {
            start: note.start + begin,
            ..note
        }));
        begin += end.next_multiple_of(bar) + bar;
    }
    notes
}

/// A MIDI file of one track and one channel, with a text.
fn of(notes: &[Note], text: &str) -> Vec<u8> {
    let message = |pitch: u8, velocity: u8| TrackEventKind::Midi {
        channel: u4::new(0),
        message: MidiMessage::NoteOn {
            key: u7::new(pitch.min(127)),
            vel: u7::new(velocity.min(127)),
        },
    };
    let tick = |tick: u64| tick * FILE_QUARTER / QUARTER;
    // A note that is struck with velocity 0 ends; at one moment ends come first.
    let mut strokes: Vec<(u64, u8, u8)> = notes
        .iter()
        .flat_map(|note| {
            [
                (tick(note.start), note.velocity.max(1), note.pitch),
                (tick(note.start + note.length), 0, note.pitch),
            ]
        })
        .collect();
    strokes.sort_unstable();
    let meta = |message| TrackEvent {
        delta: u28::new(0),
        kind: TrackEventKind::Meta(message),
    };
    let software = concat!("Ganymede ", env!("CARGO_PKG_VERSION"));
    let mut track = vec![
        meta(MetaMessage::Text(text.as_bytes())),
        meta(MetaMessage::Text(software.as_bytes())),
        meta(MetaMessage::Tempo(u24::new(TEMPO))),
        meta(MetaMessage::TimeSignature(4, 2, 24, 8)),
    ];
    let mut now = 0;
    for (at, velocity, pitch) in strokes {
        track.push(TrackEvent {
            delta: u28::new((at - std::mem::replace(&mut now, at)) as u32),
            kind: message(pitch, velocity),
        });
    }
    track.push(meta(MetaMessage::EndOfTrack));
    let file = Smf {
        header: Header::new(Format::SingleTrack, Timing::Metrical(u15::new(FILE_QUARTER as u16))),
        tracks: vec![track],
    };
    let mut bytes = vec![];
    file.write_std(&mut bytes).expect("writing into memory does not fail");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Want, open};

    /// Two tunes of a bar on a grid of three pitches: what is written is what is read, the second behind a bar of rest.
    #[test]
    fn what_is_written_is_read() {
        let shape = Shape::Roll {
            steps: 16,
            pitches: 3,
            lowest: 60,
        };
        let mut values = vec![-1.0; 2 * 48];
        (0..4).for_each(|step| values[step * 3] = 0.5);
        (4..16).for_each(|step| values[step * 3 + 2] = 1.0);
        (0..8).for_each(|step| values[48 + step * 3 + 1] = 1.0);
        let folder = tempfile::tempdir().unwrap();
        let stamp = Stamp {
            system: "midinet".into(),
            seed: 3,
            step: 5,
        };
        let path = folder.path().join("a.mid");
        write(&values, shape, &stamp, &path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let text = b"synthetic tune, system midinet, run seed 3, step 5";
        assert!(bytes.windows(text.len()).any(|part| part == text));
        let want = Want {
            length: Some(32),
            ..Want::default()
        };
        let data = open(&folder.path().display().to_string(), &want).unwrap();
        let (read, _) = data.example(0).unwrap();
        assert_eq!(notes_of_roll(&read, 24, 60), [(60, 0, 4), (62, 4, 12)]);
        let third_bar = in_turn(&values, shape)[2];
        assert_eq!(
            (third_bar.pitch, third_bar.start, third_bar.length),
            (61, 8 * QUARTER, 2 * QUARTER)
        );
    }
}
