use std::fs;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;
use crate::data::{Batch, Field};
use crate::data::{Shape, order};

/// A picture whose colour tells its number.
fn picture(width: u32, height: u32, number: u8) -> DynamicImage {
    RgbImage::from_pixel(width, height, Rgb([number, 100, 200])).into()
}

fn put(path: &Path, picture: &DynamicImage) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    picture.save(path).unwrap();
}

/// Twenty PNG files `00.png` to `19.png` of 6x4 pixels.
fn twenty(folder: &Path) {
    for i in 0..20 {
        put(&folder.join(format!("{i:02}.png")), &picture(6, 4, i * 10));
    }
}

fn sized(height: usize, width: usize) -> Want {
    Want {
        size: Some((height, width)),
        ..Want::default()
    }
}

fn message(folder: &Path, error: DataError) -> String {
    error.to_string().replace(&folder.display().to_string(), "F")
}

#[test]
fn formats_sizes_and_classes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    put(&at("dogs/a.png"), &picture(9, 5, 10));
    put(&at("dogs/deep/b.JPG"), &picture(32, 64, 10));
    put(&at("ants/c.webp"), &picture(7, 7, 10));
    put(&at("ants/.hidden.png"), &picture(7, 7, 10));
    fs::write(at("ants/readme.txt"), "no picture").unwrap();
    let data = open(folder.path(), None, &sized(8, 12)).unwrap();
    assert_eq!(
        data.shape(),
        Shape::Picture {
            height: 8,
            width: 12,
            channels: 3
        }
    );
    assert_eq!(data.classes().unwrap(), ["ants", "dogs"]);
    assert_eq!(data.has(), [Field::X, Field::Y]);
    let labels: Vec<u32> = (0..3).map(|i| data.example(i).unwrap().1).collect();
    assert_eq!(labels, [0, 1, 1]);
    for i in 0..3 {
        for pixel in data.example(i).unwrap().0.chunks(3) {
            let bytes: Vec<f32> = pixel.iter().map(|v| (v + 1.0) * 127.5).collect();
            assert!(
                bytes.iter().zip([10.0, 100.0, 200.0]).all(|(a, b)| (a - b).abs() < 4.0),
                "{bytes:?}"
            );
        }
    }
    let error = open(folder.path(), None, &Want::default()).unwrap_err();
    assert_eq!(
        message(folder.path(), error),
        "pictures of different sizes: expected one size or a wanted size, got 7x7 and 9x5 (width x height): F"
    );
}

#[test]
fn memory_and_demand_give_the_same_batches() {
    let folder = tempfile::tempdir().unwrap();
    twenty(folder.path());
    let want = sized(3, 3);
    let eager = open(folder.path(), None, &want).unwrap();
    let lazy = open(
        folder.path(),
        None,
        &Want {
            memory_budget_bytes: 100,
            ..want
        },
    )
    .unwrap();
    assert!(lazy.notes()[0].contains("decoded as they are needed"));
    assert_eq!((eager.digest(), eager.len()), (lazy.digest(), lazy.len()));
    assert_eq!(eager.has(), [Field::X]);
    let (mut a, mut b) = (Batch::of(&*eager, 33), Batch::of(&*lazy, 33));
    a.fill(&*eager, 4, 15).unwrap();
    b.fill(&*lazy, 4, 15).unwrap();
    assert_eq!(a, b);
    assert!(matches!(lazy.example(20), Err(DataError::NoExample { len: 20, .. })));
}

#[test]
fn broken_pictures_are_named_and_skipped_up_to_a_tenth() {
    let folder = tempfile::tempdir().unwrap();
    twenty(folder.path());
    let whole = fs::read(folder.path().join("00.png")).unwrap();
    fs::write(folder.path().join("20.png"), &whole[..whole.len() / 2]).unwrap();
    fs::write(folder.path().join("21.png"), b"").unwrap();
    let data = open(folder.path(), None, &Want::default()).unwrap();
    assert_eq!(data.len(), Some(20));
    let note = &data.notes()[0];
    assert!(note.starts_with("2 broken pictures were skipped: `20.png` ("), "{note}");
    assert!(note.ends_with("`21.png` (empty file)."), "{note}");

    fs::write(folder.path().join("22.jpg"), b"words").unwrap();
    let error = open(folder.path(), None, &Want::default()).unwrap_err();
    let message = message(folder.path(), error);
    assert!(
        message.starts_with("3 of 23 pictures are broken: expected at most 10%, first `20.png` ("),
        "{message}"
    );
    assert!(message.ends_with("): F"));
}

#[test]
fn every_cut_of_every_format_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    // Noise, so that the cut falls into real data.
    let noise = RgbImage::from_fn(40, 40, |x, y| {
        let word = order::hash(u64::from(x), u64::from(y)).to_le_bytes();
        Rgb([word[0], word[1], word[2]])
    });
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let mut bytes = std::io::Cursor::new(Vec::new());
        noise.write_to(&mut bytes, format).unwrap();
        let bytes = bytes.into_inner();
        let path = folder.path().join("x");
        assert!(decode::decode(&path, &bytes).is_ok());
        for part in 1..16 {
            let cut = &bytes[..bytes.len() * part / 16];
            let result = decode::decode(&path, cut);
            assert!(
                matches!(result, Err(DataError::BrokenPicture { .. })),
                "{format:?} cut at {part}/16"
            );
        }
    }
}

#[test]
fn damaged_bytes_never_panic() {
    let noise = RgbImage::from_fn(16, 16, |x, y| Rgb([(x * 7) as u8, (y * 11) as u8, (x * y) as u8]));
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let mut bytes = std::io::Cursor::new(Vec::new());
        noise.write_to(&mut bytes, format).unwrap();
        for seed in 0..300 {
            let mut damaged = bytes.get_ref().clone();
            for hit in 0..4 {
                let word = order::hash(seed, hit);
                let place = order::below(word, damaged.len() as u64) as usize;
                damaged[place] = word as u8;
            }
            let _ = decode::decode(Path::new("x"), &damaged);
        }
    }
}

#[test]
fn bombs_are_refused_by_their_header() {
    // A PNG header that claims 60,000 x 60,000 pixels, with a right checksum and no data.
    let mut header = b"IHDR".to_vec();
    header.extend(60_000u32.to_be_bytes().repeat(2));
    header.extend([8, 2, 0, 0, 0]);
    let mut checksum = flate2::Crc::new();
    checksum.update(&header);
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\r".to_vec();
    bytes.extend(&header);
    bytes.extend(checksum.sum().to_be_bytes());
    bytes.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
    let error = decode::shape(Path::new("f.png"), &bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        "broken picture: 60000x60000 pixels, at most 32768 a side and 100 million are decoded: f.png"
    );
}

#[test]
fn nothing_to_open() {
    let folder = tempfile::tempdir().unwrap();
    let error = open(folder.path(), None, &Want::default()).unwrap_err();
    assert_eq!(
        message(folder.path(), error),
        "no pictures: expected picture files, got 0 other files: F"
    );
    fs::write(folder.path().join("a.doc"), b"words").unwrap();
    let error = open(folder.path(), None, &Want::default()).unwrap_err();
    assert!(matches!(error, DataError::NoPictures { others: 1, .. }));
    let error = open(&folder.path().join("none"), None, &Want::default()).unwrap_err();
    assert_eq!(message(folder.path(), error), "no such file or folder: F/none");
}

#[test]
fn splits_in_sub_folders() {
    let folder = tempfile::tempdir().unwrap();
    for (path, number) in [("train/a/1.png", 1), ("train/b/2.png", 2), ("val/a/3.png", 3)] {
        put(&folder.path().join(path), &picture(2, 2, number));
    }
    let data = open(folder.path(), None, &Want::default()).unwrap();
    assert_eq!((data.len(), data.classes().unwrap().len()), (Some(2), 2));
    assert_eq!(data.notes(), ["The sub-folder `train` is used; the others are not."]);
    assert_eq!(
        open(folder.path(), Some("val"), &Want::default()).unwrap().len(),
        Some(1)
    );
    let error = open(folder.path(), Some("test"), &Want::default()).unwrap_err();
    assert_eq!(
        message(folder.path(), error),
        "no split `test` in `F`: expected `train` or `val`"
    );
}

#[test]
fn mixed_places_have_no_labels() {
    let folder = tempfile::tempdir().unwrap();
    for path in ["1.png", "a/2.png", "b/3.png"] {
        put(&folder.path().join(path), &picture(2, 2, 9));
    }
    let data = open(folder.path(), None, &Want::default()).unwrap();
    assert_eq!(data.classes(), None);
    assert!(data.notes()[0].starts_with("There are no labels"));
}

#[test]
fn alpha_is_blended_unless_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let clear = RgbaImage::from_pixel(2, 2, Rgba([200, 0, 0, 0]));
    put(&folder.path().join("a.png"), &clear.into());
    let data = open(folder.path(), None, &Want::default()).unwrap();
    assert_eq!(data.example(0).unwrap().0, [1.0; 12]);
    let four = Want {
        channels: Some(4),
        ..Want::default()
    };
    let data = open(folder.path(), None, &four).unwrap();
    assert_eq!(data.example(0).unwrap().0[3], -1.0);
}

#[cfg(unix)]
#[test]
fn links_out_of_the_folder_are_not_followed() {
    use std::os::unix::fs::symlink;
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(&outside.path().join("secret.png"), &picture(2, 2, 1));
    put(&folder.path().join("mine.png"), &picture(2, 2, 2));
    symlink(outside.path(), folder.path().join("way-out")).unwrap();
    symlink(outside.path().join("secret.png"), folder.path().join("secret.png")).unwrap();
    symlink(folder.path(), folder.path().join("round")).unwrap();
    let data = open(folder.path(), None, &Want::default()).unwrap();
    assert_eq!(data.len(), Some(1));
    assert_eq!(data.notes(), ["2 links that lead out of the folder were not followed."]);
}
