//! Where the time of a training step goes: `cargo run --release --example profile dcgan 64 64 3`.
use ganymede::data::Shape;
use ganymede::games::Play;
use ganymede::models::{self, Built, Given, resolve};
use std::time::Instant;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: usize| arguments.get(i).and_then(|text| text.parse().ok()).unwrap_or(default);
    let id = arguments.first().map_or("dcgan", String::as_str);
    let (size, width, channels) = (number(1, 64), number(2, 64), number(3, 3));
    let entry = models::find(id).expect("a system");
    let mut changes = vec![("width".to_owned(), width.to_string())];
    if id == "wgan_gp" {
        changes.push(("n_critic".to_owned(), "1".to_owned()));
    }
    let settings = resolve(id, &entry.defaults(), &changes).expect("settings");
    let sample = Shape::Picture {
        height: size,
        width: size,
        channels,
    };
    let start = Instant::now();
    let given = Given::of(sample, None);
    let Built { system, scope, batch } = entry.build(&settings, &given, 0).expect("a system");
    let mut play = Play::new(system, scope, given.of_batch(batch), 0);
    println!("build {:?}", start.elapsed());
    let start = Instant::now();
    let arena = play.program(0).arena_bytes();
    println!("plan {:?}, arena {} MiB", start.elapsed(), arena >> 20);
    for (i, x) in play.batch_mut(0).0.iter_mut().enumerate() {
        *x = ((i * 7919 % 2000) as f32) / 1000.0 - 1.0;
    }
    (0..3).for_each(|n| play.step(n));
    let mut times: Vec<f64> = (3..13)
        .map(|n| {
            let start = Instant::now();
            play.step(n);
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!(
        "median {:.2} ms, min {:.2} ms {:?}",
        times[5],
        times[0],
        play.reports(12)
    );
    play.program(0).start_profile();
    (0..5).for_each(|n| play.step(n));
    let mut rows = play.program(0).profile();
    let total: f64 = rows.iter().map(|row| row.total.as_secs_f64()).sum();
    println!("{} instructions, {:.2} ms a step", rows.len(), total * 200.0);
    rows.sort_by_key(|row| std::cmp::Reverse(row.total));
    for row in rows.iter().take(45) {
        let seconds = row.total.as_secs_f64();
        println!(
            "{:8.3} ms {:5.1}%  {}",
            seconds * 1e3 / row.count as f64,
            100.0 * seconds / total,
            row.label
        );
    }
}
