//! Improved GAN: six remedies for training that runs in circles or collapses, and classes learned of a hundred labels.
//!
//! Salimans et al. 2016, "Improved Techniques for Training GANs", arXiv:1606.03498, sections 3 and 5.
//!
//! ```text
//! D gives K logits l (one without labels): p(y | x) = softmax(l),  D(x) = log sum exp l, the logit of being real
//! L_D = E_x[a softplus(-D(x)) + (1 - a) softplus(D(x))] + E_z[softplus(D(G(z)))]    a: one-sided label smoothing
//!       - E[log p(y | x)] over the labelled
//! L_G = E_z[softplus(-D(G(z)))]  or  |E_x f(x) - E_z f(G(z))|^2                     feature matching
//! both + w |theta - mean of theta over the moves so far|^2                          historical averaging
//! ```
//!
//! Minibatch discrimination stands between the features f and the logits, virtual batch normalisation in the generator.
//! Where every example has a class y and a second picture, the discriminator is also a classifier: x are labelled examples,
//! x_b those without labels (`--data unpaired:each:10:mnist,mnist`). The class "generated" of the paper's K + 1 has logit 0
//! (section 5). What each layer of D sees is noisy while it learns, as in the paper's code, and dense layers that classify
//! pictures have its weight normalisation. Its rates fall to 0 over the last third of a run (`falling`). Simplification: convolutions
//! are without weight normalisation.
use crate::data::{Field, Shape};
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::objective::encoders::{decoder, features};
use crate::models::objective::networks::Networks;
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Activation, Init, Layer, Parameter, Scope, Sequential, dense, minibatch_discrimination, weight_norm};
use crate::objectives::{feature_matching, minimax, non_saturating};
use crate::optimisers::OptimiserConfig;
use crate::penalties::historical_average::HistoricalAverage;
use gany_engine::{Tensor, concat};
use serde::{Deserialize, Serialize};
use std::f64::consts::SQRT_2;

/// Settings of [`ImprovedGan`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Examples in a batch.
    pub batch: usize,
    /// Numbers in a latent vector.
    pub z_dim: usize,
    /// Units of each hidden layer, or channels of the outermost convolution.
    pub width: usize,
    /// Which networks play.
    pub networks: Networks,
    /// Whether the generator matches features instead of fooling the discriminator; best with labels, without kernels.
    pub feature_matching: bool,
    /// Kernels of minibatch discrimination, of 5 numbers each; 0 for none.
    pub kernels: usize,
    /// The probability that the discriminator is to give real examples; 1 for no smoothing.
    pub real_target: f64,
    /// Weight of historical averaging; 0 for none.
    pub historical_averaging: f64,
    /// Samples in the reference batch of virtual batch normalisation; 0 for no normalisation.
    pub reference_batch: usize,
    /// Standard deviation of the noise on the examples that the discriminator sees.
    pub noise: f64,
    /// Standard deviation of the noise on what its hidden layers give.
    #[serde(default)]
    pub hidden_noise: f64,
    /// Decay of the moving average of both players' weights that samples are made and classes told by; 0: by the weights
    /// themselves.
    #[serde(default)]
    pub average_decay: f64,
    /// Between which steps the learning rates go straight to 0, such as [100000, 150000]; two zeros: they stay.
    #[serde(default)]
    pub falling: [u64; 2],
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// The discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(3e-4, [0.5, 0.999]);
        Config {
            batch: 100,
            z_dim: 100,
            width: 64,
            networks: Networks::Auto,
            feature_matching: false,
            kernels: 100,
            real_target: 0.9,
            historical_averaging: 0.0,
            reference_batch: 32,
            noise: 0.0,
            hidden_noise: 0.0,
            average_decay: 0.0,
            falling: [0, 0],
            generator: adam,
            discriminator: adam,
        }
    }
}

/// Numbers that a kernel of minibatch discrimination compares.
const KERNEL_DIMENSION: usize = 5;

/// The GAN with improved techniques.
pub struct ImprovedGan {
    config: Config,
    /// Of labelled examples beside unlabelled ones.
    classes: Option<usize>,
    generator: Sequential,
    /// The latent vectors of the reference batch.
    reference: Option<Parameter>,
    features: Sequential,
    head: Sequential,
    histories: Option<[HistoricalAverage; 2]>,
}

impl ImprovedGan {
    fn generate(&self, z: &Tensor) -> Tensor {
        match &self.reference {
            None => self.generator.forward(z),
            Some(reference) => {
                let whole = self.generator.forward(&concat(&[reference.get(), z.clone()], 0));
                whole.slice(0, self.config.reference_batch, whole.extent(0))
            }
        }
    }

    /// The features of examples as the discriminator sees them while it learns.
    fn seen(&self, x: &Tensor, s: &Step) -> Tensor {
        let noisy = |x: Tensor, noise: f64| match noise {
            0.0 => x,
            noise => &x + s.normal(x.shape()) * noise,
        };
        let Config {
            noise, hidden_noise, ..
        } = self.config;
        self.features
            .changed(&noisy(x.clone(), noise), |hidden| noisy(hidden, hidden_noise))
    }

    fn discriminator_loss(&self, x_fake: &Tensor, s: &Step) -> Tensor {
        let unlabelled = if self.classes.is_some() { s.x_b() } else { s.x() };
        let [real, fake] = [unlabelled, x_fake].map(|x| realness(&self.head.forward(&self.seen(x, s))));
        s.report_discriminator(&real, &fake);
        // a softplus(-D) + (1 - a) softplus(D) = softplus(-D) + (1 - a) D
        let smoothing = real.mean() * (1.0 - self.config.real_target);
        let loss = minimax::discriminator(&real, &fake) + smoothing;
        let Some(classes) = self.classes else { return loss };
        let logits = self.head.forward(&self.seen(s.x(), s));
        s.report("accuracy.labelled", &logits.argmax(1).equals(s.y()).mean());
        loss - (logits.log_softmax(1) * s.y().one_hot(classes)).sum_axes(&[1]).mean()
    }

    fn generator_loss(&self, x_fake: &Tensor, s: &Step) -> Tensor {
        let fake = self.seen(x_fake, s);
        if self.config.feature_matching {
            let unlabelled = if self.classes.is_some() { s.x_b() } else { s.x() };
            feature_matching::of_means(&self.seen(unlabelled, s), &fake)
        } else {
            non_saturating::generator(&realness(&self.head.forward(&fake)))
        }
    }
}

/// The logit of being real, of whatever class: `[n, K]` to `[n]`.
fn realness(logits: &Tensor) -> Tensor {
    logits.logsumexp(1)
}

/// The dense layers that the paper classifies digits by, 1000, 500 and thrice 250 units for a width of 1000, and the number of
/// features. With weights of fixed lengths, as in the paper's code: otherwise hidden values outgrow the noise on them.
///
/// # Shapes
/// `[n, ..]` as the data are to `[n, features]`.
fn classifier(scope: &Scope, sample: &Shape, width: usize) -> (Sequential, usize) {
    let mut layers = Sequential::new(scope).push(|x: &Tensor| x.flatten_from(1));
    let mut from = sample.floats();
    for share in [1, 2, 4, 4, 4] {
        let to = (width / share).max(1);
        layers = layers.push(weight_norm(dense(from, to), SQRT_2)).push(Activation::Relu);
        from = to;
    }
    (layers, from)
}

impl System for ImprovedGan {
    fn game(&self) -> Game {
        let player = |name, optimiser| Player::new(name, optimiser).falling(self.config.falling);
        Game::step(player("discriminator", self.config.discriminator), 1)
            .then(player("generator", self.config.generator), 1)
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        let x_fake = s.once("x_fake", || self.generate(&s.normal(&[s.batch(), self.config.z_dim])));
        let is_generator = player == "generator";
        let loss = if is_generator {
            self.generator_loss(&x_fake, s)
        } else {
            self.discriminator_loss(&x_fake.detach(), s)
        };
        match &self.histories {
            None => loss,
            Some(histories) => loss + histories[usize::from(is_generator)].penalty() * self.config.historical_averaging,
        }
    }

    fn judge(&self, x: &Tensor, _: Option<&Tensor>) -> Option<Tensor> {
        Some(realness(&self.head.forward(&self.features.forward(x))))
    }

    fn average_decay(&self) -> f64 {
        self.config.average_decay
    }

    fn averaged(&self) -> &'static [&'static str] {
        &["generator", "discriminator"]
    }

    fn z_dim(&self) -> usize {
        self.config.z_dim
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        self.generate(z)
    }

    fn functions(&self) -> Vec<Function> {
        let classify = |classes| Function::of_x("classify", Space::Other(vec![classes]));
        self.classes.map(classify).into_iter().collect()
    }

    fn apply(&self, _: &str, x: &Tensor) -> Tensor {
        self.head.forward(&self.features.forward(x))
    }
}

impl Describe for ImprovedGan {
    type Config = Config;

    const CARD: Card = Card {
        id: "improved_gan",
        section: Section::Objective,
        title: "Improved GAN",
        paper: "Salimans et al. 2016, Improved Techniques for Training GANs, arXiv:1606.03498",
        idea: "Six remedies for training that runs in circles or collapses, and classes learned of a hundred labels.",
        equations: &[
            "L_D = E_x[a softplus(-D(x)) + (1 - a) softplus(D(x))] + E_z[softplus(D(G(z)))] - E[log p(y | x)] over the labelled",
            "L_G = E_z[softplus(-D(G(z)))]  or  |E_x f(x) - E_z f(G(z))|^2  (feature matching)",
            "D(x) = log sum exp of K logits, p(y | x) their softmax; both + w |theta - mean of theta so far|^2",
        ],
        needs: &[],
        takes: Takes::PicturesOrPoints,
        data: "mnist",
        over: Some("gan"),
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let shape = &given.sample.of_batch(1)[1..];
        let has_unlabelled = given.extras.iter().any(|e| e.field == Field::XB && e.shape == shape);
        let classes = given.classes.filter(|_| has_unlabelled);
        let Config {
            networks, z_dim, width, ..
        } = config;
        let [discriminator, player] = ["discriminator", "generator"].map(|name| scope.at(name));

        let scope_of_features = discriminator.at("features");
        let (features, count) = match given.sample {
            sample @ Shape::Picture { .. } if networks.are_dense(given) => {
                classifier(&scope_of_features, &sample, width)
            }
            _ => features(networks, &scope_of_features, given, width),
        };
        let mut head = Sequential::new(&discriminator.at("head"));
        if config.kernels > 0 {
            head = head.push(minibatch_discrimination(count, config.kernels, KERNEL_DIMENSION));
        }
        let head = head.push(dense(count + config.kernels, classes.unwrap_or(1)));

        let reference = config.reference_batch;
        let generator = decoder(networks, &player, given, z_dim, width, reference);
        let normal = Init::Normal { mean: 0.0, std: 1.0 };
        let reference = (reference > 0).then(|| player.random_buffer("reference", &[reference, z_dim], normal));
        let histories = (config.historical_averaging > 0.0)
            .then(|| [&discriminator, &player].map(|player| HistoricalAverage::new(&scope.at("history"), player)));
        ImprovedGan {
            classes,
            generator: match given.sample {
                Shape::Point { .. } => generator,
                _ => generator.push(Activation::Tanh),
            },
            reference,
            features,
            head,
            histories,
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Extra;
    use crate::games::Play;
    use gany_engine::DType;

    /// Two classes of points, of which only four are labelled: the unlabelled ones lie around them.
    #[test]
    fn few_labels_teach_classes() {
        let shape = Shape::Point { dimension: 2 };
        let given = Given {
            extras: vec![Extra {
                field: Field::XB,
                shape: vec![2],
            }],
            ..Given::of(shape, Some(2))
        };
        let scope = Scope::new(DType::F32, 0);
        let config = Config {
            batch: 4,
            z_dim: 2,
            width: 16,
            kernels: 3,
            reference_batch: 4,
            historical_averaging: 1e-3,
            noise: 0.1,
            generator: OptimiserConfig::adam(1e-2, [0.5, 0.999]),
            discriminator: OptimiserConfig::adam(1e-2, [0.5, 0.999]),
            ..Config::default()
        };
        let system = ImprovedGan::build(config, &given, &scope);
        let mut play = Play::new(Box::new(system), scope, given.of_batch(4), 0);
        let labelled = [1.0, 1.0, -1.0, -1.0, 1.2, 0.8, -0.8, -1.2];
        play.batch_mut(0).0.copy_from_slice(&labelled);
        play.batch_mut(0).1.copy_from_slice(&[0.0, 1.0, 0.0, 1.0]);
        play.extra_mut(0, 0).copy_from_slice(&labelled.map(|x| 0.9 * x));
        (0..100).for_each(|n| play.step(n));
        let logits = play.apply("classify", &[0.9, 0.9, -0.9, -0.9]);
        assert!(logits[0] > logits[1] && logits[2] < logits[3], "{logits:?}");
    }

    /// With one logit, log sum exp is the logit itself: what is left without labels is the game of `gan`.
    #[test]
    fn realness_of_one_class_is_its_logit() {
        let logits = Tensor::from_f64(&[3, 1], &[-2.0, 0.0, 7.0]);
        assert_eq!(realness(&logits).to_f64(), [-2.0, 0.0, 7.0]);
    }
}
