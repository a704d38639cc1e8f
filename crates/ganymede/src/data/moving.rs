//! The frames of what moves: GIF, animated PNG, and H.264 films in MP4 with the feature `film`.
use super::decode::{check_length, check_sides, guarded, reason};
use super::error::{DataError, Result};
use super::shaping::{Shaper, Size, Want};
use image::AnimationDecoder;
use image::codecs::{gif::GifDecoder, png::PngDecoder};
use std::io::Cursor;
use std::path::Path;

/// Nobody is served by more frames than this in one go: a minute and a half at 60 a second.
const MOST: usize = 5400;

/// Frames, shaped as wanted.
pub struct Moving {
    /// `[count, height, width, channels]`.
    pub values: Vec<f32>,
    /// How many there are.
    pub count: usize,
    /// Frames a second, on average; at least 1.
    pub fps: u32,
}

/// Takes a frame: its extents and its levels, row by row.
type Taker<'a> = dyn FnMut(Size, &[u8]) -> std::result::Result<(), String> + 'a;

/// Reads the frames of a file, which its first bytes say the format of.
///
/// # Errors
/// [`DataError::Unreadable`], [`DataError::NoFrames`], [`DataError::ImpossibleShape`].
pub fn read(path: &Path, want: &Want) -> Result<Moving> {
    let mut values = vec![];
    let (count, fps) = each(path, want, &mut |_, frame| values.extend_from_slice(frame))?;
    Ok(Moving { values, count, fps })
}

/// Hands over the frames of a file one by one, with their height, width and channels; how many there were and how many a second, as
/// [`Moving`] has them.
///
/// # Errors
/// As [`read`], also after some frames were handed over.
pub fn each(path: &Path, want: &Want, take: &mut dyn FnMut([usize; 3], &[f32])) -> Result<(usize, u32)> {
    let bytes = std::fs::read(path).map_err(|error| DataError::reading(path, error))?;
    let broken = |why| DataError::NoFrames {
        path: path.to_owned(),
        why,
    };
    check_length(bytes.len() as u64).map_err(broken)?;
    let (mut count, mut values) = (0, vec![]);
    let mut impossible = None;
    let seconds = guarded(|| {
        decoded(&bytes, &mut |size, pixels| {
            if count == MOST {
                return Err(format!("more than {MOST} frames"));
            }
            let target = want.target(size).map_err(|error| {
                impossible = Some(error);
                String::new()
            })?;
            values.resize(target.bytes(), 0.0);
            Shaper::with(|shaper| shaper.shape_to_floats(pixels, size, &mut values, target, want));
            take([target.height, target.width, target.channels], &values);
            count += 1;
            Ok(())
        })
    });
    let seconds = seconds.map_err(|why| impossible.take().unwrap_or_else(|| broken(why)))?;
    if count == 0 {
        return Err(broken("not a single frame".into()));
    }
    let fps = (count as f64 / seconds.max(f64::MIN_POSITIVE))
        .round()
        .clamp(1.0, 100.0) as u32;
    Ok((count, fps))
}

/// Hands over frame after frame; how long they are shown in all, in seconds.
fn decoded(bytes: &[u8], take: &mut Taker) -> std::result::Result<f64, String> {
    let checked = |decoder: &dyn Fn() -> (u32, u32)| {
        let (width, height) = decoder();
        check_sides(width.into(), height.into())
    };
    if bytes.starts_with(b"GIF8") {
        let decoder = GifDecoder::new(Cursor::new(bytes)).map_err(reason)?;
        checked(&|| image::ImageDecoder::dimensions(&decoder))?;
        return frames(decoder.into_frames(), take);
    }
    if bytes.starts_with(b"\x89PNG") {
        let decoder = PngDecoder::new(Cursor::new(bytes)).map_err(reason)?;
        checked(&|| image::ImageDecoder::dimensions(&decoder))?;
        if !decoder.is_apng().map_err(reason)? {
            return Err("a PNG that does not move".into());
        }
        return frames(decoder.apng().map_err(reason)?.into_frames(), take);
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        return film(bytes, take);
    }
    Err("expected a GIF, an animated PNG or an MP4 film".into())
}

fn frames(frames: image::Frames, take: &mut Taker) -> std::result::Result<f64, String> {
    let mut seconds = 0.0;
    for frame in frames {
        let frame = frame.map_err(reason)?;
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        seconds += f64::from(numerator) / f64::from(denominator.max(1)) / 1000.0;
        let pixels = frame.into_buffer();
        let size = Size {
            height: pixels.height() as usize,
            width: pixels.width() as usize,
            channels: 4,
        };
        take(size, &pixels)?;
    }
    Ok(seconds)
}

#[cfg(not(feature = "film"))]
fn film(_: &[u8], _: &mut Taker) -> std::result::Result<f64, String> {
    Err("this build of gany reads no films, only GIF and animated PNG".into())
}

#[cfg(feature = "film")]
fn film(bytes: &[u8], take: &mut Taker) -> std::result::Result<f64, String> {
    use openh264::formats::YUVSource;
    let mut reader = mp4::Mp4Reader::read_header(Cursor::new(bytes), bytes.len() as u64).map_err(reason)?;
    let is_h264 = |track: &&mp4::Mp4Track| matches!(track.media_type(), Ok(mp4::MediaType::H264));
    let track = reader.tracks().values().find(is_h264).ok_or("no H.264 film in it")?;
    check_sides(track.width().into(), track.height().into())?;
    let (id, seconds) = (track.track_id(), track.duration().as_secs_f64());
    let mut stream = vec![];
    let parameters = [track.sequence_parameter_set(), track.picture_parameter_set()];
    for unit in parameters {
        begin(&mut stream, unit.map_err(reason)?);
    }
    let mut decoder = openh264::decoder::Decoder::new().map_err(reason)?;
    let mut see = |picture: &openh264::decoder::DecodedYUV| {
        let (width, height) = picture.dimensions();
        let mut pixels = vec![0; width * height * 3];
        picture.write_rgb8(&mut pixels);
        let size = Size {
            height,
            width,
            channels: 3,
        };
        take(size, &pixels)
    };
    for number in 1..=reader.sample_count(id).map_err(reason)? {
        let Some(sample) = reader.read_sample(id, number).map_err(reason)? else {
            break;
        };
        let mut rest = &sample.bytes[..];
        while let Some((length, behind)) = rest.split_first_chunk() {
            let length = u32::from_be_bytes(*length) as usize;
            let unit = behind
                .get(..length)
                .ok_or("cut short: a unit of the film is longer than its frame")?;
            begin(&mut stream, unit);
            rest = &behind[length..];
        }
        if let Some(picture) = decoder.decode(&stream).map_err(reason)? {
            see(&picture)?;
        }
        stream.clear();
    }
    for picture in decoder.flush_remaining().map_err(reason)? {
        see(&picture)?;
    }
    Ok(seconds)
}

/// Appends a unit as a stream has it: behind a start code.
#[cfg(feature = "film")]
fn begin(stream: &mut Vec<u8>, unit: &[u8]) {
    stream.extend([0, 0, 0, 1]);
    stream.extend(unit);
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::gif::GifEncoder;
    use image::{Delay, Frame, RgbaImage};

    /// Two frames of a quarter of a second each, red and blue, and what is asked for instead: grey of half the size.
    #[test]
    fn a_gif_is_read_frame_by_frame_as_wanted() {
        let there = tempfile::tempdir().unwrap();
        let path = there.path().join("two.gif");
        let mut bytes = vec![];
        let mut encoder = GifEncoder::new(&mut bytes);
        for colour in [[255, 0, 0, 255], [0, 0, 255, 255]] {
            let picture = RgbaImage::from_pixel(4, 2, image::Rgba(colour));
            let delay = Delay::from_numer_denom_ms(250, 1);
            encoder.encode_frame(Frame::from_parts(picture, 0, 0, delay)).unwrap();
        }
        drop(encoder);
        std::fs::write(&path, bytes).unwrap();
        let want = Want {
            size: Some((1, 2)),
            channels: Some(3),
            ..Want::default()
        };
        let read = read(&path, &want).unwrap();
        assert_eq!((read.count, read.fps), (2, 4));
        assert_eq!(
            read.values,
            [[1.0, -1.0, -1.0].repeat(2), [-1.0, -1.0, 1.0].repeat(2)].concat()
        );
    }

    #[test]
    fn what_does_not_move_is_refused() {
        let there = tempfile::tempdir().unwrap();
        let path = there.path().join("still");
        let refused = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            match read(&path, &Want::default()) {
                Err(DataError::NoFrames { why, .. }) => why,
                other => panic!("{:?}", other.err()),
            }
        };
        assert_eq!(refused(b"hello"), "expected a GIF, an animated PNG or an MP4 film");
        assert_eq!(refused(b""), "empty file");
        refused(b"GIF89a");
        refused(b"\0\0\0\x20ftypisom");
    }
}
