//! Tunes as events: notes one after the other, each four numbers.

use super::roll::{self, STEPS};
use super::{Note, QUARTER};

/// Numbers of an event, each from -1 to 1: length, pitch, intensity, and the time since the beginning of the last event.
pub const NUMBERS: usize = 4;
/// The pitch of 0, and how many semitones above it 1 lies.
const PITCH: (f64, f64) = (60.0, 36.0);
/// The rows and the columns of the picture of events: pitches from 24 on, and sixteenths.
const ROWS: usize = 73;
const COLUMNS: usize = 96;
const LOWEST: usize = 24;

/// The events of notes `[n, 4]`, of which the first begins at its own beginning.
///
/// - length: -1 for a sixty-fourth, 1 for a whole note, by octaves
/// - time since the last event: -1 for none, 1 for a whole note
pub(crate) fn of(notes: &[Note], moved: i64) -> Vec<f32> {
    let mut last = notes.first().map_or(0, |note| note.start);
    let mut event = |note: &Note| {
        let quarters = note.length as f64 / QUARTER as f64;
        let gap = note.start.saturating_sub(std::mem::replace(&mut last, note.start)) as f64 / QUARTER as f64;
        [
            (quarters.log2() + 1.0) / 3.0,
            (f64::from(note.pitch) + moved as f64 - PITCH.0) / PITCH.1,
            f64::from(note.velocity) / 63.5 - 1.0,
            gap / 2.0 - 1.0,
        ]
        .map(|number| number.clamp(-1.0, 1.0) as f32)
    };
    notes.iter().flat_map(&mut event).collect()
}

/// The notes of events `[n, 4]`, their times to the nearest sixteenth and at least one long, their pitches to the nearest semitone.
pub fn notes(events: &[f32]) -> Vec<Note> {
    let sixteenth = QUARTER / 4;
    let mut now = 0;
    let note = |event: &[f32]| {
        // What is no number becomes the least.
        let at = |i: usize| f64::from(event[i].max(-1.0)).clamp(-1.0, 1.0);
        now += ((at(3) + 1.0) * 8.0).round() as u64 * sixteenth;
        Note {
            pitch: (PITCH.0 + PITCH.1 * at(1)).round() as u8,
            start: now,
            length: ((4.0 * (3.0 * at(0) - 1.0).exp2()).round() as u64).max(1) * sixteenth,
            velocity: ((at(2) + 1.0) * 63.5).round().max(1.0) as u8,
        }
    };
    events.chunks_exact(NUMBERS).map(note).collect()
}

/// Rows, columns and channels of the picture of any number of events.
pub(crate) const EXTENTS: [usize; 3] = [ROWS, COLUMNS, 1];

/// Pictures of the first six bars of each of some events `[n, count, 4]`, as of a grid: `[n, 73, 96, 1]`.
pub(crate) fn drawn(values: &[f32], count: usize) -> Vec<f32> {
    let picture = |events: &[f32]| {
        let mut grid = vec![-1.0; ROWS * COLUMNS];
        for note in notes(events) {
            let step = |tick: u64| (tick * (STEPS as u64 / 4) / QUARTER) as usize;
            let loud = f32::from(note.velocity) / 127.0;
            for step in step(note.start)..step(note.start + note.length).min(COLUMNS) {
                grid[step * ROWS + usize::from(note.pitch) - LOWEST] = loud;
            }
        }
        roll::drawn(&grid, COLUMNS, ROWS)
    };
    values.chunks_exact(count * NUMBERS).flat_map(picture).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(pitch: u8, start: u64, length: u64) -> Note {
        Note {
            pitch,
            start: start * QUARTER / 4,
            length: length * QUARTER / 4,
            velocity: 127,
        }
    }

    /// A quarter of middle C, an eighth two beats later with a half of the C above.
    #[test]
    fn numbers_by_hand() {
        let tune = [note(60, 4, 4), note(69, 12, 2), note(72, 12, 8)];
        let third = 1.0 / 3.0;
        let expected = [
            third,
            0.0,
            1.0,
            -1.0,
            0.0,
            0.25,
            1.0,
            0.0,
            2.0 * third,
            third,
            1.0,
            -1.0,
        ];
        assert!(of(&tune, 0).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6));
        let back = notes(&of(&tune, 0));
        assert_eq!(back, [note(60, 0, 4), note(69, 8, 2), note(72, 8, 8)]);
    }

    #[test]
    fn any_numbers_are_notes() {
        let notes = notes(&[f32::NAN, -9.0, f32::NAN, f32::NAN, 9.0, 9.0, 9.0, 9.0]);
        assert_eq!(
            (notes[0].pitch, notes[0].length, notes[0].velocity),
            (24, QUARTER / 4, 1)
        );
        assert_eq!(
            (notes[1].pitch, notes[1].length, notes[1].start),
            (96, 4 * QUARTER, 4 * QUARTER)
        );
    }

    #[test]
    fn a_picture_has_pitches_upwards() {
        let picture = drawn(&of(&[note(60, 0, 2), note(61, 2, 1)], 0), 2);
        let at = |pitch: usize, step: usize| picture[(96 - pitch) * COLUMNS + step];
        assert_eq!([at(60, 0), at(60, 1), at(61, 2)], [1.0; 3]);
        assert_eq!([at(60, 2), at(61, 1), at(61, 3)], [-1.0; 3]);
    }
}
