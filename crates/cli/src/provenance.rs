//! `gany provenance`: what files say of where they come from.
use crate::failure::Failure;
use crate::output::{DIM, STRONG, aligned, print, print_json};
use ganymede::provenance::watermark::KNOWN;
use ganymede::provenance::{Found, Reading, examine};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Say where pictures and sounds come from: what their files say in words, and the mark that nobody sees
///
/// All that gany makes says so in words, which any program may drop. Pictures and frames carry a watermark too, which outlasts JPEG
/// and other sizes, and no cropping: from 96 pixels a side on it is found again, from 256 on it says what the words said. It is
/// no proof: whoever wants to removes it, and puts it on a photograph. GANY_WATERMARK=off leaves it out of what is made.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany provenance new.png                     what is in this picture
  gany provenance --json found/*.jpg          of many, for machines")]
pub(crate) struct Args {
    /// Pictures, what moves, or sounds
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let found: Result<Vec<Found>, _> = args.files.iter().map(|file| examine(file)).collect();
    let found = found?;
    if args.json {
        let all: Vec<Value> = args
            .files
            .iter()
            .zip(&found)
            .map(|(file, found)| described(file, found))
            .collect();
        print_json(&all);
        return Ok(ExitCode::SUCCESS);
    }
    for (file, found) in args.files.iter().zip(&found) {
        let verdict = if found.is_ours() {
            "says that gany made it"
        } else {
            "says nothing that gany knows"
        };
        let words = match &found.record {
            Some(record) => format!("{}, {}", record.source, record.software),
            None => "none of gany's".to_owned(),
        };
        let rows = [["in words", &words], ["watermark", &mark(found)]].map(|row| row.map(str::to_owned).to_vec());
        print(&format!(
            "{STRONG}{}{STRONG:#} {verdict}\n{}",
            file.display(),
            aligned(&rows)
        ));
    }
    print(&format!(
        "{DIM}what says nothing may be made all the same: words are lost on the way, and marks can be removed or forged{DIM:#}"
    ));
    Ok(ExitCode::SUCCESS)
}

/// What is said of the mark.
fn mark(found: &Found) -> String {
    let Some(reading) = &found.watermark else {
        return "not looked for: sounds carry words alone, and films are read by builds with the feature `film`"
            .to_owned();
    };
    let Reading {
        matching,
        false_alarm,
        message,
    } = reading;
    if !reading.is_marked() {
        return format!("none: {matching} of {KNOWN} bits, as chance would have it");
    }
    let said = match (found.is_of_record, message) {
        (Some(true), _) => "; its message is that of the words",
        (Some(false), _) => "; its message is of OTHER words, so one of both was changed",
        (None, Some(_)) => "; its message was read, but there are no words to hold it against",
        (None, None) => "; no message",
    };
    format!("found: {matching} of {KNOWN} bits, by chance with a probability of {false_alarm:.0e}{said}")
}

fn described(file: &PathBuf, found: &Found) -> Value {
    let hex = |message: [u8; 6]| message.map(|byte| format!("{byte:02x}")).concat();
    let watermark = found.watermark.map(|reading| {
        json!({
            "is_found": reading.is_marked(), "bits": reading.matching, "of": KNOWN,
            "false_alarm": reading.false_alarm, "message": reading.message.map(hex),
        })
    });
    json!({
        "file": file, "is_ours": found.is_ours(), "record": found.record, "watermark": watermark,
        "is_of_record": found.is_of_record,
    })
}
