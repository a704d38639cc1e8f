//! Moving pixels: flips, shifts by whole pixels, crops, and sampling at any places.
use super::Draw;
use crate::nn::stretch;
use gany_engine::{PadMode, Tensor, select};

/// Mirrors pictures `[n, h, w, c]` left to right where `mirrored` `[n]` is not 0.
pub fn flip(x: &Tensor, mirrored: &Tensor) -> Tensor {
    let n = x.extent(0);
    select(&mirrored.reshape(&[n, 1, 1, 1]), &x.flip(2), x)
}

/// Shifts pictures `[n, h, w, c]` by whole numbers of pixels, `down` and `right` `[n]` each; what comes in is 0.
pub fn translate(x: &Tensor, down: &Tensor, right: &Tensor) -> Tensor {
    let turned = shift_rows(x, down).permute(&[0, 2, 1, 3]);
    shift_rows(&turned, right).permute(&[0, 2, 1, 3])
}

/// A window of `[height, width]` at a random place of every picture `[n, h, w, c]`.
///
/// # Panics
/// Where the window is larger than the picture.
#[track_caller]
pub fn crop(x: &Tensor, [height, width]: [usize; 2], uniform: Draw) -> Tensor {
    let (n, rows, columns) = (x.extent(0), x.extent(1), x.extent(2));
    assert!(
        height <= rows && width <= columns,
        "crop: {height}x{width} of {rows}x{columns}"
    );
    let start = |from: usize, to: usize| (uniform(&[n]) * (from - to + 1) as f64).floor();
    let moved = translate(x, &-start(rows, height), &-start(columns, width));
    moved.slice(1, 0, height).slice(2, 0, width)
}

/// Knots along each side of the net that [`warp`] pulls at.
const KNOTS: usize = 5;

/// Pictures `[n, h, w, c]` on a net whose knots were pulled, each by normal numbers of this deviation in parts of the shorter
/// side, down and to the right; between them the picture is stretched. What lies outside is mirrored at the border.
pub fn warp(x: &Tensor, deviation: f64, normal: Draw) -> Tensor {
    let [n, h, w, _] = extents(x);
    let pulled = || {
        let knots = normal(&[n, KNOTS, KNOTS, 1]) * (deviation * h.min(w) as f64);
        stretch(&knots, [h, w]).reshape(&[n, h, w])
    };
    let (down, right) = (pulled(), pulled());
    sample(x, &(line(x, h, &[1, h, 1]) + down), &(line(x, w, &[1, 1, w]) + right))
}

/// Shifts along axis 1, one gather of whole rows from pictures with a row of zeros above and below.
fn shift_rows(x: &Tensor, by: &Tensor) -> Tensor {
    let [n, h, w, c] = extents(x);
    let table = x.pad(1, 1, 1, PadMode::Zero).reshape(&[n * (h + 2), w * c]);
    let row = line(x, h, &[1, h]) + 1.0 - by.reshape(&[n, 1]);
    let index = row.clamp(0.0, (h + 1) as f64) + line(x, n, &[n, 1]) * (h + 2) as f64;
    table.gather(&index.reshape(&[n * h])).reshape(&[n, h, w, c])
}

/// Pictures `[n, h, w, c]` at the places `rows` and `columns` (`[n, h, w]`, in pixels from the centre of the first),
/// bilinearly; what lies outside is mirrored at the border.
///
/// # Panics
/// Where the batch has more pixels than a float counts, 2^24.
pub fn sample(x: &Tensor, rows: &Tensor, columns: &Tensor) -> Tensor {
    let [n, h, w, c] = extents(x);
    assert!(
        n * h * w <= 1 << 24,
        "augment: {n} pictures of {h}x{w} are more than 2^24 pixels"
    );
    let table = x.reshape(&[n * h * w, c]);
    let first = line(x, n, &[n, 1, 1]) * (h * w) as f64;
    let (rows, columns) = (mirrored(rows, h), mirrored(columns, w));
    let (top, left) = (rows.floor(), columns.floor());
    let (down, right) = (&rows - &top, &columns - &left);
    let corner = |row: &Tensor, column: &Tensor, weight: Tensor| {
        let row = row.clamp(0.0, (h - 1) as f64);
        let index = &first + row * w as f64 + column.clamp(0.0, (w - 1) as f64);
        let index = index.reshape(&[n * h * w]).detach();
        table.gather(&index).reshape(&[n, h, w, c]) * weight.reshape(&[n, h, w, 1])
    };
    let (below, beside) = (&top + 1.0, &left + 1.0);
    corner(&top, &left, (1.0 - &down) * (1.0 - &right))
        + corner(&top, &beside, (1.0 - &down) * &right)
        + corner(&below, &left, &down * (1.0 - &right))
        + corner(&below, &beside, &down * &right)
}

/// Places on a line of `extent` pixels, mirrored at its outer edges until they lie on it.
fn mirrored(places: &Tensor, extent: usize) -> Tensor {
    let period = 2.0 * extent as f64;
    let from_edge = places + 0.5;
    let within = &from_edge - (&from_edge * (1.0 / period)).floor() * period;
    (within.minimum(&(period - &within)) - 0.5).clamp(0.0, (extent - 1) as f64)
}

/// 0, 1, 2, .. of the dtype of `x`, in a shape that broadcasts.
pub(super) fn line(x: &Tensor, extent: usize, shape: &[usize]) -> Tensor {
    Tensor::arange(x.dtype(), extent).reshape(shape)
}

pub(super) fn extents(x: &Tensor) -> [usize; 4] {
    let shape = x.shape();
    <[usize; 4]>::try_from(shape).unwrap_or_else(|_| panic!("augment: pictures [n, h, w, c], not {shape:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gany_engine::{DType, grad};

    fn picture() -> Tensor {
        Tensor::from_f64(
            &[2, 2, 3, 1],
            &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0],
        )
    }

    fn numbers(values: &[f64]) -> Tensor {
        Tensor::from_f64(&[values.len()], values)
    }

    #[test]
    fn flips_and_shifts() {
        let flipped = flip(&picture(), &numbers(&[0.0, 1.0])).to_f64();
        assert_eq!(flipped, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 9.0, 8.0, 7.0, 12.0, 11.0, 10.0]);
        // One down; then two left.
        let moved = translate(&picture(), &numbers(&[1.0, 0.0]), &numbers(&[0.0, -2.0])).to_f64();
        assert_eq!(moved, [0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 9.0, 0.0, 0.0, 12.0, 0.0, 0.0]);
        // Further than the picture is large.
        let gone = translate(&picture(), &numbers(&[5.0, -7.0]), &numbers(&[0.0, 0.0])).to_f64();
        assert_eq!(gone, [0.0; 12]);
    }

    #[test]
    fn crops_lie_inside() {
        let last = crop(&picture(), [1, 2], &|shape| Tensor::full(DType::F64, shape, 0.999));
        assert_eq!(
            (last.shape(), last.to_f64()),
            (&[2, 1, 2, 1][..], vec![5.0, 6.0, 11.0, 12.0])
        );
        let first = crop(&picture(), [1, 2], &|shape| Tensor::full(DType::F64, shape, 0.0));
        assert_eq!(first.to_f64(), [1.0, 2.0, 7.0, 8.0]);
    }

    #[test]
    fn sampling_is_bilinear_and_mirrors_at_the_border() {
        let x = Tensor::from_f64(&[1, 1, 4, 1], &[0.0, 10.0, 20.0, 30.0]);
        let rows = Tensor::full(DType::F64, &[1, 1, 4], 0.0);
        let at = |places: [f64; 4]| sample(&x, &rows, &Tensor::from_f64(&[1, 1, 4], &places)).to_f64();
        assert_eq!(at([0.0, 1.0, 2.0, 3.0]), [0.0, 10.0, 20.0, 30.0]);
        assert_eq!(at([0.5, 1.25, 2.9, 3.0]), [5.0, 12.5, 29.0, 30.0]);
        // Behind the edge at 3.5 comes pixel 3 again, then 2; before the one at -0.5 comes pixel 0.
        assert_eq!(at([4.0, 5.0, -1.0, -2.0]), [30.0, 20.0, 0.0, 10.0]);
    }

    #[test]
    fn a_net_pulled_as_a_whole_is_a_shift() {
        let drawn = std::cell::Cell::new(0);
        // Down by nothing, to the right by one pixel of the two that the shorter side has.
        let knots = |shape: &[usize]| {
            drawn.set(drawn.get() + 1);
            Tensor::full(DType::F64, shape, [0.0, 1.0][drawn.get() - 1])
        };
        let warped = warp(&picture(), 0.5, &knots).to_f64();
        assert_eq!(warped, [2.0, 3.0, 3.0, 5.0, 6.0, 6.0, 8.0, 9.0, 9.0, 11.0, 12.0, 12.0]);
    }

    #[test]
    fn the_gradient_goes_back_where_the_pixel_came_from() {
        let x = Tensor::from_f64(&[1, 1, 3, 1], &[7.0, 8.0, 9.0]);
        let moved = translate(&x, &numbers(&[0.0]), &numbers(&[1.0]));
        let loss = (moved * Tensor::from_f64(&[1, 1, 3, 1], &[1.0, 2.0, 4.0])).sum();
        assert_eq!(grad(&loss, &[&x])[0].to_f64(), [2.0, 4.0, 0.0]);
    }
}
