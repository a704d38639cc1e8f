//! Times the matrix product and the convolutions, as shares of what the processor's multipliers could do.
//!
//! `cargo run --release -p gany-engine --example kernels [name [f32|bf16]]`
use gany_engine::Precision;
use gany_engine::kernels::peak::{best, multiply_add_gflops};
use gany_engine::kernels::{arithmetic::Arithmetic, conv::Conv, gemm::Gemm};

/// Columns: name, batch, c_in, c_out, input extents, kernel, stride, padding, dilation, groups, transposed.
type Case = (
    &'static str,
    usize,
    usize,
    usize,
    [usize; 3],
    usize,
    usize,
    usize,
    usize,
    usize,
    bool,
);

/// The same layers as the comparison with PyTorch has.
const CASES: &[Case] = &[
    ("dcgan_d1", 64, 3, 64, [1, 64, 64], 4, 2, 1, 1, 1, false),
    ("dcgan_d2", 64, 64, 128, [1, 32, 32], 4, 2, 1, 1, 1, false),
    ("dcgan_d3", 64, 128, 256, [1, 16, 16], 4, 2, 1, 1, 1, false),
    ("dcgan_d4", 64, 256, 512, [1, 8, 8], 4, 2, 1, 1, 1, false),
    ("dcgan_d5", 64, 512, 1, [1, 4, 4], 4, 1, 0, 1, 1, false),
    ("dcgan_g1", 64, 100, 512, [1, 1, 1], 4, 1, 0, 1, 1, true),
    ("dcgan_g2", 64, 512, 256, [1, 4, 4], 4, 2, 1, 1, 1, true),
    ("dcgan_g3", 64, 256, 128, [1, 8, 8], 4, 2, 1, 1, 1, true),
    ("dcgan_g4", 64, 128, 64, [1, 16, 16], 4, 2, 1, 1, 1, true),
    ("dcgan_g5", 64, 64, 3, [1, 32, 32], 4, 2, 1, 1, 1, true),
    ("res3x3", 4, 256, 256, [1, 32, 32], 3, 1, 1, 1, 1, false),
    ("stem7x7", 4, 3, 64, [1, 128, 128], 7, 1, 3, 1, 1, false),
    ("odd", 7, 48, 80, [1, 48, 80], 3, 1, 1, 1, 1, false),
    ("k5", 16, 64, 64, [1, 32, 32], 5, 1, 2, 1, 1, false),
    ("dilated", 16, 64, 64, [1, 32, 32], 3, 1, 2, 2, 1, false),
    ("grouped", 16, 64, 64, [1, 32, 32], 3, 1, 1, 1, 8, false),
    ("depthwise", 16, 128, 128, [1, 32, 32], 3, 1, 1, 1, 128, false),
    ("one_by_one", 16, 256, 256, [1, 32, 32], 1, 1, 0, 1, 1, false),
    ("wave", 8, 64, 128, [1, 1, 16384], 25, 4, 11, 1, 1, false),
    ("voxel", 8, 32, 64, [32, 32, 32], 4, 2, 1, 1, 1, false),
    ("voxel_up", 8, 64, 32, [16, 16, 16], 4, 2, 1, 1, 1, true),
    ("batch1", 1, 256, 256, [1, 16, 16], 3, 1, 1, 1, 1, false),
];

/// The convolution of a case, and whether its forward pass is the input gradient (transposed).
fn conv(&(name, batch, c_in, c_out, size, k, s, p, d, groups, up): &Case) -> Conv {
    let flat = match name {
        "wave" => 2,
        _ if size[0] == 1 => 1,
        _ => 0,
    };
    let axis = |value: usize, none: usize| std::array::from_fn(|i| if i < flat { none } else { value });
    let window = d * (k - 1) + 1;
    let other: [usize; 3] = std::array::from_fn(|i| match (i < flat, up) {
        (true, _) => 1,
        (false, false) => (size[i] + 2 * p - window) / s + 1,
        (false, true) => (size[i] - 1) * s + window - 2 * p,
    });
    let (c_in, c_out, input, output) = if up {
        (c_out, c_in, other, size)
    } else {
        (c_in, c_out, size, other)
    };
    Conv {
        batch,
        groups,
        c_in,
        c_out,
        input,
        output,
        kernel: axis(k, 1),
        stride: axis(s, 1),
        dilation: axis(d, 1),
        padding: axis(p, 0),
    }
}

/// Elements that start on a 64-byte boundary.
struct Buffer(Vec<f32>, usize);

impl Buffer {
    fn new(len: usize) -> Self {
        let values: Vec<f32> = (0..len + 16).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect();
        let skip = values.as_ptr().align_offset(64);
        Self(values, skip)
    }

    fn get(&mut self) -> &mut [f32] {
        &mut self.0[self.1..]
    }
}

fn main() {
    let only = std::env::args().nth(1).unwrap_or_default();
    let precision = std::env::args().nth(2).and_then(|name| Precision::of_name(&name));
    let arithmetic = Arithmetic::current(precision.unwrap_or_default());
    let peak = multiply_add_gflops();
    println!(
        "{} in {}, {} threads: peak {peak:.0} GFLOP/s in f32",
        arithmetic.isa.name(),
        arithmetic.precision.name(),
        gany_engine::pool::threads()
    );
    println!("{:<12} {:>24} {:>24} {:>24}", "GFLOP/s", "forward", "input", "weight");
    let cell = |flops: f64, seconds: f64| {
        let rate = flops / seconds / 1e9;
        format!("{rate:>7.1} {:>3.0}% {:>8.3} ms", rate / peak * 100.0, seconds * 1e3)
    };
    for (m, n, k) in [
        (2048, 2048, 2048),
        (64, 8192, 100),
        (128, 512, 512),
        (64, 1, 8192),
        (1024, 64, 1024),
    ] {
        if !"gemm".contains(&only) {
            continue;
        }
        let gemm = Gemm::dense(m, n, k);
        let (mut a, mut b, mut c) = (Buffer::new(m * k), Buffer::new(k * n), Buffer::new(m * n));
        let mut scratch = Buffer::new(gemm.scratch_len());
        // SAFETY: all buffers have the lengths that the shape asks for.
        let seconds = best(|| unsafe {
            let (a, b, c, scratch) = (a.get(), b.get(), c.get(), scratch.get());
            gemm.run(
                arithmetic,
                a.as_ptr(),
                b.as_ptr(),
                c.as_mut_ptr(),
                scratch.as_mut_ptr(),
                None,
            );
        });
        println!(
            "{:<18} {}",
            format!("{m}x{n}x{k}"),
            cell(2.0 * (m * n * k) as f64, seconds)
        );
    }
    for case in CASES.iter().filter(|case| case.0.contains(&only)) {
        let conv = conv(case);
        let count = |extents: [usize; 3]| extents.iter().product::<usize>();
        let mut x = Buffer::new(conv.batch * count(conv.input) * conv.c_in);
        let mut w = Buffer::new(count(conv.kernel) * conv.c_in / conv.groups * conv.c_out);
        let mut y = Buffer::new(conv.batch * count(conv.output) * conv.c_out);
        let mut out = Buffer::new(x.0.len().max(w.0.len()).max(y.0.len()));
        let len = conv
            .forward_scratch_len()
            .max(conv.input_scratch_len())
            .max(conv.weight_scratch_len());
        let mut scratch = Buffer::new(len);
        let (x, w, y) = (
            x.get().as_ptr() as usize,
            w.get().as_ptr() as usize,
            y.get().as_ptr() as usize,
        );
        let (out, scratch) = (out.get().as_mut_ptr() as usize, scratch.get().as_mut_ptr() as usize);
        // SAFETY: the buffers have the lengths that the shape asks for, here and below.
        let forward = best(|| unsafe { conv.forward::<f32>(arithmetic, x as _, w as _, out as _, scratch as _, None) });
        // SAFETY: as above.
        let input = best(|| unsafe { conv.input_gradient::<f32>(arithmetic, y as _, w as _, out as _, scratch as _) });
        // SAFETY: as above.
        let weight =
            best(|| unsafe { conv.weight_gradient::<f32>(arithmetic, x as _, y as _, out as _, scratch as _) });
        let macs = conv.batch * count(conv.output) * count(conv.kernel) * conv.c_in * conv.c_out / conv.groups;
        let flops = 2.0 * macs as f64;
        let (first, second) = if case.10 { (input, forward) } else { (forward, input) };
        println!(
            "{:<12} {} {} {}",
            case.0,
            cell(flops, first),
            cell(flops, second),
            cell(flops, weight)
        );
    }
}
