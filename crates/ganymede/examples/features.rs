//! How fast a feature network answers: `features NAME COUNT [SIDE] [WEIGHTS]`.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use ganymede::metrics::features::{BATCH, open};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, count, rest @ ..] = &arguments[..] else {
        return Err("expected NAME COUNT [SIDE] [WEIGHTS]".into());
    };
    let (count, side) = (
        count.parse::<usize>()?,
        rest.first().map_or(Ok(32), |side| side.parse::<usize>())?,
    );
    let start = Instant::now();
    let mut network = open(name, rest.get(1).map(Path::new))?;
    println!("{name}: opened in {:.2} s", start.elapsed().as_secs_f64());
    let floats = side * side * 3;
    let pictures: Vec<f32> = (0..BATCH * floats).map(|i| (i % 255) as f32 / 127.5 - 1.0).collect();
    network.answer(&pictures, [side, side, 3]);
    let start = Instant::now();
    for _ in 0..count.div_ceil(BATCH) {
        network.answer(&pictures, [side, side, 3]);
    }
    let took = start.elapsed().as_secs_f64();
    println!(
        "{count} pictures of {side}x{side} in {took:.2} s: {:.1} a second",
        count as f64 / took
    );
    Ok(())
}
