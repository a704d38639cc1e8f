//! f-divergences and their variational bounds (Nowozin et al. 2016, "f-GAN: Training Generative Neural Samplers using
//! Variational Divergence Minimization", arXiv:1606.00709, tables 1, 2 and 6):
//!
//! ```text
//! D_f(P | Q) = E_Q[f(p / q)]  >=  E_P[g(V)] - E_Q[f*(g(V))]
//! ```
//!
//! V is any function, g maps all numbers into the domain of the conjugate f*(t) = max over u of (u t - f(u)), and the bound
//! is tight where g(V) = f'(p / q).
use crate::named::named_enum;
use gany_engine::Tensor;

named_enum! {
    /// Which divergence, f(u) behind it.
    #[derive(Default)]
    "divergence" Divergence {
        /// u log u: mass of P that Q does not cover costs most.
        Kl = "kl",
        /// -log u: mass of Q where P has none costs most.
        ReverseKl = "reverse-kl",
        /// (u - 1)^2
        Pearson = "pearson",
        /// (1 - u)^2 / u
        Neyman = "neyman",
        /// (sqrt(u) - 1)^2
        SquaredHellinger = "squared-hellinger",
        /// u log u - (u + 1) log((u + 1) / 2)
        #[default]
        JensenShannon = "jensen-shannon",
        /// (u^alpha - 1 - alpha (u - 1)) / (alpha (alpha - 1)), alpha being neither 0 nor 1.
        Alpha = "alpha",
    }
}

impl Divergence {
    /// f(u) for u > 0; only [`Divergence::Alpha`] looks at `alpha`.
    pub fn f(self, alpha: f64, u: f64) -> f64 {
        match self {
            Divergence::Kl => u * u.ln(),
            Divergence::ReverseKl => -u.ln(),
            Divergence::Pearson => (u - 1.0).powi(2),
            Divergence::Neyman => (1.0 - u).powi(2) / u,
            Divergence::SquaredHellinger => (u.sqrt() - 1.0).powi(2),
            Divergence::JensenShannon => u * u.ln() - (u + 1.0) * (0.5 * (u + 1.0)).ln(),
            Divergence::Alpha => (u.powf(alpha) - 1.0 - alpha * (u - 1.0)) / (alpha * (alpha - 1.0)),
        }
    }

    /// g(v), any shape: what the bound takes the mean of over P.
    pub fn activated(self, alpha: f64, v: &Tensor) -> Tensor {
        match self {
            Divergence::Kl | Divergence::Pearson => v.clone(),
            Divergence::ReverseKl => -(-v).exp(),
            Divergence::Neyman | Divergence::SquaredHellinger => 1.0 - (-v).exp(),
            Divergence::JensenShannon => 2.0_f64.ln() - (-v).softplus(),
            Divergence::Alpha if alpha < 1.0 => 1.0 / (1.0 - alpha) - (-v).softplus(),
            Divergence::Alpha => v.clone(),
        }
    }

    /// f*(g(v)), any shape: what the bound takes the mean of over Q. Written in one piece, so that no logarithm is taken of
    /// a difference that rounds to 0.
    pub fn conjugate(self, alpha: f64, v: &Tensor) -> Tensor {
        match self {
            Divergence::Kl => (v - 1.0).exp(),
            Divergence::ReverseKl => v - 1.0,
            Divergence::Pearson => v.square() * 0.25 + v,
            Divergence::Neyman => 2.0 - (v * -0.5).exp() * 2.0,
            Divergence::SquaredHellinger => v.exp() - 1.0,
            Divergence::JensenShannon => v.softplus() - 2.0_f64.ln(),
            Divergence::Alpha => {
                let base = if alpha < 1.0 {
                    (-v).softplus() * (1.0 - alpha)
                } else {
                    // Where the line of slope t lies below f everywhere, u = 0 is best.
                    (v * (alpha - 1.0) + 1.0).relu()
                };
                (base.powf(alpha / (alpha - 1.0)) - 1.0) / alpha
            }
        }
    }

    /// The v at which g(v) = f'(1): what V says where P and Q are equally dense.
    pub fn undecided(self, alpha: f64) -> f64 {
        match self {
            Divergence::Kl => 1.0,
            Divergence::Alpha if alpha < 1.0 => -(1.0 / (1.0 - alpha)).exp_m1().ln(),
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = (Divergence, f64)> {
        let alphas = [-1.5, 0.5, 3.0].map(|alpha| (Divergence::Alpha, alpha));
        let others = Divergence::ALL
            .iter()
            .filter(|divergence| **divergence != Divergence::Alpha);
        others.map(|divergence| (*divergence, f64::NAN)).chain(alphas)
    }

    fn number(tensor: Tensor) -> f64 {
        tensor.to_f64()[0]
    }

    /// f*(t) = max over u > 0 of (u t - f(u)), by bisecting the slope of a concave function of u.
    #[test]
    fn conjugates_are_the_numeric_ones() {
        for (divergence, alpha) in all() {
            for v in [-1.5, -0.3, 0.0, 0.4, 1.1] {
                let at = Tensor::from_f64(&[1], &[v]);
                let t = number(divergence.activated(alpha, &at));
                let value = |u: f64| u * t - divergence.f(alpha, u);
                let slope = |u: f64| value(u * (1.0 + 1e-6)) - value(u * (1.0 - 1e-6));
                let (mut low, mut high) = (1e-9_f64, 1e9_f64);
                for _ in 0..200 {
                    let middle = (low * high).sqrt();
                    if slope(middle) > 0.0 {
                        low = middle
                    } else {
                        high = middle
                    }
                }
                let expected = value(low);
                let got = number(divergence.conjugate(alpha, &at));
                assert!(
                    (got - expected).abs() < 1e-6 * expected.abs().max(1.0),
                    "{divergence} (alpha {alpha}) at v = {v}: {got}, expected {expected}"
                );
            }
        }
    }

    /// Equal densities: the bound is tight at f(1) = 0.
    #[test]
    fn the_undecided_bound_is_0() {
        for (divergence, alpha) in all() {
            let v = Tensor::from_f64(&[1], &[divergence.undecided(alpha)]);
            let bound = number(divergence.activated(alpha, &v) - divergence.conjugate(alpha, &v));
            assert!(bound.abs() < 1e-12, "{divergence} (alpha {alpha}): {bound}");
        }
    }
}
