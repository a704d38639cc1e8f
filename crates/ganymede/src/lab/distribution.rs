//! What a lab can learn: distributions of the plane with a name, and one that somebody has painted.
use super::LabError;
use crate::data::Modes;
use crate::data::order::{below, hash, normal_pair, unit};
use crate::data::toys::{Formula, Toy};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use std::f64::consts::TAU;

/// A distribution with a name.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Known {
    /// The name, as a setup has it.
    pub id: &'static str,
    /// What a person calls it.
    pub title: &'static str,
    /// Half of the side of the square that is shown, around the origin.
    pub reach: f32,
    #[serde(skip)]
    draws: Draws,
}

/// How a point is drawn.
#[derive(Clone, Copy, Debug)]
enum Draws {
    Toy(Formula),
    /// Gaussians of equal weights around centres, with one standard deviation.
    Gaussians(&'static [[f64; 2]], f64),
    /// A stretch of a straight line.
    Line,
    /// The circle of radius 1.5.
    Circle,
    /// The black squares of a board of four by four.
    Checkerboard,
}

/// All distributions with a name.
pub const DISTRIBUTIONS: &[Known] = &[
    known("gaussian", "One Gaussian", 3.0, Draws::Gaussians(&[[1.0, 0.6]], 0.4)),
    known(
        "two-gaussians",
        "Two Gaussians",
        3.0,
        Draws::Gaussians(&[[-1.4, 0.4], [1.4, -0.4]], 0.25),
    ),
    known("line", "A line", 3.0, Draws::Line),
    known("circle", "A circle", 3.0, Draws::Circle),
    known("moons", "Two half moons", 3.0, Draws::Toy(Formula::Moons)),
    known("spiral", "Two spiral arms", 3.0, Draws::Toy(Formula::Spiral)),
    known("ring", "Eight Gaussians on a ring", 3.0, Draws::Toy(Formula::Ring)),
    known("checkerboard", "A checkerboard", 3.0, Draws::Checkerboard),
    known("grid", "Twenty-five Gaussians", 5.0, Draws::Toy(Formula::Grid)),
];

const fn known(id: &'static str, title: &'static str, reach: f32, draws: Draws) -> Known {
    Known {
        id,
        title,
        reach,
        draws,
    }
}

/// Deviation of points from a line or a circle.
const NOISE: f64 = 0.05;

/// A distribution that points are drawn from: point `k` of a seed is always the same.
#[derive(Clone, Debug)]
pub struct Distribution(Source);

#[derive(Clone, Debug)]
enum Source {
    Known(&'static Known, Option<Toy>),
    Painted(Painted),
}

impl Distribution {
    /// The one of this name.
    pub fn named(id: &str) -> Option<Distribution> {
        let known = DISTRIBUTIONS.iter().find(|known| known.id == id)?;
        let toy = match known.draws {
            Draws::Toy(formula) => Some(Toy::new(formula)),
            _ => None,
        };
        Some(Distribution(Source::Known(known, toy)))
    }

    /// One that somebody has painted.
    pub fn painted(painted: Painted) -> Distribution {
        Distribution(Source::Painted(painted))
    }

    /// Half of the side of the square that is shown, around the origin.
    pub fn reach(&self) -> f32 {
        match &self.0 {
            Source::Known(known, _) => known.reach,
            Source::Painted(_) => Painted::REACH,
        }
    }

    /// The modes, where they are known.
    pub fn modes(&self) -> Option<&Modes> {
        match &self.0 {
            Source::Known(_, Some(toy)) => crate::data::Dataset::modes(toy),
            _ => None,
        }
    }

    /// Points number `first..first + count` of a seed, `[count, 2]`.
    pub fn points(&self, seed: u64, first: u64, count: usize) -> Vec<f32> {
        (first..first + count as u64).flat_map(|k| self.draw(seed, k)).collect()
    }

    fn draw(&self, seed: u64, k: u64) -> [f32; 2] {
        let (known, toy) = match &self.0 {
            Source::Known(known, toy) => (known, toy),
            Source::Painted(painted) => return painted.draw(seed, k),
        };
        let word = |stream: u64| hash(hash(seed, stream), k);
        let noise = normal_pair(word(2), word(3));
        let (centre, deviation) = match (known.draws, toy) {
            (_, Some(toy)) => return toy.draw(seed, k).0,
            (Draws::Gaussians(centres, deviation), _) => {
                (centres[below(word(0), centres.len() as u64) as usize], deviation)
            }
            (Draws::Line, _) => {
                let along = 4.0 * unit(word(1)) - 2.0;
                ([along, 0.5 * along], NOISE)
            }
            (Draws::Circle, _) => {
                let (sin, cos) = (TAU * unit(word(1))).sin_cos();
                ([1.5 * cos, 1.5 * sin], NOISE)
            }
            _ => {
                let square = below(word(0), 8);
                let (row, column) = (square / 2, 2 * (square % 2) + square / 2 % 2);
                let corner = |number: u64, word: u64| number as f64 - 2.0 + unit(word);
                ([corner(column, word(1)), corner(row, word(4))], 0.0)
            }
        };
        [0, 1].map(|axis| (centre[axis] + deviation * noise[axis]) as f32)
    }
}

/// A density that somebody has painted: a square of cells, each with a level from 0 to 15.
#[derive(Clone, Debug, PartialEq)]
pub struct Painted {
    /// The weights of all cells up to each, row by row from the top left.
    cumulative: Vec<u64>,
}

impl Painted {
    /// Cells along a side.
    pub const SIDE: usize = 32;
    /// Half of the side of the square.
    pub const REACH: f32 = 3.0;
    const CELLS: usize = Self::SIDE * Self::SIDE;

    /// Reads what a page has written: a byte for each run of up to 16 equal cells, the level in its upper and the length less one in
    /// its lower half, as URL-safe base64 without padding.
    ///
    /// # Errors
    /// [`LabError::Painted`] where it is something else, or nothing is painted.
    pub fn parse(text: &str) -> Result<Painted, LabError> {
        let bad = |reason| LabError::Painted { reason };
        // A run is a cell at least, and three bytes are four letters.
        if text.len() > Self::CELLS.div_ceil(3) * 4 {
            return Err(bad("it is longer than all cells one by one"));
        }
        let runs = BASE64_URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| bad("it is not base64"))?;
        let (mut cumulative, mut sum) = (Vec::with_capacity(Self::CELLS), 0);
        for run in runs {
            for _ in 0..=run & 15 {
                sum += u64::from(run >> 4);
                cumulative.push(sum);
            }
            if cumulative.len() > Self::CELLS {
                return Err(bad("it has more cells than the square"));
            }
        }
        if cumulative.len() < Self::CELLS {
            return Err(bad("it has fewer cells than the square"));
        }
        if sum == 0 {
            return Err(bad("nothing is painted"));
        }
        Ok(Painted { cumulative })
    }

    fn draw(&self, seed: u64, k: u64) -> [f32; 2] {
        let word = |stream: u64| hash(hash(seed, stream), k);
        let all = self.cumulative.last().copied().unwrap_or(1);
        let chosen = below(word(0), all);
        let cell = self.cumulative.partition_point(|sum| *sum <= chosen);
        let along = |number: usize, word: u64| {
            let share = (number as f64 + unit(word)) / Self::SIDE as f64;
            ((2.0 * share - 1.0) * f64::from(Self::REACH)) as f32
        };
        [along(cell % Self::SIDE, word(1)), -along(cell / Self::SIDE, word(4))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: usize = 4_000;

    fn drawn(id: &str) -> Vec<[f32; 2]> {
        let points = Distribution::named(id).unwrap().points(5, 0, COUNT);
        points.chunks_exact(2).map(|point| [point[0], point[1]]).collect()
    }

    fn mean(points: impl Iterator<Item = f32>) -> f32 {
        points.sum::<f32>() / COUNT as f32
    }

    #[test]
    fn known_distributions_lie_where_they_should() {
        assert!(
            drawn("line")
                .iter()
                .all(|[x, y]| (y - 0.5 * x).abs() < 0.3 && x.abs() < 2.3)
        );
        assert!(drawn("circle").iter().all(|[x, y]| (x.hypot(*y) - 1.5).abs() < 0.3));
        let board = drawn("checkerboard");
        assert!(
            board
                .iter()
                .all(|[x, y]| (x.floor() + y.floor()) as i32 % 2 == 0 && x.abs() <= 2.0 && y.abs() <= 2.0)
        );
        let squares: std::collections::BTreeSet<_> = board.iter().map(|p| p.map(|x| x.floor() as i32)).collect();
        assert_eq!(squares.len(), 8);
        let one = drawn("gaussian");
        assert!((mean(one.iter().map(|p| p[0])) - 1.0).abs() < 0.03);
        assert!((mean(one.iter().map(|p| (p[1] - 0.6).powi(2))) - 0.16).abs() < 0.02);
        let two = drawn("two-gaussians");
        assert!((mean(two.iter().map(|p| p[0].signum()))).abs() < 0.06);
        for known in DISTRIBUTIONS {
            assert!(
                drawn(known.id).iter().flatten().all(|x| x.abs() < known.reach),
                "{}",
                known.id
            );
        }
    }

    #[test]
    fn points_do_not_depend_on_how_many_are_asked_for() {
        let distribution = Distribution::named("moons").unwrap();
        let whole = distribution.points(1, 0, 10);
        assert_eq!(distribution.points(1, 4, 3), whole[8..14]);
    }

    /// All of the second row from the top, at the lowest level, and the last cell of all at thrice that.
    fn painting() -> Vec<u8> {
        let mut runs = vec![0x0f, 0x0f, 0x1f, 0x1f];
        runs.extend([0x0f; 59]);
        runs.extend([0x0e, 0x30]);
        runs
    }

    #[test]
    fn what_is_painted_is_drawn() {
        let painted = Painted::parse(&BASE64_URL_SAFE_NO_PAD.encode(painting())).unwrap();
        let points = Distribution::painted(painted).points(2, 0, 7_000);
        let side = 2.0 * Painted::REACH / Painted::SIDE as f32;
        let corner = points
            .chunks_exact(2)
            .filter(|p| p[0] > 3.0 - side && p[1] < side - 3.0)
            .count();
        let row = points
            .chunks_exact(2)
            .filter(|p| p[1] < 3.0 - side && p[1] > 3.0 - 2.0 * side)
            .count();
        assert_eq!(corner + row, 7_000);
        // 3 of 35.
        assert!((corner as f64 / 600.0 - 1.0).abs() < 0.15, "{corner}");
    }

    #[test]
    fn what_is_not_painted_is_refused() {
        let message = |runs: &[u8]| {
            Painted::parse(&BASE64_URL_SAFE_NO_PAD.encode(runs))
                .unwrap_err()
                .to_string()
        };
        let of = |reason: &str| format!("the painted density cannot be read: {reason}");
        assert_eq!(message(&[0x0f; 64]), of("nothing is painted"));
        assert_eq!(message(&[0x1f; 63]), of("it has fewer cells than the square"));
        assert_eq!(message(&[0x1f; 65]), of("it has more cells than the square"));
        assert_eq!(message(&[0x1f; 1_100]), of("it is longer than all cells one by one"));
        assert_eq!(Painted::parse("*").unwrap_err().to_string(), of("it is not base64"));
    }
}
