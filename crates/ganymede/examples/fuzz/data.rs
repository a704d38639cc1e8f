//! Data sets and pictures.
use std::io::{Cursor, Write};
use std::path::Path;

use ganymede::data::nifti::{self, Scan};
use ganymede::data::{archive, cifar, decode, idx, labels, npy, parquet, tables};

use super::{Target, at};

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "npy",
        seeds: npy_files,
        read: |b| npy::Array::parse(b, at()).is_ok(),
        mebibytes: 1,
    },
    Target {
        name: "npz",
        seeds: npz_files,
        read: |b| npy::unpack(b, at()).is_ok(),
        mebibytes: 16,
    },
    Target {
        name: "zip",
        seeds: zip_files,
        read: |b| archive::zip(Cursor::new(b), at()).is_ok(),
        mebibytes: 4,
    },
    Target {
        name: "tar",
        seeds: tar_files,
        read: |b| archive::tar(Cursor::new(b), at()).is_ok(),
        mebibytes: 4,
    },
    Target {
        name: "parquet",
        seeds: parquet_files,
        read: |b| parquet::rows(bytes::Bytes::copy_from_slice(b), at(), &mut |_| Ok(())).is_ok(),
        mebibytes: 64,
    },
    Target {
        name: "cifar",
        seeds: cifar_files,
        read: |b| cifar::parse(b, at()).is_ok(),
        mebibytes: 1,
    },
    Target {
        name: "idx",
        seeds: idx_files,
        read: |b| idx::Idx::parse(b, at()).is_ok(),
        mebibytes: 65,
    },
    Target {
        name: "dataset.json",
        seeds: json_files,
        read: |b| labels::Table::parse(b, Path::new("dataset.json")).is_ok(),
        mebibytes: 1,
    },
    Target {
        name: "labels.csv",
        seeds: csv_files,
        read: |b| labels::Table::parse(b, Path::new("labels.csv")).is_ok(),
        mebibytes: 1,
    },
    Target {
        name: "table",
        seeds: table_files,
        read: |b| tables::parse(b, at()).is_ok(),
        mebibytes: 8,
    },
    Target {
        name: "nifti",
        seeds: nifti_files,
        read: |b| nifti::parse(at(), b).is_ok(),
        mebibytes: 1,
    },
    Target {
        name: "picture-header",
        seeds: picture_files,
        read: |b| decode::shape(at(), b).is_ok(),
        mebibytes: 300,
    },
    Target {
        name: "picture",
        seeds: picture_files,
        read: |b| decode::decode(at(), b).is_ok(),
        mebibytes: 2048,
    },
];

fn parquet_files() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    ["snappy.parquet", "plain.parquet"]
        .map(|name| std::fs::read(folder.join(name)).expect("the fixtures are there"))
        .to_vec()
}

fn table_files() -> Vec<Vec<u8>> {
    let rows = |row: fn(usize) -> String| (0..30).map(row).collect::<String>();
    vec![
        ("age;town\n".to_owned() + &rows(|i| format!("{}.5;{}\n", i, ["Ulm", "\"Bo;nn\""][i % 2]))).into_bytes(),
        ("3,2,ill,well\n1.5,2,0\n1e3,3,1\n-2.5,4,1\n").into(),
        rows(|i| format!("{i},{}\n", i * i)).into_bytes(),
    ]
}

fn nifti_files() -> Vec<Vec<u8>> {
    let scan = Scan {
        extents: [2, 3, 4],
        spacing_mm: [1.0, 2.0, 3.0],
        values: (0..24).map(|i| i as f32).collect(),
    };
    vec![nifti::encode(&scan, "a seed")]
}

fn npy_files() -> Vec<Vec<u8>> {
    let file = |descr: &str, shape: &str, data: usize| {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\0".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(vec![7; data]);
        bytes
    };
    vec![
        file("|u1", "(3, 4, 4)", 48),
        file("<f4", "(2, 2, 2, 3)", 96),
        file("<i8", "(5,)", 40),
    ]
}

fn zip_of(files: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        writer.start_file(*name, options).expect("memory can be written");
        writer.write_all(bytes).expect("memory can be written");
    }
    writer.finish().expect("memory can be written").into_inner()
}

fn npz_files() -> Vec<Vec<u8>> {
    let arrays = npy_files();
    let files: [(&str, &[u8]); 2] = [("x.npy", &arrays[0]), ("y.npy", &arrays[2])];
    vec![
        zip_of(&files, zip::CompressionMethod::Stored),
        zip_of(&files, zip::CompressionMethod::Deflated),
    ]
}

fn zip_files() -> Vec<Vec<u8>> {
    let files: [(&str, &[u8]); 3] = [("a/1.png", &[5; 300]), ("a/2.png", b"second"), ("dataset.json", b"{}")];
    vec![
        zip_of(&files, zip::CompressionMethod::Stored),
        zip_of(&files, zip::CompressionMethod::Deflated),
    ]
}

fn tar_files() -> Vec<Vec<u8>> {
    let archive = |gnu: bool| {
        let mut builder = tar::Builder::new(Vec::new());
        let long = format!("{}/0001.png", "folder".repeat(30));
        for (name, size) in [("0000.png", 700), ("0000.cls", 1), (long.as_str(), 40)] {
            let mut header = if gnu {
                tar::Header::new_gnu()
            } else {
                tar::Header::new_ustar()
            };
            header.set_size(size);
            header.set_mode(0o644);
            builder
                .append_data(&mut header, name, &vec![9; size as usize][..])
                .expect("memory can be written");
        }
        builder.into_inner().expect("memory can be written")
    };
    vec![archive(true), archive(false)]
}

fn cifar_files() -> Vec<Vec<u8>> {
    vec![vec![3; 3073 * 2], vec![9; 3074]]
}

fn idx_files() -> Vec<Vec<u8>> {
    let plain = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 4][..], &[1; 32]].concat();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).expect("memory can be written");
    vec![plain, gzip.finish().expect("memory can be written")]
}

fn json_files() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"labels": [["00000/img0.png", 3], ["00000/img1.png", 0]]}"#,
        r#"{"labels": null}"#,
        r#"{"classes": ["a", "b"], "labels": [["x.png", "b"]]}"#,
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn csv_files() -> Vec<Vec<u8>> {
    let texts = [
        "file,label,caption\na.png,1,\"one, two\"\nb.png,0,\n",
        "label,file_name\ncat,x/y.png\n",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn picture_files() -> Vec<Vec<u8>> {
    use image::ImageFormat::{Bmp, Gif, Jpeg, Png, Pnm, Tiff, WebP};
    let picture = image::RgbImage::from_fn(16, 12, |x, y| {
        image::Rgb([(x * 15) as u8, (y * 20) as u8, (x * y) as u8])
    });
    let picture = image::DynamicImage::from(picture);
    let mut files: Vec<Vec<u8>> = [Png, Jpeg, WebP, Bmp, Gif, Tiff, Pnm]
        .into_iter()
        .map(|format| {
            let mut bytes = Cursor::new(Vec::new());
            picture.write_to(&mut bytes, format).expect("memory can be written");
            bytes.into_inner()
        })
        .collect();
    let drawing = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="24" height="24"><defs><g id="a"><circle cx="9"
        cy="9" r="5" fill="#f80"/></g></defs><use href="#a"/><path d="M1 1 L20 4 Z" stroke="#000" stroke-width="2"/></svg>"##;
    files.push(drawing.as_bytes().to_vec());
    files
}
