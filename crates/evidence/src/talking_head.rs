//! `talking_head`: trained on 32 persons, tuned to eight others from one picture and from eight, and asked for their other pictures by
//! landmarks. A demonstration on grey faces; no photograph is written down.
use crate::Result;
use crate::faces::distance;
use crate::faceswap::between;
use crate::record::{Evidence, median, root, round};
use crate::training::{self, Changes, order, settings};
use ganymede::data::{self, Want};
use ganymede::deepfake::cutting::{SIDE, cut_out};
use ganymede::deepfake::faces::{Area, Faces};
use ganymede::deepfake::finding::Which;
use ganymede::deepfake::plane::Plane;
use ganymede::run::{Order, Training};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Persons that training never sees.
const HELD_OUT: [&str; 8] = ["s3", "s7", "s12", "s18", "s23", "s27", "s33", "s38"];
/// Pictures of a person that it is tuned to; the others are what is asked for.
const SHOTS: [usize; 2] = [1, 8];
const MOST_SHOTS: usize = 8;
/// Pictures beside each in training.
const BESIDE: usize = 3;
const STEPS: u64 = 4_000;
/// For each picture that it is tuned to, as the paper counts by epochs.
const TUNING_STEPS: u64 = 20;
const DRAWN: usize = 32;
/// Narrower and faster than the paper's, for two processor cores.
const CHANGES: Changes = &[
    ("width", "16"),
    ("embedding", "64"),
    ("blocks", "2"),
    ("batch", "12"),
    ("generator.learning_rate", "5e-4"),
    ("discriminator.learning_rate", "5e-4"),
];
const TUNING: Changes = &[
    ("width", "16"),
    ("embedding", "64"),
    ("blocks", "2"),
    ("batch", "8"),
    ("few_shot", "true"),
    ("generator.learning_rate", "2e-4"),
    ("discriminator.learning_rate", "2e-4"),
];

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&[0]);
    data::get("orl-faces", &mut |line| println!("      {line}"))?;
    data::get("face-api", &mut |line| println!("      {line}"))?;
    let mut faces = Faces::open()?;
    let cut = cut_out("orl-faces", &mut faces, Which::Largest, &mut |_| {})?;
    let table = fs::read_to_string(cut.folder.join("labels.csv"))?;
    let person = |row: &str| row.split(',').nth(1).unwrap_or_default().trim_matches('"').to_owned();
    let rows = || table.lines().skip(1);
    let known: Vec<&str> = rows().filter(|row| !HELD_OUT.contains(&person(row).as_str())).collect();
    let persons = {
        let mut all: Vec<String> = known.iter().map(|row| person(row)).collect();
        all.sort();
        all.dedup();
        all.len()
    };
    let trained_on = part(&cut.folder, &table, "heads", &known)?;
    let name = "talking_head-0";
    let trained = training::train(name, on(&trained_on, BESIDE, CHANGES, STEPS))?;
    let mut as_set = settings(&trained)?;
    as_set["data"] = format!("heads:{BESIDE}: faces of {persons} persons, cut out of orl-faces").into();
    evidence.settings("orl-faces", as_set);
    let from = root().join("target/evidence").join(name);
    drop(trained);
    let mut table_of_figures = vec![];
    // Identity and landmarks: before tuning and after, of one picture and of eight.
    let mut medians = vec![];
    for shots in SHOTS {
        for is_tuned in [false, true] {
            let (mut identities, mut landmarks) = (vec![], vec![]);
            for held_out in HELD_OUT {
                let own: Vec<&str> = rows().filter(|row| person(row) == held_out).collect();
                if own.len() <= MOST_SHOTS {
                    return Err(format!("{held_out} has {} faces, too few", own.len()).into());
                }
                let shown = part(&cut.folder, &table, &format!("head-{held_out}-{shots}"), &own[..shots])?;
                let asked = part(
                    &cut.folder,
                    &table,
                    &format!("head-{held_out}-asked"),
                    &own[MOST_SHOTS..],
                )?;
                let steps = if is_tuned { TUNING_STEPS * shots as u64 } else { 1 };
                let persons = persons.to_string();
                let rate: Changes = if is_tuned {
                    &[]
                } else {
                    &[("generator.learning_rate", "1e-12")]
                };
                let changes = [TUNING, &[("persons", persons.as_str())], rate].concat();
                let beside = (shots - 1).max(1);
                let mut tuned = tune(
                    &from,
                    &format!("head-{held_out}-{shots}-{is_tuned}"),
                    on(&shown, beside, &changes, steps),
                )?;
                let (identity, away) = measure(&mut tuned, &mut faces, &shown, &asked, shots)?;
                identities.push(identity);
                landmarks.push(away);
            }
            let row = json!({
                "pictures": shots, "tuned": is_tuned,
                "identity": identities.iter().map(|x| round(*x)).collect::<Vec<_>>(),
                "landmarks": landmarks.iter().map(|x| round(*x)).collect::<Vec<_>>(),
            });
            println!("      {row}");
            table_of_figures.push(row);
            medians.push((median(&identities), median(&landmarks)));
        }
    }
    evidence.figure("held_out_persons", table_of_figures);
    let [_, (identity_1, landmarks_1), (untuned, _), (identity_8, landmarks_8)] = medians[..] else {
        return Err("two numbers of pictures, each before tuning and after".into());
    };
    evidence.check(
        "distance of identities to the person's other pictures falls from K = 1 to K = 8, median of 8 persons",
        "K = 8 below K = 1",
        format!("{identity_8:.3} against {identity_1:.3}"),
        identity_8 < identity_1,
    );
    evidence.check(
        "error of landmarks falls from K = 1 to K = 8, in parts of the distance between the eyes",
        "K = 8 below K = 1",
        format!("{landmarks_8:.3} against {landmarks_1:.3}"),
        landmarks_8 < landmarks_1,
    );
    evidence.check(
        "tuning to eight pictures brings identities nearer",
        "below untuned",
        format!("{identity_8:.3} against {untuned:.3}"),
        identity_8 < untuned,
    );
    evidence.figure = format!(
        "persons that training never saw, from 1 and from 8 pictures: identity {identity_1:.3} and {identity_8:.3} away, landmarks \
         {landmarks_1:.3} and {landmarks_8:.3} of the eyes' distance (8 persons, 32 pixels, grey: a demonstration)"
    );
    Ok(evidence)
}

/// Faces with their landmarks, `beside` others of the person beside each.
fn on(folder: &Path, beside: usize, changes: Changes, steps: u64) -> Order {
    let mut order = order(
        "talking_head",
        &format!("heads:{beside}:{}", folder.display()),
        changes,
        0,
        steps,
    );
    order.want = Want {
        size: Some((DRAWN, DRAWN)),
        channels: Some(1),
        ..Want::default()
    };
    order
}

/// A folder with some of the faces and their rows of the table.
fn part(cut: &Path, table: &str, name: &str, rows: &[&str]) -> Result<PathBuf> {
    let folder = root().join("target/evidence/data").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let titles = table.lines().next().unwrap_or_default();
    fs::write(folder.join("labels.csv"), [&[titles], rows].concat().join("\n") + "\n")?;
    for row in rows {
        let file = row.split(',').next().unwrap_or_default();
        fs::copy(cut.join(file), folder.join(file))?;
    }
    Ok(folder)
}

/// A run that begins with the weights of another.
fn tune(from: &Path, name: &str, order: Order) -> Result<Training> {
    let path = root().join("target/evidence").join(name);
    if path.exists() {
        fs::remove_dir_all(&path)?;
    }
    let mut training = Training::begin_with(order, &path, from)?.watched(false);
    training.run(&OnceLock::new(), &mut |_| {})?;
    Ok(training)
}

/// How far identities and landmarks of what is drawn lie from those of the pictures that are asked for.
fn measure(run: &mut Training, faces: &mut Faces, shown: &Path, asked: &Path, shots: usize) -> Result<(f64, f64)> {
    let want = Want {
        size: Some((DRAWN, DRAWN)),
        channels: Some(1),
        ..Want::default()
    };
    // The pictures that it was tuned to stand beside the drawing of each that is asked for.
    let shown = data::open(&shown.display().to_string(), &want)?;
    let asked = data::open(&format!("heads:1:{}", asked.display()), &want)?;
    let (mut identities, mut landmarks) = (vec![], vec![]);
    for index in 0..asked.len().unwrap_or(0) {
        let (real, _) = asked.example(index)?;
        let mut beside = vec![0.0; asked.extras()[0].floats()];
        asked.read_extra(0, index, &mut beside)?;
        let mut tiles = vec![
            beside
                .chunks_exact(2 * DRAWN)
                .flat_map(|row| row[..DRAWN].to_vec())
                .collect::<Vec<f32>>(),
        ];
        for shot in 0..(shots - 1).max(1) as u64 {
            tiles.push(shown.example(shot)?.0);
        }
        let strip: Vec<f32> = (0..DRAWN)
            .flat_map(|y| {
                tiles
                    .iter()
                    .flat_map(move |tile| tile[y * DRAWN..(y + 1) * DRAWN].to_vec())
            })
            .collect();
        let drawn = run.play().apply("talk", &strip);
        let mut said = |values: &[f32]| {
            let small = Plane {
                shape: [DRAWN, DRAWN, 1],
                values: values.to_vec(),
            };
            let side = SIDE as u32;
            let picture =
                image::imageops::resize(&small.picture(), side, side, image::imageops::FilterType::CatmullRom);
            let area = Area::of(&picture);
            let unit = 0.236 * SIDE as f64;
            let landmarks: Vec<[f64; 2]> = faces
                .landmarks(&picture, area)
                .iter()
                .map(|point| point.map(|x| f64::from(x) / unit))
                .collect();
            (faces.identity(&picture, area).to_vec(), landmarks)
        };
        let (drawn, real) = (said(&drawn), said(&real));
        identities.push(distance(&drawn.0, &real.0));
        landmarks.push(between(&drawn.1, &real.1));
    }
    Ok((median(&identities), median(&landmarks)))
}
