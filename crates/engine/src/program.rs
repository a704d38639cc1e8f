//! Running plans: a program runs one over and over on the same memory, `values` runs one once.
use crate::buffer::Buffer;
use crate::buffer::DType;
use crate::cpu::{self, Memory};
use crate::kernels::arithmetic::Precision;
use crate::plan::{self, Cost, Instruction, Place, Plan, Planned};
use crate::tensor::Tensor;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A function of tensors, compiled to one plan with memory of its own. Running it neither plans nor allocates.
pub struct Program {
    plan: Arc<Plan>,
    arena: Buffer,
    /// Values that the graph held when it was compiled.
    captured: Vec<Tensor>,
    origins: Vec<u64>,
    /// Length and dtype that each input must have.
    inputs: Vec<(usize, DType)>,
    outputs: Vec<usize>,
    pointers: Pointers,
    profile: Option<Vec<(u64, Duration)>>,
}

/// Addresses of a run's inputs, kept so that a run need not allocate; filled anew by every run.
struct Pointers(Vec<*mut u8>);

// SAFETY: nobody follows these pointers but the run that has just filled them.
unsafe impl Send for Pointers {}
// SAFETY: as above; a shared reference to a program does not run it.
unsafe impl Sync for Pointers {}

/// How long one instruction of a program has taken.
pub struct Timing {
    /// What it does.
    pub label: String,
    /// How often it ran.
    pub count: u64,
    /// For how long in all.
    pub total: Duration,
}

impl Program {
    /// Compiles the computation of `outputs` from `inputs`, which are placeholders. Output `i` is written into the memory of
    /// input `donations[i]` if that is given, else into the program's own.
    ///
    /// # Panics
    /// Where the outputs depend on a placeholder that is not an input, or a donation does not fit.
    pub fn compile(inputs: &[Tensor], outputs: &[Tensor], donations: &[Option<usize>]) -> Program {
        Program::compile_in(Precision::F32, inputs, outputs, donations)
    }

    /// [Compiles](Program::compile) a computation whose matrix products and convolutions round their operands to a
    /// precision. Their sums, all other operations and everything in memory keep the tensors' dtype.
    ///
    /// # Panics
    /// As [`compile`](Program::compile).
    pub fn compile_in(
        precision: Precision,
        inputs: &[Tensor],
        outputs: &[Tensor],
        donations: &[Option<usize>],
    ) -> Program {
        assert_eq!(
            outputs.len(),
            donations.len(),
            "compile: one donation, or none, for every output"
        );
        for (output, slot) in outputs
            .iter()
            .zip(donations)
            .filter_map(|(output, slot)| Some((output, (*slot)?)))
        {
            assert_eq!(
                (output.shape(), output.dtype()),
                (inputs[slot].shape(), inputs[slot].dtype()),
                "compile: an output takes the memory of an input of another shape or dtype"
            );
            assert_eq!(
                donations.iter().filter(|other| **other == Some(slot)).count(),
                1,
                "compile: input {slot} is donated twice"
            );
        }
        let Planned {
            plan,
            captured,
            origins,
        } = plan::plan(precision, outputs, donations, inputs);
        let arena = Buffer::zeros(plan.dtype, plan.arena_len);
        let pointers = Pointers(Vec::with_capacity(inputs.len() + captured.len()));
        Program {
            plan,
            arena,
            captured,
            origins,
            inputs: inputs.iter().map(|t| (t.numel(), t.dtype())).collect(),
            outputs: outputs.iter().map(Tensor::numel).collect(),
            pointers,
            profile: None,
        }
    }

    /// Runs on these inputs, in the order in which they were given to [`compile`](Program::compile).
    ///
    /// # Panics
    /// Where an input has another length or dtype than its placeholder.
    pub fn run(&mut self, inputs: &mut [Buffer]) {
        self.bind(inputs);
        match &mut self.profile {
            None => {
                // SAFETY: the arena has the plan's length, the inputs were checked, and both are borrowed exclusively.
                unsafe { run_plan(&self.plan, &mut self.arena, &self.pointers.0, |_, work| work()) }
            }
            Some(times) => {
                let mut times = times.iter_mut();
                let watch = |_: &Instruction, work: &dyn Fn()| {
                    let start = Instant::now();
                    work();
                    if let Some((count, total)) = times.next() {
                        (*count, *total) = (*count + 1, *total + start.elapsed());
                    }
                };
                // SAFETY: as above.
                unsafe { run_plan(&self.plan, &mut self.arena, &self.pointers.0, watch) }
            }
        }
    }

    /// Runs and looks at every result: what the first operation was that made a number that is not finite, and the
    /// [`id`](Tensor::id) of a tensor that it computes.
    ///
    /// # Panics
    /// As [`run`](Program::run).
    pub fn run_checked(&mut self, inputs: &mut [Buffer]) -> Option<(String, u64)> {
        self.bind(inputs);
        let memory = (
            Pointers(vec![self.arena.pointer_mut()]),
            Pointers(self.pointers.0.clone()),
        );
        let (dtype, origins) = (self.plan.dtype, &self.origins);
        let mut found = None;
        let watch = |instruction: &Instruction, work: &dyn Fn()| {
            work();
            let memory = &memory;
            let bad = instruction.results.iter().find(|(place, len, _)| {
                let base = match place {
                    Place::Input(slot) => memory.1.0[*slot],
                    // SAFETY: the plan lays everything out within the arena.
                    Place::Arena(offset) => unsafe { memory.0.0[0].add(offset * dtype.bytes()) },
                };
                // SAFETY: the result has this many elements of this dtype there, and nothing runs meanwhile.
                unsafe {
                    match dtype {
                        DType::F32 => std::slice::from_raw_parts(base.cast::<f32>(), *len)
                            .iter()
                            .any(|x| !x.is_finite()),
                        DType::F64 => std::slice::from_raw_parts(base.cast::<f64>(), *len)
                            .iter()
                            .any(|x| !x.is_finite()),
                    }
                }
            });
            if let (None, Some((_, _, node))) = (&found, bad) {
                found = Some((instruction.label.clone(), origins[*node]));
            }
        };
        // SAFETY: as in `run`.
        unsafe { run_plan(&self.plan, &mut self.arena, &self.pointers.0, watch) };
        found
    }

    fn bind(&mut self, inputs: &mut [Buffer]) {
        assert_eq!(inputs.len(), self.inputs.len(), "run: the number of inputs");
        for (i, (buffer, expected)) in inputs.iter().zip(&self.inputs).enumerate() {
            assert_eq!(
                (buffer.numel(), buffer.dtype()),
                *expected,
                "run: length and dtype of input {i}"
            );
        }
        self.pointers.0.clear();
        self.pointers.0.extend(inputs.iter_mut().map(Buffer::pointer_mut));
        // Captured values are no output's memory, so they are only read.
        self.pointers.0.extend(
            self.captured
                .iter()
                .map(|t| t.0.value.get().expect("captured with a value").pointer()),
        );
    }

    /// The value of an output after a run.
    ///
    /// # Panics
    /// Where the output lives in an input's memory: it is there.
    pub fn output(&self, index: usize) -> &[f32] {
        let Place::Arena(offset) = self.plan.outputs[index] else {
            panic!("output {index} was written into an input")
        };
        &self.arena.as_f32()[offset..][..self.outputs[index]]
    }

    /// The value of an output after a run, in f64 whatever the dtype.
    ///
    /// # Panics
    /// Where the output lives in an input's memory: it is there.
    pub fn output_f64(&self, index: usize) -> Vec<f64> {
        let Place::Arena(offset) = self.plan.outputs[index] else {
            panic!("output {index} was written into an input")
        };
        match self.plan.dtype {
            DType::F32 => self.output(index).iter().map(|&x| x.into()).collect(),
            DType::F64 => self.arena.as_f64()[offset..][..self.outputs[index]].to_vec(),
        }
    }

    /// Bytes of memory that the program holds for intermediate results.
    pub fn arena_bytes(&self) -> usize {
        self.plan.arena_len * self.plan.dtype.bytes()
    }

    /// What a run costs by the shapes in it.
    pub fn cost(&self) -> Cost {
        self.plan.cost()
    }

    /// Starts to time every instruction.
    pub fn start_profile(&mut self) {
        self.profile = Some(vec![(0, Duration::ZERO); self.plan.instructions.len()]);
    }

    /// The times since [`start_profile`](Program::start_profile), in the order of execution.
    pub fn profile(&self) -> Vec<Timing> {
        let labels = self
            .plan
            .instructions
            .iter()
            .map(|instruction| instruction.label.clone());
        let times = self.profile.iter().flatten();
        labels
            .zip(times)
            .map(|(label, &(count, total))| Timing { label, count, total })
            .collect()
    }
}

/// # Safety
/// The arena has the plan's length; `inputs` are valid for the plan's inputs and nobody else uses them.
unsafe fn run_plan(
    plan: &Plan,
    arena: &mut Buffer,
    inputs: &[*mut u8],
    watch: impl FnMut(&Instruction, &dyn Fn()) + Send,
) {
    /// The same pointers to elements of another type.
    fn cast<T>(pointers: &[*mut u8]) -> &[*mut T] {
        // SAFETY: thin pointers all have the same layout.
        unsafe { std::slice::from_raw_parts(pointers.as_ptr().cast(), pointers.len()) }
    }
    // SAFETY: the caller's word; buffers are aligned for every dtype.
    unsafe {
        match plan.dtype {
            DType::F32 => cpu::run::<f32>(
                plan,
                Memory {
                    arena: arena.pointer_mut().cast(),
                    inputs: cast(inputs),
                },
                watch,
            ),
            DType::F64 => cpu::run::<f64>(
                plan,
                Memory {
                    arena: arena.pointer_mut().cast(),
                    inputs: cast(inputs),
                },
                watch,
            ),
        }
    }
}

/// Computes tensors that have no value yet, all in one plan; their values are kept.
///
/// # Panics
/// Where one depends on a placeholder.
pub fn evaluate(tensors: &[&Tensor]) {
    let missing: Vec<Tensor> = tensors
        .iter()
        .filter(|t| t.0.value.get().is_none())
        .map(|t| (*t).clone())
        .collect();
    if missing.is_empty() {
        return;
    }
    let mut program = Program::compile(&[], &missing, &vec![None; missing.len()]);
    program.run(&mut []);
    for (index, tensor) in missing.iter().enumerate() {
        let value = match tensor.dtype() {
            DType::F32 => Buffer::from_f32(program.output(index)),
            DType::F64 => Buffer::from_f64(&program.output_f64(index)),
        };
        // Somebody else may have computed it meanwhile: the same value.
        tensor.0.value.set(value).ok();
    }
}

impl Tensor {
    /// The elements in row-major order, as f64 whatever the dtype; computed now if they are not known yet.
    ///
    /// # Panics
    /// Where the tensor depends on a placeholder.
    pub fn to_f64(&self) -> Vec<f64> {
        evaluate(&[self]);
        self.0.value.get().expect("just computed").to_f64()
    }

    /// The elements in row-major order; computed now if they are not known yet.
    ///
    /// # Panics
    /// Where the tensor depends on a placeholder, or is not f32.
    pub fn to_f32(&self) -> Vec<f32> {
        evaluate(&[self]);
        self.0.value.get().expect("just computed").as_f32().to_vec()
    }
}
