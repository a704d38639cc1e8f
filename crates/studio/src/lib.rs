//! The studio: runs in the browser, and a trained system behind an HTTP interface.
//!
//! [`Studio`] serves pages on which runs are started, watched, compared and explored; [`Service`] serves one trained system
//! without pages. Both stand on the library's public interface: what they show is what a run's folder says, and what they
//! start is a process of its own, so that a training never depends on who watches it.
//!
//! ```text
//! server      sockets: bounds on connections, headers and time, a graceful end
//! guard       who may ask: hosts, origins, the token, and what every answer says to the browser
//! assets      the page's files, inside the program
//! record      what a run has said, in columns; curves thinned out for a screen
//! hub         the runs of a folder, and who watches which
//! processes   starting, stopping and resuming runs
//! pages       what the page asks the studio for, a file a subject
//! generator   a trained system on a thread of its own, which makes what waits together
//! service     `gany serve`: the HTTP interface of one run
//! ```
mod assets;
mod error;
mod generator;
mod guard;
mod hub;
mod pages;
mod processes;
mod record;
mod server;
mod service;
mod shelf;

pub use error::StudioError;
pub use guard::Door;
pub use server::Address;
pub use service::Service;

use std::path::PathBuf;
use std::sync::Arc;

/// A studio over a folder of runs.
#[derive(Clone, Debug)]
pub struct Studio {
    /// The folder whose sub-folders are runs; made where it is missing.
    pub runs: PathBuf,
    /// Where it listens, and who may ask.
    pub door: Door,
    /// A folder that the page's files are read from instead of the program, for who changes them.
    pub assets: Option<PathBuf>,
    /// The program that trains: `gany`.
    pub program: PathBuf,
    /// Ends by itself when no training goes on and no page was open for a minute.
    pub until_idle: bool,
}

impl Studio {
    /// Serves until the process is asked to end; `ready` is told where.
    ///
    /// # Errors
    /// [`StudioError`] where the folder cannot be made or the address is taken.
    pub fn run(self, ready: &mut dyn FnMut(&Address)) -> Result<(), StudioError> {
        std::fs::create_dir_all(&self.runs).map_err(|source| StudioError::Folder {
            source,
            path: self.runs.clone(),
        })?;
        let hub = Arc::new(hub::Hub::new(self.runs));
        let until = self.until_idle.then(|| Arc::clone(&hub));
        server::serve(&self.door, pages::router(hub, self.program, self.assets), until, ready)
    }
}
