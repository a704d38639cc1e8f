//! Sounds: WAV, FLAC and Ogg Vorbis files at one sample rate and of one length.
//!
//! A sound begins where it is heard, a hundredth of a second before it first reaches a twentieth of its peak, and is cut or filled
//! with silence to the wanted length. Channels are mixed to one.

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use rayon::prelude::*;
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

use super::error::{DataError, Result};
use super::labels::Said;
use super::listing::Listing;
use super::shaping::Want;
use super::{Dataset, Shape, catalogue, decode, folder, labels};

/// Samples in a second where nothing is wanted: as many as in the paper of WaveGAN.
pub const RATE_HZ: u32 = 16_000;
/// Samples in a sound where nothing is wanted, likewise.
pub(super) const LENGTH: usize = 16_384;
/// The sample rates that can be wanted, and those that are read.
const RATES_HZ: std::ops::RangeInclusive<u32> = 1_000..=192_000;
/// The lengths that can be wanted.
const LENGTHS: std::ops::RangeInclusive<usize> = 64..=1 << 20;
/// The largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 512 << 20;
/// What lies behind so many seconds of a file is not heard.
const MAX_SECONDS: usize = 60;
/// One of so many sounds is of the split `test`, the others are of `train`.
const HELD_OUT: usize = 5;

/// Whether a file of this name is taken for a sound.
pub(crate) fn is_sound(name: &str) -> bool {
    let name = name.to_lowercase();
    [".wav", ".wave", ".flac", ".ogg", ".oga"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// What says the class of a sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Classes {
    /// A table in the folder, or the sub-folder it lies in, as of pictures.
    ByFolder,
    /// The name of its file up to the first underscore.
    ByPrefix,
}

/// Sounds of one channel, in [-1, 1].
pub struct Sounds {
    name: String,
    digest: String,
    shape: Shape,
    /// `[count, length]`
    values: Vec<f32>,
    labels: Vec<u32>,
    classes: Option<Vec<String>>,
    names: Vec<String>,
    notes: Vec<String>,
}

impl std::fmt::Debug for Sounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sounds")
            .field("name", &self.name)
            .field("count", &self.labels.len())
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

/// Opens a folder of sounds. With a split, `test` is every fifth of them in the order of their paths, and `train` the others.
///
/// # Errors
/// [`DataError::ImpossibleSound`] for a rate or a length that cannot be made; [`DataError::BrokenFiles`] where more than a tenth
/// cannot be read; as [`folder::open`] for the folder.
pub(crate) fn open(name: &str, path: &Path, split: Option<&str>, classes: Classes, want: &Want) -> Result<Sounds> {
    let (rate_hz, length) = checked(want.rate_hz.unwrap_or(RATE_HZ), want.length.unwrap_or(LENGTH), want)?;
    if !matches!(split, None | Some("train" | "test")) {
        return Err(DataError::UnknownSplit {
            name: path.display().to_string(),
            split: split.unwrap_or_default().into(),
            has: "`train` or `test`".into(),
        });
    }
    let mut listing = folder::list(path, None, is_sound)?;
    if classes == Classes::ByPrefix {
        let said = listing.items.iter().map(|item| by_prefix(listing.name(item))).collect();
        labels::give(&mut listing, None, &said)?;
    }
    let heard: Vec<_> = listing
        .holders
        .par_iter()
        .map(|path| decode::guarded(|| heard(path, rate_hz, length)))
        .collect();
    sounds(
        name,
        &listing,
        heard,
        Shape::Sound {
            length,
            channels: 1,
            rate_hz,
        },
        split,
    )
}

/// A rate and a length, where sounds can have them and nothing else is wanted.
///
/// # Errors
/// [`DataError::ImpossibleSound`].
pub(super) fn checked(rate_hz: u32, length: usize, want: &Want) -> Result<(u32, usize)> {
    let impossible = |expected, got| Err(DataError::ImpossibleSound { expected, got });
    if !RATES_HZ.contains(&rate_hz) {
        return impossible("1000 to 192000 samples in a second", rate_hz.to_string());
    }
    if !LENGTHS.contains(&length) {
        return impossible("64 to 1048576 samples", length.to_string());
    }
    if want.size.is_some() || want.channels.is_some() {
        return impossible("a rate and a length", "the size or the channels of pictures".into());
    }
    Ok((rate_hz, length))
}

/// What is said of a sound by its name, under the key that [`labels`] has for it.
fn by_prefix(name: &str) -> (String, Said) {
    let key = labels::key(name);
    let file = key.rsplit('/').next().unwrap_or(key);
    let said = Said {
        label: Some(file.split('_').next().unwrap_or(file).to_owned()),
        ..Said::default()
    };
    (key.to_owned(), said)
}

/// A sound as it is used, and what was done to it.
struct Heard {
    values: Vec<f32>,
    /// The rate of its file.
    rate_hz: u32,
    /// Whether its file goes beyond -1 and 1.
    is_too_loud: bool,
}

fn sounds(
    name: &str,
    listing: &Listing,
    heard: Vec<std::result::Result<Heard, String>>,
    shape: Shape,
    split: Option<&str>,
) -> Result<Sounds> {
    let total = heard.len() as u64;
    let mut data = Sounds {
        name: name.to_owned(),
        digest: String::new(),
        shape,
        values: vec![],
        labels: vec![],
        classes: listing.classes.clone(),
        names: vec![],
        notes: listing.notes.clone(),
    };
    let (mut broken, mut rates, mut loud, mut files) = (vec![], BTreeMap::new(), 0, vec![]);
    for (number, (item, heard)) in listing.items.iter().zip(heard).enumerate() {
        let is_chosen = match split {
            None => true,
            Some(split) => (split == "test") == number.is_multiple_of(HELD_OUT),
        };
        if !is_chosen {
            continue;
        }
        match heard {
            Ok(heard) => {
                data.values.extend(heard.values);
                data.labels.push(item.label);
                data.names.push(listing.name(item).to_owned());
                files.push(listing.holders[item.holder as usize].as_path());
                *rates.entry(heard.rate_hz).or_insert(0) += 1;
                loud += u32::from(heard.is_too_loud);
            }
            Err(why) => broken.push((listing.name(item).to_owned(), why)),
        }
    }
    if let Some((first, why)) = broken.first()
        && (broken.len() as u64 * 10 > total || data.labels.is_empty())
    {
        return Err(DataError::BrokenFiles {
            kind: "sounds",
            path: listing.root.clone(),
            broken: broken.len() as u64,
            total,
            first: first.clone(),
            why: why.clone(),
        });
    }
    if data.labels.is_empty() {
        return Err(DataError::NoExample {
            name: name.to_owned(),
            index: 0,
            len: 0,
        });
    }
    if let Shape::Sound { rate_hz, .. } = shape {
        rates.remove(&rate_hz);
        let others: Vec<String> = rates
            .iter()
            .map(|(rate, count)| format!("{count} from {rate} Hz"))
            .collect();
        if !others.is_empty() {
            let others = others.join(", ");
            data.notes
                .push(format!("Sounds were resampled to {rate_hz} Hz: {others}."));
        }
    }
    if loud > 0 {
        data.notes
            .push(format!("{loud} sounds go beyond full scale and were made softer."));
    }
    data.notes.extend(decode::broken_note("sounds", &broken));
    data.digest = catalogue::digest(&listing.root, &files)?;
    Ok(data)
}

/// The sound of a file at this rate and of this length.
fn heard(path: &Path, rate_hz: u32, length: usize) -> std::result::Result<Heard, String> {
    let (mut values, from) = mixed(path)?;
    let peak = values.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
    if peak > 1.0 {
        values.iter_mut().for_each(|x| *x /= peak);
    }
    let onset = values.iter().position(|x| x.abs() >= 0.05 * peak.min(1.0)).unwrap_or(0);
    let begin = onset.saturating_sub(from as usize / 100);
    Ok(Heard {
        values: resampled(&values[begin..], from, rate_hz, length),
        rate_hz: from,
        is_too_loud: peak > 1.0,
    })
}

/// The samples of a file, its channels mixed, and their rate.
fn mixed(path: &Path) -> std::result::Result<(Vec<f32>, u32), String> {
    let reason = |error: Error| match error {
        Error::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => "it is cut short".to_owned(),
        error => error.to_string(),
    };
    let file = File::open(path).map_err(|e| format!("cannot read ({})", e.kind()))?;
    let bytes = file
        .metadata()
        .map_err(|e| format!("cannot read ({})", e.kind()))?
        .len();
    if bytes == 0 {
        return Err("empty file".into());
    }
    if bytes > MAX_FILE_BYTES {
        return Err(format!("expected at most {MAX_FILE_BYTES} bytes, got {bytes}"));
    }
    let stream = MediaSourceStream::new(Box::new(file), Default::default());
    let (format, metadata) = (FormatOptions::default(), MetadataOptions::default());
    let probed = symphonia::default::get_probe().probe(&Hint::new(), stream, format, metadata);
    let mut format = probed.map_err(|_| "not a sound of a known format".to_owned())?;
    let track = format.default_track(TrackType::Audio).ok_or("no sound in it")?;
    let (id, codec) = (track.id, track.codec_params.as_ref().and_then(|codec| codec.audio()));
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(codec.ok_or("no sound in it")?, &AudioDecoderOptions::default())
        .map_err(reason)?;
    let (mut values, mut interleaved, mut rate_hz) = (vec![], Vec::<f32>::new(), None);
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            // A file that was cut off is heard as far as it goes, and so is a stream of Ogg whose last page does not say that it is the last.
            Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof && !values.is_empty() => break,
            Err(error) => return Err(reason(error)),
        };
        if packet.track_id != id {
            continue;
        }
        let decoded = decoder.decode(&packet).map_err(reason)?;
        let (rate, channels) = (decoded.spec().rate(), decoded.num_planes());
        if !RATES_HZ.contains(&rate) {
            return Err(format!("expected 1000 to 192000 samples in a second, got {rate}"));
        }
        if *rate_hz.get_or_insert(rate) != rate {
            return Err("its sample rate changes".into());
        }
        decoded.copy_to_vec_interleaved(&mut interleaved);
        let frames = interleaved.chunks_exact(channels.max(1));
        values.extend(frames.map(|frame| frame.iter().sum::<f32>() / channels as f32));
        if values.len() >= MAX_SECONDS * rate as usize {
            break;
        }
    }
    if !values.iter().all(|x| x.is_finite()) {
        return Err("a sample in it is no number".into());
    }
    match rate_hz {
        Some(rate) if !values.is_empty() => Ok((values, rate)),
        _ => Err("no samples in it".into()),
    }
}

/// Zeros of the sine cardinal on either side, and values of it that are kept between two of them.
const ZEROS: usize = 16;
const BETWEEN: usize = 512;

/// The first `length` samples of a sound at another rate, with silence behind its end: a sum of sine cardinals under Hann's window,
/// wide enough that nothing above half the lower rate is left.
pub(crate) fn resampled(x: &[f32], from_hz: u32, to_hz: u32, length: usize) -> Vec<f32> {
    if from_hz == to_hz {
        let mut same: Vec<f32> = x.iter().copied().take(length).collect();
        same.resize(length, 0.0);
        return same;
    }
    let kernel: Vec<f64> = (0..=ZEROS * BETWEEN + 1)
        .map(|i| {
            let t = PI * i as f64 / BETWEEN as f64;
            let window = if i < ZEROS * BETWEEN {
                0.5 + 0.5 * (t / ZEROS as f64).cos()
            } else {
                0.0
            };
            if i == 0 { 1.0 } else { window * t.sin() / t }
        })
        .collect();
    let step = f64::from(from_hz) / f64::from(to_hz);
    let narrowing = step.max(1.0).recip();
    let reach = ZEROS as f64 / narrowing;
    let at = |n: usize| {
        let centre = n as f64 * step;
        let first = (centre - reach).ceil().max(0.0) as usize;
        let last = ((centre + reach).floor() as usize + 1).min(x.len());
        let term = |i: usize| {
            let place = (i as f64 - centre).abs() * narrowing * BETWEEN as f64;
            let (low, part) = (place as usize, place.fract());
            f64::from(x[i]) * (kernel[low] + part * (kernel[low + 1] - kernel[low]))
        };
        ((first..last.max(first)).map(term).sum::<f64>() * narrowing).clamp(-1.0, 1.0) as f32
    };
    (0..length).map(at).collect()
}

impl Dataset for Sounds {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn len(&self) -> Option<u64> {
        Some(self.labels.len() as u64)
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn classes(&self) -> Option<&[String]> {
        self.classes.as_deref()
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn example_name(&self, index: u64) -> Option<&str> {
        self.names.get(index as usize).map(String::as_str)
    }

    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
        let floats = self.shape.floats();
        let label = self.labels.get(index as usize).ok_or_else(|| DataError::NoExample {
            name: self.name.clone(),
            index,
            len: self.labels.len() as u64,
        })?;
        x.copy_from_slice(&self.values[index as usize * floats..][..floats]);
        Ok(*label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::wave;
    use std::f32::consts::TAU;
    use std::fs;

    fn tone(hz: f32, rate_hz: u32, length: usize) -> Vec<f32> {
        (0..length)
            .map(|i| 0.5 * (TAU * hz * i as f32 / rate_hz as f32).sin())
            .collect()
    }

    fn put(path: &Path, values: &[f32], channels: usize, rate_hz: u32) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, wave::of(values, channels, rate_hz, "a tone")).unwrap();
    }

    fn want(rate_hz: u32, length: usize) -> Want {
        Want {
            rate_hz: Some(rate_hz),
            length: Some(length),
            ..Want::default()
        }
    }

    /// A tone below half the lower rate is the same tone at another rate; one above it is gone.
    #[test]
    fn tones_keep_their_pitch_and_do_not_fold() {
        for (from, to) in [(44_100, 8_000), (8_000, 44_100), (16_000, 11_025)] {
            let there = resampled(&tone(1_000.0, from, 2 * from as usize / 10), from, to, to as usize / 10);
            let expected = tone(1_000.0, to, to as usize / 10);
            let middle = to as usize / 40..to as usize * 3 / 40;
            let off = middle
                .clone()
                .map(|i| (there[i] - expected[i]).abs())
                .fold(0.0, f32::max);
            assert!(off < 2e-3, "{from} to {to}: {off}");
        }
        let folded = resampled(&tone(6_000.0, 44_100, 44_100), 44_100, 8_000, 4_000);
        assert!(folded[1_000..3_000].iter().all(|x| x.abs() < 2e-3));
    }

    #[test]
    fn what_ends_early_is_filled_with_silence() {
        assert_eq!(resampled(&[0.5, 0.25], 8_000, 8_000, 4), [0.5, 0.25, 0.0, 0.0]);
        assert_eq!(resampled(&[0.5; 400], 8_000, 4_000, 1_000)[300..], [0.0; 700]);
    }

    /// Two classes of sounds, stereo and of two rates; one begins with silence.
    #[test]
    fn a_folder_is_brought_to_one_rate_and_length() {
        let folder = tempfile::tempdir().unwrap();
        let high: Vec<f32> = tone(1_000.0, 8_000, 4_000).iter().flat_map(|x| [*x, *x]).collect();
        put(&folder.path().join("high/a.wav"), &high, 2, 8_000);
        let mut late = vec![0.0; 8_000];
        late.extend(tone(100.0, 16_000, 8_000));
        put(&folder.path().join("low/b.wav"), &late, 1, 16_000);
        let data = open("set", folder.path(), None, Classes::ByFolder, &want(8_000, 2_048)).unwrap();
        assert_eq!(
            data.shape(),
            Shape::Sound {
                length: 2_048,
                channels: 1,
                rate_hz: 8_000
            }
        );
        assert_eq!(data.classes().unwrap(), ["high", "low"]);
        assert_eq!(data.notes(), ["Sounds were resampled to 8000 Hz: 1 from 16000 Hz."]);
        let (x, y) = data.example(1).unwrap();
        assert_eq!((y, data.example_name(1)), (1, Some("low/b.wav")));
        // It is heard a hundredth of a second behind the beginning, and at its loudest a quarter of a period later.
        assert!(
            x[..70].iter().all(|x| x.abs() < 0.03) && (x[100] - 0.5).abs() < 0.02,
            "{}",
            x[100]
        );
        let digest = data.digest().to_owned();
        let part = open("set", folder.path(), Some("test"), Classes::ByFolder, &want(8_000, 64)).unwrap();
        assert_eq!((part.len(), part.example_name(0)), (Some(1), Some("high/a.wav")));
        assert_ne!(part.digest(), digest);
    }

    #[test]
    fn names_say_classes() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["bd_808.wav", "bd_ada.wav", "sn_dub.wav"] {
            put(&folder.path().join(name), &tone(100.0, 8_000, 100), 1, 8_000);
        }
        let data = open("set", folder.path(), None, Classes::ByPrefix, &want(8_000, 64)).unwrap();
        assert_eq!(
            (data.classes().unwrap(), &data.labels[..]),
            (&["bd".to_owned(), "sn".to_owned()][..], &[0, 0, 1][..])
        );
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let there = tempfile::tempdir().unwrap();
        let path = |name: &str| there.path().join(name);
        put(&path("a.wav"), &tone(100.0, 8_000, 400), 1, 8_000);
        let whole = fs::read(path("a.wav")).unwrap();
        let why = |bytes: &[u8]| {
            fs::write(path("b.wav"), bytes).unwrap();
            mixed(&path("b.wav")).unwrap_err()
        };
        assert_eq!(why(b""), "empty file");
        assert_eq!(
            why(b"no sound at all, whatever it is called"),
            "not a sound of a known format"
        );
        // A part of a sound is a sound.
        fs::write(path("b.wav"), &whole[..whole.len() / 2]).unwrap();
        assert!(mixed(&path("b.wav")).is_ok_and(|(values, _)| (100..400).contains(&values.len())));
        let mut absurd = whole.clone();
        absurd[24..28].copy_from_slice(&4_000_000_000_u32.to_le_bytes());
        assert_eq!(
            why(&absurd),
            "expected 1000 to 192000 samples in a second, got 4000000000"
        );
        let error = open("set", there.path(), None, Classes::ByFolder, &want(8_000, 64)).unwrap_err();
        let error = error.to_string().replace(&there.path().display().to_string(), "F");
        assert!(
            error.starts_with("1 of 2 sounds are broken: expected at most 10%, first `b.wav`"),
            "{error}"
        );
        let error = open("set", there.path(), None, Classes::ByFolder, &want(10, 64)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "impossible sound: expected 1000 to 192000 samples in a second, got 10"
        );
        assert!(open("set", there.path(), None, Classes::ByFolder, &want(8_000, 1)).is_err());
        let kinds: [fn(&str) -> bool; 2] = [decode::is_picture, is_sound];
        assert_eq!(folder::first(there.path(), &kinds).unwrap(), Some(1));
    }
}
