//! The project's chores: `cargo xtask check` is what the continuous integration runs, `cargo xtask docs` writes the
//! generated parts of the documentation again.
mod check;
mod docs;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

const USAGE: &str = "usage: cargo xtask check [--only STAGE | --without STAGE]...
       cargo xtask docs";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["check", rest @ ..] => check::run(rest),
        ["docs"] => docs::write(),
        _ => Err(format!("{USAGE}\n\nstages: {}", check::stage_names())),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace")
        .to_path_buf()
}
