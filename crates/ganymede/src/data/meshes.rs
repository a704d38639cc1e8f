//! Solids: meshes of furniture, made into volumes.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use rayon::prelude::*;

use super::error::{DataError, Result};
use super::shaping::Want;
use super::{Dataset, Shape, sha256_hex};

/// Places along each axis where no size is wanted.
const SIDE: usize = 32;
/// One of so many solids is of the split `test`, the others are of `train`.
const HELD_OUT: usize = 5;

/// A mesh of triangles.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mesh {
    /// Corners; the second coordinate is height.
    pub corners: Vec<[f32; 3]>,
    /// Three corners each, by number from 0.
    pub triangles: Vec<[usize; 3]>,
}

impl Mesh {
    /// The mesh of an OBJ file: its `v` and `f` lines. Faces of more than three corners become fans; corners that do not exist,
    /// and lines that cannot be read, are left out.
    pub fn of_obj(text: &str) -> Mesh {
        let mut mesh = Mesh::default();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("v") => {
                    let mut axis = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0.0);
                    mesh.corners.push([axis(), axis(), axis()]);
                }
                Some("f") => {
                    // Numbers count from 1, or from the last corner back where they are negative.
                    let count = mesh.corners.len() as i64;
                    let place = |word: &str| {
                        let number: i64 = word.split('/').next()?.parse().ok()?;
                        let place = if number < 0 { count + number } else { number - 1 };
                        (0..count).contains(&place).then_some(place as usize)
                    };
                    let face: Vec<usize> = words.filter_map(place).collect();
                    let fan = face.windows(2).skip(1).map(|pair| [face[0], pair[0], pair[1]]);
                    mesh.triangles.extend(fan);
                }
                _ => {}
            }
        }
        mesh
    }

    /// Which places of a cube of `side` places along each axis the solid takes, `[depth, height, width]` with rows from the top.
    ///
    /// The solid stands on the floor in the middle, as large as fits with a place around it; what is enclosed is filled.
    pub fn voxels(&self, side: usize) -> Vec<bool> {
        let mut places = vec![false; side * side * side];
        let of_axis = |axis: usize| {
            self.triangles
                .iter()
                .flatten()
                .map(move |&corner| self.corners[corner][axis])
        };
        let low = [0, 1, 2].map(|axis| of_axis(axis).fold(f32::INFINITY, f32::min));
        let high = [0, 1, 2].map(|axis| of_axis(axis).fold(f32::NEG_INFINITY, f32::max));
        let longest = (0..3).map(|axis| high[axis] - low[axis]).fold(0.0, f32::max);
        if !longest.is_normal() || side < 4 {
            return places;
        }
        let scale = (side - 2) as f32 / longest;
        let middle = side as f32 / 2.0;
        // From the mesh's coordinates to places: width, height from the floor, depth from the front.
        let placed = |corner: usize| {
            let [x, y, z] = self.corners[corner];
            [
                middle + scale * (x - 0.5 * (low[0] + high[0])),
                1.0 + scale * (y - low[1]),
                middle - scale * (z - 0.5 * (low[2] + high[2])),
            ]
        };
        for &[a, b, c] in &self.triangles {
            let [a, b, c] = [a, b, c].map(placed);
            let edge = |from: [f32; 3], to: [f32; 3]| (0..3).map(|i| (to[i] - from[i]).abs()).fold(0.0, f32::max);
            // Points half a place apart leave no hole.
            let count = (2.0 * edge(a, b).max(edge(a, c)).max(edge(b, c))).ceil().max(1.0) as usize;
            for i in 0..=count {
                for j in 0..=count - i {
                    let (u, v) = (i as f32 / count as f32, j as f32 / count as f32);
                    let [x, y, z] = [0, 1, 2].map(|k| {
                        let point = a[k] + u * (b[k] - a[k]) + v * (c[k] - a[k]);
                        (point as usize).min(side - 1)
                    });
                    places[(z * side + side - 1 - y) * side + x] = true;
                }
            }
        }
        fill(&mut places, side);
        places
    }
}

/// Fills what cannot be reached from the corner of a cube, which nothing takes.
fn fill(places: &mut [bool], side: usize) {
    let mut is_outside = vec![false; places.len()];
    let mut open = vec![0];
    is_outside[0] = true;
    while let Some(place) = open.pop() {
        for stride in [1, side, side * side] {
            let along = place / stride % side;
            let neighbours = [
                (along > 0).then(|| place - stride),
                (along + 1 < side).then(|| place + stride),
            ];
            for neighbour in neighbours.into_iter().flatten() {
                if !places[neighbour] && !is_outside[neighbour] {
                    is_outside[neighbour] = true;
                    open.push(neighbour);
                }
            }
        }
    }
    places
        .iter_mut()
        .zip(is_outside)
        .for_each(|(place, is_outside)| *place = !is_outside);
}

/// Solids as volumes of one channel, 1 inside and -1 outside.
pub struct Solids {
    name: String,
    digest: String,
    side: usize,
    /// `[count, side, side, side]`, 0 or 1.
    places: Vec<u8>,
    labels: Vec<u32>,
    classes: Vec<String>,
}

impl std::fmt::Debug for Solids {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Solids")
            .field("name", &self.name)
            .field("count", &self.labels.len())
            .field("side", &self.side)
            .finish_non_exhaustive()
    }
}

/// Opens catalogues of furniture, `.sh3f` files in a folder: what they hold, of the categories `classes`. Volumes are made once
/// for a size and kept beside the catalogues.
///
/// # Errors
/// [`DataError::ImpossibleShape`] for a size that is no cube's; [`DataError::BadFile`] and [`DataError::Unreadable`].
pub(crate) fn open(name: &str, folder: &Path, split: Option<&str>, classes: &[&str], want: &Want) -> Result<Solids> {
    let (rows, columns) = want.size.unwrap_or((SIDE, SIDE));
    if rows != columns || !(8..=128).contains(&rows) || want.channels.is_some_and(|channels| channels != 1) {
        return Err(DataError::ImpossibleShape {
            expected: "a cube of 8 to 128 places along each axis, of 1 channel",
            got: format!("{columns}x{rows}, channels: {}", want.channels.unwrap_or(1)),
        });
    }
    let side = rows;
    let volume = side * side * side;
    let kept = folder.join(format!("voxels-{side}.bin"));
    // A label and the places of each solid.
    let all = match fs::read(&kept) {
        Ok(bytes) if !bytes.is_empty() && bytes.len().is_multiple_of(1 + volume) => bytes,
        _ => {
            let bytes = catalogues(folder, side, classes)?;
            let partial = kept.with_extension(format!("{}.partial", std::process::id()));
            let written = File::create(&partial).and_then(|mut file| file.write_all(&bytes));
            written
                .and_then(|()| fs::rename(&partial, &kept))
                .map_err(|e| DataError::reading(&kept, e))?;
            bytes
        }
    };
    let is_chosen = |number: usize| match split {
        Some("train") => !number.is_multiple_of(HELD_OUT),
        Some(_) => number.is_multiple_of(HELD_OUT),
        None => true,
    };
    let chosen = all
        .chunks_exact(1 + volume)
        .enumerate()
        .filter(|(number, _)| is_chosen(*number));
    let (mut labels, mut places) = (vec![], vec![]);
    for (_, solid) in chosen {
        labels.push(u32::from(solid[0]));
        places.extend_from_slice(&solid[1..]);
    }
    let label_bytes: Vec<u8> = labels.iter().map(|label| *label as u8).collect();
    Ok(Solids {
        name: name.to_owned(),
        digest: sha256_hex(&[&places, &label_bytes]),
        side,
        places,
        labels,
        classes: classes.iter().map(ToString::to_string).collect(),
    })
}

/// Labels and places of everything in the catalogues of a folder, in the order of their names.
fn catalogues(folder: &Path, side: usize, classes: &[&str]) -> Result<Vec<u8>> {
    let entries = fs::read_dir(folder).map_err(|e| DataError::reading(folder, e))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "sh3f"))
        .collect();
    paths.sort();
    let parts: Vec<Vec<u8>> = paths
        .par_iter()
        .map(|path| catalogue(path, side, classes))
        .collect::<Result<_>>()?;
    Ok(parts.concat())
}

fn catalogue(path: &Path, side: usize, classes: &[&str]) -> Result<Vec<u8>> {
    let bad = |got: String| DataError::BadFile {
        kind: "catalogue",
        path: path.to_owned(),
        what: "content",
        expected: "a ZIP archive with PluginFurnitureCatalog.properties and the models that it names".into(),
        got,
    };
    let file = File::open(path).map_err(|e| DataError::reading(path, e))?;
    let mut archive = ::zip::ZipArchive::new(file).map_err(|e| bad(e.to_string()))?;
    let mut text_of = |name: &str| -> Result<String> {
        let mut bytes = vec![];
        let mut member = archive.by_name(name).map_err(|e| bad(e.to_string()))?;
        member
            .read_to_end(&mut bytes)
            .map_err(|e| DataError::reading(path, e))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let properties = text_of("PluginFurnitureCatalog.properties")?;
    // `category#12=Office` and `model#12=/there/table.obj`.
    let value = |line: &str, key: &str| -> Option<(u32, String)> {
        let (number, value) = line.strip_prefix(key)?.strip_prefix('#')?.split_once('=')?;
        Some((number.parse().ok()?, value.trim().to_owned()))
    };
    let table = |key: &'static str| properties.lines().filter_map(move |line| value(line, key));
    let models: std::collections::BTreeMap<u32, String> = table("model").collect();
    let mut solids = vec![];
    for (number, category) in table("category") {
        let Some(label) = classes.iter().position(|class| *class == category) else {
            continue;
        };
        let Some(model) = models.get(&number).filter(|model| model.ends_with(".obj")) else {
            continue;
        };
        let mesh = Mesh::of_obj(&text_of(model.trim_start_matches('/'))?);
        if mesh.triangles.is_empty() {
            continue;
        }
        solids.push(label as u8);
        solids.extend(mesh.voxels(side).into_iter().map(u8::from));
    }
    Ok(solids)
}

impl Dataset for Solids {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn len(&self) -> Option<u64> {
        Some(self.labels.len() as u64)
    }

    fn shape(&self) -> Shape {
        Shape::Volume {
            depth: self.side,
            height: self.side,
            width: self.side,
            channels: 1,
            is_scan: false,
        }
    }

    fn classes(&self) -> Option<&[String]> {
        Some(&self.classes)
    }

    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
        let len = self.labels.len() as u64;
        if index >= len {
            return Err(DataError::NoExample {
                name: self.name.clone(),
                index,
                len,
            });
        }
        let floats = self.shape().floats();
        let places = &self.places[index as usize * floats..][..floats];
        x.iter_mut()
            .zip(places)
            .for_each(|(x, place)| *x = 2.0 * f32::from(*place) - 1.0);
        Ok(self.labels[index as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A box of four corners below and four above, its faces of four corners, one of them counted from the end.
    const BOX: &str = "v 0 0 0\nv 1 0 0\nv 1 0 1\nv 0 0 1\nv 0 2 0\nv 1 2 0\nv 1 2 1\nv 0 2 1\n\
                       f 1 2 3 4\nf 5/1 6/2 7/3 8/4\nf 1 2 6 5\nf -7 -6 -2 -3\nf 3 4 8 7\nf 4 1 5 8\nf 1 2 99\n";

    #[test]
    fn faces_become_triangles() {
        let mesh = Mesh::of_obj(BOX);
        assert_eq!((mesh.corners.len(), mesh.triangles.len()), (8, 12));
        assert_eq!(mesh.triangles[..2], [[0, 1, 2], [0, 2, 3]]);
        assert_eq!(mesh.triangles[6], [1, 2, 6]);
    }

    /// Twice as high as wide, the box takes ten rows of twelve and five or six columns about the middle, and is filled.
    #[test]
    fn a_box_stands_on_the_floor_and_is_solid() {
        let places = Mesh::of_obj(BOX).voxels(12);
        let is_solid = |z: usize, y: usize, x: usize| places[(z * 12 + y) * 12 + x];
        assert!(is_solid(6, 5, 6), "inside");
        assert!((1..=10).all(|row| is_solid(6, row, 6)));
        assert!(!is_solid(6, 11, 6), "a place is left below");
        assert!((0..12).all(|x| is_solid(6, 5, x) == (3..=8).contains(&x)));
        assert!((0..12).all(|z| is_solid(z, 5, 6) == (3..=8).contains(&z)));
    }

    #[test]
    fn nothing_takes_no_place() {
        assert!(!Mesh::default().voxels(8).contains(&true));
    }
}
