//! `cargo xtask browser`: the studio in a real browser, by the tests beside it.
use std::env;
use std::process::Command;

use crate::root;

/// Runs the tests with the program that `GANY` names, or with one that is built first; screenshots go to `target/browser`.
///
/// # Errors
/// Where npm or the build fails, or a test.
pub(crate) fn run() -> Result<(), String> {
    let tests = root().join("crates/studio/browser");
    let gany = match env::var_os("GANY") {
        Some(gany) => gany.into(),
        None => {
            let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            succeed(
                Command::new(cargo)
                    .args(["build", "--package", "gany"])
                    .current_dir(root()),
            )?;
            root().join("target/debug/gany")
        }
    };
    let mut install = Command::new("npm");
    succeed(
        install
            .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(&tests),
    )?;
    let mut test = Command::new("npm");
    test.args(["test", "--silent"]).current_dir(&tests).env("GANY", gany);
    if env::var_os("SHOTS").is_none() {
        test.env("SHOTS", root().join("target/browser"));
    }
    succeed(&mut test)
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} failed ({status})")),
        Err(error) => Err(format!("cannot run {program}: {error}")),
    }
}
