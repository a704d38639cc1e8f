//! Feature matching (Salimans et al. 2016, "Improved Techniques for Training GANs", equation 1): the generator is asked for
//! the statistics that the discriminator sees in the data, not for what the discriminator is fooled by.
use gany_engine::Tensor;

/// `|E f(x) - E f(G(z))|^2`, where no gradient passes to the features of real examples.
///
/// # Shapes
/// Features `[n, ..]` and `[m, ..]`; the means are over the first axis.
pub fn of_means(features_real: &Tensor, features_fake: &Tensor) -> Tensor {
    (features_real.detach().mean_axes(&[0]) - features_fake.mean_axes(&[0]))
        .square()
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gany_engine::grad;

    /// Means (2, 1) and (1, 3): 1 + 4; the gradient of the fakes is 2 (fake - real) / m.
    #[test]
    fn means_are_compared_by_hand() {
        let real = Tensor::from_f64(&[2, 2], &[1.0, 0.0, 3.0, 2.0]);
        let fake = Tensor::from_f64(&[4, 2], &[1.0, 3.0, 1.0, 3.0, 1.0, 3.0, 1.0, 3.0]);
        let loss = of_means(&real, &fake);
        assert_eq!(loss.to_f64(), [5.0]);
        assert_eq!(grad(&loss, &[&fake])[0].to_f64()[..2], [-0.5, 1.0]);
        assert_eq!(grad(&loss, &[&real])[0].to_f64(), [0.0; 4]);
    }
}
