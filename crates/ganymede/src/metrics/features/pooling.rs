//! Pooling over windows of 3 x 3, written with slices: a fused loop reads them where they are.
use gany_engine::{PadMode, Tensor};

/// What happens to a window that reaches over the border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Border {
    /// It is left out.
    Valid,
    /// It counts as far as it reaches (PyTorch's `ceil_mode`).
    Ceil,
    /// There is one around every pixel, with a stride of 1 (a padding of 1).
    Same,
}

/// Largest elements over windows of 3 x 3 of what is not negative, as behind a ReLU: then zeros around it do no harm.
///
/// # Shapes
/// x `[n, h, w, c]`; the result is `[n, h', w', c]`.
pub(crate) fn max_pool(x: &Tensor, stride: usize, border: Border) -> Tensor {
    let along = |x: &Tensor, axis: usize| {
        let (low, extent) = (usize::from(border == Border::Same), x.extent(axis));
        let count = match border {
            Border::Valid => (extent - 3) / stride + 1,
            Border::Ceil => (extent - 3).div_ceil(stride) + 1,
            Border::Same => extent,
        };
        let reach = (count - 1) * stride + 3;
        let x = x.pad(axis, low, reach.saturating_sub(extent + low), PadMode::Zero);
        let tap = |tap| x.slice_step(axis, tap, count, stride as isize);
        tap(0).maximum(&tap(1)).maximum(&tap(2))
    };
    along(&along(x, 1), 2)
}

/// Means of the pixels around every pixel, 3 x 3 where there are so many: what lies outside is not counted.
///
/// # Shapes
/// x `[n, h, w, c]` and so is the result.
pub(crate) fn average_pool(x: &Tensor) -> Tensor {
    let along = |x: &Tensor, axis: usize| {
        let extent = x.extent(axis);
        let padded = x.pad(axis, 1, 1, PadMode::Zero);
        let tap = |tap| padded.slice(axis, tap, tap + extent);
        let counted = |i: usize| 3 - usize::from(i == 0) - usize::from(i + 1 == extent);
        let shares: Vec<f32> = (0..extent).map(|i| 1.0 / counted(i) as f32).collect();
        let mut shape = [1; 4];
        shape[axis] = extent;
        (tap(0) + tap(1) + tap(2)) * Tensor::from_f32(&shape, &shares)
    };
    along(&along(x, 1), 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooled(side: usize, pool: impl Fn(&Tensor) -> Tensor) -> Vec<f32> {
        let numbers: Vec<f32> = (0..side * side).map(|i| i as f32).collect();
        pool(&Tensor::from_f32(&[1, side, side, 1], &numbers)).to_f32()
    }

    #[test]
    fn windows_by_hand() {
        // 0 1 2 3 / 4 5 6 7 / 8 9 10 11 / 12 13 14 15
        assert_eq!(pooled(4, |x| max_pool(x, 2, Border::Valid)), [10.0]);
        assert_eq!(pooled(4, |x| max_pool(x, 2, Border::Ceil)), [10.0, 11.0, 14.0, 15.0]);
        assert_eq!(pooled(2, |x| max_pool(x, 1, Border::Same)), [3.0; 4]);
        assert_eq!(pooled(5, |x| max_pool(x, 2, Border::Ceil)), [12.0, 14.0, 22.0, 24.0]);
        // 0 1 2 / 3 4 5 / 6 7 8: corners are means of four, edges of six.
        let means = pooled(3, average_pool);
        let expected = [2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0];
        assert!(means.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{means:?}");
    }
}
