//! Pictures that are made of others, kept as arrays under `target/evidence/data`, and how near two sets of pictures are.
use crate::Result;
use crate::record::{Evidence, median, picture, root, round};
use ganymede::data::{self, Dataset, Want};
use ganymede::metrics::lpips::Lpips;
use ganymede::metrics::ssim::{psnr, ssim};
use ganymede::run::{Pictures, Stamp, grid_png};
use std::fs;
use std::sync::Arc;

/// Pictures of one size, in [-1, 1].
#[derive(Clone)]
pub(crate) struct Set {
    /// Height, width and channels.
    pub(crate) shape: [usize; 3],
    /// One picture after the other.
    pub(crate) values: Vec<f32>,
}

impl Set {
    /// All examples of a data set.
    pub(crate) fn of(data: &Arc<dyn Dataset>) -> Result<Set> {
        let shape = data.shape().of_batch(1);
        let mut values = vec![];
        for index in 0..data.len().ok_or("data without end")? {
            values.extend(data.example(index)?.0);
        }
        Ok(Set {
            shape: [shape[1], shape[2], shape[3]],
            values,
        })
    }

    /// Numbers in a picture.
    pub(crate) fn floats(&self) -> usize {
        self.shape.iter().product()
    }

    /// How many pictures.
    pub(crate) fn count(&self) -> usize {
        self.values.len() / self.floats()
    }

    /// The pictures one by one.
    pub(crate) fn pictures(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.floats())
    }

    /// Pictures of the same shape.
    pub(crate) fn like(&self, values: Vec<f32>) -> Set {
        Set {
            shape: self.shape,
            values,
        }
    }

    /// Those pictures whose numbers are wanted.
    pub(crate) fn those(&self, is_wanted: impl Fn(usize) -> bool) -> Set {
        let wanted = self.pictures().enumerate().filter(|(i, _)| is_wanted(*i));
        self.like(wanted.flat_map(|(_, picture)| picture.to_vec()).collect())
    }

    /// What a function makes of each picture.
    pub(crate) fn each(&self, make: impl Fn(&[f32]) -> Vec<f32>) -> Set {
        self.like(self.pictures().flat_map(make).collect())
    }

    /// Writes them as an array that `gany train --data` reads, and says where.
    pub(crate) fn write(&self, name: &str) -> Result<String> {
        let [height, width, channels] = self.shape;
        let header = format!(
            "{{'descr': '|u1', 'fortran_order': False, 'shape': ({}, {height}, {width}, {channels}), }}",
            self.count()
        );
        // Magic, version and length of the header take ten bytes; pixels begin at a multiple of 64.
        let length = (header.len() + 11).next_multiple_of(64) - 10;
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((length as u16).to_le_bytes());
        bytes.extend(format!("{header:<0$}\n", length - 1).into_bytes());
        bytes.extend(self.values.iter().map(|value| ((value + 1.0) * 127.5).round() as u8));
        let folder = root().join("target/evidence/data");
        fs::create_dir_all(&folder)?;
        let path = folder.join(name).with_added_extension("npy");
        fs::write(&path, bytes)?;
        Ok(path.display().to_string())
    }
}

/// Writes pairs as pictures that hold both halves, and gives the spec to train on them.
pub(crate) fn write_pairs(name: &str, a: &Set, b: &Set) -> Result<String> {
    let [height, width, channels] = a.shape;
    let row = width * channels;
    let beside = |(a, b): (&[f32], &[f32])| -> Vec<f32> {
        let rows = a.chunks_exact(row).zip(b.chunks_exact(row));
        rows.flat_map(|(a, b)| [a, b].concat()).collect()
    };
    let both = Set {
        shape: [height, 2 * width, channels],
        values: a.pictures().zip(b.pictures()).flat_map(beside).collect(),
    };
    Ok(format!("side-by-side:{}", both.write(name)?))
}

/// Square pieces of the photographs of a data set, of several scales: `rows` of them from the top of each picture to its
/// bottom, for every number of rows, and as many in a row as fit.
pub(crate) fn crops(name: &'static str, side: usize, rows: &[usize]) -> Result<Set> {
    data::get(name, &mut |line| println!("      {line}"))?;
    let mut values = vec![];
    for rows in rows {
        let columns = rows * 3 / 2;
        let photos = data::open(name, &Want::picture(rows * side, columns * side, 3))?;
        for photo in Set::of(&photos)?.pictures() {
            for (row, column) in (0..*rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                for y in row * side..(row + 1) * side {
                    let start = (y * columns + column) * side * 3;
                    values.extend_from_slice(&photo[start..][..side * 3]);
                }
            }
        }
    }
    Ok(Set {
        shape: [side, side, 3],
        values,
    })
}

/// Square grey faces of `orl-faces` for learning, each also mirrored, and those of the people who are kept back: the last
/// quarter.
pub(crate) fn faces(side: usize) -> Result<[Set; 2]> {
    data::get("orl-faces", &mut |line| println!("      {line}"))?;
    let faces = data::open("orl-faces", &Want::picture(side, side, 1))?;
    let people = faces.classes().ok_or("faces of nobody")?.len();
    let mut of = [vec![], vec![]];
    for index in 0..faces.len().ok_or("data without end")? {
        let (face, person) = faces.example(index)?;
        let is_kept_back = person as usize >= people - people / 4;
        if !is_kept_back {
            of[0].extend(face.chunks_exact(side).flat_map(|row| row.iter().rev().copied()));
        }
        of[usize::from(is_kept_back)].extend(face);
    }
    let shape = [side, side, 1];
    Ok(of.map(|values| Set { shape, values }))
}

/// Numbers from 0 to 1 that look random, the same every time.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// The next one.
    pub(crate) fn draw(&mut self) -> f32 {
        // SplitMix64 (Steele et al. 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1_u64 << 24) as f32
    }
}

/// How near made pictures are to the true ones, the mean over all of them.
#[derive(Clone, Copy)]
pub(crate) struct Nearness {
    /// Decibels.
    pub(crate) psnr: f64,
    pub(crate) ssim: f64,
    /// The distance of the fetched SqueezeNet's features under LPIPS's heads: `lpips-like`.
    pub(crate) lpips: f64,
}

/// Measures pictures against true ones.
pub(crate) struct Ruler(Lpips);

impl Ruler {
    /// With the weights of the package registries.
    pub(crate) fn new() -> Result<Ruler> {
        for name in ["squeezenet", "lpips-heads"] {
            data::get(name, &mut |line| println!("      {line}"))?;
        }
        Ok(Ruler(Lpips::open(None)?))
    }

    pub(crate) fn measure(&mut self, made: &Set, real: &Set) -> Nearness {
        assert_eq!(made.values.len(), real.values.len(), "as many pictures on both sides");
        let mean = |of: &dyn Fn(&[f32], &[f32]) -> f64| {
            made.pictures().zip(real.pictures()).map(|(a, b)| of(a, b)).sum::<f64>() / real.count() as f64
        };
        let distances = self.0.distances(&made.values, &real.values, real.shape);
        Nearness {
            // A picture that is met exactly would make the mean infinite.
            psnr: mean(&|a, b| psnr(a, b).min(60.0)),
            ssim: mean(&|a, b| ssim(a, b, real.shape)),
            lpips: distances.iter().map(|d| f64::from(*d)).sum::<f64>() / distances.len() as f64,
        }
    }
}

/// The median of one figure over some runs.
pub(crate) fn median_of(runs: &[Nearness], figure: impl Fn(&Nearness) -> f64) -> f64 {
    median(&runs.iter().map(figure).collect::<Vec<_>>())
}

/// Writes the figures of some runs, or of a baseline, down.
pub(crate) fn record(evidence: &mut Evidence, name: &str, runs: &[Nearness]) {
    let list = |figure: fn(&Nearness) -> f64| runs.iter().map(|near| round(figure(near))).collect::<Vec<_>>();
    evidence.figure(&format!("psnr_db.{name}"), list(|near| near.psnr));
    evidence.figure(&format!("ssim.{name}"), list(|near| near.ssim));
    evidence.figure(&format!("lpips_like.{name}"), list(|near| near.lpips));
}

/// A grid of rows: the first of every set, then the second of every set, evenly over the sets.
pub(crate) fn show(name: &str, sets: &[&Set], pictures: usize) -> Result<()> {
    let [height, width, channels] = sets[0].shape;
    let groups = pictures / sets.len();
    let stride = (sets[0].count() / groups).max(1);
    let mut values = vec![];
    for example in (0..groups).map(|group| group * stride) {
        for set in sets {
            values.extend_from_slice(set.pictures().nth(example).ok_or("too few pictures")?);
        }
    }
    let pictures = Pictures {
        values: &values,
        count: groups * sets.len(),
        height,
        width,
        channels,
    };
    let stamp = Stamp {
        system: name.to_owned(),
        seed: 0,
        step: 0,
    };
    let columns = sets.len() * (12 / sets.len()).max(1);
    Ok(grid_png(&pictures, columns, &stamp, &picture(name)?)?)
}
