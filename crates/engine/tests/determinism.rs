//! Any number of threads gives the same bits, and random numbers do not depend on how they are cut.
mod draw;
mod instruction_sets;
use draw::Draw;
use gany_engine::kernels::random;
use gany_engine::{Buffer, ConvOptions, DType, Key, Precision, Program, Tensor, evaluate, grad, pool};

/// Calls `work` on pools of one to four threads and compares what it gives.
fn on_any_threads(name: &str, work: impl Fn() -> Vec<Vec<f64>> + Sync) {
    let run = |threads| {
        let values = pool::with_threads(threads, &work);
        values
            .into_iter()
            .map(|v| v.into_iter().map(f64::to_bits).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    let alone = run(1);
    for threads in 2..=4 {
        for (i, (found, wanted)) in run(threads).iter().zip(&alone).enumerate() {
            assert!(
                found == wanted,
                "{name}: result {i} has other bits on {threads} threads"
            );
        }
    }
}

fn tensor(dtype: DType, seed: u64, shape: &[usize]) -> Tensor {
    Tensor::from_elements(dtype, shape, &Draw(seed).numbers(shape.iter().product()))
}

fn values(tensors: &[Tensor]) -> Vec<Vec<f64>> {
    evaluate(&tensors.iter().collect::<Vec<_>>());
    tensors.iter().map(Tensor::to_f64).collect()
}

#[test]
fn products() {
    for dtype in [DType::F32, DType::F64] {
        on_any_threads("products", || {
            let (a, b) = (tensor(dtype, 1, &[203, 517]), tensor(dtype, 2, &[517, 131]));
            let (c, d) = (tensor(dtype, 3, &[3, 65, 40]), tensor(dtype, 4, &[3, 40, 70]));
            let bias = tensor(dtype, 5, &[131]);
            values(&[
                (a.matmul(&b) + bias).leaky_relu(0.2),
                b.transpose().matmul(&a.transpose()),
                a.transpose().matmul(&a),
                c.matmul(&d).tanh(),
                tensor(dtype, 6, &[7, 9001]).matmul(&tensor(dtype, 7, &[9001, 5])),
            ])
        });
    }
}

#[test]
fn convolutions() {
    for dtype in [DType::F32, DType::F64] {
        on_any_threads("convolutions", || {
            let (x, w) = (tensor(dtype, 1, &[6, 22, 18, 12]), tensor(dtype, 2, &[4, 4, 12, 20]));
            let options = ConvOptions::new().stride(2).padding(1);
            let y = (x.conv(&w, &options) + tensor(dtype, 3, &[20])).relu();
            let loss = (&y * tensor(dtype, 4, y.shape())).sum();
            let mut results = grad(&loss, &[&x, &w]);
            results.extend([y, loss]);
            values(&results)
        });
    }
}

#[test]
fn folds() {
    for dtype in [DType::F32, DType::F64] {
        on_any_threads("folds", || {
            let x = tensor(dtype, 1, &[37, 91, 67]);
            let y = x.sin() * 1.5;
            let axes: [&[usize]; 7] = [&[0], &[1], &[2], &[0, 1], &[0, 2], &[1, 2], &[0, 1, 2]];
            let mut results: Vec<Tensor> = axes.iter().flat_map(|a| [y.sum_axes(a), y.max_axes(a)]).collect();
            results.extend((0..3).map(|axis| x.softmax(axis)));
            results.extend([x.permute(&[2, 0, 1]).sum_axes(&[0]), x.reshape(&[37, 91 * 67]).norm(1)]);
            values(&results)
        });
    }
}

#[test]
fn training() {
    training_in(Precision::F32);
}

#[test]
fn training_with_products_in_bf16() {
    training_in(Precision::Bf16);
}

fn training_in(precision: Precision) {
    on_any_threads("training", || {
        let shapes: [&[usize]; 5] = [
            &[4, 4, 3, 24],
            &[24],
            &[24 * 8 * 8, 1],
            &[16, 16, 16, 3],
            &[Key::EXTENT],
        ];
        let inputs: Vec<Tensor> = shapes
            .iter()
            .map(|shape| Tensor::placeholder(DType::F32, shape))
            .collect();
        let [w, scale, v, x, key] = [0, 1, 2, 3, 4].map(|i| &inputs[i]);
        let noise = Key::from_tensor(key).normal(1, x.shape());
        let h = (x + noise * 0.1).conv(w, &ConvOptions::new().stride(2).padding(1));
        let h = &h * (h.square().mean_axes_kept(&[0, 1, 2]) + 1e-5).rsqrt() * scale;
        let loss = h.leaky_relu(0.2).flatten_from(1).matmul(v).softplus().mean();
        let moved = [w, scale, v]
            .into_iter()
            .zip(grad(&loss, &[w, scale, v]))
            .map(|(w, g)| w - g * 0.05);
        let outputs: Vec<Tensor> = moved.chain([loss.clone()]).collect();
        let mut program = Program::compile_in(precision, &inputs, &outputs, &[Some(0), Some(1), Some(2), None]);
        let mut buffers: Vec<Buffer> = (0..5)
            .map(|i| {
                let numbers: Vec<f32> = Draw(i)
                    .numbers(inputs[i as usize].numel())
                    .iter()
                    .map(|&x| x as f32 * 0.2)
                    .collect();
                Buffer::from_f32(&numbers)
            })
            .collect();
        let losses = (0..5).map(|step| {
            let elements = Key::elements(20_250_101, step).map(|x| x as f32);
            buffers[4] = Buffer::from_f32(&elements);
            program.run(&mut buffers);
            program.output_f64(3)[0]
        });
        let losses = losses.collect();
        [losses]
            .into_iter()
            .chain(buffers[..3].iter().map(Buffer::to_f64))
            .collect()
    });
}

#[test]
fn random_numbers_for_any_cut() {
    let key = random::Key {
        seed: 0x0123_4567_89ab_cdef,
        stream: 5,
        step: 77,
    };
    let (mut uniform, mut normal) = (vec![0f32; 1000], vec![0f64; 1000]);
    random::fill_uniform(key, 0, &mut uniform);
    random::fill_normal(key, 0, &mut normal);
    let mut draw = Draw(1);
    for _ in 0..50 {
        let (mut pieces, mut more, mut from) = (vec![0f32; 1000], vec![0f64; 1000], 0);
        while from < 1000 {
            let to = (from + draw.between(1, 90)).min(1000);
            random::fill_uniform(key, from as u64, &mut pieces[from..to]);
            random::fill_normal(key, from as u64, &mut more[from..to]);
            from = to;
        }
        assert_eq!(pieces, uniform);
        assert_eq!(more, normal);
    }
    // A graph draws the same ones, and a longer tensor begins with those of a shorter one.
    let drawn = Key::new(DType::F32, key.seed, key.step).uniform(key.stream, &[10, 100]);
    assert_eq!(drawn.to_f32(), uniform);
    let shorter = Key::new(DType::F64, key.seed, key.step).normal(key.stream, &[17]);
    assert_eq!(shorter.to_f64(), normal[..17]);
    let other = Key::new(DType::F32, key.seed, key.step + 1).uniform(key.stream, &[10, 100]);
    assert_ne!(other.to_f32(), uniform);
}

#[test]
fn on_every_instruction_set() {
    instruction_sets::run_the_others();
}
