//! `gany explore RUN dissect`: which units of a generator make which colour.
use crate::failure::Failure;
use crate::making::{class_number, flat, is_png, make_folder, show};
use crate::output::{DIM, STRONG, aligned, print, print_json};
use crate::picture::Grid;
use clap::builder::TypedValueParser;
use ganymede::explore::Sheet;
use ganymede::explore::dissection::{Concept, Dissector, Edit, Effect};
use ganymede::explore::segmenter::Colours;
use ganymede::games::UnitLayer;
use ganymede::run::Sampler;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Find the units of a layer that make each colour, and show what is left without them
///
/// A unit goes with a colour as far as the places where it fires are those of the colour (IoU). What is gone when the best units
/// are silenced, beside as many random ones, says whether they cause it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany explore runs/dcgan-emoji-google dissect                    the middle layer, a tenth of its units
  gany explore runs/dcgan-emoji-google dissect --layers           which layers there are
  gany explore runs/dcgan-emoji-google dissect --layer generator.9 --units 4 -o units.png")]
pub(crate) struct Args {
    /// List the layers that can be opened, and do nothing
    #[arg(long)]
    layers: bool,
    /// The layer [default: the middle one]
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,
    /// How many units are replaced [default: a tenth of the layer's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..).map(|n| n as usize))]
    units: Option<usize>,
    /// Samples to look at
    #[arg(short = 'n', long, value_name = "N", default_value = "400", value_parser = clap::value_parser!(u32).range(20..).map(|n| n as usize))]
    samples: usize,
    /// What the samples follow from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Only samples of this class: its name, or its number from 0
    #[arg(long, value_name = "NAME|NUMBER")]
    class: Option<String>,
    /// Rows of samples: as they are, then without the units of each colour
    #[arg(short, long, value_name = "FILE.png")]
    output: Option<PathBuf>,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

/// A colour with less than this share of the pixels is left out.
const LEAST: f64 = 0.01;
/// Samples in a row of the picture.
const SHOWN: usize = 12;

pub(crate) fn run(run: &Path, args: &Args) -> Result<ExitCode, Failure> {
    args.output.as_deref().map_or(Ok(()), is_png)?;
    let mut sampler = Sampler::open(run)?;
    let shape = sampler.shape();
    let extents = flat(shape).filter(|_| sampler.makes_samples());
    let layers = UnitLayer::all(sampler.play_mut());
    let (Some([height, width, _]), false) = (extents, layers.is_empty()) else {
        return Err(Failure::new(
            "there is nothing to dissect: the generator makes no pictures through layers of maps",
            "a convolutional one can be dissected, such as `dcgan` or `stylegan`",
        ));
    };
    if args.layers {
        list(&layers, args.json);
        return Ok(ExitCode::SUCCESS);
    }
    let layer = chosen(&layers, args.layer.as_deref())?;
    let class = args
        .class
        .as_deref()
        .map(|wanted| class_number(wanted, &sampler))
        .transpose()?;
    let stamp = sampler.stamp();
    let play = sampler.play_mut();
    let count = args
        .units
        .unwrap_or(layer.extents[2].div_ceil(10))
        .min(layer.extents[2]);
    let mut dissector = Dissector::new(play, layer, class);
    let concepts = dissector.dissect(play, &mut Colours, args.seed, args.samples / 2);
    let mut found: Vec<(&Concept, Effect)> = vec![];
    for (number, concept) in concepts
        .iter()
        .enumerate()
        .filter(|(_, concept)| concept.share >= LEAST)
    {
        let fresh = (args.seed + 1, args.samples / 2);
        found.push((
            concept,
            dissector.effect(play, &mut Colours, (number, concept), count, fresh),
        ));
    }
    found.sort_by(|a, b| b.0.units[0].iou.total_cmp(&a.0.units[0].iou));
    if let Some(path) = &args.output {
        let numbers = |concept: &Concept| {
            concept.units[..count]
                .iter()
                .map(|unit| unit.number)
                .collect::<Vec<_>>()
        };
        let edits = found.iter().map(|(concept, _)| Edit::ablate(layer, &numbers(concept)));
        let shown: Vec<f32> = std::iter::once(Edit::none(layer))
            .chain(edits)
            .flat_map(|edit| dissector.samples(play, args.seed + 1, SHOWN, &edit).0)
            .collect();
        if let Some(parent) = path.parent() {
            make_folder(parent)?;
        }
        let sheet = Sheet {
            values: shown,
            shape,
            rows: found.len() + 1,
        };
        sheet.write(None, &stamp, path)?;
        let grid = Grid {
            columns: SHOWN as u32,
            aspect: height as f64 / width as f64,
        };
        show(path, &grid, args.json);
    }
    if args.json {
        print_json(&described(layer, count, &found));
    } else {
        print(&table(layer, count, &found, args.output.as_deref()));
    }
    Ok(ExitCode::SUCCESS)
}

fn list(layers: &[UnitLayer], is_json: bool) {
    if is_json {
        let described = |layer: &UnitLayer| json!({"name": layer.name, "extents": layer.extents});
        return print_json(&layers.iter().map(described).collect::<Vec<_>>());
    }
    let row = |layer: &UnitLayer| {
        let [rows, columns, units] = layer.extents;
        vec![layer.name.clone(), format!("{units} units of {rows}x{columns}")]
    };
    print(&aligned(&layers.iter().map(row).collect::<Vec<_>>()));
}

fn chosen<'a>(layers: &'a [UnitLayer], name: Option<&str>) -> Result<&'a UnitLayer, Failure> {
    let Some(name) = name else {
        return Ok(&layers[layers.len() / 2]);
    };
    layers.iter().find(|layer| layer.name == name).ok_or_else(|| {
        let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
        Failure::new(
            format!("expected a layer of this run's generator, got `{name}`"),
            format!("it has {}", names.join(", ")),
        )
    })
}

fn described(layer: &UnitLayer, count: usize, found: &[(&Concept, Effect)]) -> serde_json::Value {
    let concept = |(concept, effect): &(&Concept, Effect)| {
        let units: Vec<_> = concept.units[..count]
            .iter()
            .map(|unit| json!({"unit": unit.number, "iou": unit.iou, "threshold": unit.threshold, "level": unit.level}))
            .collect();
        json!({
            "concept": concept.name, "share": concept.share, "units": units,
            "removed": effect.removed, "removed_by_random": effect.removed_by_random,
            "at_place": effect.at_place, "inserted": effect.inserted, "inserted_by_random": effect.inserted_by_random,
        })
    };
    json!({
        "layer": layer.name, "extents": layer.extents, "units": count,
        "concepts": found.iter().map(concept).collect::<Vec<_>>(),
    })
}

fn table(layer: &UnitLayer, count: usize, found: &[(&Concept, Effect)], output: Option<&Path>) -> String {
    let [rows, columns, units] = layer.extents;
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let head = [
        "colour",
        "of all pixels",
        "best units (IoU)",
        "gone without them",
        "without random ones",
        "put in",
        "random ones put in",
    ];
    let mut cells = vec![head.map(str::to_owned).to_vec()];
    for (concept, effect) in found {
        let best: Vec<String> = concept.units[..count.min(3)]
            .iter()
            .map(|unit| format!("{} ({:.2})", unit.number, unit.iou))
            .collect();
        cells.push(vec![
            concept.name.clone(),
            percent(concept.share),
            best.join(", "),
            percent(effect.removed),
            percent(effect.removed_by_random),
            format!("{} from {}", percent(effect.inserted), percent(effect.at_place)),
            percent(effect.inserted_by_random),
        ]);
    }
    let mut text = format!(
        "{STRONG}{}{STRONG:#}: {units} units of {rows}x{columns}, {count} at a time\n{}",
        layer.name,
        aligned(&cells)
    );
    if let Some(path) = output {
        text += &format!(
            "{DIM}as they are, and without the units of each colour, in this order{DIM:#}  {}",
            path.display()
        );
    }
    text
}
