//! Tunes on a grid: sixteen steps to a bar, a row of pitches to a step.

use super::{Note, Tune};

/// Steps in a bar, whatever its metre.
pub const STEPS: usize = 16;
/// Numbers that say a chord: its root among the twelve pitch classes from C, and 1 for major.
pub const CHORD: usize = 13;

/// The pitches of a grid, `count` from `lowest` on; what lies beyond is moved by octaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) lowest: usize,
    pub(crate) count: usize,
}

impl Range {
    /// Of a tune of one voice: two octaves from middle C, as in MidiNet.
    pub(crate) const ONE_VOICE: Range = Range { lowest: 60, count: 24 };
    /// Of several voices: four octaves from the C of a bass.
    pub(crate) const VOICES: Range = Range { lowest: 36, count: 48 };

    /// The row of a pitch.
    fn row(&self, pitch: i64) -> usize {
        let lowest = self.lowest as i64;
        let above = pitch - lowest;
        let row = if above < 0 { above.rem_euclid(12) } else { above };
        let beyond = row - self.count as i64;
        (if beyond < 0 {
            row
        } else {
            self.count as i64 - 12 + beyond.rem_euclid(12)
        }) as usize
    }

    /// By how many octaves a tune is moved so that most of its notes are pitches of the grid; the fewest of those that do as well.
    pub(crate) fn octaves(&self, notes: &[Note]) -> i64 {
        let has = |octaves: i64| {
            let pitches = notes
                .iter()
                .map(|note| i64::from(note.pitch) + 12 * octaves - self.lowest as i64);
            pitches.filter(|above| (0..self.count as i64).contains(above)).count()
        };
        let octaves = [0, 1, -1, 2, -2, 3, -3, 4, -4];
        octaves
            .into_iter()
            .rev()
            .max_by_key(|octaves| has(*octaves))
            .unwrap_or(0)
    }
}

/// The beginnings of stretches of so many whole bars, one behind the other.
pub(crate) fn stretches(tune: &Tune, bars: usize) -> Vec<u64> {
    let (mut found, mut first) = (vec![], 0);
    for place in 0..tune.bars.len() {
        if place > first && tune.bars[place] != tune.bars[place - 1] + tune.bar {
            first = place;
        }
        if place + 1 - first == bars {
            found.push(tune.bars[first]);
            first = place + 1;
        }
    }
    found
}

/// Bars of a tune as a grid `[bars * 16, pitches]`: 1 where a pitch sounds, -1 where it does not.
pub(crate) fn of(tune: &Tune, begin: u64, bars: usize, range: Range, moved: i64) -> Vec<f32> {
    let steps = bars * STEPS;
    let mut grid = vec![-1.0; steps * range.count];
    // To the nearest step, halves upwards, so that notes that follow one another do so here.
    let step = |tick: u64| ((tick.saturating_sub(begin) * STEPS as u64 * 2 + tune.bar) / (2 * tune.bar)) as usize;
    for note in &tune.notes {
        let row = range.row(i64::from(note.pitch) + moved);
        for step in step(note.start)..step(note.start + note.length).min(steps) {
            grid[step * range.count + row] = 1.0;
        }
    }
    grid
}

/// The notes of a grid `[steps, pitches]` of numbers above 0 where a pitch sounds: a pitch, its first step and how many there are.
/// They are in the order of their beginnings.
pub fn notes(grid: &[f32], pitches: usize, lowest: usize) -> Vec<(u8, usize, usize)> {
    let steps = grid.len() / pitches;
    let sounds = |step: usize, row: usize| step < steps && grid[step * pitches + row] > 0.0;
    let mut found = vec![];
    for step in 0..steps {
        for row in (0..pitches).filter(|row| sounds(step, *row) && (step == 0 || !sounds(step - 1, *row))) {
            let length = (step..=steps).take_while(|step| sounds(*step, row)).count();
            found.push(((lowest + row) as u8, step, length));
        }
    }
    found
}

/// The chord of every bar of a grid, `[bars, 13]`: the one of the 24 major and minor triads whose pitch classes sound longest in it,
/// its root counting a fifth more; that of the bar before, at first C major, where nothing sounds.
pub(crate) fn chords(grid: &[f32], range: Range) -> Vec<f32> {
    let mut last = (0, true);
    let mut chords = vec![];
    for bar in grid.chunks_exact(STEPS * range.count) {
        let mut sounding = [0.0_f32; 12];
        for (place, _) in bar.iter().enumerate().filter(|(_, x)| **x > 0.0) {
            sounding[(range.lowest + place % range.count) % 12] += 1.0;
        }
        let weight = |(root, is_major): (usize, bool)| {
            let third = if is_major { 4 } else { 3 };
            1.2 * sounding[root] + sounding[(root + third) % 12] + sounding[(root + 7) % 12]
        };
        // Where two fit as well, the one that is nearer to C major along the circle of fifths, and major before minor.
        let near = [0, 7, 5, 2, 10, 9, 3, 4, 8, 11, 1, 6];
        let all = near.into_iter().flat_map(|root| [(root, true), (root, false)]);
        if sounding.iter().any(|x| *x > 0.0) {
            last = all.fold(
                last,
                |best, chord| if weight(chord) > weight(best) { chord } else { best },
            );
        }
        chords.extend(chord(last));
    }
    chords
}

/// A chord in numbers: 1 for its root, the last 1 for major.
pub fn chord((root, is_major): (usize, bool)) -> [f32; CHORD] {
    let mut numbers = [0.0; CHORD];
    numbers[root % 12] = 1.0;
    numbers[12] = f32::from(is_major);
    numbers
}

/// Rows and columns of the picture of a grid: a pixel to a step and a pitch.
pub(crate) fn extents(steps: usize, pitches: usize) -> [usize; 3] {
    [pitches, steps, 1]
}

/// Pictures of grids `[n, steps, pitches]`: moments from the left, pitches upwards, `[n, pitches, steps, 1]`.
pub(crate) fn drawn(values: &[f32], steps: usize, pitches: usize) -> Vec<f32> {
    let picture = |grid: &[f32]| -> Vec<f32> {
        let at = |i: usize| grid[i % steps * pitches + pitches - 1 - i / steps];
        (0..steps * pitches).map(at).collect()
    };
    values.chunks_exact(steps * pitches).flat_map(picture).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::tunes::QUARTER;

    fn note(pitch: u8, start: u64, length: u64) -> Note {
        let sixteenth = QUARTER / 4;
        Note {
            pitch,
            start: start * sixteenth,
            length: length * sixteenth,
            velocity: 80,
        }
    }

    fn tune(notes: &[Note]) -> Tune {
        Tune {
            notes: notes.to_vec(),
            bar: 4 * QUARTER,
            bars: vec![0, 4 * QUARTER],
            sharps: Some(0),
        }
    }

    #[test]
    fn a_grid_and_back() {
        let tune = tune(&[note(60, 0, 4), note(64, 4, 12), note(90, 16, 3), note(40, 30, 10)]);
        let grid = of(&tune, 0, 2, Range::ONE_VOICE, 0);
        // 90 is an octave too high, 40 two octaves too low and cut off at the end.
        let expected = [(60, 0, 4), (64, 4, 12), (78, 16, 3), (64, 30, 2)];
        assert_eq!(notes(&grid, 24, 60), expected);
        assert_eq!(
            notes(&of(&tune, 4 * QUARTER, 1, Range::ONE_VOICE, 0), 24, 60),
            [(78, 0, 3), (64, 14, 2)]
        );
        assert_eq!(Range::VOICES.row(20), 8);
        assert_eq!(
            [59, 60, 83, 84, 96].map(|pitch| Range::ONE_VOICE.row(pitch)),
            [11, 0, 23, 12, 12]
        );
    }

    #[test]
    fn tunes_are_moved_into_the_range() {
        assert_eq!(
            Range::ONE_VOICE.octaves(&[note(50, 0, 1), note(55, 0, 1), note(62, 0, 1)]),
            1
        );
        assert_eq!(Range::ONE_VOICE.octaves(&[note(60, 0, 1), note(71, 0, 1)]), 0);
        assert_eq!(Range::ONE_VOICE.octaves(&[]), 0);
    }

    #[test]
    fn stretches_are_of_bars_that_follow_one_another() {
        let bars = [0, 4, 8, 13, 17, 21, 25].map(|quarter| quarter * QUARTER).to_vec();
        let tune = Tune { bars, ..tune(&[]) };
        assert_eq!(stretches(&tune, 2), [0, 13, 21].map(|quarter| quarter * QUARTER));
        assert_eq!(stretches(&tune, 4), [13 * QUARTER]);
    }

    /// C and E with a G are C major, A with C and E A minor; a bar without a note keeps the chord before it.
    #[test]
    fn chords_are_of_what_sounds() {
        let bars = [
            note(60, 0, 6),
            note(64, 6, 4),
            note(67, 10, 6),
            note(69, 16, 8),
            note(72, 24, 4),
            note(76, 28, 4),
        ];
        let grid = of(&tune(&bars), 0, 3, Range::ONE_VOICE, 0);
        let expected = [chord((0, true)), chord((9, false)), chord((9, false))].concat();
        assert_eq!(chords(&grid, Range::ONE_VOICE), expected);
    }

    #[test]
    fn high_pitches_are_drawn_above() {
        assert_eq!(
            drawn(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3, 2),
            [2.0, 4.0, 6.0, 1.0, 3.0, 5.0]
        );
    }
}
