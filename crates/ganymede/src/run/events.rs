//! What a run says while it goes on: one JSON object a line.
//!
//! ```text
//! {"event":"started","system":"dcgan","title":"DCGAN","idea":"...","steps":4000,"at":"2026-05-04T03:02:01Z"}
//! {"event":"step","step":1,"seconds":0.12,"images":64,"scalars":{"loss.discriminator":1.38,"loss.generator":0.69}}
//! {"event":"sample","step":100,"path":"samples/step-0000100.png"}
//! ```
//!
//! JSON has no NaN and no infinities, and a run that diverges is one that a reader most wants to see: scalars that are
//! not finite are written as the strings `"NaN"`, `"Infinity"` and `"-Infinity"` and come back as themselves.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::atomic;
use super::error::{Result, RunError};
use super::folder::RunFolder;

/// One thing that a run says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Training begins.
    Started {
        /// Name of the system, such as `wgan_gp`.
        system: String,
        /// Its name in prose, such as `WGAN-GP`.
        title: String,
        /// Its idea in a sentence.
        idea: String,
        /// Number of steps planned, where that is known.
        steps: Option<u64>,
        /// When, in UTC. See [`now_utc`](super::folder::now_utc).
        at: String,
    },
    /// Training goes on from the checkpoint of a step.
    Resumed {
        /// The step of the checkpoint.
        step: u64,
        /// When, in UTC.
        at: String,
    },
    /// A step is done.
    Step {
        /// Number of steps done, this one included.
        step: u64,
        /// Seconds of training so far, over all parts of a resumed run, without samples and checkpoints.
        seconds: f64,
        /// Real images seen so far.
        images: u64,
        /// What was measured, by dotted name: `loss.generator`, `accuracy.real`.
        #[serde(with = "scalars")]
        scalars: BTreeMap<String, f64>,
    },
    /// A sample grid was written.
    Sample {
        /// After which step.
        step: u64,
        /// From the run's folder: `samples/step-0000400.png`.
        path: String,
    },
    /// Samples were measured. See [`metrics`](crate::metrics::registry).
    Metric {
        /// After which step.
        step: u64,
        /// By name, such as `fd`.
        #[serde(with = "scalars")]
        figures: BTreeMap<String, f64>,
        /// Whether they are the best so far, by the run's first measure: its state is the checkpoint called `best`.
        best: bool,
    },
    /// A checkpoint was written.
    Checkpoint {
        /// After which step.
        step: u64,
        /// From the run's folder: `checkpoints/step-0000400.safetensors`.
        path: String,
    },
    /// Something that a person should look at.
    Warning {
        /// At which step.
        step: u64,
        /// What, in a sentence.
        message: String,
    },
    /// The doctor found something wrong; said once a run.
    Alarm {
        /// After which step.
        step: u64,
        /// The alarm's name, such as `mode-collapse`. See [`doctor`](crate::doctor).
        name: String,
        /// What it means, in a sentence.
        meaning: String,
        /// Whose trouble it is.
        player: String,
        /// The figures it rests on, in words.
        #[serde(with = "scalars")]
        evidence: BTreeMap<String, f64>,
        /// What to try, in a sentence.
        cure: String,
        /// Settings that do it; none where no setting helps.
        settings: BTreeMap<String, String>,
    },
    /// The run went back to an earlier step and goes on from there with a cure.
    Healed {
        /// The step it goes on from.
        step: u64,
        /// The alarm that was raised.
        alarm: String,
        /// After which step it was raised.
        raised_at: u64,
        /// The settings that were changed.
        settings: BTreeMap<String, String>,
    },
    /// Training was ended before its time; it can be resumed.
    Stopped {
        /// After which step.
        step: u64,
        /// Why, such as `Ctrl-C`.
        reason: String,
    },
    /// Training reached its end.
    Finished {
        /// After which step.
        step: u64,
    },
}

impl Event {
    /// The step that the event belongs to; 0 for the beginning.
    pub fn step(&self) -> u64 {
        match *self {
            Event::Started { .. } => 0,
            Event::Resumed { step, .. }
            | Event::Step { step, .. }
            | Event::Sample { step, .. }
            | Event::Metric { step, .. }
            | Event::Checkpoint { step, .. }
            | Event::Warning { step, .. }
            | Event::Alarm { step, .. }
            | Event::Healed { step, .. }
            | Event::Stopped { step, .. }
            | Event::Finished { step } => step,
        }
    }
}

/// What training itself said: `events` without interruptions (resumed, stopped, checkpoints) and with times set to 0 or
/// nothing. A resumed run and an uninterrupted one are equal in this.
pub fn without_wall_clock(events: &[Event]) -> Vec<Event> {
    let mut events = events.to_vec();
    events.retain_mut(|event| match event {
        Event::Resumed { .. } | Event::Stopped { .. } | Event::Checkpoint { .. } => false,
        Event::Started { at, .. } => {
            at.clear();
            true
        }
        Event::Step { seconds, .. } => {
            *seconds = 0.0;
            true
        }
        Event::Sample { .. }
        | Event::Metric { .. }
        | Event::Warning { .. }
        | Event::Alarm { .. }
        | Event::Healed { .. }
        | Event::Finished { .. } => true,
    });
    events
}

/// The events of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventLog {
    /// All that are whole, in the order they were said.
    pub events: Vec<Event>,
    /// What is left after the last whole line: a process was killed while it wrote, or is writing just now.
    pub torn: Option<String>,
    /// Where the last whole line ends, in bytes.
    pub end: u64,
}

/// Reads the events of a run; there are none where there is no file yet.
///
/// # Errors
/// [`RunError::Io`], and [`RunError::Event`] for a line, not the last one, that is not an event.
pub fn read_events(path: &Path) -> Result<EventLog> {
    parse_events(&content(path)?, path)
}

fn content(path: &Path) -> Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|source| RunError::io("read", path, source)),
    }
}

/// The events in the content of a file; an error names `path`.
///
/// # Errors
/// [`RunError::Event`] for a line, not the last one, that is not an event.
pub fn parse_events(bytes: &[u8], path: &Path) -> Result<EventLog> {
    let mut log = EventLog::default();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    for (index, line) in lines.iter().enumerate() {
        let whole = line.ends_with(b"\n");
        match serde_json::from_slice(line) {
            Ok(event) if whole => {
                log.events.push(event);
                log.end += line.len() as u64;
            }
            // A line is written at once, with its end: one without is torn even where it happens to be an event.
            Ok(_) => log.torn = Some(String::from_utf8_lossy(line).into_owned()),
            Err(_) if index + 1 == lines.len() => log.torn = Some(String::from_utf8_lossy(line).into_owned()),
            Err(error) => {
                return Err(RunError::Event {
                    line: index + 1,
                    reason: error.to_string(),
                    path: path.to_owned(),
                });
            }
        }
    }
    Ok(log)
}

/// Reads the events of a run while it goes on, also where it is killed and resumed meanwhile. A look costs what is new.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    /// Where the events that were read end, in bytes, and on how many lines they stand.
    end: u64,
    lines: usize,
    /// The last line that was read: where another one ends there, the file was rewound.
    last: Vec<u8>,
}

impl Follower {
    /// Has read nothing yet.
    pub fn new(folder: &RunFolder) -> Self {
        Follower {
            path: folder.events_file(),
            end: 0,
            lines: 0,
            last: Vec::new(),
        }
    }

    /// What was said since the last look. After a rewinding that begins with the latest [`Event::Resumed`] or [`Event::Healed`]:
    /// what was said before of later steps is void.
    ///
    /// # Errors
    /// Those of [`read_events`].
    pub fn look(&mut self) -> Result<Vec<Event>> {
        let bytes = self.unread()?;
        if let Some(new) = bytes.strip_prefix(&self.last[..]) {
            let EventLog { events, end, .. } = parse_events(new, &self.path).map_err(|error| self.placed(error))?;
            self.note(self.end, self.lines + events.len(), &new[..end as usize]);
            return Ok(events);
        }
        let bytes = content(&self.path)?;
        let EventLog { mut events, end, .. } = parse_events(&bytes, &self.path)?;
        let goes_on = |event: &Event| matches!(event, Event::Resumed { .. } | Event::Healed { .. });
        let known = events.iter().rposition(goes_on).unwrap_or(events.len());
        self.last.clear();
        self.note(0, events.len(), &bytes[..end as usize]);
        Ok(events.split_off(known))
    }

    /// What the file has from the last line that was read onwards.
    fn unread(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.end - self.last.len() as u64))?;
            file.read_to_end(&mut bytes)
        });
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read
                .map(|_| bytes)
                .map_err(|source| RunError::io("read", &self.path, source)),
        }
    }

    /// Notes that the whole lines of `read` were read, which begin at byte `from`.
    fn note(&mut self, from: u64, lines: usize, read: &[u8]) {
        (self.end, self.lines) = (from + read.len() as u64, lines);
        if let Some(last) = read.split_inclusive(|byte| *byte == b'\n').next_back() {
            self.last = last.to_owned();
        }
    }

    /// An error with the number of its line in the whole file.
    fn placed(&self, error: RunError) -> RunError {
        match error {
            RunError::Event { line, reason, path } => RunError::Event {
                line: line + self.lines,
                reason,
                path,
            },
            other => other,
        }
    }
}

/// Drops events that belong to steps after `step`, the end of a finished run, and a torn last line; all at once, and
/// without changing a byte of what stays.
pub(super) fn drop_after(path: &Path, step: u64) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let bytes = content(path)?;
    let log = parse_events(&bytes, path)?;
    let lines = bytes[..log.end as usize].split_inclusive(|byte| *byte == b'\n');
    let kept: Vec<&[u8]> = lines
        .zip(&log.events)
        .filter(|(_, event)| event.step() <= step && !matches!(event, Event::Finished { .. }))
        .map(|(line, _)| line)
        .collect();
    atomic::replace(path, |writer| kept.iter().try_for_each(|line| writer.write_all(line)))
}

/// Appends events to `events.jsonl`.
#[derive(Debug)]
pub struct EventWriter {
    file: File,
    /// Length of the file in bytes up to the last whole line.
    end: u64,
    path: PathBuf,
}

impl EventWriter {
    /// Begins the events of a new run.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn create(folder: &RunFolder) -> Result<Self> {
        Self::open(folder.events_file(), 0)
    }

    /// Goes on with the events of a run from `step`, after [`RunFolder::rewind`] to it.
    ///
    /// # Errors
    /// [`RunError::Io`], [`RunError::Event`].
    pub fn resume(folder: &RunFolder, step: u64) -> Result<Self> {
        folder.rewind(step)?;
        let path = folder.events_file();
        let end = read_events(&path)?.end;
        Self::open(path, end)
    }

    fn open(path: PathBuf, end: u64) -> Result<Self> {
        let opened = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|file| {
                file.set_len(end)?;
                Ok(file)
            });
        let file = opened.map_err(|source| RunError::io("open", &path, source))?;
        Ok(EventWriter { file, end, path })
    }

    /// Appends one line. Where that fails half-way, the half is taken back.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn append(&mut self, event: &Event) -> Result<()> {
        let mut line = serde_json::to_vec(event).map_err(|error| RunError::io("write", &self.path, error.into()))?;
        line.push(b'\n');
        if let Err(source) = self.file.write_all(&line) {
            // Should this fail too, the reader still skips a torn line.
            let _ = self.file.set_len(self.end);
            return Err(RunError::io("write", &self.path, source));
        }
        self.end += line.len() as u64;
        Ok(())
    }

    /// Waits until what was said is on the disk. Called before a checkpoint, no event is lost that it presupposes.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn sync(&mut self) -> Result<()> {
        self.file
            .sync_data()
            .map_err(|source| RunError::io("write", &self.path, source))
    }
}

/// Scalars as JSON: numbers, and strings for the three that are not finite.
mod scalars {
    use std::collections::BTreeMap;

    use serde::de::Error as _;
    use serde::ser::SerializeMap;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(scalars: &BTreeMap<String, f64>, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(scalars.len()))?;
        for (name, value) in scalars {
            match *value {
                value if value.is_finite() => map.serialize_entry(name, &value)?,
                value if value.is_nan() => map.serialize_entry(name, "NaN")?,
                value if value > 0.0 => map.serialize_entry(name, "Infinity")?,
                _ => map.serialize_entry(name, "-Infinity")?,
            }
        }
        map.end()
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(f64),
        Name(String),
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<String, f64>, D::Error> {
        let number = |written| match written {
            Written::Number(value) => Ok(value),
            Written::Name(name) => match name.as_str() {
                "NaN" => Ok(f64::NAN),
                "Infinity" => Ok(f64::INFINITY),
                "-Infinity" => Ok(f64::NEG_INFINITY),
                other => Err(D::Error::custom(format!("expected a number, got `{other}`"))),
            },
        };
        let written = BTreeMap::<String, Written>::deserialize(d)?;
        written
            .into_iter()
            .map(|(name, value)| Ok((name, number(value)?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn started() -> Event {
        let (system, title, idea) = ("dcgan".into(), "DCGAN".into(), "All convolutions.".into());
        Event::Started {
            system,
            title,
            idea,
            steps: Some(9),
            at: "2026-05-04T03:02:01Z".into(),
        }
    }

    fn step(step: u64, seconds: f64, loss: f64) -> Event {
        Event::Step {
            step,
            seconds,
            images: step * 64,
            scalars: [("loss.generator".to_owned(), loss)].into(),
        }
    }

    fn folder() -> (tempfile::TempDir, RunFolder) {
        let there = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(there.path()).unwrap();
        (there, folder)
    }

    #[test]
    fn lines_are_what_other_programs_may_rely_on() {
        let lines = [
            (
                started(),
                r#"{"event":"started","system":"dcgan","title":"DCGAN","idea":"All convolutions.","steps":9,"at":"2026-05-04T03:02:01Z"}"#,
            ),
            (
                Event::Resumed {
                    step: 4,
                    at: "t".into(),
                },
                r#"{"event":"resumed","step":4,"at":"t"}"#,
            ),
            (
                step(1, 0.5, 0.25),
                r#"{"event":"step","step":1,"seconds":0.5,"images":64,"scalars":{"loss.generator":0.25}}"#,
            ),
            (
                step(1, 0.5, f64::NEG_INFINITY),
                r#"{"event":"step","step":1,"seconds":0.5,"images":64,"scalars":{"loss.generator":"-Infinity"}}"#,
            ),
            (
                Event::Sample {
                    step: 400,
                    path: RunFolder::sample_name(400),
                },
                r#"{"event":"sample","step":400,"path":"samples/step-0000400.png"}"#,
            ),
            (
                Event::Checkpoint {
                    step: 400,
                    path: RunFolder::checkpoint_name(400),
                },
                r#"{"event":"checkpoint","step":400,"path":"checkpoints/step-0000400.safetensors"}"#,
            ),
            (
                Event::Metric {
                    step: 400,
                    figures: [("fd".to_owned(), 1.5), ("kl".to_owned(), f64::INFINITY)].into(),
                    best: true,
                },
                r#"{"event":"metric","step":400,"figures":{"fd":1.5,"kl":"Infinity"},"best":true}"#,
            ),
            (
                Event::Warning {
                    step: 2,
                    message: "m".into(),
                },
                r#"{"event":"warning","step":2,"message":"m"}"#,
            ),
            (
                Event::Stopped {
                    step: 2,
                    reason: "Ctrl-C".into(),
                },
                r#"{"event":"stopped","step":2,"reason":"Ctrl-C"}"#,
            ),
            (
                Event::Alarm {
                    step: 50,
                    name: "dead-units".into(),
                    meaning: "m".into(),
                    player: "generator".into(),
                    evidence: [("share".to_owned(), 0.75)].into(),
                    cure: "c".into(),
                    settings: [("batch".to_owned(), "32".to_owned())].into(),
                },
                r#"{"event":"alarm","step":50,"name":"dead-units","meaning":"m","player":"generator","evidence":{"share":0.75},"cure":"c","settings":{"batch":"32"}}"#,
            ),
            (
                Event::Healed {
                    step: 0,
                    alarm: "dead-units".into(),
                    raised_at: 50,
                    settings: [("batch".to_owned(), "32".to_owned())].into(),
                },
                r#"{"event":"healed","step":0,"alarm":"dead-units","raised_at":50,"settings":{"batch":"32"}}"#,
            ),
            (Event::Finished { step: 9 }, r#"{"event":"finished","step":9}"#),
        ];
        for (event, line) in lines {
            assert_eq!(serde_json::to_string(&event).unwrap(), line);
            assert_eq!(serde_json::from_str::<Event>(line).unwrap(), event);
        }
    }

    proptest! {
        #[test]
        fn every_scalar_comes_back_to_the_bit(bits: u64) {
            let value = f64::from_bits(bits);
            let line = serde_json::to_string(&step(1, 0.0, value)).unwrap();
            let Event::Step { scalars, .. } = serde_json::from_str(&line).unwrap() else { panic!("{line}") };
            let back = scalars["loss.generator"];
            prop_assert!(back.to_bits() == bits || (back.is_nan() && value.is_nan()), "{} {}", back, value);
        }
    }

    #[test]
    fn a_line_torn_anywhere_is_told_and_removed() {
        let (_there, folder) = folder();
        let mut writer = EventWriter::create(&folder).unwrap();
        let events = [
            started(),
            step(1, 0.1, f64::NAN),
            Event::Warning {
                step: 1,
                message: "Größe\n\"".into(),
            },
        ];
        events.iter().for_each(|event| writer.append(event).unwrap());
        let whole = fs::read(folder.events_file()).unwrap();
        let last = whole[..whole.len() - 1]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .unwrap()
            + 1;
        for length in last..whole.len() {
            fs::write(folder.events_file(), &whole[..length]).unwrap();
            let log = read_events(&folder.events_file()).unwrap();
            assert_eq!(log.events.len(), 2, "cut after {length} bytes");
            assert_eq!(log.torn.is_some(), length > last);
            assert_eq!(log.end, last as u64);
            let mut writer = EventWriter::resume(&folder, 1).unwrap();
            writer.append(&events[2]).unwrap();
            assert_eq!(fs::read(folder.events_file()).unwrap(), whole);
        }
    }

    #[test]
    fn a_spoilt_line_in_the_middle_is_refused_with_its_number() {
        let (_there, folder) = folder();
        let good = serde_json::to_string(&Event::Finished { step: 1 }).unwrap();
        fs::write(
            folder.events_file(),
            format!("{good}\n{{\"event\":\"dance\"}}\n{good}\n"),
        )
        .unwrap();
        assert!(matches!(
            read_events(&folder.events_file()),
            Err(RunError::Event { line: 2, .. })
        ));
        fs::write(folder.events_file(), format!("{good}\n\0\0\0\n")).unwrap();
        let log = read_events(&folder.events_file()).unwrap();
        assert_eq!((log.events.len(), log.torn.as_deref()), (1, Some("\0\0\0\n")));
    }

    #[test]
    fn no_file_is_no_events() {
        let (_there, folder) = folder();
        assert_eq!(read_events(&folder.events_file()).unwrap(), EventLog::default());
    }

    #[test]
    fn a_follower_reads_only_what_is_new() {
        let (_there, folder) = folder();
        let mut follower = Follower::new(&folder);
        assert_eq!(follower.look().unwrap(), [], "there is no file yet");
        let mut writer = EventWriter::create(&folder).unwrap();
        writer.append(&started()).unwrap();
        assert_eq!(follower.look().unwrap(), [started()]);
        assert_eq!(follower.look().unwrap(), []);
        writer.append(&step(1, 0.1, 1.0)).unwrap();
        writer.append(&step(2, 0.2, 1.0)).unwrap();
        writer.file.write_all(b"{\"event\":\"st").unwrap();
        assert_eq!(follower.look().unwrap(), [step(1, 0.1, 1.0), step(2, 0.2, 1.0)]);
        writer.file.write_all(b"ance\n{}\n").unwrap();
        let Err(RunError::Event { line, .. }) = follower.look() else {
            panic!("a spoilt line is refused");
        };
        assert_eq!(line, 4);
    }

    #[test]
    fn a_follower_notices_a_resumed_run_whatever_its_length() {
        let resumed = || Event::Resumed {
            step: 1,
            at: "t".into(),
        };
        let healed = || Event::Healed {
            step: 1,
            alarm: "dead-units".into(),
            raised_at: 3,
            settings: [].into(),
        };
        for (steps_after, goes_on) in [(0, resumed()), (1, resumed()), (5, resumed()), (2, healed())] {
            let (_there, folder) = folder();
            let mut follower = Follower::new(&folder);
            let mut writer = EventWriter::create(&folder).unwrap();
            [started(), step(1, 0.1, 1.0), step(2, 0.2, 1.0), step(3, 0.3, 1.0)]
                .iter()
                .for_each(|event| writer.append(event).unwrap());
            assert_eq!(follower.look().unwrap().len(), 4);
            let mut writer = EventWriter::resume(&folder, 1).unwrap();
            if steps_after == 0 {
                assert_eq!(follower.look().unwrap(), [], "rewound, and not resumed yet");
            }
            let mut said = vec![goes_on];
            said.extend((2..2 + steps_after).map(|n| step(n, 0.7, 1.0)));
            said.iter().for_each(|event| writer.append(event).unwrap());
            assert_eq!(follower.look().unwrap(), said);
        }
    }

    #[test]
    fn a_resumed_run_says_what_an_uninterrupted_one_says() {
        let run = |writer: &mut EventWriter, from: u64, to: u64, clock: f64| {
            for n in from + 1..=to {
                writer.append(&step(n, n as f64 * clock, 1.0 / n as f64)).unwrap();
                if n % 2 == 0 {
                    writer
                        .append(&Event::Sample {
                            step: n,
                            path: RunFolder::sample_name(n),
                        })
                        .unwrap();
                    writer
                        .append(&Event::Checkpoint {
                            step: n,
                            path: RunFolder::checkpoint_name(n),
                        })
                        .unwrap();
                }
                if n == 5 {
                    writer
                        .append(&Event::Warning {
                            step: n,
                            message: "w".into(),
                        })
                        .unwrap();
                }
            }
        };
        let (_there, straight) = folder();
        let mut writer = EventWriter::create(&straight).unwrap();
        writer.append(&started()).unwrap();
        run(&mut writer, 0, 8, 0.1);
        writer.append(&Event::Finished { step: 8 }).unwrap();

        let (_there, broken) = folder();
        let mut writer = EventWriter::create(&broken).unwrap();
        writer.append(&started()).unwrap();
        run(&mut writer, 0, 5, 0.3);
        drop(writer);
        let mut writer = EventWriter::resume(&broken, 4).unwrap();
        writer
            .append(&Event::Resumed {
                step: 4,
                at: "later".into(),
            })
            .unwrap();
        run(&mut writer, 4, 7, 0.2);
        writer.append(&Event::Finished { step: 7 }).unwrap();
        drop(writer);
        // Resumed once more, to train for longer than was planned at first.
        let mut writer = EventWriter::resume(&broken, 7).unwrap();
        run(&mut writer, 7, 8, 0.2);
        writer.append(&Event::Finished { step: 8 }).unwrap();

        let said = |folder: &RunFolder| without_wall_clock(&read_events(&folder.events_file()).unwrap().events);
        assert_eq!(said(&broken), said(&straight));
        assert_eq!(said(&straight).len(), 1 + 8 + 4 + 1 + 1);
    }
}
