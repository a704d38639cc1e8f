//! Scalars as a table: a row a recorded step, a column a scalar.
//!
//! ```text
//! step,seconds,images,loss.discriminator,loss.generator
//! 1,0.12,64,1.38,0.69
//! ```
//!
//! After RFC 4180, but with `\n` at the end of lines. A scalar that a step did not measure is an empty cell; numbers come
//! back to the last bit, and those that are not finite are `NaN`, `inf` and `-inf`.
use crate::run::atomic;
use crate::run::error::Result;
use crate::run::events::{Event, read_events};
use crate::run::folder::RunFolder;
use std::collections::BTreeSet;
use std::path::Path;

/// Writes the scalars of a run into a file, in the place of an older one.
///
/// # Errors
/// Where the events cannot be read or the file cannot be written.
pub fn write_csv(folder: &RunFolder, path: &Path) -> Result<()> {
    let text = csv(&read_events(&folder.events_file())?.events);
    atomic::replace(path, |writer| writer.write_all(text.as_bytes()))
}

/// The table as text.
pub fn csv(events: &[Event]) -> String {
    let steps = || {
        events.iter().filter_map(|event| match event {
            Event::Step {
                step,
                seconds,
                images,
                scalars,
            } => Some((step, seconds, images, scalars)),
            _ => None,
        })
    };
    let names: BTreeSet<&str> = steps()
        .flat_map(|(.., scalars)| scalars.keys().map(String::as_str))
        .collect();
    let mut text = String::from("step,seconds,images");
    for name in &names {
        text += ",";
        text += &cell(name);
    }
    text += "\n";
    for (step, seconds, images, scalars) in steps() {
        text += &format!("{step},{seconds:?},{images}");
        for name in &names {
            text += ",";
            // The debug form is the shortest that comes back, and short for large and small numbers too.
            text += &scalars
                .get(*name)
                .map_or_else(String::new, |value| format!("{value:?}"));
        }
        text += "\n";
    }
    text
}

/// A text in quotes where it would be taken for more than one cell.
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: u64, scalars: &[(&str, f64)]) -> Event {
        Event::Step {
            step,
            seconds: step as f64 / 10.0,
            images: step * 64,
            scalars: scalars
                .iter()
                .map(|(name, value)| ((*name).to_owned(), *value))
                .collect(),
        }
    }

    #[test]
    fn every_step_has_a_row_and_every_scalar_a_column() {
        let events = [
            Event::Finished { step: 0 },
            step(1, &[("loss.generator", 0.1 + 0.2), ("b", f64::NAN)]),
            step(2, &[("loss.generator", 1e300), ("a,\"b\"", -5e-324)]),
            step(30, &[]),
            step(40, &[("b", f64::NEG_INFINITY)]),
        ];
        let expected = "\
step,seconds,images,\"a,\"\"b\"\"\",b,loss.generator
1,0.1,64,,NaN,0.30000000000000004
2,0.2,128,-5e-324,,1e300
30,3.0,1920,,,
40,4.0,2560,,-inf,
";
        assert_eq!(csv(&events), expected);
    }

    #[test]
    fn a_run_that_said_nothing_yet_is_a_heading() {
        assert_eq!(csv(&[]), "step,seconds,images\n");
    }
}
