//! Distributions of the plane whose modes are known, drawn without end: example `k` is a pure function of seed and `k`.
//!
//! `ring`: eight Gaussians, radius 2, standard deviation 0.02 (Metz et al., "Unrolled Generative Adversarial Networks",
//! 2017). `grid`: 25 Gaussians two apart, standard deviation 0.05 (Lin et al., "PacGAN", 2018). `spiral`: two arms.
//! `moons`: two half circles that reach into each other.

use std::f64::consts::{PI, TAU};
use std::fs;
use std::path::Path;

use serde::Serialize;

use super::error::{DataError, Result};
use super::order::{below, hash, normal_pair, unit};
use super::{Dataset, Modes, Shape, check_lengths, sha256_hex};

/// The distributions that are formulas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Formula {
    /// Eight Gaussians on a circle of radius 2, standard deviation 0.02; the label is the mode.
    Ring,
    /// Twenty-five Gaussians on a grid from -4 to 4, standard deviation 0.05; the label is the mode.
    Grid,
    /// Two spiral arms around the origin, radius up to 2, noise 0.05; the label is the arm.
    Spiral,
    /// Two half circles of radius 1, noise 0.05, moved so that the middle lies at the origin; the label is the half circle.
    Moons,
}

/// A [`Formula`] as an endless data set. Reading by number draws with seed 0; batches draw with the run's seed.
#[derive(Debug, Clone)]
pub struct Toy {
    formula: Formula,
    name: &'static str,
    digest: String,
    classes: Vec<String>,
    modes: Option<Modes>,
}

impl Toy {
    /// The data set of a formula.
    pub fn new(formula: Formula) -> Self {
        let (name, classes, modes) = match formula {
            Formula::Ring => {
                let centre = |i: u32| {
                    let (sin, cos) = (TAU * f64::from(i) / 8.0).sin_cos();
                    [(2.0 * cos) as f32, (2.0 * sin) as f32]
                };
                (
                    "ring",
                    8,
                    Some(Modes {
                        centres: (0..8).map(centre).collect(),
                        std_dev: 0.02,
                    }),
                )
            }
            Formula::Grid => {
                let centre = |i: u16| [f32::from(i % 5) * 2.0 - 4.0, f32::from(i / 5) * 2.0 - 4.0];
                (
                    "grid",
                    25,
                    Some(Modes {
                        centres: (0..25).map(centre).collect(),
                        std_dev: 0.05,
                    }),
                )
            }
            Formula::Spiral => ("spiral", 2, None),
            Formula::Moons => ("moons", 2, None),
        };
        // The version is part of the digest: it must change with the formula.
        let digest = sha256_hex(&[b"ganymede toy, version 1: ", name.as_bytes()]);
        let classes = (0..classes).map(|class: u32| class.to_string()).collect();
        Self {
            formula,
            name,
            digest,
            classes,
            modes,
        }
    }

    /// Example `k` of the run with this seed: the point and its class number.
    pub fn draw(&self, seed: u64, k: u64) -> ([f32; 2], u32) {
        let word = |stream: u64| hash(hash(seed, stream), k);
        let label = below(word(0), self.classes.len() as u64) as u32;
        let along = unit(word(1));
        let noise = normal_pair(word(2), word(3));
        let side = if label == 0 { 1.0 } else { -1.0 };
        let (centre, std_dev) = match (self.formula, &self.modes) {
            (_, Some(modes)) => (modes.centres[label as usize].map(f64::from), f64::from(modes.std_dev)),
            (Formula::Spiral, _) => {
                // The square root spreads the points evenly along the arm.
                let turn = along.sqrt() * 1.5 * TAU;
                let radius = 2.0 * along.sqrt();
                ([side * radius * turn.cos(), side * radius * turn.sin()], 0.05)
            }
            _ => {
                let (sin, cos) = (along * PI).sin_cos();
                ([side * cos - side * 0.5, side * sin - side * 0.25], 0.05)
            }
        };
        let point = [0, 1].map(|axis| (centre[axis] + std_dev * noise[axis]) as f32);
        (point, label)
    }
}

impl Dataset for Toy {
    fn name(&self) -> &str {
        self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn len(&self) -> Option<u64> {
        None
    }

    fn shape(&self) -> Shape {
        Shape::Point { dimension: 2 }
    }

    fn classes(&self) -> Option<&[String]> {
        Some(&self.classes)
    }

    fn modes(&self) -> Option<&Modes> {
        self.modes.as_ref()
    }

    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
        let (point, label) = self.draw(0, index);
        x.copy_from_slice(&point);
        Ok(label)
    }

    fn batch(&self, seed: u64, first: u64, count: usize, x: &mut [f32], y: &mut [f32]) -> Result<()> {
        check_lengths(2, count, x, y);
        for (i, x) in x.chunks_exact_mut(2).enumerate() {
            let (point, label) = self.draw(seed, first + i as u64);
            x.copy_from_slice(&point);
            if let Some(y) = y.get_mut(i) {
                *y = label as f32;
            }
        }
        Ok(())
    }
}

/// The points of a file, one a line: `x,y` or `x,y,label`.
#[derive(Debug, Clone)]
pub struct Points {
    name: String,
    digest: String,
    points: Vec<[f32; 2]>,
    labels: Vec<u32>,
    classes: Option<Vec<String>>,
}

impl Points {
    /// Reads a CSV file. Empty lines, lines that start with `#` and a first line without numbers are passed over; labels
    /// are whole numbers from 0, on every line or on none.
    ///
    /// # Errors
    /// [`DataError::NotFound`], [`DataError::Unreadable`]; [`DataError::Points`] naming the first bad line;
    /// [`DataError::NoPoints`].
    pub fn open(path: &Path) -> Result<Self> {
        let text = fs::read(path).map_err(|source| DataError::reading(path, source))?;
        let text = String::from_utf8_lossy(&text);
        let (mut points, mut labels) = (Vec::new(), Vec::new());
        let lines = text.trim_start_matches('\u{feff}').lines().enumerate();
        for (number, line) in lines.map(|(number, line)| (number, line.trim())) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let parsed = parse(line).filter(|(_, label)| points.is_empty() || label.is_some() != labels.is_empty());
            match parsed {
                Some((point, label)) => {
                    points.push(point);
                    labels.extend(label);
                }
                None if number == 0 && !line.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {}
                None => {
                    return Err(DataError::Points {
                        path: path.to_path_buf(),
                        line: number + 1,
                        got: line.chars().take(40).collect(),
                    });
                }
            }
        }
        if points.is_empty() {
            return Err(DataError::NoPoints {
                path: path.to_path_buf(),
            });
        }
        let bytes: Vec<u8> = points
            .as_flattened()
            .iter()
            .flat_map(|v: &f32| v.to_le_bytes())
            .collect();
        let label_bytes: Vec<u8> = labels.iter().flat_map(|v: &u32| v.to_le_bytes()).collect();
        Ok(Self {
            name: format!("points:{}", path.display()),
            digest: sha256_hex(&[&bytes, &label_bytes]),
            classes: labels
                .iter()
                .max()
                .map(|&most| (0..=most).map(|class| class.to_string()).collect()),
            points,
            labels,
        })
    }
}

/// Classes above this number are taken for a mistake.
const MAX_LABEL: u32 = 65_535;

fn parse(line: &str) -> Option<([f32; 2], Option<u32>)> {
    let mut parts = line.split([',', ';', '\t']).map(str::trim);
    let mut number = || parts.next()?.parse().ok().filter(|v: &f32| v.is_finite());
    let point = [number()?, number()?];
    let label = match parts.next() {
        Some(text) => Some(text.parse().ok().filter(|&label| label <= MAX_LABEL)?),
        None => None,
    };
    parts.next().is_none().then_some((point, label))
}

impl Dataset for Points {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn len(&self) -> Option<u64> {
        Some(self.points.len() as u64)
    }

    fn shape(&self) -> Shape {
        Shape::Point { dimension: 2 }
    }

    fn classes(&self) -> Option<&[String]> {
        self.classes.as_deref()
    }

    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
        let point = self.points.get(index as usize).ok_or_else(|| DataError::NoExample {
            name: self.name.clone(),
            index,
            len: self.points.len() as u64,
        })?;
        x.copy_from_slice(point);
        Ok(self.labels.get(index as usize).copied().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Field;

    fn drawn(formula: Formula, count: usize) -> Vec<([f32; 2], u32)> {
        let toy = Toy::new(formula);
        (0..count as u64).map(|k| toy.draw(5, k)).collect()
    }

    #[test]
    fn ring_and_grid_have_the_modes_they_say() {
        for (formula, count, std_dev) in [(Formula::Ring, 8, 0.02), (Formula::Grid, 25, 0.05)] {
            let toy = Toy::new(formula);
            let modes = toy.modes().unwrap();
            assert_eq!((modes.centres.len(), modes.std_dev), (count, std_dev));
            let draws = drawn(formula, count * 1000);
            let mut hits = vec![0.0; count];
            let (mut sum, mut squares) = (0.0, 0.0);
            for ([x, y], label) in &draws {
                let [cx, cy] = modes.centres[*label as usize];
                hits[*label as usize] += 1.0;
                for z in [(x - cx) / std_dev, (y - cy) / std_dev] {
                    sum += f64::from(z);
                    squares += f64::from(z).powi(2);
                }
            }
            let n = 2.0 * draws.len() as f64;
            assert!((sum / n).abs() < 4.0 / n.sqrt());
            assert!((squares / n - 1.0).abs() < 0.05);
            let chi: f64 = hits.iter().map(|h: &f64| (h - 1000.0).powi(2) / 1000.0).sum();
            assert!(chi < 52.0, "{chi}");
        }
        assert_eq!(Toy::new(Formula::Grid).modes().unwrap().centres[24], [4.0, 4.0]);
        assert_eq!(Toy::new(Formula::Ring).modes().unwrap().centres[0], [2.0, 0.0]);
    }

    #[test]
    fn spiral_and_moons_lie_where_they_should() {
        for ([x, y], label) in drawn(Formula::Spiral, 4000) {
            let side = if label == 0 { 1.0 } else { -1.0 };
            let nearest = (0..=1000).map(|step| {
                let along = (f32::from(step as u16) / 1000.0).sqrt();
                let (sin, cos) = (along * 1.5 * std::f32::consts::TAU).sin_cos();
                (x - side * 2.0 * along * cos).hypot(y - side * 2.0 * along * sin)
            });
            assert!(nearest.fold(f32::MAX, f32::min) < 0.3);
        }
        for ([x, y], label) in drawn(Formula::Moons, 4000) {
            let centre = if label == 0 { [-0.5, -0.25] } else { [0.5, 0.25] };
            let radius = (x - centre[0]).hypot(y - centre[1]);
            assert!((radius - 1.0).abs() < 0.3, "{radius}");
        }
    }

    #[test]
    fn a_batch_is_a_pure_function_of_seed_and_number() {
        let toy = Toy::new(Formula::Ring);
        let batch = |seed, first, count| {
            let (mut x, mut y) = (vec![0.0; 2 * count], vec![0.0; count]);
            toy.batch(seed, first, count, &mut x, &mut y).unwrap();
            (x, y)
        };
        let whole = batch(1, 0, 100);
        let part = batch(1, 40, 20);
        assert_eq!(part.0, whole.0[80..120]);
        assert_eq!(part.1, whole.1[40..60]);
        assert_ne!(batch(2, 0, 100), whole);
        assert_eq!(toy.has(), [Field::X, Field::Y]);
    }

    #[test]
    fn points_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.csv");
        let open = |text: &str| {
            fs::write(&path, text).unwrap();
            Points::open(&path)
        };
        let data = open("x,y,label\r\n1,2,0\r\n\r\n# note\r\n-3.5,4e-1,2\r\n").unwrap();
        assert_eq!(data.len(), Some(2));
        assert_eq!(data.example(1).unwrap(), (vec![-3.5, 0.4], 2));
        assert_eq!(data.classes().unwrap().len(), 3);
        assert_eq!(open("1,2\n3,4").unwrap().classes(), None);

        let message = |text: &str| {
            let error = open(text).unwrap_err().to_string();
            error.replace(&path.display().to_string(), "p.csv")
        };
        let bad =
            |line, got| format!("bad points file: line {line}: expected `x,y` or `x,y,label`, got `{got}`: p.csv");
        assert_eq!(message("1,2\n3,four"), bad(2, "3,four"));
        assert_eq!(message("1,nan"), bad(1, "1,nan"));
        assert_eq!(message("1,2,0\n3,4"), bad(2, "3,4"));
        assert_eq!(message("1,2\n3,4,0"), bad(2, "3,4,0"));
        assert_eq!(message("1,2,99999999"), bad(1, "1,2,99999999"));
        assert_eq!(message("x,y\n"), "no points: expected at least one line `x,y`: p.csv");
        assert!(matches!(
            Points::open(&folder.path().join("no")),
            Err(DataError::NotFound { .. })
        ));
    }
}
