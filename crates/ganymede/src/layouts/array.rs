//! Arrays on their way from one layout to another.

/// Numbers in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Array {
    /// # Panics
    /// Where there are not as many values as the shape says.
    pub(super) fn new(shape: &[usize], values: Vec<f32>) -> Array {
        assert_eq!(
            values.len(),
            shape.iter().product::<usize>(),
            "an array of shape {shape:?}"
        );
        Array {
            shape: shape.to_vec(),
            values,
        }
    }

    pub(super) fn zeros(shape: &[usize]) -> Array {
        Array::new(shape, vec![0.0; shape.iter().product()])
    }

    /// The extents, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements, the last index fastest.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Axis i of the result is axis `order[i]` of this one.
    pub(super) fn permuted(&self, order: &[usize]) -> Array {
        assert_eq!(order.len(), self.shape.len(), "an order of all axes");
        let mut strides = vec![1; order.len()];
        for axis in (1..order.len()).rev() {
            strides[axis - 1] = strides[axis] * self.shape[axis];
        }
        let shape: Vec<usize> = order.iter().map(|&axis| self.shape[axis]).collect();
        let mut places = vec![0];
        for &axis in order {
            let steps = (0..self.shape[axis]).map(|i| i * strides[axis]);
            places = places
                .iter()
                .flat_map(|place| steps.clone().map(move |step| place + step))
                .collect();
        }
        Array::new(&shape, places.into_iter().map(|place| self.values[place]).collect())
    }

    /// Rows as columns.
    pub(super) fn transposed(&self) -> Array {
        self.permuted(&[1, 0])
    }

    pub(super) fn reshaped(self, shape: &[usize]) -> Array {
        Array::new(shape, self.values)
    }

    /// Each element, put through a function of its place and itself.
    pub(super) fn map(mut self, f: impl Fn(usize, f64) -> f64) -> Array {
        let values = self.values.iter_mut().enumerate();
        values.for_each(|(place, value)| *value = f(place, f64::from(*value)) as f32);
        self
    }

    pub(super) fn times(self, factor: f64) -> Array {
        self.map(|_, value| value * factor)
    }

    pub(super) fn plus(self, term: f64) -> Array {
        self.map(|_, value| value + term)
    }

    /// The columns of a matrix before the one of this number, and those from it on.
    pub(super) fn split(&self, column: usize) -> [Array; 2] {
        let [rows, columns] = self.shape[..] else {
            panic!("a matrix is split, not {:?}", self.shape)
        };
        [0..column, column..columns].map(|range| {
            let rows_of = self
                .values
                .chunks(columns)
                .flat_map(|row| row[range.clone()].iter().copied());
            Array::new(&[rows, range.len()], rows_of.collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        let six = Array::new(&[2, 3], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(
            six.transposed(),
            Array::new(&[3, 2], vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0])
        );
        let cube = Array::new(&[1, 2, 3], six.values.clone());
        assert_eq!(
            cube.permuted(&[2, 0, 1]),
            Array::new(&[3, 1, 2], vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0])
        );
        let scaled = six.clone().times(2.0).plus(1.0);
        assert_eq!(scaled.values(), [1.0, 3.0, 5.0, 7.0, 9.0, 11.0]);
        let [left, right] = six.split(1);
        assert_eq!(
            (left.values(), right.values()),
            (&[0.0, 3.0][..], &[1.0, 2.0, 4.0, 5.0][..])
        );
        assert_eq!(right.reshaped(&[4]).shape(), [4]);
        assert_eq!(Array::zeros(&[]).values(), [0.0]);
    }
}
