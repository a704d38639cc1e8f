//! `gany models`: the zoo, and one system of it.
use crate::failure::Failure;
use crate::output::{COMMAND, DIM, STRONG, aligned, print, print_json};
use ganymede::attacks;
use ganymede::data::Field;
use ganymede::data::registry::{Route, named_in};
use ganymede::defences;
use ganymede::models::{self, Entry, Settings, Takes};
use ganymede::section::Section;
use ganymede::studies::{STUDIES, Study};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Show every system, or what one of them does and takes
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany models                      every system, by chapter
  gany models wgan_gp              its idea, equations, paper, evidence and settings
  gany models --search spectral    those whose pages have the word
  gany models --tree               which system changes which
  gany models --json               all of it, for programs")]
pub(crate) struct Args {
    /// A system, such as `dcgan`
    name: Option<String>,
    /// Only systems whose name, title, paper, idea or equations have all of these words
    #[arg(long, value_name = "WORDS", conflicts_with = "name")]
    search: Option<String>,
    /// Draw the family tree: below every system those that change it
    #[arg(long, conflicts_with_all = ["name", "json"])]
    tree: bool,
    /// Print JSON: a list of all systems, or one object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let words = args.search.as_deref().unwrap_or_default();
    let found: Vec<&Entry> = models::registry()
        .iter()
        .filter(|entry| {
            let card = &entry.card;
            has_words(
                [card.id, card.title, card.paper, card.idea],
                card.section,
                card.equations,
                words,
            )
        })
        .collect();
    let studies: Vec<&Study> = other_pages()
        .filter(|study| {
            let texts = [study.id, study.title, study.source, study.idea];
            has_words(texts, study.section, study.equations, words)
        })
        .collect();
    if found.is_empty() && studies.is_empty() {
        return Err(Failure::new(
            format!("no system's page has `{words}`"),
            "`gany models` lists all of them",
        ));
    }
    match &args.name {
        Some(name) if let Some(study) = other_pages().find(|study| study.id == name) => {
            if args.json {
                print_json(&described_study(study))
            } else {
                print(&study_page(study))
            }
        }
        Some(name) => {
            let entry = models::find(name)?;
            if args.json {
                print_json(&described(entry))
            } else {
                print(&page(entry))
            }
        }
        None if args.json => {
            let systems = found.into_iter().map(described);
            let all: Vec<Value> = systems.chain(studies.into_iter().map(described_study)).collect();
            print_json(&all)
        }
        None if args.tree => print(tree(&found, None, "").trim_end()),
        None => print(&table(&found, &studies)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Every page that is of no system: studies, attacks and defences.
fn other_pages() -> impl Iterator<Item = &'static Study> {
    STUDIES
        .iter()
        .chain(attacks::registry().iter().map(|entry| &entry.page))
        .chain(defences::registry().iter().map(|entry| &entry.page))
}

/// The settings of what a study's page is about, where it has any, and what each means.
fn settings_of(study: &Study) -> Option<(Settings, BTreeMap<String, String>)> {
    let of_attack = attacks::find(study.id)
        .ok()
        .map(|attack| (attack.defaults(), attack.help()));
    of_attack.or_else(|| {
        let defence = defences::find(study.id).ok()?;
        Some((defence.defaults(), defence.help()))
    })
}

/// Whether a page with these texts and formulas has all of the words.
fn has_words(texts: [&str; 4], section: Section, equations: &[&str], words: &str) -> bool {
    let text = [&texts.join(" "), &section_name(section), &equations.join(" ")].map(|text| text.to_lowercase());
    let text = text.join(" ");
    words.to_lowercase().split_whitespace().all(|word| text.contains(word))
}

/// The systems that change `parent`, each with those that change it below; at the root, those whose parent is not shown.
fn tree(shown: &[&Entry], parent: Option<&str>, indent: &str) -> String {
    let is_shown = |id: &str| shown.iter().any(|entry| entry.card.id == id);
    let children: Vec<&&Entry> = shown
        .iter()
        .filter(|entry| entry.card.over.filter(|id| is_shown(id)) == parent)
        .collect();
    let mut text = String::new();
    for (i, entry) in children.iter().enumerate() {
        let (branch, below) = match (parent, i + 1 == children.len()) {
            (None, _) => ("", ""),
            (_, true) => ("`-- ", "    "),
            (_, false) => ("|-- ", "|   "),
        };
        let id = entry.card.id;
        let room = 30_usize.saturating_sub(indent.len() + branch.len()).max(id.len());
        text += &format!(
            "{DIM}{indent}{branch}{DIM:#}{COMMAND}{id:<room$}{COMMAND:#}  {}\n",
            entry.card.title
        );
        text += &tree(shown, Some(id), &format!("{indent}{below}"));
    }
    text
}

fn described(entry: &Entry) -> Value {
    let card = &entry.card;
    let (evidence, figure) = evidence(card.id);
    json!({
        "id": card.id,
        "section": card.section,
        "title": card.title,
        "paper": card.paper,
        "idea": card.idea,
        "equations": card.equations,
        "needs": card.needs,
        "takes": card.takes,
        "data": card.data,
        "over": card.over,
        "commands": commands(entry),
        "settings": entry.defaults(),
        "help": entry.help(),
        "choices": entry.choices(),
        "evidence": evidence,
        "figure": figure,
    })
}

fn described_study(study: &Study) -> Value {
    let (evidence, figure) = evidence(study.id);
    let (settings, help) = settings_of(study).unwrap_or_default();
    json!({
        "id": study.id,
        "section": study.section,
        "title": study.title,
        "paper": study.source,
        "idea": study.idea,
        "equations": study.equations,
        "commands": [study.command],
        "settings": settings,
        "help": help,
        "evidence": evidence,
        "figure": figure,
    })
}

// What was recorded in docs/results, by name: `EVIDENCE: &[(&str, &str)]`.
include!(concat!(env!("OUT_DIR"), "/evidence.rs"));

/// Whether what a page says was shown (`pass`, `short` or `none`), and the figure that says so.
fn evidence(id: &str) -> (String, String) {
    let recorded = EVIDENCE.iter().find(|(recorded, _)| *recorded == id);
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

fn table(registry: &[&Entry], studies: &[&Study]) -> String {
    let mut text = String::new();
    let ids = registry
        .iter()
        .map(|entry| entry.card.id)
        .chain(studies.iter().map(|study| study.id));
    let widest = ids.map(str::len).max().unwrap_or(0);
    let line = |id: &str, idea: &str| format!("  {COMMAND}{id:<widest$}{COMMAND:#}  {idea}\n");
    for section in Section::ALL {
        let systems = registry.iter().filter(|entry| entry.card.section == section);
        let systems = systems.map(|entry| line(entry.card.id, entry.card.idea));
        let studies = studies.iter().filter(|study| study.section == section);
        let lines: String = systems.chain(studies.map(|study| line(study.id, study.idea))).collect();
        if !lines.is_empty() {
            text += &format!("{STRONG}{}{STRONG:#}\n{lines}\n", section_name(section));
        }
    }
    text + &format!("{DIM}`gany models NAME` says more; `gany train NAME` trains it.{DIM:#}")
}

fn page(entry: &Entry) -> String {
    let card = &entry.card;
    let mut takes = vec![match card.takes {
        Takes::Pictures => "pictures",
        Takes::PicturesOrPoints => "pictures or points",
        Takes::Volumes => "volumes",
        Takes::Sounds => "sounds",
        Takes::Rolls => "bars of tunes",
        Takes::Events => "notes of tunes",
        Takes::Messages => "messages of bits",
        Takes::Tables => "tables",
    }];
    takes.extend(card.needs.iter().map(|field| match field {
        Field::XB => "each with a second one",
        Field::Chords => "each bar with its chord",
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
        "\n{STRONG}paper{STRONG:#}     {}\n{STRONG}changes{STRONG:#}   {}\n{STRONG}takes{STRONG:#}     {takes}\n",
        card.paper,
        card.over.unwrap_or("no other system")
    );
    text += &evidence_line(card.id);
    text += &settings_lines(&entry.defaults(), &entry.help(), "batch=32");
    text += &format!("\n{STRONG}try{STRONG:#}");
    for command in commands(entry) {
        text += &format!("\n  {COMMAND}{command}{COMMAND:#}");
    }
    text
}

/// Columns that the words about a setting take at most.
const WORDS_ACROSS: usize = 96;

/// Every setting with its default, below it what it means, where that is known; and how one is changed.
fn settings_lines(settings: &Settings, help: &BTreeMap<String, String>, example: &str) -> String {
    let row = |(key, value): (&String, &Value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        vec![key.clone(), value]
    };
    let rows: Vec<Vec<String>> = settings.iter().map(row).collect();
    let mut text =
        format!("\n{STRONG}settings{STRONG:#}  {DIM}change one with --set, for example --set {example}{DIM:#}\n");
    for (key, line) in settings.keys().zip(aligned(&rows).lines()) {
        text += &format!("{line}\n");
        for words in broken(help.get(key).map_or("", String::as_str)) {
            text += &format!("      {DIM}{words}{DIM:#}\n");
        }
    }
    text
}

/// A text in lines of at most [`WORDS_ACROSS`] characters, but for words that are longer.
fn broken(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WORDS_ACROSS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn evidence_line(id: &str) -> String {
    match evidence(id) {
        (evidence, figure) if figure.is_empty() => format!("{STRONG}evidence{STRONG:#}  {evidence}\n"),
        (evidence, figure) => format!("{STRONG}evidence{STRONG:#}  {evidence}: {figure}\n"),
    }
}

/// What a study is about, what was shown, and the command that shows it.
pub(crate) fn study_page(study: &Study) -> String {
    let mut text = format!(
        "{STRONG}{}{STRONG:#} ({})\n\n{}\n\n",
        study.title,
        section_name(study.section),
        study.idea
    );
    study.equations.iter().for_each(|line| text += &format!("  {line}\n"));
    text += &format!("\n{STRONG}source{STRONG:#}    {}\n", study.source);
    text += &evidence_line(study.id);
    if let Some((settings, help)) = settings_of(study)
        && let Some((key, value)) = settings.last_key_value()
    {
        text += &settings_lines(&settings, &help, &format!("{key}={value}"));
    }
    text + &format!("\n{STRONG}try{STRONG:#}\n  {COMMAND}{}{COMMAND:#}", study.command)
}

/// What a person can type, line by line, to see the system learn.
fn commands(entry: &Entry) -> Vec<String> {
    let card = &entry.card;
    let must_fetch = |route: Route| !matches!(route, Route::BuiltIn | Route::Formula(_));
    let fetch = named_in(card.data)
        .filter(|set| must_fetch(set.route))
        .map(|set| format!("gany data get {}", set.id));
    // Faces with their landmarks are no data set: they are cut out of one.
    let cut: &[&str] = match card.data.starts_with("heads:") {
        true => &[
            "gany data get orl-faces",
            "gany data get face-api",
            "gany swap cut orl-faces faces/",
        ],
        false => &[],
    };
    fetch
        .chain(cut.iter().map(|line| (*line).to_owned()))
        .chain([format!("gany train {} --data {}", card.id, card.data)])
        .collect()
}
