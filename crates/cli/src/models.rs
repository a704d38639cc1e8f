//! `gany models`: the zoo, and one system of it.
use crate::failure::Failure;
use crate::output::{COMMAND, DIM, STRONG, aligned, print, print_json};
use ganymede::data::Field;
use ganymede::models::{self, Entry, Section};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Show every system, or what one of them does and takes
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany models            every system, by chapter
  gany models wgan_gp    its idea, equations, paper and settings
  gany models --json     all of it, for programs")]
pub(crate) struct Args {
    /// A system, such as `dcgan`
    name: Option<String>,
    /// Print JSON: a list of all systems, or one object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let registry = models::registry();
    match &args.name {
        Some(name) => {
            let entry = models::find(name)?;
            if args.json {
                print_json(&described(entry))
            } else {
                print(&page(entry))
            }
        }
        None if args.json => print_json(&registry.iter().map(described).collect::<Vec<_>>()),
        None => print(&table(registry)),
    }
    Ok(ExitCode::SUCCESS)
}

fn described(entry: &Entry) -> Value {
    let card = &entry.card;
    let (evidence, figure) = evidence(entry);
    json!({
        "id": card.id,
        "section": card.section,
        "title": card.title,
        "paper": card.paper,
        "idea": card.idea,
        "equations": card.equations,
        "needs": card.needs,
        "takes_points": card.takes_points,
        "settings": entry.defaults(),
        "evidence": evidence,
        "figure": figure,
    })
}

// What was recorded in docs/results, by name: `EVIDENCE: &[(&str, &str)]`.
include!(concat!(env!("OUT_DIR"), "/evidence.rs"));

/// Whether the system was shown to work (`pass`, `short` or `none`), and the figure that says so.
fn evidence(entry: &Entry) -> (String, String) {
    let recorded = EVIDENCE.iter().find(|(id, _)| *id == entry.card.id);
    let recorded: Value = recorded.map_or(Value::Null, |(_, text)| serde_json::from_str(text).unwrap_or_default());
    let text = |field: &str| recorded[field].as_str().map(str::to_owned);
    (
        text("evidence").unwrap_or_else(|| "none".into()),
        text("figure").unwrap_or_default(),
    )
}

fn section_name(section: Section) -> String {
    json!(section).as_str().expect("a section is a name").replace('-', " ")
}

fn table(registry: &[Entry]) -> String {
    let mut text = String::new();
    let mut sections: Vec<Section> = registry.iter().map(|entry| entry.card.section).collect();
    sections.dedup();
    let widest = registry.iter().map(|entry| entry.card.id.len()).max().unwrap_or(0);
    for section in sections {
        text += &format!("{STRONG}{}{STRONG:#}\n", section_name(section));
        for entry in registry.iter().filter(|entry| entry.card.section == section) {
            text += &format!(
                "  {COMMAND}{:<widest$}{COMMAND:#}  {}\n",
                entry.card.id, entry.card.idea
            );
        }
        text.push('\n');
    }
    text + &format!("{DIM}`gany models NAME` says more; `gany train NAME` trains it.{DIM:#}")
}

fn page(entry: &Entry) -> String {
    let card = &entry.card;
    let mut takes = vec![if card.takes_points {
        "pictures or points"
    } else {
        "pictures"
    }];
    takes.extend(card.needs.iter().map(|field| match field {
        Field::XB => "each with a second one",
        _ => "each with its class",
    }));
    let takes = takes.join(", ");
    let mut text = format!(
        "{STRONG}{}{STRONG:#} ({})\n\n{}\n\n",
        card.title,
        section_name(card.section),
        card.idea
    );
    card.equations.iter().for_each(|line| text += &format!("  {line}\n"));
    text += &format!(
        "\n{STRONG}paper{STRONG:#}     {}\n{STRONG}takes{STRONG:#}     {takes}\n",
        card.paper
    );
    text += &match evidence(entry) {
        (evidence, figure) if figure.is_empty() => format!("{STRONG}evidence{STRONG:#}  {evidence}\n"),
        (evidence, figure) => format!("{STRONG}evidence{STRONG:#}  {evidence}: {figure}\n"),
    };
    text += &format!("\n{STRONG}settings{STRONG:#}  {DIM}change one with --set, for example --set batch=32{DIM:#}\n");
    let rows: Vec<Vec<String>> = entry
        .defaults()
        .iter()
        .map(|(key, value)| {
            vec![
                key.clone(),
                value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            ]
        })
        .collect();
    text += &aligned(&rows);
    let data = if card.takes_points { " --data ring" } else { "" };
    text + &format!(
        "\n{DIM}try{DIM:#}       {COMMAND}gany train {}{data}{COMMAND:#}",
        card.id
    )
}
