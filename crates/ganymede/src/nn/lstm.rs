//! Long short-term memory.
use crate::nn::{Declare, Init, Layer, Parameter, Scope};
use gany_engine::{Tensor, concat};

/// A layer of long short-term memory (Hochreiter and Schmidhuber 1997; with the forget gate of Gers et al. 2000), step by step in the
/// trace, so that its gradients are of any order:
///
/// ```text
/// (i, f, g, o) = x_t W + h_(t-1) U + b
/// c_t = sigmoid(f) c_(t-1) + sigmoid(i) tanh(g)        h_t = sigmoid(o) tanh(c_t)
/// ```
///
/// # Shapes
/// x `[n, t, in]`, the result `[n, t, hidden]`; input weight `[in, 4 hidden]`, hidden weight `[hidden, 4 hidden]`, bias `[4 hidden]`.
#[derive(Clone, Debug)]
pub struct Lstm {
    /// W, `[in, 4 hidden]`
    pub input_weight: Parameter,
    /// U, `[hidden, 4 hidden]`
    pub hidden_weight: Parameter,
    /// b, `[4 hidden]`
    pub bias: Parameter,
    is_reversed: bool,
}

/// Describes an [`Lstm`].
#[derive(Clone, Copy, Debug)]
pub struct LstmConfig {
    inputs: usize,
    hidden: usize,
    is_reversed: bool,
}

/// What a layer of long short-term memory holds between two steps.
#[derive(Clone, Debug)]
pub struct Memory {
    /// h, what it says, `[n, hidden]`.
    pub said: Tensor,
    /// c, what it keeps, `[n, hidden]`.
    pub kept: Tensor,
}

/// A layer of long short-term memory from the first step to the last, drawn as PyTorch does but for its one bias, where PyTorch has the
/// sum of two.
pub fn lstm(inputs: usize, hidden: usize) -> LstmConfig {
    LstmConfig {
        inputs,
        hidden,
        is_reversed: false,
    }
}

impl LstmConfig {
    /// From the last step to the first.
    pub fn reversed(mut self) -> Self {
        self.is_reversed = true;
        self
    }
}

impl Declare for LstmConfig {
    type Layer = Lstm;
    fn declare(self, scope: &Scope) -> Lstm {
        let bound = (self.hidden as f64).sqrt().recip();
        let init = Init::Uniform {
            low: -bound,
            high: bound,
        };
        let gates = 4 * self.hidden;
        Lstm {
            input_weight: scope.parameter("input_weight", &[self.inputs, gates], init),
            hidden_weight: scope.parameter("hidden_weight", &[self.hidden, gates], init),
            bias: scope.parameter("bias", &[gates], init),
            is_reversed: self.is_reversed,
        }
    }
}

impl Lstm {
    /// Before the first step: zeros, for `n` examples.
    pub fn nothing(&self, n: usize) -> Memory {
        let weight = self.hidden_weight.get();
        let zeros = Tensor::full(weight.dtype(), &[n, weight.extent(0)], 0.0);
        Memory {
            said: zeros.clone(),
            kept: zeros,
        }
    }

    /// One step with inputs `[n, in]`.
    pub fn step(&self, x: &Tensor, memory: &Memory) -> Memory {
        self.gated(&(x.matmul(&self.input_weight.get()) + self.bias.get()), memory)
    }

    /// One step, of what the inputs give to the gates, `[n, 4 hidden]`.
    fn gated(&self, inputs: &Tensor, memory: &Memory) -> Memory {
        let hidden = memory.said.extent(1);
        let gates = inputs + memory.said.matmul(&self.hidden_weight.get());
        let gate = |i: usize| gates.slice(1, i * hidden, (i + 1) * hidden);
        let kept = gate(1).sigmoid() * &memory.kept + gate(0).sigmoid() * gate(2).tanh();
        Memory {
            said: gate(3).sigmoid() * kept.tanh(),
            kept,
        }
    }
}

impl Layer for Lstm {
    fn forward(&self, x: &Tensor) -> Tensor {
        let [n, steps] = [x.extent(0), x.extent(1)];
        let inputs = x.matmul(&self.input_weight.get()) + self.bias.get();
        let gates = inputs.extent(2);
        let mut memory = self.nothing(n);
        let mut said = vec![];
        for i in 0..steps {
            let step = if self.is_reversed { steps - 1 - i } else { i };
            memory = self.gated(&inputs.slice(1, step, step + 1).reshape(&[n, gates]), &memory);
            said.push(memory.said.reshape(&[n, 1, gates / 4]));
        }
        if self.is_reversed {
            said.reverse();
        }
        concat(&said, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::assert_layer;
    use gany_engine::DType;

    #[test]
    fn it_agrees_with_pytorch_in_both_directions() {
        assert_layer("lstm", |scope| lstm(3, 2).declare(scope));
        assert_layer("lstm_reversed", |scope| lstm(3, 2).reversed().declare(scope));
    }

    /// Step by step it is what it is at once.
    #[test]
    fn steps_are_the_whole() {
        let scope = Scope::new(DType::F64, 3);
        let layer = lstm(1, 2).declare(&scope);
        let x = Tensor::from_f64(&[1, 2, 1], &[0.5, -1.0]);
        let first = layer.step(&Tensor::from_f64(&[1, 1], &[0.5]), &layer.nothing(1));
        let second = layer.step(&Tensor::from_f64(&[1, 1], &[-1.0]), &first);
        let both = [first.said.to_f64(), second.said.to_f64()].concat();
        let whole = layer.forward(&x).to_f64();
        assert!(whole.iter().zip(&both).all(|(a, b)| (a - b).abs() < 1e-15) && whole[0] != 0.0);
    }
}
