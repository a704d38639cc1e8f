//! Feeds damaged files to the readers of what strangers may have made: `fuzz NAME COUNT [SEED]`, or `fuzz` for the names.
//!
//! Every input is one of a few sound files with a few of its bytes changed, cut out, repeated or taken from another, or noise. A
//! reader may refuse it; it must not panic, and it must not set aside memory that the input's length does not justify. Decoders of
//! pictures have bounds of their own: that of TIFF sets aside up to 256 MiB on a header's word, a whole decode the largest
//! picture that is taken.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use ganymede::data::{archive, cifar, decode, idx, labels, npy};

/// A reader by its name.
struct Target {
    name: &'static str,
    /// Sound files that inputs are made of.
    seeds: fn() -> Vec<Vec<u8>>,
    /// Whether the input was taken.
    read: fn(&[u8]) -> bool,
    /// Memory that it may use beside a multiple of its input, in MiB.
    mebibytes: usize,
}

const TARGETS: &[Target] = &[
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

/// What memory there is beside the constant, for each byte of input.
const BYTES_A_BYTE: usize = 1100;

fn at() -> &'static Path {
    Path::new("input")
}

/// Counts the bytes in use, and their most.
struct Counting;

static USED: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(used, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    let (Some(name), Some(Ok(count))) = (arguments.first(), arguments.get(1).map(|count| count.parse::<u64>())) else {
        eprintln!("fuzz NAME COUNT [SEED], NAME one of {} or `all`", names.join(", "));
        std::process::exit(2);
    };
    let seed = arguments.get(2).and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let chosen: Vec<&Target> = TARGETS
        .iter()
        .filter(|target| name == "all" || target.name == name)
        .collect();
    if chosen.is_empty() {
        eprintln!("no reader `{name}`: expected one of {}", names.join(", "));
        std::process::exit(2);
    }
    chosen.into_iter().for_each(|target| fuzz(target, count, seed));
}

fn fuzz(target: &Target, count: u64, seed: u64) {
    let seeds = (target.seeds)();
    let sound = seeds.iter().filter(|bytes| (target.read)(bytes)).count();
    assert_eq!(sound, seeds.len(), "{}: a sound file is refused", target.name);
    let (start, mut taken, mut largest, mut slowest) = (Instant::now(), 0u64, 0, 0.0f64);
    for number in 0..count {
        let mut random = Random(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bf0_3635);
        let input = damaged(&seeds, &mut random);
        let before = USED.load(Ordering::Relaxed);
        MOST.store(before, Ordering::Relaxed);
        let begun = Instant::now();
        let result = std::panic::catch_unwind(|| (target.read)(&input));
        slowest = slowest.max(begun.elapsed().as_secs_f64());
        let used = MOST.load(Ordering::Relaxed) - before;
        largest = largest.max(used);
        let allowed = (target.mebibytes << 20) + BYTES_A_BYTE * input.len();
        if used > allowed || result.is_err() {
            let path = format!("fuzz-{}-{seed}-{number}.bin", target.name);
            std::fs::write(&path, &input).expect("the working folder can be written");
            println!(
                "{}: input {number} used {used} bytes of {allowed}, panicked: {}; kept in {path}",
                target.name,
                result.is_err()
            );
            std::process::exit(1);
        }
        taken += u64::from(result.unwrap_or(false));
    }
    println!(
        "{{\"reader\": \"{}\", \"inputs\": {count}, \"seed\": {seed}, \"taken\": {taken}, \"panics\": 0, \"most_memory_bytes\": {largest}, \
         \"slowest_milliseconds\": {:.1}, \"seconds\": {:.1}}}",
        target.name,
        slowest * 1e3,
        start.elapsed().as_secs_f64()
    );
}

/// SplitMix64 (Steele et al. 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

fn damaged(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    if random.below(50) == 0 {
        bytes = (0..random.below(2000)).map(|_| random.next() as u8).collect();
    }
    for _ in 0..=random.below(6) {
        let place = random.below(bytes.len());
        match random.below(8) {
            0..=2 if !bytes.is_empty() => bytes[place] = random.next() as u8,
            3 if !bytes.is_empty() => bytes[place] ^= 1 << random.below(8),
            4 => {
                // Lengths and counts are whole words; these are the ones that tempt.
                let word = [0, 1, 0x7fff_ffff, 0xffff_ffff, 0x8000_0000, 0xffff_u32][random.below(6)];
                let word = if random.below(2) == 0 {
                    word.to_le_bytes()
                } else {
                    word.to_be_bytes()
                };
                let end = (place + 4).min(bytes.len());
                bytes[place..end].copy_from_slice(&word[..end - place]);
            }
            5 => bytes.truncate(place),
            6 => {
                let end = (place + random.below(64)).min(bytes.len());
                let piece = bytes[place..end].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            _ => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len());
                let end = (from + random.below(64)).min(other.len());
                let end_here = (place + end - from).min(bytes.len());
                bytes.splice(place..end_here, other[from..end].iter().copied());
            }
        }
    }
    bytes
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
