//! Which face of a picture is meant, and whether it can be used.
use super::alignment::{Landmarks, Similarity, turn};
use super::faces::{Area, Faces};
use image::RgbImage;
use std::fmt;

/// Eyes that are nearer to each other than this, in pixels, are too few pixels to be cut out.
const LEAST_BETWEEN_EYES: f64 = 12.0;
/// A face that is turned further than this, see [`turn`], hides an eye.
const MOST_TURN: f64 = 0.4;

/// A face that fills its picture is not found, since the detector knows none that large; with a border of so many parts of the
/// shorter side it is: 35 of 40 portraits, where 8 are found without.
const BORDER: f32 = 0.6;

/// Which of several faces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// The largest.
    #[default]
    Largest,
    /// The one with this number, from the left, from 1.
    Numbered(usize),
}

/// Why a picture has no face that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// None was found, or none with the number that was asked for.
    NoFace,
    /// It is too small.
    Tiny,
    /// It is turned too far aside.
    Turned,
}

/// How many pictures were looked at, and what was the matter with some of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    /// Pictures that were looked at.
    pub looked: u64,
    /// Those with a face that can be used.
    pub usable: u64,
    /// Those of them with other faces beside it.
    pub several: u64,
    /// Those without a face.
    pub without: u64,
    /// Those whose face is too small.
    pub tiny: u64,
    /// Those whose face is turned too far aside.
    pub turned: u64,
}

impl Tally {
    /// Takes down what came of a picture.
    pub fn note(&mut self, found: &Result<Found, Flaw>) {
        self.looked += 1;
        match found {
            Ok(found) => {
                self.usable += 1;
                self.several += u64::from(found.others > 0);
            }
            Err(Flaw::NoFace) => self.without += 1,
            Err(Flaw::Tiny) => self.tiny += 1,
            Err(Flaw::Turned) => self.turned += 1,
        }
    }
}

/// `8 of 12 pictures have a face that can be used (1 has others beside it); 2 have none, 1 a tiny one, 1 one that is turned aside`.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let have = |count: u64| if count == 1 { "has" } else { "have" };
        let Tally { looked, usable, .. } = self;
        let pictures = if *looked == 1 { "picture" } else { "pictures" };
        let has = if *looked == 1 { "has" } else { have(*usable) };
        write!(f, "{usable} of {looked} {pictures} {has} a face that can be used")?;
        if self.several > 0 {
            write!(f, " ({} {} others beside it)", self.several, have(self.several))?;
        }
        let flaws = [
            (self.without, "none"),
            (self.tiny, "a tiny one"),
            (self.turned, "one that is turned aside"),
        ];
        let said: Vec<String> = flaws
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {} {what}", have(*count)))
            .collect();
        if said.is_empty() {
            Ok(())
        } else {
            write!(f, "; {}", said.join(", "))
        }
    }
}

/// A face that can be used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Where.
    pub area: Area,
    /// Its landmarks in pixels of the picture.
    pub landmarks: Landmarks,
    /// How many other faces the picture has.
    pub others: usize,
}

/// The face of a picture that is meant.
///
/// # Errors
/// [`Flaw`]: why there is none.
pub fn find(faces: &mut Faces, picture: &RgbImage, which: Which) -> Result<Found, Flaw> {
    let mut areas: Vec<Area> = faces.detect(picture).into_iter().map(|found| found.area).collect();
    if areas.is_empty() {
        let border = (BORDER * picture.width().min(picture.height()) as f32) as u32;
        areas.extend(faces.detect(&bordered(picture, border)).into_iter().map(|found| Area {
            left: found.area.left - border as f32,
            top: found.area.top - border as f32,
            ..found.area
        }));
    }
    let area = chosen(&areas, which).ok_or(Flaw::NoFace)?;
    let landmarks = faces.landmarks(picture, area);
    match flaw(&landmarks) {
        Some(flaw) => Err(flaw),
        None => Ok(Found {
            area,
            landmarks,
            others: areas.len() - 1,
        }),
    }
}

/// A picture with its outermost pixels repeated around it.
fn bordered(picture: &RgbImage, border: u32) -> RgbImage {
    let [width, height] = [picture.width(), picture.height()];
    RgbImage::from_fn(width + 2 * border, height + 2 * border, |x, y| {
        let within = |at: u32, extent: u32| at.saturating_sub(border).min(extent - 1);
        *picture.get_pixel(within(x, width), within(y, height))
    })
}

fn chosen(areas: &[Area], which: Which) -> Option<Area> {
    let mut areas = areas.to_vec();
    match which {
        Which::Largest => areas
            .into_iter()
            .max_by(|a, b| (a.width * a.height).total_cmp(&(b.width * b.height))),
        Which::Numbered(number) => {
            areas.sort_by(|a, b| a.left.total_cmp(&b.left));
            areas.get(number.checked_sub(1)?).copied()
        }
    }
}

fn flaw(landmarks: &Landmarks) -> Option<Flaw> {
    // In an aligned face of side 1 the eyes are 0.236 apart.
    let scale = Similarity::upright(landmarks, 1).map(|upright| 0.236 / upright.scale());
    match scale {
        None => Some(Flaw::Tiny),
        Some(between_eyes) if between_eyes < LEAST_BETWEEN_EYES => Some(Flaw::Tiny),
        Some(_) => (turn(landmarks).abs() > MOST_TURN).then_some(Flaw::Turned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deepfake::alignment::tests::aligned;

    fn area(left: f32, width: f32) -> Area {
        Area {
            left,
            top: 0.0,
            width,
            height: width,
        }
    }

    #[test]
    fn the_largest_or_a_numbered_face_is_meant() {
        let areas = [area(50.0, 10.0), area(5.0, 30.0), area(20.0, 20.0)];
        assert_eq!(chosen(&areas, Which::Largest), Some(areas[1]));
        assert_eq!(chosen(&areas, Which::Numbered(2)), Some(areas[2]));
        assert_eq!(chosen(&areas, Which::Numbered(3)), Some(areas[0]));
        assert_eq!([0, 4].map(|n| chosen(&areas, Which::Numbered(n))), [None, None]);
        assert_eq!(chosen(&[], Which::Largest), None);
    }

    #[test]
    fn a_border_repeats_the_outermost_pixels() {
        let picture = RgbImage::from_fn(2, 1, |x, _| image::Rgb([x as u8; 3]));
        let bordered = bordered(&picture, 1);
        let row: Vec<u8> = (0..4).map(|x| bordered.get_pixel(x, 2).0[0]).collect();
        assert_eq!((bordered.dimensions(), row), ((4, 3), vec![0, 0, 1, 1]));
    }

    #[test]
    fn tiny_and_turned_faces_are_told() {
        // The eyes of an aligned face of side 100 are 23.6 pixels apart.
        assert_eq!(flaw(&aligned(100.0)), None);
        assert_eq!(flaw(&aligned(40.0)), Some(Flaw::Tiny));
        assert_eq!(flaw(&[[3.0; 2]; crate::deepfake::faces::LANDMARKS]), Some(Flaw::Tiny));
        let mut turned = aligned(100.0);
        turned[30][0] += 12.0;
        assert_eq!(flaw(&turned), Some(Flaw::Turned));
    }

    #[test]
    fn what_came_of_pictures_is_said() {
        let mut tally = Tally::default();
        let found = Found {
            area: area(0.0, 9.0),
            landmarks: aligned(9.0),
            others: 1,
        };
        for of in [
            Ok(found),
            Ok(Found { others: 0, ..found }),
            Err(Flaw::NoFace),
            Err(Flaw::NoFace),
            Err(Flaw::Turned),
        ] {
            tally.note(&of);
        }
        assert_eq!(
            tally.to_string(),
            "2 of 5 pictures have a face that can be used (1 has others beside it); 2 have none, 1 has one that is turned aside"
        );
        let one = Tally {
            looked: 1,
            usable: 1,
            ..Tally::default()
        };
        assert_eq!(one.to_string(), "1 of 1 picture has a face that can be used");
    }
}
