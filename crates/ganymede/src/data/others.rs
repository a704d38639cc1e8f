//! Beside every example some others of its class: of a person, other pictures of that person.
//!
//! `others:K:SPEC` has K of them side by side as `x_b`. `heads:K:SPEC`, of faces whose 68 landmarks a table marks, has a drawing of the
//! example's own landmarks before them: what the head of that person is to do.

use std::sync::Arc;

use super::error::{DataError, Result};
use super::order::hash;
use super::{Dataset, Extra, Field, Shape, check_lengths, order, sha256_hex};

/// Landmarks of a face, in iBUG 300-W's order.
const LANDMARKS: usize = 68;
/// Which landmarks are joined to a line, whether it is closed, and its grey level in a drawing: a part of the face each.
const LINES: [(std::ops::Range<usize>, bool, f32); 9] = [
    (0..17, false, 0.2),
    (17..22, false, 0.5),
    (22..27, false, 0.5),
    (27..31, false, 0.0),
    (31..36, false, 0.0),
    (36..42, true, 0.8),
    (42..48, true, 0.8),
    (48..60, true, 1.0),
    (60..68, true, 1.0),
];
/// Half the width of a line, in parts of the shorter side.
const HALF_LINE: f32 = 1.0 / 64.0;

/// Examples with others of their class.
#[derive(Debug)]
pub struct Others {
    name: String,
    digest: String,
    whole: Arc<dyn Dataset>,
    count: usize,
    /// The numbers of the examples of each class.
    classes: Vec<Vec<u64>>,
    /// The class of each example.
    labels: Vec<u32>,
    /// Which extra of the whole are landmarks, where they are drawn.
    points: Option<usize>,
    extras: [Extra; 1],
    has: Vec<Field>,
}

impl Others {
    /// With `count` others beside each example, and a drawing of its landmarks before them where that is wanted.
    ///
    /// # Errors
    /// [`DataError::Unfit`] where they are no labelled pictures of one or three channels with an end, or without the landmarks.
    pub fn new(whole: Arc<dyn Dataset>, count: usize, is_drawn: bool, name: &str) -> Result<Others> {
        let unfit = |expected, got: &str| DataError::Unfit {
            spec: name.to_owned(),
            expected,
            got: got.to_owned(),
        };
        let (Some([height, width, channels]), Some(classes), Some(len)) = (
            whole.shape().picture(),
            whole.classes().map(<[String]>::len),
            whole.len(),
        ) else {
            return Err(unfit("labelled pictures with an end", "others"));
        };
        if !(1..=MOST).contains(&count) {
            return Err(unfit("1 to 32 others", &count.to_string()));
        }
        let points = whole
            .extras()
            .iter()
            .position(|extra| extra.field == Field::Points && extra.shape == [LANDMARKS, 2]);
        if is_drawn && (points.is_none() || ![1, 3].contains(&channels)) {
            return Err(unfit(
                "faces, grey or in colour, whose 68 landmarks a table marks",
                "none marked",
            ));
        }
        let mut of_class = vec![vec![]; classes];
        let (mut labels, mut x) = (vec![], vec![0.0; whole.shape().floats()]);
        for index in 0..len {
            let label = whole.read(index, &mut x)?;
            of_class[label as usize].push(index);
            labels.push(label);
        }
        let tiles = count + usize::from(is_drawn);
        Ok(Others {
            digest: sha256_hex(&[format!("{count} others, {is_drawn}, of {}", whole.digest()).as_bytes()]),
            name: name.to_owned(),
            extras: [Extra {
                field: Field::XB,
                shape: vec![height, tiles * width, channels],
            }],
            has: [whole.has(), &[Field::XB]].concat(),
            points: points.filter(|_| is_drawn),
            classes: of_class,
            labels,
            count,
            whole,
        })
    }

    /// Writes what stands beside an example, of which `draw` is the number.
    fn write(&self, index: u64, draw: u64, to: &mut [f32]) -> Result<()> {
        let shape = self.whole.shape();
        let [height, width, channels] = shape.picture().expect("checked: pictures");
        let mut tile = vec![0.0; shape.floats()];
        let row = width * channels;
        let stride = to.len() / height;
        let mut put = |number: usize, tile: &[f32]| {
            for (from, to) in tile.chunks_exact(row).zip(to.chunks_exact_mut(stride)) {
                to[number * row..(number + 1) * row].copy_from_slice(from);
            }
        };
        let mut first = 0;
        if let Some(points) = self.points {
            let mut marked = vec![0.0; 2 * LANDMARKS];
            self.whole.read_extra(points, index, &mut marked)?;
            put(0, &drawing(&marked, [height, width, channels]));
            first = 1;
        }
        let label = *self.labels.get(index as usize).ok_or_else(|| self.no_example(index))?;
        let others: Vec<u64> = self.classes[label as usize]
            .iter()
            .copied()
            .filter(|other| *other != index)
            .collect();
        for number in 0..self.count {
            // Without repetition as long as there are enough; alone it is its own other.
            let other = match others.len() as u64 {
                0 => index,
                len => others[order::nth(draw, len, number as u64) as usize],
            };
            self.whole.read(other, &mut tile)?;
            put(first + number, &tile);
        }
        Ok(())
    }

    fn no_example(&self, index: u64) -> DataError {
        DataError::NoExample {
            name: self.name.clone(),
            index,
            len: self.labels.len() as u64,
        }
    }
}

/// Most others beside an example.
const MOST: usize = 32;

/// The lines of a face on black, `[height, width, channels]`; landmarks `[68, 2]` in [-1, 1] across the picture.
pub fn drawing(landmarks: &[f32], [height, width, channels]: [usize; 3]) -> Vec<f32> {
    let place = |i: usize| {
        [
            (landmarks[2 * i] + 1.0) / 2.0 * width as f32,
            (landmarks[2 * i + 1] + 1.0) / 2.0 * height as f32,
        ]
    };
    let half = (HALF_LINE * height.min(width) as f32).max(0.5);
    let mut pixels = vec![-1.0_f32; height * width];
    for (range, is_closed, level) in LINES {
        let last = if is_closed { range.len() } else { range.len() - 1 };
        for i in 0..last {
            let (from, to) = (place(range.start + i), place(range.start + (i + 1) % range.len()));
            stroke(&mut pixels, [height, width], from, to, half, level);
        }
    }
    pixels.iter().flat_map(|x| std::iter::repeat_n(*x, channels)).collect()
}

/// Draws a line: where it covers a pixel, its level; at its border, a share.
fn stroke(pixels: &mut [f32], [height, width]: [usize; 2], from: [f32; 2], to: [f32; 2], half: f32, level: f32) {
    let within = |a: f32, b: f32, extent: usize| {
        // A cast saturates at 0.
        let (low, high) = ((a.min(b) - half - 1.0) as usize, (a.max(b) + half + 2.0) as usize);
        low.min(extent)..high.min(extent)
    };
    let along = [to[0] - from[0], to[1] - from[1]];
    let square = (along[0] * along[0] + along[1] * along[1]).max(f32::MIN_POSITIVE);
    for y in within(from[1], to[1], height) {
        for x in within(from[0], to[0], width) {
            let away = [x as f32 + 0.5 - from[0], y as f32 + 0.5 - from[1]];
            let share = ((away[0] * along[0] + away[1] * along[1]) / square).clamp(0.0, 1.0);
            let distance = (away[0] - share * along[0]).hypot(away[1] - share * along[1]);
            let covered = (half + 0.5 - distance).clamp(0.0, 1.0);
            let pixel = &mut pixels[y * width + x];
            *pixel = pixel.max(-1.0 + covered * (level + 1.0));
        }
    }
}

/// `others:K:SPEC` or `heads:K:SPEC` in parts: how many, whether landmarks are drawn, and of what.
pub(super) fn parse(spec: &str) -> Option<(usize, bool, &str)> {
    let of = |word: &str| super::part::counted(spec, word);
    let (count, is_drawn, whole) = match (of("others:"), of("heads:")) {
        (Some((count, whole)), _) => (count, false, whole),
        (None, Some((count, whole))) => (count, true, whole),
        (None, None) => return None,
    };
    Some((usize::try_from(count).unwrap_or(usize::MAX), is_drawn, whole))
}

impl Dataset for Others {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn len(&self) -> Option<u64> {
        self.whole.len()
    }

    fn shape(&self) -> Shape {
        self.whole.shape()
    }

    fn classes(&self) -> Option<&[String]> {
        self.whole.classes()
    }

    fn has(&self) -> &[Field] {
        &self.has
    }

    fn extras(&self) -> &[Extra] {
        &self.extras
    }

    fn notes(&self) -> &[String] {
        self.whole.notes()
    }

    fn example_name(&self, index: u64) -> Option<&str> {
        self.whole.example_name(index)
    }

    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
        self.whole.read(index, x)
    }

    fn read_extra(&self, _: usize, index: u64, to: &mut [f32]) -> Result<()> {
        self.write(index, hash(0, index), to)
    }

    fn batch_extra(&self, _: usize, seed: u64, first: u64, count: usize, to: &mut [f32]) -> Result<()> {
        let floats = self.extras[0].floats();
        check_lengths(floats, count, to, &[]);
        for (i, to) in to.chunks_exact_mut(floats).enumerate() {
            let k = first + i as u64;
            self.write(order::nth(seed, self.labels.len() as u64, k), hash(seed, k), to)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Want, open};

    #[test]
    fn others_are_of_the_class_and_not_the_example() {
        let whole = open("each:3:fashion-mnist-10k", &Want::default()).unwrap();
        let data = open("others:2:each:3:fashion-mnist-10k", &Want::default()).unwrap();
        assert_eq!(data.extras()[0].shape, [28, 56, 1]);
        let class: Vec<u64> = (0..30).filter(|i| whole.example(*i).unwrap().1 == 4).collect();
        let half = |strip: &[f32], side: usize| -> Vec<f32> {
            strip
                .chunks_exact(56)
                .flat_map(|row| row[28 * side..28 * side + 28].to_vec())
                .collect()
        };
        let mut strip = vec![0.0; 28 * 56];
        data.read_extra(0, class[0], &mut strip).unwrap();
        let mut beside =
            [half(&strip, 0), half(&strip, 1)].map(|x| class.iter().position(|i| whole.example(*i).unwrap().0 == x));
        beside.sort();
        assert_eq!(beside, [Some(1), Some(2)]);
        // A batch draws by seed and number, for the examples of the batch.
        let (mut x, mut y, mut extras) = (vec![0.0; 4 * 784], vec![0.0; 4], vec![0.0; 4 * 1568]);
        data.batch(7, 60, 4, &mut x, &mut y).unwrap();
        data.batch_extra(0, 7, 60, 4, &mut extras).unwrap();
        for (i, strip) in extras.chunks_exact(1568).enumerate() {
            let is_other = |j: u64| whole.example(j).unwrap() == (half(strip, 0), y[i] as u32);
            assert!((0..30).any(is_other) && half(strip, 0) != x[i * 784..][..784]);
        }
        let error = |spec: &str| open(spec, &Want::default()).unwrap_err().to_string();
        assert_eq!(
            error("others:2:ring"),
            "cannot make `others:2:ring`: expected labelled pictures with an end, got others"
        );
        assert!(error("others:0:fashion-mnist-10k").ends_with("expected 1 to 32 others, got 0"));
        assert!(error("heads:1:fashion-mnist-10k").ends_with("whose 68 landmarks a table marks, got none marked"));
    }

    /// A jaw along the second row of four, everything else in the upper left corner.
    #[test]
    fn landmarks_are_drawn_as_lines() {
        let mut landmarks = [-9.0_f32; 2 * LANDMARKS];
        for i in 0..17 {
            (landmarks[2 * i], landmarks[2 * i + 1]) = (-1.0 + i as f32 / 8.0, -0.25);
        }
        let drawn = drawing(&landmarks, [4, 4, 1]);
        assert_eq!(
            drawn[4..8]
                .iter()
                .map(|x| (x * 10.0).round() / 10.0)
                .collect::<Vec<_>>(),
            [0.2; 4]
        );
        assert_eq!((drawn[0], drawn[12]), (-1.0, -1.0));
        assert_eq!(drawing(&landmarks, [4, 4, 3]).len(), 48);
        drawing(&[f32::NAN; 2 * LANDMARKS], [4, 4, 1]);
    }
}
