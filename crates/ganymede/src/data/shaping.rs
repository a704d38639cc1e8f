//! Any picture to a wanted size and channel count: one filter (Lanczos, antialiased), one luma, one way to blend alpha.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use serde::{Deserialize, Serialize};

use super::Shape;
use super::error::{DataError, Result};

/// The longest side that can be asked for, in pixels.
pub const MAX_SIDE: usize = 16_384;

/// How a picture of another aspect ratio is made to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// Cut off what stands over, equally on both sides; nothing is distorted.
    #[default]
    CenterCrop,
    /// Scale each axis by itself; everything is kept and distorted.
    Stretch,
    /// Scale to fit inside and fill the rest with [`Want::padding`]; everything is kept, nothing is distorted.
    Pad,
}

/// The key that tunes are moved to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    /// C major, A minor and the other modes without sharps or flats, by at most six semitones.
    #[default]
    C,
    /// None: they stay where they are, octaves aside.
    AsWritten,
}

/// A half of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// The columns before the middle.
    Left,
    /// The columns behind the middle.
    Right,
}

/// The pictures, sounds or tunes a run wants: what is `None` stays as the data have it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Want {
    /// Height and width in pixels, each 1 to [`MAX_SIDE`].
    pub size: Option<(usize, usize)>,
    /// 1 grey, 2 grey and alpha, 3 red-green-blue, 4 red-green-blue and alpha.
    pub channels: Option<usize>,
    /// Samples in a second, of sounds; 16,000 if `None`. Settings of runs on pictures do not name it, as they did before there
    /// were sounds, so that older runs go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_hz: Option<u32>,
    /// Samples in a sound, 16,384 if `None`; steps in the bars of a tune, 128, or its notes, 32.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<usize>,
    /// The key that tunes are moved to, where they say their own; that of C if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// How pictures of another aspect ratio are made to fit.
    pub fit: Fit,
    /// The red-green-blue colour behind transparent pixels where alpha is not wanted; white by default.
    pub background: [u8; 3],
    /// Which half of each picture is taken, of pictures that hold a pair side by side; all of it if `None`.
    #[serde(skip)]
    pub half: Option<Half>,
    /// The red-green-blue colour of the borders that [`Fit::Pad`] adds; opaque, black by default.
    pub padding: [u8; 3],
    /// Up to this many bytes of shaped pictures are kept in memory, one byte a value; beyond it each picture is made when
    /// it is asked for. 2 GiB by default.
    pub memory_budget_bytes: u64,
}

impl Default for Want {
    fn default() -> Self {
        Self {
            size: None,
            channels: None,
            rate_hz: None,
            length: None,
            key: None,
            fit: Fit::CenterCrop,
            background: [255; 3],
            half: None,
            padding: [0; 3],
            memory_budget_bytes: 2 << 30,
        }
    }
}

impl Want {
    /// Pictures of this height and width in pixels and this many channels.
    pub fn picture(height: usize, width: usize, channels: usize) -> Self {
        Self {
            size: Some((height, width)),
            channels: Some(channels),
            ..Self::default()
        }
    }

    /// The shape of what is taken of a picture. A column in the middle belongs to neither half.
    pub(crate) fn taken(&self, whole: Size) -> Size {
        let width = self.half.map_or(whole.width, |_| whole.width / 2);
        Size { width, ..whole }
    }

    /// Where a place of a picture of this size, in pixels, comes to lie in the shaped one: from -1 at the left or upper edge to 1
    /// at the right or lower one.
    pub(crate) fn place(&self, [mut x, y]: [f32; 2], size: Size, target: Size) -> [f32; 2] {
        let taken = self.taken(size);
        if self.half == Some(Half::Right) {
            x -= (size.width - taken.width) as f32;
        }
        let [width, height] = [taken.width as f32, taken.height as f32];
        let [across, down] = [target.width as f32 / width, target.height as f32 / height];
        let [across, down] = match self.fit {
            Fit::Stretch => [across, down],
            Fit::CenterCrop => [across.max(down); 2],
            Fit::Pad => [across.min(down); 2],
        };
        // Whatever the fit, middles lie on middles.
        [
            (2.0 * x - width) * across / target.width as f32,
            (2.0 * y - height) * down / target.height as f32,
        ]
    }

    /// The shape that pictures of shape `native` are made into.
    ///
    /// # Errors
    /// [`DataError::ImpossibleShape`] for a side of 0 or above [`MAX_SIDE`], or other than 1 to 4 channels.
    pub(crate) fn target(&self, native: Size) -> Result<Size> {
        let native = self.taken(native);
        let (height, width) = self.size.unwrap_or((native.height, native.width));
        let channels = self.channels.unwrap_or(native.channels);
        let impossible = |expected, got| Err(DataError::ImpossibleShape { expected, got });
        if ![height, width].iter().all(|side| (1..=MAX_SIDE).contains(side)) {
            return impossible("a height and width of 1 to 16384 pixels", format!("{height}x{width}"));
        }
        if !(1..=4).contains(&channels) {
            return impossible("1 to 4 channels", channels.to_string());
        }
        Ok(Size {
            height,
            width,
            channels,
        })
    }
}

/// Rows, columns and interleaved channels of a picture of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
}

impl Size {
    pub(crate) fn bytes(self) -> usize {
        self.height * self.width * self.channels
    }
}

impl From<Size> for Shape {
    fn from(size: Size) -> Self {
        let Size {
            height,
            width,
            channels,
        } = size;
        Self::Picture {
            height,
            width,
            channels,
        }
    }
}

/// Shapes pictures; keeps its buffers, so that once warm it allocates nothing.
#[derive(Default)]
pub(crate) struct Shaper {
    resizer: Resizer,
    converted: Vec<u8>,
    inner: Vec<u8>,
    shaped: Vec<u8>,
}

impl Shaper {
    /// Runs `work` with the shaper of this thread.
    pub(crate) fn with<R>(work: impl FnOnce(&mut Self) -> R) -> R {
        thread_local!(static SHAPER: std::cell::RefCell<Shaper> = std::cell::RefCell::default());
        SHAPER.with_borrow_mut(work)
    }

    /// As [`Shaper::shape`], into floats in [-1, 1].
    pub(crate) fn shape_to_floats(&mut self, from: &[u8], size: Size, to: &mut [f32], target: Size, want: &Want) {
        let mut shaped = std::mem::take(&mut self.shaped);
        shaped.resize(target.bytes(), 0);
        self.shape(from, size, &mut shaped, target, want);
        to_floats(&shaped, to);
        self.shaped = shaped;
    }

    /// Writes the picture `from` of size `size` into `to` of size `target`.
    pub(crate) fn shape(&mut self, from: &[u8], size: Size, to: &mut [u8], target: Size, want: &Want) {
        debug_assert_eq!((from.len(), to.len()), (size.bytes(), target.bytes()));
        if let Some(half) = want.half {
            let cut = cut(from, size, half);
            let whole = Want {
                half: None,
                ..want.clone()
            };
            return self.shape(&cut, want.taken(size), to, target, &whole);
        }
        if size == target {
            return to.copy_from_slice(from);
        }
        let from = if size.channels == target.channels {
            from
        } else {
            self.converted.clear();
            convert(
                from,
                size.channels,
                &mut self.converted,
                target.channels,
                want.background,
            );
            &self.converted
        };
        let size = Size {
            channels: target.channels,
            ..size
        };
        let resize = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
        match want.fit {
            Fit::Stretch => scale(&mut self.resizer, from, size, to, target, &resize),
            Fit::CenterCrop => {
                let crop = resize.fit_into_destination(Some((0.5, 0.5)));
                scale(&mut self.resizer, from, size, to, target, &crop);
            }
            Fit::Pad => {
                let ratio = (target.height as f64 / size.height as f64).min(target.width as f64 / size.width as f64);
                let side = |from: usize, most: usize| ((from as f64 * ratio).round() as usize).clamp(1, most);
                let inner = Size {
                    height: side(size.height, target.height),
                    width: side(size.width, target.width),
                    ..target
                };
                self.inner.resize(inner.bytes(), 0);
                scale(&mut self.resizer, from, size, &mut self.inner, inner, &resize);
                let [r, g, b] = want.padding;
                let border = match target.channels {
                    1 | 2 => [luma(r, g, b), 255, 0, 0],
                    _ => [r, g, b, 255],
                };
                for pixel in to.chunks_exact_mut(target.channels) {
                    pixel.copy_from_slice(&border[..target.channels]);
                }
                let (top, left) = ((target.height - inner.height) / 2, (target.width - inner.width) / 2);
                let (row, stride) = (inner.width * inner.channels, target.width * target.channels);
                for (y, line) in self.inner.chunks_exact(row).enumerate() {
                    let start = (top + y) * stride + left * target.channels;
                    to[start..start + row].copy_from_slice(line);
                }
            }
        }
    }
}

/// The pixels of half a picture.
fn cut(from: &[u8], size: Size, half: Half) -> Vec<u8> {
    let (row, kept) = (size.width * size.channels, size.width / 2 * size.channels);
    let start = match half {
        Half::Left => 0,
        Half::Right => row - kept,
    };
    from.chunks_exact(row)
        .flat_map(|row| &row[start..start + kept])
        .copied()
        .collect()
}

fn scale(resizer: &mut Resizer, from: &[u8], size: Size, to: &mut [u8], target: Size, how: &ResizeOptions) {
    let kind = [PixelType::U8, PixelType::U8x2, PixelType::U8x3, PixelType::U8x4][size.channels - 1];
    let sides = |size: Size| (size.width as u32, size.height as u32);
    let ((from_width, from_height), (width, height)) = (sides(size), sides(target));
    let from = ImageRef::new(from_width, from_height, from, kind).expect("the slice has the picture's size");
    let mut to = Image::from_slice_u8(width, height, to, kind).expect("the slice has the target's size");
    resizer
        .resize(&from, &mut to, how)
        .expect("both pictures have one pixel type");
}

/// Appends the pixels of `from` to `to` with another channel count. Alpha that is not wanted is blended onto `background`;
/// alpha that is not there is opaque.
fn convert(from: &[u8], from_channels: usize, to: &mut Vec<u8>, to_channels: usize, background: [u8; 3]) {
    to.reserve(from.len() / from_channels * to_channels);
    for pixel in from.chunks_exact(from_channels) {
        let (mut rgb, mut alpha) = match *pixel {
            [grey] => ([grey; 3], 255),
            [grey, alpha] => ([grey; 3], alpha),
            [r, g, b] => ([r, g, b], 255),
            [r, g, b, alpha] => ([r, g, b], alpha),
            _ => unreachable!("pictures have 1 to 4 channels"),
        };
        if to_channels % 2 == 1 && alpha != 255 {
            for (colour, behind) in rgb.iter_mut().zip(background) {
                *colour = blend(*colour, behind, alpha);
            }
            alpha = 255;
        }
        let [r, g, b] = rgb;
        match to_channels {
            1 => to.push(luma(r, g, b)),
            2 => to.extend([luma(r, g, b), alpha]),
            3 => to.extend(rgb),
            _ => to.extend([r, g, b, alpha]),
        }
    }
}

fn blend(colour: u8, behind: u8, alpha: u8) -> u8 {
    let alpha = u32::from(alpha);
    ((u32::from(colour) * alpha + u32::from(behind) * (255 - alpha) + 127) / 255) as u8
}

/// ITU-R BT.601 luma, rounded.
fn luma(r: u8, g: u8, b: u8) -> u8 {
    ((19_595 * u32::from(r) + 38_470 * u32::from(g) + 7_471 * u32::from(b) + 0x8000) >> 16) as u8
}

/// Floats in [-1, 1] as bytes, the nearest: undoes [`to_floats`] exactly.
pub(crate) fn to_bytes(floats: &[f32]) -> Vec<u8> {
    floats
        .iter()
        .map(|float| ((float + 1.0) * 127.5).round() as u8)
        .collect()
}

/// A byte as a float: 0 to -1, 255 to 1.
pub(crate) fn to_floats(bytes: &[u8], floats: &mut [f32]) {
    for (float, &byte) in floats.iter_mut().zip(bytes) {
        *float = f32::from(byte) / 127.5 - 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shaped(from: &[u8], size: [usize; 3], target: [usize; 3], want: &Want) -> Vec<u8> {
        let size_of = |[height, width, channels]: [usize; 3]| Size {
            height,
            width,
            channels,
        };
        let mut to = vec![0; size_of(target).bytes()];
        Shaper::with(|s| s.shape(from, size_of(size), &mut to, size_of(target), want));
        to
    }

    fn fitted(fit: Fit) -> Want {
        Want { fit, ..Want::default() }
    }

    #[test]
    fn luma_is_bt_601() {
        assert_eq!([luma(255, 0, 0), luma(0, 255, 0), luma(0, 0, 255)], [76, 150, 29]);
        assert_eq!([luma(0, 0, 0), luma(255, 255, 255), luma(9, 9, 9)], [0, 255, 9]);
    }

    #[test]
    fn channels_convert_and_alpha_blends() {
        let want = Want {
            background: [10, 20, 30],
            ..Want::default()
        };
        let one = |from: &[u8], channels| shaped(from, [1, 1, from.len()], [1, 1, channels], &want);
        assert_eq!(one(&[7], 3), [7, 7, 7]);
        assert_eq!(one(&[7], 4), [7, 7, 7, 255]);
        assert_eq!(one(&[255, 0, 0], 1), [76]);
        assert_eq!(one(&[200, 100, 50, 0], 3), [10, 20, 30]);
        assert_eq!(one(&[200, 100, 50, 255], 3), [200, 100, 50]);
        // 200 * 51/255 + 10 * 204/255 = 48, and so on.
        assert_eq!(one(&[200, 100, 50, 51], 3), [48, 36, 34]);
        assert_eq!(one(&[200, 100, 50, 51], 2), [124, 51]);
        assert_eq!(one(&[0, 128], 4), [0, 0, 0, 128]);
    }

    #[test]
    fn crop_keeps_the_middle_and_pad_adds_borders() {
        // Columns 0, 100, 200, 40 of a 2x4 picture.
        let wide = [0, 100, 200, 40, 0, 100, 200, 40];
        assert_eq!(
            shaped(&wide, [2, 4, 1], [2, 2, 1], &fitted(Fit::CenterCrop)),
            [100, 200, 100, 200]
        );
        let want = Want {
            padding: [255; 3],
            ..fitted(Fit::Pad)
        };
        let padded = shaped(&wide, [2, 4, 1], [4, 4, 1], &want);
        assert_eq!(padded[..4], [255; 4]);
        assert_eq!(padded[4..12], wide);
        assert_eq!(padded[12..], [255; 4]);
    }

    #[test]
    fn shrinking_averages_instead_of_skipping() {
        // A one-pixel checkerboard shrunk by eight is an even grey.
        let board: Vec<u8> = (0..64 * 64)
            .map(|i| if (i / 64 + i) % 2 == 0 { 255 } else { 0 })
            .collect();
        let small = shaped(&board, [64, 64, 1], [8, 8, 1], &fitted(Fit::Stretch));
        assert!(small.iter().all(|&v| (120..=135).contains(&v)), "{small:?}");
    }

    #[test]
    fn transparent_colour_does_not_bleed() {
        // Opaque white beside transparent black: shrunk with alpha, the colour stays white.
        let row = [[255, 255, 255, 255], [0, 0, 0, 0]].concat();
        let small = shaped(&row.repeat(4), [4, 2, 4], [1, 1, 4], &fitted(Fit::Stretch));
        assert_eq!(small[..3], [255; 3]);
        assert!((126..=129).contains(&small[3]));
    }

    #[test]
    fn bytes_span_minus_one_to_one() {
        let mut floats = [0.0; 3];
        to_floats(&[0, 255, 51], &mut floats);
        assert_eq!(floats, [-1.0, 1.0, -0.6]);
        let bytes: Vec<u8> = (0..=255).collect();
        let mut floats = vec![0.0; 256];
        to_floats(&bytes, &mut floats);
        assert_eq!(to_bytes(&floats), bytes);
    }

    #[test]
    fn impossible_shapes_are_refused() {
        let native = Size {
            height: 28,
            width: 28,
            channels: 1,
        };
        let message = |want: Want| want.target(native).unwrap_err().to_string();
        assert_eq!(
            message(Want {
                size: Some((0, 64)),
                ..Want::default()
            }),
            "impossible picture shape: expected a height and width of 1 to 16384 pixels, got 0x64"
        );
        assert_eq!(
            message(Want {
                channels: Some(5),
                ..Want::default()
            }),
            "impossible picture shape: expected 1 to 4 channels, got 5"
        );
        assert_eq!(Want::default().target(native).unwrap(), native);
    }

    proptest! {
        #[test]
        fn an_even_picture_stays_even_at_any_size(
            value: u8,
            size in prop::array::uniform2(1usize..40),
            target in prop::array::uniform2(1usize..40),
            channels in 1usize..5,
            fit in prop::sample::select(vec![Fit::CenterCrop, Fit::Stretch, Fit::Pad]),
        ) {
            let from = vec![value; size[0] * size[1]];
            let want = Want { padding: [value; 3], ..fitted(fit) };
            let to = shaped(&from, [size[0], size[1], 1], [target[0], target[1], channels], &want);
            for (i, &got) in to.iter().enumerate() {
                let alpha = channels % 2 == 0 && i % channels == channels - 1;
                prop_assert_eq!(got, if alpha { 255 } else { value });
            }
        }
    }
}
