//! Penalties on the length |g| of the gradient of a critic D with respect to its input, sample by sample:
//!
//! ```text
//! two-sided  E[(|g| - 1)^2]           Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", equation 3
//! one-sided  E[max(0, |g| - 1)^2]     Petzka et al. 2018, "On the regularization of Wasserstein GANs", equation 8
//! R1, R2     1/2 E[|g|^2]             Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?",
//!                                     equations 9 and 10
//! ```
//!
//! Values are unweighted: WGAN-GP multiplies by 10, R1 by its gamma. A critic is any function of `[n, ..]` that gives
//! one number a sample (or several, whose sum is meant) and treats samples apart; one with batch normalisation does not.
use crate::named::named_enum;
use gany_engine::{Tensor, grad};

named_enum! {
    /// Where the gradient is taken.
    #[derive(Default)]
    "where to penalise" Where {
        /// On straight lines between a real and a generated sample.
        #[default]
        Interpolated = "interpolated",
        /// At real samples.
        Data = "data",
        /// At generated samples.
        Samples = "samples",
    }
}

named_enum! {
    /// Which lengths of gradient are penalised.
    #[derive(Default)]
    "sidedness" Sided {
        /// Those above 1.
        One = "one",
        /// All but 1.
        #[default]
        Two = "two",
    }
}

/// A penalty and what it saw.
#[derive(Clone, Debug)]
pub struct Penalty {
    /// The penalty, unweighted; a scalar to be added to the critic's loss.
    pub value: Tensor,
    /// The mean length of the gradient, detached; a scalar to be reported.
    pub gradient_norm: Tensor,
}

/// The penalty at the chosen place; `epsilon`, uniform on [0, 1) of shape `[n]`, is used on lines only.
///
/// # Panics
/// Where the shapes of `x_real` and `x_fake` differ on lines, or `epsilon` is not `[n]`.
#[track_caller]
pub fn at(
    place: Where,
    critic: impl Fn(&Tensor) -> Tensor,
    x_real: &Tensor,
    x_fake: &Tensor,
    epsilon: &Tensor,
    sided: Sided,
) -> Penalty {
    match place {
        Where::Interpolated => interpolated(critic, x_real, x_fake, epsilon, sided),
        Where::Data => at_data(critic, x_real, sided),
        Where::Samples => at_samples(critic, x_fake, sided),
    }
}

/// The penalty at `epsilon x_real + (1 - epsilon) x_fake`.
///
/// # Shapes
/// `x_real` and `x_fake` `[n, ..]`, `epsilon` `[n]`, uniform on [0, 1).
///
/// # Panics
/// Where the shapes of `x_real` and `x_fake` differ, or `epsilon` is not `[n]`.
#[track_caller]
pub fn interpolated(
    critic: impl Fn(&Tensor) -> Tensor,
    x_real: &Tensor,
    x_fake: &Tensor,
    epsilon: &Tensor,
    sided: Sided,
) -> Penalty {
    assert_eq!(
        x_real.shape(),
        x_fake.shape(),
        "interpolated: shapes of real and fake differ"
    );
    assert_eq!(
        epsilon.shape(),
        &x_real.shape()[..1],
        "interpolated: epsilon is not one number a sample"
    );
    let mut shape = vec![1; x_real.rank()];
    shape[0] = epsilon.extent(0);
    let mixed = x_fake + epsilon.reshape(&shape) * (x_real - x_fake);
    one_centred(critic, &mixed, sided)
}

/// The penalty at real samples `[n, ..]`.
pub fn at_data(critic: impl Fn(&Tensor) -> Tensor, x_real: &Tensor, sided: Sided) -> Penalty {
    one_centred(critic, x_real, sided)
}

/// The penalty at generated samples `[n, ..]`, which it does not pass a gradient to.
pub fn at_samples(critic: impl Fn(&Tensor) -> Tensor, x_fake: &Tensor, sided: Sided) -> Penalty {
    one_centred(critic, x_fake, sided)
}

/// Half the mean square length of the gradient at real samples `[n, ..]`.
pub fn r1(critic: impl Fn(&Tensor) -> Tensor, x_real: &Tensor) -> Penalty {
    zero_centred(critic, x_real)
}

/// Half the mean square length of the gradient at generated samples `[n, ..]`, which it does not pass a gradient to.
pub fn r2(critic: impl Fn(&Tensor) -> Tensor, x_fake: &Tensor) -> Penalty {
    zero_centred(critic, x_fake)
}

fn one_centred(critic: impl Fn(&Tensor) -> Tensor, x: &Tensor, sided: Sided) -> Penalty {
    let norms = gradient_at(critic, x).norm(1);
    let excess = match sided {
        Sided::One => (&norms - 1.0).relu(),
        Sided::Two => &norms - 1.0,
    };
    Penalty {
        value: excess.square().mean(),
        gradient_norm: norms.mean().detach(),
    }
}

fn zero_centred(critic: impl Fn(&Tensor) -> Tensor, x: &Tensor) -> Penalty {
    let gradient = gradient_at(critic, x);
    Penalty {
        // Of the squares, so that no root is differentiated where the gradient is 0.
        value: gradient.square().sum_axes(&[1]).mean() * 0.5,
        gradient_norm: gradient.norm(1).mean().detach(),
    }
}

/// The gradient of the critic at every sample of x, `[n, numbers in a sample]`.
fn gradient_at(critic: impl Fn(&Tensor) -> Tensor, x: &Tensor) -> Tensor {
    let x = x.detach();
    grad(&critic(&x).sum(), &[&x])[0].flatten_from(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Activation, Layer, Scope, Sequential, batch_norm, conv, dense, layer_norm};
    use crate::reference::{assert_close, central_differences};
    use gany_engine::DType;
    use safetensors::SafeTensors;

    /// D(x) = x_0^2 + 2 x_1: its gradient is (2 x_0, 2).
    fn parabola(x: &Tensor) -> Tensor {
        x.slice(1, 0, 1).square() + x.slice(1, 1, 2) * 2.0
    }

    fn points(elements: &[f64]) -> Tensor {
        Tensor::from_f64(&[elements.len() / 2, 2], elements)
    }

    #[test]
    fn penalties_of_a_parabola_are_those_computed_by_hand() {
        // Gradients (1.5, 2) and (0, 2), of lengths 2.5 and 2.
        let x = points(&[0.75, 0.0, 0.0, 5.0]);
        for penalty in [at_data(parabola, &x, Sided::Two), at_samples(parabola, &x, Sided::One)] {
            assert_eq!(penalty.value.to_f64(), [(1.5 * 1.5 + 1.0) / 2.0]);
            assert_eq!(penalty.gradient_norm.to_f64(), [2.25]);
        }
        for penalty in [r1(parabola, &x), r2(parabola, &x)] {
            assert_eq!(penalty.value.to_f64(), [0.5 * (6.25 + 4.0) / 2.0]);
            assert_eq!(penalty.gradient_norm.to_f64(), [2.25]);
        }
    }

    #[test]
    fn lines_lead_from_fake_at_0_to_real_at_1() {
        let (real, fake) = (points(&[1.0, 7.0, 1.0, 7.0]), points(&[0.0, 1.0, 0.0, 1.0]));
        let epsilon = Tensor::from_f64(&[2], &[0.75, 0.0]);
        let penalty = at(Where::Interpolated, parabola, &real, &fake, &epsilon, Sided::Two);
        assert_eq!(penalty.value.to_f64(), [(1.5 * 1.5 + 1.0) / 2.0]);
    }

    #[test]
    fn one_side_spares_gentle_slopes() {
        let gentle = |x: &Tensor| x.slice(1, 0, 1) * 0.5;
        let x = points(&[1.0, 2.0]);
        assert_eq!(at_data(gentle, &x, Sided::One).value.to_f64(), [0.0]);
        assert_eq!(at_data(gentle, &x, Sided::Two).value.to_f64(), [0.25]);
    }

    #[test]
    fn a_flat_critic_has_finite_gradients() {
        let weight = Tensor::from_f64(&[2, 1], &[0.0, 0.0]);
        let critic = |x: &Tensor| x.matmul(&weight);
        for penalty in [
            at_data(critic, &points(&[1.0, 2.0]), Sided::Two),
            r1(critic, &points(&[1.0, 2.0])),
        ] {
            assert_eq!(grad(&penalty.value, &[&weight])[0].to_f64(), [0.0, 0.0]);
        }
    }

    #[test]
    fn fakes_get_no_gradient() {
        let fake = points(&[0.75, 0.0]);
        let penalty = at_samples(parabola, &fake, Sided::Two);
        assert_eq!(grad(&penalty.value, &[&fake])[0].to_f64(), [0.0, 0.0]);
    }

    #[test]
    fn values_and_gradients_of_a_convolutional_critic_are_pytorchs() {
        let bytes = include_bytes!("../../../../reference/penalties.safetensors");
        let about: serde_json::Value =
            serde_json::from_str(include_str!("../../../../reference/penalties.json")).unwrap();
        let arrays = SafeTensors::deserialize(bytes).unwrap();
        let array = |name: &str| {
            let view = arrays.tensor(name).unwrap();
            let elements: Vec<f64> = match view.dtype() {
                safetensors::Dtype::F64 => {
                    let (numbers, _) = view.data().as_chunks();
                    numbers.iter().map(|&b| f64::from_le_bytes(b)).collect()
                }
                _ => {
                    let (numbers, _) = view.data().as_chunks();
                    numbers.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect()
                }
            };
            Tensor::from_f64(view.shape(), &elements)
        };
        let scope = Scope::new(DType::F64, 0);
        let critic = Sequential::new(&scope.at("critic"))
            .push(conv(1, 8, [4, 4]).stride(2).padding(1).bias(false))
            .push(Activation::LeakyRelu(0.2))
            .push(conv(8, 16, [4, 4]).stride(2).padding(1).bias(false))
            .push(Activation::LeakyRelu(0.2))
            .push(conv(16, 1, [4, 4]).bias(false));
        scope.parameters().iter().for_each(|p| p.set(array(p.name())));
        let (x, x_fake, epsilon) = (array("x"), array("x_fake"), array("eps"));
        let forward = |x: &Tensor| critic.forward(x);
        // The file's R1 and R2 are without the factor of a half.
        let penalties = [
            (
                "interpolated",
                interpolated(forward, &x, &x_fake, &epsilon, Sided::Two),
                1.0,
                "mix",
            ),
            (
                "interpolated_one_sided",
                interpolated(forward, &x, &x_fake, &epsilon, Sided::One),
                1.0,
                "mix",
            ),
            ("at_data", at_data(forward, &x, Sided::Two), 1.0, "x"),
            ("at_samples", at_samples(forward, &x_fake, Sided::Two), 1.0, "x_fake"),
            ("r1", r1(forward, &x), 2.0, "x"),
            ("r2", r2(forward, &x_fake), 2.0, "x_fake"),
        ];
        for (name, penalty, factor, place) in penalties {
            let value = penalty.value * factor;
            assert_close(name, &value, &[about["penalties"][name].as_f64().unwrap()], 1e-10);
            let norms: Vec<f64> = serde_json::from_value(about["slope_norms"][place].clone()).unwrap();
            let mean = norms.iter().sum::<f64>() / norms.len() as f64;
            assert_close(name, &penalty.gradient_norm, &[mean], 1e-10);
            for weight in scope.parameters() {
                let gradient = &grad(&value, &[&weight.get()])[0];
                let expected = array(&format!("{name}.{}", weight.name())).to_f64();
                assert_close(&format!("{name}: {}", weight.name()), gradient, &expected, 1e-10);
            }
        }
    }

    #[test]
    fn gradients_by_the_weights_of_a_curved_critic_are_those_of_finite_differences() {
        let scope = Scope::new(DType::F64, 1);
        let critic = Sequential::new(&scope)
            .push(conv(1, 3, [3, 3]).padding(1))
            .push(layer_norm(3))
            .push(Activation::Tanh)
            .push(conv(3, 2, [2, 2]).stride(2))
            .push(batch_norm(2))
            .push(Activation::Silu)
            .push(|x: &Tensor| x.flatten_from(1))
            .push(dense(8, 1));
        let draw = |name: &str, shape: &[usize]| {
            let init = crate::nn::Init::Normal { mean: 0.0, std: 1.0 };
            Scope::new(DType::F64, 2).parameter(name, shape, init).get()
        };
        let (x, x_fake) = (draw("x", &[3, 4, 4, 1]), draw("x_fake", &[3, 4, 4, 1]));
        let epsilon = Tensor::from_f64(&[3], &[0.1, 0.5, 0.9]);
        let forward = |x: &Tensor| critic.forward(x);
        for weight in scope.parameters().iter().filter(|p| p.is_trainable()) {
            let at = weight.get();
            for (name, penalty) in [
                (
                    "two",
                    &(|| interpolated(forward, &x, &x_fake, &epsilon, Sided::Two).value) as &dyn Fn() -> Tensor,
                ),
                ("one", &|| {
                    interpolated(forward, &x, &x_fake, &epsilon, Sided::One).value
                }),
                ("r1", &|| r1(forward, &x).value),
            ] {
                weight.set(at.clone());
                let gradient = &grad(&penalty(), &[&at])[0];
                let bound = |moved: &Tensor| {
                    weight.set(moved.clone());
                    penalty()
                };
                let expected = central_differences(bound, &at, 1e-5);
                assert_close(&format!("{name}: {}", weight.name()), gradient, &expected, 1e-7);
            }
            weight.set(at);
        }
    }
}
