//! A pool of pictures that were made before, for discriminators (Shrivastava et al. 2017, "Learning from Simulated and
//! Unsupervised Images through Adversarial Training", section 2.3; Zhu et al. 2017, "CycleGAN", section 4).
use crate::games::Step;
use crate::nn::{Parameter, Scope};
use gany_engine::{Tensor, select};

/// Fifty pictures, as a rule, in the state. Until it is full it keeps all that it is shown and gives them back; then each
/// picture is, with even chances, given back or exchanged for one from the pool.
pub struct Pool {
    /// `[size, h, w, c]`
    pictures: Parameter,
    /// How many there are, `[1]`.
    filled: Parameter,
}

impl Pool {
    /// An empty pool for `size` pictures of these extents.
    pub fn new(scope: &Scope, size: usize, extents: [usize; 3]) -> Pool {
        Pool {
            pictures: scope.buffer("pictures", &[&[size], &extents[..]].concat(), 0.0),
            filled: scope.buffer("filled", &[1], 0.0),
        }
    }

    /// What the pool gives for fresh pictures `[n, h, w, c]`, without a gradient; it keeps what it takes. More pictures than
    /// it can hold are given back: so many come only with a look from outside, whose batches are its own.
    pub fn exchange(&self, s: &Step, fresh: &Tensor) -> Tensor {
        self.exchange_at(fresh, &s.uniform(&[1]), &s.uniform(&[fresh.extent(0)]))
    }

    /// The same with these random numbers on [0, 1): `place [1]` says from which place on, `chance [n]` which ones.
    fn exchange_at(&self, fresh: &Tensor, place: &Tensor, chance: &Tensor) -> Tensor {
        let (size, n) = (self.pictures.shape()[0], fresh.extent(0));
        let (old, filled, fresh) = (self.pictures.get(), self.filled.get(), fresh.detach());
        if n > size {
            return fresh;
        }
        // Places in a row, so that no two pictures go to the same one.
        let is_full = filled.ge(&Tensor::full(filled.dtype(), &[1], size as f64));
        let first = select(&is_full, &(place * size as f64).floor(), &filled);
        let places = first + Tensor::arange(filled.dtype(), n);
        let places = &places - (&places / size as f64).floor() * size as f64;
        let is_taken = select(
            &is_full,
            &chance.lt(&Tensor::full(chance.dtype(), &[n], 0.5)),
            &Tensor::full(filled.dtype(), &[n], 1.0),
        );
        let per_picture = |values: &Tensor| values.reshape(&[values.extent(0), 1, 1, 1]);
        let given = select(&per_picture(&(&is_taken * &is_full)), &old.gather(&places), &fresh);
        let is_new = is_taken.scatter_add(&places, size);
        let put = (&fresh * per_picture(&is_taken)).scatter_add(&places, size);
        self.pictures.set(select(&per_picture(&is_new), &put, &old).detach());
        self.filled.set(
            (filled + n as f64)
                .minimum(&Tensor::full(put.dtype(), &[1], size as f64))
                .detach(),
        );
        given.detach()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gany_engine::DType;

    fn pictures(values: &[f64]) -> Tensor {
        Tensor::from_f64(&[values.len(), 1, 1, 1], values)
    }

    fn uniform(values: &[f64]) -> Tensor {
        Tensor::from_f64(&[values.len()], values)
    }

    #[test]
    fn it_fills_up_and_then_exchanges_half() {
        let pool = Pool::new(&Scope::new(DType::F64, 0).at("pool"), 4, [1, 1, 1]);
        let exchange = |fresh: &[f64], place: f64, chance: &[f64]| {
            let given = pool.exchange_at(&pictures(fresh), &uniform(&[place]), &uniform(chance));
            (given.to_f64(), pool.pictures.get().to_f64())
        };
        // While it fills, chance has no say.
        assert_eq!(
            exchange(&[1.0, 2.0], 0.9, &[0.9, 0.1]),
            (vec![1.0, 2.0], vec![1.0, 2.0, 0.0, 0.0])
        );
        assert_eq!(
            exchange(&[3.0, 4.0], 0.9, &[0.9, 0.1]),
            (vec![3.0, 4.0], vec![1.0, 2.0, 3.0, 4.0])
        );
        // From place 3 on, round to place 0: the second picture is exchanged for what lies there, the first is not.
        assert_eq!(
            exchange(&[5.0, 6.0], 0.8, &[0.9, 0.1]),
            (vec![5.0, 1.0], vec![6.0, 2.0, 3.0, 4.0])
        );
        assert_eq!(
            exchange(&[7.0, 8.0], 0.3, &[0.1, 0.2]),
            (vec![2.0, 3.0], vec![6.0, 7.0, 8.0, 4.0])
        );
    }

    #[test]
    fn more_than_it_holds_pass_by() {
        let pool = Pool::new(&Scope::new(DType::F64, 0), 2, [1, 1, 1]);
        let given = pool.exchange_at(&pictures(&[1.0, 2.0, 3.0]), &uniform(&[0.0]), &uniform(&[0.0; 3]));
        assert_eq!(given.to_f64(), [1.0, 2.0, 3.0]);
        assert_eq!(pool.filled.get().to_f64(), [0.0]);
    }
}
