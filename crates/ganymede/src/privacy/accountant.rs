//! What many noised sums over random parts of the data tell of one example: the Rényi accountant of the subsampled Gaussian
//! mechanism.
//!
//! Mironov, Talwar and Zhang 2019, "Rényi Differential Privacy of the Sampled Gaussian Mechanism", arXiv:1908.10530, section 3.3,
//! for whole orders; Canonne, Kamath and Steinke 2020, "The Discrete Gaussian for Differential Privacy", arXiv:2004.00010,
//! proposition 12, for the epsilon that follows.
//!
//! ```text
//! A(a) = sum_k (a over k) (1 - q)^(a-k) q^k exp((k^2 - k) / (2 s^2)),   RDP(a) = log A(a) / (a - 1) a step
//! epsilon = min over a of  T RDP(a) + log(1 - 1/a) - (log delta + log a) / (a - 1)
//! ```

/// The whole orders at which divergences are added up.
const ORDERS: [u32; 70] = {
    let mut orders = [0; 70];
    let mut i = 0;
    while i < 70 {
        // 2 to 64, and beyond it powers of two.
        orders[i] = if i < 63 { 2 + i as u32 } else { 64 << (i - 62) };
        i += 1;
    }
    orders
};

/// Adds up what the steps of a private training tell: each a sum over examples that are taken independently with probability
/// `rate`, each clipped to a length, with normal noise of `noise` times that length.
#[derive(Clone, Debug, PartialEq)]
pub struct Accountant {
    delta: f64,
    /// Of a step, by order.
    divergences: Vec<f64>,
}

impl Accountant {
    /// For steps that take an example with this probability and add noise of this standard deviation, in lengths that examples are
    /// clipped to. `delta` is the probability with which the promise may fail; below one over the number of examples.
    ///
    /// # Panics
    /// Where `rate` or `delta` is not within (0, 1], or `noise` is not positive.
    pub fn new(rate: f64, noise: f64, delta: f64) -> Accountant {
        assert!(
            rate > 0.0 && rate <= 1.0,
            "accountant: rate {rate} is not within (0, 1]"
        );
        assert!(
            delta > 0.0 && delta < 1.0,
            "accountant: delta {delta} is not within (0, 1)"
        );
        assert!(noise > 0.0, "accountant: noise {noise} is not positive");
        let divergences = ORDERS.map(|order| divergence(rate, noise, order)).to_vec();
        Accountant { delta, divergences }
    }

    /// By order, what a step adds to the divergence, and what is added once to get epsilon.
    pub fn terms(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.divergences.iter().zip(ORDERS).map(|(divergence, order)| {
            let order = f64::from(order);
            let once = (-1.0 / order).ln_1p() - (self.delta.ln() + order.ln()) / (order - 1.0);
            (*divergence, once)
        })
    }

    /// The epsilon of so many steps.
    pub fn epsilon(&self, steps: u64) -> f64 {
        let epsilons = self.terms().map(|(step, once)| steps as f64 * step + once);
        epsilons.fold(f64::INFINITY, f64::min).max(0.0)
    }
}

/// The Rényi divergence of a whole order that one step has at most.
fn divergence(rate: f64, noise: f64, order: u32) -> f64 {
    let a = f64::from(order);
    if rate == 1.0 {
        return a / (2.0 * noise * noise);
    }
    // Logarithms of the sum's terms; binomial coefficients are made from the one before.
    let mut coefficient = 0.0;
    let terms: Vec<f64> = (0..=order)
        .map(|k| {
            let number = f64::from(k);
            if k > 0 {
                coefficient += ((a - number + 1.0) / number).ln();
            }
            let chance = (a - number) * (-rate).ln_1p() + number * rate.ln();
            coefficient + chance + (number * number - number) / (2.0 * noise * noise)
        })
        .collect();
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = terms.iter().map(|term| (term - largest).exp()).sum();
    ((largest + sum.ln()) / (a - 1.0)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of Google's `dp-accounting` at the same orders, and of `opacus`: `reference/privacy.py`.
    #[test]
    fn epsilons_are_those_of_dp_accounting_and_opacus() {
        let file: serde_json::Value = serde_json::from_str(include_str!("../../../../reference/privacy.json")).unwrap();
        let cases = file["cases"].as_array().unwrap();
        assert!(cases.len() >= 8);
        for case in cases {
            let number = |key: &str| case[key].as_f64().unwrap();
            let accountant = Accountant::new(number("rate"), number("noise"), number("delta"));
            let epsilon = accountant.epsilon(number("steps") as u64);
            for reference in ["dp_accounting", "opacus"] {
                let expected = number(reference);
                assert!((epsilon / expected - 1.0).abs() < 1e-6, "{case}: {epsilon}");
            }
        }
    }

    #[test]
    fn orders_rise_and_more_steps_tell_more() {
        assert_eq!((ORDERS[0], ORDERS[62], ORDERS[63], ORDERS[69]), (2, 64, 128, 8192));
        let accountant = Accountant::new(0.1, 1.0, 1e-3);
        let of = [1, 10, 100, 1000].map(|steps| accountant.epsilon(steps));
        assert!(of.windows(2).all(|pair| pair[0] < pair[1]), "{of:?}");
    }

    /// Without sampling the mechanism is Gaussian: RDP(a) = a / (2 s^2).
    #[test]
    fn one_whole_sum_by_hand() {
        let (noise, delta) = (4.0, 1e-5_f64);
        let by_hand = (2..=64)
            .map(f64::from)
            .map(|a: f64| a / 32.0 + (1.0 - 1.0 / a).ln() - (delta.ln() + a.ln()) / (a - 1.0));
        let expected = by_hand.fold(f64::INFINITY, f64::min);
        assert!((Accountant::new(1.0, noise, delta).epsilon(1) - expected).abs() < 1e-12);
    }
}
