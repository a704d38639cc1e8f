//! MIDI files, read: the notes of all tracks but the drums, on the ticks of [`QUARTER`].
//!
//! "Standard MIDI Files 1.0", MIDI Manufacturers Association 1996. Channel 10 is the drums', by General MIDI.

use std::collections::HashMap;

use midly::{MetaMessage, MidiMessage, Smf, Timing, TrackEventKind};

use super::{Note, QUARTER, Tune};

/// The channel of the drums, from 0.
const DRUMS: u8 = 9;

/// The tune of a file.
pub(super) fn read(bytes: &[u8]) -> Result<Tune, String> {
    check_chunks(bytes)?;
    let file = Smf::parse(bytes).map_err(|error| error.to_string())?;
    let quarter = match file.header.timing {
        Timing::Metrical(ticks) if ticks.as_int() > 0 => u64::from(ticks.as_int()),
        Timing::Metrical(_) => return Err("expected at least 1 tick in a quarter note, got 0".into()),
        Timing::Timecode(..) => return Err("expected time in quarter notes, got time code".into()),
    };
    let mut tune = Tune::default();
    let (mut meter, mut end) = (None, 0);
    for track in &file.tracks {
        let (mut now, mut open) = (0_u64, HashMap::<(u8, u8), (u64, u8)>::new());
        for event in track {
            now += u64::from(event.delta.as_int());
            super::check_ticks(now.saturating_mul(QUARTER) / quarter)?;
            match event.kind {
                TrackEventKind::Midi { channel, message } if channel.as_int() != DRUMS => {
                    let (key, velocity) = match message {
                        MidiMessage::NoteOn { key, vel } => (key.as_int(), vel.as_int()),
                        MidiMessage::NoteOff { key, .. } => (key.as_int(), 0),
                        _ => continue,
                    };
                    let place = (channel.as_int(), key);
                    let begun = match velocity {
                        0 => open.remove(&place),
                        _ => open.insert(place, (now, velocity)),
                    };
                    if let Some((start, velocity)) = begun
                        && start < now
                    {
                        let [start, end] = [start, now].map(|tick| tick * QUARTER / quarter);
                        tune.add(Note {
                            pitch: key,
                            start,
                            length: end - start,
                            velocity,
                        })?;
                    }
                }
                TrackEventKind::Meta(MetaMessage::Tempo(tempo)) if tempo.as_int() == 0 => {
                    return Err("expected a tempo above 0 microseconds in a quarter note, got 0".into());
                }
                TrackEventKind::Meta(MetaMessage::TimeSignature(count, unit, ..)) if meter.is_none() => {
                    if count == 0 || unit > 6 {
                        return Err(format!("impossible metre: {count} of the power {unit} of two"));
                    }
                    meter = Some((u64::from(count), 1_u64 << unit));
                }
                TrackEventKind::Meta(MetaMessage::KeySignature(sharps, _)) if tune.sharps.is_none() => {
                    tune.sharps = (-7..=7).contains(&sharps).then_some(sharps);
                }
                _ => {}
            }
        }
        end = end.max(now * QUARTER / quarter);
    }
    let (count, unit) = meter.unwrap_or((4, 4));
    tune.bar = super::bar_of(count, unit)?;
    tune.bars = (0..end / tune.bar).map(|bar| bar * tune.bar).collect();
    Ok(tune)
}

/// A file is chunks one after the other, of which the first says how many tracks follow; what reads them forgives a missing end.
fn check_chunks(bytes: &[u8]) -> Result<(), String> {
    if !bytes.starts_with(b"MThd") {
        return Err("not a MIDI file".into());
    }
    let expected = match bytes.get(10..12) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        _ => return Err("it is cut short".into()),
    };
    let (mut rest, mut tracks) = (bytes, 0);
    while rest.len() >= 8 {
        let (head, behind) = rest.split_at(8);
        let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
        tracks += u32::from(head.starts_with(b"MTrk"));
        rest = behind.get(length..).ok_or("it is cut short")?;
    }
    match tracks {
        tracks if tracks < u32::from(expected) => {
            Err(format!("expected {expected} tracks, got {tracks}: it is cut short"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of one track with 96 ticks in a quarter note.
    fn file(events: &[u8]) -> Vec<u8> {
        let track = [events, &[0, 0xff, 0x2f, 0]].concat();
        let length = (track.len() as u32).to_be_bytes();
        [b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk", &length[..], &track].concat()
    }

    /// Three quarters to the bar, two flats; middle C for a quarter, then E with velocity 0 for its end, then a drum.
    #[test]
    fn notes_by_hand() {
        let head = [0, 0xff, 0x58, 4, 3, 2, 24, 8, 0, 0xff, 0x59, 2, 0xfe, 0];
        let notes = [
            0, 0x90, 60, 100, 96, 0x80, 60, 0, 0, 0x90, 64, 90, 0x81, 0x40, 64, 0, 0, 0x99, 36, 100, 96, 0x89, 36, 0,
        ];
        let tune = read(&file(&[&head[..], &notes].concat())).unwrap();
        let note = |pitch, start, length, velocity| Note {
            pitch,
            start: start * QUARTER,
            length: length * QUARTER,
            velocity,
        };
        assert_eq!(tune.notes, [note(60, 0, 1, 100), note(64, 1, 2, 90)]);
        assert_eq!((tune.bar, tune.sharps), (3 * QUARTER, Some(-2)));
        assert_eq!(tune.bars, [0]);
    }

    #[test]
    fn what_no_tune_is_made_of_is_refused() {
        let whole = file(&[0, 0x90, 60, 100, 96, 0x80, 60, 0]);
        assert_eq!(read(&whole[..whole.len() - 3]).unwrap_err(), "it is cut short");
        assert_eq!(
            read(&whole[..14]).unwrap_err(),
            "expected 1 tracks, got 0: it is cut short"
        );
        assert_eq!(read(&whole[..11]).unwrap_err(), "it is cut short");
        assert_eq!(read(b"RIFF").unwrap_err(), "not a MIDI file");
        let tempo = file(&[0, 0xff, 0x51, 3, 0, 0, 0]);
        assert!(read(&tempo).unwrap_err().contains("got 0"));
        let metre = file(&[0, 0xff, 0x58, 4, 0, 2, 24, 8]);
        assert!(read(&metre).unwrap_err().starts_with("impossible metre"));
        // A note that ends after 2^28 - 1 ticks, which is more bars than any tune has.
        let long = file(&[0, 0x90, 60, 100, 0xff, 0xff, 0xff, 0x7f, 0x80, 60, 0]);
        assert!(read(&long).unwrap_err().contains("quarter notes"));
        let mut code = whole;
        code[12..14].copy_from_slice(&[0xe8, 40]);
        assert!(read(&code).unwrap_err().contains("time code"));
    }
}
