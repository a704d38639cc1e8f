//! `detect`: detectors of pictures on fakes of generators that they have seen and that they have not, boundaries on photographs of
//! others, and faces that are made frame by frame.
use crate::Result;
use crate::made::Numbers;
use crate::record::{Evidence, median, picture, round};
use crate::training::{self, Changes, order, samples, settings};
use ganymede::data::get::cache_folder;
use ganymede::data::{self, Want};
use ganymede::deepfake::detect::boundary::{Boundary, blended, ellipse};
use ganymede::deepfake::detect::calibration::expected_error;
use ganymede::deepfake::detect::spatial::Training;
use ganymede::deepfake::detect::temporal::{Track, identity_step, jitter};
use ganymede::deepfake::detect::{Judged, Pictures, Suite};
use ganymede::deepfake::faces::Faces;
use ganymede::metrics::auroc;
use ganymede::run::grid_png;
use image::imageops::{self, FilterType};
use image::{RgbImage, imageops::crop_imm};
use serde_json::json;
use std::path::{Path, PathBuf};

const SEEDS: [u64; 3] = [0, 1, 2];
/// Systems whose samples are trained on, and others, with how long they train.
const SEEN: [(&str, u64, Changes); 2] = [("dcgan", 400, &[("width", "16")]), ("vae", 800, &[("width", "256")])];
const UNSEEN: [(&str, u64, Changes); 2] = [
    ("lsgan", 400, &[("width", "16")]),
    ("gan", 1500, &[("networks", "dense"), ("width", "128")]),
];
pub(crate) const SHAPE: [usize; 3] = [28, 28, 1];
const EACH: usize = 1000;
const TESTED: usize = 600;

/// What a system makes of Fashion-MNIST after a short training.
pub(crate) fn fakes(
    evidence: &mut Evidence,
    run: &str,
    (system, steps, changes): (&str, u64, Changes),
    count: usize,
) -> Result<Vec<f32>> {
    let order = order(system, "fashion-mnist:train", changes, 0, steps);
    let mut training = training::train(&format!("{run}-{system}"), order)?;
    evidence.settings(system, settings(&training)?);
    let made = samples(training.play(), count);
    // As files have them.
    Ok(made
        .iter()
        .map(|x| ((x.clamp(-1.0, 1.0) + 1.0) * 127.5).round() / 127.5 - 1.0)
        .collect())
}

/// Pictures of clothes from number `first` on.
pub(crate) fn real(first: u64, count: usize) -> Result<Vec<f32>> {
    data::get("fashion-mnist", &mut |line| println!("      {line}"))?;
    let data = data::open("fashion-mnist:test", &Want::default())?;
    let read = (first..first + count as u64).map(|index| data.example(index).map(|(x, _)| x));
    Ok(read.collect::<std::result::Result<Vec<_>, _>>()?.concat())
}

fn of(values: &[f32]) -> Pictures<'_> {
    Pictures { values, shape: SHAPE }
}

type Part = (&'static str, fn(&Judged) -> f64);
const PARTS: [Part; 3] = [
    ("pixels", |said| said.spatial),
    ("waves", |said| said.frequency),
    ("both", |said| said.made),
];

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    data::get("fashion-mnist", &mut |line| println!("      {line}"))?;
    let mut seen = vec![];
    for system in SEEN {
        seen.push(fakes(&mut evidence, "detect", system, EACH + TESTED)?);
    }
    let unseen: Result<Vec<_>> = UNSEEN
        .iter()
        .map(|system| fakes(&mut evidence, "detect", *system, TESTED))
        .collect();
    let unseen = unseen?;
    let floats: usize = SHAPE.iter().product();
    let taught: Vec<f32> = seen.iter().flat_map(|made| &made[..EACH * floats]).copied().collect();
    let [real_taught, real_tested] = [real(0, 2 * EACH)?, real(5000, TESTED)?];
    let tested = SEEN
        .iter()
        .zip(&seen)
        .map(|((name, ..), made)| (*name, true, &made[EACH * floats..]));
    let tested = tested.chain(
        UNSEEN
            .iter()
            .zip(&unseen)
            .map(|((name, ..), made)| (*name, false, &made[..])),
    );
    let tested: Vec<_> = tested.collect();
    let mut areas = std::collections::BTreeMap::<(String, &str), Vec<f64>>::new();
    let mut errors = [vec![], vec![]];
    for seed in SEEDS {
        let training = Training {
            steps: 300,
            seed,
            against: None,
        };
        let suite = Suite::train(of(&real_taught), of(&taught), training, &mut |name, step, loss| {
            if step % 200 == 0 {
                println!("      {name}: step {step}, loss {loss:.3}");
            }
        })?;
        let of_real = suite.judge(of(&real_tested));
        for (name, is_seen, made) in &tested {
            let of_fake = suite.judge(of(made));
            for (part, number) in PARTS {
                let [a, b] =
                    [&of_real, &of_fake].map(|all| all.iter().map(|said| number(said) as f32).collect::<Vec<_>>());
                areas.entry(((*name).to_owned(), part)).or_default().push(auroc(&a, &b));
            }
            let [a, b] = [&of_real, &of_fake].map(|all| all.iter().map(|said| said.made).collect::<Vec<_>>());
            errors[usize::from(!is_seen)].push(expected_error(&a, &b));
        }
    }
    let middle = |name: &str, part| median(&areas[&(name.to_owned(), part)]);
    for (name, is_seen, _) in &tested {
        let parts = PARTS.map(|(part, _)| {
            (
                part,
                json!({"median": round(middle(name, part)), "seeds": areas[&((*name).to_owned(), part)]}),
            )
        });
        let parts: serde_json::Map<_, _> = parts
            .into_iter()
            .map(|(part, value)| (part.to_owned(), value))
            .collect();
        let kind = if *is_seen { "seen" } else { "unseen" };
        evidence.figure(&format!("auroc.{kind}.{name}"), parts);
    }
    let mut words = vec![];
    for (name, ..) in UNSEEN {
        let area = middle(name, "both");
        let claim = if name == "lsgan" {
            "AUROC on lsgan, a generator that training never saw"
        } else {
            "AUROC on a dense gan, unlike any generator that training saw"
        };
        evidence.check(claim, ">= 0.9, median of 3 seeds", format!("{area:.3}"), area >= 0.9);
        words.push(format!("{name} {area:.3}"));
    }
    let [calibrated, beyond] = errors.map(|errors| median(&errors));
    evidence.check(
        "calibration error on fakes of generators that were seen",
        "< 0.05, median",
        format!("{calibrated:.3}"),
        calibrated < 0.05,
    );
    evidence.figure("calibration_error.unseen", round(beyond));
    let boundary = boundaries(&mut evidence)?;
    let frames = frames(&mut evidence)?;
    evidence.figure = format!(
        "AUROC on generators that training never saw: {}; calibration error {calibrated:.3} on seen, {beyond:.3} on unseen; boundaries {boundary:.3}; {frames}",
        words.join(", ")
    );
    Ok(evidence)
}

/// Pieces of photographs, 32 pixels a side, as the camera has left them: what is scaled down has no noise of its own any more.
fn pieces(name: &str, count: usize) -> Result<Vec<f32>> {
    data::get(name, &mut |line| println!("      {line}"))?;
    let folder = cache_folder()?.join("data").join(name);
    let files = [folder.join("train"), folder.join("test")]
        .into_iter()
        .filter(|folder| folder.is_dir());
    let mut photographs = vec![];
    for path in files.flat_map(|folder| named(&folder, ".jpg")) {
        photographs.push(image::open(path)?.into_rgb8());
    }
    let mut places = Numbers(0);
    let piece = |k: usize| -> Vec<f32> {
        let photograph = &photographs[k % photographs.len()];
        let [x, y] = [photograph.width(), photograph.height()].map(|side| (places.draw() * (side - 32) as f32) as u32);
        let piece = crop_imm(photograph, x, y, 32, 32).to_image();
        piece.iter().map(|level| f32::from(*level) / 127.5 - 1.0).collect()
    };
    Ok((0..count).flat_map(piece).collect())
}

/// The files of a folder whose names hold these letters, in the order of their names.
fn named(folder: &Path, letters: &str) -> Vec<PathBuf> {
    let files = folder.read_dir().into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = files.map(|file| file.path()).collect();
    paths.retain(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().contains(letters))
    });
    paths.sort();
    paths
}

/// A square with a soft edge: not the masks that the detector learns from.
fn soft_square(seed: usize) -> Vec<f32> {
    let half = 5.0 + (seed % 5) as f32;
    let centre = [12.0 + (seed * 5 % 9) as f32, 12.0 + (seed * 3 % 9) as f32];
    let value = |i: usize| {
        let away = ((i / 32) as f32 - centre[0])
            .abs()
            .max(((i % 32) as f32 - centre[1]).abs());
        1.0 / (1.0 + ((away - half) / 0.8).exp())
    };
    (0..32 * 32).map(value).collect()
}

/// Boundaries in photographs that the detector has not seen, of masks of the kind that it has and of another.
fn boundaries(evidence: &mut Evidence) -> Result<f64> {
    let shape = [32, 32, 3];
    let floats = 32 * 32 * 3;
    let [taught, fresh] = [pieces("landscapes", 1500)?, pieces("landscapes-held-out", 400)?];
    let mut areas = [vec![], vec![]];
    for seed in SEEDS {
        let detector = Boundary::train(Pictures { values: &taught, shape }, 900, seed, &mut |step, loss| {
            if step % 300 == 0 {
                println!("      boundary: step {step}, loss {loss:.3}");
            }
        });
        let of_whole = detector.scores(Pictures { values: &fresh, shape });
        for (kind, areas) in areas.iter_mut().enumerate() {
            let blend = |i: usize| {
                let [one, other] = [i, (i + 1) % 400].map(|i| &fresh[i * floats..][..floats]);
                let mask = if kind == 0 {
                    ellipse([32, 32], 1_000_003 + i as u64)
                } else {
                    soft_square(i)
                };
                blended(other, one, &mask)
            };
            let blends: Vec<f32> = (0..400).flat_map(blend).collect();
            areas.push(auroc(&of_whole, &detector.scores(Pictures { values: &blends, shape })));
        }
        if seed == 0 {
            draw(&detector)?;
        }
    }
    let [known, other] = areas.each_ref().map(|areas| median(areas));
    evidence.figure("auroc.boundary.ellipses", areas[0].clone());
    evidence.figure("auroc.boundary.squares", areas[1].clone());
    evidence.check(
        "AUROC of boundaries, ellipses in photographs not seen",
        ">= 0.8, median of 3 seeds",
        format!("{known:.3}"),
        known >= 0.8,
    );
    evidence.check(
        "the same, with squares, which it never saw",
        ">= 0.7, median of 3 seeds",
        format!("{other:.3}"),
        other >= 0.7,
    );
    Ok(known)
}

/// A photograph put together of two, and where the boundary is seen.
fn draw(detector: &Boundary) -> Result<()> {
    data::get("attack-images", &mut |line| println!("      {line}"))?;
    let paths = named(&cache_folder()?.join("data/attack-images"), "imagenet_");
    let read = |path: &PathBuf| -> Result<Vec<f32>> {
        let picture = crop_imm(&image::open(path)?.into_rgb8(), 48, 48, 128, 128).to_image();
        Ok(picture.iter().map(|level| f32::from(*level) / 127.5 - 1.0).collect())
    };
    let mut values = vec![];
    for (k, pair) in paths.chunks_exact(2).take(3).enumerate() {
        let [one, other] = [read(&pair[0])?, read(&pair[1])?];
        let mask = ellipse([128, 128], k as u64 + 3);
        let put = blended(&other, &one, &mask);
        let shape = [128, 128, 3];
        let map = detector.maps(Pictures { values: &put, shape });
        let truth = mask.iter().map(|m| 8.0 * m * (1.0 - m) - 1.0);
        values.extend(&put);
        values.extend(map.iter().flat_map(|m| [2.0 * m - 1.0; 3]));
        values.extend(truth.flat_map(|m| [m; 3]));
    }
    let all = ganymede::run::Pictures {
        values: &values,
        count: 9,
        height: 128,
        width: 128,
        channels: 3,
    };
    Ok(grid_png(
        &all,
        3,
        &"pictures put together of two, where a detector sees it, where it is".to_owned(),
        &picture("detect")?,
    )?)
}

/// Frames of a made film.
const FRAMES: u32 = 12;

/// Films of one picture that moves, and the same where every other frame has another picture of the same person inside a mask.
fn frames(evidence: &mut Evidence) -> Result<String> {
    data::get("face-api", &mut |line| println!("      {line}"))?;
    let want = Want {
        channels: Some(3),
        ..Want::default()
    };
    data::get("orl-faces", &mut |line| println!("      {line}"))?;
    let data = data::open("orl-faces", &want)?;
    let shape = data.shape().picture().ok_or("faces are pictures")?;
    let [height, width, _] = shape;
    let read = |index: u64| -> Result<Vec<f32>> { Ok(data.example(index)?.0) };
    let mut faces = Faces::open()?;
    let mut numbers = [[vec![], vec![]], [vec![], vec![]]];
    let mut used = 0;
    for person in 0..20 {
        let [one, other] = [read(person * 10)?, read(person * 10 + 4)?];
        let put = blended(&other, &one, &ellipse([height, width], 12));
        let tracks = [false, true].map(|is_fake| {
            let film: Vec<RgbImage> = (0..FRAMES)
                .map(|t| frame(if is_fake && t % 2 == 1 { &put } else { &one }, shape, t))
                .collect();
            Track::of(&film, &mut faces)
        });
        if tracks.iter().any(|track| track.missed > 2) {
            continue;
        }
        used += 1;
        for (kind, track) in tracks.iter().enumerate() {
            numbers[0][kind].push(jitter(&track.landmarks) as f32);
            numbers[1][kind].push(identity_step(&track.identities) as f32);
        }
    }
    if used == 0 {
        return Err("no face was found in any film".into());
    }
    let [jitter, step] = numbers.map(|[still, fake]| auroc(&still, &fake));
    evidence.figure("films.people", used);
    evidence.check(
        "AUROC of landmarks' jitter on made films",
        ">= 0.8",
        format!("{jitter:.3} of {used} people"),
        jitter >= 0.8,
    );
    evidence.check(
        "AUROC of steps of identity on made films",
        ">= 0.8",
        format!("{step:.3}"),
        step >= 0.8,
    );
    Ok(format!("made films by jitter {jitter:.3}, by identity {step:.3}"))
}

/// A picture, three times as large, on grey, at a place that moves with time.
fn frame(picture: &[f32], [height, width, _]: [usize; 3], t: u32) -> RgbImage {
    let levels = picture.iter().map(|x| ((x + 1.0) * 127.5).round() as u8).collect();
    let small = RgbImage::from_raw(width as u32, height as u32, levels).expect("a picture of this size");
    let large = imageops::resize(&small, 3 * width as u32, 3 * height as u32, FilterType::CatmullRom);
    let mut frame = RgbImage::from_pixel(480, 480, image::Rgb([128; 3]));
    imageops::replace(&mut frame, &large, i64::from(40 + 6 * t), i64::from(30 + 4 * t));
    crop_imm(&frame, 0, 0, 480, 480).to_image()
}
