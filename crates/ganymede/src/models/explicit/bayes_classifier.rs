//! A classifier by Bayes' rule: which class would have made this picture most readily?
//!
//! Ng and Jordan 2002, "On Discriminative vs. Generative Classifiers"; Li et al. 2019, "Are Generative Classifiers More Robust
//! to Adversarial Attacks?", arXiv:1802.06552 (the model GBZ).
//!
//! ```text
//! p(y | x) = p(x | y) p(y) / sum_k p(x | k) p(k)
//! log p(x | y) ~ ELBO(x, y), the bound of `cvae`;  p(y) as often as y was seen
//! ```
//!
//! Over `cvae`: nothing is trained beside it, only the classes are counted; `classify` asks it for the bound of every class.
//! Simplification: the bound stands for log p(x | y), the mean of so many fixed draws of z for an importance-weighted one.
use crate::data::Field;
use crate::games::{Function, Game, Space, Step, System};
use crate::models::explicit::{cvae::Cvae, vae};
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Parameter, Scope};
use gany_engine::{Key, Tensor, concat};

/// The classifier and the model it asks.
pub struct BayesClassifier {
    model: Cvae,
    classes: usize,
    /// How often each class was seen, `[classes]`, and once more.
    seen: Parameter,
}

/// Draws of z that a bound is the mean of.
const DRAWS: u64 = 4;

impl BayesClassifier {
    /// log p(x, y) for every class, up to the slack of the bound: `[n, classes]`.
    fn log_joint(&self, x: &Tensor) -> Tensor {
        let (n, key) = (x.extent(0), Key::new(x.dtype(), 0, 0));
        // Every picture with every class, as one batch: the pictures once for each class.
        let all = concat(&vec![x.clone(); self.classes], 0);
        let y = Tensor::arange(x.dtype(), self.classes).reshape(&[self.classes, 1]);
        let y = y.broadcast_to(&[self.classes, n]).reshape(&[self.classes * n]);
        let of_draw = |draw| {
            let epsilon = key.normal(draw, &[self.classes * n, self.model.z_dim()]);
            self.model.bound(&all, &y, &epsilon)
        };
        let bounds = (0..DRAWS).map(of_draw).reduce(|a, b| a + b).expect("there are draws");
        let bounds = bounds.reshape(&[self.classes, n]).transpose() / DRAWS as f64;
        let seen = self.seen.get();
        bounds + (&seen / seen.sum()).log()
    }
}

impl System for BayesClassifier {
    fn game(&self) -> Game {
        self.model.game()
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        let counts = s.y().one_hot(self.classes).sum_axes(&[0]);
        self.seen.set(self.seen.get() + counts);
        self.model.loss(player, s)
    }

    fn z_dim(&self) -> usize {
        self.model.z_dim()
    }

    fn classes(&self) -> Option<usize> {
        Some(self.classes)
    }

    fn sample(&self, z: &Tensor, y: Option<&Tensor>) -> Tensor {
        self.model.sample(z, y)
    }

    fn functions(&self) -> Vec<Function> {
        vec![Function::of_x("classify", Space::Other(vec![self.classes]))]
    }

    /// Logarithms of p(y | x).
    fn apply(&self, _: &str, x: &Tensor) -> Tensor {
        self.log_joint(x).log_softmax(1)
    }
}

impl Describe for BayesClassifier {
    type Config = vae::Config;

    const CARD: Card = Card {
        id: "bayes_classifier",
        section: Section::Explicit,
        title: "Classifier by Bayes' rule",
        paper: "Li et al. 2019, Are Generative Classifiers More Robust to Adversarial Attacks?, arXiv:1802.06552",
        idea: "A model of the pictures of each class says which class would have made a picture most readily.",
        equations: &[
            "p(y | x) = p(x | y) p(y) / sum_k p(x | k) p(k)",
            "log p(x | y) ~ E_q[log p(x | y, z)] - KL(q(z | x, y) | N(0, 1))",
        ],
        needs: &[Field::Y],
        takes: Takes::Pictures,
        data: "mnist",
        over: None,
    };

    fn build(config: vae::Config, given: &Given, scope: &Scope) -> Self {
        let classes = given.classes.expect("checked: this system needs labels");
        BayesClassifier {
            model: Cvae::build(config, given, scope),
            classes,
            seen: scope.buffer("seen", &[classes], 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use gany_engine::DType;

    /// Under a model to which all classes are the same, what was seen most often is all that speaks for a class.
    #[test]
    fn without_evidence_the_prior_decides() {
        let sample = Shape::Picture {
            height: 8,
            width: 8,
            channels: 1,
        };
        let (given, scope) = (Given::of(sample, Some(3)), Scope::new(DType::F64, 0));
        let config = vae::Config {
            z_dim: 2,
            width: 4,
            ..vae::Config::default()
        };
        let classifier = BayesClassifier::build(config, &given, &scope);
        for parameter in scope.at("generator").parameters() {
            parameter.set(parameter.get() * 0.0);
        }
        classifier.seen.set(Tensor::from_f64(&[3], &[1.0, 6.0, 3.0]));
        let x = Key::new(DType::F64, 1, 0).uniform(0, &[2, 8, 8, 1]);
        let posterior = classifier.apply("classify", &x).exp().to_f64();
        for (got, expected) in posterior.iter().zip([0.1, 0.6, 0.3, 0.1, 0.6, 0.3]) {
            assert!((got - expected).abs() < 1e-12, "{posterior:?}");
        }
    }
}
