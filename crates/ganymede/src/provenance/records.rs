//! What files say of themselves in words: text chunks of PNG, comments of GIF and WAV, a message in the stream of a film.
//!
//! Nothing is decoded, and lengths are held against what is there, so that a hostile file costs no more than reading it.
use serde::Serialize;

/// The longest record that is believed, in bytes.
const LONGEST: usize = 4096;

/// What a file says it was made by and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// The program, such as `Ganymede 0.1.0`.
    pub software: String,
    /// What it is: `synthetic image, system dcgan, run seed 0, step 400`.
    pub source: String,
}

/// The record of a file's bytes, where it has one of ours.
pub fn of(bytes: &[u8]) -> Option<Record> {
    let record = match bytes {
        [0x89, b'P', b'N', b'G', ..] => png(bytes),
        [b'G', b'I', b'F', b'8', ..] => gif(bytes),
        [b'R', b'I', b'F', b'F', ..] => wave(bytes),
        _ if bytes.get(4..8) == Some(b"ftyp") => film(bytes),
        _ => None,
    }?;
    record.software.starts_with("Ganymede ").then_some(record)
}

fn text(bytes: &[u8]) -> Option<String> {
    let whole = String::from_utf8(bytes.get(..bytes.len().min(LONGEST))?.to_vec()).ok()?;
    // What a terminal would obey is none of ours.
    Some(
        whole
            .trim_end_matches('\0')
            .chars()
            .filter(|c| !c.is_control())
            .collect(),
    )
}

/// `Ganymede 0.1.0: synthetic image, ..`
fn both(text: &str) -> Option<Record> {
    let (software, source) = text.split_once(": ")?;
    Some(Record {
        software: software.to_owned(),
        source: source.to_owned(),
    })
}

/// Pieces that are a length of four bytes and a name, or the other way about, and as much content.
fn pieces(bytes: &[u8], is_name_first: bool, padding: usize) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (first, behind) = rest.split_first_chunk::<4>()?;
        let (second, behind) = behind.split_first_chunk::<4>()?;
        let (name, length) = if is_name_first {
            (*first, u32::from_le_bytes(*second))
        } else {
            (*second, u32::from_be_bytes(*first))
        };
        let length = length as usize;
        let content = behind.get(..length)?;
        let next = if is_name_first {
            length.next_multiple_of(padding)
        } else {
            length + padding
        };
        rest = behind.get(next..).unwrap_or_default();
        Some((name, content))
    })
}

/// International text chunks (PNG, second edition, 11.3.4.5) that are not compressed.
fn png(bytes: &[u8]) -> Option<Record> {
    let (mut software, mut source) = (None, None);
    for (_, content) in pieces(bytes.get(8..)?, false, 4).filter(|(name, _)| name == b"iTXt") {
        // A keyword, two flags, a language and a translated keyword, each but the flags ending in a zero.
        let mut parts = content.splitn(2, |byte| *byte == 0);
        let (Some(keyword), Some([0, _, rest @ ..])) = (parts.next(), parts.next()) else {
            continue;
        };
        let said = rest.splitn(3, |byte| *byte == 0).nth(2).and_then(text);
        match keyword {
            b"Software" => software = said,
            b"Source" => source = said,
            _ => {}
        }
    }
    Some(Record {
        software: software?,
        source: source?,
    })
}

/// The first comment extension (GIF89a, section 24).
fn gif(bytes: &[u8]) -> Option<Record> {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut at = 13 + table(*bytes.get(10)?);
    loop {
        let is_comment = match bytes.get(at)? {
            0x21 => {
                at += 2;
                *bytes.get(at - 1)? == 0xfe
            }
            0x2c => {
                at += 11 + table(*bytes.get(at + 9)?);
                false
            }
            _ => return None,
        };
        let mut content = vec![];
        loop {
            let length = usize::from(*bytes.get(at)?);
            let block = bytes.get(at + 1..at + 1 + length)?;
            at += 1 + length;
            if length == 0 {
                break;
            }
            if is_comment && content.len() < LONGEST {
                content.extend_from_slice(block);
            }
        }
        if is_comment {
            return both(&text(&content)?);
        }
    }
}

/// The list of information of a RIFF file.
fn wave(bytes: &[u8]) -> Option<Record> {
    let list =
        pieces(bytes.get(12..)?, true, 2).find(|(name, content)| name == b"LIST" && content.starts_with(b"INFO"));
    let (_, list) = list?;
    let said = |wanted: &[u8; 4]| text(pieces(&list[4..], true, 2).find(|(name, _)| name == wanted)?.1);
    Some(Record {
        software: said(b"ISFT")?,
        source: said(b"ICMT")?,
    })
}

/// The message in an H.264 stream that begins with our mark and ends with the unit's last bit.
fn film(bytes: &[u8]) -> Option<Record> {
    const OURS: &[u8; 16] = b"gany provenance1";
    let at = bytes.windows(OURS.len()).position(|part| part == OURS)? + OURS.len();
    let rest = &bytes[at..bytes.len().min(at + LONGEST)];
    let end = rest.iter().position(|byte| *byte == 0x80 || *byte < b' ')?;
    both(&text(&rest[..end])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_found_by_hand() {
        let record = Record {
            software: "Ganymede 9.9.9".into(),
            source: "synthetic image, system a".into(),
        };
        let said = b"Ganymede 9.9.9: synthetic image, system a";
        // A screen of one pixel with a table of two colours, an extension that is no comment, a comment in two blocks.
        let mut gif = [
            &b"GIF89a\x01\0\x01\0\x80\0\0"[..],
            &[0; 6],
            &[0x21, 0xf9, 1, 7, 0, 0x21, 0xfe, 10],
        ]
        .concat();
        gif.extend(&said[..10]);
        gif.push((said.len() - 10) as u8);
        gif.extend(&said[10..]);
        gif.extend([0, 0x3b]);
        assert_eq!(of(&gif), Some(record.clone()));
        let film = [&b"\0\0\0\x08ftyp..gany provenance1"[..], said, &[0x80]].concat();
        assert_eq!(of(&film), Some(record.clone()));
        // Cut short, none of them is read beyond its end.
        for whole in [gif, film] {
            (0..whole.len() - 2).for_each(|length| assert_eq!(of(&whole[..length]), None, "{length}"));
        }
    }

    #[test]
    fn what_others_say_is_not_ours() {
        let wave = crate::run::wave::of(&[0.0; 3], 1, 8_000, "a sound");
        assert_eq!(of(&wave).unwrap().source, "a sound");
        let other = String::from_utf8_lossy(&wave).replace("Ganymede", "Something");
        assert_eq!(of(other.as_bytes()), None);
        let boastful = [&b"RIFF....WAVELIST\xff\xff\xff\xff"[..], b"INFOISFT"].concat();
        assert_eq!(of(&boastful), None);
    }
}
