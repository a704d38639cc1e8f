//! Parts of pictures that move: 2 x 2 matrices around points, and pictures at other places.
use crate::augment::sample;
use gany_engine::{DType, Tensor, concat};

/// Products of 2 x 2 matrices `[.., 2, 2]`.
pub(super) fn product(a: &Tensor, b: &Tensor) -> Tensor {
    let [mut rows, mut columns] = [a.shape().to_vec(), b.shape().to_vec()];
    rows.push(1);
    columns.insert(columns.len() - 2, 1);
    let axis = rows.len() - 2;
    (a.reshape(&rows) * b.reshape(&columns)).sum_axes(&[axis])
}

/// Inverses of 2 x 2 matrices `[n, k, 2, 2]`.
pub(super) fn inverse(a: &Tensor) -> Tensor {
    let entry = |i: usize, j: usize| a.slice(2, i, i + 1).slice(3, j, j + 1);
    let determinant = entry(0, 0) * entry(1, 1) - entry(0, 1) * entry(1, 0);
    let row = |left: Tensor, right: Tensor| concat(&[left, right], 3);
    concat(&[row(entry(1, 1), -entry(0, 1)), row(-entry(1, 0), entry(0, 0))], 2) / determinant
}

/// What matrices `[n, k, 2, 2]` make of places `[.., h * w, 2]`, from a point `[n, k, 2]` to another.
pub(super) fn moved(maps: &Tensor, places: &Tensor, from: &Tensor, to: &Tensor) -> Tensor {
    let &[n, k, ..] = maps.shape() else {
        unreachable!("maps of points")
    };
    let point = |x: &Tensor| x.reshape(&[n, k, 1, 2]);
    let away = places - point(from);
    let along = maps.reshape(&[n, k, 1, 2, 2]) * away.reshape(&[n, k, away.extent(2), 1, 2]);
    along.sum_axes(&[4]) + point(to)
}

/// The middles of all pixels `[1, 1, h * w, 2]`.
pub(super) fn places(dtype: DType, [height, width]: [usize; 2]) -> Tensor {
    let middle = |at: usize, extent: usize| (2 * at + 1) as f64 / extent as f64 - 1.0;
    let all: Vec<f64> = (0..height * width)
        .flat_map(|i| [middle(i % width, width), middle(i / width, height)])
        .collect();
    Tensor::from_elements(dtype, &[1, 1, height * width, 2], &all)
}

/// Pictures `[n, h, w, c]` at the places `[n, h, w, 2]`.
pub(super) fn warped(x: &Tensor, at: &Tensor) -> Tensor {
    let [n, h, w] = [x.extent(0), x.extent(1), x.extent(2)];
    let along = |axis: usize, extent: usize| {
        let place = at.slice(3, axis, axis + 1).reshape(&[n, h, w]);
        ((place + 1.0) * extent as f64 - 1.0) * 0.5
    };
    sample(x, &along(1, h), &along(0, w))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(shape: &[usize], values: &[f64]) -> Tensor {
        Tensor::from_f64(shape, values)
    }

    #[test]
    fn matrices_by_hand() {
        let (a, b) = (
            numbers(&[1, 1, 2, 2], &[1.0, 2.0, 3.0, 4.0]),
            numbers(&[1, 1, 2, 2], &[0.0, 1.0, 1.0, 1.0]),
        );
        assert_eq!(product(&a, &b).to_f64(), [2.0, 3.0, 4.0, 7.0]);
        let unit = product(&a, &inverse(&a)).to_f64();
        assert!(
            unit.iter()
                .zip([1.0, 0.0, 0.0, 1.0])
                .all(|(a, b)| (a - b).abs() < 1e-12),
            "{unit:?}"
        );
    }

    /// Where every pixel is sent to itself the picture stays; sent one pixel to the right it is that one's left neighbour.
    #[test]
    fn pictures_are_warped_by_places() {
        let x = numbers(&[1, 2, 4, 1], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        let at = places(DType::F64, [2, 4]).reshape(&[1, 2, 4, 2]);
        let near =
            |got: &Tensor, expected: &[f64]| got.to_f64().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(near(&warped(&x, &at), &x.to_f64()));
        let beside = at + numbers(&[1, 1, 1, 2], &[0.5, 0.0]);
        assert!(near(&warped(&x, &beside), &[2.0, 3.0, 4.0, 4.0, 6.0, 7.0, 8.0, 8.0]));
    }
}
