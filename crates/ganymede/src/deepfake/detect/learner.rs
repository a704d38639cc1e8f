//! A network that learns from batches: one compiled step over its parameters and what Adam remembers of them.
use super::Pictures;
use crate::nn::{Layer, Scope, Sequential};
use crate::optimisers::{Adam, Optimiser};
use gany_engine::{Buffer, DType, Key, Program, Tensor, grad};

const LEARNING_RATE: f64 = 2e-3;
/// Pictures that a network is asked about at a time.
const ASKED: usize = 64;

/// A training.
pub(super) struct Learner {
    program: Program,
    /// Parameters; two slots of each; the number of updates; the learning rate; the key; what a batch is made of.
    buffers: Vec<Buffer>,
    parameters: usize,
    seed: u64,
    done: u64,
}

impl Learner {
    /// A training of all parameters of a scope, by a loss of inputs of these shapes and of random numbers.
    pub(super) fn compile(
        scope: &Scope,
        shapes: &[Vec<usize>],
        seed: u64,
        loss: impl FnOnce(&[Tensor], &Key) -> Tensor,
    ) -> Learner {
        let parameters = scope.parameters();
        let placeholder = |shape: &[usize]| Tensor::placeholder(DType::F32, shape);
        let values: Vec<Tensor> = parameters.iter().map(|p| placeholder(p.shape())).collect();
        let mut buffers: Vec<Buffer> = parameters.iter().map(|p| Buffer::from_f32(&p.get().to_f32())).collect();
        parameters
            .iter()
            .zip(&values)
            .for_each(|(parameter, value)| parameter.set(value.clone()));
        let mut slots: Vec<[Tensor; 2]> = values
            .iter()
            .map(|v| [placeholder(v.shape()), placeholder(v.shape())])
            .collect();
        let [t, rate, key] = [&[][..], &[], &[Key::EXTENT]].map(placeholder);
        let given: Vec<Tensor> = shapes.iter().map(|shape| placeholder(shape)).collect();
        let mut inputs = values.clone();
        inputs.extend(slots.iter().flatten().cloned());
        inputs.extend([t.clone(), rate.clone(), key.clone()]);
        inputs.extend(given.iter().cloned());
        buffers.extend(
            inputs[parameters.len()..]
                .iter()
                .map(|input| Buffer::zeros(DType::F32, input.numel())),
        );
        let loss = loss(&given, &Key::from_tensor(&key));
        let gradients = grad(&loss, &values.iter().collect::<Vec<_>>());
        let t = t + 1.0;
        let adam = Adam::default();
        let updated = values.iter().zip(&gradients).zip(&mut slots);
        let mut outputs: Vec<Tensor> = updated
            .map(|((v, g), slots)| adam.update(v, g, slots, &t, &rate))
            .collect();
        outputs.extend(slots.into_iter().flatten());
        outputs.push(t);
        let mut donations: Vec<Option<usize>> = (0..outputs.len()).map(Some).collect();
        outputs.push(loss);
        donations.push(None);
        Learner {
            program: Program::compile(&inputs, &outputs, &donations),
            buffers,
            parameters: parameters.len(),
            seed,
            done: 0,
        }
    }

    /// One update with this batch, at this share of the learning rate; the loss before it.
    pub(super) fn step(&mut self, given: &[Vec<f32>], rate: f64) -> f64 {
        let first = self.buffers.len() - given.len();
        let key = Key::elements(self.seed, self.done).map(|element| element as f32);
        self.buffers[first - 1].as_f32_mut().copy_from_slice(&key);
        self.buffers[first - 2].as_f32_mut()[0] = (LEARNING_RATE * rate) as f32;
        for (buffer, values) in self.buffers[first..].iter_mut().zip(given) {
            buffer.as_f32_mut().copy_from_slice(values);
        }
        self.program.run(&mut self.buffers);
        self.done += 1;
        // Parameters, two slots of each and the number of updates live in the inputs' places; the loss is what is left.
        self.program.output_f64(3 * self.parameters + 1)[0]
    }

    /// Gives the scope's parameters the values that were learnt.
    pub(super) fn finish(self, scope: &Scope) {
        for (parameter, value) in scope.parameters().iter().zip(&self.buffers) {
            parameter.set(Tensor::from_f32(parameter.shape(), value.as_f32()));
        }
    }
}

/// Layers asked about pictures; what they say has `said` numbers for each.
pub(super) fn asked(layers: &Sequential, pictures: Pictures, said: usize) -> Vec<f32> {
    let [height, width, channels] = pictures.shape;
    let x = Tensor::placeholder(DType::F32, &[ASKED, height, width, channels]);
    let mut program = Program::compile(std::slice::from_ref(&x), &[layers.forward(&x)], &[None]);
    let mut buffer = [Buffer::zeros(DType::F32, x.numel())];
    let mut all = vec![];
    for part in pictures.values.chunks(ASKED * pictures.floats()) {
        buffer[0].as_f32_mut()[..part.len()].copy_from_slice(part);
        program.run(&mut buffer);
        all.extend_from_slice(&program.output(0)[..part.len() / pictures.floats() * said]);
    }
    all
}
