//! Why a studio or a service cannot begin.
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a studio or a service cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudioError {
    /// Something else listens there, or the address is not this machine's.
    #[error("cannot listen on {address} ({})", reason(source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The folder of runs cannot be made.
    #[error("cannot make the folder ({}): {}", reason(source), path.display())]
    Folder {
        /// What the system said.
        source: io::Error,
        /// The folder.
        path: PathBuf,
    },
    /// The threads that serve cannot be started, or there are no random numbers for a token.
    #[error("cannot serve ({reason})")]
    System {
        /// What the system said.
        reason: String,
    },
    /// The run cannot be opened.
    #[error(transparent)]
    Run(#[from] Box<ganymede::run::TrainError>),
}

/// Why the system could not do something, without its number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

impl StudioError {
    /// The way out.
    pub fn hint(&self) -> Option<String> {
        match self {
            StudioError::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                Some("choose another with `--port`, or 0 for any that is free".to_owned())
            }
            StudioError::Listen { .. } => Some("`--listen` takes an address of this machine".to_owned()),
            StudioError::Folder { .. } => Some("name a folder that can be written: `gany studio FOLDER`".to_owned()),
            StudioError::System { .. } => None,
            StudioError::Run(error) => error.hint(),
        }
    }
}
