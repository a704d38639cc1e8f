//! `gany detect`: trained on two kinds of noise, asked about both.
use crate::place::Place;
use image::{Rgb, RgbImage};
use serde_json::Value;

/// Folders of coarse and of fine noise.
fn place() -> Place {
    let place = Place::new();
    for (kind, grain) in [("real", 1), ("fake", 2)] {
        std::fs::create_dir_all(place.path(kind)).unwrap();
        for n in 0..60_u32 {
            let picture = RgbImage::from_fn(16, 16, |x, y| {
                let at = (n * 7919 + (y / grain) * 131 + (x / grain) * 17).wrapping_mul(2_654_435_761);
                Rgb([(at >> 24) as u8; 3])
            });
            picture.save(place.path(&format!("{kind}/{n:02}.png"))).unwrap();
        }
    }
    place
}

#[test]
fn what_is_learnt_is_told_with_its_reasons() {
    let place = place();
    place.does("detect train real fake --size 16 --steps 40 -o d.safetensors");
    let found: Value =
        serde_json::from_str(&place.does("detect real/03.png fake/03.png --with d.safetensors --json")).unwrap();
    let made = |i: usize| found[i]["judged"]["made"].as_f64().unwrap();
    assert!(made(0) < 0.5 && made(1) > 0.5, "{found}");
    let said = place.does("detect fake/03.png --with d.safetensors --map where.png");
    assert!(
        said.contains("deviations") || said.contains("pixels like those"),
        "{said}"
    );
    assert_eq!(
        image::image_dimensions(place.path("where.png")).unwrap(),
        (2 * 66 + 2, 68)
    );
    place.does("detect train real fake --size 16 --steps 2 --harden 4/255 -o h.safetensors");
}

#[test]
fn what_cannot_be_done_is_said() {
    let place = place();
    place.refuses(
        "detect real/00.png --with real/01.png",
        "error: not a file of detectors: header too large: real/01.png\n\nhint: train detectors first: `gany detect train REAL FAKES -o detectors.safetensors`",
    );
    place.refuses(
        "detect real/00.png --with none",
        "error: cannot read the detectors: entity not found: none\n\nhint: train detectors first: `gany detect train REAL FAKES -o detectors.safetensors`",
    );
    place.refuses(
        "detect train real fake --harden 4",
        "error: expected an epsilon between 0 and 0.5, got 4\n\nhint: numbers of pictures go from 0 to 1; 4/255 is a beginning",
    );
}
