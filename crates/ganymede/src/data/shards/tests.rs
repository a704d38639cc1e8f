use std::fs;
use std::io::{Cursor, Write};

use image::{GrayImage, ImageFormat, Luma};

use super::*;
use crate::data::{Batch, Field};

fn png(grey: u8) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    GrayImage::from_pixel(3, 2, Luma([grey]))
        .write_to(&mut bytes, ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

fn zipped(path: &Path, method: ::zip::CompressionMethod, files: &[(&str, Vec<u8>)]) {
    let mut writer = ::zip::ZipWriter::new(File::create(path).unwrap());
    for (name, bytes) in files {
        let options = ::zip::write::SimpleFileOptions::default().compression_method(method);
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap();
}

fn tarred(path: &Path, files: &[(&str, Vec<u8>)]) {
    let mut archive = ::tar::Builder::new(File::create(path).unwrap());
    for (name, bytes) in files {
        let mut header = ::tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, &bytes[..]).unwrap();
    }
    archive.finish().unwrap();
}

fn greys(data: &dyn Dataset) -> Vec<(u8, u32)> {
    let example = |index| data.example(index).unwrap();
    let grey = |(x, label): (Vec<f32>, u32)| (((x[0] + 1.0) * 127.5).round() as u8, label);
    (0..data.len().unwrap()).map(|index| grey(example(index))).collect()
}

fn of(path: &Path) -> Arc<dyn Dataset> {
    crate::data::open(&path.display().to_string(), &Want::default()).unwrap()
}

#[test]
fn stylegan_zip_stored_or_deflated_in_memory_or_on_demand() {
    let folder = tempfile::tempdir().unwrap();
    let labels = br#"{"labels": [["00000/img0.png", 1], ["00000/img1.png", 0]]}"#;
    let files = [
        ("00000/img0.png", png(10)),
        ("dataset.json", labels.to_vec()),
        ("00000/img1.png", png(20)),
        ("read.me", b"no picture".to_vec()),
    ];
    for (name, method) in [
        ("a.zip", ::zip::CompressionMethod::Stored),
        ("b.zip", ::zip::CompressionMethod::Deflated),
    ] {
        let path = folder.path().join(name);
        zipped(&path, method, &files);
        let data = of(&path);
        assert_eq!(greys(&*data), [(10, 1), (20, 0)], "{name}");
        assert_eq!(data.has(), [Field::X, Field::Y]);
        assert_eq!(data.example_name(1), Some("00000/img1.png"));
        let want = Want {
            memory_budget_bytes: 0,
            ..Want::default()
        };
        let lazy = crate::data::open(&path.display().to_string(), &want).unwrap();
        assert_eq!((greys(&*lazy), lazy.digest()), (greys(&*data), data.digest()));
        let (mut a, mut b) = (Batch::of(&*data, 9), Batch::of(&*lazy, 9));
        a.fill(&*data, 1, 5).unwrap();
        b.fill(&*lazy, 1, 5).unwrap();
        assert_eq!(a, b);
    }
}

#[test]
fn webdataset_shards_with_classes_and_captions() {
    let folder = tempfile::tempdir().unwrap();
    for shard in 0..2u8 {
        let name = |key: u8, end: &str| format!("{key:04}.{end}");
        let keys = [shard * 2, shard * 2 + 1];
        let files: Vec<(String, Vec<u8>)> = keys
            .iter()
            .flat_map(|&key| {
                [
                    (name(key, "cls"), (key % 3).to_string().into()),
                    (name(key, "png"), png(key * 10)),
                    (name(key, "txt"), format!("number {key}").into()),
                ]
            })
            .collect();
        let files: Vec<(&str, Vec<u8>)> = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.clone()))
            .collect();
        tarred(&folder.path().join(format!("shard-{shard:03}.tar")), &files);
    }
    let pattern = folder.path().join("shard-{000..001}.tar");
    let expected = [(0, 0), (10, 1), (20, 2), (30, 0)];
    let data = of(&pattern);
    assert_eq!(greys(&*data), expected);
    assert_eq!(data.caption(2), Some("number 2"));
    // A folder of nothing but shards is the same set.
    assert_eq!(greys(&*of(folder.path())), expected);

    let error = expand("s-{5..3}.tar").unwrap_err().to_string();
    assert_eq!(
        error,
        "bad pattern: expected a first number up to the last, at most a million files, got `s-{5..3}.tar`"
    );
    assert_eq!(expand("s-{08..11}.tar").unwrap().unwrap()[2], Path::new("s-10.tar"));
}

#[test]
fn broken_members_are_named_and_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let mut files: Vec<(String, Vec<u8>)> = (0..20).map(|i| (format!("{i:02}.png"), png(i))).collect();
    files[7].1 = b"words".to_vec();
    let files: Vec<(&str, Vec<u8>)> = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.clone()))
        .collect();
    tarred(&path, &files);
    let data = of(&path);
    assert_eq!(data.len(), Some(19));
    assert_eq!(
        data.notes(),
        ["1 broken pictures were skipped: `07.png` (not a picture of a known format)."]
    );
    // Packed bytes that are damaged break their picture only.
    let path = folder.path().join("b.zip");
    let files: Vec<(&str, Vec<u8>)> = files.iter().map(|(name, _)| (*name, png(99))).collect();
    zipped(&path, ::zip::CompressionMethod::Deflated, &files);
    let mut bytes = fs::read(&path).unwrap();
    let second = archive::zip(Cursor::new(&bytes), &path).unwrap()[1].start as usize;
    bytes[second] = 0xff;
    fs::write(&path, bytes).unwrap();
    assert_eq!(of(&path).len(), Some(19));
}

#[test]
fn what_is_known_of_a_large_set_is_kept_until_a_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.tar");
    let padding = vec![0; 40 << 20];
    tarred(
        &path,
        &[
            ("a/1.png", png(1)),
            ("b/2.png", png(2)),
            ("padding.bin", padding.clone()),
        ],
    );
    let archives = [path.clone()];
    let mut looks = 0;
    let mut look = || {
        let counted = || {
            looks += 1;
            list(&path, &archives)
        };
        Catalogue::of(&path, &archives, &[], counted).unwrap()
    };
    let (first, again) = (look(), look());
    assert_eq!(first.about.digest, again.about.digest);
    assert_eq!(first.listing.items, again.listing.items);
    assert_eq!(again.listing.name(&again.listing.items[1]), "b/2.png");
    assert_eq!(again.listing.classes.as_deref().unwrap(), ["a", "b"]);
    tarred(
        &path,
        &[("a/1.png", png(1)), ("b/3.png", png(3)), ("padding.bin", padding)],
    );
    let changed = look();
    assert_ne!(changed.about.digest, first.about.digest);
    assert_eq!(changed.listing.name(&changed.listing.items[1]), "b/3.png");
    assert!(looks == 2 || super::super::get::cache_folder().is_err(), "{looks}");
}
