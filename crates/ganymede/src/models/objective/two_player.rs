//! What most systems of this chapter share: one generator against one judge on the same two networks. What is left to a
//! system are its [`Rules`]: the settings that it has of its own, and what each player minimises.
use crate::games::{Game, Player, Step, System};
use crate::models::objective::networks::Networks;
use crate::models::{Card, Describe, Given};
use crate::nn::{Layer, Scope, Sequential};
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Settings of a [`TwoPlayer`]: those that all have, and beside them those of its rules.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config<R> {
    /// Examples in a batch.
    pub batch: usize,
    /// Numbers in a latent vector.
    pub z_dim: usize,
    /// Units of each hidden layer, or channels of the outermost convolution.
    pub width: usize,
    /// Which networks play.
    pub networks: Networks,
    /// Decay of the moving average of the generator's weights that samples are made by; 0: by the weights themselves.
    #[serde(default)]
    pub average_decay: f64,
    /// The generator's optimiser.
    pub generator: OptimiserConfig,
    /// Those of the rules.
    #[serde(flatten)]
    pub rules: R,
}

impl<R: Rules> Default for Config<R> {
    fn default() -> Self {
        R::defaults()
    }
}

/// What makes a system of two players itself, implemented by the settings that it has of its own.
pub trait Rules: Serialize + DeserializeOwned + Send + 'static {
    /// What a person should know of it.
    const CARD: Card;

    /// All settings with the paper's values.
    fn defaults() -> Config<Self>;

    /// The judge as a player; its name is that of its scope.
    fn judge(&self) -> Player;

    /// Moves of the judge to one of the generator.
    fn n_critic(&self) -> usize {
        1
    }

    /// The judge's network: examples `[n, ..]` to a logit or score each, `[n]`.
    fn network(&self, networks: Networks, scope: &Scope, given: &Given, width: usize) -> Sequential {
        networks.discriminator(scope, given, width)
    }

    /// What the judge minimises, a scalar; `x_fake` passes no gradient on.
    fn judge_loss(&self, judge: &Sequential, x_fake: &Tensor, s: &Step) -> Tensor;

    /// What the generator minimises, a scalar.
    fn generator_loss(&self, judge: &Sequential, x_fake: &Tensor, s: &Step) -> Tensor;

    /// The score of an example that may as well be real as generated.
    fn undecided(&self) -> f64 {
        0.0
    }

    /// What becomes of an updated parameter of the judge.
    fn constrain_judge(&self, value: Tensor) -> Tensor {
        value
    }

    /// Called once both networks are declared in `scope`.
    fn declared(&self, _scope: &Scope) {}
}

/// One generator against one judge.
pub struct TwoPlayer<R> {
    config: Config<R>,
    generator: Sequential,
    judge: Sequential,
}

impl<R: Rules> TwoPlayer<R> {
    /// On other networks than the chapter's: a generator of samples `[n, ..]` from `[n, z_dim]`, and a judge of them, `[n]`,
    /// declared under the names of the two players.
    pub fn on(config: Config<R>, generator: Sequential, judge: Sequential) -> TwoPlayer<R> {
        TwoPlayer {
            config,
            generator,
            judge,
        }
    }
}

impl<R: Rules> System for TwoPlayer<R> {
    fn game(&self) -> Game {
        let rules = &self.config.rules;
        Game::step(rules.judge(), rules.n_critic()).then(Player::new("generator", self.config.generator), 1)
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        let x_fake = s.once("x_fake", || {
            self.generator.forward(&s.normal(&[s.batch(), self.config.z_dim]))
        });
        match player {
            "generator" => self.config.rules.generator_loss(&self.judge, &x_fake, s),
            _ => self.config.rules.judge_loss(&self.judge, &x_fake.detach(), s),
        }
    }

    fn constrain(&self, player: &str, value: Tensor) -> Tensor {
        match player {
            "generator" => value,
            _ => self.config.rules.constrain_judge(value),
        }
    }

    fn judge(&self, x: &Tensor, _: Option<&Tensor>) -> Option<Tensor> {
        Some(self.judge.forward(x) - self.config.rules.undecided())
    }

    fn average_decay(&self) -> f64 {
        self.config.average_decay
    }

    fn z_dim(&self) -> usize {
        self.config.z_dim
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        self.generator.forward(z)
    }
}

impl<R: Rules> Describe for TwoPlayer<R> {
    type Config = Config<R>;

    const CARD: Card = R::CARD;

    fn build(config: Config<R>, given: &Given, scope: &Scope) -> Self {
        let Config {
            networks, z_dim, width, ..
        } = config;
        let name = config.rules.judge().name;
        let generator = networks.generator(&scope.at("generator"), given, z_dim, width);
        let judge = config.rules.network(networks, &scope.at(name), given, width);
        config.rules.declared(scope);
        TwoPlayer::on(config, generator, judge)
    }
}

/// What the judge says of the step's real and of these generated samples, `[n]` each. The step reports how right it is,
/// taking what is positive for real.
pub fn logits(judge: &Sequential, x_fake: &Tensor, s: &Step) -> [Tensor; 2] {
    let [real, fake] = [judge.forward(s.x()), judge.forward(x_fake)];
    s.report_discriminator(&real, &fake);
    [real, fake]
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::data::Shape;
    use crate::games::Play;
    use crate::nn::dense;
    use gany_engine::DType;

    /// A game of points of the line, all of them at `x`: D(x) = `slope` x, and G makes `made` of every z.
    pub(crate) fn on_the_line<R: Rules>(mut config: Config<R>, slope: f64, x: f32, made: f64) -> Play {
        (config.batch, config.z_dim) = (4, 1);
        let given = Given::of(Shape::Point { dimension: 1 }, None);
        let scope = Scope::new(DType::F32, 0);
        let judge = config.rules.judge().name;
        let [generator, judge] = ["generator", judge].map(|name| Sequential::new(&scope.at(name)).push(dense(1, 1)));
        let values = [("generator", [0.0, made]), (config.rules.judge().name, [slope, 0.0])];
        for (name, values) in values {
            for (parameter, value) in scope.at(name).parameters().iter().zip(values) {
                parameter.set(Tensor::full(DType::F32, parameter.shape(), value));
            }
        }
        let judge = judge.push(|x: &Tensor| x.reshape(&[x.extent(0)]));
        let mut play = Play::new(
            Box::new(TwoPlayer::on(config, generator, judge)),
            scope,
            given.of_batch(4),
            0,
        );
        play.batch_mut(0).0.fill(x);
        play
    }

    /// The one number of a state tensor.
    pub(crate) fn value(play: &Play, name: &str) -> f64 {
        let place = play.entries().iter().position(|entry| entry.name == name);
        play.state(place.expect(name)).to_f64()[0]
    }
}
