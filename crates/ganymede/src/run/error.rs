//! What can go wrong with a run folder, and the way out.

use std::io;
use std::path::{Path, PathBuf};

/// Result of everything in [`run`](crate::run).
pub type Result<T> = std::result::Result<T, RunError>;

/// What can go wrong with a run folder. [`RunError::hint`] says the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The operating system refused.
    #[error("cannot {doing} ({}): {}", said(source), path.display())]
    Io {
        /// What was tried, as a verb: `read`, `write`.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
        /// On which file or folder.
        path: PathBuf,
    },
    /// A new run was to be put where files are.
    #[error("expected a new or empty folder for the run, got one with files in it: {}", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// There is no such folder.
    #[error("there is no run here: {}", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// The folder is not one that a run wrote.
    #[error("expected the folder of a run, got one without {file}: {}", path.display())]
    NotARun {
        /// The file that every run has.
        file: &'static str,
        /// The folder.
        path: PathBuf,
    },
    /// Another process writes this run.
    #[error("another process{} is writing this run: {}", process.map(|id| format!(" ({id})")).unwrap_or_default(), path.display())]
    Locked {
        /// Its process number, where it could be read.
        process: Option<u32>,
        /// The folder.
        path: PathBuf,
    },
    /// The settings of a run to be resumed are others than the ones it began with.
    #[error("expected the settings that the run began with, got {} changed: {}: {}", differences.len(), differences.join("; "), path.display())]
    SettingsChanged {
        /// One text per setting, as [`differences`](super::differences) words it.
        differences: Vec<String>,
        /// The folder.
        path: PathBuf,
    },
    /// A JSON file of the run cannot be understood.
    #[error("expected {expected}, got something else ({reason}): {}", path.display())]
    Json {
        /// What the file should hold.
        expected: &'static str,
        /// What the JSON reader said.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// A line of `events.jsonl`, not the last one, cannot be understood.
    #[error("expected an event on line {line}, got something else ({reason}): {}", path.display())]
    Event {
        /// Line number, from 1.
        line: usize,
        /// What the JSON reader said.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// A run was to be resumed that never reached a checkpoint.
    #[error("the run has no checkpoint: {}", path.display())]
    NoCheckpoint {
        /// The folder of checkpoints.
        path: PathBuf,
    },
    /// A checkpoint was cut short or altered.
    #[error("the checkpoint is damaged ({reason}): {}", path.display())]
    CheckpointDamaged {
        /// What is wrong with it.
        reason: String,
        /// The newest checkpoint before it in the same folder.
        previous: Option<PathBuf>,
        /// The file.
        path: PathBuf,
    },
    /// A checkpoint was written in a format this version does not know.
    #[error("expected a checkpoint of format {expected} or older, got format {got}: {}", path.display())]
    CheckpointFormat {
        /// The newest format that this version reads.
        expected: u32,
        /// The format of the file.
        got: u32,
        /// The file.
        path: PathBuf,
    },
    /// A tensor to be saved contradicts itself.
    #[error("expected {expected} bytes in tensor `{name}`, got {got}")]
    TensorBytes {
        /// The tensor.
        name: String,
        /// What its shape and element type ask for.
        expected: usize,
        /// What it holds.
        got: usize,
    },
    /// A tensor to be saved has a name that is taken or reserved.
    #[error("expected every tensor to have a name of its own, got `{name}` twice or reserved")]
    TensorName {
        /// The name.
        name: String,
    },
    /// A checkpoint's name cannot be a file name.
    #[error("expected a checkpoint name of letters, digits and `-`, not beginning with `step-`, got `{name}`")]
    CheckpointName {
        /// The name.
        name: String,
    },
    /// Pictures have another size than they say.
    #[error("expected {expected} values in pictures of {shape}, got {got}")]
    PictureSize {
        /// Number x height x width x channels.
        shape: String,
        /// Their product.
        expected: usize,
        /// The number of values.
        got: usize,
    },
    /// Pictures of a kind that has no PNG.
    #[error("expected pictures with 1, 3 or 4 channels, got {got}")]
    PictureChannels {
        /// The number of channels.
        got: usize,
    },
    /// There is nothing to draw.
    #[error("expected at least one picture of at least one pixel, got {shape}")]
    NoPicture {
        /// Number x height x width x channels.
        shape: String,
    },
    /// A PNG could not be made.
    #[error("cannot write the picture ({reason}): {}", path.display())]
    Png {
        /// What the encoder said.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// A GIF, animated PNG or film could not be made.
    #[error("cannot write the animation ({reason}): {}", path.display())]
    Moving {
        /// What the encoder said.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// This build has no encoder for films.
    #[error("this build of gany writes no films: {}", path.display())]
    NoFilms {
        /// The film.
        path: PathBuf,
    },
}

impl RunError {
    /// The way out, where one is known: whole sentences without a full stop at the end.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            RunError::Io { source, doing, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "the disk is full; what was saved before is untouched, so make room and go on with `--resume`".into()
                }
                io::ErrorKind::FileTooLarge => {
                    "files may not grow that large here (`ulimit -f` shows a limit); what was saved before is untouched, so \
                     lift it and go on with `--resume`"
                        .into()
                }
                io::ErrorKind::PermissionDenied if *doing == "read" => {
                    "this user may not read it; `ls -l` shows who may".into()
                }
                io::ErrorKind::PermissionDenied => {
                    "this user may not write there; choose another folder with `--out`".into()
                }
                io::ErrorKind::ReadOnlyFilesystem => {
                    "nothing can be written there; copy the run elsewhere to go on with it, or choose another folder with `--out`"
                        .into()
                }
                _ if is_out_of_handles(source) => {
                    "this process may not open more files; allow it with `ulimit -n 1024` and go on with `--resume`".into()
                }
                io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                    "a file is in the way; choose another folder with `--out`".into()
                }
                _ => return None,
            },
            RunError::NotEmpty { .. } => {
                "go on with the run that is there with `--resume`, or choose another folder with `--out`".into()
            }
            RunError::Missing { .. } => "`gany train` makes one; check the spelling of the folder".into(),
            RunError::NotARun { .. } => "give the folder itself, such as `runs/dcgan`, not the one around it".into(),
            RunError::Locked { .. } => {
                "wait for it or stop it with Ctrl-C, or choose another folder with `--out`; reading the run is fine".into()
            }
            RunError::SettingsChanged { .. } => {
                "resume without these settings, or begin a new run with them and another `--out`".into()
            }
            RunError::Json { .. } | RunError::Event { .. } => {
                "the file was changed by hand or written by a newer version; restore it, or begin a new run with another `--out`"
                    .into()
            }
            RunError::NoCheckpoint { .. } => "begin a new run with another `--out`".into(),
            RunError::CheckpointDamaged { previous: Some(previous), .. } => {
                format!("remove it, and `--resume` goes on from the checkpoint before it: {}", previous.display())
            }
            RunError::CheckpointDamaged { previous: None, .. } => {
                "there is no checkpoint before it; restore the file from a copy, or begin a new run with another `--out`".into()
            }
            RunError::CheckpointFormat { .. } => "it was written by a newer version; update `gany`".into(),
            RunError::CheckpointName { .. } => "`best` or `before-surgery`, for example".into(),
            RunError::TensorBytes { .. }
            | RunError::TensorName { .. }
            | RunError::PictureSize { .. }
            | RunError::PictureChannels { .. }
            | RunError::NoPicture { .. }
            | RunError::Moving { .. }
            | RunError::Png { .. } => return None,
            RunError::NoFilms { .. } => {
                "end the name in `.gif` or `.apng`, or build gany with films, which takes a C++ compiler: `cargo install --path crates/cli --features film`".into()
            }
        })
    }

    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        RunError::Io {
            doing,
            source,
            path: path.to_owned(),
        }
    }
}

/// Whether the process, or the whole system, has as many files open as it may: errors that have no kind of their own.
pub(crate) fn is_out_of_handles(source: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    cfg!(unix) && matches!(source.raw_os_error(), Some(ENFILE | EMFILE))
}

/// What the system said, in words that are the same on every system, where there are such words.
fn said(source: &io::Error) -> String {
    if is_out_of_handles(source) {
        return "too many open files".to_owned();
    }
    let kind = source.kind().to_string();
    let wordless = kind == "uncategorized error" || kind == "other error";
    if source.raw_os_error().is_some() && !wordless {
        return kind;
    }
    source.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message and, after a blank line, the hint, as the command line shows them.
    fn shown(error: RunError) -> String {
        match error.hint() {
            Some(hint) => format!("{error}\n\nhint: {hint}"),
            None => error.to_string(),
        }
    }

    #[track_caller]
    fn says(error: RunError, expected: &str) {
        assert_eq!(shown(error), expected);
    }

    fn a() -> PathBuf {
        "runs/a".into()
    }

    #[test]
    fn messages_of_the_folder() {
        says(
            RunError::NotEmpty { path: a() },
            "expected a new or empty folder for the run, got one with files in it: runs/a\n\n\
             hint: go on with the run that is there with `--resume`, or choose another folder with `--out`",
        );
        says(
            RunError::Missing { path: a() },
            "there is no run here: runs/a\n\nhint: `gany train` makes one; check the spelling of the folder",
        );
        says(
            RunError::NotARun {
                file: "config.json",
                path: a(),
            },
            "expected the folder of a run, got one without config.json: runs/a\n\n\
             hint: give the folder itself, such as `runs/dcgan`, not the one around it",
        );
        let lock_hint = "\n\nhint: wait for it or stop it with Ctrl-C, or choose another folder with `--out`; reading the run is fine";
        says(
            RunError::Locked {
                process: Some(41),
                path: a(),
            },
            &format!("another process (41) is writing this run: runs/a{lock_hint}"),
        );
        says(
            RunError::Locked {
                process: None,
                path: a(),
            },
            &format!("another process is writing this run: runs/a{lock_hint}"),
        );
        says(
            RunError::SettingsChanged {
                differences: vec!["seed: 0 -> 1".into(), "ema: 0.999 -> not set".into()],
                path: a(),
            },
            "expected the settings that the run began with, got 2 changed: seed: 0 -> 1; ema: 0.999 -> not set: runs/a\n\n\
             hint: resume without these settings, or begin a new run with them and another `--out`",
        );
    }

    #[test]
    fn messages_of_the_system() {
        let io = |kind: io::ErrorKind| RunError::io("write", Path::new("runs/a/config.json"), kind.into());
        says(
            io(io::ErrorKind::StorageFull),
            "cannot write (no storage space): runs/a/config.json\n\n\
             hint: the disk is full; what was saved before is untouched, so make room and go on with `--resume`",
        );
        says(
            io(io::ErrorKind::PermissionDenied),
            "cannot write (permission denied): runs/a/config.json\n\n\
             hint: this user may not write there; choose another folder with `--out`",
        );
        says(
            RunError::io("read", &a(), io::ErrorKind::PermissionDenied.into()),
            "cannot read (permission denied): runs/a\n\nhint: this user may not read it; `ls -l` shows who may",
        );
        says(
            io(io::ErrorKind::ReadOnlyFilesystem),
            "cannot write (read-only filesystem or storage medium): runs/a/config.json\n\n\
             hint: nothing can be written there; copy the run elsewhere to go on with it, or choose another folder with `--out`",
        );
        says(
            io(io::ErrorKind::FileTooLarge),
            "cannot write (file too large): runs/a/config.json\n\n\
             hint: files may not grow that large here (`ulimit -f` shows a limit); what was saved before is untouched, so \
             lift it and go on with `--resume`",
        );
        says(
            io(io::ErrorKind::NotADirectory),
            "cannot write (not a directory): runs/a/config.json\n\n\
             hint: a file is in the way; choose another folder with `--out`",
        );
        says(
            io(io::ErrorKind::TimedOut),
            "cannot write (timed out): runs/a/config.json",
        );
    }

    #[test]
    #[cfg(unix)]
    fn the_system_s_own_words_are_replaced_where_there_are_better_ones() {
        let io = |code| RunError::io("write", Path::new("a"), io::Error::from_raw_os_error(code));
        assert_eq!(io(28).to_string(), "cannot write (no storage space): a");
        says(
            io(24),
            "cannot write (too many open files): a\n\n\
             hint: this process may not open more files; allow it with `ulimit -n 1024` and go on with `--resume`",
        );
        // An input/output error of the disk has no kind of its own.
        assert!(io(5).to_string().contains("os error 5"));
    }

    #[test]
    fn messages_of_json() {
        let hint = "\n\nhint: the file was changed by hand or written by a newer version; restore it, or begin a new run with another `--out`";
        says(
            RunError::Json {
                expected: "settings",
                reason: "EOF".into(),
                path: a(),
            },
            &format!("expected settings, got something else (EOF): runs/a{hint}"),
        );
        says(
            RunError::Event {
                line: 7,
                reason: "EOF".into(),
                path: a(),
            },
            &format!("expected an event on line 7, got something else (EOF): runs/a{hint}"),
        );
    }

    #[test]
    fn messages_of_checkpoints() {
        says(
            RunError::NoCheckpoint { path: a() },
            "the run has no checkpoint: runs/a\n\nhint: begin a new run with another `--out`",
        );
        let damaged = |previous| RunError::CheckpointDamaged {
            reason: "cut short: expected 80 bytes, got 79".into(),
            previous,
            path: "c/step-0000002.safetensors".into(),
        };
        says(
            damaged(Some("c/step-0000001.safetensors".into())),
            "the checkpoint is damaged (cut short: expected 80 bytes, got 79): c/step-0000002.safetensors\n\n\
             hint: remove it, and `--resume` goes on from the checkpoint before it: c/step-0000001.safetensors",
        );
        says(
            damaged(None),
            "the checkpoint is damaged (cut short: expected 80 bytes, got 79): c/step-0000002.safetensors\n\n\
             hint: there is no checkpoint before it; restore the file from a copy, or begin a new run with another `--out`",
        );
        says(
            RunError::CheckpointFormat {
                expected: 1,
                got: 2,
                path: a(),
            },
            "expected a checkpoint of format 1 or older, got format 2: runs/a\n\nhint: it was written by a newer version; update `gany`",
        );
        says(
            RunError::CheckpointName { name: "a/b".into() },
            "expected a checkpoint name of letters, digits and `-`, not beginning with `step-`, got `a/b`\n\n\
             hint: `best` or `before-surgery`, for example",
        );
        says(
            RunError::TensorBytes {
                name: "g.weight".into(),
                expected: 8,
                got: 7,
            },
            "expected 8 bytes in tensor `g.weight`, got 7",
        );
        says(
            RunError::TensorName {
                name: "g.weight".into(),
            },
            "expected every tensor to have a name of its own, got `g.weight` twice or reserved",
        );
    }

    #[test]
    fn messages_of_pictures() {
        says(
            RunError::PictureSize {
                shape: "2x4x4x3".into(),
                expected: 96,
                got: 95,
            },
            "expected 96 values in pictures of 2x4x4x3, got 95",
        );
        says(
            RunError::PictureChannels { got: 2 },
            "expected pictures with 1, 3 or 4 channels, got 2",
        );
        says(
            RunError::NoPicture {
                shape: "0x4x4x3".into(),
            },
            "expected at least one picture of at least one pixel, got 0x4x4x3",
        );
        says(
            RunError::Png {
                reason: "too wide".into(),
                path: "samples/step-0000400.png".into(),
            },
            "cannot write the picture (too wide): samples/step-0000400.png",
        );
        says(
            RunError::Moving {
                reason: "too wide".into(),
                path: "a.gif".into(),
            },
            "cannot write the animation (too wide): a.gif",
        );
        says(
            RunError::NoFilms { path: "a.mp4".into() },
            "this build of gany writes no films: a.mp4\n\n\
             hint: end the name in `.gif` or `.apng`, or build gany with films, which takes a C++ compiler: `cargo install --path crates/cli --features film`",
        );
    }
}
