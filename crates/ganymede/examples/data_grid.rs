//! Writes a grid of 64 pictures of a data set as a PNG: `data_grid SPEC OUT.png [HEIGHT WIDTH CHANNELS [FIT]]`.
//!
//! Points are drawn as dots of a 512x512 plane from -5 to 5.

use std::env;
use std::error::Error;
use std::time::Instant;

use ganymede::data::{Batch, Fit, Shape, Want, open};
use image::{Rgb, RgbImage};

const SIDE: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (spec, out, rest) = match &arguments[..] {
        [spec, out, rest @ ..] => (spec, out, rest),
        _ => return Err("expected SPEC OUT.png [HEIGHT WIDTH CHANNELS [FIT]]".into()),
    };
    let mut want = match rest {
        [height, width, channels, ..] => Want::picture(height.parse()?, width.parse()?, channels.parse()?),
        _ => Want::default(),
    };
    want.fit = match rest.get(3).map(String::as_str) {
        Some("pad") => Fit::Pad,
        Some("stretch") => Fit::Stretch,
        _ => Fit::CenterCrop,
    };
    let start = Instant::now();
    let data = open(spec, &want)?;
    println!("{data:?}, opened in {:?}", start.elapsed());
    data.notes().iter().for_each(|note| println!("{note}"));
    match data.shape() {
        Shape::Picture {
            height,
            width,
            channels,
        } => {
            let mut batch = Batch::of(&*data, SIDE * SIDE);
            let start = Instant::now();
            batch.fill(&*data, 0, 0)?;
            println!("a batch of {} in {:?}", batch.count(), start.elapsed());
            let mut grid = RgbImage::new((width * SIDE) as u32, (height * SIDE) as u32);
            for (i, x) in batch.x.chunks(height * width * channels).enumerate() {
                for (p, pixel) in x.chunks(channels).enumerate() {
                    let byte = |c: usize| ((pixel[c.min(channels - 1)] + 1.0) * 127.5).round() as u8;
                    let rgb = if channels < 3 {
                        [byte(0); 3]
                    } else {
                        [byte(0), byte(1), byte(2)]
                    };
                    let (row, column) = (i / SIDE * height + p / width, i % SIDE * width + p % width);
                    grid.put_pixel(column as u32, row as u32, Rgb(rgb));
                }
            }
            println!("labels of the first row: {:?}", &batch.y[..SIDE]);
            grid.save(out)?;
        }
        Shape::Volume { .. } | Shape::Sound { .. } | Shape::Roll { .. } | Shape::Events { .. } | Shape::Row { .. } => {
            println!("volumes, sounds, tunes and rows are drawn by `gany train`");
        }
        Shape::Point { .. } => {
            let mut batch = Batch::of(&*data, 4000);
            batch.fill(&*data, 0, 0)?;
            let mut plane = RgbImage::from_pixel(512, 512, Rgb([255; 3]));
            for (point, y) in batch.x.chunks(2).zip(&batch.y) {
                let at = |v: f32| ((v + 5.0) * 51.2).clamp(0.0, 511.0) as u32;
                let shade = (*y as u32 * 83 % 200) as u8;
                plane.put_pixel(at(point[0]), 511 - at(point[1]), Rgb([shade, 60, 200 - shade]));
            }
            plane.save(out)?;
        }
    }
    Ok(())
}
