//! The networks that a step, a sample and their growth are measured on.
use super::measure::fill_with_noise;
use crate::failure::Failure;
use crate::train::PrecisionName;
use clap::builder::TypedValueParser;
use ganymede::data::{Field, Shape};
use ganymede::engine::{Precision, pool};
use ganymede::games::Play;
use ganymede::models::{self, Built, Entry, Given, Settings};
use serde_json::{Value, json};

/// A system and its sizes.
#[derive(Clone, clap::Args)]
pub(crate) struct Network {
    /// The system
    pub(crate) system: String,
    /// Size of the pictures: a square's side, or WIDTHxHEIGHT
    #[arg(long, default_value = "64", value_parser = crate::pictures::size, value_name = "SIDE|WIDTHxHEIGHT")]
    pub(crate) size: (usize, usize),
    /// Channels of the outermost layers, or units of dense ones
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..).map(|n| n as usize))]
    pub(crate) width: usize,
    /// Channels of the pictures
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=4).map(|n| n as usize))]
    pub(crate) channels: usize,
    /// Numbers in a latent vector
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..).map(|n| n as usize))]
    pub(crate) z_dim: usize,
    /// Threads to compute with [default: one a core]
    #[arg(long, value_name = "N", value_parser = crate::train::threads)]
    pub(crate) threads: Option<usize>,
    /// What matrix products and convolutions compute in
    #[arg(long, value_enum, default_value_t = PrecisionName::F32)]
    pub(crate) precision: PrecisionName,
}

/// Systems that the PyTorch scripts have too.
const PEERS: [&str; 3] = ["gan", "dcgan", "wgan_gp"];

/// Classes where a system needs some.
const CLASSES: usize = 10;

/// A system that is ready to be measured.
pub(crate) struct Ready {
    pub(crate) play: Play,
    pub(crate) batch: usize,
    pub(crate) classes: Option<usize>,
}

impl Network {
    /// The system with random weights, and noise on [-1, 1] for its pictures.
    pub(crate) fn build(&self, batch: usize) -> Result<Ready, Failure> {
        if let Some(threads) = self.threads {
            pool::set_threads(threads);
        }
        let entry = models::find(&self.system)?;
        let sample = Shape::Picture {
            height: self.size.0,
            width: self.size.1,
            channels: self.channels,
        };
        let classes = entry.card.needs.contains(&Field::Y).then_some(CLASSES);
        let given = Given::of(sample, classes);
        let Built { system, scope, batch } = entry.build(&self.settings(entry, batch)?, &given, 0)?;
        let mut play = Play::new(system, scope, given.of_batch(batch), 0).in_precision(self.precision());
        for number in 0..play.batches() {
            let (x, y) = play.batch_mut(number);
            fill_with_noise(x);
            fill_with_classes(y, classes);
        }
        Ok(Ready { play, batch, classes })
    }

    /// The system's settings for this measurement.
    fn settings(&self, entry: &Entry, batch: usize) -> Result<Settings, Failure> {
        let mut changes = vec![];
        for key in entry.defaults().into_keys() {
            let is_peer = PEERS.contains(&entry.card.id);
            let value = match key.rsplit('.').next().unwrap_or(&key) {
                "batch" => batch.to_string(),
                "width" => self.width.to_string(),
                "z_dim" => self.z_dim.to_string(),
                "n_critic" if is_peer => "1".into(),
                "learning_rate" if is_peer => "2e-4".into(),
                "betas" if is_peer => "[0.5, 0.999]".into(),
                _ => continue,
            };
            changes.push((key, value));
        }
        Ok(models::resolve(entry.card.id, &entry.defaults(), &changes)?)
    }

    /// Refuses what PyTorch's scripts cannot repeat.
    pub(crate) fn check_peer(&self) -> Result<(), Failure> {
        models::find(&self.system)?;
        let names = PEERS.map(|name| format!("`{name}`")).join(", ");
        if !PEERS.contains(&self.system.as_str()) {
            return Err(Failure::new(
                format!(
                    "PyTorch's scripts do not have `{}`: expected one of {names}",
                    self.system
                ),
                "leave out `--peer`, or compare a system that both have",
            ));
        }
        // Its convolutional networks double their sides up to the picture's, and cut nothing off.
        let (height, width) = self.size;
        let shorter = height.min(width);
        let scale = 1 << (shorter.max(1).ilog2().saturating_sub(2));
        let is_doubled = [height, width].iter().all(|side| side % scale == 0);
        if self.system != "gan" && !(is_doubled && shorter >= models::SMALLEST_SIDE) {
            return Err(Failure::new(
                format!(
                    "PyTorch's scripts have no pictures of this size for `{}`: expected sides that can be halved until the \
                     shorter one is 4 to 7 pixels, got {}",
                    self.system,
                    self.sides()
                ),
                "leave out `--peer`, or take a size such as `--size 64` or `--size 80x48`",
            ));
        }
        Ok(())
    }

    /// The words that all commands and scripts take for this, but for the system and the precision.
    pub(crate) fn words(&self) -> Vec<String> {
        let sizes = [
            ("--width", self.width),
            ("--channels", self.channels),
            ("--z-dim", self.z_dim),
            ("--threads", self.threads.unwrap_or_else(pool::threads)),
        ];
        let sizes = sizes.map(|(flag, size)| [flag.to_owned(), size.to_string()]);
        let size = [["--size".to_owned(), self.sides()]];
        [size.concat(), sizes.concat()].concat()
    }

    /// The size as it is written on the command line.
    fn sides(&self) -> String {
        match self.size {
            (height, width) if height == width => width.to_string(),
            (height, width) => format!("{width}x{height}"),
        }
    }

    /// The precision that is measured.
    pub(crate) fn precision(&self) -> Precision {
        self.precision.on_this_machine()
    }

    /// A line of JSON: this, by the names that the scripts use, and what was measured.
    pub(crate) fn line(&self, measured: Value) -> Value {
        let mut line = json!({
            "model": self.system,
            "size": self.sides().parse::<usize>().map_or_else(|_| self.sides().into(), Value::from),
            "width": self.width,
            "channels": self.channels,
            "z_dim": self.z_dim,
            "threads": pool::threads(),
            "device": "cpu",
            "bf16": self.precision() == Precision::Bf16,
            "precision": self.precision().name(),
        });
        if let (Value::Object(line), Value::Object(measured)) = (&mut line, measured) {
            line.extend(measured);
        }
        line
    }

    /// What is measured, in words.
    pub(crate) fn told(&self) -> String {
        let threads = self.threads.unwrap_or_else(pool::threads);
        let precision = match self.precision() {
            Precision::F32 => "",
            Precision::Bf16 => " in bf16",
        };
        format!(
            "{}, {}x{}x{}, width {}, {}{precision}",
            self.system,
            self.size.1,
            self.size.0,
            self.channels,
            self.width,
            counted(threads)
        )
    }
}

/// Class numbers in turn.
pub(crate) fn fill_with_classes(numbers: &mut [f32], classes: Option<usize>) {
    let classes = classes.unwrap_or(1);
    for (i, number) in numbers.iter_mut().enumerate() {
        *number = (i % classes) as f32;
    }
}

/// Threads in words.
pub(crate) fn counted(threads: usize) -> String {
    match threads {
        1 => "1 thread".into(),
        threads => format!("{threads} threads"),
    }
}
