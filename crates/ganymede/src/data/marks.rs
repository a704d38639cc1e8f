//! Boxes and key points: places in pictures, told in pixels by a table, and where they come to lie when pictures are shaped.
//!
//! `labels.csv` with the columns `left`, `top`, `width`, `height` has a box a picture, with `nose_x` and `nose_y` a key point; all
//! in pixels of the picture as one sees it. Every picture must have them.

use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::error::Result;
use super::labels::bad;
use super::listing::Listing;
use super::shaping::{Size, Want};
use super::{Extra, Field, decode};

/// What a table marks in every picture.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Marks {
    /// Whether the first two places are a box: its left upper and its right lower corner.
    pub has_box: bool,
    /// The names of the key points, in the order of their places.
    pub points: Vec<String>,
}

impl Marks {
    /// Places in a picture.
    pub(crate) fn places(&self) -> usize {
        2 * usize::from(self.has_box) + self.points.len()
    }

    /// What examples have beside x and y: `[2, 2]` for a box, `[points, 2]`.
    pub(crate) fn extras(&self) -> Vec<Extra> {
        let extra = |field, places| Extra {
            field,
            shape: vec![places, 2],
        };
        let boxes = self.has_box.then(|| extra(Field::Box, 2));
        let points = (!self.points.is_empty()).then(|| extra(Field::Points, self.points.len()));
        boxes.into_iter().chain(points).collect()
    }
}

/// The columns of a table that mark places.
pub(crate) struct Columns {
    pub(crate) marks: Marks,
    corner: Option<[usize; 4]>,
    points: Vec<[usize; 2]>,
}

impl Columns {
    /// Those of a table with these titles, in lower case.
    pub(crate) fn of(titles: &[String]) -> Columns {
        let find = |title: &str| titles.iter().position(|other| other == title);
        let four = |titles: [&str; 4]| {
            let found: Option<Vec<usize>> = titles.into_iter().map(find).collect();
            found.and_then(|found| found.try_into().ok())
        };
        let corner = four(["left", "top", "width", "height"]).or_else(|| four(["x", "y", "width", "height"]));
        let points: Vec<(String, [usize; 2])> = titles
            .iter()
            .enumerate()
            .filter_map(|(x, title)| {
                let name = title.strip_suffix("_x")?;
                Some((name.to_owned(), [x, find(&format!("{name}_y"))?]))
            })
            .collect();
        let (names, points) = points.into_iter().unzip();
        Columns {
            marks: Marks {
                has_box: corner.is_some(),
                points: names,
            },
            corner,
            points,
        }
    }

    /// The places of a row, x and y in turn; `None` if it has none.
    ///
    /// # Errors
    /// [`DataError::BadFile`](super::DataError::BadFile) for a cell that is no finite number.
    pub(crate) fn read(&self, row: &csv::StringRecord, path: &Path) -> Result<Vec<f32>> {
        let number = |column: usize| {
            let text = row.get(column).unwrap_or_default();
            let number = text.parse::<f32>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| bad(path, "place", "a number of pixels".into(), format!("`{text}`")))
        };
        let mut places = vec![];
        if let Some(corner) = self.corner {
            let [left, top, width, height] = corner.map(number);
            let (left, top) = (left?, top?);
            places.extend([left, top, left + width?, top + height?]);
        }
        for [x, y] in &self.points {
            places.extend([number(*x)?, number(*y)?]);
        }
        Ok(places)
    }
}

/// The places of all pictures of a list where they lie in the shaped pictures: -1 is the left or upper edge, 1 the right or
/// lower one; what is cut off lies outside.
///
/// # Errors
/// Where a picture's header cannot be read.
pub(crate) fn shaped(listing: &Listing, target: Size, want: &Want) -> Result<Vec<f32>> {
    let floats = 2 * listing.marks.places();
    if floats == 0 {
        return Ok(vec![]);
    }
    let mut places = listing.places.clone();
    let pictures = places.par_chunks_exact_mut(floats).zip(&listing.items);
    pictures.try_for_each(|(places, item)| {
        let size = decode::probe(listing, item)?;
        places
            .as_chunks_mut()
            .0
            .iter_mut()
            .for_each(|place| *place = want.place(*place, size, target));
        Ok(())
    })?;
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::open;

    #[test]
    fn columns_are_known_by_their_titles() {
        let titles = ["file", "nose_x", "top", "left", "height", "nose_y", "width", "alone_x"].map(str::to_owned);
        let columns = Columns::of(&titles);
        assert_eq!(
            (columns.marks.has_box, columns.marks.points.as_slice()),
            (true, &["nose".to_owned()][..])
        );
        let row = csv::StringRecord::from(vec!["a", "1", "20", "10", "4", "2.5", "3", ""]);
        assert_eq!(
            columns.read(&row, Path::new("t")).unwrap(),
            [10.0, 20.0, 13.0, 24.0, 1.0, 2.5]
        );
        let row = csv::StringRecord::from(vec!["a", "nan", "20", "10", "4", "2.5", "3", ""]);
        assert_eq!(
            columns.read(&row, Path::new("t")).unwrap_err().to_string(),
            "bad labels: place: expected a number of pixels, got `nan`: t"
        );
    }

    #[test]
    fn boxes_and_points_follow_their_pictures() {
        let folder = tempfile::tempdir().unwrap();
        for (name, width, height) in [("a.png", 40, 20), ("b.png", 20, 20)] {
            image::GrayImage::new(width, height)
                .save(folder.path().join(name))
                .unwrap();
        }
        let table = "file,left,top,width,height,eye_x,eye_y\na.png,10,0,20,20,20,10\nb.png,0,5,10,10,20,20\n";
        std::fs::write(folder.path().join("labels.csv"), table).unwrap();
        let spec = folder.path().display().to_string();
        let read = |want: &Want| {
            let data = open(&spec, want).unwrap();
            assert_eq!(data.has(), [Field::X, Field::Box, Field::Points]);
            let mut both = [[0.0; 6]; 2];
            for (index, places) in both.iter_mut().enumerate() {
                data.read_extra(0, index as u64, &mut places[..4]).unwrap();
                data.read_extra(1, index as u64, &mut places[4..]).unwrap();
            }
            both
        };
        let want = Want::picture(10, 10, 1);
        // The wide picture loses ten columns at either side.
        let cropped = [[-1.0, -1.0, 1.0, 1.0, 0.0, 0.0], [-1.0, -0.5, 0.0, 0.5, 1.0, 1.0]];
        assert_eq!(read(&want), cropped);
        let stretched = Want {
            fit: crate::data::Fit::Stretch,
            ..want
        };
        assert_eq!(read(&stretched)[0], [-0.5, -1.0, 0.5, 1.0, 0.0, 0.0]);
        std::fs::write(
            folder.path().join("labels.csv"),
            table.lines().take(2).collect::<Vec<_>>().join("\n"),
        )
        .unwrap();
        let error = open(&spec, &stretched).unwrap_err().to_string();
        assert!(
            error.contains("bad labels: places: expected 2, one set a picture, got 1, none for `b.png`"),
            "{error}"
        );
    }
}
