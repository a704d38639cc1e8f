//! A value of a network: a tensor whose axes may lie in another order than ONNX counts them.
//!
//! ONNX writes pictures `[n, c, h, w]`, the engine keeps channels last. A value remembers which of its axes lies where, so that what works
//! on a single axis, or on each element, leaves it as it lies, and a transposition moves nothing. Only what mixes axes (reshaping, products
//! of matrices) asks for the order that is written.
use gany_engine::{DType, Tensor};

/// What is wrong with the inputs or the settings of a node.
pub(super) type Outcome<T> = Result<T, String>;

/// Most elements of any value.
const MOST_ELEMENTS: usize = 1 << 33;

/// A value. Floats are f32; whole numbers and truth values are f64, and known.
#[derive(Clone, Debug)]
pub(super) struct Value {
    tensor: Tensor,
    /// Axis i of the tensor is axis `order[i]` of the value.
    order: Vec<usize>,
    /// Whether it depends on no picture.
    pub(super) is_known: bool,
}

impl Value {
    /// A tensor as it is written.
    pub(super) fn plain(tensor: Tensor) -> Value {
        let order = (0..tensor.rank()).collect();
        Value::ordered(tensor, order)
    }

    /// A tensor of which axis i is axis `order[i]` of the value.
    pub(super) fn ordered(tensor: Tensor, order: Vec<usize>) -> Value {
        Value {
            tensor,
            order,
            is_known: false,
        }
    }

    /// Elements that are known.
    pub(super) fn known(tensor: Tensor) -> Value {
        Value {
            is_known: true,
            ..Value::plain(tensor)
        }
    }

    /// Whole numbers that are known.
    pub(super) fn wholes(shape: &[usize], numbers: &[i64]) -> Value {
        let numbers: Vec<f64> = numbers.iter().map(|&number| number as f64).collect();
        Value::known(Tensor::from_f64(shape, &numbers))
    }

    /// The tensor as it lies.
    pub(super) fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// The order in which it lies.
    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }

    /// The same order around another tensor.
    pub(super) fn with(&self, tensor: Tensor) -> Value {
        Value::ordered(tensor, self.order.clone())
    }

    /// The extents as they are written.
    pub(super) fn shape(&self) -> Vec<usize> {
        (0..self.rank()).map(|axis| self.extent(axis)).collect()
    }

    /// How many axes.
    pub(super) fn rank(&self) -> usize {
        self.order.len()
    }

    /// An extent as it is written.
    pub(super) fn extent(&self, axis: usize) -> usize {
        self.tensor.extent(self.place(axis))
    }

    /// Where a written axis lies.
    pub(super) fn place(&self, axis: usize) -> usize {
        self.order
            .iter()
            .position(|&a| a == axis)
            .expect("an order has every axis")
    }

    /// The tensor in another order: its axis i is the written axis `order[i]`.
    pub(super) fn in_order(&self, order: &[usize]) -> Tensor {
        let places: Vec<usize> = order.iter().map(|&axis| self.place(axis)).collect();
        self.tensor.permute(&places)
    }

    /// The tensor in the order that is written.
    pub(super) fn as_written(&self) -> Tensor {
        self.in_order(&(0..self.rank()).collect::<Vec<_>>())
    }

    /// Whether its elements are whole numbers or truth values.
    pub(super) fn is_whole(&self) -> bool {
        self.tensor.dtype() == DType::F64
    }

    /// Its elements as floats.
    pub(super) fn float(&self) -> Value {
        if !self.is_whole() {
            return self.clone();
        }
        let floats: Vec<f32> = self.tensor.to_f64().iter().map(|&x| x as f32).collect();
        Value {
            is_known: true,
            ..self.with(Tensor::from_f32(self.tensor.shape(), &floats))
        }
    }

    /// With leading axes of extent 1, up to so many axes.
    fn raised(&self, rank: usize) -> Value {
        if self.rank() == rank {
            return self.clone();
        }
        let shape = [vec![1; rank - self.rank()], self.shape()].concat();
        Value::plain(self.as_written().reshape(&shape))
    }

    /// Without these axes, whose extents are 1.
    pub(super) fn without(&self, axes: &[usize]) -> Value {
        let kept = |axis: &&usize| !axes.contains(axis);
        let places = self.order.iter().filter(kept);
        let shape: Vec<usize> = places.clone().map(|&axis| self.extent(axis)).collect();
        let renamed = |axis: &usize| axis - axes.iter().filter(|gone| *gone < axis).count();
        Value::ordered(self.tensor.reshape(&shape), places.map(renamed).collect())
    }

    /// The same elements, computed now and stored in this order.
    pub(super) fn settled(&self, order: &[usize]) -> Value {
        let tensor = self.in_order(order);
        let stored = match tensor.dtype() {
            dtype if tensor.numel() == 0 => Tensor::from_elements(dtype, tensor.shape(), &[]),
            DType::F32 => Tensor::from_f32(tensor.shape(), &tensor.to_f32()),
            DType::F64 => Tensor::from_f64(tensor.shape(), &tensor.to_f64()),
        };
        Value {
            is_known: true,
            ..Value::ordered(stored, order.to_vec())
        }
    }
}

/// Most axes of any value.
const MOST_AXES: usize = 16;

/// Whether a value of these extents is not too large to be thought of.
pub(super) fn room(shape: &[usize]) -> Outcome<()> {
    if shape.len() > MOST_AXES {
        return Err(format!("expected at most {MOST_AXES} axes, got {}", shape.len()));
    }
    let elements = shape
        .iter()
        .try_fold(1_usize, |product, &extent| product.checked_mul(extent));
    match elements.filter(|elements| *elements <= MOST_ELEMENTS) {
        Some(_) => Ok(()),
        None => Err(format!("a result of extents {shape:?} is too large")),
    }
}

/// The extents that values broadcast to, as they are written.
pub(super) fn broadcast(shapes: &[Vec<usize>]) -> Outcome<Vec<usize>> {
    let rank = shapes.iter().map(Vec::len).max().unwrap_or(0);
    let mut result = vec![1; rank];
    for shape in shapes {
        for (i, &extent) in shape.iter().rev().enumerate() {
            let so_far = &mut result[rank - 1 - i];
            if extent != 1 && *so_far != 1 && *so_far != extent {
                return Err(format!("expected extents that fit each other, got {shapes:?}"));
            }
            if extent != 1 {
                *so_far = extent;
            }
        }
    }
    room(&result)?;
    Ok(result)
}

/// Values as tensors that broadcast, with as many axes each, all in the order that is returned with them, and of one dtype.
pub(super) fn aligned(values: &[&Value]) -> Outcome<(Vec<Tensor>, Vec<usize>)> {
    let rank = broadcast(&values.iter().map(|value| value.shape()).collect::<Vec<_>>())?.len();
    let leads = values
        .iter()
        .find(|value| value.rank() == rank && !value.order.is_sorted());
    let order = leads.map_or((0..rank).collect(), |value| value.order.clone());
    let is_float = values.iter().any(|value| !value.is_whole());
    let tensors = values.iter().map(|value| {
        let value = if is_float { value.float() } else { (*value).clone() };
        value.raised(rank).in_order(&order)
    });
    Ok((tensors.collect(), order))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_by_hand() {
        // [n, c, h, w] of extents 1, 2, 1, 3, which lies [n, h, w, c].
        let lies = Tensor::from_f32(&[1, 1, 3, 2], &[0.0, 10.0, 1.0, 11.0, 2.0, 12.0]);
        let value = Value::ordered(lies, vec![0, 2, 3, 1]);
        assert_eq!(value.shape(), [1, 2, 1, 3]);
        assert_eq!(value.place(1), 3);
        assert_eq!(value.as_written().to_f32(), [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]);
        let flat = value.without(&[0, 2]);
        assert_eq!((flat.shape(), flat.order()), (vec![2, 3], &[1, 0][..]));
        assert_eq!(flat.as_written().to_f32(), [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]);
        let row = Value::known(Tensor::from_f32(&[2, 1, 1], &[1.0, 2.0]));
        let (tensors, order) = aligned(&[&row, &value]).unwrap();
        assert_eq!(order, [0, 2, 3, 1]);
        assert_eq!((&tensors[0] + &tensors[1]).to_f32(), [1.0, 12.0, 2.0, 13.0, 3.0, 14.0]);
    }

    #[test]
    fn extents_that_do_not_fit_are_said() {
        assert_eq!(broadcast(&[vec![2, 1, 3], vec![4, 1]]).unwrap(), [2, 4, 3]);
        assert_eq!(
            broadcast(&[vec![2, 3], vec![2]]).unwrap_err(),
            "expected extents that fit each other, got [[2, 3], [2]]"
        );
        assert!(broadcast(&[vec![usize::MAX, 1], vec![1, 2]]).is_err());
    }
}
