//! `dissect`: units of a `dcgan` of scenes that make suns, trees and houses, taken away and put in.
use crate::Result;
use crate::record::{Evidence, median, picture, round};
use crate::scenes::{CONCEPTS, SIDE, Trained, scenes};
use crate::training::{self, Changes, HELD_OUT_SEED, grid, order, settings};
use ganymede::explore::dissection::{Concept, Dissector, Edit};
use ganymede::games::UnitLayer;
use serde_json::json;

const SEEDS: [u64; 3] = [0, 1, 2];
const TRAINED: usize = 4_000;
const STEPS: u64 = 1_500;
/// Narrower than the paper's, and with longer steps, for two processor cores.
const CHANGES: Changes = &[
    ("width", "24"),
    ("z_dim", "32"),
    ("generator.learning_rate", "5e-4"),
    ("discriminator.learning_rate", "5e-4"),
];
/// The middle one of the three layers: eight by eight.
const LAYER: usize = 1;
/// The concepts that are things, by number.
const THINGS: std::ops::Range<usize> = 2..5;
/// Samples that units are found with, in halves, and others that effects are measured on.
const HALF: usize = 250;
const MEASURED: usize = 300;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    // No scene is seen by both networks, or by the segmenter twice.
    let (set, labels) = scenes(HELD_OUT_SEED, 1_000);
    let mut segmenter = Trained::on(&set, &labels);
    let (set, labels) = scenes(HELD_OUT_SEED + 1, 500);
    let agreement = segmenter.agreement(&set, &labels);
    let worst = agreement.iter().copied().fold(1.0, f64::min);
    evidence.figure("segmenter.iou", agreement.into_iter().map(round).collect::<Vec<_>>());
    evidence.check(
        "the segmenter's IoU with the truth on scenes it has not seen, worst of 5 concepts",
        ">= 0.8",
        format!("{worst:.3}"),
        worst >= 0.8,
    );
    let spec = scenes(0, TRAINED).0.write("scenes")?;
    let (mut rows, mut means) = (vec![], [const { vec![] }; 5]);
    for seed in SEEDS {
        let mut run = training::train(&format!("dissect-{seed}"), order("dcgan", &spec, CHANGES, seed, STEPS))?;
        let layer = UnitLayer::all(run.play())[LAYER].clone();
        let count = layer.extents[2].div_ceil(10);
        let mut dissector = Dissector::new(run.play(), &layer, None);
        let concepts = dissector.dissect(run.play(), &mut segmenter, seed, HALF);
        let mut of_things = vec![];
        for thing in THINGS {
            let concept = &concepts[thing];
            let on = (HELD_OUT_SEED, MEASURED);
            let effect = dissector.effect(run.play(), &mut segmenter, (thing, concept), count, on);
            let best: Vec<_> = concept.units[..count]
                .iter()
                .map(|unit| json!({"unit": unit.number, "iou": round(unit.iou)}))
                .collect();
            rows.push(json!({
                "seed": seed, "concept": concept.name, "share": round(concept.share), "units": best,
                "removed": round(effect.removed), "removed_by_random": round(effect.removed_by_random),
                "at_place": round(effect.at_place), "inserted": round(effect.inserted),
                "inserted_by_random": round(effect.inserted_by_random),
            }));
            println!("      {}", rows[rows.len() - 1]);
            of_things.push([
                concept.units[0].iou,
                effect.removed,
                effect.removed_by_random,
                effect.inserted,
                effect.inserted_by_random,
            ]);
        }
        for (i, mean) in means.iter_mut().enumerate() {
            mean.push(of_things.iter().map(|figures| figures[i]).sum::<f64>() / of_things.len() as f64);
        }
        if seed == 0 {
            evidence.settings("scenes", settings(&run)?);
            evidence.settings(
                "dissection",
                json!({"layer": layer.name, "units": layer.extents[2], "replaced": count, "samples": 2 * HALF, "measured": MEASURED}),
            );
            let shown = without(&mut dissector, run.play(), &layer, &concepts, count);
            grid(&run, &shown, SHOWN, &picture("dissect")?)?;
        }
    }
    evidence.figure("things", rows);
    let [iou, removed, by_random, inserted, inserted_by_random] = means.each_ref().map(|values| median(values));
    evidence.check(
        "area of a thing that is gone without its best tenth of units, mean of 3 things, median of 3 seeds",
        ">= 50 %",
        format!("{:.1} %", 100.0 * removed),
        removed >= 0.5,
    );
    evidence.check(
        "the same without as many random units",
        "< 25 %",
        format!("{:.1} %", 100.0 * by_random),
        by_random < 0.25,
    );
    evidence.check(
        "a thing's share of the place where its units are put in / where random ones are, medians of 3 seeds",
        ">= 2",
        format!("{:.2}", inserted / inserted_by_random),
        inserted >= 2.0 * inserted_by_random,
    );
    evidence.figure = format!(
        "without a tenth of the units of a {SIDE}-pixel dcgan's middle layer {:.0} % of suns, trees and houses is gone, without random ones {:.0} %; put in, they take {:.0} % of a place, random ones {:.0} %; best IoU {iou:.2} (means of 3 things, medians of 3 seeds)",
        100.0 * removed,
        100.0 * by_random,
        100.0 * inserted,
        100.0 * inserted_by_random,
    );
    Ok(evidence)
}

/// Samples in a row.
const SHOWN: usize = 12;

/// Rows of samples: as they are, then without the units of each thing.
fn without(
    dissector: &mut Dissector,
    play: &mut ganymede::games::Play,
    layer: &UnitLayer,
    concepts: &[Concept],
    count: usize,
) -> Vec<f32> {
    let of_thing = |thing: usize| {
        let numbers: Vec<usize> = concepts[thing].units[..count].iter().map(|unit| unit.number).collect();
        Edit::ablate(layer, &numbers)
    };
    let edits = std::iter::once(Edit::none(layer)).chain(THINGS.map(of_thing));
    edits
        .flat_map(|edit| dissector.samples(play, HELD_OUT_SEED, SHOWN, &edit).0)
        .collect()
}

const _: () = assert!(CONCEPTS.len() == THINGS.end);
