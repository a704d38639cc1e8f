//! How a loop reads an operand: the index arithmetic, and the copies that it comes down to.
use super::View;

/// The longest pattern that is written out once and kept in a register of its own.
pub(super) const LONGEST_PERIOD: usize = 2048;
const MOST_DIMS: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One element for all.
    Scalar,
    /// The elements in their order in memory.
    Identity,
    /// A short pattern over and over.
    Periodic(usize),
    /// Anything else.
    Strided,
}

/// A view with as few dimensions as it takes.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    /// Extent and stride, innermost last; never empty.
    dims: Vec<(usize, isize)>,
    pub(super) offset: usize,
    pub(super) kind: Kind,
}

impl Walk {
    pub(super) fn of(view: &View) -> Walk {
        assert_eq!(
            view.shape.len(),
            view.strides.len(),
            "a view has one stride per dimension"
        );
        let mut dims: Vec<(usize, isize)> = Vec::new();
        for (&extent, &stride) in view.shape.iter().zip(&view.strides) {
            if extent == 1 {
                continue;
            }
            match dims.last_mut() {
                Some(outer) if outer.1 == stride * extent as isize => *outer = (outer.0 * extent, stride),
                _ => dims.push((extent, stride)),
            }
        }
        assert!(
            dims.len() <= MOST_DIMS,
            "a view has at most {MOST_DIMS} dimensions that cannot be merged"
        );
        let period: usize = dims.iter().skip(1).map(|dim| dim.0).product();
        let kind = match dims[..] {
            [] | [(_, 0)] => Kind::Scalar,
            [(_, 1)] => Kind::Identity,
            [(_, 0), ..] if period <= LONGEST_PERIOD => Kind::Periodic(period),
            _ => Kind::Strided,
        };
        if dims.is_empty() {
            dims.push((1, 0));
        }
        Walk {
            dims,
            offset: view.offset,
            kind,
        }
    }

    /// The lowest and the highest element that it touches, as offsets; the view must not be empty.
    pub(super) fn bounds(&self) -> (isize, isize) {
        self.dims.iter().fold(
            (self.offset as isize, self.offset as isize),
            |(low, high), &(extent, stride)| {
                let reach = (extent as isize - 1) * stride;
                (low + reach.min(0), high + reach.max(0))
            },
        )
    }

    /// Where `len` elements from the flat index `start` lie side by side in memory, if they do.
    #[inline]
    pub(super) fn contiguous(&self, start: usize, len: usize) -> Option<isize> {
        let (&(row, stride), outer) = self.dims.split_last().expect("a walk has a dimension");
        let position = start % row;
        if stride != 1 || position + len > row {
            return None;
        }
        let mut rest = start / row;
        let mut at = self.offset as isize + position as isize;
        for &(extent, stride) in outer.iter().rev() {
            at += (rest % extent) as isize * stride;
            rest /= extent;
        }
        Some(at)
    }

    /// Copies the elements `start..start + len` to `out`.
    ///
    /// # Safety
    /// They lie within `input` and the loop's range; `out` has room for `len` and does not overlap `input`.
    pub(super) unsafe fn fetch<T: Copy>(&self, input: *const T, start: usize, len: usize, out: *mut T) {
        let (&(row, stride), outer) = self.dims.split_last().expect("a walk has a dimension");
        let mut index = [0usize; MOST_DIMS];
        let mut position = start % row;
        let mut rest = start / row;
        // `at` is the start of the current row.
        let mut at = self.offset as isize;
        for (index, &(extent, stride)) in index.iter_mut().zip(outer).rev() {
            *index = rest % extent;
            at += *index as isize * stride;
            rest /= extent;
        }
        let mut done = 0;
        while done < len {
            let rows = match outer.last() {
                Some(&(extent, _)) if position == 0 && len - done >= row => {
                    ((len - done) / row).min(extent - index[outer.len() - 1])
                }
                _ => 1,
            };
            // SAFETY: rows `at..` are within the input by the caller's word, and `done + rows * run <= len`.
            unsafe {
                let to = out.add(done);
                if rows == 1 {
                    let run = (row - position).min(len - done);
                    copy_row(input.offset(at + position as isize * stride), stride, to, run);
                    done += run;
                } else {
                    copy_rows(input.offset(at), (row, stride), (rows, outer[outer.len() - 1].1), to);
                    done += rows * row;
                }
            }
            position = 0;
            let mut step = rows;
            for (index, &(extent, stride)) in index.iter_mut().zip(outer).rev() {
                *index += step;
                at += step as isize * stride;
                if *index < extent {
                    break;
                }
                *index -= extent;
                at -= extent as isize * stride;
                step = 1;
            }
        }
    }
}

/// # Safety
/// `from` is readable at `i * stride`, `to` writable at `i`, for `i < len`, and they do not overlap.
#[inline(always)]
unsafe fn copy_row<T: Copy>(from: *const T, stride: isize, to: *mut T, len: usize) {
    // SAFETY: the caller's word.
    unsafe {
        match stride {
            1 => std::ptr::copy_nonoverlapping(from, to, len),
            0 => std::slice::from_raw_parts_mut(to, len).fill(*from),
            -1 => {
                let to = std::slice::from_raw_parts_mut(to, len);
                reverse(std::slice::from_raw_parts(from.sub(len - 1), len), to);
            }
            _ => {
                for i in 0..len {
                    *to.add(i) = *from.offset(i as isize * stride);
                }
            }
        }
    }
}

#[inline(never)]
fn reverse<T: Copy>(from: &[T], to: &mut [T]) {
    for (to, &from) in to.iter_mut().zip(from.iter().rev()) {
        *to = from;
    }
}

/// # Safety
/// As [`copy_row`], for every one of the rows.
unsafe fn copy_rows<T: Copy>(from: *const T, inner: (usize, isize), outer: (usize, isize), to: *mut T) {
    let ((row, stride), (rows, row_stride)) = (inner, outer);
    // SAFETY: the caller's word.
    unsafe {
        if row_stride.unsigned_abs() < stride.unsigned_abs() {
            // Memory is read in its own order: a cache line that is left may be gone when the next row wants it.
            for i in 0..row {
                let (from, to) = (from.offset(i as isize * stride), to.add(i));
                for r in 0..rows {
                    *to.add(r * row) = *from.offset(r as isize * row_stride);
                }
            }
            return;
        }
        for r in 0..rows {
            let (from, to) = (from.offset(r as isize * row_stride), to.add(r * row));
            if row <= 16 {
                for i in 0..row {
                    *to.add(i) = *from.offset(i as isize * stride);
                }
            } else {
                copy_row(from, stride, to, row);
            }
        }
    }
}

/// Repeats the first `period` elements of `out` until `len` are filled.
///
/// # Safety
/// `out` has room for `len`, and its first `min(period, len)` elements are there.
pub(super) unsafe fn repeat<T: Copy>(out: *mut T, period: usize, len: usize) {
    let mut filled = period;
    while filled < len {
        let more = filled.min(len - filled);
        // SAFETY: `filled + more <= len`, and the two parts do not overlap as `more <= filled`.
        unsafe { std::ptr::copy_nonoverlapping(out, out.add(filled), more) };
        filled += more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(shape: &[usize], strides: &[isize]) -> Kind {
        Walk::of(&View {
            shape: shape.to_vec(),
            strides: strides.to_vec(),
            offset: 0,
        })
        .kind
    }

    #[test]
    fn views_are_collapsed_to_what_they_are() {
        assert_eq!(kind(&[], &[]), Kind::Scalar);
        assert_eq!(kind(&[2, 3], &[0, 0]), Kind::Scalar);
        assert_eq!(kind(&[2, 1, 3], &[3, 77, 1]), Kind::Identity);
        assert_eq!(kind(&[4, 5, 3], &[0, 0, 1]), Kind::Periodic(3));
        assert_eq!(kind(&[4, 5, 3], &[0, 1, 0]), Kind::Periodic(15));
        assert_eq!(kind(&[4, 5], &[1, 0]), Kind::Strided);
        assert_eq!(kind(&[4, 5], &[1, 4]), Kind::Strided);
        assert_eq!(kind(&[5], &[-1]), Kind::Strided);
        assert_eq!(kind(&[5, 2049], &[0, 1]), Kind::Strided);
    }
}
