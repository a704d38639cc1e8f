//! What the user is told when something cannot be done: one look for every error.
use anstyle::{AnsiColor, Style};
use ganymede::attacks::AttackError;
use ganymede::data::DataError;
use ganymede::deepfake::cutting::FacesError;
use ganymede::deepfake::detect::DetectError;
use ganymede::engine::OutOfMemory;
use ganymede::engine::kernels::isa::Isa;
use ganymede::explore::ExploreError;
use ganymede::metrics::classifier::ClassifierError;
use ganymede::models::ConfigError;
use ganymede::run::{EvalError, RunError, TrainError};
use std::io::Write;
use std::process::ExitCode;

/// Something that the user can set right.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// The program's exit code where the user can do something about it; bugs of ours end in 1.
    pub(crate) const EXIT_CODE: u8 = 2;

    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// Where no way out is known.
    pub(crate) fn without_hint(message: impl Into<String>) -> Failure {
        Failure {
            message: message.into(),
            hint: None,
        }
    }

    /// Says it and ends the program.
    pub(crate) fn exit(&self) -> ! {
        self.show();
        std::process::exit(Self::EXIT_CODE.into())
    }

    /// Says it on standard error.
    pub(crate) fn show(&self) -> ExitCode {
        let _ = self.write(&mut anstream::stderr());
        ExitCode::from(Self::EXIT_CODE)
    }

    fn write(&self, to: &mut impl Write) -> std::io::Result<()> {
        label(to, "error", AnsiColor::Red, &self.message)?;
        match &self.hint {
            Some(hint) => {
                writeln!(to)?;
                label(to, "hint", AnsiColor::Cyan, hint)
            }
            None => Ok(()),
        }
    }
}

fn label(to: &mut impl Write, name: &str, colour: AnsiColor, text: &str) -> std::io::Result<()> {
    let style = Style::new().bold().fg_color(Some(colour.into()));
    writeln!(to, "{style}{name}:{style:#} {text}")
}

/// Why the system could not do something, without its number.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Failure {
        Failure {
            hint: error.hint(),
            message: error.to_string(),
        }
    }
}

impl From<ClassifierError> for Failure {
    fn from(error: ClassifierError) -> Failure {
        Failure {
            hint: error.hint(),
            message: error.to_string(),
        }
    }
}

impl From<DetectError> for Failure {
    fn from(error: DetectError) -> Failure {
        Failure {
            hint: error.hint(),
            message: error.to_string(),
        }
    }
}

impl From<AttackError> for Failure {
    fn from(error: AttackError) -> Failure {
        Failure {
            hint: error.hint(),
            message: error.to_string(),
        }
    }
}

impl From<FacesError> for Failure {
    fn from(error: FacesError) -> Failure {
        Failure {
            hint: error.hint(),
            message: error.to_string(),
        }
    }
}

impl From<EvalError> for Failure {
    fn from(error: EvalError) -> Failure {
        Failure {
            hint: error.hint(),
            message: error.to_string(),
        }
    }
}

impl From<ExploreError> for Failure {
    fn from(error: ExploreError) -> Failure {
        Failure {
            hint: error.hint(),
            message: error.to_string(),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        TrainError::from(error).into()
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Failure {
        TrainError::from(error).into()
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Failure {
        TrainError::from(error).into()
    }
}

/// Refuses environment variables that the engine could only stumble over.
pub(crate) fn check_environment() -> Result<(), Failure> {
    let Ok(got) = std::env::var("GANY_ISA") else {
        return Ok(());
    };
    let names: Vec<&str> = Isa::available().into_iter().map(Isa::name).collect();
    if names.contains(&got.as_str()) {
        return Ok(());
    }
    let names = names.join(", ");
    Err(Failure::new(
        format!("environment variable GANY_ISA: expected one of {names}, got `{got}`"),
        "leave it out, and the best instruction set of this machine is taken",
    ))
}

/// Makes a panic say that it is a bug of ours and what to do about it, or that the machine has too little memory.
pub(crate) fn report_panics() {
    std::panic::set_hook(Box::new(|info| {
        if let Some(OutOfMemory { bytes }) = info.payload().downcast_ref() {
            let wanted = *bytes as f64 / (1_u64 << 30) as f64;
            Failure::new(
                format!("not enough memory: {wanted:.1} GiB are needed in one piece, and the system does not have them"),
                "take fewer examples at a time (`--batch`), smaller pictures (`--size`) or a narrower network (`--set width=..`)",
            )
            .show();
            return;
        }
        let what = info.payload_as_str().unwrap_or("no message");
        let place = info
            .location()
            .map(|place| format!(" ({}:{})", place.file(), place.line()));
        let bug = Failure::new(
            format!(
                "this is a bug in gany, not a mistake of yours: {what}{}",
                place.unwrap_or_default()
            ),
            "please report it with the command; what a run saved is safe, and `gany train --resume RUN` goes on from it",
        );
        let _ = bug.write(&mut anstream::stderr());
    }));
}
