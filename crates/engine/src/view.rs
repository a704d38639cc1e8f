//! Strided views: how an operand's elements are found without copying them.

/// Where the elements of a tensor lie in a buffer: element `index` is at `offset + sum(index * stride)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct View {
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// Elements to go for one step along each axis: 0 repeats, negative runs backwards.
    pub strides: Vec<isize>,
    /// Element that index zero reads.
    pub offset: usize,
}

/// Strides of a contiguous row-major tensor.
pub(crate) fn row_major(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis] as isize;
    }
    strides
}

impl View {
    /// `numel` elements in their order in memory.
    pub fn identity(numel: usize) -> View {
        View::contiguous(&[numel])
    }

    /// The view that reads a buffer of this shape as it lies.
    pub fn contiguous(shape: &[usize]) -> View {
        View {
            shape: shape.to_vec(),
            strides: row_major(shape),
            offset: 0,
        }
    }

    /// Whether flat index `i` reads element `i`.
    pub fn is_identity(&self) -> bool {
        let mut expected = 1;
        self.offset == 0
            && self.shape.iter().zip(&self.strides).rev().all(|(&extent, &stride)| {
                let fits = extent == 1 || stride == expected;
                expected *= extent as isize;
                fits
            })
    }

    pub(crate) fn permuted(&self, axes: &[usize]) -> View {
        View {
            shape: axes.iter().map(|&a| self.shape[a]).collect(),
            strides: axes.iter().map(|&a| self.strides[a]).collect(),
            offset: self.offset,
        }
    }

    pub(crate) fn broadcast(&self, shape: &[usize]) -> View {
        let strides = (0..shape.len()).map(|a| if self.shape[a] == shape[a] { self.strides[a] } else { 0 });
        View {
            shape: shape.to_vec(),
            strides: strides.collect(),
            offset: self.offset,
        }
    }

    pub(crate) fn sliced(&self, starts: &[usize], steps: &[isize], shape: &[usize]) -> View {
        let shift: isize = starts
            .iter()
            .zip(&self.strides)
            .map(|(&start, stride)| start as isize * stride)
            .sum();
        View {
            shape: shape.to_vec(),
            strides: self
                .strides
                .iter()
                .zip(steps)
                .map(|(stride, step)| stride * step)
                .collect(),
            offset: (self.offset as isize + shift) as usize,
        }
    }

    /// The same elements in the same order under another shape, where strides can express that.
    pub(crate) fn reshaped(&self, shape: &[usize]) -> Option<View> {
        if shape.contains(&0) {
            return Some(View::contiguous(shape));
        }
        // Runs of old axes that lie behind one another are one axis; every new axis must divide such a run.
        let mut runs: Vec<(usize, isize)> = Vec::new();
        for (&extent, &stride) in self.shape.iter().zip(&self.strides).filter(|(extent, _)| **extent != 1) {
            match runs.last_mut() {
                Some((length, inner)) if *inner == stride * extent as isize => {
                    (*length, *inner) = (*length * extent, stride)
                }
                _ => runs.push((extent, stride)),
            }
        }
        let mut strides = vec![0; shape.len()];
        let mut runs = runs.into_iter().rev();
        let (mut left, mut stride) = (1, 0);
        for (axis, &extent) in shape.iter().enumerate().rev() {
            if extent == 1 {
                continue;
            }
            if left == 1 {
                (left, stride) = runs.next()?;
            }
            if left % extent != 0 {
                return None;
            }
            strides[axis] = stride;
            (left, stride) = (left / extent, stride * extent as isize);
        }
        Some(View {
            shape: shape.to_vec(),
            strides,
            offset: self.offset,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reshape_keeps_strides_where_it_can() {
        let base = View::contiguous(&[4, 6]);
        assert_eq!(base.reshaped(&[2, 2, 3, 2]).unwrap().strides, [12, 6, 2, 1]);
        let turned = base.permuted(&[1, 0]);
        assert_eq!(turned.reshaped(&[1, 6, 4]).unwrap().strides, [0, 1, 6]);
        assert_eq!(turned.reshaped(&[24]), None);
        assert_eq!(View::contiguous(&[0, 3]).reshaped(&[3, 0]).unwrap().shape, [3, 0]);
        assert_eq!(turned.reshaped(&[2, 3, 2, 2]).unwrap().strides, [3, 1, 12, 6]);
        let repeated = View::contiguous(&[1, 3]).broadcast(&[5, 3]);
        assert_eq!(repeated.reshaped(&[5, 1, 3]).unwrap().strides, [0, 0, 1]);
        assert_eq!(repeated.reshaped(&[15]), None);
    }

    #[test]
    fn identity_ignores_axes_of_extent_one() {
        let view = View {
            shape: vec![2, 1, 3],
            strides: vec![3, 77, 1],
            offset: 0,
        };
        assert!(view.is_identity());
        assert!(!View::contiguous(&[2, 3]).permuted(&[1, 0]).is_identity());
    }

    #[test]
    fn a_slice_may_step_backwards() {
        let view = View::contiguous(&[5]).sliced(&[4], &[-2], &[3]);
        assert_eq!((view.offset, view.strides[0]), (4, -2));
    }
}
