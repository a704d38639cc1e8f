//! Scores in MusicXML, plain or compressed: the notes of all parts, as they are written.
//!
//! "MusicXML 4.0", W3C Music Notation Community Group 2021, of which partwise scores are read. Nothing is repeated, grace notes
//! are left out.

use std::io::{Cursor, Read};

use roxmltree::{Document, Node, ParsingOptions};

use super::{MAX_FILE_BYTES, Note, QUARTER, Tune, VELOCITY};

/// Elements and texts of a score that are read at most.
const MAX_NODES: u32 = 4 << 20;

/// The tune of a file, a ZIP archive or plain XML.
pub(super) fn read(bytes: &[u8]) -> Result<Tune, String> {
    if bytes.starts_with(b"PK") {
        return score(&unpacked(bytes)?);
    }
    score(bytes)
}

/// The score that the container of a compressed file names.
fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let mut member = |name: &str| {
        let file = archive.by_name(name).map_err(|error| format!("`{name}`: {error}"))?;
        let mut content = vec![];
        let read = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut content);
        read.map_err(|error| format!("`{name}`: {error}"))?;
        match content.len() as u64 {
            ..=MAX_FILE_BYTES => Ok(content),
            _ => Err(format!("`{name}`: expected at most {MAX_FILE_BYTES} bytes")),
        }
    };
    let container = member("META-INF/container.xml")?;
    let text = String::from_utf8_lossy(&container);
    let document = Document::parse_with_options(&text, options()).map_err(|error| error.to_string())?;
    let root = document.descendants().find(|node| node.has_tag_name("rootfile"));
    let path = root.and_then(|root| root.attribute("full-path"));
    member(path.ok_or("its container names no score")?)
}

fn options<'input>() -> ParsingOptions<'input> {
    ParsingOptions {
        allow_dtd: true,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    }
}

fn score(bytes: &[u8]) -> Result<Tune, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "expected UTF-8")?;
    let document = Document::parse_with_options(text, options()).map_err(|error| error.to_string())?;
    let root = document.root_element();
    if !root.has_tag_name("score-partwise") {
        return Err(format!("expected a partwise score, got `{}`", root.tag_name().name()));
    }
    let (mut tune, mut lines, mut meter) = (Tune::default(), vec![0], None);
    for (number, part) in children(root, "part").enumerate() {
        let mut reading = Part {
            divisions: 1,
            now: 0,
            last: 0,
            tied: vec![],
        };
        for measure in children(part, "measure") {
            let mut end = reading.now;
            for element in measure.children().filter(Node::is_element) {
                match element.tag_name().name() {
                    "attributes" => {
                        if let Some(divisions) = number_in(element, "divisions")? {
                            reading.divisions = Some(divisions)
                                .filter(|d| *d > 0)
                                .ok_or("expected divisions above 0, got 0")?;
                        }
                        let key = child(element, "key").and_then(|key| text_of(key, "fifths"));
                        if let (None, Some(fifths)) = (tune.sharps, key) {
                            tune.sharps = fifths.parse().ok().filter(|fifths| (-7..=7).contains(fifths));
                        }
                        if let (None, Some(time)) = (meter, child(element, "time")) {
                            meter = number_in(time, "beats")?.zip(number_in(time, "beat-type")?);
                        }
                    }
                    "note" => reading.note(element, &mut tune)?,
                    "backup" => reading.now = reading.now.saturating_sub(reading.duration(element)?),
                    "forward" => reading.now += reading.duration(element)?,
                    _ => {}
                }
                super::check_ticks(reading.now)?;
                end = end.max(reading.now);
            }
            reading.now = end;
            if number == 0 {
                lines.push(end);
            }
        }
    }
    let (count, unit) = meter.unwrap_or((4, 4));
    tune.bar = super::bar_of(count, unit)?;
    tune.bars = super::whole_bars(&lines, tune.bar);
    Ok(tune)
}

/// Where the reading of a part is.
struct Part {
    /// What a quarter note is divided into.
    divisions: u64,
    now: u64,
    /// Where the last note began, with which the notes of a chord begin.
    last: u64,
    /// The pitches whose notes go on, and their places in the tune.
    tied: Vec<(u8, usize)>,
}

impl Part {
    fn duration(&self, element: Node) -> Result<u64, String> {
        let duration = number_in(element, "duration")?.unwrap_or(0);
        Ok(duration.saturating_mul(QUARTER) / self.divisions)
    }

    fn note(&mut self, element: Node, tune: &mut Tune) -> Result<(), String> {
        if child(element, "grace").is_some() {
            return Ok(());
        }
        let length = self.duration(element)?;
        let start = if child(element, "chord").is_some() {
            self.last
        } else {
            self.now
        };
        self.last = start;
        self.now = self.now.max(start + length);
        let Some(pitch) = child(element, "pitch") else {
            return Ok(());
        };
        let pitch = pitch_of(pitch)?;
        let ties = |kind| children(element, "tie").any(|tie| tie.attribute("type") == Some(kind));
        let held = self.tied.iter().position(|(tied, _)| *tied == pitch);
        let place = match held.filter(|_| ties("stop")) {
            Some(held) => {
                let (_, place) = self.tied.swap_remove(held);
                tune.notes[place].length = (start + length).saturating_sub(tune.notes[place].start);
                place
            }
            None if length == 0 => return Ok(()),
            None => {
                tune.add(Note {
                    pitch,
                    start,
                    length,
                    velocity: VELOCITY,
                })?;
                tune.notes.len() - 1
            }
        };
        if ties("start") {
            self.tied.retain(|(tied, _)| *tied != pitch);
            self.tied.push((pitch, place));
        }
        Ok(())
    }
}

/// The number of a pitch, 60 for middle C.
fn pitch_of(element: Node) -> Result<u8, String> {
    let step = text_of(element, "step").unwrap_or_default();
    let place = ["C", "D", "E", "F", "G", "A", "B"]
        .iter()
        .position(|name| *name == step);
    let place = place.ok_or_else(|| format!("expected a step from A to G, got `{step}`"))?;
    let alter: f64 = text_of(element, "alter")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.0);
    let octave: i64 = text_of(element, "octave")
        .and_then(|text| text.parse().ok())
        .unwrap_or(-2);
    let pitch = (octave.clamp(-2, 20) + 1) * 12 + super::WHITE[place] + alter.clamp(-3.0, 3.0).round() as i64;
    u8::try_from(pitch)
        .ok()
        .filter(|pitch| *pitch < 128)
        .ok_or_else(|| format!("expected a pitch from 0 to 127, got {pitch}"))
}

fn children<'a, 'input>(node: Node<'a, 'input>, name: &'static str) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(move |child| child.has_tag_name(name))
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &'static str) -> Option<Node<'a, 'input>> {
    children(node, name).next()
}

fn text_of<'a>(node: Node<'a, '_>, name: &'static str) -> Option<&'a str> {
    child(node, name)?.text().map(str::trim)
}

/// A whole number in a child; none where there is no such child. Some programs write `2.0`.
fn number_in(node: Node, name: &'static str) -> Result<Option<u64>, String> {
    let Some(text) = text_of(node, name) else {
        return Ok(None);
    };
    let number: Option<f64> = text.parse().ok().filter(|n| (0.0..=f64::from(u32::MAX)).contains(n));
    match number {
        Some(number) => Ok(Some(number.round() as u64)),
        None => Err(format!("`{name}`: expected a whole number, got `{text}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const SCORE: &str = "<?xml version=\"1.0\"?><!DOCTYPE score-partwise PUBLIC \"-//Recordare//DTD MusicXML 1.0 Partwise//EN\" \"partwise.dtd\">
        <score-partwise><part id=\"P1\"><measure number=\"0\"><attributes><divisions>2</divisions><key><fifths>3</fifths></key>
        <time><beats>4</beats><beat-type>4</beat-type></time></attributes>
        <note><pitch><step>C</step><alter>1</alter><octave>4</octave></pitch><duration>2</duration></note></measure>
        <measure number=\"1\"><note><pitch><step>B</step><octave>4</octave></pitch><duration>6</duration><tie type=\"start\"/></note>
        <note><chord/><pitch><step>E</step><octave>4</octave></pitch><duration>6</duration></note>
        <note><grace/><pitch><step>A</step><octave>4</octave></pitch></note>
        <note><pitch><step>B</step><octave>4</octave></pitch><duration>2</duration><tie type=\"stop\"/></note>
        <backup><duration>8</duration></backup><note><rest/><duration>4</duration></note>
        <note><pitch><step>G</step><octave>3</octave></pitch><duration>4</duration></note></measure></part></score-partwise>";

    /// An upbeat, a tied note with another in its chord, and a second voice that begins with a rest.
    #[test]
    fn a_score_by_hand() {
        let tune = read(SCORE.as_bytes()).unwrap();
        let found: Vec<_> = tune
            .notes
            .iter()
            .map(|note| (note.pitch, note.start * 2 / QUARTER, note.length * 2 / QUARTER))
            .collect();
        assert_eq!(found, [(61, 0, 2), (71, 2, 8), (64, 2, 6), (55, 6, 4)]);
        assert_eq!((tune.bars, tune.sharps), (vec![QUARTER], Some(3)));
    }

    #[test]
    fn compressed_scores_are_named_by_their_container() {
        let mut writer = zip::ZipWriter::new(Cursor::new(vec![]));
        let mut put = |name: &str, content: &str| {
            writer
                .start_file(name, zip::write::SimpleFileOptions::default())
                .unwrap();
            writer.write_all(content.as_bytes()).unwrap();
        };
        put("other.xml", "<nothing/>");
        put("score.xml", SCORE);
        put(
            "META-INF/container.xml",
            "<container><rootfiles><rootfile full-path=\"score.xml\"/></rootfiles></container>",
        );
        let bytes = writer.finish().unwrap().into_inner();
        assert_eq!(read(&bytes).unwrap().notes.len(), 4);
        assert!(read(&bytes[..bytes.len() / 2]).is_err());
    }

    #[test]
    fn what_is_no_score_is_refused() {
        let with = |from: &str, to: &str| read(SCORE.replacen(from, to, 1).as_bytes()).unwrap_err();
        assert_eq!(
            read(b"<score-timewise/>").unwrap_err(),
            "expected a partwise score, got `score-timewise`"
        );
        assert_eq!(
            with("<divisions>2", "<divisions>0"),
            "expected divisions above 0, got 0"
        );
        assert_eq!(
            with("<divisions>2", "<divisions>-1"),
            "`divisions`: expected a whole number, got `-1`"
        );
        assert_eq!(with("<step>C", "<step>H"), "expected a step from A to G, got `H`");
        assert_eq!(
            with("<octave>4", "<octave>19"),
            "expected a pitch from 0 to 127, got 241"
        );
        assert!(with("<duration>2", "<duration>4294967295").contains("quarter notes"));
        assert!(read(&SCORE.as_bytes()[..400]).is_err());
    }
}
