//! `provenance`: whether the watermark survives what happens to pictures, on photographs, faces, drawings and clothes of many
//! sizes, how faint it is, and how often it is seen where it is not.
use crate::Result;
use crate::record::{Evidence, picture, round};
use ganymede::data::get::cache_folder;
use ganymede::data::{self, Fit, Want};
use ganymede::metrics::ssim::psnr;
use ganymede::provenance::watermark::{CERTAIN, KNOWN, MESSAGE_BYTES, ROOM, false_alarm, mark, read};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use serde_json::json;

/// Sides of the pictures that are marked, in pixels.
const SIDES: [u32; 8] = [28, 32, 48, 64, 96, 128, 160, 256];
/// From which on every mark is to survive.
const SURVIVES_FROM: u32 = 128;
/// Pictures of each set and size.
const COUNT: u64 = 24;
/// Sets whose pictures are marked.
const MARKED: [&str; 4] = ["landscapes", "orl-faces", "emoji-google", "fashion-mnist"];
/// Sets whose pictures are not, and how many of each are looked at; photographs are cut into pieces.
const UNMARKED: [(&str, u64); 3] = [("orl-faces", 400), ("emoji-google", 3000), ("fashion-mnist", 10_000)];
const SAID: [u8; MESSAGE_BYTES] = *b"marked";

type Change = (&'static str, fn(&RgbImage) -> RgbImage);

/// What happens to pictures; filters take turns, so that the reader cannot know them.
const CHANGES: [Change; 10] = [
    ("nothing", |picture| picture.clone()),
    ("jpeg 70", |picture| jpeg(picture)),
    ("x0.5", |picture| resized(picture, 0.5, FilterType::Triangle)),
    ("x0.5 and back", |picture| back(picture, 0.5, FilterType::Lanczos3)),
    ("x0.75", |picture| resized(picture, 0.75, FilterType::CatmullRom)),
    ("x0.75 and back", |picture| back(picture, 0.75, FilterType::Triangle)),
    ("x1.5", |picture| resized(picture, 1.5, FilterType::Lanczos3)),
    ("x1.5 and back", |picture| back(picture, 1.5, FilterType::CatmullRom)),
    ("x0.5, jpeg 70", |picture| {
        jpeg(&resized(picture, 0.5, FilterType::Triangle))
    }),
    ("jpeg 70, x1.5", |picture| {
        resized(&jpeg(picture), 1.5, FilterType::Triangle)
    }),
];

fn jpeg(picture: &RgbImage) -> RgbImage {
    let mut bytes = vec![];
    let encoded = JpegEncoder::new_with_quality(&mut bytes, 70).encode_image(picture);
    encoded.expect("a picture that can be encoded");
    image::load_from_memory(&bytes)
        .expect("what was just encoded")
        .into_rgb8()
}

fn resized(picture: &RgbImage, factor: f64, filter: FilterType) -> RgbImage {
    let [width, height] = [picture.width(), picture.height()].map(|side| (f64::from(side) * factor).round() as u32);
    imageops::resize(picture, width, height, filter)
}

fn back(picture: &RgbImage, factor: f64, filter: FilterType) -> RgbImage {
    imageops::resize(
        &resized(picture, factor, filter),
        picture.width(),
        picture.height(),
        filter,
    )
}

/// Pictures of a set at a size, evenly spread over it.
fn pictures(name: &str, side: u32, count: u64) -> Result<Vec<RgbImage>> {
    let want = Want {
        size: Some((side as usize, side as usize)),
        channels: Some(3),
        fit: Fit::CenterCrop,
        ..Want::default()
    };
    let data = data::open(name, &want)?;
    let all = data.len().unwrap_or(count);
    let of_index = |k: u64| -> Result<RgbImage> {
        let (x, _) = data.example(k * all / count.min(all))?;
        let levels = x.iter().map(|x| ((x + 1.0) * 127.5).round() as u8).collect();
        Ok(RgbImage::from_raw(side, side, levels).ok_or("a picture of another size")?)
    };
    (0..count.min(all)).map(of_index).collect()
}

fn shape(picture: &RgbImage) -> [usize; 3] {
    [picture.height() as usize, picture.width() as usize, 3]
}

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&[]);
    for name in MARKED {
        data::get(name, &mut |line| println!("      {line}"))?;
    }
    let mut faintest = f64::INFINITY;
    let (mut wrong, mut asked, mut lost, mut sent, mut found_all) = (0, 0, 0, 0, true);
    let mut by_size = vec![];
    for side in SIDES {
        let mut rows = serde_json::Map::new();
        let mut ratios = vec![];
        let mut tally = vec![(0, 0, 0, 0); CHANGES.len()];
        for name in MARKED {
            for plain in pictures(name, side, COUNT)? {
                let mut marked = plain.clone();
                mark(&mut marked, shape(&plain), SAID);
                let [was, is] = [&plain, &marked].map(|p| {
                    p.iter()
                        .map(|level| f32::from(*level) / 127.5 - 1.0)
                        .collect::<Vec<f32>>()
                });
                ratios.push(psnr(&was, &is));
                for ((_, change), (count, seen, bits, messages)) in CHANGES.iter().zip(&mut tally) {
                    let changed = change(&marked);
                    let reading = read(&changed, shape(&changed));
                    *count += 1;
                    *seen += usize::from(reading.is_marked());
                    *bits += KNOWN - reading.matching;
                    *messages += usize::from(reading.message == Some(SAID));
                }
            }
        }
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        faintest = faintest.min(least);
        for ((what, _), (count, seen, bits, messages)) in CHANGES.iter().zip(&tally) {
            let error = *bits as f64 / (KNOWN * count) as f64;
            rows.insert(
                (*what).into(),
                json!({"found": seen, "of": count, "bit_error": round(error), "messages": messages}),
            );
            if side >= SURVIVES_FROM && CHANGES[..8].iter().any(|(name, _)| name == what) {
                (wrong, asked) = (wrong + bits, asked + KNOWN * count);
                found_all &= seen == count && error < 0.01;
                if side as usize >= ROOM {
                    lost += count - messages;
                    sent += count;
                }
            }
        }
        let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
        evidence.figure(&format!("survival.{side}px"), rows.clone());
        evidence.figure(
            &format!("psnr_db.{side}px"),
            json!({"least": round(least), "mean": round(mean)}),
        );
        by_size.push((side, rows));
    }
    evidence.check(
        "bit error after each of JPEG 70, x0.5, x0.75, x1.5, and back, 128 pixels and more",
        "< 1 % each, and every mark found",
        format!("{:.3} % over all", 100.0 * wrong as f64 / f64::from(asked as u32)),
        found_all,
    );
    evidence.check(
        "messages lost there, of pictures with room for one",
        "none",
        format!("{lost} of {sent}, {ROOM} pixels and more"),
        lost == 0,
    );
    evidence.check(
        "PSNR of marked pictures, the least",
        ">= 40 dB",
        format!("{faintest:.2} dB"),
        faintest >= 40.0,
    );
    let enough = |rows: &serde_json::Map<String, serde_json::Value>| {
        CHANGES[..8]
            .iter()
            .all(|(what, _)| rows[*what]["found"].as_f64() >= rows[*what]["of"].as_f64().map(|of| 0.99 * of))
    };
    let least = by_size
        .iter()
        .rev()
        .take_while(|(_, rows)| enough(rows))
        .last()
        .map(|(side, _)| *side);
    evidence.figure("least_side_found_99_of_100", json!(least));
    unmarked(&mut evidence)?;
    draw()?;
    evidence.figure = format!(
        "every mark on pictures of 128 pixels and more survives JPEG 70 and resizing: {} ({:.3} % of bits wrong); at least {faintest:.1} dB; \
         found in 99 of 100 from {} pixels on; threshold of false alarms {CERTAIN:.0e}",
        if found_all { "yes" } else { "no" },
        100.0 * wrong as f64 / f64::from(asked as u32),
        least.map_or("no number of".to_owned(), |side| side.to_string()),
    );
    Ok(evidence)
}

/// Looks for marks where there are none.
fn unmarked(evidence: &mut Evidence) -> Result<()> {
    let mut histogram = vec![0_usize; KNOWN + 1];
    let mut alarms = 0;
    let mut look = |picture: &RgbImage| {
        let reading = read(picture, shape(picture));
        histogram[reading.matching] += 1;
        alarms += usize::from(reading.is_marked());
    };
    let photographs = pictures("landscapes", 1024, 64)?;
    for photograph in &photographs {
        for side in [48, 64, 128, 256] {
            for (x, y) in (0..1024)
                .step_by(128)
                .flat_map(|x| (0..1024).step_by(128).map(move |y| (x, y)))
            {
                if x + side <= 1024 && y + side <= 1024 {
                    look(&imageops::crop_imm(photograph, x, y, side, side).to_image());
                }
            }
        }
    }
    for (name, count) in UNMARKED {
        pictures(name, 64, count)?.iter().for_each(&mut look);
    }
    let looked: usize = histogram.iter().sum();
    let most = histogram.iter().rposition(|count| *count > 0).unwrap_or(0);
    evidence.figure("unmarked.photographs", photographs.len());
    evidence.figure("unmarked.bits", json!(histogram));
    let needed = (0..=KNOWN)
        .find(|bits| false_alarm(*bits) < CERTAIN)
        .ok_or("no number of bits is enough")?;
    let mean = histogram
        .iter()
        .enumerate()
        .map(|(bits, count)| bits * count)
        .sum::<usize>() as f64
        / looked as f64;
    evidence.check(
        "false alarms on unmarked pictures and pieces of photographs",
        "none",
        format!("{alarms} of {looked}, at most {most} of {KNOWN} bits, where {needed} are needed"),
        alarms == 0,
    );
    evidence.check(
        "probability of a false alarm, the binomial tail times the ways of looking",
        "< 1e-6, and unmarked pictures have less than 26 of 40 bits on average",
        format!(
            "{:.1e} at {needed} of {KNOWN} bits; {mean:.2} bits on average",
            false_alarm(needed)
        ),
        false_alarm(needed) < CERTAIN && mean < 0.65 * KNOWN as f64,
    );
    Ok(())
}

/// A photograph, marked, and the difference made large around grey.
fn draw() -> Result<()> {
    data::get("attack-images", &mut |line| println!("      {line}"))?;
    let path = cache_folder()?.join("data/attack-images/imagenet_04_949.jpg");
    let plain = image::open(path)?
        .resize_to_fill(224, 224, FilterType::Lanczos3)
        .into_rgb8();
    let mut marked = plain.clone();
    mark(&mut marked, shape(&plain), SAID);
    let difference = RgbImage::from_fn(plain.width(), plain.height(), |x, y| {
        let [was, is] = [&plain, &marked].map(|picture| f64::from(picture.get_pixel(x, y).0[1]));
        image::Rgb([(128.0 + 12.0 * (is - was)).clamp(0.0, 255.0) as u8; 3])
    });
    let mut sheet = RgbImage::new(3 * plain.width(), plain.height());
    for (i, part) in [&plain, &marked, &difference].into_iter().enumerate() {
        imageops::replace(&mut sheet, part, i64::from(i as u32 * plain.width()), 0);
    }
    Ok(sheet.save(picture("provenance")?)?)
}
