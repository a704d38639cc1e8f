//! Processes of our own making: each measurement that is compared starts in a fresh one.
use crate::failure::{self, Failure};
use serde_json::Value;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Why a process said nothing of use.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It could not be started.
    NotStarted(std::io::Error),
    /// It ended itself, with this on standard error.
    Failed(String),
    /// It ran into the time limit.
    TooLong,
}

/// `gany` itself, to do something in a process of its own.
pub(crate) fn gany() -> Result<Command, Failure> {
    let program = std::env::current_exe().map_err(|error| {
        Failure::new(
            format!("cannot find this program's own file ({error})"),
            "start it by its full path",
        )
    })?;
    Ok(Command::new(program))
}

/// Runs a command to its end, or until the limit where there is one: what it wrote on standard output.
pub(crate) fn run(command: &mut Command, limit: Option<Duration>) -> Result<String, Ended> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(Ended::NotStarted)?;
    let streams = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        let out = scope.spawn(|| text(streams.0));
        let err = scope.spawn(|| text(streams.1));
        let started = Instant::now();
        let status = loop {
            let status = match limit {
                None => Some(child.wait().map_err(Ended::NotStarted)?),
                Some(_) => child.try_wait().map_err(Ended::NotStarted)?,
            };
            if let Some(status) = status {
                break status;
            }
            if limit.is_some_and(|limit| started.elapsed() >= limit) {
                // It may have ended this very moment.
                let _ = child.kill();
                let _ = child.wait();
                return Err(Ended::TooLong);
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let [out, err] = [out, err].map(|stream| stream.join().unwrap_or_default());
        if status.success() {
            Ok(out)
        } else {
            Err(Ended::Failed(err))
        }
    })
}

fn text(stream: Option<impl Read>) -> String {
    let mut bytes = vec![];
    if let Some(mut stream) = stream {
        // What was read until then is all there is to be told.
        let _ = stream.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The lines that are JSON objects; whatever else a program says is not for us.
pub(crate) fn lines(said: &str) -> Vec<Value> {
    said.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(Value::is_object)
        .collect()
}

impl Ended {
    /// The reason in a line.
    pub(crate) fn reason(&self) -> String {
        match self {
            Ended::NotStarted(error) => failure::reason(error),
            Ended::TooLong => "took too long".into(),
            Ended::Failed(err) => {
                let last = err.lines().rev().map(str::trim).find(|line| !line.is_empty());
                last.unwrap_or("ended without a word").to_owned()
            }
        }
    }
}

impl From<Ended> for Failure {
    /// Of `gany` itself, which has said already what is wrong and what to do.
    fn from(ended: Ended) -> Failure {
        if let Ended::Failed(err) = &ended
            && let Some((message, hint)) = err.split_once("\n\nhint: ")
        {
            let message = message.trim().strip_prefix("error: ").unwrap_or(message);
            return Failure::new(message, hint.trim());
        }
        Failure::new(
            format!("the measurement came to no end ({})", ended.reason()),
            "run it alone, without a comparison, and see what it says",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_json_are_found_among_others() {
        let said = "[W 12:00] a warning\n{\"name\": \"a\"}\n\n3\n{\"name\": \"b\"}\n{torn";
        let names: Vec<Value> = lines(said).into_iter().map(|line| line["name"].clone()).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn the_last_line_is_the_reason() {
        let traceback = "Traceback (most recent call last):\n  File\nModuleNotFoundError: No module named 'torch'\n\n";
        let reason = |err: &str| Ended::Failed(err.to_owned()).reason();
        assert_eq!(reason(traceback), "ModuleNotFoundError: No module named 'torch'");
        assert_eq!(reason(" \n"), "ended without a word");
    }

    #[cfg(unix)]
    #[test]
    fn a_limit_ends_what_takes_too_long() {
        let limit = Some(Duration::from_millis(50));
        let mut sleep = Command::new("sleep");
        assert!(matches!(run(sleep.arg("600"), limit), Err(Ended::TooLong)));
        let mut echo = Command::new("echo");
        assert_eq!(run(echo.arg("done"), None).unwrap(), "done\n");
    }
}
