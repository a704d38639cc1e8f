//! `gany train classifier`: the network that samples of a labelled data set are measured with.
use crate::failure::Failure;
use crate::output::{DIM, STRONG, print, print_json};
use crate::progress::bar;
use ganymede::metrics::classifier::{Classifier, cache_file, splits};
use serde_json::json;
use std::io::IsTerminal;
use std::process::ExitCode;

/// Trains the classifier of a data set, unless it is in the cache folder already.
pub(crate) fn run(data: &str, is_json: bool) -> Result<ExitCode, Failure> {
    let path = cache_file(&*splits(data)?[0])?;
    let was_there = path.exists();
    let bar = (!is_json && !was_there && std::io::stderr().is_terminal()).then(bar);
    let classifier = Classifier::of(data, &mut |progress| {
        if let Some(bar) = &bar {
            bar.set_position(progress.update * bar.length().unwrap_or(0) / progress.updates.max(1));
            bar.set_prefix(format!("epoch {} of {}", progress.epoch, progress.epochs));
            bar.set_message(format!("loss {:.3}", progress.loss));
        }
    })?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let record = classifier.record();
    if is_json {
        print_json(&json!({"record": record, "path": path, "was_there": was_there}));
        return Ok(ExitCode::SUCCESS);
    }
    let measured = match (record.accuracy, &record.held_out) {
        (Some(accuracy), Some(held_out)) => format!("{:.2}% right on {held_out}", accuracy * 100.0),
        _ => "not measured".to_owned(),
    };
    let already = if was_there { " (trained before)" } else { "" };
    print(&format!(
        "{STRONG}Classifier{STRONG:#} of {}, {} classes: {measured}{already}\n{DIM}{}{DIM:#}",
        record.data,
        record.classes.len(),
        path.display()
    ));
    Ok(ExitCode::SUCCESS)
}
