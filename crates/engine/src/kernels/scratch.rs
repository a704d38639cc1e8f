//! Each thread's own working memory, which grows to what its largest task needs and stays.
use super::real::Real;
use std::cell::Cell;

#[derive(Clone, Copy, Default)]
#[repr(C, align(64))]
struct Line([u64; 8]);

thread_local! {
    static LINES: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
}

/// Calls `work` with at least `len` elements of this thread's memory, 64-byte-aligned, holding anything.
///
/// The memory is taken away while `work` runs, so a nested call gets memory of its own.
pub(super) fn with<T: Real, R>(len: usize, work: impl FnOnce(*mut T) -> R) -> R {
    let mut lines = LINES.take();
    let wanted = (len * size_of::<T>()).div_ceil(size_of::<Line>());
    if lines.len() < wanted {
        lines.resize(wanted, Line::default());
    }
    let result = work(lines.as_mut_ptr().cast());
    LINES.set(lines);
    result
}

/// A pointer that tasks share; each task touches only its own part of what is behind it.
#[derive(Clone, Copy)]
pub(super) struct Shared<T>(*mut T);

// SAFETY: a pointer is only a number; whoever dereferences it promises disjoint parts in an unsafe block.
unsafe impl<T> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub(super) fn new(ptr: *mut T) -> Self {
        Self(ptr)
    }

    pub(super) fn read(ptr: *const T) -> Self {
        Self(ptr.cast_mut())
    }

    pub(super) fn get(self) -> *mut T {
        self.0
    }
}
