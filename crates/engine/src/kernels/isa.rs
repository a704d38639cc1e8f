//! Which instruction set the kernels run on: chosen once at run time, lowered by `GANY_ISA`.
use std::sync::OnceLock;

/// Instruction sets that kernels exist for, from the least to the most capable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// Plain Rust for any processor.
    Portable,
    /// AVX2 with fused multiply-add: 8 lanes of f32.
    Avx2,
    /// AVX-512 (F, BW, DQ, VL): 16 lanes of f32.
    Avx512,
    /// AVX-512 that also multiplies pairs of bf16 (AVX512-BF16).
    Avx512Bf16,
    /// The same with tiles of bf16 (AMX-BF16).
    Amx,
}

impl Isa {
    /// Every one, least capable first.
    pub(super) const ALL: [Isa; 5] = [Isa::Portable, Isa::Avx2, Isa::Avx512, Isa::Avx512Bf16, Isa::Amx];

    /// The name that `GANY_ISA` takes.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Avx512Bf16 => "avx512-bf16",
            Isa::Amx => "amx",
        }
    }

    /// Every instruction set that this machine has, least capable first.
    pub fn available() -> Vec<Isa> {
        let mut found = vec![Isa::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                found.push(Isa::Avx2);
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                {
                    found.push(Isa::Avx512);
                    if is_x86_feature_detected!("avx512bf16") {
                        found.push(Isa::Avx512Bf16);
                        #[cfg(target_os = "linux")]
                        if super::amx::is_permitted() {
                            found.push(Isa::Amx);
                        }
                    }
                }
            }
        }
        found
    }

    /// Whether it has instructions that multiply bf16; without them bf16 is emulated, slower than f32.
    pub fn multiplies_bf16(self) -> bool {
        self >= Isa::Avx512Bf16
    }

    /// The instruction set in use: the most capable one of this machine, or the one that the environment variable
    /// `GANY_ISA` names, where the machine has it.
    ///
    /// # Panics
    /// Where `GANY_ISA` names no known instruction set or one that this machine lacks.
    pub fn current() -> Isa {
        static CURRENT: OnceLock<Isa> = OnceLock::new();
        *CURRENT.get_or_init(|| {
            let available = Isa::available();
            match std::env::var("GANY_ISA") {
                Ok(name) => *available.iter().find(|isa| isa.name() == name).unwrap_or_else(|| {
                    let names: Vec<_> = available.iter().map(|isa| isa.name()).collect();
                    panic!("GANY_ISA is `{name}`, this machine has: {}", names.join(", "))
                }),
                Err(_) => available[available.len() - 1],
            }
        })
    }
}
