//! A tensor where it lies in a file: type, shape and strides over a storage, checked once, so that reading cannot go wrong.
use super::error::{Problem, Result};
use half::{bf16, f16};
use std::ops::Range;
use std::sync::Arc;

/// Most axes of a tensor: one shape can be named any number of times.
pub(super) const MOST_AXES: usize = 8;

/// What the elements of a tensor are in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum DType {
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl DType {
    /// Bytes of an element.
    pub fn bytes(self) -> usize {
        match self {
            DType::F64 | DType::I64 => 8,
            DType::F32 | DType::I32 => 4,
            DType::F16 | DType::BF16 | DType::I16 => 2,
            DType::I8 | DType::U8 | DType::Bool => 1,
        }
    }
}

/// Bytes in the file, or decoded from it.
#[derive(Clone, Debug)]
pub(super) enum Bytes {
    InFile(Range<usize>),
    Decoded(Arc<[u8]>),
}

impl Bytes {
    pub(super) fn of<'a>(&'a self, file: &'a [u8]) -> &'a [u8] {
        match self {
            Bytes::InFile(range) => &file[range.clone()],
            Bytes::Decoded(bytes) => bytes,
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Bytes::InFile(range) => range.len(),
            Bytes::Decoded(bytes) => bytes.len(),
        }
    }
}

/// A tensor in a storage: element `[i, j, ..]` is element `first + i strides[0] + j strides[1] + ..` of it.
#[derive(Clone, Debug)]
pub(super) struct View {
    dtype: DType,
    shape: Vec<usize>,
    strides: Vec<usize>,
    first: usize,
    storage: Bytes,
}

impl View {
    /// A tensor of these strides; every element lies in the storage, and there are no more of them than it holds.
    pub(super) fn strided(
        dtype: DType,
        shape: Vec<usize>,
        strides: Vec<usize>,
        first: usize,
        storage: Bytes,
    ) -> Result<View> {
        if shape.len() > MOST_AXES {
            return Err(Problem::TooLarge {
                what: "axes of a tensor",
                most: MOST_AXES,
            });
        }
        let held = storage.len() / dtype.bytes();
        let count = shape.iter().try_fold(1, |count: usize, &extent| count.checked_mul(extent));
        let last = || {
            let axes = shape.iter().zip(&strides);
            axes.fold(Some(first), |last, (&extent, &stride)| {
                last?.checked_add((extent - 1).checked_mul(stride)?)
            })
        };
        let fits = strides.len() == shape.len()
            && count.is_some_and(|count| count <= held && (count == 0 || last().is_some_and(|last| last < held)));
        if !fits {
            return Err(Problem::damaged(format!(
                "a tensor of shape {shape:?} reaches outside of its {held} elements"
            )));
        }
        Ok(View {
            dtype,
            shape,
            strides,
            first,
            storage,
        })
    }

    /// A tensor whose elements lie one after another, the last index fastest, or the first one (as Fortran has it).
    pub(super) fn dense(dtype: DType, shape: Vec<usize>, is_fortran: bool, storage: Bytes) -> Result<View> {
        let mut strides = vec![1; shape.len()];
        let mut count: usize = 1;
        let mut axes: Vec<usize> = (0..shape.len()).collect();
        if !is_fortran {
            axes.reverse();
        }
        for axis in axes {
            strides[axis] = count;
            // A product that overflows is refused with the shape.
            count = count.saturating_mul(shape[axis]);
        }
        View::strided(dtype, shape, strides, 0, storage)
    }

    pub(super) fn dtype(&self) -> DType {
        self.dtype
    }

    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements in row-major order.
    pub(super) fn to_f32(&self, file: &[u8]) -> Vec<f32> {
        let bytes = self.storage.of(file);
        match self.dtype {
            DType::F64 => self.gather(bytes, |b| f64::from_le_bytes(b) as f32),
            DType::F32 => self.gather(bytes, f32::from_le_bytes),
            DType::F16 => self.gather(bytes, |b| f16::from_le_bytes(b).to_f32()),
            DType::BF16 => self.gather(bytes, |b| bf16::from_le_bytes(b).to_f32()),
            DType::I64 => self.gather(bytes, |b| i64::from_le_bytes(b) as f32),
            DType::I32 => self.gather(bytes, |b| i32::from_le_bytes(b) as f32),
            DType::I16 => self.gather(bytes, |b| i16::from_le_bytes(b).into()),
            DType::I8 => self.gather(bytes, |b| i8::from_le_bytes(b).into()),
            DType::U8 => self.gather(bytes, |b| u8::from_le_bytes(b).into()),
            DType::Bool => self.gather(bytes, |b: [u8; 1]| (b[0] != 0).into()),
        }
    }

    fn gather<const N: usize>(&self, bytes: &[u8], element: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        let (elements, _) = bytes.as_chunks::<N>();
        let count = self.shape.iter().product();
        let mut values = Vec::with_capacity(count);
        let mut index = vec![0; self.shape.len()];
        let mut place = self.first;
        for _ in 0..count {
            values.push(element(elements[place]));
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                place += self.strides[axis];
                if index[axis] < self.shape[axis] {
                    break;
                }
                place -= self.strides[axis] * self.shape[axis];
                index[axis] = 0;
            }
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn storage(numbers: &[f32]) -> Bytes {
        Bytes::Decoded(numbers.iter().flat_map(|x| x.to_le_bytes()).collect())
    }

    #[test]
    fn strides_are_honoured() {
        let six = storage(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let read = |shape: &[usize], strides: &[usize], first| {
            let view = View::strided(DType::F32, shape.to_vec(), strides.to_vec(), first, six.clone());
            view.unwrap().to_f32(&[])
        };
        assert_eq!(read(&[3, 2], &[1, 3], 0), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(read(&[2], &[2], 1), [1.0, 3.0]);
        assert_eq!(read(&[2, 2], &[0, 1], 4), [4.0, 5.0, 4.0, 5.0]);
        assert_eq!(read(&[], &[], 3), [3.0]);
        assert!(read(&[2, 0], &[7, 7], 0).is_empty());
        let fortran = View::dense(DType::F32, vec![3, 2], true, six.clone()).unwrap();
        assert_eq!(fortran.to_f32(&[]), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        let rows = View::dense(DType::F32, vec![3, 2], false, six).unwrap();
        assert_eq!(rows.to_f32(&[]), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    }

    #[test]
    fn every_type_becomes_f32() {
        let read = |dtype, bytes: &[u8]| {
            let count = bytes.len() / DType::bytes(dtype);
            let view = View::dense(dtype, vec![count], false, Bytes::InFile(1..1 + bytes.len()));
            view.unwrap().to_f32(&[&[99], bytes].concat())
        };
        assert_eq!(read(DType::F64, &(-1.5f64).to_le_bytes()), [-1.5]);
        assert_eq!(read(DType::F16, &[0x00, 0xc0, 0x01, 0x00]), [-2.0, 2f32.powi(-24)]);
        assert_eq!(read(DType::BF16, &[0x80, 0x3f, 0x49, 0xc0]), [1.0, -3.140625]);
        assert_eq!(read(DType::I64, &(-7i64).to_le_bytes()), [-7.0]);
        assert_eq!(read(DType::I32, &9i32.to_le_bytes()), [9.0]);
        assert_eq!(read(DType::I16, &[0xff, 0xff]), [-1.0]);
        assert_eq!(read(DType::I8, &[0x80, 5]), [-128.0, 5.0]);
        assert_eq!(read(DType::U8, &[0x80, 5]), [128.0, 5.0]);
        assert_eq!(read(DType::Bool, &[0, 1]), [0.0, 1.0]);
    }

    #[test]
    fn what_reaches_outside_is_refused() {
        let refused = |shape: &[usize], strides: &[usize], first| {
            let six = storage(&[0.0; 6]);
            View::strided(DType::F32, shape.to_vec(), strides.to_vec(), first, six).unwrap_err()
        };
        for (shape, strides, first) in [
            (&[7][..], &[1][..], 0),
            (&[6], &[1], 1),
            (&[2], &[6], 0),
            (&[2], &[usize::MAX], 1),
            (&[7], &[0], 0),
            (&[1 << 40, 1 << 40], &[0, 0], 0),
            (&[2, 3], &[3], 0),
            (&[1], &[1], usize::MAX),
        ] {
            let message = refused(shape, strides, first).to_string();
            assert!(message.ends_with("reaches outside of its 6 elements"), "{message}");
        }
        assert_eq!(
            refused(&[1; 9], &[1; 9], 0).to_string(),
            "refused to read weights: expected at most 8 axes of a tensor"
        );
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_can_be_read(
            shape in prop::collection::vec(0usize..5, 0..4),
            strides in prop::collection::vec(0usize..9, 0..4),
            first in 0usize..9,
        ) {
            let held = storage(&std::array::from_fn::<f32, 16, _>(|i| i as f32));
            if let Ok(view) = View::strided(DType::F32, shape.clone(), strides, first, held) {
                let values = view.to_f32(&[]);
                prop_assert_eq!(values.len(), shape.iter().product::<usize>());
                prop_assert!(values.first().is_none_or(|value| *value == first as f32));
            }
        }
    }
}
