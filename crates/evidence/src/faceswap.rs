//! `faceswap`: three pairs of persons, each drawn as the other in whole photographs. A demonstration on few grey faces, no benchmark: every
//! photograph was trained on. No photograph is written down.
use crate::Result;
use crate::faces::{distance, photographs};
use crate::record::{Evidence, median, round};
use crate::training::{self, Changes, order, settings};
use ganymede::data::Want;
use ganymede::deepfake::alignment::{Landmarks, Similarity, resampled};
use ganymede::deepfake::cutting::{SIDE, cut_out};
use ganymede::deepfake::faces::{Area, Faces};
use ganymede::deepfake::finding::{Which, find};
use ganymede::deepfake::plane::Plane;
use ganymede::deepfake::swapping::{Blending, changed};
use image::RgbImage;
use serde_json::json;

/// Persons of either side; the number of a pair is its seed.
const PAIRS: [[&str; 2]; 3] = [["s1", "s2"], ["s5", "s22"], ["s14", "s31"]];
const STEPS: u64 = 3_000;
/// Height and width that are drawn.
const DRAWN: usize = 48;
/// Narrower and faster than the paper's, for two processor cores.
const CHANGES: Changes = &[("width", "16"), ("batch", "8"), ("generator.learning_rate", "5e-4")];

/// A photograph with its face.
struct Shown {
    picture: RgbImage,
    landmarks: Landmarks,
}

impl Shown {
    /// Who it is, and the landmarks of the face where it lies upright, in parts of the distance between the eyes.
    fn upright(&self, picture: &RgbImage, faces: &mut Faces) -> Result<(Vec<f32>, Vec<[f64; 2]>)> {
        let upright = Similarity::upright(&self.landmarks, SIDE).ok_or("landmarks that are one point")?;
        let cut = resampled(&Plane::of(picture), &upright.inverse(), [SIDE, SIDE]).picture();
        let area = Area::of(&cut);
        let landmarks = faces.landmarks(&cut, area);
        // The eyes of an aligned face are 0.236 of its side apart.
        let unit = 0.236 * SIDE as f64;
        let landmarks = landmarks
            .iter()
            .map(|point| point.map(|x| f64::from(x) / unit))
            .collect();
        Ok((faces.identity(&cut, area).to_vec(), landmarks))
    }
}

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&[0, 1, 2]);
    let mut faces = Faces::open()?;
    let photographs = photographs()?;
    let cut = cut_out("orl-faces", &mut faces, Which::Largest, &mut |_| {})?;
    println!("      {}", cut.tally);
    let mut rows = vec![];
    let (mut nearer, mut farther, mut kept, mut others) = (vec![], vec![], vec![], vec![]);
    for (seed, persons) in PAIRS.iter().enumerate() {
        let of = |person: &str| format!("class:{person}:{}", cut.folder.display());
        let data = format!("unpaired:{},{}", of(persons[0]), of(persons[1]));
        let mut order = order("faceswap", &data, CHANGES, seed as u64, STEPS);
        order.want = Want {
            size: Some((DRAWN, DRAWN)),
            channels: Some(1),
            ..Want::default()
        };
        let mut run = training::train(&format!("faceswap-{seed}"), order)?;
        if seed == 0 {
            let mut settings = settings(&run)?;
            settings["data"] = "unpaired:class:s1:faces,class:s2:faces, cut out of orl-faces".into();
            evidence.settings("orl-faces", settings);
        }
        let mut shown = persons.map(|_| vec![]);
        for (person, shown) in persons.iter().zip(&mut shown) {
            let of_person = photographs
                .iter()
                .filter(|(name, _)| name.split('/').next() == Some(person));
            for (_, picture) in of_person {
                if let Ok(found) = find(&mut faces, picture, Which::Largest) {
                    shown.push(Shown {
                        picture: picture.clone(),
                        landmarks: found.landmarks,
                    });
                }
            }
        }
        let mut real = vec![];
        for shown in &shown {
            let all: Result<Vec<_>> = shown
                .iter()
                .map(|face| face.upright(&face.picture, &mut faces))
                .collect();
            real.push(all?);
        }
        for (side, function) in ["swap", "swap_back"].into_iter().enumerate() {
            let (mut to_target, mut to_source, mut moved, mut apart) = (vec![], vec![], vec![], vec![]);
            for (i, face) in shown[side].iter().enumerate() {
                let draw = &mut |x: &[f32]| run.play().apply(function, x);
                let swapped = changed(&face.picture, &face.landmarks, [DRAWN, 1], Blending::Seamless, draw);
                let (identity, landmarks) = face.upright(&swapped, &mut faces)?;
                let mean = |all: &[(Vec<f32>, Vec<[f64; 2]>)]| {
                    all.iter().map(|(other, _)| distance(&identity, other)).sum::<f64>() / all.len() as f64
                };
                to_target.push(mean(&real[1 - side]));
                to_source.push(mean(&real[side]));
                moved.push(between(&landmarks, &real[side][i].1));
                let rest = real[1 - side].iter().map(|(_, other)| between(&real[side][i].1, other));
                apart.push(median(&rest.collect::<Vec<_>>()));
            }
            let [target, source, moved, apart] = [&to_target, &to_source, &moved, &apart].map(|all| median(all));
            let row = json!({
                "from": persons[side], "to": persons[1 - side], "faces": shown[side].len(),
                "distance_to_target": round(target), "distance_to_source": round(source),
                "landmarks_moved": round(moved), "landmarks_of_another": round(apart),
            });
            println!("      {row}");
            rows.push(row);
            nearer.push(target);
            farther.push(source);
            kept.push(moved);
            others.push(apart);
        }
    }
    evidence.figure("pairs", rows);
    let wins = nearer
        .iter()
        .zip(&farther)
        .filter(|(target, source)| target < source)
        .count();
    let (target, source) = (median(&nearer), median(&farther));
    evidence.check(
        "identities are nearer to the target than to the source, medians over both ways of 3 pairs",
        "6 of 6",
        format!("{wins} of 6: {target:.3} against {source:.3}"),
        wins == 6,
    );
    let (moved, apart) = (median(&kept), median(&others));
    evidence.check(
        "landmarks stay where the source has them, in parts of the distance between the eyes",
        "<= half of the distance to another's",
        format!("{moved:.3} against {apart:.3}"),
        moved <= 0.5 * apart,
    );
    evidence.figure = format!(
        "in {wins} of 6 directions nearer to the target ({target:.3}) than to the source ({source:.3}); landmarks move by {moved:.3} of the \
         eyes' distance, where another's lie {apart:.3} away: a demonstration on grey faces that training saw"
    );
    Ok(evidence)
}

/// The mean distance between landmarks.
pub(crate) fn between(a: &[[f64; 2]], b: &[[f64; 2]]) -> f64 {
    let sum: f64 = a.iter().zip(b).map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1])).sum();
    sum / a.len() as f64
}
