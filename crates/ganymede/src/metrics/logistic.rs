//! Logistic regression: the plane that parts two sets best, and how far from it something lies.
//!
//! ```text
//! w, b = argmin mean_j softplus(-s_j (w^T x_j + b)) + lambda/2 |w|^2,    s_j = 1 or -1 for the one set or the other
//! ```
use crate::optimisers::OptimiserConfig;
use gany_engine::{Buffer, DType, Program, Tensor, grad};

/// The weight lambda.
const DECAY: f64 = 1e-3;
const UPDATES: usize = 400;
const LEARNING_RATE: f64 = 0.05;

/// A plane between two sets.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Logistic {
    /// At right angles to the plane, `[floats]`.
    pub weights: Vec<f64>,
    /// The height of what is zero.
    pub offset: f64,
}

impl Logistic {
    /// That of `s`, 1 or -1, from x `[n, floats]`, in which either side weighs the same.
    ///
    /// # Panics
    /// Where x is not as many rows as there are sides.
    pub fn fit(x: &[f32], s: &[f32], floats: usize) -> Logistic {
        assert_eq!(
            x.len(),
            s.len() * floats,
            "logistic regression: not a row for each side"
        );
        let (weights, offset) = regression(x, s, floats);
        Logistic { weights, offset }
    }

    /// How far a row lies on the side of 1: the logarithm of the odds.
    pub fn height(&self, x: &[f32]) -> f64 {
        x.iter().zip(&self.weights).map(|(x, w)| f64::from(*x) * w).sum::<f64>() + self.offset
    }
}

fn regression(x: &[f32], s: &[f32], floats: usize) -> (Vec<f64>, f64) {
    let n = s.len();
    let of_side = |side: f32| s.iter().filter(|s| **s == side).count().max(1) as f32;
    let weights: Vec<f32> = s.iter().map(|s| 0.5 / of_side(*s)).collect();
    let optimiser = OptimiserConfig::adam(LEARNING_RATE, [0.9, 0.999]);
    let rule = optimiser.build();
    let placeholder = |shape: &[usize]| Tensor::placeholder(DType::F32, shape);
    let data = [placeholder(&[n, floats]), placeholder(&[n]), placeholder(&[n])];
    let parameters = [placeholder(&[floats, 1]), placeholder(&[1])];
    let (updates, rate) = (placeholder(&[]), placeholder(&[]));
    let height = data[0].matmul(&parameters[0]).reshape(&[n]) + &parameters[1];
    let loss = ((-(&height * &data[1])).softplus() * &data[2]).sum() + parameters[0].square().sum() * (DECAY / 2.0);
    let gradients = grad(&loss, &parameters.each_ref());
    let counted = &updates + 1.0;
    let (mut slots, mut moved, mut values) = (vec![], vec![], vec![]);
    for (parameter, gradient) in parameters.iter().zip(&gradients) {
        let own: Vec<Tensor> = rule.slots().iter().map(|_| placeholder(parameter.shape())).collect();
        let mut after = own.clone();
        values.push(rule.update(parameter, gradient, &mut after, &counted, &rate));
        slots.extend(own);
        moved.extend(after);
    }
    let inputs = [&data[..], &[rate], &parameters, &[updates], &slots].concat();
    let outputs = [&values[..], &[counted], &moved].concat();
    let first = data.len() + 1;
    let donations: Vec<Option<usize>> = (first..inputs.len()).map(Some).collect();
    let mut program = Program::compile(&inputs, &outputs, &donations);
    let mut buffers: Vec<Buffer> = [x, s, &weights, &[0.0]].map(Buffer::from_f32).into();
    buffers.extend(
        inputs[first..]
            .iter()
            .map(|input| Buffer::zeros(DType::F32, input.numel())),
    );
    for update in 0..UPDATES {
        // A rate that falls to nothing, so that it comes to rest.
        buffers[3].as_f32_mut()[0] = (LEARNING_RATE * (1.0 - update as f64 / UPDATES as f64)) as f32;
        program.run(&mut buffers);
    }
    (buffers[first].to_f64(), buffers[first + 1].to_f64()[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_of_a_coin_that_depends_on_the_side() {
        // At 1, three of four are of the one set, at -1 one of four: the odds are 3 and 1/3, whatever the offset.
        let x: Vec<f32> = (0..800).map(|i| if i < 400 { 1.0 } else { -1.0 }).collect();
        let s: Vec<f32> = (0..800)
            .map(|i| if (i % 4 < 3) == (i < 400) { 1.0 } else { -1.0 })
            .collect();
        let found = Logistic::fit(&x, &s, 1);
        assert!((found.height(&[1.0]) - 3.0_f64.ln()).abs() < 0.02, "{found:?}");
        assert!((found.height(&[-1.0]) + 3.0_f64.ln()).abs() < 0.02, "{found:?}");
    }
}
