//! A run: one training, kept in one folder.
//!
//! ```text
//! runs/fashion/
//!   config.json        every setting, resolved: dotted key -> value
//!   provenance.json    version, command, seed, data and machine
//!   events.jsonl       what the run said while it went on, one JSON object a line
//!   samples/           step-0000400.png: sample grids
//!   checkpoints/       step-0000400.safetensors: the whole state
//!   eval.json          what was measured of its samples, each figure with its protocol
//!   report.html        everything above on one page, without a network
//!   lock               held by the process that writes the run
//! ```
//!
//! Nothing here knows of tensors or trainers: the training loop says events and hands over bytes, and command line,
//! studio and report read them back. Every file but `events.jsonl` is replaced as a whole or not at all; `events.jsonl`
//! only grows, and may at worst end in a torn line, which readers skip and the next writer removes.
//!
//! ```
//! use ganymede::run::{Event, EventWriter, RunFolder, read_events};
//!
//! # let there = tempfile::tempdir()?;
//! let folder = RunFolder::create(there.path().join("fashion"))?;
//! let mut events = EventWriter::create(&folder)?;
//! events.append(&Event::Warning { step: 3, message: "the discriminator wins every time".into() })?;
//! assert_eq!(read_events(&folder.events_file())?.events.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod animation;
mod atomic;
mod best;
pub mod checkpoint;
mod error;
pub mod evaluation;
pub mod events;
pub mod export;
mod film;
pub mod folder;
pub mod forecast;
pub mod grid;
pub mod importing;
pub mod lookalikes;
pub mod midi;
pub mod report;
pub mod sampling;
mod showing;
pub mod training;
pub mod watching;
pub mod wave;

pub use animation::Animation;
pub use best::EvalEvery;
pub use checkpoint::{Checkpoint, Dtype, NamedTensor};
pub use error::{Result, RunError};
pub use evaluation::{EvalError, EvalOrder, RunFigures, evaluate};
pub use events::{Event, EventLog, EventWriter, Follower, read_events};
pub use folder::{DataSource, Machine, Provenance, RunFolder, Settings, WeightsSource, differences};
pub use forecast::Forecast;
pub use grid::{Cells, Pictures, Source, Stamp, bytes_of_one, grid_bytes, grid_png, png_of_one, scatter_png};
pub use importing::{ImportError, ImportOrder};
pub use lookalikes::{Lookalike, Lookalikes};
pub use report::write_report;
pub use sampling::Sampler;
pub use training::{Ending, Length, Order, TrainError, Training};
pub use watching::{Examination, examine};
