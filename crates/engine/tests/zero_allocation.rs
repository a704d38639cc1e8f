//! A step that has run once allocates nothing and plans nothing when it runs again.
//!
//! This file has one test, as nothing else may allocate while it counts.
use gany_engine::{Buffer, ConvOptions, DType, Key, Precision, Program, Tensor, evaluate, grad, plans_built, pool};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system's allocator, counting.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's word.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's word.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's word.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const STEPS: usize = 20;
const PERIODS: usize = 20;

const EXTENTS: [&[usize]; 4] = [&[4, 4, 3, 16], &[16], &[16 * 64, 10], &[10]];

/// Convolution, batch norm, dropout, dense layer, softmax and Adam: outputs, and the inputs whose memory they take.
fn step(inputs: &[Tensor]) -> (Vec<Tensor>, Vec<Option<usize>>) {
    let [x, labels, key] = [0, 1, 2].map(|i| inputs[12 + i].clone());
    let weights: Vec<&Tensor> = inputs[..12].iter().step_by(3).collect();
    let h = x.conv(weights[0], &ConvOptions::new().stride(2).padding(1));
    let centred = &h - h.mean_axes_kept(&[0, 1, 2]);
    let h = &centred * (centred.square().mean_axes_kept(&[0, 1, 2]) + 1e-5).rsqrt() + weights[1];
    let h = h.leaky_relu(0.2) * Key::from_tensor(&key).bernoulli(1, h.shape(), 0.9);
    let logits = h.flatten_from(1).matmul(weights[2]) + weights[3];
    let loss = -(logits.log_softmax(1) * labels.one_hot(10)).sum() / x.extent(0) as f64;
    let (mut outputs, mut donations) = (vec![loss.clone()], vec![None]);
    for (k, g) in grad(&loss, &weights).into_iter().enumerate() {
        let mean = &inputs[3 * k + 1] * 0.9 + &g * 0.1;
        let variance = &inputs[3 * k + 2] * 0.999 + g.square() * 0.001;
        let weight = &inputs[3 * k] - &mean * 1e-3 / (variance.sqrt() + 1e-8);
        outputs.extend([weight, mean, variance]);
        donations.extend((0..3).map(|i| Some(3 * k + i)));
    }
    (outputs, donations)
}

fn placeholders() -> Vec<Tensor> {
    let mut shapes: Vec<&[usize]> = EXTENTS.iter().flat_map(|&shape| [shape; 3]).collect();
    shapes.extend([&[8, 16, 16, 3][..], &[8], &[Key::EXTENT]]);
    shapes
        .into_iter()
        .map(|shape| Tensor::placeholder(DType::F32, shape))
        .collect()
}

#[test]
fn a_step_that_has_run_once_allocates_and_plans_nothing() {
    for precision in Precision::ALL {
        let inputs = placeholders();
        let mut buffers: Vec<Buffer> = inputs
            .iter()
            .map(|input| Buffer::zeros(DType::F32, input.numel()))
            .collect();
        for (k, buffer) in buffers.iter_mut().enumerate().filter(|(k, _)| k % 3 == 0) {
            let numbers = buffer.as_f32_mut().iter_mut().enumerate();
            numbers.for_each(|(i, x)| *x = ((i * 7919 + k) % 1009) as f32 / 5045.0 - 0.1);
        }
        let (outputs, donations) = step(&inputs);
        let built = plans_built();
        let mut program = Program::compile_in(precision, &inputs, &outputs, &donations);
        assert_eq!(plans_built(), built + 1, "each precision has a plan of its own");

        // Inside the pool, as a training loop runs: waking it from outside costs its queue a block now and then.
        let losses: Vec<f32> = pool::inside(|| {
            let mut losses = Vec::with_capacity(PERIODS * STEPS);
            // Every thread's own working memory grows to what its tasks need, and which tasks a thread gets is chance: so it
            // takes a while until nothing grows any more. A step that allocates would never be silent.
            for _ in 0..PERIODS {
                let before = ALLOCATIONS.load(Ordering::Relaxed);
                for _ in 0..STEPS {
                    buffers[14].as_f32_mut()[4] = losses.len() as f32;
                    program.run(&mut buffers);
                    losses.push(program.output(0)[0]);
                }
                if losses.len() > STEPS && ALLOCATIONS.load(Ordering::Relaxed) == before {
                    return losses;
                }
            }
            panic!("{STEPS} steps in a row without an allocation never happened in {PERIODS} times that");
        });
        assert!(
            losses[2 * STEPS - 1] < 0.5 * losses[0],
            "nothing was learnt: {losses:?}"
        );
    }

    // The same structure again is the same plan, whoever asks for it.
    let built = plans_built();
    let inputs = placeholders();
    let (outputs, donations) = step(&inputs);
    Program::compile(&inputs, &outputs, &donations);
    assert_eq!(plans_built(), built, "a plan was built twice");
    let values = |scale: f32| {
        Tensor::from_f32(&[2, 2], &[scale, 2.0, 3.0, 4.0]).matmul(&Tensor::from_f32(&[2, 1], &[1.0, scale]))
    };
    evaluate(&[&values(1.0)]);
    let built = plans_built();
    evaluate(&[&values(2.0)]);
    assert_eq!(plans_built(), built, "new values, an old plan");
    evaluate(&[&(values(2.0) + 1.0)]);
    assert_eq!(plans_built(), built + 1, "another graph, another plan");
}
