//! What this machine can do at most, measured: the yardsticks that kernels are held against.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use super::amx;
use super::arithmetic::{Arithmetic, Precision};
use super::gemm::Gemm;
use super::isa::Isa;
use crate::pool;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The best of several runs inside the pool, in seconds.
pub fn best(mut work: impl FnMut() + Send) -> f64 {
    pool::inside(move || {
        work();
        let (start, mut best, mut runs) = (Instant::now(), f64::MAX, 0);
        while runs < 5 || start.elapsed() < Duration::from_millis(150) {
            let once = Instant::now();
            work();
            best = best.min(once.elapsed().as_secs_f64());
            runs += 1;
        }
        best
    })
}

/// Registers that are summed into at once: enough to hide the latency of a multiply-add.
const CHAINS: usize = 12;

/// Multiply-adds of f32 on all threads with the instruction set in use, in GFLOP/s, two operations each.
pub fn multiply_add_gflops() -> f64 {
    const TURNS: usize = 2_000_000;
    let (isa, threads) = (Isa::current(), pool::threads());
    let lanes = match isa {
        Isa::Portable => 4,
        Isa::Avx2 => 8,
        Isa::Avx512 | Isa::Avx512Bf16 | Isa::Amx => 16,
    };
    let seconds = best(|| {
        pool::for_each(threads, |_| {
            black_box(match isa {
                Isa::Portable => portable(TURNS),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the instruction set is in use only where the machine has it.
                Isa::Avx2 => unsafe { avx2(TURNS) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Isa::Avx512 | Isa::Avx512Bf16 | Isa::Amx => unsafe { avx512(TURNS) },
                #[cfg(not(target_arch = "x86_64"))]
                _ => portable(TURNS),
            });
        });
    });
    (threads * TURNS * CHAINS * 2 * lanes) as f64 / seconds / 1e9
}

/// Multiply-adds of bf16 with sums of f32 on all threads with the instruction set in use, in GFLOP/s, two operations each;
/// nothing where it has no instructions for them.
pub fn bf16_multiply_add_gflops() -> Option<f64> {
    const TURNS: usize = 1_000_000;
    let threads = pool::threads();
    let (work, operations): (fn(), usize) = match Isa::current() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the instruction set is in use only where the machine has it.
        Isa::Avx512Bf16 => (|| _ = black_box(unsafe { avx512_bf16(TURNS) }), TURNS * CHAINS * 2 * 32),
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        // SAFETY: as above.
        Isa::Amx => (|| unsafe { amx::multiply_in_turns(TURNS) }, TURNS * amx::TURN),
        _ => return None,
    };
    let seconds = best(|| pool::for_each(threads, |_| work()));
    Some((threads * operations) as f64 / seconds / 1e9)
}

fn portable(turns: usize) -> f32 {
    let mut sums = [[1e-30_f32; 4]; CHAINS];
    for _ in 0..turns {
        sums.iter_mut().flatten().for_each(|sum| *sum = *sum * 0.999 + 0.999);
    }
    sums.iter().flatten().sum()
}

/// # Safety
/// The machine has AVX2 and fused products.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(turns: usize) -> f32 {
    use std::arch::x86_64::*;
    let mut sums = [_mm256_set1_ps(1e-30); CHAINS];
    let factor = _mm256_set1_ps(0.999);
    for _ in 0..turns {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(*sum, factor, factor);
        }
    }
    sums.iter().map(|&sum| _mm256_cvtss_f32(sum)).sum()
}

/// # Safety
/// The machine has AVX-512.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn avx512(turns: usize) -> f32 {
    use std::arch::x86_64::*;
    let mut sums = [_mm512_set1_ps(1e-30); CHAINS];
    let factor = _mm512_set1_ps(0.999);
    for _ in 0..turns {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, factor, factor);
        }
    }
    sums.iter().map(|&sum| _mm512_reduce_add_ps(sum)).sum()
}

/// # Safety
/// The machine has AVX-512 with pairs of bf16.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn avx512_bf16(turns: usize) -> f32 {
    use std::arch::x86_64::*;
    let mut sums = [_mm512_set1_ps(1e-30); CHAINS];
    let factor = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.999), _mm512_set1_ps(0.999));
    for _ in 0..turns {
        for sum in &mut sums {
            *sum = _mm512_dpbf16_ps(*sum, factor, factor);
        }
    }
    sums.iter().map(|&sum| _mm512_reduce_add_ps(sum)).sum()
}

/// Copying memory that no cache holds on all threads, in GB/s, read and written bytes together.
pub fn copy_gbytes_per_s() -> f64 {
    const LEN: usize = 64 << 20;
    let threads = pool::threads();
    let part = LEN / threads;
    let from: Vec<Vec<u8>> = (0..threads).map(|_| vec![1; part]).collect();
    let to: Vec<std::sync::Mutex<Vec<u8>>> = (0..threads).map(|_| vec![0; part].into()).collect();
    let seconds = best(|| {
        pool::for_each(threads, |i| {
            let mut to = to[i].lock().expect("nobody panics while copying");
            to.copy_from_slice(black_box(&from[i]));
        });
    });
    (2 * threads * part) as f64 / seconds / 1e9
}

/// A product of two square matrices of f32 with `n` rows, in GFLOP/s.
pub fn product_gflops(n: usize, precision: Precision) -> f64 {
    let gemm = Gemm::dense(n, n, n);
    let matrix = |len| -> Vec<f32> { (0..len).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect() };
    let (a, b) = (matrix(n * n), matrix(n * n));
    let (mut c, mut scratch) = (vec![0.0_f32; n * n], vec![0.0_f32; gemm.scratch_len() + 16]);
    let skip = scratch.as_ptr().align_offset(64);
    let arithmetic = Arithmetic::current(precision);
    let seconds = best(|| {
        let scratch = &mut scratch[skip..];
        // SAFETY: all buffers have the lengths that the shape asks for, and nobody else uses them.
        unsafe {
            gemm.run(
                arithmetic,
                a.as_ptr(),
                b.as_ptr(),
                c.as_mut_ptr(),
                scratch.as_mut_ptr(),
                None,
            )
        };
    });
    2.0 * (n * n * n) as f64 / seconds / 1e9
}
