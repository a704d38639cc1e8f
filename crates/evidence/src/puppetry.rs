//! `puppetry`: trained on photographs of 36 persons; of four others one photograph is moved as another of the same person lies. A
//! demonstration on grey faces; no photograph is written down.
use crate::Result;
use crate::faces::{distance, photographs};
use crate::faceswap::between;
use crate::record::{Evidence, median, root, round};
use crate::training::{self, Changes, order, settings};
use ganymede::data::{self, Want};
use ganymede::deepfake::faces::{Area, Faces};
use ganymede::deepfake::plane::Plane;
use std::fs;

/// Persons that training never sees.
const HELD_OUT: [&str; 4] = ["s3", "s12", "s27", "s38"];
const STEPS: u64 = 6_000;
const DRAWN: usize = 32;
/// Narrower and faster than the paper's, for two processor cores.
const CHANGES: Changes = &[
    ("width", "12"),
    ("points", "5"),
    ("blocks", "1"),
    ("batch", "8"),
    ("generator.learning_rate", "5e-4"),
];

/// Who a face is and where its landmarks are, in parts of the picture's side.
type Said = (Vec<f32>, Vec<[f64; 2]>);

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&[0]);
    let folder = root().join("target/evidence/data/persons");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    for (name, picture) in photographs()? {
        let person = name.split('/').next().unwrap_or_default();
        let of = if HELD_OUT.contains(&person) {
            "held-out"
        } else {
            "known"
        };
        let path = folder.join(of).join(&name).with_extension("png");
        fs::create_dir_all(path.parent().ok_or("a file lies in a folder")?)?;
        image::DynamicImage::ImageRgb8(picture).into_luma8().save(path)?;
    }
    let want = Want {
        size: Some((DRAWN, DRAWN)),
        channels: Some(1),
        ..Want::default()
    };
    let mut order = order(
        "puppetry",
        &format!("others:2:{}/known", folder.display()),
        CHANGES,
        0,
        STEPS,
    );
    order.want = want.clone();
    let mut run = training::train("puppetry-0", order)?;
    let mut as_set = settings(&run)?;
    as_set["data"] = "others:2: 36 persons of orl-faces".into();
    evidence.settings("orl-faces", as_set);

    let mut faces = Faces::open()?;
    let data = data::open(&format!("{}/held-out", folder.display()), &want)?;
    let mut all = vec![];
    for index in 0..data.len().unwrap_or(0) {
        let (values, person) = data.example(index)?;
        let said = said(&mut faces, &values);
        all.push((person, values, said));
    }
    let (mut made, mut left, mut own, mut others) = (vec![], vec![], vec![], vec![]);
    for (i, (person, driver, driver_said)) in all.iter().enumerate() {
        for (j, (other, source, source_said)) in all.iter().enumerate() {
            if i == j || person != other {
                continue;
            }
            let strip: Vec<f32> = (0..DRAWN)
                .flat_map(|y| {
                    [driver, source]
                        .into_iter()
                        .flat_map(move |x| x[y * DRAWN..(y + 1) * DRAWN].to_vec())
                })
                .collect();
            let (identity, landmarks) = said(&mut faces, &run.play().apply("drive", &strip));
            made.push(between(&landmarks, &driver_said.1));
            left.push(between(&source_said.1, &driver_said.1));
            own.push(distance(&identity, &source_said.0));
            let strangers = all.iter().filter(|(stranger, ..)| stranger != person);
            others.push(median(
                &strangers
                    .map(|(_, _, said)| distance(&identity, &said.0))
                    .collect::<Vec<_>>(),
            ));
        }
    }
    let [made, left, own, others] = [made, left, own, others].map(|all| (median(&all), all.len()));
    evidence.figure("pairs", made.1);
    let (made, left, own, others) = (made.0, left.0, own.0, others.0);
    evidence.figure("landmarks.moved", round(made));
    evidence.figure("landmarks.left", round(left));
    evidence.figure("identity.source", round(own));
    evidence.figure("identity.strangers", round(others));
    evidence.check(
        "landmarks come to where the driver has them, in parts of the picture's side, persons that training never saw",
        "<= 0.7 of the source left as it is",
        format!("{made:.4} against {left:.4}"),
        made <= 0.7 * left,
    );
    evidence.check(
        "identity stays the source's",
        "nearer than that of strangers",
        format!("{own:.3} against {others:.3}"),
        own < others,
    );
    evidence.figure = format!(
        "persons that training never saw: landmarks {made:.4} of the side from the driver's, where the source left as it is has {left:.4}; \
         identity {own:.3} from the source, {others:.3} from strangers (32 pixels, grey: a demonstration)"
    );
    Ok(evidence)
}

/// What is said of a small grey face.
fn said(faces: &mut Faces, values: &[f32]) -> Said {
    let small = Plane {
        shape: [DRAWN, DRAWN, 1],
        values: values.to_vec(),
    };
    let side = 150;
    let picture = image::imageops::resize(&small.picture(), side, side, image::imageops::FilterType::CatmullRom);
    let area = Area::of(&picture);
    let landmarks = faces
        .landmarks(&picture, area)
        .into_iter()
        .map(|point| point.map(|x| f64::from(x) / f64::from(side)));
    (faces.identity(&picture, area).to_vec(), landmarks.collect())
}
