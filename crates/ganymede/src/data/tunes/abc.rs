//! Tunes in ABC notation, in which folk musicians write tunes down as text: one voice, as it is written.
//!
//! "The abc music standard 2.1", Walshaw 2011. Read are notes, rests, chords, ties, tuplets, broken rhythm, keys with modes, and metres.
//! Repeats are not played twice; grace notes, ornaments, words and what stands in quotation marks are passed over. Whatever else
//! there is, several voices among it, is an error with its line.

use std::collections::HashMap;

use super::{Note, QUARTER, Tune, VELOCITY};

/// The tunes of a file, each with its title, or why it cannot be read.
pub(super) fn read(bytes: &[u8]) -> Vec<(String, Result<Tune, String>)> {
    // Old files are in Latin-1, of which nothing but titles goes beyond ASCII.
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let starts: Vec<usize> = (0..lines.len())
        .filter(|i| field(lines[*i]).is_some_and(|(name, _)| name == 'X'))
        .collect();
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    let tune = |(start, end): (&usize, usize)| {
        let title = lines[*start..end]
            .iter()
            .find_map(|line| field(line).filter(|(name, _)| *name == 'T'));
        let title = title.map_or("", |(_, title)| title).to_owned();
        (title, of(&lines[*start..end], *start))
    };
    starts.iter().zip(ends).map(tune).collect()
}

/// The letter and the value of a line such as `K:G`; `A:|` is music.
fn field(line: &str) -> Option<(char, &str)> {
    let (name, value) = (line.chars().next()?, line.get(1..)?.strip_prefix(':')?);
    let value = value.split('%').next().unwrap_or(value).trim();
    (name.is_ascii_alphabetic() && !value.starts_with(['|', ':'])).then_some((name, value))
}

/// The tune of these lines, of which the first is line number `first` of the file, from 0.
fn of(lines: &[&str], first: usize) -> Result<Tune, String> {
    let mut player = Player::default();
    let mut is_music = false;
    for (number, line) in lines.iter().enumerate() {
        let place = |why: String| format!("line {}: {why}", first + number + 1);
        match field(line) {
            Some((name, value)) => {
                player.field(name, value).map_err(place)?;
                is_music |= name == 'K';
            }
            None if line.is_empty() && is_music => break,
            None if is_music && !line.starts_with('%') => player.line(line).map_err(place)?,
            None => {}
        }
    }
    if !is_music {
        return Err(format!(
            "line {}: expected a key, `K:`, before the end of the tune",
            first + lines.len()
        ));
    }
    player.finished()
}

/// Where the playing of a tune is.
#[derive(Default)]
struct Player {
    tune: Tune,
    meter: Option<(u64, u64)>,
    /// The length of a note behind which none is written.
    unit: Option<u64>,
    /// What the key does to the seven letters from C, in semitones.
    signature: [i64; 7],
    /// What accidentals do to letters of octaves until the next bar line.
    accidentals: HashMap<(usize, i64), i64>,
    now: u64,
    lines: Vec<u64>,
    /// Notes that are left of a tuplet, and by what their lengths are multiplied and divided.
    tuplet: (u64, u64, u64),
    /// By what broken rhythm multiplies the next note, in parts of its divisor.
    broken: Option<(u64, u64)>,
    /// Where the last notes that sounded together begin in the tune, and when.
    last: Option<(usize, u64)>,
    is_tied: bool,
}

impl Player {
    fn field(&mut self, name: char, value: &str) -> Result<(), String> {
        match name {
            'M' => {
                let meter = match value {
                    "C" => (4, 4),
                    "C|" => (2, 2),
                    _ => value
                        .split_once('/')
                        .and_then(|(count, unit)| Some((count.trim().parse().ok()?, unit.trim().parse().ok()?)))
                        .ok_or_else(|| format!("expected a metre such as `C` or `6/8`, got `{value}`"))?,
                };
                super::bar_of(meter.0, meter.1)?;
                self.meter = self.meter.or(Some(meter));
            }
            'L' => {
                let unit = value.strip_prefix("1/").and_then(|unit| unit.trim().parse().ok());
                let unit = unit.filter(|unit: &u64| unit.is_power_of_two() && *unit <= 64);
                self.unit =
                    Some(4 * QUARTER / unit.ok_or_else(|| format!("expected a length such as `1/8`, got `{value}`"))?);
            }
            'K' => {
                let sharps = sharps(value)?;
                self.signature = signature(sharps);
                self.tune.sharps = self.tune.sharps.or(Some(sharps));
            }
            'V' => return Err("expected one voice, got a field `V:`".into()),
            _ => {}
        }
        Ok(())
    }

    fn unit(&self) -> u64 {
        // Where nothing is said it is an eighth, of short bars a sixteenth.
        let is_short = self.meter.is_some_and(|(count, unit)| count * 4 < unit * 3);
        self.unit.unwrap_or(if is_short { QUARTER / 4 } else { QUARTER / 2 })
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let mut text = Text { rest: line };
        while let Some(c) = text.next() {
            match c {
                ' ' | '\t' | '\\' | '`' | '.' | '~' | ')' | '*' | 'H'..='W' | 'h'..='w' | 'y' | ';' => {}
                '%' => break,
                '"' | '!' | '+' => text.skip_to(c)?,
                '{' => text.skip_to('}')?,
                '(' => {
                    if let Some(count) = text.digit() {
                        self.tuplet = self.tuplet_of(count, &mut text)?;
                    }
                }
                '[' => self.bracket(&mut text)?,
                '|' | ':' | ']' => self.bar_line(&mut text),
                '-' => self.is_tied = true,
                '<' | '>' => self.broken(c, &mut text)?,
                'z' | 'x' => {
                    let length = self.length(text.factor()?)?;
                    self.tied_to(&[]);
                    self.last = None;
                    self.step(length)?;
                }
                'Z' => return Err("expected rests bar by bar, got `Z`".into()),
                '^' | '_' | '=' | 'A'..='G' | 'a'..='g' => {
                    text.rest = &line[line.len() - text.rest.len() - c.len_utf8()..];
                    let pitch = self.pitch(&mut text)?;
                    let length = self.length(text.factor()?)?;
                    self.sound(&[pitch], length)?;
                }
                '0'..='9' if self.lines.last() == Some(&self.now) => {}
                c => return Err(format!("expected a note, got `{c}`")),
            }
        }
        Ok(())
    }

    /// A field within a line, a number of an ending, a bar line, or notes that sound together.
    fn bracket(&mut self, text: &mut Text) -> Result<(), String> {
        if text.rest.starts_with(['|', ']']) {
            self.bar_line(text);
            return Ok(());
        }
        if text.rest.as_bytes().get(1) == Some(&b':') {
            let (field_text, rest) = text
                .rest
                .split_once(']')
                .ok_or("expected `]`, got the end of the line")?;
            text.rest = rest;
            return match field(field_text) {
                Some((name, value)) => self.field(name, value),
                None => Err(format!("expected a field, got `{field_text}`")),
            };
        }
        if text.rest.starts_with(|c: char| c.is_ascii_digit()) {
            text.rest = text
                .rest
                .trim_start_matches(|c: char| c.is_ascii_digit() || ",-".contains(c));
            return Ok(());
        }
        let (mut pitches, mut inner, mut goes_on) = (vec![], (1, 1), false);
        loop {
            match text.rest.chars().next() {
                Some(']') => break,
                Some('"' | '!') => {
                    let mark = text.next().unwrap_or('"');
                    text.skip_to(mark)?;
                }
                Some('-') => {
                    text.next();
                    goes_on = true;
                }
                Some(c @ ('.' | '~' | ' ' | 'u' | 'v' | '(' | ')')) => text.rest = &text.rest[c.len_utf8()..],
                _ => {
                    pitches.push(self.pitch(text)?);
                    inner = text.factor()?;
                }
            }
        }
        text.next();
        let outer = text.factor()?;
        let length = self.length((inner.0 * outer.0, inner.1 * outer.1))?;
        self.sound(&pitches, length)?;
        // A tie inside the bracket is to the next notes.
        self.is_tied = goes_on;
        Ok(())
    }

    fn bar_line(&mut self, text: &mut Text) {
        text.rest = text.rest.trim_start_matches(['|', ':', ']']);
        let digits = text
            .rest
            .trim_start_matches(|c: char| c.is_ascii_digit() || ",-".contains(c));
        if text.rest.starts_with(|c: char| c.is_ascii_digit()) {
            text.rest = digits;
        }
        self.accidentals.clear();
        if self.lines.last() != Some(&self.now) {
            self.lines.push(self.now);
        }
    }

    fn tuplet_of(&self, count: u64, text: &mut Text) -> Result<(u64, u64, u64), String> {
        let is_compound = self.meter.is_some_and(|(count, unit)| unit == 8 && count % 3 == 0);
        let time = match count {
            2 | 4 | 8 => 3,
            3 | 6 => 2,
            5 | 7 | 9 if is_compound => 3,
            5 | 7 | 9 => 2,
            _ => return Err(format!("expected a tuplet of 2 to 9 notes, got {count}")),
        };
        let mut parts = [count, time, count];
        for part in &mut parts[1..] {
            let Some(rest) = text.rest.strip_prefix(':') else {
                break;
            };
            text.rest = rest;
            *part = text.digit().unwrap_or(*part);
        }
        match parts {
            [count, time, notes] if time > 0 => Ok((notes, time, count)),
            _ => Err("expected a tuplet in the time of 1 to 9 notes, got 0".into()),
        }
    }

    /// `A>B` makes the first half as long again and the second half as long; more signs go on halving what is left.
    fn broken(&mut self, sign: char, text: &mut Text) -> Result<(), String> {
        let more = text.rest.len() - text.rest.trim_start_matches(sign).len();
        text.rest = &text.rest[more..];
        let parts = 2_u64 << more.min(3);
        let (longer, shorter) = ((2 * parts - 1, parts), (1, parts));
        let (before, behind) = if sign == '>' {
            (longer, shorter)
        } else {
            (shorter, longer)
        };
        let (place, start) = self
            .last
            .filter(|_| self.lines.last() != Some(&self.now))
            .ok_or_else(|| format!("expected a note before `{sign}`"))?;
        let end = start + (self.now - start) * before.0 / before.1;
        if end == start {
            return Err("expected a note with a length, got none".into());
        }
        for note in &mut self.tune.notes[place..] {
            // What was tied to before keeps its beginning.
            note.length = end - note.start;
        }
        self.now = end;
        self.broken = Some(behind);
        Ok(())
    }

    /// The length of the next note or rest, so many times the unit.
    fn length(&mut self, (times, parts): (u64, u64)) -> Result<u64, String> {
        let mut length = self.unit() * times / parts;
        if let Some((times, parts)) = self.broken.take() {
            length = length * times / parts;
        }
        if let (left @ 1.., time, count) = self.tuplet {
            length = length * time / count;
            self.tuplet.0 = left - 1;
        }
        if length == 0 {
            Err("expected a note with a length, got none".into())
        } else {
            Ok(length)
        }
    }

    /// The number of the pitch that stands next, 60 for middle C.
    fn pitch(&mut self, text: &mut Text) -> Result<u8, String> {
        let mut accidental = None;
        while let Some(c @ ('^' | '_' | '=')) = text.rest.chars().next() {
            text.next();
            *accidental.get_or_insert(0) += match c {
                '^' => 1,
                '_' => -1,
                _ => 0,
            };
        }
        let c = text.next().ok_or("expected a note, got the end of the line")?;
        let letter = "CDEFGAB"
            .find(c.to_ascii_uppercase())
            .ok_or_else(|| format!("expected a note, got `{c}`"))?;
        let mut octave = i64::from(c.is_ascii_lowercase());
        while let Some(c @ ('\'' | ',')) = text.rest.chars().next() {
            text.next();
            octave += if c == '\'' { 1 } else { -1 };
        }
        if let Some(accidental) = accidental {
            self.accidentals.insert((letter, octave), accidental);
        }
        let altered = self
            .accidentals
            .get(&(letter, octave))
            .unwrap_or(&self.signature[letter]);
        let pitch = 60 + 12 * octave + super::WHITE[letter] + altered;
        u8::try_from(pitch)
            .ok()
            .filter(|pitch| *pitch < 128)
            .ok_or_else(|| format!("expected a pitch from 0 to 127, got {pitch}"))
    }

    fn sound(&mut self, pitches: &[u8], length: u64) -> Result<(), String> {
        let held = self.tied_to(pitches);
        let first = self.tune.notes.len();
        for pitch in pitches.iter().filter(|pitch| !held.contains(pitch)) {
            self.tune.add(Note {
                pitch: *pitch,
                start: self.now,
                length,
                velocity: VELOCITY,
            })?;
        }
        if !held.is_empty() {
            let (place, _) = self.last.unwrap_or((first, 0));
            let held = self.tune.notes[place..first]
                .iter_mut()
                .filter(|note| held.contains(&note.pitch));
            held.for_each(|note| note.length = self.now + length - note.start);
        }
        if self.tune.notes.len() > first || held.is_empty() {
            self.last = Some((first, self.now));
        } else if let Some((_, start)) = &mut self.last {
            *start = self.now;
        }
        self.step(length)
    }

    /// Which of these pitches go on from the last notes, where a tie says so.
    fn tied_to(&mut self, pitches: &[u8]) -> Vec<u8> {
        let (true, Some((place, _))) = (std::mem::take(&mut self.is_tied), self.last) else {
            return vec![];
        };
        let goes_on = |note: &&Note| note.start + note.length == self.now && pitches.contains(&note.pitch);
        self.tune.notes[place..]
            .iter()
            .filter(goes_on)
            .map(|note| note.pitch)
            .collect()
    }

    fn step(&mut self, length: u64) -> Result<(), String> {
        self.now += length;
        super::check_ticks(self.now)
    }

    fn finished(mut self) -> Result<Tune, String> {
        self.lines.insert(0, 0);
        self.lines.push(self.now);
        self.lines.dedup();
        let (count, unit) = self.meter.ok_or("expected a metre, `M:`, got none")?;
        self.tune.bar = super::bar_of(count, unit)?;
        self.tune.bars = super::whole_bars(&self.lines, self.tune.bar);
        Ok(self.tune)
    }
}

/// What is left of a line.
struct Text<'t> {
    rest: &'t str,
}

impl Text<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn digit(&mut self) -> Option<u64> {
        let digit = self.rest.chars().next()?.to_digit(10)?;
        self.next();
        Some(digit.into())
    }

    fn number(&mut self) -> Result<Option<u64>, String> {
        let digits = self.rest.len() - self.rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        match number {
            "" => Ok(None),
            _ => match number.parse() {
                Ok(number @ 1..=256) => Ok(Some(number)),
                _ => Err(format!("expected a length of 1 to 256, got {number}")),
            },
        }
    }

    /// What a length is multiplied and divided by: `3`, `3/2`, `/`, `//`.
    fn factor(&mut self) -> Result<(u64, u64), String> {
        let times = self.number()?.unwrap_or(1);
        let mut parts = 1;
        while let Some(rest) = self.rest.strip_prefix('/') {
            self.rest = rest;
            parts *= self.number()?.unwrap_or(2);
            if parts > 256 {
                return Err("expected a length of at least a 256th, got less".into());
            }
        }
        Ok((times, parts))
    }

    fn skip_to(&mut self, end: char) -> Result<(), String> {
        let (_, rest) = self
            .rest
            .split_once(end)
            .ok_or_else(|| format!("expected `{end}`, got the end of the line"))?;
        self.rest = rest;
        Ok(())
    }
}

/// How many sharps a key has, or flats below 0.
fn sharps(key: &str) -> Result<i8, String> {
    let unknown = || format!("expected a key such as `G` or `A Dorian`, got `{key}`");
    let mut letters = key.chars();
    let tonic = match letters.next() {
        None => return Ok(0),
        // The scale of the Highland pipe.
        Some('H') => return Ok(2),
        Some(letter) => "FCGDAEB".find(letter).ok_or_else(unknown)? as i8 - 1,
    };
    let rest = letters.as_str();
    let (tonic, mode) = match rest.as_bytes().first() {
        Some(b'#') => (tonic + 7, &rest[1..]),
        Some(b'b') => (tonic - 7, &rest[1..]),
        _ => (tonic, rest),
    };
    let mode: String = mode
        .trim_start()
        .chars()
        .take_while(|c| c.is_ascii_alphabetic())
        .take(3)
        .collect();
    let mode = match mode.to_lowercase().as_str() {
        "" | "maj" | "ion" => 0,
        "mix" => -1,
        "dor" => -2,
        "m" | "min" | "aeo" => -3,
        "phr" => -4,
        "loc" => -5,
        "lyd" => 1,
        _ => return Err(unknown()),
    };
    Some(tonic + mode)
        .filter(|sharps| (-7..=7).contains(sharps))
        .ok_or_else(unknown)
}

/// What so many sharps, or flats below 0, do to the letters from C, in semitones.
fn signature(sharps: i8) -> [i64; 7] {
    let mut signature = [0; 7];
    // F, C, G, D, A, E, B
    let order = [3, 0, 4, 1, 5, 2, 6];
    order[..sharps.clamp(0, 7) as usize]
        .iter()
        .for_each(|letter| signature[*letter] = 1);
    order[7 - (-sharps).clamp(0, 7) as usize..]
        .iter()
        .for_each(|letter| signature[*letter] = -1);
    signature
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pitches, beginnings and lengths in sixteenths of the one tune in a text.
    fn played(head: &str, music: &str) -> Vec<(u8, f64, f64)> {
        let tune = tune(head, music).unwrap();
        let sixteenths = |ticks| ticks as f64 * 4.0 / QUARTER as f64;
        tune.notes
            .iter()
            .map(|note| (note.pitch, sixteenths(note.start), sixteenths(note.length)))
            .collect()
    }

    fn tune(head: &str, music: &str) -> Result<Tune, String> {
        let mut tunes = read(format!("X:1\nT:A Tune\n{head}\n{music}\n").as_bytes());
        assert_eq!((tunes.len(), tunes[0].0.as_str()), (1, "A Tune"));
        tunes.remove(0).1
    }

    const HEAD: &str = "M:C|\nL:1/8\nK:G";

    #[test]
    fn notes_have_pitches_and_lengths() {
        let expected = [
            (66, 0.0, 2.0),
            (78, 2.0, 1.0),
            (54, 3.0, 4.0),
            (65, 7.0, 2.0),
            (65, 9.0, 2.0),
            (86, 11.0, 3.0),
        ];
        // F sharp by the key in three octaves, natural until the bar line; then a rest of nothing but a bar line.
        assert_eq!(played(HEAD, "F f/ F,2 =F F d'3/2|")[..6], expected);
        assert_eq!(
            played(HEAD, "=F|F z2 F")
                .iter()
                .map(|note| (note.0, note.1))
                .collect::<Vec<_>>(),
            [(65, 0.0), (66, 2.0), (66, 8.0)]
        );
    }

    #[test]
    fn rhythm_is_broken_tied_and_tripled() {
        assert_eq!(
            played(HEAD, "A>B c<d A>>B"),
            [
                (69, 0.0, 3.0),
                (71, 3.0, 1.0),
                (72, 4.0, 1.0),
                (74, 5.0, 3.0),
                (69, 8.0, 3.5),
                (71, 11.5, 0.5),
            ]
        );
        assert_eq!(
            played(HEAD, "A2-|A B-c"),
            [(69, 0.0, 6.0), (71, 6.0, 2.0), (72, 8.0, 2.0)]
        );
        let third = 4.0 / 3.0;
        let triplet = played(HEAD, "(3ABc d");
        assert_eq!(triplet.iter().map(|note| note.0).collect::<Vec<_>>(), [69, 71, 72, 74]);
        assert!((triplet[1].1 - third).abs() < 1e-3 && (triplet[3].1 - 4.0).abs() < 1e-3);
        assert_eq!(
            played(HEAD, "[GB]2 [CE]4-[CE]"),
            [(67, 0.0, 4.0), (71, 0.0, 4.0), (60, 4.0, 10.0), (64, 4.0, 10.0),]
        );
    }

    #[test]
    fn bars_are_whole_ones() {
        let tune = tune(
            "M:2/4\nL:1/8\nK:Am",
            "E|\"Am\"A2 {B}c2|!trill!e3::E|A4|[1 B4:|[2 [K:A] C4|]",
        )
        .unwrap();
        // An upbeat, a bar, a bar in two parts around the repeat, and three more.
        let eighth = QUARTER / 2;
        assert_eq!(tune.bars, [1, 5, 9, 13, 17].map(|at| at * eighth));
        assert_eq!((tune.bar, tune.sharps, tune.notes[7].pitch), (4 * eighth, Some(0), 61));
    }

    #[test]
    fn keys_have_sharps() {
        let keys = [
            "G",
            "Bb",
            "A Mixolydian",
            "Ador",
            "F#m",
            "E Minor",
            "Hp",
            "",
            "Cm",
            "Dmix",
        ];
        assert_eq!(keys.map(|key| sharps(key).unwrap()), [1, -2, 2, 1, 3, 1, 2, 0, -3, 1]);
        assert_eq!(signature(2), [1, 0, 0, 1, 0, 0, 0]);
        assert_eq!(signature(-2), [0, 0, -1, 0, 0, 0, -1]);
        assert!(sharps("X").is_err() && sharps("G strange").is_err());
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_line() {
        let why = |music: &str| tune(HEAD, music).unwrap_err();
        assert_eq!(why("GAB\nG?"), "line 7: expected a note, got `?`");
        assert_eq!(why("V:2"), "line 6: expected one voice, got a field `V:`");
        assert_eq!(why("G999"), "line 6: expected a length of 1 to 256, got 999");
        assert_eq!(
            why("G////////////"),
            "line 6: expected a length of at least a 256th, got less"
        );
        assert_eq!(why("\"Am"), "line 6: expected `\"`, got the end of the line");
        assert_eq!(why(">A"), "line 6: expected a note before `>`");
        assert_eq!(why("A|>B"), "line 6: expected a note before `>`");
        assert_eq!(why("[GB"), "line 6: expected a note, got the end of the line");
        assert_eq!(why("G'''''''''"), "line 6: expected a pitch from 0 to 127, got 175");
        assert_eq!(
            why("(3:0ABc"),
            "line 6: expected a tuplet in the time of 1 to 9 notes, got 0"
        );
        let head = |head: &str| tune(head, "A").unwrap_err();
        assert!(head("M:x\nK:G").starts_with("line 3: expected a metre"));
        assert!(head("M:C\nL:1/7\nK:G").starts_with("line 4: expected a length"));
        assert_eq!(head("M:C"), "line 4: expected a key, `K:`, before the end of the tune");
        assert_eq!(head("K:C"), "expected a metre, `M:`, got none");
        assert!(read(b"no tune at all").is_empty());
    }

    proptest::proptest! {
        /// Whatever is written as a tune is one, whose bars follow one another, or an error.
        #[test]
        fn any_text_is_a_tune_or_an_error(music in "[A-Ga-gz|:<>()\\[\\]0-9/,'^_= -]{0,60}") {
            if let Ok(tune) = tune(HEAD, &music) {
                assert!(tune.bars.is_sorted() && tune.notes.iter().all(|note| note.length > 0));
            }
        }
    }
}
