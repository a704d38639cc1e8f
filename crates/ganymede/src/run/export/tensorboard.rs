//! Scalars and sample grids as TensorBoard's event files.
//!
//! A file is a sequence of records as TensorFlow writes them (`tensorflow/core/lib/io/record_writer.cc`): length, masked
//! CRC-32C of the length, content, masked CRC-32C of the content. The content is a protocol buffer message
//! `tensorflow.Event` (`tensorboard/compat/proto/event.proto`, `summary.proto`), of which a dozen fields are needed here.
//! `reference/tensorboard_events.py` holds these bytes against those that TensorBoard's own writer makes.
use crate::run::atomic;
use crate::run::error::Result;
use crate::run::events::{Event, read_events};
use crate::run::folder::{RunFolder, inside, seconds_since_1970};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// TensorBoard reads every file with `tfevents` in its name.
const FILE_NAME: &str = "events.out.tfevents.ganymede";

/// The format of event files, as their first record says it.
const FILE_VERSION: &str = "brain.Event:2";

/// Writes what a run said into a folder for `tensorboard --logdir`, in the place of an older file. Returns the file.
///
/// # Errors
/// Where the events cannot be read or the file cannot be written.
pub fn write_tensorboard(folder: &RunFolder, into: &Path) -> Result<PathBuf> {
    let events = read_events(&folder.events_file())?.events;
    let path = file_in(into)?;
    atomic::replace(&path, |file| {
        let mut writer = EventFile::new(file, folder.path());
        events.iter().try_for_each(|event| writer.write(event))
    })?;
    Ok(path)
}

/// The event file in a folder, which is made where it is not there.
///
/// # Errors
/// [`RunError::Io`](crate::run::RunError::Io).
pub fn file_in(folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder).map_err(|source| crate::run::RunError::io("make the folder", folder, source))?;
    Ok(folder.join(FILE_NAME))
}

/// An event file that is being written.
#[derive(Debug)]
pub struct EventFile<W> {
    to: W,
    /// The run's folder, where the sample grids are.
    run: PathBuf,
    /// When training would have begun had it never been interrupted, in seconds since 1970.
    began: f64,
    /// Seconds of training at the latest step.
    seconds: f64,
    is_begun: bool,
}

impl<W: Write> EventFile<W> {
    /// An empty file for the events of a run, whose sample grids lie in the folder `run`.
    pub fn new(to: W, run: &Path) -> Self {
        EventFile {
            to,
            run: run.to_owned(),
            began: 0.0,
            seconds: 0.0,
            is_begun: false,
        }
    }

    /// Appends what an event has for TensorBoard: scalars, a sample grid, or that later steps are void after a resumption.
    /// The dot after the first part of a scalar's name becomes a slash, by which TensorBoard groups them.
    ///
    /// # Errors
    /// Those of writing; a sample grid that is not there is left out.
    pub fn write(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Started { at, .. } => self.set_clock(at),
            Event::Resumed { step, at } => {
                self.set_clock(at);
                let mut restart = Message::default();
                restart.message(7, |session| session.number(1, SESSION_START));
                self.record(step + 1, restart)?;
            }
            Event::Step {
                step, seconds, scalars, ..
            } => {
                self.seconds = *seconds;
                let mut summary = Message::default();
                summary.message(5, |summary| {
                    for (name, value) in scalars {
                        summary.message(1, |entry| {
                            entry.bytes(1, name.replacen('.', "/", 1).as_bytes());
                            entry.float(2, *value as f32);
                        });
                    }
                });
                self.record(*step, summary)?;
            }
            Event::Sample { step, path } => {
                let png = inside(&self.run, path)
                    .and_then(|path| fs::read(path).ok())
                    .unwrap_or_default();
                if let Some((width, height, colours)) = png_header(&png) {
                    let mut summary = Message::default();
                    summary.message(5, |summary| {
                        summary.message(1, |entry| {
                            entry.bytes(1, b"samples");
                            entry.message(4, |image| {
                                image.number(1, height);
                                image.number(2, width);
                                image.number(3, colours);
                                image.bytes(4, &png);
                            });
                        });
                    });
                    self.record(*step, summary)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Passes on what is buffered.
    ///
    /// # Errors
    /// Those of writing.
    pub fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    /// Training goes on at this time.
    fn set_clock(&mut self, at: &str) {
        self.began = seconds_since_1970(at).unwrap_or(0) as f64 - self.seconds;
    }

    /// Writes an event with what it says in `what`, after the version of the format if it is the first.
    fn record(&mut self, step: u64, what: Message) -> io::Result<()> {
        if !self.is_begun {
            self.is_begun = true;
            let mut version = Message::default();
            version.bytes(3, FILE_VERSION.as_bytes());
            self.record(0, version)?;
        }
        let mut event = Message::default();
        event.double(1, self.began + self.seconds);
        event.number(2, step);
        event.0.extend(what.0);
        let length = (event.0.len() as u64).to_le_bytes();
        self.to.write_all(&length)?;
        self.to.write_all(&masked_crc(&length))?;
        self.to.write_all(&event.0)?;
        self.to.write_all(&masked_crc(&event.0))
    }
}

/// `SessionLog.START`, after which TensorBoard forgets the steps from this one on.
const SESSION_START: u64 = 1;

/// CRC-32C, turned and moved so that a checksum of data with checksums in them is a good one.
fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    const DELTA: u32 = 0xa282_ead8;
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(DELTA).to_le_bytes()
}

/// Width, height and number of channels of a PNG, from its header.
fn png_header(png: &[u8]) -> Option<(u64, u64, u64)> {
    let header = png.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(8..18)?;
    let side = |at: usize| {
        header[at..at + 4]
            .iter()
            .fold(0, |side, byte| side << 8 | u64::from(*byte))
    };
    let channels = match header[9] {
        0 => 1,
        4 => 2,
        6 => 4,
        _ => 3,
    };
    Some((side(0), side(4), channels))
}

/// A message of protocol buffers: fields one after the other, those that are zero left out.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    const VARINT: u64 = 0;
    const FIXED64: u64 = 1;
    const LENGTH: u64 = 2;
    const FIXED32: u64 = 5;

    fn key(&mut self, field: u64, kind: u64) {
        self.varint(field << 3 | kind);
    }

    /// Seven bits a byte, the lowest first; the highest bit says that more follow.
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn number(&mut self, field: u64, number: u64) {
        if number != 0 {
            self.key(field, Self::VARINT);
            self.varint(number);
        }
    }

    fn double(&mut self, field: u64, value: f64) {
        if value.to_bits() != 0 {
            self.key(field, Self::FIXED64);
            self.0.extend(value.to_le_bytes());
        }
    }

    /// Written even where it is zero: it is one of several fields of which exactly one is there.
    fn float(&mut self, field: u64, value: f32) {
        self.key(field, Self::FIXED32);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.key(field, Self::LENGTH);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn message(&mut self, field: u64, fill: impl FnOnce(&mut Message)) {
        let mut inner = Message::default();
        fill(&mut inner);
        self.bytes(field, &inner.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::grid::{Pictures, Stamp, grid_png};

    /// The bytes that TensorBoard's own writer makes of the same events: `reference/tensorboard_events.py`.
    const REFERENCE: &str = include_str!("../../../../../reference/tensorboard_events.json");

    #[test]
    fn the_bytes_are_those_of_tensorboard_s_own_writer() {
        let there = tempfile::tempdir().unwrap();
        let reference: serde_json::Value = serde_json::from_str(REFERENCE).unwrap();
        let bytes = |key: &str| -> Vec<u8> {
            let digits = reference[key].as_str().unwrap().as_bytes();
            let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
            digits.chunks_exact(2).map(byte).collect()
        };
        let run = there.path().join("run");
        fs::create_dir_all(run.join("samples")).unwrap();
        fs::write(run.join("samples/step-0000300.png"), bytes("png")).unwrap();
        fs::write(there.path().join("outside.png"), bytes("png")).unwrap();
        let events = [
            Event::Started {
                system: "dcgan".into(),
                title: "DCGAN".into(),
                idea: "All convolutions.".into(),
                steps: None,
                at: "2026-05-04T03:02:01Z".into(),
            },
            Event::Step {
                step: 1,
                seconds: 0.5,
                images: 64,
                scalars: [
                    ("loss.generator".to_owned(), 0.69),
                    ("loss.discriminator.real".to_owned(), 0.0),
                    ("plain".to_owned(), f64::NAN),
                ]
                .into(),
            },
            Event::Step {
                step: 300,
                seconds: 150.25,
                images: 300 * 64,
                scalars: [("loss.generator".to_owned(), f64::NEG_INFINITY)].into(),
            },
            Event::Sample {
                step: 300,
                path: "samples/step-0000300.png".into(),
            },
            Event::Sample {
                step: 301,
                path: "samples/lost.png".into(),
            },
            Event::Sample {
                step: 301,
                path: "samples/../../outside.png".into(),
            },
            Event::Resumed {
                step: 300,
                at: "2026-05-05T00:00:00Z".into(),
            },
            Event::Step {
                step: 301,
                seconds: 151.25,
                images: 301 * 64,
                scalars: [("loss.generator".to_owned(), 0.25)].into(),
            },
        ];
        let mut file = EventFile::new(Vec::new(), &run);
        let first = [bytes("version"), bytes("scalars")].concat();
        let (nothing, others) = (vec![], ["minus_infinity", "image", "restart", "after"].map(bytes));
        let [minus_infinity, image, restart, after] = others;
        let expected = [
            nothing.clone(),
            first,
            minus_infinity,
            image,
            nothing.clone(),
            nothing,
            restart,
            after,
        ];
        for (event, expected) in events.iter().zip(expected) {
            let begin = file.to.len();
            file.write(event).unwrap();
            assert_eq!(file.to[begin..], expected, "{event:?}");
        }
    }

    #[test]
    fn sizes_and_colours_are_those_of_the_pictures() {
        let there = tempfile::tempdir().unwrap();
        let path = there.path().join("a.png");
        for (channels, width) in [(1, 70), (3, 300), (4, 64)] {
            let pictures = Pictures {
                values: &vec![0.0; 80 * width * channels],
                count: 1,
                height: 80,
                width,
                channels,
            };
            let stamp = Stamp {
                system: "gan".into(),
                seed: 0,
                step: 0,
            };
            grid_png(&pictures, 1, &stamp, &path).unwrap();
            let expected = (width as u64 + 4, 84, channels as u64);
            assert_eq!(png_header(&fs::read(&path).unwrap()), Some(expected));
        }
        for rubbish in [&b""[..], b"\x89PNG\r\n\x1a\n", b"GIF89a.........................."] {
            assert_eq!(png_header(rubbish), None);
        }
    }
}
