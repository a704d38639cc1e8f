//! Adversarial discriminative domain adaptation: a classifier of labelled pictures learns to see others of which no label is known.
//!
//! Tzeng et al. 2017, "Adversarial Discriminative Domain Adaptation", arXiv:1702.05464.
//!
//! ```text
//! first    L_S,C = E[-log C(S(a))_y]                                                  source classifier
//! then     L_D   = E_a[softplus(-D(S(a)))] + E_b[softplus(D(T(b)))]                   equation 9, S and C left alone
//!          L_T   = E_b[softplus(-D(T(b)))]
//! ```
//!
//! T begins as S. So T is the encoder that learns in both phases, and S a frozen copy of it that is left behind when the
//! first phase ends; what it says of `x_b` is C(T(b)). The encoder is the paper's LeNet, two convolutions and a dense layer,
//! of any size, with strides where that pools.
use super::networks;
use crate::data::Field;
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Activation, Declare, Dense, Layer, Scope, Sequential, conv, dense};
use crate::objectives::non_saturating;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`Adda`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Pictures of either domain in a batch.
    pub batch: usize,
    /// Channels of the first convolution; the second has 2.5 times as many.
    pub width: usize,
    /// Numbers that the encoder makes of a picture.
    pub features: usize,
    /// Numbers in both hidden layers of the discriminator.
    pub hidden: usize,
    /// Steps of the first phase.
    pub source_steps: u64,
    /// The encoder's optimiser, in either phase.
    pub encoder: OptimiserConfig,
    /// The classifier's optimiser.
    pub classifier: OptimiserConfig,
    /// The domain discriminator's optimiser.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(2e-4, [0.5, 0.999]);
        Config {
            batch: 128,
            width: 20,
            features: 500,
            hidden: 500,
            source_steps: 10_000,
            encoder: adam,
            classifier: adam,
            discriminator: adam,
        }
    }
}

/// Adversarial discriminative domain adaptation.
pub struct Adda {
    config: Config,
    classes: usize,
    encoder: Sequential,
    /// What the encoder was when it had learned from the labelled pictures, and where it is kept.
    source: Sequential,
    scopes: [Scope; 2],
    classifier: Dense,
    discriminator: Sequential,
}

impl Adda {
    fn is_adapting(&self) -> bool {
        self.scopes[0].stage().phase() > 0
    }

    fn cross_entropy(&self, s: &Step) -> Tensor {
        let logits = self.classifier.forward(&self.encoder.forward(s.x()));
        let right = logits.argmax(1).equals(s.y()).mean();
        s.report("accuracy.source", &right);
        let says = logits.log_softmax(1) * s.y().one_hot(self.classes);
        -says.sum_axes(&[1]).mean()
    }

    fn discriminator_loss(&self, s: &Step) -> Tensor {
        let logits = |encoder: &Sequential, x: &Tensor| self.discriminator.forward(&encoder.forward(x).detach());
        let (source, target) = (logits(&self.source, s.x()), logits(&self.encoder, s.x_b()));
        s.report_discriminator(&source, &target);
        non_saturating::discriminator(&source, &target)
    }
}

impl System for Adda {
    fn game(&self) -> Game {
        let encoder = Player::new("encoder", self.config.encoder);
        Game::step(encoder.clone(), 1)
            .then(Player::new("classifier", self.config.classifier), 1)
            .followed_by(
                self.config.source_steps,
                Game::step(Player::new("discriminator", self.config.discriminator), 1).then(encoder, 1),
            )
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        match player {
            "encoder" if self.is_adapting() => {
                non_saturating::generator(&self.discriminator.forward(&self.encoder.forward(s.x_b())))
            }
            "encoder" => self.cross_entropy(s),
            "classifier" => {
                // The encoder has just moved.
                let [encoder, source] = &self.scopes;
                source.follow(encoder);
                self.cross_entropy(s)
            }
            _ => self.discriminator_loss(s),
        }
    }

    fn z_dim(&self) -> usize {
        0
    }

    fn functions(&self) -> Vec<Function> {
        let function = |name, field| Function {
            name,
            takes: Space::Data(field),
            gives: Space::Other(vec![self.classes]),
        };
        vec![function("classify", Field::XB), function("classify_source", Field::X)]
    }

    /// Logits of the classes.
    fn apply(&self, name: &str, x: &Tensor) -> Tensor {
        let encoder = match name {
            "classify" => &self.encoder,
            _ => &self.source,
        };
        self.classifier.forward(&encoder.forward(x))
    }
}

impl Describe for Adda {
    type Config = Config;

    const CARD: Card = Card {
        id: "adda",
        section: Section::Translation,
        title: "Adversarial discriminative domain adaptation",
        paper: "Tzeng et al. 2017, Adversarial Discriminative Domain Adaptation, arXiv:1702.05464",
        idea: "A classifier of labelled pictures learns to see others without labels, until a judge cannot tell them apart.",
        equations: &[
            "first  L_S,C = E[-log C(S(a))_y]",
            "then   L_D = E_a[softplus(-D(S(a)))] + E_b[softplus(D(T(b)))]",
            "       L_T = E_b[softplus(-D(T(b)))], T beginning as S",
        ],
        needs: &[Field::Y, Field::XB],
        takes: Takes::Pictures,
        data: "unpaired:emoji-google,emoji-twitter",
        over: Some("gan"),
    };

    fn check(_: &Config, given: &Given) -> Result<(), String> {
        networks::same_sides(given)?;
        let [[.., channels], [.., channels_b]] = networks::pair(given);
        if channels == channels_b {
            return Ok(());
        }
        Err(format!(
            "expected pictures of as many channels in both domains, got {channels} and {channels_b}; `--channels` brings both to one number"
        ))
    }

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let extents = networks::picture(given);
        let classes = given.classes.expect("checked: this system needs labels");
        let scopes = [scope.at("encoder"), scope.at("source").frozen()];
        let [encoder, source] = scopes.each_ref().map(|scope| encoder(scope, extents, &config));
        let discriminator = Sequential::new(&scope.at("discriminator"))
            .push(dense(config.features, config.hidden))
            .push(Activation::LeakyRelu(0.2))
            .push(dense(config.hidden, config.hidden))
            .push(Activation::LeakyRelu(0.2))
            .push(dense(config.hidden, 1));
        Adda {
            classes,
            encoder,
            source,
            scopes,
            classifier: dense(config.features, classes).declare(&scope.at("classifier")),
            discriminator,
            config,
        }
    }
}

/// LeNet without its classifier: `[n, height, width, channels]` to `[n, features]`.
fn encoder(scope: &Scope, [height, width, channels]: networks::Extents, config: &Config) -> Sequential {
    let (narrow, wide) = (config.width, config.width * 5 / 2);
    let pixels = height.div_ceil(4) * width.div_ceil(4);
    Sequential::new(scope)
        .push(|x: &Tensor| networks::padded(x, 4))
        .push(conv(channels, narrow, [5, 5]).stride(2).padding(2))
        .push(Activation::Relu)
        .push(conv(narrow, wide, [5, 5]).stride(2).padding(2))
        .push(Activation::Relu)
        .push(|x: &Tensor| x.flatten_from(1))
        .push(dense(pixels * wide, config.features))
        .push(Activation::Relu)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::games::Play;
    use crate::models::translation::networks::tests::of_pairs;
    use gany_engine::DType;

    /// The copy follows the encoder to the last step of the first phase and stays there, and so does the classifier.
    #[test]
    fn the_source_is_left_behind_when_the_target_sets_out() {
        let given = of_pairs([8, 8, 1], [8, 8, 1], Some(2));
        let config = Config {
            width: 2,
            features: 4,
            hidden: 4,
            source_steps: 2,
            ..Config::default()
        };
        let scope = Scope::new(DType::F32, 0);
        let system = Adda::build(config, &given, &scope);
        let mut play = Play::new(Box::new(system), scope, given.of_batch(4), 0);
        let (x, y) = play.batch_mut(0);
        x.iter_mut().enumerate().for_each(|(i, x)| *x = (i % 7) as f32 / 7.0);
        y.copy_from_slice(&[0.0, 1.0, 0.0, 1.0]);
        play.extra_mut(0, 0).fill(0.3);
        let mut after = |n: u64, name: &str| {
            if play.done() == n {
                play.step(n);
            }
            let position = play.entries().iter().position(|entry| entry.name == name).unwrap();
            play.state(position).to_f64()
        };
        let [encoder, source, classifier] = ["encoder.1.weight", "source.1.weight", "classifier.weight"];
        for n in 0..2 {
            assert_eq!(after(n, encoder), after(n, source), "step {n}");
        }
        let (left, said) = (after(1, source), after(1, classifier));
        assert_ne!(after(2, encoder), left);
        assert_eq!((after(2, source), after(2, classifier)), (left, said));
    }
}
