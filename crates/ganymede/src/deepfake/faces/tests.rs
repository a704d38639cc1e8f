use super::*;
use serde_json::Value;

/// A face of ellipses, as `reference/faces.mjs` draws it.
fn drawn(height: i32, width: i32, shift: i32) -> RgbImage {
    /// Right and down of the middle and half the axes, in hundredths of the shorter side; the colour.
    const ELLIPSES: [([i32; 4], [i32; 3]); 11] = [
        ([0, -8, 33, 38], [60, 42, 30]),
        ([0, 2, 27, 35], [214, 170, 140]),
        ([-11, -5, 6, 3], [245, 240, 235]),
        ([11, -5, 6, 3], [245, 240, 235]),
        ([-11, -5, 3, 3], [50, 35, 25]),
        ([11, -5, 3, 3], [50, 35, 25]),
        ([-11, -11, 7, 1], [70, 48, 35]),
        ([11, -11, 7, 1], [70, 48, 35]),
        ([0, 6, 4, 2], [180, 130, 105]),
        ([0, 18, 11, 4], [165, 70, 70]),
        ([0, 18, 9, 1], [90, 30, 30]),
    ];
    let (cx, cy, r) = (width / 2 + shift, height / 2, width.min(height));
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let (x, y) = (x as i32, y as i32);
        let mut colour = [90 + x * 60 / width, 120 + y * 50 / height, 150];
        for ([right, down, a, b], paint) in ELLIPSES {
            let (dx, dy) = ((x - cx) * 100 - right * r, (y - cy) * 100 - down * r);
            let [dx, dy, a, b] = [dx, dy, a, b].map(i64::from);
            if dx * dx * b * b + dy * dy * a * a <= a * a * b * b * i64::from(r * r) {
                colour = paint.map(|c| (c - (x - cx) * 40 / r).clamp(0, 255));
            }
        }
        image::Rgb(colour.map(|c| c as u8))
    })
}

fn largest_difference(got: &[f32], expected: &Value) -> f32 {
    let expected: Vec<f32> = serde_json::from_value(expected.clone()).unwrap();
    assert_eq!(got.len(), expected.len());
    got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// With the fetched weights; only where they are in the cache folder.
#[test]
fn what_is_said_of_faces_is_what_face_api_says() {
    let mut faces = match Faces::open() {
        Ok(faces) => faces,
        Err(error) => return println!("skipped: {error}"),
    };
    let cases: Vec<Value> = serde_json::from_str(include_str!("../../../../../reference/faces.json")).unwrap();
    let mut found_of_all = 0;
    for case in &cases {
        let [height, width, shift] = ["height", "width", "shift"].map(|key| case[key].as_i64().unwrap() as i32);
        let picture = drawn(height, width, shift);
        let whole = Area::of(&picture);
        // Pixels are compared in parts of the picture.
        let side = width.max(height) as f32;
        let landmarks = faces.landmarks(&picture, whole).concat();
        assert!(
            largest_difference(&landmarks, &case["landmarks"]) < 1e-3 * side,
            "{case}"
        );
        assert!(largest_difference(&faces.expression(&picture, whole), &case["expression"]) < 1e-3);
        assert!(largest_difference(&faces.identity(&picture, whole), &case["identity"]) < 1e-3);
        let found = faces.detect(&picture);
        let expected = case["faces"].as_array().unwrap();
        assert_eq!(found.len(), expected.len());
        for (Detection { area, score }, expected) in found.iter().zip(expected) {
            let got = [
                area.left / side,
                area.top / side,
                area.width / side,
                area.height / side,
                *score,
            ];
            let mut expected: Vec<f32> = serde_json::from_value(expected.clone()).unwrap();
            expected[..4].iter_mut().for_each(|pixels| *pixels /= side);
            assert!(largest_difference(&got, &expected.into()) < 1e-3, "{got:?}");
        }
        found_of_all += found.len();
    }
    assert_eq!(found_of_all, 2, "faces in the drawn pictures");
}

#[test]
fn a_part_of_a_picture_stands_in_the_middle_of_a_square() {
    let picture = RgbImage::from_fn(4, 3, |x, y| image::Rgb([(10 * y + x) as u8; 3]));
    let area = Area {
        left: 1.2,
        top: -1.0,
        width: 2.0,
        height: 9.0,
    };
    let square = Square::around(&picture, area);
    let bytes: Vec<f32> = square
        .pixels
        .chunks(3)
        .map(|p| ((p[0] + 1.0) * 127.5).round())
        .collect();
    assert_eq!(bytes, [1.0, 2.0, 0.0, 11.0, 12.0, 0.0, 21.0, 22.0, 0.0]);
    // Columns 1 and 2, a third of bars on the right: its middle is the picture's column 2.5.
    assert_eq!(square.place([0.5, 0.5]), [2.5, 1.5]);
}
