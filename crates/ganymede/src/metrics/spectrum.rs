//! How much of a picture's power lies in waves of each length: what deconvolutions leave out or add, and blur takes away.
//!
//! The power of the discrete Fourier transform, mean over channels and over all directions of a wave (Durall et al. 2020,
//! "Watch your Up-Convolution", arXiv:2003.01826, section 3.1). Band k holds waves with about k periods along the shorter
//! side, from the mean brightness, 0, to the finest that the pixels can show.
use super::estimate::Estimate;
use gany_engine::{Buffer, DType, Program, Tensor};
use std::f64::consts::TAU;

/// Pictures of a block.
const BLOCK: usize = 32;

/// Takes spectra of pictures of one shape; holds its program, so that it may be fed portion by portion.
pub struct Spectrometer {
    shape: [usize; 3],
    program: Program,
    buffer: [Buffer; 1],
    /// Band of each place of the half plane `[height, width / 2 + 1]`, none beyond the last, and how many waves it counts for.
    bands: Vec<Option<(usize, f64)>>,
}

/// How many bands pictures of this size have.
pub fn bands(height: usize, width: usize) -> usize {
    height.min(width) / 2 + 1
}

impl Spectrometer {
    /// For pictures `[height, width, channels]`.
    pub fn new(shape: [usize; 3]) -> Spectrometer {
        let [height, width, channels] = shape;
        let half = width / 2 + 1;
        let wave = |extent: usize, count: usize, f: fn(f64) -> f64| {
            let value = |ij: usize| f(TAU * ((ij / count * (ij % count)) % extent) as f64 / extent as f64);
            let values: Vec<f64> = (0..extent * count).map(value).collect();
            Tensor::from_f64(&[extent, count], &values)
        };
        let x = Tensor::placeholder(DType::F64, &[BLOCK, height, width, channels]);
        let planes = x.permute(&[0, 3, 1, 2]).reshape(&[BLOCK * channels, height, width]);
        // Rows: x C and -x S; then columns, with C - iS from the left.
        let (cosines, sines) = (
            planes.matmul(&wave(width, half, f64::cos)),
            planes.matmul(&wave(width, half, f64::sin)),
        );
        let (c, s) = (wave(height, height, f64::cos), wave(height, height, f64::sin));
        let real = c.matmul(&cosines) - s.matmul(&sines);
        let imaginary = c.matmul(&sines) + s.matmul(&cosines);
        let power = (&real * &real + &imaginary * &imaginary).reshape(&[BLOCK, channels, height * half]);
        let shortest = height.min(width) as f64;
        let band = |ij: usize| {
            let (row, column) = (ij / half, ij % half);
            let [down, right] = [
                row.min(height - row) as f64 / height as f64,
                column as f64 / width as f64,
            ];
            let band = (down.hypot(right) * shortest).round() as usize;
            // The other half of the plane mirrors this one, but for the waves that are their own mirror image.
            let twice = column > 0 && 2 * column != width;
            (band < bands(height, width)).then_some((band, if twice { 2.0 } else { 1.0 }))
        };
        Spectrometer {
            shape,
            program: Program::compile(&[x], &[power.mean_axes(&[1])], &[None]),
            buffer: [Buffer::zeros(DType::F64, BLOCK * height * width * channels)],
            bands: (0..height * half).map(band).collect(),
        }
    }

    /// The mean power in each band of each of the pictures `[n, height, width, channels]`: `[n, bands]`.
    ///
    /// # Panics
    /// Where the numbers are not whole pictures.
    pub fn spectra(&mut self, pictures: &[f32]) -> Vec<f64> {
        let floats: usize = self.shape.iter().product();
        assert!(
            pictures.len().is_multiple_of(floats),
            "spectrum: not whole pictures of {floats} numbers"
        );
        let count = bands(self.shape[0], self.shape[1]);
        let mut waves = vec![0.0; count];
        self.bands
            .iter()
            .flatten()
            .for_each(|(band, weight)| waves[*band] += weight);
        let mut spectra = vec![];
        for part in pictures.chunks(BLOCK * floats) {
            let to = &mut self.buffer[0].as_f64_mut()[..part.len()];
            to.iter_mut().zip(part).for_each(|(to, from)| *to = (*from).into());
            self.program.run(&mut self.buffer);
            let powers = self.program.output_f64(0);
            for powers in powers.chunks_exact(self.bands.len()).take(part.len() / floats) {
                let mut sums = vec![0.0; count];
                for (power, band) in powers.iter().zip(&self.bands) {
                    if let Some((band, weight)) = band {
                        sums[*band] += weight * power;
                    }
                }
                spectra.extend(sums.iter().zip(&waves).map(|(sum, waves)| sum / waves));
            }
        }
        spectra
    }
}

/// The distance in decibels between the mean spectra of two sets of pictures, `[n, bands]` and `[m, bands]`: the root of the
/// mean square of `10 log10(a / b)` over the bands but that of brightness. The interval comes from resampling the second set.
///
/// # Panics
/// Where a set is empty, or there are no bands but that of brightness.
pub fn distance(real: &[f64], made: &[f64], bands: usize, seed: u64) -> Estimate {
    assert!(bands > 1, "spectrum: pictures of a single pixel");
    let all: Vec<usize> = (0..real.len() / bands).collect();
    let expected = mean(real, bands, &all);
    Estimate::bootstrap(made.len() / bands, seed, |chosen| {
        decibels(&expected, &mean(made, bands, chosen))
    })
}

/// The mean of some of the spectra.
fn mean(spectra: &[f64], bands: usize, chosen: &[usize]) -> Vec<f64> {
    let mut sums = vec![0.0; bands];
    for &i in chosen {
        let spectrum = &spectra[i * bands..][..bands];
        sums.iter_mut()
            .zip(spectrum)
            .for_each(|(sum, power)| *sum += power / chosen.len() as f64);
    }
    sums
}

fn decibels(a: &[f64], b: &[f64]) -> f64 {
    // A picture without any waves has a power that no logarithm is taken of.
    let floor = 1e-12 * a.iter().chain(b).copied().fold(f64::MIN_POSITIVE, f64::max);
    let level = |power: f64| 10.0 * power.max(floor).log10();
    let squares = a.iter().zip(b).skip(1).map(|(a, b)| (level(*a) - level(*b)).powi(2));
    (squares.sum::<f64>() / (a.len() - 1) as f64).sqrt()
}

/// The share of the power, without brightness, that lies in the finer half of the bands: low where pictures are blurred.
///
/// # Panics
/// Where there is no spectrum, or no band but that of brightness.
pub fn fine_share(spectra: &[f64], bands: usize) -> f64 {
    let all: Vec<usize> = (0..spectra.len() / bands).collect();
    let mean = mean(spectra, bands, &all);
    // A ring of waves is as long as its radius.
    let power = |from: usize| (from..bands).map(|k| k as f64 * mean[k]).sum::<f64>();
    power(bands.div_ceil(2)) / power(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spectra(shape: [usize; 3], picture: impl Fn(usize, usize) -> f32) -> Vec<f64> {
        let [height, width, channels] = shape;
        let floats = height * width * channels;
        let values = (0..floats).map(|i| picture(i / channels / width, i / channels % width));
        Spectrometer::new(shape).spectra(&values.collect::<Vec<_>>())
    }

    #[test]
    fn a_wave_lies_in_its_band() {
        // cos of 3 periods over 16 columns: its two coefficients are 12 * 16 / 2 each.
        let wave = |_, x: usize| (TAU * 3.0 * x as f64 / 16.0).cos() as f32;
        let found = spectra([12, 16, 2], wave);
        assert_eq!(found.len(), 7);
        // 3 periods over 16 columns are 2.25 over the 12 rows.
        let powers: Vec<f64> = found.iter().map(|power| power / 96.0_f64.powi(2)).collect();
        assert!(
            powers.iter().enumerate().all(|(k, power)| (k == 2) == (*power > 1e-9)),
            "{powers:?}"
        );
    }

    #[test]
    fn power_is_that_of_the_pixels() {
        // Parseval: a single bright pixel has the same power, 1, in every wave.
        let found = spectra([8, 8, 1], |y, x| if (y, x) == (2, 5) { 1.0 } else { 0.0 });
        assert!(found.iter().all(|power| (power - 1.0).abs() < 1e-12), "{found:?}");
        assert!((fine_share(&found, 5) - 7.0 / 10.0).abs() < 1e-12);
    }

    #[test]
    fn twice_the_contrast_is_six_decibels() {
        let noise = |scale: f32| {
            spectra([16, 16, 1], move |y, x| {
                scale * (((y * 31 + x * 17) % 23) as f32 - 11.0)
            })
        };
        let found = distance(&noise(1.0), &noise(2.0), 9, 0);
        assert!((found.value - 20.0 * 2.0_f64.log10()).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn a_short_portion_is_as_a_long_one() {
        let pictures: Vec<f32> = (0..40 * 64).map(|i| ((i * 13) % 29) as f32 / 14.0 - 1.0).collect();
        let mut spectrometer = Spectrometer::new([8, 8, 1]);
        let all = spectrometer.spectra(&pictures);
        assert_eq!(spectrometer.spectra(&pictures[35 * 64..]), all[35 * 5..]);
    }
}
