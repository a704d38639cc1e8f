//! Exponential moving averages of parameters, from which samples are drawn (Yazıcı et al. 2019, "The Unusual
//! Effectiveness of Averaging in GAN Training").
use gany_engine::Tensor;

/// `decay average + (1 - decay) value`; `decay` is a scalar in [0, 1], average and value have one shape.
#[track_caller]
pub fn update(average: &Tensor, value: &Tensor, decay: &Tensor) -> Tensor {
    value + (average - value) * decay
}
