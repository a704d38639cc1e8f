//! Films: H.264 in MP4, by OpenH264 and the crate `mp4`, with the feature `film`.
use super::error::{Result, RunError};
use super::grid::{Canvas, Stamp};
use std::path::Path;

/// The bytes of a film of frames of one size; `path` is for errors.
#[cfg(not(feature = "film"))]
pub(super) fn mp4(_frames: &[Canvas], _fps: u32, _stamp: &Stamp, path: &Path) -> Result<Vec<u8>> {
    Err(RunError::NoFilms { path: path.to_owned() })
}

/// The bytes of a film of frames of one size; `path` is for errors.
#[cfg(feature = "film")]
pub(super) fn mp4(frames: &[Canvas], fps: u32, stamp: &Stamp, path: &Path) -> Result<Vec<u8>> {
    encoding::mp4(frames, fps, stamp).map_err(|reason| RunError::Moving {
        reason,
        path: path.to_owned(),
    })
}

#[cfg(feature = "film")]
mod encoding {
    use super::*;
    use mp4::{AvcConfig, MediaConfig, Mp4Config, Mp4Sample, Mp4Writer, TrackConfig, TrackType};
    use openh264::OpenH264API;
    use openh264::encoder::{BitRate, Encoder, EncoderConfig, FrameRate, QpRange, RateControlMode, VuiConfig};
    use openh264::formats::{RgbSliceU8, YUVBuffer};
    use std::io::Cursor;

    /// Quantisers of H.264 from 0, lossless or nearly, to 51: fine enough that small pictures stay sharp.
    const QUANTISERS: (u8, u8) = (4, 10);
    /// Bits a second that the encoder may take: more than it will, so that the quantisers decide. Without control of the rate it
    /// would not heed them.
    const RATE: u32 = 50_000_000;
    /// Units of time a second that durations of frames are counted in: a multiple of all usual rates.
    const TIMESCALE: u32 = 90_000;
    /// Kinds of units of an H.264 stream (ITU-T H.264, table 7-1).
    const KEY_FRAME: u8 = 5;
    const MESSAGE: u8 = 6;
    const SEQUENCE_PARAMETERS: u8 = 7;
    const PICTURE_PARAMETERS: u8 = 8;

    pub(super) fn mp4(frames: &[Canvas], fps: u32, stamp: &Stamp) -> std::result::Result<Vec<u8>, String> {
        let said = |error: &dyn std::fmt::Display| error.to_string().to_lowercase();
        let config = EncoderConfig::new()
            .skip_frames(false)
            .max_frame_rate(FrameRate::from_hz(fps as f32))
            .rate_control_mode(RateControlMode::Quality)
            .bitrate(BitRate::from_bps(RATE))
            .qp(QpRange::new(QUANTISERS.0, QUANTISERS.1))
            // The same bits on every machine.
            .num_threads(1)
            .vui(VuiConfig::bt601());
        let mut encoder = Encoder::with_api_config(OpenH264API::from_source(), config).map_err(|e| said(&e))?;
        let mut track: Option<Mp4Writer<Cursor<Vec<u8>>>> = None;
        let duration = TIMESCALE / fps.max(1);
        for (number, frame) in frames.iter().enumerate() {
            let (rgb, sides) = coloured(frame);
            let picture = YUVBuffer::from_rgb8_source(RgbSliceU8::new(&rgb, sides));
            let stream = encoder.encode(&picture).map_err(|e| said(&e))?.to_vec();
            let units: Vec<&[u8]> = openh264::nal_units(&stream).map(without_start).collect();
            let writer = match &mut track {
                Some(writer) => writer,
                None => track.insert(begun(&units, sides).map_err(|e| said(&e))?),
            };
            let mut bytes = vec![];
            if number == 0 {
                put(&mut bytes, &message(&stamp.texts().map(|(_, text)| text).join(": ")));
            }
            let is_part = |unit: &&&[u8]| !matches!(kind(unit), SEQUENCE_PARAMETERS | PICTURE_PARAMETERS);
            units.iter().filter(is_part).for_each(|unit| put(&mut bytes, unit));
            let sample = Mp4Sample {
                start_time: number as u64 * u64::from(duration),
                duration,
                rendering_offset: 0,
                is_sync: units.iter().any(|unit| kind(unit) == KEY_FRAME),
                bytes: bytes.into(),
            };
            writer.write_sample(1, &sample).map_err(|e| said(&e))?;
        }
        let mut writer = track.ok_or("a film has at least one frame")?;
        writer.write_end().map_err(|e| said(&e))?;
        Ok(writer.into_writer().into_inner())
    }

    /// A film whose only track has the parameters that are among these units.
    fn begun(units: &[&[u8]], (width, height): (usize, usize)) -> mp4::Result<Mp4Writer<Cursor<Vec<u8>>>> {
        let brands = ["isom", "iso2", "avc1", "mp41"].map(|brand| brand.parse().expect("four letters"));
        let config = Mp4Config {
            major_brand: brands[0],
            minor_version: 512,
            compatible_brands: brands.to_vec(),
            timescale: TIMESCALE,
        };
        let parameters = |wanted| {
            units
                .iter()
                .find(|unit| kind(unit) == wanted)
                .map_or(vec![], |unit| unit.to_vec())
        };
        let [width, height] = [width, height].map(|side| u16::try_from(side).unwrap_or(u16::MAX));
        let mut writer = Mp4Writer::write_start(Cursor::new(vec![]), &config)?;
        writer.add_track(&TrackConfig {
            track_type: TrackType::Video,
            timescale: TIMESCALE,
            language: "und".to_owned(),
            media_conf: MediaConfig::AvcConfig(AvcConfig {
                width,
                height,
                seq_param_set: parameters(SEQUENCE_PARAMETERS),
                pic_param_set: parameters(PICTURE_PARAMETERS),
            }),
        })?;
        Ok(writer)
    }

    /// Red, green and blue, with even sides: colours of H.264 are told for four pixels at a time. What is transparent is seen on
    /// white.
    fn coloured(frame: &Canvas) -> (Vec<u8>, (usize, usize)) {
        let [width, height] = [frame.width, frame.height].map(|side| side.next_multiple_of(2));
        let mut rgb = Vec::with_capacity(width * height * 3);
        for y in 0..height {
            for x in 0..width {
                let place = y.min(frame.height - 1) * frame.width + x.min(frame.width - 1);
                let pixel = &frame.levels[place * frame.channels..][..frame.channels];
                let over_white = |level: u8, opacity: u8| {
                    let (level, opacity) = (u16::from(level), u16::from(opacity));
                    ((level * opacity + 255 * (255 - opacity) + 127) / 255) as u8
                };
                match *pixel {
                    [red, green, blue, opacity] => {
                        rgb.extend([red, green, blue].map(|level| over_white(level, opacity)))
                    }
                    [red, green, blue] => rgb.extend([red, green, blue]),
                    _ => rgb.extend([pixel[0]; 3]),
                }
            }
        }
        (rgb, (width, height))
    }

    /// A unit without the zeros and the one that it begins with in a stream.
    fn without_start(unit: &[u8]) -> &[u8] {
        let start = unit.iter().position(|byte| *byte != 0).map_or(0, |one| one + 1);
        &unit[start.min(unit.len())..]
    }

    fn kind(unit: &[u8]) -> u8 {
        unit.first().map_or(0, |first| first & 0x1f)
    }

    /// Appends a unit as MP4 has it: behind its length.
    fn put(bytes: &mut Vec<u8>, unit: &[u8]) {
        bytes.extend((unit.len() as u32).to_be_bytes());
        bytes.extend(unit);
    }

    /// A text that decoders pass over, `user_data_unregistered` (ITU-T H.264, D.1.7), where encoders usually sign. Text has no
    /// zeros, so that nothing in it could be taken for the start of a unit.
    fn message(text: &str) -> Vec<u8> {
        const OURS: &[u8; 16] = b"gany provenance1";
        let payload = [OURS, text.as_bytes()].concat();
        let mut unit = vec![MESSAGE, 5];
        unit.extend(vec![255; payload.len() / 255]);
        unit.push((payload.len() % 255) as u8);
        unit.extend(payload);
        unit.push(0x80);
        unit
    }
}

#[cfg(all(test, feature = "film"))]
mod tests {
    use super::*;
    use crate::data::{Want, moving};
    use crate::run::Pictures;
    use crate::run::grid::tests::stamp;

    const COLOURS: [[f32; 3]; 4] = [
        [1.0, -1.0, -1.0],
        [-1.0, 1.0, -1.0],
        [-1.0, -1.0, 1.0],
        [0.5, 0.5, -0.5],
    ];

    /// Four frames of 65 x 33 pixels, each of a colour, come back with one more row and column; saturated colours were seen to be
    /// off by up to 19 of 255 levels, which finer quantisers make worse.
    #[test]
    fn a_film_is_read_back() {
        let values: Vec<f32> = COLOURS.iter().flat_map(|colour| colour.repeat(65 * 33)).collect();
        let pictures = Pictures {
            values: &values,
            count: 4,
            height: 33,
            width: 65,
            channels: 3,
        };
        let frames: Vec<Canvas> = (0..4).map(|i| Canvas::of_one(&pictures, i).unwrap()).collect();
        let there = tempfile::tempdir().unwrap();
        let path = there.path().join("four.mp4");
        let stamp = stamp();
        let film = mp4(&frames, 25, &stamp, &path).unwrap();
        assert_eq!(film, mp4(&frames, 25, &stamp, &path).unwrap(), "the same bits again");
        std::fs::write(&path, &film).unwrap();
        let back = moving::read(&path, &Want::default()).unwrap();
        assert_eq!((back.count, back.fps), (4, 25));
        for (frame, colour) in back.values.chunks_exact(66 * 34 * 3).zip(COLOURS) {
            let pixels = frame.chunks_exact(3);
            let worst = pixels.flat_map(|pixel| [0, 1, 2].map(|c| (pixel[c] - colour[c]).abs()));
            let worst = worst.fold(0.0, f32::max);
            assert!(worst < 0.15, "{colour:?} is off by {worst}");
        }
        std::fs::write(&path, &film[..film.len() - 200]).unwrap();
        assert!(moving::read(&path, &Want::default()).is_err());
    }
}
