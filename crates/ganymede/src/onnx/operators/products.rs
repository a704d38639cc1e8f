//! Products of matrices.
use super::Table;
use crate::onnx::call::Call;
use crate::onnx::value::{Outcome, Value, aligned, broadcast, room};
use gany_engine::Tensor;

pub(super) const OPERATORS: Table = &[("MatMul", matmul), ("Gemm", gemm)];

/// As NumPy: over the last two axes, the others broadcast; a vector is a row on the left and a column on the right.
fn matmul(call: &Call) -> Outcome<Value> {
    let (a, b) = (call.input(0)?, call.input(1)?);
    if a.rank() == 0 || b.rank() == 0 {
        return Err("expected matrices, got a number".into());
    }
    let (mut left, mut right) = (a.float().as_written(), b.float().as_written());
    if a.rank() == 1 {
        left = left.reshape(&[1, left.numel()]);
    }
    if b.rank() == 1 {
        right = right.reshape(&[right.numel(), 1]);
    }
    let lead = |t: &Tensor| t.shape()[..t.rank() - 2].to_vec();
    let [rows, inner] = last_two(&left);
    let [other, columns] = last_two(&right);
    if inner != other {
        let (a, b) = (a.shape(), b.shape());
        return Err(format!(
            "expected matrices that fit each other, got extents {a:?} and {b:?}"
        ));
    }
    let leads = broadcast(&[lead(&left), lead(&right)])?;
    room(&[&leads[..], &[rows, columns]].concat())?;
    // A matrix without leading axes is multiplied with all at once.
    if !lead(&right).is_empty() {
        right = right.broadcast_to(&[&leads[..], &[inner, columns]].concat());
    }
    if !lead(&left).is_empty() {
        left = left.broadcast_to(&[&leads[..], &[rows, inner]].concat());
    }
    let product = left.matmul(&right);
    let mut shape = product.shape().to_vec();
    if b.rank() == 1 {
        shape.pop();
    }
    if a.rank() == 1 {
        shape.remove(leads.len());
    }
    Ok(Value::plain(product.reshape(&shape)))
}

fn last_two(tensor: &Tensor) -> [usize; 2] {
    [tensor.extent(tensor.rank() - 2), tensor.extent(tensor.rank() - 1)]
}

/// alpha A B + beta C, either of A and B turned before.
fn gemm(call: &Call) -> Outcome<Value> {
    let (a, b) = (call.input(0)?, call.input(1)?);
    if a.rank() != 2 || b.rank() != 2 {
        return Err(format!(
            "expected two matrices, got extents {:?} and {:?}",
            a.shape(),
            b.shape()
        ));
    }
    let turned = |value: &Value, name: &str| -> Outcome<Tensor> {
        let order: &[usize] = if call.whole(name, 0)? == 0 { &[0, 1] } else { &[1, 0] };
        Ok(value.float().in_order(order))
    };
    let (left, right) = (turned(a, "transA")?, turned(b, "transB")?);
    if left.extent(1) != right.extent(0) {
        let (a, b) = (a.shape(), b.shape());
        return Err(format!(
            "expected matrices that fit each other, got extents {a:?} and {b:?}"
        ));
    }
    room(&[left.extent(0), right.extent(1)])?;
    let (alpha, beta) = (call.float("alpha", 1.0)?, call.float("beta", 1.0)?);
    let scaled = |x: Tensor, by: f64| if by == 1.0 { x } else { x * by };
    let product = Value::plain(scaled(left.matmul(&right), alpha));
    let Some(bias) = call.maybe(2) else {
        return Ok(product);
    };
    let (tensors, order) = aligned(&[&product, bias])?;
    if tensors[0].shape() != product.tensor().shape() || order.len() != 2 {
        return Err(format!(
            "expected a third input that fits {:?}, got {:?}",
            product.shape(),
            bias.shape()
        ));
    }
    let bias = scaled(tensors[1].clone(), beta);
    Ok(Value::ordered(&tensors[0] + bias, order))
}
