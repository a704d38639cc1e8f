//! Sample pictures as PNG files that say what they are.
//!
//! Every PNG of a run carries two text chunks: `Software` (`Ganymede 0.1.0`) and `Source` (`synthetic image, system dcgan,
//! run seed 0, step 400`), so that a picture that left its folder can still be told from a photograph. What a generator has made
//! carries an invisible [`watermark`] too, which outlasts the words; the environment variable `GANY_WATERMARK=off` leaves it out,
//! where levels have to be exact.

use std::fmt;
use std::path::Path;

use super::atomic;
use super::error::{Result, RunError};
use crate::provenance::{self, watermark};
use png::Compression;

/// Pixels between two pictures of a grid, and around it.
const GUTTER: usize = 2;

/// Pictures whose longer side is less than this are enlarged by a whole factor, as far as they still fit.
const SMALL: usize = 64;

/// Grey level of gutters and of places of a grid without a picture.
const GUTTER_LEVEL: u8 = 24;

/// Where a picture comes from, as its file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Name of the system, such as `wgan_gp`.
    pub system: String,
    /// Seed of the run.
    pub seed: u64,
    /// Number of steps done.
    pub step: u64,
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stamp { system, seed, step } = self;
        write!(f, "synthetic image, system {system}, run seed {seed}, step {step}")
    }
}

impl Stamp {
    /// What a file says of itself, by the keywords that PNG has for it.
    pub(super) fn texts(&self) -> [(&'static str, String); 2] {
        texts(self)
    }
}

fn texts(source: &dyn fmt::Display) -> [(&'static str, String); 2] {
    let software = concat!("Ganymede ", env!("CARGO_PKG_VERSION")).to_owned();
    [("Software", software), ("Source", source.to_string())]
}

/// Where pictures come from, in words for their files.
pub trait Source: fmt::Display {
    /// Whether a generator has made them, so that they carry the watermark. Pictures that must not change, such as those of an
    /// attack, carry the words alone.
    fn is_generated(&self) -> bool {
        false
    }
}

impl Source for Stamp {
    fn is_generated(&self) -> bool {
        true
    }
}

impl Source for String {}

/// Pictures one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Pictures<'a> {
    /// `[count, height, width, channels]`, from -1 (black) to 1 (white). What lies beyond is cut off; NaN is black.
    pub values: &'a [f32],
    /// Number of pictures.
    pub count: usize,
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// 1 (grey), 3 (colour) or 4 (colour and opacity).
    pub channels: usize,
}

impl Pictures<'_> {
    fn check(&self) -> Result<()> {
        let sides = [self.count, self.height, self.width, self.channels];
        let shape = sides.map(|side| side.to_string()).join("x");
        if sides[..3].contains(&0) {
            return Err(RunError::NoPicture { shape });
        }
        if ![1, 3, 4].contains(&self.channels) {
            return Err(RunError::PictureChannels { got: self.channels });
        }
        let expected = sides
            .iter()
            .fold(1_usize, |product, side| product.saturating_mul(*side));
        if self.values.len() != expected {
            return Err(RunError::PictureSize {
                shape,
                expected,
                got: self.values.len(),
            });
        }
        Ok(())
    }

    fn scale(&self) -> usize {
        scale(self.height, self.width)
    }

    /// Draws picture `index` into `canvas` with its upper left corner at (`left`, `top`).
    fn draw(&self, index: usize, canvas: &mut Canvas, left: usize, top: usize) {
        let (scale, row) = (self.scale(), self.width * self.channels);
        let picture = &self.values[index * self.height * row..][..self.height * row];
        for y in 0..self.height * scale {
            let from = &picture[y / scale * row..][..row];
            let to = canvas.row(top + y, left, self.width * scale);
            for (to, from) in to
                .chunks_exact_mut(scale * self.channels)
                .zip(from.chunks_exact(self.channels))
            {
                for pixel in to.chunks_exact_mut(self.channels) {
                    pixel.iter_mut().zip(from).for_each(|(to, from)| *to = level(*from));
                }
            }
        }
    }
}

/// A value from -1 to 1 as a level from 0 to 255.
pub(super) fn level(value: f32) -> u8 {
    // A cast of a float to an integer saturates, and makes 0 of NaN.
    ((value + 1.0) * 127.5).round() as u8
}

/// Writes the pictures as a grid, row by row, with `columns` in a row (at least 1), and where they come from: a [`Stamp`], or
/// other words.
///
/// # Errors
/// [`RunError::PictureSize`], [`RunError::PictureChannels`], [`RunError::NoPicture`], [`RunError::Png`],
/// [`RunError::Io`].
pub fn grid_png(pictures: &Pictures, columns: usize, source: &dyn Source, path: &Path) -> Result<()> {
    Canvas::of_grid(pictures, columns)?.marked(source).write(source, path)
}

/// Writes picture `index` alone and in its own size, without waiting for the disk: a sample can be made again.
///
/// # Errors
/// As [`grid_png`]; [`RunError::NoPicture`] where there is no such picture.
pub fn png_of_one(pictures: &Pictures, index: usize, source: &dyn Source, path: &Path) -> Result<()> {
    let canvas = Canvas::of_one(pictures, index)?.marked(source);
    let bytes = canvas.encode(source, KEPT, path)?;
    std::fs::write(path, bytes).map_err(|source| RunError::io("write", path, source))
}

/// Files are written once and read often; what is sent at once should not keep whoever waits.
const KEPT: Compression = Compression::Balanced;
const SENT: Compression = Compression::Fast;

/// What [`grid_png`] writes, to be sent: the same picture in fewer instructions and a few more bytes.
///
/// # Errors
/// As [`grid_png`].
pub fn grid_bytes(pictures: &Pictures, columns: usize, source: &dyn Source) -> Result<Vec<u8>> {
    Canvas::of_grid(pictures, columns)?
        .marked(source)
        .encode(source, SENT, Path::new("grid.png"))
}

/// What [`png_of_one`] writes, to be sent as [`grid_bytes`] are.
///
/// # Errors
/// As [`png_of_one`].
pub fn bytes_of_one(pictures: &Pictures, index: usize, source: &dyn Source) -> Result<Vec<u8>> {
    Canvas::of_one(pictures, index)?
        .marked(source)
        .encode(source, SENT, Path::new("picture.png"))
}

/// How far a place without a picture may be from the gutter's level: as far as the watermark goes.
const MARK: u8 = 10;

/// Where the pictures of a grid lie that [`grid_png`] has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cells {
    height: usize,
    width: usize,
    scale: usize,
    columns: usize,
    rows: usize,
}

impl Cells {
    /// Pixels from the corner of a picture of this height and width to that of the next, down and across; the first lies
    /// [`Cells::GUTTER`] from the edges.
    pub fn pitch(height: usize, width: usize) -> [usize; 2] {
        let scale = scale(height, width);
        [height, width].map(|side| side * scale + GUTTER)
    }

    /// Pixels between two pictures, and around them.
    pub const GUTTER: usize = GUTTER;

    /// Of a grid `[height, width]` of pictures `[height, width]`; none where no such grid has these sides.
    pub fn of(grid: [usize; 2], [height, width]: [usize; 2]) -> Option<Cells> {
        let pitch = Cells::pitch(height, width);
        let fitting = |axis: usize| {
            let inside = grid[axis].checked_sub(GUTTER)?;
            (inside > 0 && inside.is_multiple_of(pitch[axis])).then(|| inside / pitch[axis])
        };
        Some(Cells {
            height,
            width,
            scale: scale(height, width),
            rows: fitting(0)?,
            columns: fitting(1)?,
        })
    }

    /// Places in a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The picture at a place, row by row from 0, in its own size: of the levels `[height, width, channels]` of the grid
    /// the levels `[height, width, channels]` of the picture. None past the end, and where the place is empty.
    pub fn picture(&self, place: usize, levels: &[u8], channels: usize) -> Option<Vec<u8>> {
        let (row, column) = (place / self.columns, place % self.columns);
        let (pitch, scale) = (Cells::pitch(self.height, self.width), self.scale);
        let across = self.columns * pitch[1] + GUTTER;
        if row >= self.rows || levels.len() != (self.rows * pitch[0] + GUTTER) * across * channels {
            return None;
        }
        let level = |y: usize, x: usize, channel: usize| {
            let (top, left) = (
                GUTTER + row * pitch[0] + y * scale,
                GUTTER + column * pitch[1] + x * scale,
            );
            let pixels = (0..scale * scale).map(|pixel| (top + pixel / scale) * across + left + pixel % scale);
            let sum: usize = pixels
                .map(|pixel| usize::from(levels[pixel * channels + channel]))
                .sum();
            // What a pixel was enlarged to differs by the watermark alone.
            ((sum + scale * scale / 2) / (scale * scale)) as u8
        };
        let pixels = (0..self.height).flat_map(|y| (0..self.width).map(move |x| (y, x)));
        let picture: Vec<u8> = pixels
            .flat_map(|(y, x)| (0..channels).map(move |channel| level(y, x, channel)))
            .collect();
        let is_empty = picture.iter().all(|level| level.abs_diff(GUTTER_LEVEL) <= MARK);
        (!is_empty).then_some(picture)
    }
}

/// Whole factor by which small pictures are enlarged.
fn scale(height: usize, width: usize) -> usize {
    (SMALL / height.max(width).max(1)).max(1)
}

/// Side of a scatter plot in pixels.
const PLOT: usize = 640;
const PAPER: [u8; 3] = [255, 255, 255];
const GRID_LINE: [u8; 3] = [236, 236, 236];
const AXIS: [u8; 3] = [196, 196, 196];
const REAL: [u8; 3] = [140, 144, 150];
const GENERATED: [u8; 3] = [230, 97, 1];

/// Writes points of the plane as a square scatter plot: real ones grey, generated ones orange above them. What it shows of
/// the plane follows from the real points alone (from the generated ones where there are none), so that the plots of a run
/// can be compared; points outside and points that are not finite are left out. A light line marks every whole tick
/// (1, 2 or 5 times a power of ten), a darker one zero.
///
/// # Errors
/// [`RunError::Png`], [`RunError::Io`].
pub fn scatter_png(real: &[[f32; 2]], generated: &[[f32; 2]], stamp: &Stamp, path: &Path) -> Result<()> {
    let view = View::of(if real.is_empty() { generated } else { real });
    let mut canvas = Canvas::new(PLOT, PLOT, 3, 255);
    canvas.levels.as_chunks_mut().0.fill(PAPER);
    let tick = tick(2.0 * view.half, 8.0);
    for axis in 0..2 {
        let (low, high) = (view.centre[axis] - view.half, view.centre[axis] + view.half);
        for n in (low / tick).ceil() as i64..=(high / tick).floor() as i64 {
            canvas.line(
                axis,
                view.pixel(n as f64 * tick, axis),
                if n == 0 { AXIS } else { GRID_LINE },
            );
        }
    }
    for (points, colour, radius, opacity) in [(real, REAL, 2.2, 0.55), (generated, GENERATED, 2.6, 0.75)] {
        for &[x, y] in points {
            canvas.disc(
                [view.pixel(x.into(), 0), view.pixel(y.into(), 1)],
                radius,
                colour,
                opacity,
            );
        }
    }
    canvas.frame(AXIS);
    canvas.write(stamp, path)
}

/// The square part of the plane that a scatter plot shows.
struct View {
    centre: [f64; 2],
    half: f64,
}

impl View {
    fn of(points: &[[f32; 2]]) -> Self {
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for point in points.iter().filter(|point| point.iter().all(|side| side.is_finite())) {
            for axis in 0..2 {
                low[axis] = low[axis].min(point[axis].into());
                high[axis] = high[axis].max(point[axis].into());
            }
        }
        if low[0] > high[0] {
            return View {
                centre: [0.0; 2],
                half: 1.0,
            };
        }
        let half = (high[0] - low[0]).max(high[1] - low[1]) / 2.0 * 1.25;
        let centre = [0, 1].map(|axis| (low[axis] + high[axis]) / 2.0);
        View {
            centre,
            half: if half > 0.0 { half } else { 1.0 },
        }
    }

    fn pixel(&self, value: f64, axis: usize) -> f64 {
        let from_centre = (value - self.centre[axis]) / self.half * if axis == 0 { 1.0 } else { -1.0 };
        (from_centre + 1.0) / 2.0 * PLOT as f64
    }
}

/// The smallest of 1, 2 or 5 times a power of ten with at most `most` of them in `range`.
fn tick(range: f64, most: f64) -> f64 {
    let power = 10.0_f64.powf((range / most).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    steps
        .into_iter()
        .find(|step| range / step <= most)
        .unwrap_or(10.0 * power)
}

/// Levels of a picture while it is drawn: `[height, width, channels]`.
pub(super) struct Canvas {
    pub(super) levels: Vec<u8>,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: usize,
}

impl Canvas {
    /// The pictures, row by row, with `columns` in a row; a gutter between them and around them.
    pub(super) fn of_grid(pictures: &Pictures, columns: usize) -> Result<Canvas> {
        pictures.check()?;
        let columns = columns.clamp(1, pictures.count);
        let rows = pictures.count.div_ceil(columns);
        let scale = pictures.scale();
        let (cell_width, cell_height) = (pictures.width * scale + GUTTER, pictures.height * scale + GUTTER);
        let (width, height) = (columns * cell_width + GUTTER, rows * cell_height + GUTTER);
        let mut canvas = Canvas::new(width, height, pictures.channels, GUTTER_LEVEL);
        for index in 0..pictures.count {
            let (left, top) = (index % columns * cell_width, index / columns * cell_height);
            pictures.draw(index, &mut canvas, left + GUTTER, top + GUTTER);
        }
        Ok(canvas)
    }

    /// One picture in its own size.
    pub(super) fn of_one(pictures: &Pictures, index: usize) -> Result<Canvas> {
        pictures.check()?;
        let size = pictures.height * pictures.width * pictures.channels;
        if index >= pictures.count {
            return Err(RunError::NoPicture {
                shape: format!("{index} of {}", pictures.count),
            });
        }
        let mut canvas = Canvas::new(pictures.width, pictures.height, pictures.channels, 0);
        let values = &pictures.values[index * size..][..size];
        canvas
            .levels
            .iter_mut()
            .zip(values)
            .for_each(|(to, from)| *to = level(*from));
        Ok(canvas)
    }

    /// Every pixel repeated so many times in both directions.
    pub(super) fn enlarged(&self, factor: usize) -> Canvas {
        let (width, channels) = (self.width * factor, self.channels);
        let pixels = (0..self.height * factor).flat_map(|y| (0..width).map(move |x| (y / factor, x / factor)));
        let levels = pixels.flat_map(|(y, x)| &self.levels[(y * self.width + x) * channels..][..channels]);
        Canvas {
            levels: levels.copied().collect(),
            width,
            height: self.height * factor,
            channels,
        }
    }

    /// With the watermark of what a generator has made.
    pub(super) fn marked(mut self, source: &dyn Source) -> Canvas {
        let is_wanted = std::env::var_os("GANY_WATERMARK").is_none_or(|word| word != "off");
        if source.is_generated() && is_wanted {
            let shape = [self.height, self.width, self.channels];
            watermark::mark(&mut self.levels, shape, provenance::message(&source.to_string()));
        }
        self
    }

    fn new(width: usize, height: usize, channels: usize, grey: u8) -> Self {
        let mut levels = vec![grey; width * height * channels];
        if channels == 4 {
            levels.iter_mut().skip(3).step_by(4).for_each(|opacity| *opacity = 255);
        }
        Canvas {
            levels,
            width,
            height,
            channels,
        }
    }

    /// `count` pixels of row `y` from `left` on.
    fn row(&mut self, y: usize, left: usize, count: usize) -> &mut [u8] {
        &mut self.levels[(y * self.width + left) * self.channels..][..count * self.channels]
    }

    fn blend(&mut self, x: usize, y: usize, colour: [u8; 3], opacity: f64) {
        for (to, from) in self.row(y, x, 1).iter_mut().zip(colour) {
            *to = (f64::from(*to) * (1.0 - opacity) + f64::from(from) * opacity).round() as u8;
        }
    }

    /// A line across the whole canvas, one pixel wide: upright for axis 0, level for axis 1.
    fn line(&mut self, axis: usize, at: f64, colour: [u8; 3]) {
        let at = (at as usize).min(PLOT - 1);
        (0..PLOT).for_each(|along| {
            let [x, y] = if axis == 0 { [at, along] } else { [along, at] };
            self.blend(x, y, colour, 1.0);
        });
    }

    fn frame(&mut self, colour: [u8; 3]) {
        for axis in 0..2 {
            self.line(axis, 0.0, colour);
            self.line(axis, (PLOT - 1) as f64, colour);
        }
    }

    /// A disc with smooth edges; nothing where its centre is outside or not finite.
    fn disc(&mut self, centre: [f64; 2], radius: f64, colour: [u8; 3], opacity: f64) {
        if !centre.iter().all(|side| (0.0..PLOT as f64).contains(side)) {
            return;
        }
        let around =
            |side: f64| (side - radius - 1.0).max(0.0) as usize..=((side + radius + 1.0) as usize).min(PLOT - 1);
        for y in around(centre[1]) {
            for x in around(centre[0]) {
                let distance = (x as f64 + 0.5 - centre[0]).hypot(y as f64 + 0.5 - centre[1]);
                let covered = (radius + 0.5 - distance).clamp(0.0, 1.0);
                self.blend(x, y, colour, covered * opacity);
            }
        }
    }

    fn write(&self, source: &dyn fmt::Display, path: &Path) -> Result<()> {
        let bytes = self.encode(source, KEPT, path)?;
        atomic::replace(path, |file| file.write_all(&bytes))
    }

    /// The bytes of the PNG; `path` is for errors.
    fn encode(&self, source: &dyn fmt::Display, compression: Compression, path: &Path) -> Result<Vec<u8>> {
        let failed = |error: png::EncodingError| RunError::Png {
            reason: error.to_string(),
            path: path.to_owned(),
        };
        let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, side(self.width), side(self.height));
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_color(colour_type(self.channels));
        encoder.set_compression(compression);
        for (keyword, text) in texts(source) {
            encoder.add_itxt_chunk(keyword.into(), text).map_err(failed)?;
        }
        let mut writer = encoder.write_header().map_err(failed)?;
        writer.write_image_data(&self.levels).map_err(failed)?;
        writer.finish().map_err(failed)?;
        Ok(bytes)
    }
}

/// What PNG calls pictures of so many channels.
pub(super) fn colour_type(channels: usize) -> png::ColorType {
    match channels {
        1 => png::ColorType::Grayscale,
        3 => png::ColorType::Rgb,
        _ => png::ColorType::Rgba,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::fs::File;
    use std::io::BufReader;
    use std::path::PathBuf;

    pub(in crate::run) fn stamp() -> Stamp {
        Stamp {
            system: "dcgan".into(),
            seed: 7,
            step: 400,
        }
    }

    /// What is not marked, so that levels are exact.
    fn plain() -> String {
        "drawn by hand".into()
    }

    fn place() -> (tempfile::TempDir, PathBuf) {
        let there = tempfile::tempdir().unwrap();
        let path = there.path().join("step-0000400.png");
        (there, path)
    }

    fn pictures(values: &[f32], [count, height, width, channels]: [usize; 4]) -> Pictures<'_> {
        Pictures {
            values,
            count,
            height,
            width,
            channels,
        }
    }

    #[test]
    fn pictures_are_found_again_in_a_grid() {
        // Five pictures of 2 x 3 and two channels' worth of difference, three in a row: enlarged, the last place empty.
        let values: Vec<f32> = (0..5 * 2 * 3 * 3)
            .map(|i| (i * 37 % 256) as f32 / 127.5 - 1.0)
            .collect();
        for source in [&plain() as &dyn Source, &stamp()] {
            let bytes = grid_bytes(&pictures(&values, [5, 2, 3, 3]), 3, source).unwrap();
            let grid = image::load_from_memory(&bytes).unwrap().into_rgb8();
            let sides = [grid.height() as usize, grid.width() as usize];
            let grid = grid.into_raw();
            let cells = Cells::of(sides, [2, 3]).unwrap();
            assert_eq!((cells.columns(), cells.rows, cells.scale), (3, 2, 21));
            for (place, expected) in values.chunks_exact(18).enumerate() {
                let found = cells.picture(place, &grid, 3).unwrap();
                let furthest = found
                    .iter()
                    .zip(expected)
                    .map(|(found, value)| found.abs_diff(level(*value)));
                let most = if source.is_generated() { MARK } else { 0 };
                assert!(furthest.max().unwrap() <= most, "{place}: {found:?}");
            }
            assert_eq!(cells.picture(5, &grid, 3), None, "an empty place");
            assert_eq!(cells.picture(6, &grid, 3), None, "past the end");
            assert_eq!(cells.picture(0, &grid[1..], 3), None, "another size");
        }
        assert_eq!(Cells::of([90, 200], [2, 3]), None);
        assert_eq!(Cells::of([2, 2], [2, 3]), None);
    }

    #[test]
    fn a_grid_is_tidy() {
        let (_there, path) = place();
        // Three pictures of 32 x 24, black, grey and white: enlarged twice, two in a row, the last place empty.
        let values: Vec<f32> = [-1.0, 0.0, 1.0].into_iter().flat_map(|x| [x; 32 * 24]).collect();
        grid_png(&pictures(&values, [3, 24, 32, 1]), 2, &plain(), &path).unwrap();
        let grid = image::open(&path).unwrap();
        assert_eq!(grid.color(), image::ColorType::L8);
        let grid = grid.into_luma8();
        assert_eq!(grid.dimensions(), (2 + 2 * (64 + 2), 2 + 2 * (48 + 2)));
        let at = |x, y| grid.get_pixel(x, y).0[0];
        assert_eq!(
            [at(0, 0), at(1, 1), at(2, 2), at(65, 49), at(66, 49), at(65, 50)],
            [24, 24, 0, 0, 24, 24]
        );
        assert_eq!([at(67, 3), at(68, 2), at(131, 49), at(132, 49)], [24, 128, 128, 24]);
        assert_eq!(
            [at(2, 51), at(2, 52), at(65, 99), at(68, 52), at(131, 99)],
            [24, 255, 255, 24, 24]
        );
    }

    #[test]
    fn values_become_levels_by_rounding_and_cutting_off() {
        let cases = [
            (-1.0, 0),
            (1.0, 255),
            (0.0, 128),
            (-2.0, 0),
            (9.0, 255),
            (f32::NAN, 0),
            (f32::INFINITY, 255),
            (0.5, 191),
        ];
        cases
            .into_iter()
            .for_each(|(value, expected)| assert_eq!(level(value), expected, "{value}"));
    }

    #[test]
    fn small_pictures_are_enlarged_by_a_whole_factor() {
        for (height, width, scale) in [
            (28, 28, 2),
            (32, 32, 2),
            (16, 16, 4),
            (16, 40, 1),
            (64, 64, 1),
            (256, 1, 1),
            (1, 1, 64),
        ] {
            assert_eq!(
                pictures(&[], [1, height, width, 1]).scale(),
                scale,
                "{height} x {width}"
            );
        }
    }

    #[test]
    fn channels_are_kept() {
        let (_there, path) = place();
        for (channels, colour) in [(3, image::ColorType::Rgb8), (4, image::ColorType::Rgba8)] {
            let pixel = &[1.0, -1.0, 0.0, 0.5][..channels];
            let values: Vec<f32> = pixel.iter().copied().cycle().take(64 * 64 * channels).collect();
            grid_png(&pictures(&values, [1, 64, 64, channels]), 8, &plain(), &path).unwrap();
            let grid = image::open(&path).unwrap();
            assert_eq!(grid.color(), colour);
            let grid = grid.into_rgba8();
            assert_eq!(grid.dimensions(), (68, 68));
            assert_eq!(grid.get_pixel(0, 0).0, [24, 24, 24, 255], "gutters are opaque");
            assert_eq!(
                grid.get_pixel(2, 2).0,
                [255, 0, 128, if channels == 4 { 191 } else { 255 }]
            );
        }
    }

    #[test]
    fn one_picture_keeps_its_size() {
        let (_there, path) = place();
        png_of_one(&pictures(&[-1.0, -1.0, 1.0, 0.0], [2, 1, 2, 1]), 1, &plain(), &path).unwrap();
        assert_eq!(image::open(&path).unwrap().into_luma8().into_raw(), [255, 128]);
        let bytes = bytes_of_one(&pictures(&[-1.0, -1.0, 1.0, 0.0], [2, 1, 2, 1]), 1, &plain()).unwrap();
        let sent = image::load_from_memory(&bytes).unwrap();
        assert_eq!(
            sent,
            image::open(&path).unwrap(),
            "what is sent is the picture that is written"
        );
        let beyond = png_of_one(&pictures(&[0.0; 4], [2, 1, 2, 1]), 2, &stamp(), &path);
        assert!(matches!(beyond, Err(RunError::NoPicture { .. })));
    }

    #[test]
    fn wrong_sizes_are_refused() {
        let (_there, path) = place();
        let refused = |values: &[f32], shape| grid_png(&pictures(values, shape), 1, &stamp(), &path).unwrap_err();
        assert!(matches!(
            refused(&[0.0; 5], [1, 2, 3, 1]),
            RunError::PictureSize {
                expected: 6,
                got: 5,
                ..
            }
        ));
        assert!(matches!(
            refused(&[0.0; 12], [1, 2, 3, 2]),
            RunError::PictureChannels { got: 2 }
        ));
        assert!(matches!(refused(&[], [0, 2, 3, 1]), RunError::NoPicture { .. }));
        assert!(matches!(
            refused(&[], [usize::MAX, 2, 3, 1]),
            RunError::PictureSize { .. }
        ));
        assert!(!path.exists());
    }

    /// The text chunks of a PNG, as another program reads them.
    fn texts(path: &Path) -> Vec<(String, String)> {
        let reader = png::Decoder::new(BufReader::new(File::open(path).unwrap()))
            .read_info()
            .unwrap();
        reader
            .info()
            .utf8_text
            .iter()
            .map(|chunk| (chunk.keyword.clone(), chunk.get_text().unwrap()))
            .collect()
    }

    #[test]
    fn every_picture_says_what_it_is() {
        let (_there, path) = place();
        let two = pictures(&[0.0; 2], [2, 1, 1, 1]);
        let writers: [&dyn Fn(&Stamp); 3] = [
            &|stamp| grid_png(&two, 1, stamp, &path).unwrap(),
            &|stamp| png_of_one(&two, 0, stamp, &path).unwrap(),
            &|stamp| scatter_png(&[], &[], stamp, &path).unwrap(),
        ];
        for write in writers {
            write(&Stamp {
                system: "größe".into(),
                ..stamp()
            });
            let software = format!("Ganymede {}", env!("CARGO_PKG_VERSION"));
            let source = "synthetic image, system größe, run seed 7, step 400".to_owned();
            assert_eq!(texts(&path), [("Software".into(), software), ("Source".into(), source)]);
        }
    }

    #[test]
    fn points_are_where_they_belong() {
        let (_there, path) = place();
        // The real points span [-4, 4] in x: the view is [-5, 5], 64 pixels a unit.
        let real = [[-4.0, 0.0], [4.0, 0.0]];
        let generated = [[2.5, 2.5], [f32::NAN, 0.0], [1e30, 0.0], [0.0, -1e30]];
        scatter_png(&real, &generated, &stamp(), &path).unwrap();
        let plot = image::open(&path).unwrap().into_rgb8();
        assert_eq!(plot.dimensions(), (640, 640));
        let at = |x, y| plot.get_pixel(x, y).0;
        assert_eq!(at(96, 96), PAPER);
        let [red, green, blue] = at(480, 160);
        assert!(
            red > 200 && green < 160 && blue < 90,
            "orange in the upper right: {red} {green} {blue}"
        );
        assert_eq!((at(320, 500), at(500, 320)), (AXIS, AXIS), "axes through zero");
        assert_eq!(at(192, 500), GRID_LINE, "a lighter line at -2");
        let [red, green, blue] = at(64, 318);
        assert!(
            red < 210 && red.abs_diff(blue) < 12,
            "grey at the left: {red} {green} {blue}"
        );
    }

    #[test]
    fn ticks_are_round() {
        for (range, expected) in [(10.0, 2.0), (8.0, 1.0), (1.0, 0.2), (0.03, 0.005), (1_000.0, 200.0)] {
            assert!(
                (tick(range, 8.0) / expected - 1.0).abs() < 1e-12,
                "{range}: {}",
                tick(range, 8.0)
            );
        }
    }
}
