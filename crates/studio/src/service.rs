//! `gany serve`: one trained system behind an HTTP interface.
//!
//! ```text
//! GET  /v1/run           what it is, and what it can do
//! GET  /v1/sample        samples of a seed: PNG, WebP, or numbers in JSON
//! GET  /v1/interpolate   the way from one sample to another, as a strip, a film, or numbers
//! POST /v1/translate     a picture into a picture
//! POST /v1/project       the code from which the generator makes a picture
//! POST /v1/classify      the classes of a picture
//! GET  /healthz  /metrics  /openapi.json
//! ```
//!
//! Samples that are asked for at the same time are made together; see [`generator`](crate::generator). What cannot wait is refused
//! with 503, and whoever asks the process to end gets what was begun.
mod answers;
mod measures;

use crate::error::StudioError;
use crate::generator::{Generator, Pace};
use crate::guard::Door;
use crate::hub::held;
use crate::pages::Refusal;
use crate::server::{self, Address};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use ganymede::data::Shape;
use ganymede::games::Space;
use ganymede::run::sampling::Translation;
use ganymede::run::{Sampler, Stamp};
use measures::Measures;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One run behind an HTTP interface.
#[derive(Clone, Debug)]
pub struct Service {
    /// The run's folder.
    pub run: PathBuf,
    /// The checkpoint, such as `best`; the latest where none is named.
    pub checkpoint: Option<String>,
    /// Where it listens, and who may ask.
    pub door: Door,
    /// Samples that are made together at the most; 1 for each alone.
    pub together: usize,
    /// How long a sample waits for others, where the last one was not alone.
    pub wait: Duration,
    /// Requests that may wait; further ones are told to come back.
    pub queue: usize,
}

/// The largest picture that may be sent, in bytes.
const PICTURE: usize = 16 << 20;

/// What every answer may need.
#[derive(Clone)]
struct Shared {
    generator: Generator,
    searches: Arc<Searches>,
    about: Arc<About>,
    measures: Arc<Measures>,
}

/// Searches that may wait; each takes as long as thousands of samples.
const SEARCHES: usize = 4;

/// The system once more, opened when somebody first looks for a picture: samples do not wait behind searches.
struct Searches {
    run: PathBuf,
    checkpoint: Option<String>,
    open: Mutex<Option<Generator>>,
}

impl Searches {
    fn generator(&self) -> Result<Generator, Refusal> {
        let mut open = held(&self.open);
        if let Some(generator) = &*open {
            return Ok(generator.clone());
        }
        let pace = Pace {
            queue: SEARCHES,
            ..Pace::default()
        };
        let opened = Generator::open(&self.run, self.checkpoint.as_deref(), pace);
        let opened = opened.map_err(|error| Refusal::asked(error.to_string()).hinted(error.hint()))?;
        Ok(open.insert(opened).clone())
    }
}

/// What the system is, and what it can do.
#[derive(Debug)]
struct About {
    system: &'static str,
    title: &'static str,
    stamp: Stamp,
    shape: Shape,
    z_dim: usize,
    /// The names of the classes that can be asked for.
    classes: Option<Vec<String>>,
    /// Whether truncation draws towards a mean style, not towards the latent vector 0.
    has_styles: bool,
    translations: Vec<Translation>,
    /// The function that tells classes from examples, and the names of those.
    classifier: Option<(&'static str, Vec<String>)>,
}

impl About {
    fn of(sampler: &mut Sampler, has_styles: bool) -> About {
        let names = |known: &[String], count: usize| -> Vec<String> {
            (0..count)
                .map(|i| known.get(i).cloned().unwrap_or_else(|| i.to_string()))
                .collect()
        };
        let known = sampler.class_names().to_vec();
        let classes = sampler.classes().map(|count| names(&known, count));
        let (entry, stamp, shape) = (sampler.entry(), sampler.stamp(), sampler.shape());
        let translations = sampler.translations();
        let system = sampler.play_mut().system();
        let classifier = system
            .functions()
            .into_iter()
            .find_map(|function| match &function.gives {
                Space::Other(extents) if function.name == "classify" => match extents[..] {
                    [count] => Some((function.name, names(&known, count))),
                    _ => None,
                },
                _ => None,
            });
        About {
            system: entry.card.id,
            title: entry.card.title,
            stamp,
            shape,
            z_dim: system.z_dim(),
            classes,
            has_styles,
            translations,
            classifier,
        }
    }

    fn makes_samples(&self) -> bool {
        self.z_dim > 0
    }

    fn is_explorable(&self) -> bool {
        self.makes_samples() && self.shape.picture().is_some()
    }
}

impl Service {
    /// Serves until the process is asked to end, and finishes what was begun; `ready` is told where.
    ///
    /// # Errors
    /// [`StudioError`] where the run cannot be opened or the address is taken.
    pub fn run(self, ready: &mut dyn FnMut(&Address)) -> Result<(), StudioError> {
        let router = self.router()?;
        server::serve(&self.door, router, None, ready)
    }

    fn router(&self) -> Result<Router, StudioError> {
        let pace = Pace {
            together: self.together.max(1),
            wait: self.wait,
            queue: self.queue.max(1),
        };
        let generator = Generator::open(&self.run, self.checkpoint.as_deref(), pace).map_err(Box::new)?;
        let about = generator.begin(|owned| {
            let has_styles = owned
                .explorer
                .as_ref()
                .is_ok_and(|explorer| explorer.shape().layers > 1);
            About::of(owned.sampler(), has_styles)
        });
        let about = about.ok_or_else(|| StudioError::System {
            reason: "the generator has failed".to_owned(),
        })?;
        let shared = Shared {
            generator,
            searches: Arc::new(Searches {
                run: self.run.clone(),
                checkpoint: self.checkpoint.clone(),
                open: Mutex::default(),
            }),
            about: Arc::new(about),
            measures: Arc::default(),
        };
        Ok(Router::new()
            .route("/healthz", get(answers::health))
            .route("/metrics", get(measures::metrics))
            .route("/openapi.json", get(answers::description))
            .route("/v1/run", get(answers::run))
            .route("/v1/sample", get(answers::sample))
            .route("/v1/interpolate", get(answers::interpolate))
            .route("/v1/translate", post(answers::translate))
            .route("/v1/project", post(answers::project))
            .route("/v1/classify", post(answers::classify))
            .fallback(crate::assets::nothing)
            .layer(DefaultBodyLimit::max(PICTURE))
            .layer(from_fn_with_state(Arc::clone(&shared.measures), measures::measured))
            .with_state(shared))
    }
}
