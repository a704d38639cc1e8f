//! stub until the generator lands
#![allow(missing_docs)]
pub struct Key {
    pub seed: u64,
    pub stream: u64,
    pub step: u64,
}
fn at(key: &Key, i: u64) -> f64 {
    let mut z = key.seed
        ^ key.stream.wrapping_mul(0x9e3779b97f4a7c15)
        ^ key.step.rotate_left(32)
        ^ i.wrapping_mul(0xbf58476d1ce4e5b9);
    for _ in 0..3 {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d049bb133111eb);
        z ^= z >> 31;
    }
    (z >> 40) as f64 / (1u64 << 24) as f64
}
pub fn fill_uniform(key: Key, first: u64, out: &mut [f32]) {
    for (i, x) in out.iter_mut().enumerate() {
        *x = at(&key, first + i as u64) as f32;
    }
}
pub fn fill_normal(key: Key, first: u64, out: &mut [f32]) {
    for (i, x) in out.iter_mut().enumerate() {
        let i = first + i as u64;
        *x =
            ((-2.0 * (1.0 - at(&key, 2 * i)).ln()).sqrt() * (std::f64::consts::TAU * at(&key, 2 * i + 1)).cos()) as f32;
    }
}
