//! Changes that are made once for all pictures: one for all (`uap`), a sticker (`patch`), what a generator makes (`advgan`). Each is
//! held to pictures that it was not made from, and beside noise of the same size.
use crate::Result;
use crate::attacks::{Ground, digits, draw, judged, run};
use crate::record::{Evidence, median, picture, round};
use ganymede::attacks::advgan::Advgan;
use ganymede::attacks::patch::{Patch, Sticker};
use ganymede::attacks::uap::{Uap, Universal};
use ganymede::attacks::{Aim, Attack, Target, Task};
use ganymede::engine::{DType, Key};
use ganymede::run::{Pictures, grid_png};
use serde_json::json;
use std::time::Instant;

const SEEDS: [u64; 3] = [0, 1, 2];

/// The share of pictures of which a target says another class than theirs.
fn fooled(target: &Target, pictures: &[f32], classes: &[usize]) -> f64 {
    let said = target.judge(classes.len()).says(pictures);
    let away = said.iter().zip(classes).filter(|(said, class)| said.class != **class);
    away.count() as f64 / classes.len() as f64
}

/// The share that it says this class of.
fn called(target: &Target, pictures: &[f32], class: usize) -> f64 {
    let said = target.judge(16).says(pictures);
    said.iter().filter(|said| said.class == class).count() as f64 / said.len() as f64
}

/// Pictures as a grid, from numbers in [0, 1].
fn show(name: &str, target: &Target, pictures: &[f32], columns: usize) -> Result<()> {
    let values: Vec<f32> = pictures.iter().map(|x| 2.0 * x - 1.0).collect();
    let [height, width, channels] = target.shape();
    let all = Pictures {
        values: &values,
        count: values.len() / target.floats(),
        height,
        width,
        channels,
    };
    let source = format!("adversarial images, attack {name}, target {}, seed 0", target.name());
    Ok(grid_png(&all, columns, &source, &picture(name)?)?)
}

const MADE_FROM: usize = 300;
/// The largest change of a pixel. At 0.3 random signs fool two digits of three, and leave little to be found.
const RADIUS: f64 = 0.2;
const HELD_OUT: usize = 500;

pub(crate) fn uap() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let target = digits()?;
    let (pictures, classes) = judged(&target, "mnist:train", MADE_FROM)?;
    let (other, other_classes) = judged(&target, "mnist:test", HELD_OUT)?;
    let uap = Uap {
        epsilon: RADIUS,
        share: 0.9,
        ..Uap::default()
    };
    let (mut own, mut held_out, mut noise, mut first) = (vec![], vec![], vec![], vec![]);
    for seed in SEEDS {
        let task = Task {
            pictures: pictures.clone(),
            classes: classes.clone(),
            aim: Aim::Away,
            seed,
        };
        let found = uap.find(&target, &task);
        own.push(fooled(&target, &found.on(&pictures), &classes));
        held_out.push(fooled(&target, &found.on(&other), &other_classes));
        let gathered = Uap { climbs: 0, ..uap }.find(&target, &task);
        first.push(fooled(&target, &gathered.on(&other), &other_classes));
        // The same number of every pixel, of random signs.
        let uniform = Key::new(DType::F32, seed, 1).uniform(0, &[784]).to_f32();
        let radius = RADIUS as f32;
        let change = uniform
            .into_iter()
            .map(|x| if x < 0.5 { -radius } else { radius })
            .collect();
        let random = Universal {
            change,
            gradients: 0,
            queries: 0,
        };
        noise.push(fooled(&target, &random.on(&other), &other_classes));
        if seed == 0 {
            let change: Vec<f32> = found.change.iter().map(|v| 0.5 + v / (2.0 * radius)).collect();
            let shown = [
                &change[..],
                &other[..8 * 784],
                &vec![0.5; 784],
                &found.on(&other[..8 * 784]),
            ]
            .concat();
            show("uap", &target, &shown, 9)?;
        }
    }
    evidence.settings(
        "uap",
        json!({"settings": uap, "made_from": MADE_FROM, "held_out": HELD_OUT, "target": target.name()}),
    );
    let all = [
        ("own", &own),
        ("held_out", &held_out),
        ("held_out_by_the_first_algorithm_alone", &first),
        ("random_signs", &noise),
    ];
    for (name, shares) in all {
        evidence.figure(
            &format!("fooled.{name}"),
            shares.iter().copied().map(round).collect::<Vec<_>>(),
        );
    }
    let [own, held_out, noise] = [&own, &held_out, &noise].map(|shares| median(shares));
    evidence.check(
        "fools what it was made from, median",
        ">= 0.8",
        format!("{own:.3}"),
        own >= 0.8,
    );
    evidence.check(
        "fools held-out digits twice as often as random signs of that size, median",
        &format!(">= {:.3}", 2.0 * noise),
        format!("{held_out:.3}"),
        held_out >= 2.0 * noise,
    );
    evidence.figure = format!(
        "one change of {RADIUS} in linf fools {:.0} % of held-out digits, random signs {:.0} %",
        100.0 * held_out,
        100.0 * noise
    );
    Ok(evidence)
}

/// ImageNet's toaster, which is the paper's.
const TOASTER: usize = 859;

pub(crate) fn patch() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&[0]);
    let Ground {
        target,
        pictures,
        labels,
    } = Ground::imagenet()?;
    let made_from = 12;
    let (own, other) = pictures.split_at(made_from * target.floats());
    let patch = Patch {
        side: 48,
        steps: 500,
        ..Patch::default()
    };
    let task = Task {
        pictures: own.to_vec(),
        classes: vec![TOASTER; made_from],
        aim: Aim::To,
        seed: 0,
    };
    let sticker = patch.find(&target, &task);
    let noise = Key::new(DType::F32, 0, 2).uniform(0, &[sticker.numbers.len()]).to_f32();
    let random = Sticker {
        numbers: noise,
        side: sticker.side,
    };
    // Held-out pictures with a sticker at five places each.
    let laid = |sticker: &Sticker| -> Vec<f32> {
        (1..=5)
            .flat_map(|place| patch.lay(&target, other, sticker, 1, place))
            .collect()
    };
    let (with, without) = (laid(&sticker), laid(&random));
    let held_out_labels = labels[made_from..].repeat(5);
    let (toasters, others) = (called(&target, &with, TOASTER), called(&target, &without, TOASTER));
    let (away, away_random) = (
        fooled(&target, &with, &held_out_labels),
        fooled(&target, &without, &held_out_labels),
    );
    evidence.settings("patch", json!({"settings": patch, "class": "toaster", "made_from": made_from, "held_out": labels.len() - made_from, "places": 5}));
    evidence.figure("called_toaster", json!({"patch": toasters, "random_sticker": others}));
    evidence.figure(
        "no_longer_what_it_was",
        json!({"patch": away, "random_sticker": away_random}),
    );
    show("patch", &target, &with[..4 * target.floats()], 4)?;
    evidence.check(
        "held-out pictures that are a toaster with the sticker",
        ">= 0.5",
        format!("{toasters:.3}"),
        toasters >= 0.5,
    );
    evidence.check(
        "and with a sticker of random colours",
        "<= 0.05",
        format!("{others:.3}"),
        others <= 0.05,
    );
    evidence.figure = format!(
        "{:.0} % of held-out pictures are a toaster with the sticker, {:.0} % with one of random colours",
        100.0 * toasters,
        100.0 * others
    );
    Ok(evidence)
}

pub(crate) fn advgan() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let target = digits()?;
    let (pictures, classes) = judged(&target, "mnist:test", HELD_OUT)?;
    let advgan = Advgan {
        data: "mnist:train".into(),
        steps: 800,
        ..Advgan::default()
    };
    let ground = Ground {
        target,
        pictures,
        labels: classes,
    };
    let target = &ground.target;
    let (mut shares, mut seconds, mut lengths) = (vec![], vec![], vec![]);
    for seed in SEEDS {
        let task = Task { seed, ..ground.task() };
        advgan.check(target, &task)?;
        let mut forger = advgan.train(target, &task);
        let start = Instant::now();
        let forged = forger.forged(&ground.pictures);
        seconds.push(start.elapsed().as_secs_f64());
        shares.push(fooled(target, &forged, &ground.labels));
        let length = |(is, was): (&[f32], &[f32])| {
            is.iter()
                .zip(was)
                .map(|(is, was)| f64::from(is - was).powi(2))
                .sum::<f64>()
                .sqrt()
        };
        let each: Vec<f64> = forged
            .chunks_exact(784)
            .zip(ground.pictures.chunks_exact(784))
            .map(length)
            .collect();
        lengths.push(median(&each));
        if seed == 0 {
            draw("advgan", &ground, &forged)?;
        }
    }
    let (outcomes, _, pgd_seconds) = run(
        "pgd",
        &[("epsilon", "0.3"), ("steps", "20"), ("step", "0.125")],
        &ground,
        &ground.task(),
    )?;
    let pgd = outcomes.iter().filter(|outcome| outcome.is_fooled).count() as f64 / HELD_OUT as f64;
    let pgd_length = median(&outcomes.iter().map(|outcome| outcome.l2).collect::<Vec<_>>());
    evidence.settings(
        "advgan",
        json!({"settings": advgan, "held_out": HELD_OUT, "target": target.name()}),
    );
    evidence.figure("fooled", json!({"advgan": shares, "pgd_20": pgd}));
    evidence.figure("median_l2", json!({"advgan": lengths, "pgd_20": pgd_length}));
    evidence.figure(
        "seconds_for_all",
        json!({"advgan": seconds.iter().copied().map(round).collect::<Vec<_>>(), "pgd_20": round(pgd_seconds)}),
    );
    let (share, ratio) = (median(&shares), pgd_seconds / median(&seconds));
    evidence.check(
        "fools held-out digits within 0.3 in linf, median",
        ">= 0.9",
        format!("{share:.3}"),
        share >= 0.9,
    );
    evidence.check(
        "a picture takes less time than by pgd of 20 steps, times",
        ">= 5",
        format!("{ratio:.1}"),
        ratio >= 5.0,
    );
    evidence.figure = format!(
        "{:.1} % of held-out digits fooled within 0.3 in linf, pgd {:.1} %, {ratio:.0} times as fast as that",
        100.0 * share,
        100.0 * pgd
    );
    Ok(evidence)
}
