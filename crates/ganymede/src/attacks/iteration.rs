//! A step that is repeated: one compiled program whose state is written into its own place.
use gany_engine::{Buffer, DType, Key, Program, Tensor};

/// What a step is traced from.
pub(crate) struct Traced<'a> {
    /// What stays as it is from step to step.
    pub(crate) given: &'a [Tensor],
    /// What the step changes.
    pub(crate) state: &'a [Tensor],
    /// What random numbers of the step follow from.
    pub(crate) key: Key,
}

/// What a step makes of it.
pub(crate) struct Stepped {
    /// The state after it.
    pub(crate) state: Vec<Tensor>,
    /// What it says beside.
    pub(crate) said: Vec<Tensor>,
}

/// A compiled step with its memory.
pub(crate) struct Iteration {
    program: Program,
    /// What is given, the key, the state.
    buffers: Vec<Buffer>,
    given: usize,
    state: usize,
    seed: u64,
    done: u64,
}

impl Iteration {
    /// Compiles a step over tensors of these shapes, all of them 0 so far.
    pub(crate) fn compile(
        given: &[&[usize]],
        state: &[&[usize]],
        seed: u64,
        step: impl FnOnce(&Traced) -> Stepped,
    ) -> Iteration {
        let shapes = [given, &[&[Key::EXTENT]], state].concat();
        let inputs: Vec<Tensor> = shapes
            .iter()
            .map(|shape| Tensor::placeholder(DType::F32, shape))
            .collect();
        let Stepped { state: after, said } = step(&Traced {
            given: &inputs[..given.len()],
            state: &inputs[given.len() + 1..],
            key: Key::from_tensor(&inputs[given.len()]),
        });
        assert_eq!(
            after.len(),
            state.len(),
            "iteration: a step keeps the number of its states"
        );
        let donations = (given.len() + 1..inputs.len()).map(Some);
        let donations: Vec<_> = donations.chain(said.iter().map(|_| None)).collect();
        let zeros = |tensor: &Tensor| Buffer::zeros(DType::F32, tensor.numel());
        Iteration {
            program: Program::compile(&inputs, &[after, said].concat(), &donations),
            buffers: inputs.iter().map(zeros).collect(),
            given: given.len(),
            state: state.len(),
            seed,
            done: 0,
        }
    }

    /// Where what is given lies.
    pub(crate) fn given(&mut self, index: usize) -> &mut [f32] {
        assert!(
            index < self.given,
            "iteration: {index} of {} that are given",
            self.given
        );
        self.buffers[index].as_f32_mut()
    }

    /// Where the state lies.
    pub(crate) fn state(&mut self, index: usize) -> &mut [f32] {
        self.buffers[self.given + 1 + index].as_f32_mut()
    }

    /// What the last step said.
    pub(crate) fn said(&self, index: usize) -> &[f32] {
        self.program.output(self.state + index)
    }

    /// Does a step.
    pub(crate) fn step(&mut self) {
        let key = Key::elements(self.seed, self.done).map(|element| element as f32);
        self.buffers[self.given].as_f32_mut().copy_from_slice(&key);
        self.program.run(&mut self.buffers);
        self.done += 1;
    }
}
