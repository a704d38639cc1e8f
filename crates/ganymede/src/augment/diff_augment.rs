//! Differentiable augmentation (Zhao, Liu, Lin, Zhu and Han, "Differentiable Augmentation for Data-Efficient GAN Training",
//! NeurIPS 2020): colour, translation and cutout, with the constants of the paper's code.
use super::Draw;
use super::sampling::{extents, line, translate};
use gany_engine::Tensor;

/// Which kinds of change are made, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiffAugment {
    /// Brightness by -0.5 to 0.5, saturation by a factor of 0 to 2, contrast by a factor of 0.5 to 1.5.
    pub colour: bool,
    /// Shifts by up to an eighth of each side; what comes in is 0.
    pub translation: bool,
    /// A square hole of half each side, anywhere; what is cut is 0.
    pub cutout: bool,
}

/// The largest shift over the side.
const SHIFT: f64 = 0.125;

impl DiffAugment {
    /// Everything, as the paper advises for little data.
    pub const ALL: DiffAugment = DiffAugment {
        colour: true,
        translation: true,
        cutout: true,
    };

    /// Pictures `[n, h, w, c]`, each changed by numbers of its own.
    pub fn apply(&self, x: &Tensor, uniform: Draw) -> Tensor {
        let [n, h, w, _] = extents(x);
        let mut x = x.clone();
        let each = || uniform(&[n]);
        if self.colour {
            x = brightness(&x, &(each() - 0.5));
            x = saturation(&x, &(each() * 2.0));
            x = contrast(&x, &(each() + 0.5));
        }
        if self.translation {
            let shift = |side: usize| {
                let most = (side as f64 * SHIFT + 0.5).floor();
                (each() * (2.0 * most + 1.0)).floor() - most
            };
            x = translate(&x, &shift(h), &shift(w));
        }
        if self.cutout {
            let size = |side: usize| side.div_ceil(2);
            // With an even hole there is one more place for its centre than there are pixels.
            let centre = |side: usize| (each() * (side + 1 - size(side) % 2) as f64).floor();
            x = cut(&x, [size(h), size(w)], &centre(h), &centre(w));
        }
        x
    }
}

/// Adds a number `[n]` to every value of each picture.
fn brightness(x: &Tensor, by: &Tensor) -> Tensor {
    x + per_picture(by)
}

/// Multiplies the distance of every channel from the mean of its pixel by a factor `[n]`; the mean stays.
fn saturation(x: &Tensor, factor: &Tensor) -> Tensor {
    let mean = x.mean_axes_kept(&[3]);
    (x - &mean) * per_picture(factor) + mean
}

/// Multiplies the distance of every value from the mean of its picture by a factor `[n]`; the mean stays.
fn contrast(x: &Tensor, factor: &Tensor) -> Tensor {
    let mean = x.mean_axes_kept(&[1, 2, 3]);
    (x - &mean) * per_picture(factor) + mean
}

/// Makes a hole of `size` around a centre (`[n]` each) 0.
fn cut(x: &Tensor, size: [usize; 2], row: &Tensor, column: &Tensor) -> Tensor {
    let [n, h, w, _] = extents(x);
    let inside = |places: Tensor, centre: &Tensor, size: usize| {
        let from = centre.reshape(&[n, 1, 1, 1]) - (size / 2) as f64;
        let behind = &from + size as f64;
        places.ge(&from) * places.lt(&behind)
    };
    let hole = inside(line(x, h, &[1, h, 1, 1]), row, size[0]) * inside(line(x, w, &[1, 1, w, 1]), column, size[1]);
    x * (1.0 - hole)
}

fn per_picture(numbers: &Tensor) -> Tensor {
    numbers.reshape(&[numbers.extent(0), 1, 1, 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use gany_engine::{DType, Key, grad};

    fn x() -> Tensor {
        let key = Key::new(DType::F64, 1, 2);
        key.uniform(3, &[2, 4, 4, 3]) * 2.0 - 1.0
    }

    fn numbers(values: &[f64]) -> Tensor {
        Tensor::from_f64(&[values.len()], values)
    }

    fn close(a: &Tensor, b: &Tensor) -> bool {
        a.shape() == b.shape() && a.to_f64().iter().zip(b.to_f64()).all(|(a, b)| (a - b).abs() < 1e-12)
    }

    #[test]
    fn colours_by_hand() {
        // One picture of two pixels, (0, 0.3, 0.6) and (-0.2, 0.1, 0.4).
        let x = Tensor::from_f64(&[1, 1, 2, 3], &[0.0, 0.3, 0.6, -0.2, 0.1, 0.4]);
        let is = |y: Tensor, expected: [f64; 6]| {
            assert!(
                close(&y, &Tensor::from_f64(&[1, 1, 2, 3], &expected)),
                "{:?}",
                y.to_f64()
            )
        };
        is(brightness(&x, &numbers(&[0.5])), [0.5, 0.8, 1.1, 0.3, 0.6, 0.9]);
        // Means of the pixels: 0.3 and 0.1.
        is(saturation(&x, &numbers(&[2.0])), [-0.3, 0.3, 0.9, -0.5, 0.1, 0.7]);
        // Mean of the picture: 0.2.
        is(contrast(&x, &numbers(&[0.5])), [0.1, 0.25, 0.4, 0.0, 0.15, 0.3]);
    }

    #[test]
    fn what_changes_nothing_is_the_identity_and_means_stay() {
        let x = x();
        assert!(close(&brightness(&x, &numbers(&[0.0, 0.0])), &x));
        assert!(close(&saturation(&x, &numbers(&[1.0, 1.0])), &x));
        assert!(close(&contrast(&x, &numbers(&[1.0, 1.0])), &x));
        let pixel = |x: &Tensor| x.mean_axes(&[3]);
        assert!(close(&pixel(&saturation(&x, &numbers(&[0.3, 1.7]))), &pixel(&x)));
        let picture = |x: &Tensor| x.mean_axes(&[1, 2, 3]);
        assert!(close(&picture(&contrast(&x, &numbers(&[0.6, 1.4]))), &picture(&x)));
    }

    #[test]
    fn holes_of_half_a_side() {
        let ones = Tensor::full(DType::F64, &[2, 4, 4, 1], 1.0);
        // Centres (2, 2) and (0, 4): the second hole is cut off by the border.
        let holed = cut(&ones, [2, 2], &numbers(&[2.0, 0.0]), &numbers(&[2.0, 4.0])).to_f64();
        let mut expected = [1.0; 32];
        [5, 6, 9, 10].iter().for_each(|&i| expected[i] = 0.0);
        expected[16 + 3] = 0.0;
        assert_eq!(holed, expected);
    }

    #[test]
    fn gradients_are_what_finite_differences_say() {
        let key = Key::new(DType::F64, 5, 6);
        let (direction, weight) = (key.normal(1, &[2, 4, 4, 3]), key.normal(2, &[2, 4, 4, 3]));
        let loss = |x: &Tensor| {
            let stream = std::cell::Cell::new(10);
            let uniform = |shape: &[usize]| key.uniform(stream.replace(stream.get() + 1), shape);
            (DiffAugment::ALL.apply(x, &uniform).square() * &weight).sum()
        };
        let x = x();
        let slope = (grad(&loss(&x), &[&x])[0].clone() * &direction).sum().to_f64()[0];
        let at = |t: f64| loss(&(&x + &direction * t)).to_f64()[0];
        let difference = (at(1e-4) - at(-1e-4)) / 2e-4;
        assert!(
            (slope - difference).abs() < 1e-6 * slope.abs().max(1.0),
            "{slope} {difference}"
        );
    }
}
