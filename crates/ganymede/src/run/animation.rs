//! Pictures that move: GIF, animated PNG, and films (the feature `film`).
//!
//! Each says what it is, as every picture of a run does, and every frame is marked: a GIF in a comment, an animated PNG in text chunks, a film in a message
//! of its stream.
use super::atomic;
use super::error::{Result, RunError};
use super::film;
use super::grid::{Canvas, Pictures, Stamp, colour_type};
use crate::named::named_enum;
use std::path::Path;

named_enum! {
    /// The kinds of files that pictures move in, by their endings.
    "animation" Format {
        /// Everything shows it; 256 colours a frame.
        Gif = "gif",
        /// Animated PNG: loses nothing, shown by browsers.
        Apng = "apng",
        /// H.264 film, with the feature `film`.
        Mp4 = "mp4",
    }
}

impl Format {
    /// The kind of file that this name ends in, if it is one.
    pub fn of(path: &Path) -> Option<Format> {
        path.extension()?.to_str()?.to_lowercase().parse().ok()
    }

    /// Whether this build writes it: films need the feature `film`.
    pub fn is_built(self) -> bool {
        self != Format::Mp4 || cfg!(feature = "film")
    }
}

/// Frames whose longer side is less than this are enlarged by a whole factor, as far as they still fit.
const SMALL: usize = 320;

/// Frames, each a grid of pictures or a single one.
pub struct Animation<'a> {
    /// The pictures, frame after frame.
    pub pictures: Pictures<'a>,
    /// So many pictures are a frame.
    pub per_frame: usize,
    /// Pictures in a row of a frame.
    pub columns: usize,
    /// Frames a second; a GIF counts in hundredths of a second.
    pub fps: u32,
}

impl Animation<'_> {
    /// Writes it, to be played again and again where the format can say so.
    ///
    /// # Errors
    /// [`RunError::PictureSize`], [`RunError::PictureChannels`], [`RunError::NoPicture`]; [`RunError::Moving`] where the encoder
    /// refuses; [`RunError::NoFilms`] where this build has none; [`RunError::Io`].
    pub fn write(&self, format: Format, stamp: &Stamp, path: &Path) -> Result<()> {
        let bytes = self.encoded(format, stamp, path)?;
        atomic::replace(path, |file| file.write_all(&bytes))
    }

    /// What [`write`](Animation::write) writes, as bytes.
    ///
    /// # Errors
    /// As [`write`](Animation::write).
    pub fn bytes(&self, format: Format, stamp: &Stamp) -> Result<Vec<u8>> {
        self.encoded(format, stamp, Path::new("animation"))
    }

    /// Errors name the path.
    fn encoded(&self, format: Format, stamp: &Stamp, path: &Path) -> Result<Vec<u8>> {
        let frames: Vec<Canvas> = self.frames()?.into_iter().map(|frame| frame.marked(stamp)).collect();
        encoded(&frames, self.fps, format, stamp, path)
    }

    fn frames(&self) -> Result<Vec<Canvas>> {
        let size = self.pictures.height * self.pictures.width * self.pictures.channels;
        let of_frame = |values| {
            let pictures = Pictures {
                values,
                count: self.per_frame,
                ..self.pictures
            };
            if self.per_frame == 1 {
                return Canvas::of_one(&pictures, 0);
            }
            Canvas::of_grid(&pictures, self.columns)
        };
        let frames: Result<Vec<Canvas>> = self
            .pictures
            .values
            .chunks((size * self.per_frame).max(1))
            .map(of_frame)
            .collect();
        let frames = frames?;
        let longer = frames.first().map_or(SMALL, |frame| frame.width.max(frame.height));
        let factor = (SMALL / longer.max(1)).max(1);
        Ok(frames.iter().map(|frame| frame.enlarged(factor)).collect())
    }
}

/// Writes coloured frames of one size, each marked, and otherwise as they are.
///
/// # Errors
/// As [`Animation::write`].
pub fn write_frames(frames: Vec<image::RgbImage>, fps: u32, format: Format, stamp: &Stamp, path: &Path) -> Result<()> {
    let canvas = |frame: image::RgbImage| Canvas {
        width: frame.width() as usize,
        height: frame.height() as usize,
        channels: 3,
        levels: frame.into_raw(),
    };
    let frames: Vec<Canvas> = frames.into_iter().map(|frame| canvas(frame).marked(stamp)).collect();
    let bytes = encoded(&frames, fps, format, stamp, path)?;
    atomic::replace(path, |file| file.write_all(&bytes))
}

/// Errors name the path.
fn encoded(frames: &[Canvas], fps: u32, format: Format, stamp: &Stamp, path: &Path) -> Result<Vec<u8>> {
    let failed = |reason: String| RunError::Moving {
        reason,
        path: path.to_owned(),
    };
    match format {
        Format::Gif => gif(frames, fps, stamp).map_err(|error| failed(error.to_string())),
        Format::Apng => apng(frames, fps, stamp).map_err(|error| failed(error.to_string())),
        Format::Mp4 => film::mp4(frames, fps, stamp, path),
    }
}

/// Sides as the formats count them.
fn sides(frame: &Canvas) -> [u16; 2] {
    [frame.width, frame.height].map(|side| u16::try_from(side).unwrap_or(u16::MAX))
}

fn gif(frames: &[Canvas], fps: u32, stamp: &Stamp) -> std::result::Result<Vec<u8>, gif::EncodingError> {
    let [width, height] = frames.first().map_or([1; 2], sides);
    let mut bytes = vec![];
    let mut encoder = gif::Encoder::new(&mut bytes, width, height, &[])?;
    encoder.set_repeat(gif::Repeat::Infinite)?;
    let text = stamp.texts().map(|(_, text)| text).join(": ");
    encoder.write_raw_extension(gif::Extension::Comment.into(), &[text.as_bytes()])?;
    for frame in frames {
        let grey = || (0..=255_u8).flat_map(|level| [level; 3]).collect::<Vec<u8>>();
        let mut encoded = match frame.channels {
            1 => gif::Frame::from_palette_pixels(width, height, frame.levels.clone(), grey(), None),
            3 => gif::Frame::from_rgb_speed(width, height, &frame.levels, QUANTISING),
            _ => gif::Frame::from_rgba_speed(width, height, &mut frame.levels.clone(), QUANTISING),
        };
        encoded.delay = (100.0 / f64::from(fps.max(1))).round().max(1.0) as u16;
        if frame.channels == 4 {
            // What was opaque in the last frame must not shine through this one.
            encoded.dispose = gif::DisposalMethod::Background;
        }
        encoder.write_frame(&encoded)?;
    }
    drop(encoder);
    Ok(bytes)
}

/// How coarsely the 256 colours of a frame are chosen, from 1, slow and fine, to 30.
const QUANTISING: i32 = 10;

fn apng(frames: &[Canvas], fps: u32, stamp: &Stamp) -> std::result::Result<Vec<u8>, png::EncodingError> {
    let [width, height] = frames.first().map_or([1; 2], sides);
    let mut bytes = vec![];
    let mut encoder = png::Encoder::new(&mut bytes, width.into(), height.into());
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_color(colour_type(frames.first().map_or(1, |frame| frame.channels)));
    encoder.set_animated(frames.len() as u32, 0)?;
    encoder.set_frame_delay(1, u16::try_from(fps).unwrap_or(u16::MAX))?;
    for (keyword, text) in stamp.texts() {
        encoder.add_itxt_chunk(keyword.into(), text)?;
    }
    let mut writer = encoder.write_header()?;
    for frame in frames {
        writer.write_image_data(&frame.levels)?;
    }
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::grid::tests::stamp;
    use image::AnimationDecoder;
    use image::codecs::{gif::GifDecoder, png::PngDecoder};
    use std::io::Cursor;

    /// Three frames of one grey 160 x 80 picture, each of one level: enlarged twice.
    fn written(format: Format) -> Vec<u8> {
        let there = tempfile::tempdir().unwrap();
        let path = there.path().join("moving");
        let values: Vec<f32> = [-1.0, 0.0, 1.0]
            .iter()
            .flat_map(|level| vec![*level; 160 * 80])
            .collect();
        let animation = Animation {
            pictures: Pictures {
                values: &values,
                count: 3,
                height: 80,
                width: 160,
                channels: 1,
            },
            per_frame: 1,
            columns: 1,
            fps: 20,
        };
        animation.write(format, &stamp(), &path).unwrap();
        std::fs::read(path).unwrap()
    }

    fn has(bytes: &[u8], text: &str) -> bool {
        bytes.windows(text.len()).any(|part| part == text.as_bytes())
    }

    fn check(bytes: &[u8], frames: Vec<image::Frame>) {
        let levels: Vec<u8> = frames.iter().map(|frame| frame.buffer().get_pixel(3, 3).0[0]).collect();
        assert!(
            levels.iter().zip([0, 128, 255]).all(|(is, was)| is.abs_diff(was) < 16),
            "{levels:?}"
        );
        for frame in &frames {
            assert_eq!(frame.buffer().dimensions(), (320, 160));
            assert_eq!(frame.delay().numer_denom_ms(), (50, 1));
        }
        assert!(has(bytes, "synthetic image, system dcgan, run seed 7, step 400"));
    }

    #[test]
    fn a_gif_has_its_frames_times_and_provenance() {
        let bytes = written(Format::Gif);
        let frames = GifDecoder::new(Cursor::new(&bytes)).unwrap().into_frames();
        check(&bytes, frames.collect_frames().unwrap());
        assert!(has(&bytes, "NETSCAPE2.0"), "it is played again");
    }

    #[test]
    fn an_animated_png_likewise() {
        let bytes = written(Format::Apng);
        let decoder = PngDecoder::new(Cursor::new(&bytes)).unwrap().apng().unwrap();
        check(&bytes, decoder.into_frames().collect_frames().unwrap());
    }

    #[test]
    fn coloured_frames_stay_as_large_as_they_are_and_are_marked() {
        let there = tempfile::tempdir().unwrap();
        let path = there.path().join("two.apng");
        let frames = [[9, 8, 7], [1, 2, 3]].map(|colour| image::RgbImage::from_pixel(6, 4, image::Rgb(colour)));
        write_frames(frames.to_vec(), 10, Format::Apng, &stamp(), &path).unwrap();
        let decoder = PngDecoder::new(Cursor::new(std::fs::read(path).unwrap())).unwrap();
        let back = decoder.apng().unwrap().into_frames().collect_frames().unwrap();
        let first = back
            .iter()
            .map(|frame| frame.buffer().get_pixel(5, 3).0)
            .collect::<Vec<_>>();
        for (frame, colour) in first.iter().zip([[9, 8, 7], [1, 2, 3]]) {
            // The watermark makes all channels a little lighter or darker.
            let shifts = [0, 1, 2].map(|c| i16::from(frame[c]) - colour[c]);
            assert!(shifts[0].abs() <= 2 && shifts == [shifts[0]; 3], "{frame:?}");
        }
        assert_eq!(back[0].buffer().dimensions(), (6, 4));
    }

    #[test]
    fn formats_are_told_by_their_endings() {
        let of = |name: &str| Format::of(Path::new(name));
        assert_eq!(
            ["a.gif", "b/a.GIF", "a.apng", "a.mp4"].map(of),
            [Format::Gif, Format::Gif, Format::Apng, Format::Mp4].map(Some)
        );
        assert_eq!(["a.png", "gif", "a.webm"].map(of), [None; 3]);
    }
}
