//! Products of bf16 on AMX tiles: 32 rows by 32 columns of sums in four tiles, 32 places of the depth at once.
//!
//! Rust has no stable intrinsics for tiles, so that they are written as assembly. Linux hands their registers out on
//! request only. The compiler never uses them.
use super::{
    arithmetic::{Multiplier, Rounding},
    bf16,
    isa::Isa,
    micro::{Kernel, MAX_ROWS, Tile},
};
use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use std::sync::OnceLock;

/// The depth of a tile.
pub(super) const DEPTH: usize = 32;
/// Rows of a tile, words in a row of it.
const SIDE: usize = 16;
/// Rows and columns of four tiles.
const SQUARE: usize = 2 * SIDE;

/// Whether the processor has tiles of bf16 and the system lets this process use them.
pub(super) fn is_permitted() -> bool {
    static PERMITTED: OnceLock<bool> = OnceLock::new();
    *PERMITTED.get_or_init(|| {
        const TILES_AND_BF16: u32 = 1 << 24 | 1 << 22;
        let has_tiles = __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & TILES_AND_BF16 == TILES_AND_BF16;
        // SAFETY: AVX-512 was found before, which needs `xgetbv`.
        has_tiles && is_x86_feature_detected!("xsave") && unsafe { system_keeps_tiles() } && ask()
    })
}

/// Whether the system saves the tiles of a thread that it interrupts.
///
/// # Safety
/// The machine has `xgetbv`.
#[target_feature(enable = "xsave")]
unsafe fn system_keeps_tiles() -> bool {
    const CONFIGURATION_AND_DATA: u64 = 1 << 17 | 1 << 18;
    // SAFETY: the caller's word.
    unsafe { _xgetbv(0) & CONFIGURATION_AND_DATA == CONFIGURATION_AND_DATA }
}

/// Asks Linux for the tiles, for all threads of this process: `arch_prctl(ARCH_REQ_XCOMP_PERM, XTILEDATA)`.
fn ask() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const REQUEST_PERMISSION: u64 = 0x1023;
    const TILE_DATA: u64 = 18;
    let answer: i64;
    // SAFETY: the call takes two numbers and touches no memory of ours; `syscall` destroys rcx and r11.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => answer,
            in("rdi") REQUEST_PERMISSION,
            in("rsi") TILE_DATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    answer == 0
}

/// What `ldtilecfg` reads: palette 1, the rows of each tile and the bytes of each row.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Eight full tiles: 16 rows of 64 bytes.
static CONFIGURATION: Configuration = {
    let mut configuration = Configuration {
        palette: 1,
        start_row: 0,
        reserved: [0; 14],
        row_bytes: [0; 16],
        rows: [0; 16],
    };
    let mut tile = 0;
    while tile < 8 {
        configuration.row_bytes[tile] = 64;
        configuration.rows[tile] = SIDE as u8;
        tile += 1;
    }
    configuration
};

/// # Safety
/// The tiles are permitted.
unsafe fn enter() {
    // SAFETY: 64 bytes are read; no tile is in use.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const CONFIGURATION, options(nostack, readonly)) };
}

/// Gives the tiles back, so that switching threads need not save them.
///
/// # Safety
/// The tiles are permitted.
unsafe fn leave() {
    // SAFETY: what the tiles hold is not needed any more.
    unsafe { asm!("tilerelease", options(nostack, nomem)) };
}

/// Operations of one turn of [`multiply_in_turns`].
pub(super) const TURN: usize = 4 * 2 * SIDE * SIDE * DEPTH;

/// Multiplies four tiles so many times, for measuring how fast that is.
///
/// # Safety
/// The tiles are permitted.
pub(super) unsafe fn multiply_in_turns(turns: usize) {
    // SAFETY: the caller's word; nothing but tiles is touched.
    unsafe {
        enter();
        asm!(
            "2:",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "dec {turns}",
            "jnz 2b",
            turns = inout(reg) turns.max(1) => _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            options(nostack, nomem),
        );
        leave();
    }
}

/// Multiplies on tiles, which must be permitted.
pub(super) fn multiplier() -> Multiplier<f32> {
    let kernel = Kernel {
        tile,
        ..Kernel::<f32>::of(Isa::Amx)
    };
    Multiplier {
        kernel,
        tile_rows: SQUARE,
        rounding: Some(Rounding {
            depth_step: DEPTH,
            round_a,
            // Rows of words would be wanted, not columns.
            transpose: None,
            round_b: bf16::native_round,
            around_tiles: Some([enter, leave]),
        }),
    }
}

/// Rounds a panel of A to rows of words: the panels of a block are one row-major matrix.
///
/// # Safety
/// As for [`Round`](super::arithmetic::Round), for the eight rows that AVX-512 packs.
unsafe fn round_a(from: *const f32, depth: usize, width: usize, words: usize, out: *mut f32) {
    let kernel = Kernel::<f32>::of(Isa::Amx);
    let mut columns = [0.0; SIDE * MAX_ROWS];
    for (word, k) in (0..words).step_by(SIDE).zip((0..depth).step_by(DEPTH)) {
        // SAFETY: the caller vouches for the panel and the words, of which a tile's are turned at a time.
        unsafe {
            let deep = DEPTH.min(depth - k);
            bf16::native_round(from.add(k * width), deep, width, SIDE, columns.as_mut_ptr());
            for half in (0..SIDE).step_by(MAX_ROWS) {
                let sources = std::array::from_fn(|i| columns.as_ptr().add((half + i) * width));
                (kernel.transpose)(&sources, width, out.add(word + half), words);
            }
        }
    }
}

/// Sums of four tiles.
#[repr(C, align(64))]
struct Sums([[f32; SQUARE]; SQUARE]);

/// A tile of up to 32 rows and 32 columns; 16 or 32 rows of A are read, those behind the last in vain.
///
/// # Safety
/// As [`Kernel::tile`], between [`enter`] and [`leave`]; A has rows of `depth` words, the depth is a multiple of 16.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma")]
unsafe fn tile(tile: &Tile<f32>) {
    let mut sums = Sums([[0.0; SQUARE]; SQUARE]);
    let (tall, wide) = (tile.rows > SIDE, tile.columns > SIDE);
    // SAFETY: the caller vouches for the operands, and the rows and columns that are named lie in them and in C.
    unsafe {
        if tall && wide {
            multiply_square(tile, &mut sums);
        } else {
            multiply_one(tile, 0, 0, &mut sums);
            if tall {
                multiply_one(tile, SIDE, 0, &mut sums);
            }
            if wide {
                multiply_one(tile, 0, SIDE, &mut sums);
            }
        }
        for (row, sums) in sums.0[..tile.rows].iter().enumerate() {
            let c = tile.c.add(*tile.offsets.add(row));
            let c = std::slice::from_raw_parts_mut(c, tile.columns);
            if tile.accumulate {
                c.iter_mut().zip(sums).for_each(|(c, sum)| *c += sum);
            } else {
                c.copy_from_slice(&sums[..tile.columns]);
            }
        }
    }
}

/// Four tiles of sums from two of A and two of B.
///
/// # Safety
/// As for [`tile`], with more than 16 rows and columns.
unsafe fn multiply_square(tile: &Tile<f32>, sums: &mut Sums) {
    // SAFETY: 32 rows of A and vectors of B are read, 32 rows of sums written; all tiles are configured.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "test {count}, {count}",
            "jz 3f",
            "2:",
            "tileloadd tmm4, [{a} + {a_row}*1]",
            "tileloadd tmm6, [{b} + {b_row}*1]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{b} + {b_row}*1 + 64]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{lower} + {a_row}*1]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "add {a}, 64",
            "add {lower}, 64",
            "add {b}, {b_tile}",
            "dec {count}",
            "jnz 2b",
            "3:",
            "tilestored [{out} + {out_row}*1], tmm0",
            "tilestored [{out} + {out_row}*1 + 64], tmm1",
            "add {out}, {half}",
            "tilestored [{out} + {out_row}*1], tmm2",
            "tilestored [{out} + {out_row}*1 + 64], tmm3",
            a = inout(reg) tile.a => _,
            lower = inout(reg) tile.a.add(SIDE * tile.depth) => _,
            a_row = in(reg) tile.depth * 4,
            b = inout(reg) tile.b => _,
            b_row = in(reg) tile.b_stride * 4,
            b_tile = in(reg) tile.b_stride * 4 * SIDE,
            count = inout(reg) tile.depth / SIDE => _,
            out = inout(reg) sums.0.as_mut_ptr() => _,
            out_row = in(reg) SQUARE * 4,
            half = const SQUARE * 4 * SIDE,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}

/// One tile of sums, whose first row and column are given.
///
/// # Safety
/// As for [`tile`], with rows and columns behind those first ones.
unsafe fn multiply_one(tile: &Tile<f32>, row: usize, column: usize, sums: &mut Sums) {
    // SAFETY: 16 rows of A and one vector of each row of B are read, 16 rows of sums written; all tiles are configured.
    unsafe {
        asm!(
            "tilezero tmm0",
            "test {count}, {count}",
            "jz 3f",
            "2:",
            "tileloadd tmm4, [{a} + {a_row}*1]",
            "tileloadd tmm6, [{b} + {b_row}*1]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "add {a}, 64",
            "add {b}, {b_tile}",
            "dec {count}",
            "jnz 2b",
            "3:",
            "tilestored [{out} + {out_row}*1], tmm0",
            a = inout(reg) tile.a.add(row * tile.depth) => _,
            a_row = in(reg) tile.depth * 4,
            b = inout(reg) tile.b.add(column) => _,
            b_row = in(reg) tile.b_stride * 4,
            b_tile = in(reg) tile.b_stride * 4 * SIDE,
            count = inout(reg) tile.depth / SIDE => _,
            out = in(reg) sums.0.as_mut_ptr().cast::<f32>().add(row * SQUARE + column),
            out_row = in(reg) SQUARE * 4,
            out("tmm0") _, out("tmm4") _, out("tmm6") _,
            options(nostack),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rounded_panel_of_a_is_row_major() {
        // Everything but the tiles themselves runs where there are pairs of bf16.
        if !Isa::available().iter().any(|isa| isa.multiplies_bf16()) {
            return;
        }
        for depth in [1_usize, 31, 32, 33, 70, 512] {
            let words = depth.next_multiple_of(DEPTH) / 2;
            // Whole numbers up to 255, which bf16 holds exactly.
            let number = |k: usize, row: usize| ((k * 7 + row * 31) % 256) as f32;
            let panel: Vec<f32> = (0..depth * MAX_ROWS)
                .map(|i| number(i / MAX_ROWS, i % MAX_ROWS))
                .collect();
            let mut found = vec![f32::NAN; words * MAX_ROWS];
            // SAFETY: the panel and the words have the lengths that are said.
            unsafe { round_a(panel.as_ptr(), depth, MAX_ROWS, words, found.as_mut_ptr()) };
            for (i, word) in found.iter().enumerate() {
                let (row, k) = (i / words, 2 * (i % words));
                let half = |k: usize| if k < depth { number(k, row).to_bits() >> 16 } else { 0 };
                assert_eq!(word.to_bits(), half(k) | half(k + 1) << 16, "depth {depth}, word {i}");
            }
        }
    }
}
