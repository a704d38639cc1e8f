//! Pictures as numbers, of any size, between a file and a network.
use image::RgbImage;

/// Numbers of a picture, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    /// Height, width and channels.
    pub shape: [usize; 3],
    /// `[height, width, channels]`; of colours in [-1, 1].
    pub values: Vec<f32>,
}

impl Plane {
    /// All 0.
    pub fn new(shape: [usize; 3]) -> Plane {
        Plane {
            shape,
            values: vec![0.0; shape.iter().product()],
        }
    }

    /// The colours of a picture.
    pub fn of(picture: &RgbImage) -> Plane {
        Plane {
            shape: [picture.height() as usize, picture.width() as usize, 3],
            values: picture.iter().map(|byte| f32::from(*byte) / 127.5 - 1.0).collect(),
        }
    }

    /// As a picture; grey becomes equal parts of red, green and blue.
    pub fn picture(&self) -> RgbImage {
        let byte = |x: f32| ((x + 1.0) * 127.5).round() as u8;
        let [height, width, channels] = self.shape;
        RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let pixel = &self.values[(y as usize * width + x as usize) * channels..][..channels];
            image::Rgb(std::array::from_fn(|c| byte(pixel[c.min(channels - 1)])))
        })
    }

    /// With so many channels: one is the luma of three (ITU-R BT.601), three are one thrice.
    pub fn in_channels(self, channels: usize) -> Plane {
        let values = match (self.channels(), channels) {
            (3, 1) => self
                .values
                .chunks_exact(3)
                .map(|p| 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2])
                .collect(),
            (1, 3) => self.values.iter().flat_map(|x| [*x; 3]).collect(),
            _ => return self,
        };
        Plane {
            shape: [self.shape[0], self.shape[1], channels],
            values,
        }
    }

    /// Numbers of a pixel.
    pub fn channels(&self) -> usize {
        self.shape[2]
    }

    /// Adds a share of what lies at a place, bilinearly; beyond the borders are the outermost pixels.
    pub(super) fn add(&self, [x, y]: [f64; 2], share: f32, to: &mut [f32]) {
        let [height, width, channels] = self.shape;
        let along = |place: f64, extent: usize| {
            let place = (place - 0.5).clamp(0.0, (extent - 1) as f64);
            let low = (place as usize).min(extent.saturating_sub(2));
            [
                (low, 1.0 - (place - low as f64)),
                ((low + 1).min(extent - 1), place - low as f64),
            ]
        };
        for (row, down) in along(y, height) {
            for (column, right) in along(x, width) {
                let weight = share * (down * right) as f32;
                let from = &self.values[(row * width + column) * channels..][..channels];
                to.iter_mut().zip(from).for_each(|(to, from)| *to += weight * from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_and_colours_become_one_another() {
        let source = Plane {
            shape: [2, 2, 1],
            values: vec![0.0, 4.0, 8.0, 12.0],
        };
        let coloured = source.clone().in_channels(3);
        assert_eq!(
            (coloured.shape, coloured.values[3..6].to_vec()),
            ([2, 2, 3], vec![4.0; 3])
        );
        let grey = coloured.in_channels(1).values;
        assert!(
            grey.iter().zip(&source.values).all(|(a, b)| (a - b).abs() < 1e-5),
            "{grey:?}"
        );
    }

    #[test]
    fn bytes_go_through_a_plane_unchanged() {
        let picture = RgbImage::from_fn(5, 3, |x, y| image::Rgb([(x * 50) as u8, (y * 100) as u8, 7]));
        assert_eq!(Plane::of(&picture).picture(), picture);
    }
}
