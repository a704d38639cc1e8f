//! Whole pictures one after the other, each in its own size: of a file, of a folder, of what moves, of a data set. For whoever looks for
//! something in pictures, where a [`Dataset`] has all of them in one shape.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;

use super::error::{DataError, Result};
use super::listing::Listing;
use super::shaping::{Shaper, Size, Want, to_bytes};
use super::{Dataset, Shape, decode, folder, moving, open, sha256_hex};

/// Endings of files that move.
const MOVING: [&str; 5] = ["gif", "apng", "mp4", "m4v", "mov"];

/// Pictures that a person named.
#[derive(Debug)]
pub struct Frames {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    One(PathBuf),
    Folder(Box<Listing>),
    Moving(PathBuf),
    Set(Arc<dyn Dataset>),
}

/// What reading all of them came to.
#[derive(Debug, Default)]
pub struct Read {
    /// Frames a second of what moves.
    pub fps: Option<u32>,
    /// Pictures of a folder that could not be read; they were passed over.
    pub broken: Vec<DataError>,
}

impl Frames {
    /// By a path, or else by what [`open()`] takes.
    ///
    /// # Errors
    /// As [`open()`] and [`folder::open`]; [`DataError::NotPictures`] for a data set of anything else.
    pub fn open(spec: &str) -> Result<Frames> {
        let path = Path::new(spec);
        let kind = if path.is_dir() {
            Kind::Folder(Box::new(folder::list(path, None, decode::is_picture)?))
        } else if path.is_file() {
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            match MOVING.contains(&ending.to_lowercase().as_str()) {
                true => Kind::Moving(path.to_owned()),
                false => Kind::One(path.to_owned()),
            }
        } else {
            let data = open(spec, &Want::default())?;
            if !matches!(data.shape(), Shape::Picture { .. }) || data.len().is_none() {
                return Err(DataError::NotPictures { name: spec.to_owned() });
            }
            Kind::Set(data)
        };
        Ok(Frames { kind })
    }

    /// Whether they are the frames of one file that moves.
    pub fn are_moving(&self) -> bool {
        matches!(self.kind, Kind::Moving(_))
    }

    /// Whether it is a single picture.
    pub fn is_one(&self) -> bool {
        matches!(self.kind, Kind::One(_))
    }

    /// How many there are, where that is known without reading them.
    pub fn len(&self) -> Option<u64> {
        match &self.kind {
            Kind::One(_) => Some(1),
            Kind::Folder(listing) => Some(listing.items.len() as u64),
            Kind::Moving(_) => None,
            Kind::Set(data) => data.len(),
        }
    }

    /// Always false: opening nothing is an error.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// SHA-256 of all content in hexadecimal.
    ///
    /// # Errors
    /// [`DataError::Unreadable`].
    pub fn digest(&self) -> Result<String> {
        let of = |path: &Path| std::fs::read(path).map_err(|error| DataError::reading(path, error));
        match &self.kind {
            Kind::One(path) | Kind::Moving(path) => Ok(sha256_hex(&[&of(path)?])),
            Kind::Set(data) => Ok(data.digest().to_owned()),
            Kind::Folder(listing) => {
                let mut all = String::new();
                for item in &listing.items {
                    all += &format!("{} {}\n", listing.name(item), sha256_hex(&[&of(&listing.path(item))?]));
                }
                Ok(sha256_hex(&[all.as_bytes()]))
            }
        }
    }

    /// Hands them over one by one, each with a name of its own: its path in a folder, a number in what moves.
    ///
    /// # Errors
    /// What reading the file, the film or the set raises; a broken picture of a folder is passed over.
    pub fn each(&self, take: &mut dyn FnMut(&str, RgbImage)) -> Result<Read> {
        let mut read = Read::default();
        match &self.kind {
            Kind::One(path) => {
                let bytes = std::fs::read(path).map_err(|error| DataError::reading(path, error))?;
                let (shape, pixels) = decode::decode(path, &bytes)?;
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                take(&name, coloured(shape, &pixels));
            }
            Kind::Folder(listing) => {
                for item in &listing.items {
                    match decode::picture(listing, item, None) {
                        Ok((size, pixels)) => {
                            let shape = [size.height, size.width, size.channels];
                            take(listing.name(item), coloured(shape, &pixels));
                        }
                        Err(error) => read.broken.push(error),
                    }
                }
            }
            Kind::Moving(path) => {
                let mut number = 0;
                let (_, fps) = moving::each(path, &Want::default(), &mut |shape, values| {
                    number += 1;
                    take(&format!("{number:06}.png"), coloured(shape, &to_bytes(values)));
                })?;
                read.fps = Some(fps);
            }
            Kind::Set(data) => {
                let shape = data.shape().of_batch(1);
                for index in 0..data.len().unwrap_or(0) {
                    let picture = coloured([shape[1], shape[2], shape[3]], &to_bytes(&data.example(index)?.0));
                    match data.example_name(index) {
                        Some(name) => take(name, picture),
                        None => take(&format!("{:06}.png", index + 1), picture),
                    }
                }
            }
        }
        Ok(read)
    }
}

/// A picture of 1 to 4 channels in red, green and blue; what is transparent lies on white.
fn coloured([height, width, channels]: [usize; 3], pixels: &[u8]) -> RgbImage {
    let of = |channels| Size {
        height,
        width,
        channels,
    };
    let mut to = vec![0; of(3).bytes()];
    Shaper::with(|shaper| shaper.shape(pixels, of(channels), &mut to, of(3), &Want::default()));
    RgbImage::from_raw(width as u32, height as u32, to).expect("as many bytes as the picture has")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(frames: &Frames) -> (Vec<(String, [u8; 3])>, Read) {
        let mut seen = vec![];
        let read = frames.each(&mut |name, picture| seen.push((name.to_owned(), picture.get_pixel(0, 0).0)));
        (seen, read.unwrap())
    }

    #[test]
    fn a_folder_of_several_sizes_hands_over_all_but_what_is_broken() {
        let there = tempfile::tempdir().unwrap();
        let at = |name: &str| there.path().join(name);
        RgbImage::from_pixel(3, 2, image::Rgb([10, 20, 30]))
            .save(at("a.png"))
            .unwrap();
        image::GrayImage::from_pixel(5, 4, image::Luma([7]))
            .save(at("c.png"))
            .unwrap();
        std::fs::write(at("b.jpg"), b"no picture").unwrap();
        let frames = Frames::open(there.path().to_str().unwrap()).unwrap();
        assert_eq!((frames.len(), frames.are_moving()), (Some(3), false));
        let (seen, read) = names(&frames);
        assert_eq!(seen, [("a.png".to_owned(), [10, 20, 30]), ("c.png".to_owned(), [7; 3])]);
        assert_eq!(read.broken.len(), 1);
        let before = frames.digest().unwrap();
        std::fs::write(at("b.jpg"), b"no pictures").unwrap();
        assert_ne!(frames.digest().unwrap(), before);
    }

    #[test]
    fn one_picture_what_moves_and_a_set() {
        let there = tempfile::tempdir().unwrap();
        let path = there.path().join("two.gif");
        let mut bytes = vec![];
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
        for colour in [[255, 0, 0, 255], [0, 0, 255, 255]] {
            let picture = image::RgbaImage::from_pixel(4, 2, image::Rgba(colour));
            let delay = image::Delay::from_numer_denom_ms(100, 1);
            encoder
                .encode_frame(image::Frame::from_parts(picture, 0, 0, delay))
                .unwrap();
        }
        drop(encoder);
        std::fs::write(&path, bytes).unwrap();
        let frames = Frames::open(path.to_str().unwrap()).unwrap();
        let (seen, read) = names(&frames);
        assert_eq!(
            seen,
            [
                ("000001.png".to_owned(), [255, 0, 0]),
                ("000002.png".to_owned(), [0, 0, 255])
            ]
        );
        assert_eq!((frames.are_moving(), read.fps), (true, Some(10)));
        let set = Frames::open("first:2:fashion-mnist-10k").unwrap();
        assert_eq!((set.len(), names(&set).0.len()), (Some(2), 2));
        let error = Frames::open("ring").unwrap_err().to_string();
        assert!(error.contains("ring"), "{error}");
        assert!(Frames::open("there-is-no-such-thing").is_err());
    }
}
