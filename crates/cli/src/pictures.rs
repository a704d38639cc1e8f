//! The flags that say what pictures, sounds and tunes are made into, for every verb that reads them.
use clap::ValueEnum;
use ganymede::data::{Fit, Key, Want};

/// Size, channels and fit; what is not given stays as it is.
#[derive(Clone, Default, PartialEq, clap::Args)]
#[group(id = "pictures")]
pub(crate) struct Args {
    /// Size of the pictures: a square's side, or WIDTHxHEIGHT [default: as they are]
    #[arg(long, value_parser = size, value_name = "SIDE|WIDTHxHEIGHT")]
    size: Option<(usize, usize)>,
    /// 1 grey, 3 colours, 4 colours and transparency [default: as they are]
    #[arg(long, value_parser = ["1", "3", "4"], hide_possible_values = true, value_name = "1|3|4")]
    channels: Option<String>,
    /// Of sounds: samples in a second [default: 16000]
    #[arg(long, value_name = "HZ")]
    rate: Option<u32>,
    /// Of sounds: samples in all [default: 16384]; of tunes: steps, 16 to a bar [default: 128], or notes [default: 32]
    #[arg(long, value_name = "SAMPLES|STEPS|NOTES")]
    length: Option<usize>,
    /// Of tunes: the key that they are moved to [default: c]
    #[arg(long, value_enum)]
    key: Option<KeyName>,
    /// How pictures of another aspect are made to fit [default: center-crop]
    #[arg(long, value_enum)]
    fit: Option<FitName>,
    /// The colour behind transparent pixels: white, black or #rrggbb [default: white]
    #[arg(long, value_parser = colour, value_name = "COLOUR")]
    background: Option<[u8; 3]>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FitName {
    /// Cut off what stands over
    CenterCrop,
    /// Distort
    Stretch,
    /// Add borders
    Pad,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KeyName {
    /// C major, A minor and the other modes without sharps or flats
    C,
    /// As they are written
    AsWritten,
}

impl Args {
    /// Pictures of this height, width and so many channels.
    pub(crate) fn of_shape([height, width, channels]: [usize; 3]) -> Args {
        Args {
            size: Some((height, width)),
            channels: Some(channels.to_string()),
            ..Args::default()
        }
    }

    /// Whether one of them is given.
    pub(crate) fn is_given(&self) -> bool {
        *self != Args::default()
    }

    /// What is wanted, and otherwise this.
    pub(crate) fn want(&self, otherwise: Want) -> Want {
        Want {
            size: self.size.or(otherwise.size),
            channels: self
                .channels
                .as_ref()
                .map_or(otherwise.channels, |text| text.parse().ok()),
            rate_hz: self.rate.or(otherwise.rate_hz),
            length: self.length.or(otherwise.length),
            key: self.key.map_or(otherwise.key, |key| {
                Some(match key {
                    KeyName::C => Key::C,
                    KeyName::AsWritten => Key::AsWritten,
                })
            }),
            fit: self.fit.map_or(otherwise.fit, |fit| match fit {
                FitName::CenterCrop => Fit::CenterCrop,
                FitName::Stretch => Fit::Stretch,
                FitName::Pad => Fit::Pad,
            }),
            background: self.background.unwrap_or(otherwise.background),
            ..otherwise
        }
    }
}

/// `64` or `WIDTHxHEIGHT`, as height and width.
pub(crate) fn size(text: &str) -> Result<(usize, usize), String> {
    let side = |text: &str| text.parse().ok().filter(|side| *side > 0);
    let sides = match text.split_once(['x', 'X']) {
        Some((width, height)) => side(height).zip(side(width)),
        None => side(text).map(|side| (side, side)),
    };
    sides.ok_or_else(|| "expected a side such as `64`, or width and height such as `96x128`".into())
}

/// A name or `#rrggbb`, as red, green and blue.
fn colour(text: &str) -> Result<[u8; 3], String> {
    match text.to_lowercase().as_str() {
        "white" => return Ok([255; 3]),
        "black" => return Ok([0; 3]),
        _ => {}
    }
    let digits = text
        .strip_prefix('#')
        .filter(|digits| digits.len() == 6 && digits.chars().all(|c| c.is_ascii_hexdigit()));
    let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let [_, red, green, blue] = number.map(u32::to_be_bytes).unwrap_or_default();
    number
        .map(|_| [red, green, blue])
        .ok_or_else(|| "expected `white`, `black` or a colour such as `#ff8000`".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_colours() {
        assert_eq!(size("64"), Ok((64, 64)));
        assert_eq!(size("96x128"), Ok((128, 96)));
        for wrong in ["", "0", "64x", "x64", "64x64x3", "-1", "a"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert_eq!(colour("White"), Ok([255; 3]));
        assert_eq!(colour("#ff8000"), Ok([255, 128, 0]));
        for wrong in ["red", "#ff80", "#ggff00", "ff8000", "#+f8000"] {
            assert_eq!(
                colour(wrong).unwrap_err(),
                "expected `white`, `black` or a colour such as `#ff8000`",
                "{wrong}"
            );
        }
    }
}
