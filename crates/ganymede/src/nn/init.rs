//! Initial values of parameters: a pure function of seed, full name and shape, whatever the order of declaration.

/// How the elements of a parameter are drawn. Fans are counted on the shape: of `[taps.., c_in, c_out]`,
/// `fan_in = taps * c_in` and `fan_out = taps * c_out`; of one axis, both are its extent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// 0 everywhere.
    Zeros,
    /// 1 everywhere.
    Ones,
    /// The same number everywhere.
    Constant(f64),
    /// Uniform between two bounds.
    Uniform {
        /// Smallest number drawn.
        low: f64,
        /// Bound above all numbers drawn.
        high: f64,
    },
    /// Normal of this mean and standard deviation.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        std: f64,
    },
    /// Normal of variance 2 / fan_in (He et al. 2015, "Delving Deep into Rectifiers", equation 10).
    HeNormal,
    /// Uniform of variance 2 / fan_in.
    HeUniform,
    /// Normal of variance 2 / (fan_in + fan_out) (Glorot and Bengio 2010, equation 12).
    XavierNormal,
    /// Uniform of variance 2 / (fan_in + fan_out) (Glorot and Bengio 2010, equation 16).
    XavierUniform,
    /// A random matrix `[taps * c_in, c_out]` with orthonormal columns (rows, where it has fewer), times `gain`
    /// (Saxe et al. 2014, "Exact solutions to the nonlinear dynamics of learning").
    Orthogonal {
        /// Length of every column (row).
        gain: f64,
    },
    /// Uniform within +-1 / sqrt(fan_in): what PyTorch gives dense layers and convolutions where nothing is said.
    TorchDefault,
}

impl Init {
    /// Normal of mean 0 and standard deviation 0.02 (Radford et al. 2016, "Unsupervised Representation Learning with
    /// Deep Convolutional Generative Adversarial Networks", section 4).
    pub const DCGAN: Init = Init::Normal { mean: 0.0, std: 0.02 };

    /// The elements in row-major order.
    pub(crate) fn draw(self, shape: &[usize], seed: u64, name: &str) -> Vec<f64> {
        let count = shape.iter().product();
        let (fan_in, fan_out) = fans(shape);
        let uniform = |low: f64, high: f64| -> Vec<f64> {
            let mut numbers = Numbers::new(seed, name);
            (0..count).map(|_| low + (high - low) * numbers.uniform()).collect()
        };
        let normal = |mean: f64, std: f64| -> Vec<f64> {
            let mut numbers = Numbers::new(seed, name);
            (0..count).map(|_| mean + std * numbers.normal()).collect()
        };
        match self {
            Init::Zeros => vec![0.0; count],
            Init::Ones => vec![1.0; count],
            Init::Constant(number) => vec![number; count],
            Init::Uniform { low, high } => uniform(low, high),
            Init::Normal { mean, std } => normal(mean, std),
            Init::HeNormal => normal(0.0, (2.0 / fan_in).sqrt()),
            Init::HeUniform => uniform(-(6.0 / fan_in).sqrt(), (6.0 / fan_in).sqrt()),
            Init::XavierNormal => normal(0.0, (2.0 / (fan_in + fan_out)).sqrt()),
            Init::XavierUniform => {
                let bound = (6.0 / (fan_in + fan_out)).sqrt();
                uniform(-bound, bound)
            }
            Init::Orthogonal { gain } => orthogonal(shape, gain, normal(0.0, 1.0)),
            Init::TorchDefault => uniform(-fan_in.recip().sqrt(), fan_in.recip().sqrt()),
        }
    }
}

/// `(fan_in, fan_out)`, at least 1 each.
pub(crate) fn fans(shape: &[usize]) -> (f64, f64) {
    let (fan_in, fan_out) = match shape {
        [] => (1, 1),
        [extent] => (*extent, *extent),
        [taps @ .., c_in, c_out] => {
            let taps: usize = taps.iter().product();
            (taps * c_in, taps * c_out)
        }
    };
    (fan_in.max(1) as f64, fan_out.max(1) as f64)
}

/// Orthonormalises the columns (rows, where fewer) of a normal matrix one after another, which draws uniformly from
/// all such matrices.
fn orthogonal(shape: &[usize], gain: f64, normal: Vec<f64>) -> Vec<f64> {
    let columns = shape.last().copied().unwrap_or(1).max(1);
    let rows = normal.len() / columns;
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut vectors: Vec<Vec<f64>> = normal.chunks_exact(length.max(1)).map(<[f64]>::to_vec).collect();
    for i in 0..count {
        let (done, rest) = vectors.split_at_mut(i);
        let vector = &mut rest[0];
        // Twice is enough: the second pass removes what rounding left of the first.
        for _ in 0..2 {
            for other in &*done {
                let along: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                vector.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
            }
        }
        let norm = vector.iter().map(|a| a * a).sum::<f64>().sqrt();
        vector.iter_mut().for_each(|a| *a /= norm);
    }
    let element = |row: usize, column: usize| {
        if rows >= columns {
            vectors[column][row]
        } else {
            vectors[row][column]
        }
    };
    (0..rows * columns)
        .map(|i| gain * element(i / columns, i % columns))
        .collect()
}

/// Counter-based random numbers: number i is a hash of (stream, i), the stream a hash of (seed, name).
struct Numbers {
    stream: u64,
    index: u64,
    spare: Option<f64>,
}

impl Numbers {
    fn new(seed: u64, name: &str) -> Numbers {
        // FNV-1a.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Numbers {
            stream: mixed(mixed(seed) ^ hash),
            index: 0,
            spare: None,
        }
    }

    /// On [0, 1).
    fn uniform(&mut self) -> f64 {
        self.index += 1;
        // Multiplying by the golden ratio steps through the generator's counter as its authors do.
        let bits = mixed(self.stream.wrapping_add(self.index.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Mean 0, variance 1, by the method of Box and Muller.
    fn normal(&mut self) -> f64 {
        if let Some(number) = self.spare.take() {
            return number;
        }
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let (sine, cosine) = (std::f64::consts::TAU * self.uniform()).sin_cos();
        self.spare = Some(radius * sine);
        radius * cosine
    }
}

/// The finaliser of SplitMix64 (Steele et al. 2014, "Fast Splittable Pseudorandom Number Generators").
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and standard deviation of 2^16 draws of shape `[4, 4, 64, 64]`, whose fans are both 1024.
    fn moments(init: Init) -> (f64, f64) {
        let elements = init.draw(&[4, 4, 64, 64], 3, "weight");
        let mean = elements.iter().sum::<f64>() / elements.len() as f64;
        let square = elements.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / elements.len() as f64;
        (mean, square.sqrt())
    }

    #[test]
    fn moments_are_those_of_the_formulas() {
        let expected = [
            (Init::Zeros, 0.0, 0.0),
            (Init::Ones, 1.0, 0.0),
            (Init::Constant(0.5), 0.5, 0.0),
            (Init::Uniform { low: 1.0, high: 3.0 }, 2.0, 1.0 / 3_f64.sqrt()),
            (Init::Normal { mean: 1.0, std: 0.02 }, 1.0, 0.02),
            (Init::HeNormal, 0.0, 2_f64.sqrt() / 32.0),
            (Init::HeUniform, 0.0, 2_f64.sqrt() / 32.0),
            (Init::XavierNormal, 0.0, 1.0 / 32.0),
            (Init::XavierUniform, 0.0, 1.0 / 32.0),
            (Init::TorchDefault, 0.0, 1.0 / 3_f64.sqrt() / 32.0),
        ];
        for (init, mean, std) in expected {
            let got = moments(init);
            // Four standard errors of the mean, and of the deviation.
            assert!((got.0 - mean).abs() <= std * 4.0 / 256.0, "{init:?}: {got:?}");
            assert!((got.1 - std).abs() <= std * 4.0 / 362.0, "{init:?}: {got:?}");
        }
    }

    #[test]
    fn uniform_draws_stay_within_their_bounds() {
        let elements = Init::TorchDefault.draw(&[16, 9], 0, "w");
        assert!(elements.iter().all(|x| x.abs() <= 0.25));
        assert!(elements.iter().any(|x| x.abs() > 0.2));
    }

    #[test]
    fn normal_draws_have_the_tails_of_a_normal() {
        let elements = Init::Normal { mean: 0.0, std: 1.0 }.draw(&[1 << 16], 1, "w");
        let share = |bound: f64| elements.iter().filter(|x| x.abs() > bound).count() as f64 / 65536.0;
        assert!((share(1.0) - 0.3173).abs() < 0.0075, "{}", share(1.0));
        assert!((share(2.0) - 0.0455).abs() < 0.0035, "{}", share(2.0));
    }

    #[test]
    fn orthogonal_columns_or_rows_are_orthonormal_times_gain() {
        for shape in [&[3, 3, 2, 5][..], &[4, 9], &[6, 6], &[7]] {
            let elements = Init::Orthogonal { gain: 2.0 }.draw(shape, 0, "w");
            let columns = *shape.last().unwrap();
            let rows = elements.len() / columns;
            let element = |long: usize, short: usize| {
                let (row, column) = if rows >= columns { (long, short) } else { (short, long) };
                elements[row * columns + column]
            };
            for a in 0..rows.min(columns) {
                for b in 0..rows.min(columns) {
                    let product: f64 = (0..rows.max(columns)).map(|i| element(i, a) * element(i, b)).sum();
                    let expected = if a == b { 4.0 } else { 0.0 };
                    assert!((product - expected).abs() < 1e-12, "{shape:?}: {product}");
                }
            }
        }
    }

    #[test]
    fn fans_count_the_taps() {
        assert_eq!(fans(&[3, 4, 5, 6]), (60.0, 72.0));
        assert_eq!(fans(&[7, 2]), (7.0, 2.0));
        assert_eq!(fans(&[7]), (7.0, 7.0));
        assert_eq!(fans(&[]), (1.0, 1.0));
    }
}
