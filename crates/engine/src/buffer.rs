//! Memory for elements: aligned for the widest vectors, reference-counted, of one dtype.
use crate::tensor::DType;

/// Elements of one dtype in aligned memory.
pub struct Buffer {
    // Whole cache lines, so that every element array starts on one and every vector load of it is aligned.
    lines: Vec<Line>,
    dtype: DType,
    numel: usize,
}

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

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
        let lines = (numel * dtype.bytes()).div_ceil(64);
        Buffer {
            lines: vec![Line([0; 64]); lines],
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
        self.lines.as_ptr().cast::<u8>().cast_mut()
    }

    pub(crate) fn pointer_mut(&mut self) -> *mut u8 {
        self.lines.as_mut_ptr().cast()
    }

    /// The elements.
    ///
    /// # Panics
    /// Where they are not f32.
    #[track_caller]
    pub fn as_f32(&self) -> &[f32] {
        assert_eq!(self.dtype, DType::F32, "as_f32 of a buffer of {:?}", self.dtype);
        // SAFETY: the lines hold at least `numel` initialised f32 of any bit pattern, aligned to 64 bytes.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.numel) }
    }

    /// The elements, to change.
    ///
    /// # Panics
    /// Where they are not f32.
    #[track_caller]
    pub fn as_f32_mut(&mut self) -> &mut [f32] {
        assert_eq!(self.dtype, DType::F32, "as_f32_mut of a buffer of {:?}", self.dtype);
        // SAFETY: as in `as_f32`, and the borrow of `self` is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.numel) }
    }

    /// The elements.
    ///
    /// # Panics
    /// Where they are not f64.
    #[track_caller]
    pub fn as_f64(&self) -> &[f64] {
        assert_eq!(self.dtype, DType::F64, "as_f64 of a buffer of {:?}", self.dtype);
        // SAFETY: the lines hold at least `numel` initialised f64 of any bit pattern, aligned to 64 bytes.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.numel) }
    }

    /// The elements, to change.
    ///
    /// # Panics
    /// Where they are not f64.
    #[track_caller]
    pub fn as_f64_mut(&mut self) -> &mut [f64] {
        assert_eq!(self.dtype, DType::F64, "as_f64_mut of a buffer of {:?}", self.dtype);
        // SAFETY: as in `as_f64`, and the borrow of `self` is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.numel) }
    }

    /// The elements as little-endian bytes, as files keep them.
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: bytes have no invalid patterns, and the lines hold at least this many.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.numel * self.dtype.bytes()) }
    }

    /// The elements as little-endian bytes, to change: every pattern is a valid element.
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_bytes`, every bit pattern is a valid float, and the borrow of `self` is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.numel * self.dtype.bytes()) }
    }

    /// The elements as f64, whatever they are.
    pub fn to_f64(&self) -> Vec<f64> {
        match self.dtype {
            DType::F32 => self.as_f32().iter().map(|&x| x.into()).collect(),
            DType::F64 => self.as_f64().to_vec(),
        }
    }
}
