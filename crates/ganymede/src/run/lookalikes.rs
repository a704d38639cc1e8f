//! Which training pictures are nearest to a picture, pixel by pixel, and how near training pictures lie to each other: what tells
//! a copy from a likeness.
//!
//! ```text
//! d(a, b) = sqrt(mean over all pixels and channels of (a - b)^2)        in levels, 0 to 255
//! usual   = median over some real pictures of the distance to the nearest other real one
//! ```
//!
//! Pixels know nothing of meaning: a shifted copy is far away. What is near in pixels is a copy; what is far may be one still.
use super::grid::level;
use crate::data::{DataError, Dataset, Shape, order};
use rayon::prelude::*;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pictures that are read between two looks at the clock.
const READ_AT_A_TIME: u64 = 256;
/// Real pictures whose nearest other one is looked for.
const ASKED: usize = 100;
/// What the order in which pictures are read follows from.
const SEED: u64 = 0;

/// Pictures of a data set as levels, to be searched.
#[derive(Debug)]
pub struct Lookalikes {
    data: Arc<dyn Dataset>,
    /// Height, width and channels.
    extents: [usize; 3],
    /// `[n, height, width, channels]`.
    levels: Vec<u8>,
    numbers: Vec<u64>,
    labels: Vec<u32>,
    usual: Option<f64>,
}

/// A picture of the data that is near to another one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lookalike {
    /// Its number in the data.
    pub number: u64,
    /// Its class, 0 without labels.
    pub label: u32,
    /// Root of the mean squared difference of levels, 0 to 255.
    pub distance: f64,
}

impl Lookalikes {
    /// Reads pictures of these data, drawn evenly, until all are read, `most_bytes` of levels are kept (one a pixel and
    /// channel) or `most_time` is over; at least some are. `None` where the data are no pictures.
    ///
    /// # Errors
    /// As [`Dataset::read`].
    pub fn read(
        data: Arc<dyn Dataset>,
        most_bytes: usize,
        most_time: Duration,
    ) -> Result<Option<Lookalikes>, DataError> {
        let Shape::Picture {
            height,
            width,
            channels,
        } = data.shape()
        else {
            return Ok(None);
        };
        let (begun, floats) = (Instant::now(), height * width * channels);
        let room = (most_bytes / floats).max(2) as u64;
        let count = data.len().map_or(room, |len| len.min(room));
        let (mut levels, mut numbers, mut labels) = (vec![], vec![], vec![]);
        let mut first = 0;
        while first < count && (first == 0 || begun.elapsed() < most_time) {
            let part = first..count.min(first + READ_AT_A_TIME);
            let number = |k| data.len().map_or(k, |len| order::nth(SEED, len, k));
            let read: Result<Vec<_>, DataError> = part
                .clone()
                .into_par_iter()
                .map(|k| {
                    let mut x = vec![0.0; floats];
                    let label = data.read(number(k), &mut x)?;
                    Ok((number(k), label, x.into_iter().map(level).collect::<Vec<u8>>()))
                })
                .collect();
            for (number, label, picture) in read? {
                numbers.push(number);
                labels.push(label);
                levels.extend(picture);
            }
            first = part.end;
        }
        let mut read = Lookalikes {
            data,
            extents: [height, width, channels],
            levels,
            numbers,
            labels,
            usual: None,
        };
        read.usual = read.usual_distance();
        Ok(Some(read))
    }

    /// The data that were read.
    pub fn data(&self) -> &dyn Dataset {
        &*self.data
    }

    /// Height, width and channels of every picture.
    pub fn extents(&self) -> [usize; 3] {
        self.extents
    }

    /// How many pictures are searched.
    pub fn searched(&self) -> usize {
        self.numbers.len()
    }

    /// The median distance of a real picture to its nearest other real one; `None` of a single picture.
    pub fn usual(&self) -> Option<f64> {
        self.usual
    }

    /// The levels `[height, width, channels]` of a picture by its number in the data, where it is among those searched.
    pub fn picture(&self, number: u64) -> Option<&[u8]> {
        let at = self.numbers.iter().position(|known| *known == number)?;
        self.pictures().nth(at)
    }

    /// The `k` pictures nearest to one of the same extents, the nearest first; fewer where there are fewer.
    ///
    /// # Panics
    /// Where it has other extents.
    pub fn nearest(&self, levels: &[u8], k: usize) -> Vec<Lookalike> {
        assert_eq!(levels.len(), self.floats(), "a picture of other extents");
        let found = self.squares(levels, k, usize::MAX).into_iter();
        found
            .map(|(square, at)| Lookalike {
                number: self.numbers[at],
                label: self.labels[at],
                distance: self.distance(square),
            })
            .collect()
    }

    fn floats(&self) -> usize {
        self.extents.iter().product()
    }

    fn pictures(&self) -> std::slice::ChunksExact<'_, u8> {
        self.levels.chunks_exact(self.floats())
    }

    fn distance(&self, square: u64) -> f64 {
        (square as f64 / self.floats() as f64).sqrt()
    }

    /// The `k` least sums of squared differences with their places, rising, without one place.
    fn squares(&self, levels: &[u8], k: usize, without: usize) -> Vec<(u64, usize)> {
        let pictures = self.levels.par_chunks_exact(self.floats()).enumerate();
        let mut all: Vec<(u64, usize)> = pictures
            .filter(|(at, _)| *at != without)
            .map(|(at, picture)| (squared_difference(levels, picture), at))
            .collect();
        let k = k.min(all.len());
        if k < all.len() {
            all.select_nth_unstable(k);
        }
        all.truncate(k);
        all.sort_unstable();
        all
    }

    fn usual_distance(&self) -> Option<f64> {
        let stride = self.searched().div_ceil(ASKED).max(1);
        let asked = self.pictures().enumerate().step_by(stride);
        let nearest = asked.filter_map(|(at, picture)| self.squares(picture, 1, at).first().copied());
        let mut distances: Vec<f64> = nearest.map(|(square, _)| self.distance(square)).collect();
        distances.sort_by(f64::total_cmp);
        let middle = distances.len() / 2;
        match distances.len() {
            0 => None,
            count if count.is_multiple_of(2) => Some((distances[middle - 1] + distances[middle]) / 2.0),
            _ => Some(distances[middle]),
        }
    }
}

fn squared_difference(a: &[u8], b: &[u8]) -> u64 {
    // A sum of so many squares of levels has room in 32 bits.
    const AT_A_TIME: usize = 1 << 15;
    let parts = a.chunks(AT_A_TIME).zip(b.chunks(AT_A_TIME));
    let sum = |(a, b): (&[u8], &[u8])| {
        let squares = a.iter().zip(b).map(|(a, b)| {
            let apart = u32::from(a.abs_diff(*b));
            apart * apart
        });
        u64::from(squares.sum::<u32>())
    };
    parts.map(sum).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures of two pixels of these levels.
    #[derive(Debug)]
    struct Pixels(Vec<[u8; 2]>);

    impl Dataset for Pixels {
        fn name(&self) -> &str {
            "pixels"
        }

        fn digest(&self) -> &str {
            ""
        }

        fn len(&self) -> Option<u64> {
            Some(self.0.len() as u64)
        }

        fn shape(&self) -> Shape {
            Shape::Picture {
                height: 1,
                width: 2,
                channels: 1,
            }
        }

        fn read(&self, index: u64, x: &mut [f32]) -> Result<u32, DataError> {
            for (to, level) in x.iter_mut().zip(self.0[index as usize]) {
                *to = f32::from(level) / 127.5 - 1.0;
            }
            Ok(index as u32 + 10)
        }
    }

    fn read(pictures: &[[u8; 2]], most_bytes: usize) -> Lookalikes {
        let data = Arc::new(Pixels(pictures.to_vec()));
        Lookalikes::read(data, most_bytes, Duration::from_secs(60))
            .unwrap()
            .unwrap()
    }

    #[test]
    fn the_nearest_come_first_with_their_distances() {
        let real = read(&[[0, 0], [3, 4], [255, 255], [0, 2]], 1 << 20);
        let found = real.nearest(&[0, 0], 3);
        let apart = |square: f64| (square / 2.0).sqrt();
        let expected = [(0, 0.0), (3, apart(4.0)), (1, apart(25.0))].map(|(number, distance)| Lookalike {
            number,
            label: number as u32 + 10,
            distance,
        });
        assert_eq!(found, expected);
        assert_eq!(real.nearest(&[0, 0], 9).len(), 4);
        assert_eq!(real.nearest(&[0, 0], 4)[3].distance, 255.0, "black and white");
        // The squares to the nearest other ones are 4, 13, some hundred thousand, and 4.
        let usual = (apart(4.0) + apart(13.0)) / 2.0;
        assert!((real.usual().unwrap() - usual).abs() < 1e-12);
        assert_eq!(real.picture(1), Some(&[3, 4][..]));
        assert_eq!(real.picture(4), None);
    }

    #[test]
    fn a_bound_on_memory_leaves_pictures_out() {
        let all: Vec<[u8; 2]> = (0..100).map(|i| [i, 2 * i]).collect();
        let some = read(&all, 60);
        assert_eq!(some.searched(), 30);
        let mut numbers = some.numbers.clone();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 30, "each once");
        assert!(numbers[29] > 60 && numbers[0] < 40, "drawn from all over the set");
        assert_eq!(read(&[[1, 2]], 0).usual(), None);
    }

    #[test]
    fn large_pictures_do_not_overflow() {
        let pixels = 1 << 20;
        assert_eq!(
            squared_difference(&vec![0; pixels], &vec![255; pixels]),
            (pixels * 255 * 255) as u64
        );
    }
}
