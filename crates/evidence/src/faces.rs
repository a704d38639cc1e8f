//! `faces`: what is said of 400 photographs of faces, beside what face-api's own JavaScript says of them, and how well identities tell
//! persons apart. Only figures are written down: the photographs are nobody's to hand on.
use crate::Result;
use crate::record::{Evidence, median, root, round};
use ganymede::data;
use ganymede::data::frames::Frames;
use ganymede::deepfake::alignment::{Similarity, resampled};
use ganymede::deepfake::cutting::SIDE;
use ganymede::deepfake::faces::{Area, Faces};
use ganymede::deepfake::finding::{Tally, Which, find};
use ganymede::deepfake::plane::Plane;
use image::RgbImage;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the reference says, from `node reference/faces.mjs --folder FOLDER`.
const REFERENCE: &str = "target/evidence/data/faces.json";

/// The photographs by their names, such as `s1/1.pgm`.
pub(crate) fn photographs() -> Result<Vec<(String, RgbImage)>> {
    data::get("orl-faces", &mut |line| println!("      {line}"))?;
    data::get("face-api", &mut |line| println!("      {line}"))?;
    let mut all = vec![];
    Frames::open("orl-faces")?.each(&mut |name, picture| all.push((name.to_owned(), picture)))?;
    Ok(all)
}

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::default();
    let path = root().join(REFERENCE);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        format!("{error}: {REFERENCE}; make it with `node reference/faces.mjs --folder FOLDER`, see there")
    })?;
    let reference: BTreeMap<String, Value> = serde_json::from_str(&text)?;
    let mut faces = Faces::open()?;
    let mut apart: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
    let (mut other_counts, mut tally) = (0, Tally::default());
    let (mut whole, mut cut) = (vec![], vec![]);
    for (name, picture) in photographs()? {
        let said = reference
            .get(&name)
            .ok_or_else(|| format!("the reference knows no {name}"))?;
        let all = Area::of(&picture);
        let side = f64::from(picture.width().max(picture.height()));
        let mut compare = |what, got: &[f32], expected: &Value, unit: f64| -> Result<()> {
            let expected: Vec<f32> = serde_json::from_value(expected.clone())?;
            if got.len() != expected.len() {
                return Err(format!("{name}: {} numbers of {what} for {}", got.len(), expected.len()).into());
            }
            let most = got
                .iter()
                .zip(expected)
                .map(|(a, b)| f64::from((a - b).abs()) / unit)
                .fold(0.0, f64::max);
            apart.entry(what).or_default().push(most);
            Ok(())
        };
        compare(
            "landmarks",
            &faces.landmarks(&picture, all).concat(),
            &said["landmarks"],
            side,
        )?;
        compare("expression", &faces.expression(&picture, all), &said["expression"], 1.0)?;
        let identity = faces.identity(&picture, all);
        compare("identity", &identity, &said["identity"], 1.0)?;
        let found = faces.detect(&picture);
        let expected = said["faces"].as_array().ok_or("no list of faces")?;
        if found.len() == expected.len() {
            for (found, expected) in found.iter().zip(expected) {
                let area = found.area;
                let expected: Vec<f32> = serde_json::from_value(expected.clone())?;
                compare(
                    "boxes",
                    &[area.left, area.top, area.width, area.height],
                    &json!(expected[..4]),
                    side,
                )?;
            }
        } else {
            other_counts += 1;
        }
        let person = name.split('/').next().unwrap_or_default().to_owned();
        whole.push((person.clone(), identity.to_vec()));
        let found = find(&mut faces, &picture, Which::Largest);
        tally.note(&found);
        if let Some(upright) = found.ok().and_then(|found| Similarity::upright(&found.landmarks, SIDE)) {
            let aligned = resampled(&Plane::of(&picture), &upright.inverse(), [SIDE, SIDE]).picture();
            cut.push((person, faces.identity(&aligned, Area::of(&aligned)).to_vec()));
        }
    }
    let mut worst: f64 = 0.0;
    for (what, differences) in &apart {
        let largest = differences.iter().copied().fold(0.0, f64::max);
        worst = worst.max(largest);
        let row = json!({"largest": largest, "median": median(differences), "compared": differences.len()});
        evidence.figure(what, row);
    }
    evidence.figure("pictures_with_another_number_of_faces", other_counts);
    evidence.figure("found", serde_json::to_value(tally)?);
    let (whole, cut) = (auc(&whole), auc(&cut));
    evidence.figure("auc.whole_pictures", round(whole));
    evidence.figure("auc.cut_out", round(cut));
    evidence.check(
        "largest difference to face-api's JavaScript, of 400 photographs; pixels in parts of the longer side",
        "<= 0.001",
        format!("{worst:.1e}"),
        worst <= 1e-3 && other_counts == 0,
    );
    evidence.check(
        "faces that are cut out tell persons apart: AUC of same and different",
        "above that of whole pictures",
        format!("{cut:.3} against {whole:.3}"),
        cut > whole,
    );
    evidence.figure = format!(
        "largest difference to face-api's JavaScript on 400 photographs {worst:.1e}; AUC of same against different persons {cut:.3} of \
         faces cut out and aligned ({} of {} can be), {whole:.3} of whole pictures",
        tally.usable, tally.looked
    );
    Ok(evidence)
}

/// How often two pictures of one person are nearer than two of different ones.
fn auc(identities: &[(String, Vec<f32>)]) -> f64 {
    let mut distances = vec![];
    for (i, (person, a)) in identities.iter().enumerate() {
        for (other, b) in &identities[..i] {
            distances.push((distance(a, b), person == other));
        }
    }
    distances.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut different, mut nearer) = (0_u64, 0_u64);
    for (_, is_same) in distances.iter().rev() {
        match is_same {
            true => nearer += different,
            false => different += 1,
        }
    }
    let same = distances.len() as u64 - different;
    nearer as f64 / (same * different) as f64
}

/// The Euclidean distance.
pub(crate) fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| f64::from(a - b).powi(2))
        .sum::<f64>()
        .sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two of one person at 0 and 1, one of another at 3: of the pairs 1, 2 and 3 apart the same one is nearest; at 0.5 it is not.
    #[test]
    fn nearer_pairs_of_one_person_are_counted() {
        let at = |person: &str, place: f32| (person.to_owned(), vec![place]);
        assert_eq!(auc(&[at("a", 0.0), at("a", 1.0), at("b", 3.0)]), 1.0);
        assert_eq!(auc(&[at("a", 0.0), at("a", 1.0), at("b", 1.5)]), 0.5);
    }
}
