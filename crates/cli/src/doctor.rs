//! `gany doctor`: what is wrong with a training, and what to try.
use crate::failure::Failure;
use crate::output::{COMMAND, DIM, STRONG, WARNING, grouped, print, print_json};
use ganymede::doctor::{Diagnosis, Finding, failures};
use ganymede::run::{Event, Examination, examine};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Say what is wrong with a training and what to try, or why it looks healthy
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany doctor runs/dcgan-fashion-mnist    alarms, the figures behind them, and cures
  gany doctor RUN --json                  all of it, for programs
  gany doctor --failures                  every way to fail, as a command that fails that way

`gany train` raises the same alarms while it goes on; `gany train --heal` applies the cure.")]
pub(crate) struct Args {
    /// The run's folder
    #[arg(required_unless_present = "failures")]
    run: Option<PathBuf>,
    /// List trainings that go wrong on purpose, with their healthy counterparts
    #[arg(long, conflicts_with = "run")]
    failures: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let Some(path) = args.run.as_ref().filter(|_| !args.failures) else {
        match args.json {
            true => print_json(
                &failures::FAILURES
                    .iter()
                    .map(|failure| {
                        json!({
                            "name": failure.name, "about": failure.about, "alarms": failure.alarms,
                            "broken": failure.command(true), "healthy": failure.command(false),
                        })
                    })
                    .collect::<Vec<_>>(),
            ),
            false => print(&list_of_failures()),
        }
        return Ok(ExitCode::SUCCESS);
    };
    let examination = examine(path)?;
    if args.json {
        print_json(&as_json(&examination));
    } else {
        print(&in_words(&examination));
    }
    Ok(ExitCode::SUCCESS)
}

/// An alarm or a cure as it is told while a training goes on; nothing for other events.
pub(crate) fn told(event: &Event) -> Option<String> {
    match event {
        Event::Alarm {
            step,
            name,
            meaning,
            evidence,
            cure,
            settings,
            ..
        } => {
            let step = grouped(*step);
            let settings = settings.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            Some(format!(
                "{WARNING}alarm:{WARNING:#} {STRONG}{name}{STRONG:#} after step {step}: {meaning}\n{}\n{}",
                seen(evidence.iter().map(|(name, value)| (name.as_str(), *value))),
                to_try(cure, settings)
            ))
        }
        Event::Healed {
            step,
            alarm,
            raised_at,
            settings,
        } => {
            let changed: Vec<String> = settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
            Some(format!(
                "{STRONG}healing{STRONG:#} {alarm}, raised after step {}: going on from step {} with {}",
                grouped(*raised_at),
                grouped(*step),
                changed.join(", ")
            ))
        }
        _ => None,
    }
}

fn seen<'a>(evidence: impl Iterator<Item = (&'a str, f64)>) -> String {
    let figures: Vec<String> = evidence
        .map(|(name, value)| format!("{name} {}", short(value)))
        .collect();
    format!("  {DIM}seen{DIM:#}  {}", figures.join(", "))
}

fn to_try<'a>(advice: &str, settings: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let flags: Vec<String> = settings.map(|(key, value)| format!("--set {key}={value}")).collect();
    match flags.is_empty() {
        true => format!("  {DIM}try{DIM:#}   {advice}"),
        false => format!("  {DIM}try{DIM:#}   {advice}: {COMMAND}{}{COMMAND:#}", flags.join(" ")),
    }
}

/// A figure in three digits.
fn short(value: f64) -> String {
    if value == 0.0 || (1e-2..1e4).contains(&value.abs()) {
        let magnitude = if value == 0.0 {
            0
        } else {
            value.abs().log10().floor() as i32
        };
        let digits = (2 - magnitude).max(0);
        format!("{value:.*}", digits as usize)
    } else {
        format!("{value:.1e}")
    }
}

fn in_words(examination: &Examination) -> String {
    let looks = match (examination.looks, examination.is_of_checkpoints) {
        (0, _) => "nothing to look at: the run has no looks of the doctor and no checkpoints".to_owned(),
        (looks, true) => format!("a look at each of its checkpoints ({looks}), as the run was not watched"),
        (looks, false) => format!("{looks} looks, the last after step {}", grouped(examination.step)),
    };
    let mut text = if examination.looks == 0 && examination.raised.is_empty() {
        format!("{STRONG}No judgement{STRONG:#}: {looks}\n")
    } else if examination.is_healthy() {
        format!("{STRONG}Healthy{STRONG:#} by {looks}\n")
    } else {
        format!("{WARNING}Not well{WARNING:#} by {looks}\n")
    };
    for event in &examination.healed {
        let _ = writeln!(text, "\n{}", told(event).unwrap_or_default());
    }
    let firing = |name: &str| examination.firing.iter().any(|diagnosis| diagnosis.alarm == name);
    for diagnosis in &examination.firing {
        let _ = write!(text, "\n{}", now(diagnosis));
    }
    for event in &examination.raised {
        if let Event::Alarm { name, .. } = event
            && !firing(name)
        {
            let past = match name.as_str() {
                "not-a-number" => "ended the run",
                _ => "raised meanwhile, and over by the end",
            };
            let _ = writeln!(text, "\n{DIM}{past}:{DIM:#}\n{}", told(event).unwrap_or_default());
        }
    }
    if !examination.quiet.is_empty() {
        let _ = writeln!(text, "\n{DIM}quiet, and what they rest on:{DIM:#}");
    }
    for (alarm, finding) in &examination.quiet {
        let _ = writeln!(text, "  {:<23} {}", alarm.name, figures(finding));
    }
    let unmeasured: Vec<&str> = examination.unmeasured.iter().map(|alarm| alarm.name).collect();
    if !unmeasured.is_empty() {
        let _ = writeln!(
            text,
            "{DIM}not measured here, or not often enough yet:{DIM:#} {}",
            unmeasured.join(", ")
        );
    }
    text
}

fn now(diagnosis: &Diagnosis) -> String {
    let Finding { evidence, cure, .. } = &diagnosis.finding;
    let settings = cure.settings.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    format!(
        "{WARNING}alarm:{WARNING:#} {STRONG}{}{STRONG:#}: {}\n{}\n{}\n",
        diagnosis.alarm,
        diagnosis.meaning,
        seen(evidence.iter().map(|(name, value)| (name.as_str(), *value))),
        to_try(&cure.advice, settings)
    )
}

fn figures(finding: &Finding) -> String {
    let figures = finding
        .evidence
        .iter()
        .map(|(name, value)| format!("{name} {}", short(*value)));
    figures.collect::<Vec<_>>().join(", ")
}

fn as_json(examination: &Examination) -> Value {
    let evidence = |finding: &Finding| -> Value {
        finding
            .evidence
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect()
    };
    let settings = |finding: &Finding| -> Value {
        finding
            .cure
            .settings
            .iter()
            .map(|(key, value)| (key.clone(), json!(value)))
            .collect()
    };
    json!({
        "healthy": examination.is_healthy(),
        "step": examination.step,
        "looks": examination.looks,
        "of_checkpoints": examination.is_of_checkpoints,
        "raised": examination.raised,
        "healed": examination.healed,
        "firing": examination.firing.iter().map(|diagnosis| json!({
            "name": diagnosis.alarm, "meaning": diagnosis.meaning, "player": diagnosis.finding.player,
            "evidence": evidence(&diagnosis.finding), "cure": diagnosis.finding.cure.advice,
            "settings": settings(&diagnosis.finding),
        })).collect::<Vec<_>>(),
        "quiet": examination.quiet.iter().map(|(alarm, finding)| json!({
            "name": alarm.name, "threshold": alarm.threshold, "evidence": evidence(finding),
        })).collect::<Vec<_>>(),
        "unmeasured": examination.unmeasured.iter().map(|alarm| alarm.name).collect::<Vec<_>>(),
    })
}

fn list_of_failures() -> String {
    let mut text = String::new();
    for failure in failures::FAILURES {
        let _ = writeln!(
            text,
            "{STRONG}{}{STRONG:#}  {}\n  {DIM}alarm{DIM:#}    {}\n  {DIM}broken{DIM:#}   {COMMAND}{}{COMMAND:#}\n  \
             {DIM}healthy{DIM:#}  {COMMAND}{}{COMMAND:#}\n",
            failure.name,
            failure.about,
            failure.alarms.join(" or "),
            failure.command(true),
            failure.command(false)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        let figures = [0.0, 0.5, 12.345, 345.6, 0.0123, 0.001_234, 123_456.0, -2.0];
        assert_eq!(
            figures.map(short),
            ["0.00", "0.500", "12.3", "346", "0.0123", "1.2e-3", "1.2e5", "-2.00"]
        );
    }
}
