//! `gany data`: the data sets there are, fetching them, and a look at data before training.
use crate::failure::Failure;
use crate::output::{COMMAND, DIM, STRONG, WARNING, grouped, print, print_json};
use clap::Subcommand;
use ganymede::data::pack::{Packed, Packing};
use ganymede::data::registry::{ENTRIES, Entry, Route, SUPPLIES, find_supply};
use ganymede::data::tunes::STEPS;
use ganymede::data::{Report, Shape, Want, check, get, pack};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// List data sets, fetch one, check or pack pictures before training
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany data list
  gany data get mnist         fetch it, check it, keep it for `--data mnist`
  gany data check photos/     sizes, classes, broken, repeated and nearly repeated files
  gany data check photos/ --sheet sheet.png
  gany data pack photos/ photos.zip --size 64
  gany data pack photos/ photos-%06d.tar --size 96x64 --drop-repeated")]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List the data sets that have a name
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Fetch a data set into the cache folder and check it
    Get {
        /// Its name
        name: String,
    },
    /// Look for broken files, mixed sizes and unbalanced classes
    Check {
        /// A data set's name, or a path as `gany train --data` takes it
        data: String,
        /// Also write a PNG of a hundred pictures, evenly spread over the set
        #[arg(long, value_name = "FILE")]
        sheet: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Pack pictures of one size into a ZIP as StyleGAN has it, or into TAR shards as WebDataset has them
    Pack {
        /// A data set's name, or a path as `gany train --data` takes it
        data: String,
        /// NAME.zip, NAME.tar, or NAME-%06d.tar for shards
        to: String,
        #[command(flatten)]
        pictures: crate::pictures::Args,
        /// Leave out pictures whose pixels came before
        #[arg(long)]
        drop_repeated: bool,
        /// Most pictures in a shard
        #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
        shard: u64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    match args.what {
        What::List { json: true } => print_json(&ENTRIES.iter().map(described).collect::<Vec<_>>()),
        What::List { json: false } => print(&list()),
        What::Get { name } => {
            let fetched = get(&name, &mut |text| eprintln_softly(text))?;
            let already = if fetched.already {
                "already there"
            } else {
                "fetched and checked"
            };
            let next = match find_supply(&name) {
                Some(_) => String::new(),
                None => format!("\n{DIM}try{DIM:#} {COMMAND}gany train --data {name}{COMMAND:#}"),
            };
            print(&format!(
                "{name} is {already}: {}\nlicence: {}{next}",
                fetched.folder.display(),
                fetched.licence
            ));
        }
        What::Check { data, sheet, json } => {
            let report = check(&data)?;
            if let Some(path) = &sheet {
                ganymede::data::check::sheet(&data, path)?;
            }
            if json {
                print_json(&report)
            } else {
                print(&told(&report))
            }
            if !report.is_sound() {
                return Ok(ExitCode::from(Failure::EXIT_CODE));
            }
        }
        What::Pack {
            data,
            to,
            pictures,
            drop_repeated,
            shard,
            json,
        } => {
            let how = Packing {
                want: pictures.want(Want::default()),
                drop_repeated,
                pictures_a_shard: shard,
            };
            let packed = pack(&data, &to, &how)?;
            if json {
                print_json(&packed)
            } else {
                print(&packed_told(&packed))
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn packed_told(packed: &Packed) -> String {
    let left_out = [(packed.repeated, "repeated"), (packed.broken, "broken")];
    let left_out: String = left_out
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, why)| format!(", {} {why} left out", grouped(*count)))
        .collect();
    format!(
        "packed {} pictures{left_out}: {}\n{DIM}try{DIM:#} {COMMAND}gany train --data {}{COMMAND:#}",
        grouped(packed.pictures),
        packed.spec,
        crate::output::quoted(&packed.spec),
    )
}

fn eprintln_softly(text: &str) {
    use std::io::Write;
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Where a data set comes from, in a word.
fn source(entry: &Entry) -> &'static str {
    match entry.route {
        Route::BuiltIn => "built in",
        Route::Formula(_) => "computed",
        _ if is_here(entry) => "here",
        _ => "to fetch",
    }
}

fn is_here(entry: &Entry) -> bool {
    ganymede::data::get::folder_of(entry).is_ok_and(|folder| folder.is_dir())
}

fn described(entry: &Entry) -> Value {
    let splits: serde_json::Map<String, Value> = entry
        .splits
        .iter()
        .map(|(name, count)| ((*name).to_owned(), json!(count)))
        .collect();
    json!({
        "id": entry.id,
        "title": entry.title,
        "licence": entry.licence,
        "shape": entry.shape,
        "has": entry.has,
        "splits": splits,
        "classes": entry.classes,
        "source": source(entry),
    })
}

fn list() -> String {
    let widest = ENTRIES
        .iter()
        .chain(SUPPLIES)
        .map(|entry| entry.id.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for entry in ENTRIES {
        let splits = entry
            .splits
            .iter()
            .map(|(name, count)| format!(", {} {name}", grouped(*count)));
        let splits: String = splits.collect();
        text += &format!("{COMMAND}{:<widest$}{COMMAND:#}  {}\n", entry.id, entry.title);
        text += &format!(
            "{:widest$}  {DIM}{}{splits}, {}, licence: {}{DIM:#}\n",
            "",
            entry.shape,
            source(entry),
            entry.licence
        );
    }
    text += "\nFetched likewise, to measure with:\n";
    for entry in SUPPLIES {
        text += &format!("{COMMAND}{:<widest$}{COMMAND:#}  {}\n", entry.id, entry.title);
        text += &format!(
            "{:widest$}  {DIM}{}, licence: {}{DIM:#}\n",
            "",
            source(entry),
            entry.licence
        );
    }
    text + &format!(
        "\n{DIM}Fetch one with `gany data get NAME`. Your own pictures need no name: `gany train --data FOLDER`.{DIM:#}"
    )
}

/// At most so many broken or repeated files are named.
const MOST_NAMED: usize = 20;

fn told(report: &Report) -> String {
    let shape = match report.shape {
        Some(Shape::Picture {
            height,
            width,
            channels,
        }) => format!("{width}x{height}, channels: {channels}"),
        Some(Shape::Volume {
            depth,
            height,
            width,
            channels,
            ..
        }) => format!("{width}x{height}x{depth}, channels: {channels}"),
        Some(Shape::Sound { length, rate_hz, .. }) => format!("{length} samples at {rate_hz} Hz"),
        Some(Shape::Roll { steps, pitches, .. }) => format!("{} bars, {pitches} pitches", steps / STEPS),
        Some(Shape::Events { count }) => format!("{count} notes"),
        Some(Shape::Point { dimension }) => format!("{dimension}-D points"),
        Some(Shape::Row { floats }) => format!("rows of a table, encoded in {floats} numbers"),
        None => "different sizes; choose one with `--size`".into(),
    };
    let count = report.count.map_or_else(|| "as many as are asked for".into(), grouped);
    let mut text = format!(
        "{STRONG}{}{STRONG:#}\n  examples  {count}\n  shape     {shape}\n",
        report.name
    );
    if report.sizes.len() > 1 {
        let sizes: Vec<String> = report
            .sizes
            .iter()
            .take(6)
            .map(|size| format!("{}x{} ({})", size.width, size.height, size.count))
            .collect();
        let more = if report.sizes.len() > 6 { " and more" } else { "" };
        text += &format!("  sizes     {}{more}\n", sizes.join(", "));
    }
    if !report.classes.is_empty() {
        let classes: Vec<String> = report
            .classes
            .iter()
            .map(|class| format!("{} ({})", class.name, grouped(class.count)))
            .collect();
        text += &format!("  classes   {}\n", classes.join(", "));
    }
    if let Some(imbalance) = report.imbalance().filter(|imbalance| *imbalance > 3.0) {
        text += &format!(
            "{WARNING}warning:{WARNING:#} the most frequent class has {imbalance:.1} times as many examples as the rarest\n"
        );
    }
    for note in &report.notes {
        text += &format!("{WARNING}note:{WARNING:#} {note}\n");
    }
    let named = |title: &str, lines: Vec<String>| {
        let more = lines.len().saturating_sub(MOST_NAMED);
        let mut text = format!("{WARNING}{title}:{WARNING:#} {}\n", lines.len());
        lines
            .iter()
            .take(MOST_NAMED)
            .for_each(|line| text += &format!("  {line}\n"));
        if more > 0 {
            text += &format!("  and {more} more; `--json` names them all\n");
        }
        text
    };
    if !report.repeated.is_empty() {
        let pairs = report.repeated.iter();
        text += &named(
            "repeated",
            pairs.map(|(later, first)| format!("{later} is {first}")).collect(),
        );
    }
    if !report.near.is_empty() {
        let pairs = report.near.iter();
        text += &named(
            "nearly repeated",
            pairs.map(|(later, first)| format!("{later} is like {first}")).collect(),
        );
    }
    if report.is_sound() {
        text += "no broken files";
    } else {
        let files = report.broken.iter();
        text += &named(
            "broken",
            files
                .map(|file| format!("{}: {}", file.path.display(), file.why))
                .collect(),
        );
    }
    text
}
