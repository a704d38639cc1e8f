//! Memory for elements: aligned for the widest vectors, of one dtype.
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::panic::panic_any;

/// What a tensor's elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32-bit floating point: what training runs in.
    F32,
    /// 64-bit floating point: what gradients are proved in.
    F64,
}

/// Elements of one dtype in aligned memory.
pub struct Buffer {
    memory: Memory,
    dtype: DType,
    numel: usize,
}

/// What a panic carries where the system has less memory than a plan or tensor needs: nothing is broken, and a smaller one
/// may fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory {
    /// What was asked for in one piece.
    pub bytes: usize,
}

/// Bytes of a cache line: every array starts on one, so that no vector load of it crosses two.
const LINE: usize = 64;
/// Bytes of a huge page. A step walks through hundreds of megabytes: with pages of 4 KiB that is a page fault per page
/// the first time and a miss of the address cache per page every time.
const HUGE_PAGE: usize = 2 << 20;

/// Zeros at first, aligned to a cache line; where there is room for huge pages, to those.
struct Memory {
    /// What was allocated. The allocator is asked for no more than its own alignment: then large zeros come from the
    /// operating system as they are needed, and nobody writes them.
    allocated: *mut u8,
    layout: Layout,
    /// The first aligned byte of it.
    start: *mut u8,
}

// SAFETY: it owns what it points to, as a `Vec` does.
unsafe impl Send for Memory {}
// SAFETY: as above; shared references only read.
unsafe impl Sync for Memory {}

impl Memory {
    fn zeros(bytes: usize) -> Self {
        let align = if bytes >= 2 * HUGE_PAGE { HUGE_PAGE } else { LINE };
        let layout = bytes
            .checked_add(align)
            .and_then(|bytes| Layout::array::<u64>(bytes.div_ceil(8)).ok());
        let layout = layout.unwrap_or_else(|| panic_any(OutOfMemory { bytes }));
        // SAFETY: the layout is not empty.
        let allocated = unsafe { alloc_zeroed(layout) };
        if allocated.is_null() {
            panic_any(OutOfMemory { bytes });
        }
        // SAFETY: there are `align` bytes more than needed.
        let start = unsafe { allocated.add(allocated.align_offset(align)) };
        #[cfg(target_os = "linux")]
        if align == HUGE_PAGE {
            // SAFETY: only pages that lie wholly in this allocation are named; the advice does not change what is in them.
            // It may be refused, which costs time and nothing else.
            unsafe { libc::madvise(start.cast(), bytes / HUGE_PAGE * HUGE_PAGE, libc::MADV_HUGEPAGE) };
        }
        Self {
            allocated,
            layout,
            start,
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout.
        unsafe { dealloc(self.allocated, self.layout) }
    }
}

impl DType {
    /// Bytes of one element.
    pub fn bytes(self) -> usize {
        match self {
            DType::F32 => 4,
            DType::F64 => 8,
        }
    }
}

impl Buffer {
    /// Zeros.
    pub fn zeros(dtype: DType, numel: usize) -> Buffer {
        Buffer {
            memory: Memory::zeros(numel * dtype.bytes()),
            dtype,
            numel,
        }
    }

    /// A copy of these elements.
    pub fn from_f32(elements: &[f32]) -> Buffer {
        let mut buffer = Buffer::zeros(DType::F32, elements.len());
        buffer.as_f32_mut().copy_from_slice(elements);
        buffer
    }

    /// A copy of these elements.
    pub fn from_f64(elements: &[f64]) -> Buffer {
        let mut buffer = Buffer::zeros(DType::F64, elements.len());
        buffer.as_f64_mut().copy_from_slice(elements);
        buffer
    }

    /// What the elements are.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// How many elements.
    pub fn numel(&self) -> usize {
        self.numel
    }

    pub(crate) fn pointer(&self) -> *mut u8 {
        self.memory.start
    }

    pub(crate) fn pointer_mut(&mut self) -> *mut u8 {
        self.memory.start.cast()
    }

    /// The elements.
    ///
    /// # Panics
    /// Where they are not f32.
    #[track_caller]
    pub fn as_f32(&self) -> &[f32] {
        assert_eq!(self.dtype, DType::F32, "as_f32 of a buffer of {:?}", self.dtype);
        // SAFETY: the memory holds at least `numel` initialised f32 of any bit pattern, aligned to 64 bytes.
        unsafe { std::slice::from_raw_parts(self.memory.start.cast(), self.numel) }
    }

    /// The elements, to change.
    ///
    /// # Panics
    /// Where they are not f32.
    #[track_caller]
    pub fn as_f32_mut(&mut self) -> &mut [f32] {
        assert_eq!(self.dtype, DType::F32, "as_f32_mut of a buffer of {:?}", self.dtype);
        // SAFETY: as in `as_f32`, and the borrow of `self` is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.memory.start.cast(), self.numel) }
    }

    /// The elements.
    ///
    /// # Panics
    /// Where they are not f64.
    #[track_caller]
    pub fn as_f64(&self) -> &[f64] {
        assert_eq!(self.dtype, DType::F64, "as_f64 of a buffer of {:?}", self.dtype);
        // SAFETY: the memory holds at least `numel` initialised f64 of any bit pattern, aligned to 64 bytes.
        unsafe { std::slice::from_raw_parts(self.memory.start.cast(), self.numel) }
    }

    /// The elements, to change.
    ///
    /// # Panics
    /// Where they are not f64.
    #[track_caller]
    pub fn as_f64_mut(&mut self) -> &mut [f64] {
        assert_eq!(self.dtype, DType::F64, "as_f64_mut of a buffer of {:?}", self.dtype);
        // SAFETY: as in `as_f64`, and the borrow of `self` is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.memory.start.cast(), self.numel) }
    }

    /// The elements as little-endian bytes, as files keep them.
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: bytes have no invalid patterns, and the memory holds at least this many.
        unsafe { std::slice::from_raw_parts(self.memory.start.cast(), self.numel * self.dtype.bytes()) }
    }

    /// The elements as little-endian bytes, to change: every pattern is a valid element.
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_bytes`, every bit pattern is a valid float, and the borrow of `self` is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.memory.start.cast(), self.numel * self.dtype.bytes()) }
    }

    /// The elements as f64, whatever they are.
    pub fn to_f64(&self) -> Vec<f64> {
        match self.dtype {
            DType::F32 => self.as_f32().iter().map(|&x| x.into()).collect(),
            DType::F64 => self.as_f64().to_vec(),
        }
    }
}
