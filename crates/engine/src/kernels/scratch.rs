//! Each thread's own working memory, which grows to what its largest task needs and stays.
use super::real::Real;
use crate::buffer::Pages;
use std::cell::Cell;

thread_local! {
    static MEMORY: Cell<Option<Pages>> = const { Cell::new(None) };
}

/// Calls `work` with at least `len` elements of this thread's memory, 64-byte-aligned, holding anything.
///
/// The memory is taken away while `work` runs, so a nested call gets memory of its own. It lies in huge pages where it is
/// large: what is packed here is read again from the second-level cache, where small pages, strewn at random, would push one another
/// out (convolutions of some processes took 1.7 times as long).
pub(super) fn with<T: Real, R>(len: usize, work: impl FnOnce(*mut T) -> R) -> R {
    let bytes = len * size_of::<T>();
    let memory = MEMORY.take().filter(|memory| memory.bytes() >= bytes);
    let memory = memory.unwrap_or_else(|| Pages::zeros(bytes));
    let result = work(memory.start().cast());
    MEMORY.set(Some(memory));
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
