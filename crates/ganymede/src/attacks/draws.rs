//! Random numbers of searches that happen outside of a graph: a pure function of (seed, stream, how many were drawn before).
use crate::data::order::{below, hash, unit};

/// Numbers one after another.
pub(super) struct Draws {
    stream: u64,
    drawn: u64,
}

impl Draws {
    /// Those of picture `index`.
    pub(super) fn of(seed: u64, index: usize) -> Draws {
        Draws {
            stream: hash(hash(seed, 0x6174_7461_636b), index as u64),
            drawn: 0,
        }
    }

    fn word(&mut self) -> u64 {
        self.drawn += 1;
        hash(self.stream, self.drawn)
    }

    /// Uniform on [0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        unit(self.word())
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller 1958).
    pub(super) fn normal(&mut self) -> f64 {
        let (radius, angle) = (1.0 - self.unit(), self.unit());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }

    /// A whole number below `len`, uniform.
    pub(super) fn below(&mut self, len: usize) -> usize {
        below(self.word(), len as u64) as usize
    }

    /// -1 or 1.
    pub(super) fn sign(&mut self) -> f32 {
        if self.below(2) == 0 { -1.0 } else { 1.0 }
    }
}
