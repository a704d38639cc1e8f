//! What is known of an example, beside the example.
use gany_engine::{Tensor, concat};

/// Numbers of each example beside every position of it: constant planes beside the channels of a picture, more numbers
/// beside those of a vector.
///
/// # Shapes
/// x `[n, .., c]` and numbers `[n, k]`; the result is `[n, .., c + k]`.
///
/// # Panics
/// Where the examples are not as many.
#[track_caller]
pub fn beside(x: &Tensor, numbers: &Tensor) -> Tensor {
    let (last, k) = (x.rank() - 1, numbers.extent(1));
    let mut shape = vec![1; x.rank()];
    (shape[0], shape[last]) = (numbers.extent(0), k);
    let numbers = numbers.reshape(&shape);
    shape.copy_from_slice(x.shape());
    shape[last] = k;
    concat(&[x.clone(), numbers.broadcast_to(&shape)], last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_beside_every_position() {
        let numbers = Tensor::from_f64(&[2, 1], &[8.0, 9.0]);
        let vectors = Tensor::from_f64(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        let joined = beside(&vectors, &numbers);
        assert_eq!(
            (joined.shape(), joined.to_f64()),
            (&[2, 3][..], vec![1.0, 2.0, 8.0, 3.0, 4.0, 9.0])
        );
        let pictures = Tensor::from_f64(&[2, 1, 2, 1], &[1.0, 2.0, 3.0, 4.0]);
        let joined = beside(&pictures, &numbers);
        assert_eq!(joined.shape(), [2, 1, 2, 2]);
        assert_eq!(joined.to_f64(), [1.0, 8.0, 2.0, 8.0, 3.0, 9.0, 4.0, 9.0]);
    }
}
