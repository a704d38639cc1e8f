//! Exponential moving averages of parameters, from which samples are drawn (Yazıcı et al. 2019, "The Unusual
//! Effectiveness of Averaging in GAN Training").
use gany_engine::Tensor;

/// `decay average + (1 - decay) value`; `decay` is a scalar in [0, 1], average and value have one shape.
#[track_caller]
pub fn update(average: &Tensor, value: &Tensor, decay: &Tensor) -> Tensor {
    value + (average - value) * decay
}

#[cfg(test)]
mod tests {
    use super::*;
    use gany_engine::DType;

    #[test]
    fn the_average_moves_towards_the_value() {
        let (average, value) = (
            Tensor::from_f64(&[2], &[1.0, -1.0]),
            Tensor::from_f64(&[2], &[3.0, -1.0]),
        );
        let decay = Tensor::full(DType::F64, &[], 0.75);
        assert_eq!(update(&average, &value, &decay).to_f64(), [1.5, -1.0]);
    }
}
