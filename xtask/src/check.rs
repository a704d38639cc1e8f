//! `cargo xtask check`: the stages, cheapest first; the first that fails ends it.
use std::{
    process::{Command, Stdio},
    time::Instant,
};

use crate::{docs, root};

struct Stage {
    name: &'static str,
    action: Action,
    /// The way out when it fails.
    hint: &'static str,
}

enum Action {
    /// Arguments for cargo.
    Cargo(&'static [&'static str]),
    /// A program that a contributor may lack, with its arguments; skipped, and said so, where `--version` does not run.
    Optional(&'static str, &'static [&'static str]),
    Call(fn() -> Result<(), String>),
}
use Action::{Call, Cargo, Optional};

const STAGES: &[Stage] = &[
    Stage {
        name: "fmt",
        action: Cargo(&["fmt", "--all", "--check"]),
        hint: "run `cargo fmt --all`",
    },
    Stage {
        name: "typos",
        action: Optional("typos", &[]),
        hint: "run `typos --write-changes`, or add a word that is right to typos.toml",
    },
    Stage {
        name: "clippy",
        action: Cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        hint: "mend it, or write `#[expect(lint, reason = \"...\")]`",
    },
    Stage {
        name: "deny",
        action: Optional(
            "cargo-deny",
            &["--log-level", "error", "check", "bans", "licenses", "sources"],
        ),
        hint: "deny.toml says what may be depended on",
    },
    Stage {
        name: "tests",
        action: Cargo(&["test", "--workspace", "--lib", "--bins", "--tests", "--examples"]),
        hint: "run the one that failed with `cargo test NAME -- --nocapture`",
    },
    Stage {
        name: "doc-tests",
        action: Cargo(&["test", "--workspace", "--doc"]),
        hint: "an example in the docs is wrong",
    },
    Stage {
        name: "rustdoc",
        action: Cargo(&["doc", "--workspace", "--no-deps"]),
        hint: "a link in the docs is broken",
    },
    Stage {
        name: "generated-docs",
        action: Call(docs::check),
        hint: "run `cargo xtask docs` and commit what it writes",
    },
];

/// The names that `--only` and `--without` take.
pub(crate) fn stage_names() -> String {
    STAGES.iter().map(|stage| stage.name).collect::<Vec<_>>().join(", ")
}

/// Runs the chosen stages.
///
/// # Errors
/// The first failure with its hint, or arguments that name no stage.
pub(crate) fn run(arguments: &[&str]) -> Result<(), String> {
    let stages = chosen(arguments)?;
    let start = Instant::now();
    for stage in stages {
        println!("== {}", stage.name);
        let start = Instant::now();
        let done = stage
            .action
            .run()
            .map_err(|why| format!("{}: {why}\n\nhint: {}", stage.name, stage.hint))?;
        println!("== {}: {done}, {:.1} s", stage.name, start.elapsed().as_secs_f64());
    }
    println!("== everything passed, {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn chosen(arguments: &[&str]) -> Result<Vec<&'static Stage>, String> {
    let (mut only, mut without) = (Vec::new(), Vec::new());
    for pair in arguments.chunks(2) {
        match pair {
            ["--only", name] if is_stage(name) => only.push(*name),
            ["--without", name] if is_stage(name) => without.push(*name),
            _ => {
                return Err(format!(
                    "cannot read `{}`\n\nhint: stages are {}",
                    pair.join(" "),
                    stage_names()
                ));
            }
        }
    }
    let wanted = |stage: &&Stage| (only.is_empty() || only.contains(&stage.name)) && !without.contains(&stage.name);
    Ok(STAGES.iter().filter(wanted).collect())
}

fn is_stage(name: &str) -> bool {
    STAGES.iter().any(|stage| stage.name == name)
}

impl Action {
    /// Says how it ended.
    fn run(&self) -> Result<&'static str, String> {
        match self {
            Cargo(arguments) => {
                let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
                let mut command = Command::new(cargo);
                succeed(command.args(*arguments).env("RUSTDOCFLAGS", "-D warnings"))?;
            }
            Optional(program, _) if !is_installed(program) => return Ok("SKIPPED, not installed"),
            Optional(program, arguments) => succeed(Command::new(program).args(*arguments))?,
            Call(function) => function()?,
        }
        Ok("passed")
    }
}

fn is_installed(program: &str) -> bool {
    let silent = || Stdio::null();
    Command::new(program)
        .arg("--version")
        .stdout(silent())
        .stderr(silent())
        .status()
        .is_ok_and(|status| status.success())
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .current_dir(root())
        .status()
        .map_err(|error| format!("cannot run {program}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("failed ({status})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(arguments: &[&str]) -> Vec<&'static str> {
        chosen(arguments).unwrap().iter().map(|stage| stage.name).collect()
    }

    #[test]
    fn stages_can_be_chosen_and_left_out() {
        assert_eq!(names(&[]).len(), STAGES.len());
        assert_eq!(names(&["--only", "typos", "--only", "fmt"]), ["fmt", "typos"]);
        let fewer = names(&["--without", "tests", "--without", "doc-tests"]);
        assert_eq!(fewer, ["fmt", "typos", "clippy", "deny", "rustdoc", "generated-docs"]);
    }

    #[test]
    fn a_stage_that_does_not_exist_is_an_error_with_the_names() {
        for arguments in [&["--only", "test"][..], &["--without"], &["fast"]] {
            let message = chosen(arguments).err().unwrap();
            assert!(
                message
                    .ends_with("hint: stages are fmt, typos, clippy, deny, tests, doc-tests, rustdoc, generated-docs")
            );
        }
    }

    #[test]
    fn a_stage_name_is_given_once() {
        let mut names: Vec<_> = STAGES.iter().map(|stage| stage.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STAGES.len());
    }

    #[test]
    fn a_program_that_is_missing_is_skipped_and_a_failure_is_an_error() {
        assert_eq!(
            Optional("no-such-program-anywhere", &[]).run(),
            Ok("SKIPPED, not installed")
        );
        assert_eq!(Call(|| Err("no".into())).run(), Err("no".into()));
    }
}
