//! Tunes: files of MIDI, ABC notation and MusicXML as bars on a grid, or as notes one after the other.
//!
//! A tune is moved to the key without sharps or flats, by at most six semitones, where its file says its key; into the octaves of the
//! grid; and cut into stretches of whole bars, an example each. Metres whose bars are no power of two of eighths, such as 6/8, have no
//! place on a grid of sixteen steps to the bar and are left out.

mod abc;
pub(crate) mod events;
mod midi;
mod musicxml;
pub(crate) mod roll;

pub use events::{NUMBERS, notes as notes_of_events};
pub use roll::{CHORD, STEPS, chord, notes as notes_of_roll};

use std::path::Path;

use rayon::prelude::*;
use roll::Range;

use super::error::{DataError, Result};
use super::shaping::{Key, Want};
use super::{Dataset, Extra, Field, Shape, catalogue, decode, folder};

/// Ticks in a quarter note: what common tuplets and dots divide.
pub const QUARTER: u64 = 10_080;
/// The intensity of notes where nothing says one, from 1 to 127.
const VELOCITY: u8 = 80;
/// Semitones of the white keys from C.
const WHITE: [i64; 7] = [0, 2, 4, 5, 7, 9, 11];
/// The largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 32 << 20;
/// The longest tune, and the most notes in one.
const MAX_QUARTERS: u64 = 40_000;
const MAX_NOTES: usize = 1 << 18;
/// Bars of a stretch and events of a part where nothing is wanted.
const BARS: usize = 8;
const EVENTS: usize = 32;
/// One of so many tunes is of the split `test`, the others are of `train`.
const HELD_OUT: usize = 5;
/// Where more than one of so many notes sounds together with another, tunes are of several voices.
const TOGETHER: usize = 10;

/// Whether a file of this name is taken for a tune.
pub(crate) fn is_tune(name: &str) -> bool {
    let name = name.to_lowercase();
    [".mid", ".midi", ".abc", ".musicxml", ".mxl"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// A note of a tune.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// 60 for middle C, a semitone each; below 128.
    pub pitch: u8,
    /// When it begins, in ticks of [`QUARTER`].
    pub start: u64,
    /// How long it sounds, likewise.
    pub length: u64,
    /// How strongly it is struck, from 1 to 127.
    pub velocity: u8,
}

/// A tune, as its file has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tune {
    pub(crate) notes: Vec<Note>,
    /// Ticks in a whole bar.
    pub(crate) bar: u64,
    /// Where whole bars begin.
    pub(crate) bars: Vec<u64>,
    /// Sharps of its key, flats below 0.
    pub(crate) sharps: Option<i8>,
}

impl Tune {
    fn add(&mut self, note: Note) -> std::result::Result<(), String> {
        if self.notes.len() == MAX_NOTES {
            return Err(format!("expected at most {MAX_NOTES} notes, got more"));
        }
        self.notes.push(note);
        check_ticks(note.start.saturating_add(note.length))
    }

    /// By how many semitones it is moved, octaves aside.
    fn moved(&self, key: Key) -> i64 {
        match (key, self.sharps) {
            // A sharp more lies seven semitones higher.
            (Key::C, Some(sharps)) => (-7 * i64::from(sharps) + 5).rem_euclid(12) - 5,
            _ => 0,
        }
    }
}

fn check_ticks(tick: u64) -> std::result::Result<(), String> {
    match tick / QUARTER {
        ..=MAX_QUARTERS => Ok(()),
        _ => Err(format!("expected at most {MAX_QUARTERS} quarter notes, got more")),
    }
}

/// Ticks in a bar of so many notes, of which so many make a whole one.
fn bar_of(count: u64, unit: u64) -> std::result::Result<u64, String> {
    match (count, unit) {
        (1..=64, 1 | 2 | 4 | 8 | 16 | 32 | 64) => Ok(4 * QUARTER * count / unit),
        _ => Err(format!("impossible metre: {count}/{unit}")),
    }
}

/// Where whole bars begin, of all that lies between bar lines at these ticks: what is as long as a bar, and two parts that are together, as
/// around the sign of a repeat.
fn whole_bars(lines: &[u64], bar: u64) -> Vec<u64> {
    let (mut bars, mut place) = (vec![], 0);
    let length = |place: usize| Some(lines.get(place + 1)? - lines[place]);
    while let Some(first) = length(place) {
        if first == bar {
            bars.push(lines[place]);
        } else if length(place + 1).is_some_and(|second| first + second == bar) {
            bars.push(lines[place]);
            place += 1;
        }
        place += 1;
    }
    bars
}

/// What is made of tunes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Bars on a grid.
    Roll,
    /// Notes one after the other.
    Events,
}

/// Stretches of tunes, each a grid with the chords of its bars, or notes one after the other.
pub struct Tunes {
    name: String,
    digest: String,
    shape: Shape,
    /// `[count, ..]`
    values: Vec<f32>,
    /// `[count, bars, 13]`, of grids.
    chords: Vec<f32>,
    extras: Vec<Extra>,
    has: Vec<Field>,
    names: Vec<String>,
    notes: Vec<String>,
}

impl std::fmt::Debug for Tunes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tunes")
            .field("name", &self.name)
            .field("count", &self.names.len())
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

/// Opens a folder of tunes. With a split, `test` is every fifth tune in the order of the files, and `train` the others.
///
/// # Errors
/// [`DataError::ImpossibleTune`] for a length that cannot be made; [`DataError::BrokenFiles`] where more than a tenth cannot be read;
/// [`DataError::NoStretch`] where no tune is long enough; as [`folder::open`] for the folder.
pub(crate) fn open(name: &str, path: &Path, split: Option<&str>, form: Form, want: &Want) -> Result<Tunes> {
    let impossible = |expected, got| Err(DataError::ImpossibleTune { expected, got });
    let length = want.length.unwrap_or(match form {
        Form::Roll => BARS * STEPS,
        Form::Events => EVENTS,
    });
    match form {
        Form::Roll if !(STEPS..=64 * STEPS).contains(&length) || !length.is_multiple_of(STEPS) => {
            return impossible("a length of 16 to 1024 steps, whole bars of 16", length.to_string());
        }
        Form::Events if !(2..=1024).contains(&length) => {
            return impossible("a length of 2 to 1024 notes", length.to_string());
        }
        _ => {}
    }
    if want.size.is_some() || want.channels.is_some() || want.rate_hz.is_some() {
        return impossible("a length", "what pictures or sounds have".into());
    }
    if !matches!(split, None | Some("train" | "test")) {
        return Err(DataError::UnknownSplit {
            name: path.display().to_string(),
            split: split.unwrap_or_default().into(),
            has: "`train` or `test`".into(),
        });
    }
    let listing = folder::list(path, None, is_tune)?;
    let files: Vec<_> = listing
        .holders
        .par_iter()
        .map(|path| decode::guarded(|| read(path)))
        .collect();
    let mut read = vec![];
    for (item, tunes) in listing.items.iter().zip(files) {
        let name = listing.name(item);
        match tunes {
            Ok(tunes) => read.extend(tunes.into_iter().map(|(title, tune)| (named(name, &title), tune))),
            Err(why) => read.push((name.to_owned(), Err(why))),
        }
    }
    let mut data = cut(name, path, read, split, (form, length), want.key.unwrap_or_default())?;
    data.notes.splice(0..0, listing.notes);
    data.digest = catalogue::digest(
        &listing.root,
        &listing.holders.iter().map(|path| path.as_path()).collect::<Vec<_>>(),
    )?;
    Ok(data)
}

fn named(file: &str, title: &str) -> String {
    if title.is_empty() {
        file.to_owned()
    } else {
        format!("{file}: {title}")
    }
}

type Read = std::result::Result<Tune, String>;

/// The tunes of a file.
fn read(path: &Path) -> std::result::Result<Vec<(String, Read)>, String> {
    let length = path
        .metadata()
        .map_err(|e| format!("cannot read ({})", e.kind()))?
        .len();
    if length == 0 {
        return Err("empty file".into());
    }
    if length > MAX_FILE_BYTES {
        return Err(format!("expected at most {MAX_FILE_BYTES} bytes, got {length}"));
    }
    let bytes = std::fs::read(path).map_err(|e| format!("cannot read ({})", e.kind()))?;
    let with_notes = |tune: Tune| {
        if tune.notes.is_empty() {
            Err("no note in it".to_owned())
        } else {
            Ok(tune)
        }
    };
    let one = |tune: Read| Ok(vec![(String::new(), tune.and_then(with_notes))]);
    let end = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    match end.as_str() {
        "mid" | "midi" => one(midi::read(&bytes)),
        "abc" => {
            let tunes = abc::read(&bytes);
            if tunes.is_empty() {
                return Err("no tune in it: expected a field `X:`".into());
            }
            Ok(tunes
                .into_iter()
                .map(|(title, tune)| (title, tune.and_then(with_notes)))
                .collect())
        }
        _ => one(musicxml::read(&bytes)),
    }
}

/// Examples of tunes, which have been read or have not.
fn cut(
    name: &str,
    path: &Path,
    read: Vec<(String, Read)>,
    split: Option<&str>,
    (form, length): (Form, usize),
    key: Key,
) -> Result<Tunes> {
    let total = read.len() as u64;
    let (mut broken, mut tunes) = (vec![], vec![]);
    for (name, tune) in read {
        match tune {
            Ok(mut tune) => {
                tune.notes.sort_by_key(|note| (note.start, note.pitch));
                tunes.push((name, tune));
            }
            Err(why) => broken.push((name, why)),
        }
    }
    if let Some((first, why)) = broken.first()
        && (broken.len() as u64 * 10 > total || tunes.is_empty())
    {
        return Err(DataError::BrokenFiles {
            kind: "tunes",
            path: path.into(),
            broken: broken.len() as u64,
            total,
            first: first.clone(),
            why: why.clone(),
        });
    }
    let range = if of_voices(&tunes) {
        Range::VOICES
    } else {
        Range::ONE_VOICE
    };
    let shape = match form {
        Form::Roll => Shape::Roll {
            steps: length,
            pitches: range.count,
            lowest: range.lowest,
        },
        Form::Events => Shape::Events { count: length },
    };
    let bars = length / STEPS;
    let mut data = Tunes {
        name: name.to_owned(),
        digest: String::new(),
        shape,
        values: vec![],
        chords: vec![],
        extras: match form {
            Form::Roll => vec![Extra {
                field: Field::Chords,
                shape: vec![bars, CHORD],
            }],
            Form::Events => vec![],
        },
        has: match form {
            Form::Roll => vec![Field::X, Field::Chords],
            Form::Events => vec![Field::X],
        },
        names: vec![],
        notes: vec![],
    };
    let (mut without_key, mut other_metre, mut short) = (0, 0, 0);
    for (number, (name, tune)) in tunes.iter().enumerate() {
        if split.is_some_and(|split| (split == "test") != number.is_multiple_of(HELD_OUT)) {
            continue;
        }
        without_key += u32::from(tune.sharps.is_none());
        let moved = tune.moved(key);
        let notes: Vec<Note> = tune
            .notes
            .iter()
            .map(|note| Note {
                pitch: (i64::from(note.pitch) + moved).clamp(0, 127) as u8,
                ..*note
            })
            .collect();
        let moved = moved + 12 * range.octaves(&notes);
        let before = data.names.len();
        match form {
            Form::Roll if !fits_grid(tune.bar) => {
                other_metre += 1;
                continue;
            }
            Form::Roll => {
                for begin in roll::stretches(tune, bars) {
                    let grid = roll::of(tune, begin, bars, range, moved);
                    if grid.iter().any(|x| *x > 0.0) {
                        data.chords.extend(roll::chords(&grid, range));
                        data.values.extend(grid);
                        data.names.push(name.clone());
                    }
                }
            }
            Form::Events => {
                for notes in tune.notes.chunks_exact(length) {
                    data.values.extend(events::of(notes, moved));
                    data.names.push(name.clone());
                }
            }
        }
        short += u32::from(data.names.len() == before);
    }
    if data.names.is_empty() {
        return Err(DataError::NoStretch {
            path: path.into(),
            tunes: tunes.len() as u64,
            wanted: match form {
                Form::Roll => format!("{bars} whole bars of 2/4, 2/2 or 4/4"),
                Form::Events => format!("{length} notes"),
            },
        });
    }
    let mut note = |count: u32, what: String| {
        if count > 0 {
            data.notes.push(what);
        }
    };
    note(
        other_metre,
        format!("{other_metre} tunes whose bars do not divide into sixteen steps, such as 6/8, were left out."),
    );
    note(short, format!("{short} tunes are too short and were left out."));
    if key == Key::C {
        note(
            without_key,
            format!("{without_key} tunes do not say their key and were not moved to another."),
        );
    }
    data.notes.extend(decode::broken_note("tunes", &broken));
    Ok(data)
}

/// Whether a bar is a power of two of eighths.
fn fits_grid(bar: u64) -> bool {
    (bar / (QUARTER / 2)).is_power_of_two()
}

/// Whether many notes begin while another of their tune sounds.
fn of_voices(tunes: &[(String, Tune)]) -> bool {
    let (mut all, mut together) = (0, 0);
    for (_, tune) in tunes {
        let mut end = 0;
        for note in &tune.notes {
            all += 1;
            together += usize::from(note.start < end);
            end = end.max(note.start + note.length);
        }
    }
    together * TOGETHER > all
}

impl Dataset for Tunes {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn len(&self) -> Option<u64> {
        Some(self.names.len() as u64)
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn extras(&self) -> &[Extra] {
        &self.extras
    }

    fn has(&self) -> &[Field] {
        &self.has
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn example_name(&self, index: u64) -> Option<&str> {
        self.names.get(index as usize).map(String::as_str)
    }

    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
        x.copy_from_slice(self.part(&self.values, self.shape.floats(), index)?);
        Ok(0)
    }

    fn read_extra(&self, extra: usize, index: u64, to: &mut [f32]) -> Result<()> {
        to.copy_from_slice(self.part(&self.chords, self.extras[extra].floats(), index)?);
        Ok(())
    }
}

impl Tunes {
    fn part<'v>(&self, values: &'v [f32], floats: usize, index: u64) -> Result<&'v [f32]> {
        let place = index as usize * floats;
        values.get(place..place + floats).ok_or_else(|| DataError::NoExample {
            name: self.name.clone(),
            index,
            len: self.names.len() as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Batch, open as open_spec};
    use std::fs;

    /// Ten tunes of four bars in D, of which number i begins with its own degree of the scale; and one in 6/8.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut book = String::new();
        for (i, letter) in "DEFGABcded".chars().enumerate() {
            book += &format!("X:{i}\nT:Number {i}\nM:4/4\nL:1/4\nK:D\n{letter}4|D4|A4|D4|]\n\n");
        }
        fs::write(folder.path().join("a.abc"), book).unwrap();
        fs::write(
            folder.path().join("jig.abc"),
            "X:1\nT:Jig\nM:6/8\nL:1/8\nK:C\nCDE CDE|CDE CDE|CDE CDE|\n",
        )
        .unwrap();
        folder
    }

    fn want(length: usize) -> Want {
        Want {
            length: Some(length),
            ..Want::default()
        }
    }

    #[test]
    fn a_folder_of_tunes_is_moved_to_c_and_split_by_tune() {
        let folder = folder();
        let path = folder.path().display().to_string();
        let data = open_spec(&path, &want(32)).unwrap();
        let shape = Shape::Roll {
            steps: 32,
            pitches: 24,
            lowest: 60,
        };
        assert_eq!(
            (data.len(), data.shape(), data.has()),
            (Some(20), shape, &[Field::X, Field::Chords][..])
        );
        assert_eq!(data.example_name(0), Some("a.abc: Number 0"));
        assert!(data.notes()[0].starts_with("1 tunes whose bars do not divide"));
        // D major is two semitones higher than C major.
        let (first, _) = data.example(0).unwrap();
        assert_eq!(notes_of_roll(&first, 24, 60), [(60, 0, 32)]);
        let (third, _) = data.example(4).unwrap();
        assert_eq!(notes_of_roll(&third, 24, 60), [(64, 0, 16), (60, 16, 16)]);
        let mut batch = Batch::of(&*data, 1);
        batch.fill(&*data, 0, 0).unwrap();
        assert_eq!((batch.x_shape(), batch.extras[0].len()), (vec![1, 32, 24], 2 * CHORD));

        let [train, test] = ["train", "test"].map(|split| open_spec(&format!("{path}:{split}"), &want(32)).unwrap());
        assert_eq!((train.len(), test.len()), (Some(16), Some(4)));
        assert_eq!(test.example_name(2), Some("a.abc: Number 5"));
        let written = Want {
            key: Some(Key::AsWritten),
            ..want(32)
        };
        let (first, _) = open_spec(&path, &written).unwrap().example(0).unwrap();
        assert_eq!(notes_of_roll(&first, 24, 60), [(62, 0, 32)]);
    }

    #[test]
    fn tunes_are_events_too() {
        let folder = folder();
        let data = open_spec(&format!("events:{}", folder.path().display()), &want(4)).unwrap();
        // Four notes of each of ten tunes, and eighteen of the jig.
        assert_eq!((data.len(), data.shape()), (Some(14), Shape::Events { count: 4 }));
        let (first, _) = data.example(0).unwrap();
        let notes: Vec<_> = notes_of_events(&first)
            .iter()
            .map(|note| (note.pitch, note.start / QUARTER))
            .collect();
        assert_eq!(notes, [(60, 0), (60, 4), (67, 8), (60, 12)]);
    }

    #[test]
    fn what_cannot_be_is_said() {
        let folder = folder();
        let path = folder.path().display().to_string();
        let message = |spec: &str, want: &Want| open_spec(spec, want).unwrap_err().to_string().replace(&path, "F");
        assert_eq!(
            message(&path, &want(40)),
            "impossible tune: expected a length of 16 to 1024 steps, whole bars of 16, got 40"
        );
        assert_eq!(
            message(&format!("events:{path}"), &want(1)),
            "impossible tune: expected a length of 2 to 1024 notes, got 1"
        );
        let pictures = Want::picture(8, 8, 1);
        assert_eq!(
            message(&path, &pictures),
            "impossible tune: expected a length, got what pictures or sounds have"
        );
        assert_eq!(
            message(&path, &want(96)),
            "no tune of 11 has 6 whole bars of 2/4, 2/2 or 4/4: F"
        );
        assert_eq!(
            message("events:ring", &Want::default()),
            "`ring` holds no tunes: expected a folder of them"
        );
        assert_eq!(
            message(&format!("{path}:dev"), &want(32)),
            "no split `dev` in `F`: expected `train` or `test`"
        );
        let jig = folder.path().join("jig.abc");
        for (i, content) in [&b""[..], b"M:C", b"X:1\nM:C\nK:C\nz4|\n"].into_iter().enumerate() {
            fs::write(&jig, content).unwrap();
            let notes = open_spec(&path, &want(32)).unwrap().notes().to_vec();
            let why = ["empty file", "no tune in it: expected a field `X:`", "no note in it"][i];
            assert!(
                notes[0].starts_with("1 broken tunes were skipped: `jig.abc") && notes[0].contains(why),
                "{notes:?}"
            );
        }
        fs::remove_file(folder.path().join("a.abc")).unwrap();
        assert_eq!(
            message(&path, &want(32)),
            "1 of 1 tunes are broken: expected at most 10%, first `jig.abc` (no note in it): F"
        );
    }

    #[test]
    fn keys_are_six_semitones_away_at_most() {
        let moved = |sharps| {
            Tune {
                sharps: Some(sharps),
                ..Tune::default()
            }
            .moved(Key::C)
        };
        // G goes up a fourth, D down a tone, F up a fifth's rest, B flat up a tone, F sharp by half an octave.
        assert_eq!([0, 1, 2, -1, -2, 6].map(moved), [0, 5, -2, -5, 2, 6]);
    }

    #[test]
    fn bars_around_a_repeat_are_one() {
        assert_eq!(whole_bars(&[0, 1, 5, 8, 9, 13, 14], 4), [1, 5, 9]);
        assert!(fits_grid(2 * QUARTER) && fits_grid(4 * QUARTER) && !fits_grid(3 * QUARTER));
        assert!(bar_of(0, 4).is_err() && bar_of(4, 3).is_err() && bar_of(65, 4).is_err());
    }
}
