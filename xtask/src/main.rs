//! The project's chores: `cargo xtask check` is what the continuous integration runs, `cargo xtask docs` writes the
//! generated parts of the documentation again, `cargo xtask evidence` measures what the systems can do; its `--table` shows
//! what was found, which is a part of the documentation.
mod browser;
mod check;
mod comparisons;
mod docs;

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

const USAGE: &str = "usage: cargo xtask check [--only STAGE | --without STAGE]...
       cargo xtask docs
       cargo xtask browser
       cargo xtask evidence NAME... | --table";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["check", rest @ ..] => check::run(rest),
        ["docs"] => docs::write(),
        ["browser"] => browser::run(),
        ["evidence", "--table"] => docs::write(),
        ["evidence", names @ ..] => evidence(names),
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

/// Trains systems and measures what their pages claim; writes docs/results.
///
/// # Errors
/// Where a run fails; a bar that is missed is recorded, and is no failure.
fn evidence(names: &[&str]) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["run", "--release", "--package", "evidence", "--"])
        .args(names);
    match command.current_dir(root()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("evidence failed ({status})")),
        Err(error) => Err(format!("cannot run cargo: {error}")),
    }
}

/// The workspace's folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace")
        .to_path_buf()
}
