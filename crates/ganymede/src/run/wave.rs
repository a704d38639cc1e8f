//! Sounds as WAV files that say of themselves where they come from.

use super::error::{Result, RunError};
use super::grid::Stamp;
use std::path::Path;

/// Writes samples from -1 to 1, `[length, channels]`, as a WAV file with a comment that says where they come from.
///
/// # Errors
/// [`RunError::Io`].
pub fn write(values: &[f32], channels: usize, rate_hz: u32, stamp: &Stamp, path: &Path) -> Result<()> {
    let comment = format!(
        "synthetic sound, system {}, run seed {}, step {}",
        stamp.system, stamp.seed, stamp.step
    );
    std::fs::write(path, of(values, channels, rate_hz, &comment)).map_err(|source| RunError::io("write", path, source))
}

/// A WAV file of 16 bits: samples from -1 to 1, `[length, channels]`, what lies beyond cut off, and a comment.
///
/// Layout: IBM and Microsoft 1991, "Multimedia Programming Interface and Data Specifications 1.0", chapter 3: `RIFF` of `fmt `,
/// `LIST` of `INFO` with `ISFT` (the program) and `ICMT` (the comment), and `data`.
pub(crate) fn of(values: &[f32], channels: usize, rate_hz: u32, comment: &str) -> Vec<u8> {
    let block = 2 * channels as u16;
    let format = [
        &1_u16.to_le_bytes()[..],
        &(channels as u16).to_le_bytes(),
        &rate_hz.to_le_bytes(),
        &(rate_hz * u32::from(block)).to_le_bytes(),
        &block.to_le_bytes(),
        &16_u16.to_le_bytes(),
    ]
    .concat();
    let software = concat!("Ganymede ", env!("CARGO_PKG_VERSION"), "\0");
    let about = [
        b"INFO".to_vec(),
        chunk(b"ISFT", software.as_bytes()),
        chunk(b"ICMT", format!("{comment}\0").as_bytes()),
    ]
    .concat();
    let level = |x: &f32| ((x.clamp(-1.0, 1.0) * 32_767.0).round() as i16).to_le_bytes();
    let samples: Vec<u8> = values.iter().flat_map(level).collect();
    let whole = [
        b"WAVE".to_vec(),
        chunk(b"fmt ", &format),
        chunk(b"LIST", &about),
        chunk(b"data", &samples),
    ]
    .concat();
    chunk(b"RIFF", &whole)
}

/// A name, a length and a content, filled up to an even length.
fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut bytes = [&name[..], &(content.len() as u32).to_le_bytes(), content].concat();
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_by_hand() {
        let wav = of(&[0.0, 1.0, -1.0, 2.0], 2, 8_000, "ok");
        let position = |name: &[u8]| wav.windows(name.len()).position(|bytes| bytes == name).unwrap();
        assert_eq!(&wav[..4], b"RIFF");
        assert_eq!(
            u32::from_le_bytes(wav[4..8].try_into().unwrap()) as usize,
            wav.len() - 8
        );
        // PCM, two channels, 8,000 frames of four bytes a second, 16 bits.
        let format = [1, 0, 2, 0, 0x40, 0x1f, 0, 0, 0, 0x7d, 0, 0, 4, 0, 16, 0];
        assert_eq!(&wav[position(b"fmt ") + 8..][..16], format);
        assert_eq!(&wav[position(b"ICMT") + 4..][..8], [3, 0, 0, 0, b'o', b'k', 0, 0]);
        assert_eq!(
            &wav[position(b"data") + 4..],
            [8, 0, 0, 0, 0, 0, 0xff, 0x7f, 1, 0x80, 0xff, 0x7f]
        );
    }
}
