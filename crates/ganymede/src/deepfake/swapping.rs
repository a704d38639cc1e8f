//! The face of a picture drawn anew and put back: found, brought upright, drawn by a network, given the colours that were there, brought
//! back to its place, and blended in inside of its outline.
use super::alignment::{Landmarks, Similarity, resampled};
use super::finding::{Flaw, Found, Tally, Which, find};
use super::plane::Plane;
use super::steadying::Steady;
use super::{blending, colour, mask};
use crate::named::named_enum;
use image::{GenericImage, GenericImageView, RgbImage};

/// How far inside of the outline the drawn face begins, in parts of the face's width.
const INSET: f32 = 0.02;
/// How wide its border is, likewise.
const SOFTNESS: f32 = 0.08;
/// Pixels around the outline that blending looks at.
const MARGIN: f32 = 3.0;

named_enum! {
    /// How a drawn face is put into a picture.
    "blending" Blending {
        /// Without a seam: its differences between neighbours are kept, not its colours, see [`blending::seamless`].
        Seamless = "seamless",
        /// With a soft border.
        Feathered = "feathered",
    }
}

/// From an upright face, `[side, side, channels]` in [-1, 1], to another.
type Draw<'d> = Box<dyn FnMut(&[f32]) -> Vec<f32> + 'd>;

/// Changes faces, frame after frame.
pub struct Swapper<'d> {
    /// Networks that find faces.
    pub faces: super::faces::Faces,
    /// What a face becomes: upright, `[side, side, channels]` in [-1, 1].
    pub draw: Draw<'d>,
    /// Height and width, and channels, of what is drawn.
    pub side: usize,
    /// 1 or 3.
    pub channels: usize,
    /// Which of several faces.
    pub which: Which,
    /// How it is put in.
    pub blending: Blending,
    /// What is known of the frames before, in a film.
    pub steady: Option<Steady>,
    /// What came of all frames.
    pub tally: Tally,
}

impl Swapper<'_> {
    /// The picture with the face drawn anew; unchanged where there is none that can be used, which the tally says.
    pub fn frame(&mut self, picture: &RgbImage) -> (RgbImage, Result<Found, Flaw>) {
        let found = find(&mut self.faces, picture, self.which);
        self.tally.note(&found);
        let Ok(face) = found else {
            if let Some(steady) = &mut self.steady {
                steady.lost();
            }
            return (picture.clone(), found);
        };
        let landmarks = match &mut self.steady {
            Some(steady) => steady.next(&face.landmarks),
            None => face.landmarks,
        };
        let changed = changed(
            picture,
            &landmarks,
            [self.side, self.channels],
            self.blending,
            &mut self.draw,
        );
        (changed, found)
    }
}

/// A picture with the face that has these landmarks drawn anew by a network for upright faces of this side and channels.
pub fn changed(
    picture: &RgbImage,
    landmarks: &Landmarks,
    [side, channels]: [usize; 2],
    how: Blending,
    draw: &mut dyn FnMut(&[f32]) -> Vec<f32>,
) -> RgbImage {
    let Some(upright) = Similarity::upright(landmarks, side) else {
        return picture.clone();
    };
    let outline = mask::around(landmarks);
    let Some([left, top, width, height]) = window(&outline, picture) else {
        return picture.clone();
    };
    let cut = resampled(&Plane::of(picture), &upright.inverse(), [side, side]);
    let drawn = Plane {
        shape: [side, side, channels],
        values: draw(&cut.clone().in_channels(channels).values),
    };
    let aligned: Vec<[f32; 2]> = mask::around(&upright.landmarks(landmarks));
    let inner = mask::drawn(&aligned, [side, side], 0.0, 1.0);
    let matched = colour::matched(&drawn.in_channels(3), &cut, &inner);

    let part = Plane::of(&picture.view(left, top, width, height).to_image());
    let extents = [height as usize, width as usize];
    let face = resampled(&matched, &upright.shifted(left, top), extents);
    let outline: Vec<[f32; 2]> = outline.iter().map(|[x, y]| [x - left as f32, y - top as f32]).collect();
    let across = (0.5 * side as f64 / upright.scale()) as f32;
    let soft = mask::drawn(&outline, extents, INSET * across, SOFTNESS * across);
    let face = match how {
        Blending::Seamless => blending::seamless(&part, &face, &soft),
        Blending::Feathered => face,
    };
    let blended = blending::feathered(&part, &face, &soft);
    let mut changed = picture.clone();
    changed
        .copy_from(&blended.picture(), left, top)
        .expect("the part lies in the picture");
    changed
}

/// Left, top, width and height of the part of a picture that an outline lies in; nothing where that is no pixel.
fn window(outline: &[[f32; 2]], picture: &RgbImage) -> Option<[u32; 4]> {
    let [columns, rows] = [(0, picture.width()), (1, picture.height())].map(|(axis, extent)| {
        let places = || outline.iter().map(move |point| point[axis]);
        let low = places().fold(f32::INFINITY, f32::min) - MARGIN;
        let high = places().fold(f32::NEG_INFINITY, f32::max) + MARGIN;
        // A cast saturates at 0 and the type's ends.
        (low as u32).min(extent)..(high as u32).min(extent)
    });
    let is_there = !columns.is_empty() && !rows.is_empty();
    is_there.then(|| {
        [
            columns.start,
            rows.start,
            columns.end - columns.start,
            rows.end - rows.start,
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deepfake::alignment::tests::aligned;

    /// A face whose outline is the square around the middle of a picture of 80 x 80 pixels.
    fn landmarks() -> Landmarks {
        let mut landmarks = aligned(64.0).map(|[x, y]| [x + 8.0, y + 8.0]);
        for (corner, place) in landmarks
            .iter_mut()
            .zip([[20.0, 20.0], [60.0, 20.0], [60.0, 60.0], [20.0, 60.0]])
        {
            *corner = place;
        }
        landmarks
    }

    fn picture() -> RgbImage {
        RgbImage::from_fn(80, 80, |x, y| image::Rgb([(2 * x) as u8 + 40, (2 * y) as u8 + 40, 100]))
    }

    /// What draws a face as it is changes next to nothing, however it is put in: all the ways there and back.
    #[test]
    fn a_face_drawn_as_it_is_stays() {
        for how in Blending::ALL {
            let same = changed(&picture(), &landmarks(), [64, 3], *how, &mut |x| x.to_vec());
            let most = same.iter().zip(picture().iter()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(most <= Some(2), "{how:?}: {most:?}");
        }
    }

    /// A face in other colours and of another contrast: the outline stays, and so do the colours as a whole.
    #[test]
    fn a_drawn_face_gets_the_colours_that_were_there() {
        let darker = &mut |x: &[f32]| x.iter().map(|x| 0.3 * x - 0.6).collect::<Vec<f32>>();
        let made = changed(&picture(), &landmarks(), [64, 3], Blending::Feathered, darker);
        let most = made.iter().zip(picture().iter()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(most <= Some(8), "{most:?}");
        let noise = &mut |x: &[f32]| {
            (0..x.len())
                .map(|i| ((i * 7919) % 13) as f32 / 13.0)
                .collect::<Vec<f32>>()
        };
        let made = changed(&picture(), &landmarks(), [64, 3], Blending::Seamless, noise);
        let differs = |x, y| made.get_pixel(x, y) != picture().get_pixel(x, y);
        assert!(differs(40, 40) && !differs(15, 40) && !differs(40, 70) && !differs(0, 0));
    }

    #[test]
    fn what_is_no_face_leaves_the_picture() {
        let nothing = [[f32::NAN; 2]; crate::deepfake::faces::LANDMARKS];
        let outside = landmarks().map(|[x, y]| [x + 500.0, y]);
        for landmarks in [nothing, outside] {
            let same = changed(&picture(), &landmarks, [64, 3], Blending::Seamless, &mut |x| x.to_vec());
            assert_eq!(same, picture());
        }
        // A network that has come to nothing makes no panic.
        changed(&picture(), &landmarks(), [64, 1], Blending::Seamless, &mut |x| {
            vec![f32::NAN; x.len()]
        });
    }
}
