//! stub
use crate::error::StudioError;
use crate::guard::Door;
use crate::server::Address;
use std::path::PathBuf;

/// One run behind an HTTP interface.
#[derive(Clone, Debug)]
pub struct Service {
    /// The run's folder.
    pub run: PathBuf,
    /// The checkpoint; the latest where none is named.
    pub checkpoint: Option<String>,
    /// Where it listens, and who may ask.
    pub door: Door,
    /// Samples that are made together at the most.
    pub together: usize,
    /// How long a sample waits for others.
    pub wait: std::time::Duration,
    /// Requests that may wait.
    pub queue: usize,
}

impl Service {
    /// Serves.
    ///
    /// # Errors
    /// [`StudioError`].
    pub fn run(self, _ready: &mut dyn FnMut(&Address)) -> Result<(), StudioError> {
        Ok(())
    }
}
