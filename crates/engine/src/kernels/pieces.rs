//! Sums that are cut into pieces of work, each summed on its own, and folded in the order of the pieces.
use super::{real::Real, scratch::Shared};
use crate::pool;

/// Elements that one task folds.
const STEP: usize = 4096;

/// Sums `pieces` times `len` elements, one piece behind the other, into `total`.
///
/// # Safety
/// All pieces are readable, `total` is writable for `len` elements and nobody else touches it.
pub(super) unsafe fn fold<T: Real>(partial: *const T, pieces: usize, len: usize, total: *mut T) {
    let (partial, total) = (Shared::read(partial), Shared::new(total));
    pool::for_each(len.div_ceil(STEP), |task| {
        let (start, count) = (task * STEP, STEP.min(len - task * STEP));
        // SAFETY: tasks write different elements; the caller vouches for the rest.
        unsafe {
            let total = std::slice::from_raw_parts_mut(total.get().add(start), count);
            total.fill(T::ZERO);
            for piece in 0..pieces {
                let sums = std::slice::from_raw_parts(partial.get().add(piece * len + start), count);
                for (total, &sum) in total.iter_mut().zip(sums) {
                    *total += sum;
                }
            }
        }
    });
}
