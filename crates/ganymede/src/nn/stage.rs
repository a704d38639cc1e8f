//! Where a game stands, for networks that change as training goes on.
use gany_engine::{DType, Tensor};
use std::sync::{Arc, Mutex, PoisonError};

/// The phase that a game is in, and how much of it is over, as a growing network sees it. A game rebinds it as it does
/// parameters; cloning shares it.
#[derive(Clone, Debug)]
pub struct Stage(Arc<Mutex<(usize, Tensor)>>);

impl Stage {
    pub(super) fn new(dtype: DType) -> Stage {
        Stage(Arc::new(Mutex::new((0, Tensor::full(dtype, &[], 0.0)))))
    }

    /// The number of the phase, from 0. It is known while a step is traced: each phase has a graph of its own.
    pub fn phase(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// The share of the phase that is over, a scalar in [0, 1): an input of the step, for fading in.
    pub fn progress(&self) -> Tensor {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// Binds it to another phase and another scalar.
    pub fn set(&self, phase: usize, progress: Tensor) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (phase, progress);
    }
}
