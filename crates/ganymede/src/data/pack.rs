//! Packing a data set for fast reading: one size, one format, in a ZIP as StyleGAN's tools take it or in TAR shards as
//! WebDataset takes them.
//!
//! The bytes of an archive follow from the pictures and the settings alone: no times, no owners, one encoder, a fixed order.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use image::ExtendedColorType;
use image::codecs::png::PngEncoder;
use rayon::prelude::*;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::error::{DataError, Result};
use super::shaping::{Want, to_bytes};
use super::{Dataset, Shape, open};

/// How a set is packed.
#[derive(Debug, Clone, PartialEq)]
pub struct Packing {
    /// Size, channels and fit of the packed pictures.
    pub want: Want,
    /// Whether a picture whose pixels came before is left out.
    pub drop_repeated: bool,
    /// Most pictures in one shard.
    pub pictures_a_shard: u64,
}

/// What was packed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Packed {
    /// How many pictures the archives hold.
    pub pictures: u64,
    /// How many were left out because their pixels came before.
    pub repeated: u64,
    /// How many could not be decoded.
    pub broken: u64,
    /// The archives.
    pub files: Vec<PathBuf>,
    /// What [`open`](super::open()) takes to open them.
    pub spec: String,
}

/// Pictures that are encoded at a time.
const CHUNK: u64 = 1024;

/// A picture that is ready to be written.
struct Ready {
    png: Vec<u8>,
    pixels: [u8; 32],
    label: u32,
    caption: Option<String>,
}

/// Packs the set that `spec` names into `to`: `NAME.zip`, `NAME.tar`, or shards such as `NAME-%06d.tar`. Class names are kept
/// in a ZIP's `dataset.json`; shards hold class numbers only. Nothing is left behind if it fails.
///
/// # Errors
/// As [`open`](super::open()); [`DataError::NotPictures`] for points; [`DataError::NotArchive`] for another ending;
/// [`DataError::Unwritable`].
pub fn pack(spec: &str, to: &str, how: &Packing) -> Result<Packed> {
    let is_zip = to.ends_with(".zip");
    if !is_zip && !to.ends_with(".tar") {
        return Err(DataError::NotArchive { path: to.into() });
    }
    let want = Want {
        memory_budget_bytes: 0,
        ..how.want.clone()
    };
    let data = open::open(spec, &want)?;
    let (Shape::Picture { .. }, Some(count)) = (data.shape(), data.len()) else {
        return Err(DataError::NotPictures { name: spec.into() });
    };
    let mut archives = Archives::new(to, is_zip, how.pictures_a_shard.max(1));
    let mut packed = Packed {
        pictures: 0,
        repeated: 0,
        broken: 0,
        files: Vec::new(),
        spec: String::new(),
    };
    let (mut seen, mut labels) = (HashSet::new(), Vec::new());
    for first in (0..count).step_by(CHUNK as usize) {
        let last = (first + CHUNK).min(count);
        let chunk: Vec<Result<Ready>> = (first..last)
            .into_par_iter()
            .map(|index| ready(&*data, index))
            .collect();
        for picture in chunk {
            match picture {
                Err(DataError::BrokenPicture { .. }) => packed.broken += 1,
                Err(error) => return Err(error),
                Ok(picture) if how.drop_repeated && !seen.insert(picture.pixels) => packed.repeated += 1,
                Ok(picture) => {
                    let name = archives.add(packed.pictures, &picture, data.classes().is_some())?;
                    labels.push((name, picture.label));
                    packed.pictures += 1;
                }
            }
        }
    }
    let labels = match data.classes() {
        Some(classes) => json!({ "classes": classes, "labels": labels }),
        None => json!({ "labels": null }),
    };
    (packed.files, packed.spec) = archives.finish(&labels.to_string())?;
    Ok(packed)
}

fn ready(data: &dyn Dataset, index: u64) -> Result<Ready> {
    let (x, label) = data.example(index)?;
    let pixels = to_bytes(&x);
    let Shape::Picture {
        height,
        width,
        channels,
    } = data.shape()
    else {
        return Err(DataError::NotPictures {
            name: data.name().into(),
        });
    };
    let colour = [
        ExtendedColorType::L8,
        ExtendedColorType::La8,
        ExtendedColorType::Rgb8,
        ExtendedColorType::Rgba8,
    ];
    let mut png = Vec::new();
    image::ImageEncoder::write_image(
        PngEncoder::new(&mut png),
        &pixels,
        width as u32,
        height as u32,
        colour[channels - 1],
    )
    .expect("pixels of a known shape are written into memory");
    Ok(Ready {
        pixels: Sha256::digest(&pixels).into(),
        png,
        label,
        caption: data.caption(index).map(Into::into),
    })
}

/// The archives being written, under names that say they are not finished.
pub(super) struct Archives {
    pattern: String,
    pictures_a_shard: u64,
    written: Vec<(PathBuf, PathBuf)>,
    open: Option<Open>,
    is_zip: bool,
}

enum Open {
    Zip(Box<zip::ZipWriter<BufWriter<File>>>),
    Tar(tar::Builder<BufWriter<File>>),
}

impl Archives {
    pub(super) fn new(pattern: &str, is_zip: bool, pictures_a_shard: u64) -> Self {
        Self {
            pattern: pattern.into(),
            pictures_a_shard,
            written: Vec::new(),
            open: None,
            is_zip,
        }
    }

    /// The pattern's text before and behind its number, and the number of digits.
    fn numbered(&self) -> Option<(&str, usize, &str)> {
        let (before, rest) = self.pattern.split_once('%')?;
        let (digits, behind) = rest.split_once('d')?;
        Some((before, digits.parse().ok()?, behind))
    }

    /// Writes a picture and returns its name.
    fn add(&mut self, number: u64, picture: &Ready, is_labelled: bool) -> Result<String> {
        if self.numbered().is_some() && number.is_multiple_of(self.pictures_a_shard) {
            self.next()?;
        }
        let name = match self.is_zip {
            true => format!("{:05}/img{number:08}.png", number / 1000),
            false => format!("{number:09}.png"),
        };
        self.put(&name, &picture.png)?;
        let stem = name.trim_end_matches(".png");
        if !self.is_zip && is_labelled {
            self.put(&format!("{stem}.cls"), picture.label.to_string().as_bytes())?;
        }
        if let Some(caption) = picture.caption.as_ref().filter(|_| !self.is_zip) {
            self.put(&format!("{stem}.txt"), caption.as_bytes())?;
        }
        Ok(name)
    }

    /// Writes a file into the archive that is open, or into the first one.
    pub(super) fn put(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        if self.open.is_none() {
            self.next()?;
        }
        let path = self.written.last().map_or(Path::new(""), |(unfinished, _)| unfinished);
        match self.open.as_mut() {
            Some(open) => open.put(name, bytes).map_err(|e| DataError::writing(path, e)),
            None => Ok(()),
        }
    }

    /// Finishes the archive that is open and begins the next.
    fn next(&mut self) -> Result<()> {
        self.close()?;
        let number = self.written.len();
        let path = match self.numbered() {
            Some((before, digits, behind)) => format!("{before}{number:0digits$}{behind}"),
            None => self.pattern.clone(),
        };
        // Two processes may be at it.
        let unfinished = PathBuf::from(format!("{path}.{}.unfinished", std::process::id()));
        let file = File::create(&unfinished).map_err(|e| DataError::writing(&unfinished, e))?;
        self.written.push((unfinished, path.into()));
        let file = BufWriter::with_capacity(1 << 20, file);
        self.open = Some(match self.is_zip {
            true => Open::Zip(Box::new(zip::ZipWriter::new(file))),
            false => Open::Tar(tar::Builder::new(file)),
        });
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        let path = self.written.last().map_or(Path::new(""), |(unfinished, _)| unfinished);
        match self.open.take() {
            Some(open) => open.finish().map_err(|e| DataError::writing(path, e)),
            None => Ok(()),
        }
    }

    /// Puts everything in place.
    pub(super) fn finish(mut self, labels: &str) -> Result<(Vec<PathBuf>, String)> {
        if let Some(Open::Zip(writer)) = &mut self.open {
            let done = put_in_zip(writer, "dataset.json", labels.as_bytes());
            done.map_err(|e| DataError::writing(Path::new(&self.pattern), e))?;
        }
        self.close()?;
        for (unfinished, path) in &self.written {
            fs::rename(unfinished, path).map_err(|e| DataError::writing(path, e))?;
        }
        let files: Vec<PathBuf> = self.written.drain(..).map(|(_, path)| path).collect();
        let spec = match self.numbered() {
            Some((before, digits, behind)) => {
                format!(
                    "{before}{{{:0digits$}..{:0digits$}}}{behind}",
                    0,
                    files.len().saturating_sub(1)
                )
            }
            None => self.pattern.clone(),
        };
        Ok((files, spec))
    }
}

impl Drop for Archives {
    fn drop(&mut self) {
        for (unfinished, _) in &self.written {
            // What cannot be removed is only left over; its name says what it is.
            let _ = fs::remove_file(unfinished);
        }
    }
}

impl Open {
    fn put(&mut self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Zip(writer) => put_in_zip(writer, name, bytes),
            Self::Tar(writer) => {
                let mut header = tar::Header::new_ustar();
                header.set_size(bytes.len() as u64);
                header.set_mode(0o644);
                header.set_mtime(0);
                writer.append_data(&mut header, name, bytes)
            }
        }
    }

    fn finish(self) -> std::io::Result<()> {
        match self {
            Self::Zip(writer) => writer.finish()?.flush(),
            Self::Tar(writer) => writer.into_inner()?.flush(),
        }
    }
}

/// PNG files are deflated already: they are stored, so that they can be read where they lie.
fn put_in_zip(writer: &mut zip::ZipWriter<BufWriter<File>>, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644);
    writer.start_file(name, options)?;
    writer.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::check;

    fn packing() -> Packing {
        Packing {
            want: Want::picture(5, 7, 1),
            drop_repeated: false,
            pictures_a_shard: 4_000,
        }
    }

    #[test]
    fn packed_pictures_are_those_of_the_set() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let source = open::open("fashion-mnist-10k", &packing().want).unwrap();
        for (to, files) in [("a.zip", 1), ("a-%03d.tar", 3)] {
            let packed = pack("fashion-mnist-10k", &at(to), &packing()).unwrap();
            assert_eq!((packed.pictures, packed.files.len()), (10_000, files));
            let data = open::open(&packed.spec, &Want::default()).unwrap();
            assert_eq!((data.len(), data.shape()), (Some(10_000), source.shape()));
            for index in (0..10_000).step_by(617) {
                assert_eq!(
                    data.example(index).unwrap(),
                    source.example(index).unwrap(),
                    "{to}, {index}"
                );
            }
            let classes = (to == "a.zip").then(|| source.classes().unwrap().to_vec());
            let classes = classes.unwrap_or_else(|| (0..10).map(|class| class.to_string()).collect());
            assert_eq!(data.classes().unwrap(), classes);
            assert!(check(&packed.spec).unwrap().is_sound());
            // The same bytes whenever it is done, and nothing else is left.
            let before: Vec<Vec<u8>> = packed.files.iter().map(|path| fs::read(path).unwrap()).collect();
            let again = pack("fashion-mnist-10k", &at(to), &packing()).unwrap();
            assert_eq!(
                again
                    .files
                    .iter()
                    .map(|path| fs::read(path).unwrap())
                    .collect::<Vec<_>>(),
                before
            );
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 4);
    }

    #[test]
    fn repeated_pictures_are_left_out_by_choice() {
        let folder = tempfile::tempdir().unwrap();
        for (name, grey) in [("1.png", 5), ("2.bmp", 5), ("3.png", 6)] {
            image::GrayImage::from_pixel(4, 4, image::Luma([grey]))
                .save(folder.path().join(name))
                .unwrap();
        }
        let how = Packing {
            drop_repeated: true,
            ..packing()
        };
        let to = folder.path().join("out.zip").display().to_string();
        let packed = pack(&folder.path().display().to_string(), &to, &how).unwrap();
        assert_eq!((packed.pictures, packed.repeated), (2, 1));
        let error = pack("fashion-mnist-10k", "out.rar", &how).unwrap_err().to_string();
        assert_eq!(error, "cannot pack: expected a path that ends in .zip or .tar: out.rar");
        assert!(matches!(pack("ring", &to, &how), Err(DataError::NotPictures { .. })));
    }
}
