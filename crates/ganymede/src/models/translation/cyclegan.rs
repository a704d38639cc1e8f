//! CycleGAN: two kinds of pictures into one another, learned without pairs: there and back again is where it began.
//!
//! Zhu et al. 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", arXiv:1703.10593.
//!
//! ```text
//! L_D_B = 1/2 E[(D_B(b) - 1)^2] + 1/2 E[D_B(pool of G(a))^2]              section 4; D_A likewise
//! L_G,F = E[(D_B(G(a)) - 1)^2] + E[(D_A(F(b)) - 1)^2]
//!       + lambda (E|F(G(a)) - a| + E|G(F(b)) - b|)                        equation 2, lambda = 10
//!       + lambda / 2 (E|G(b) - b| + E|F(a) - a|)                          section 5.2
//! ```
//!
//! G (a to b) and F (b to a) are one player, since they minimise one loss. The paper's learning rate falls to 0 over
//! the second half of its 200 epochs (`falling`). Pictures of other channels than their partners' have no identity loss.
use super::networks;
use super::pool::Pool;
use crate::data::Field;
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Layer, Scope, Sequential};
use crate::objectives::least_squares;
use crate::optimisers::OptimiserConfig;
use gany_engine::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`Cyclegan`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Pictures of either kind in a batch.
    pub batch: usize,
    /// Channels of the layers next to the picture.
    pub width: usize,
    /// Residual blocks of a generator: the paper's 9 are for 256 pixels, 6 for 128.
    pub blocks: usize,
    /// How often the discriminators halve the picture.
    pub patch_levels: usize,
    /// lambda, the weight of the way there and back.
    pub cycle: f64,
    /// The weight of leaving alone what is of the other kind already.
    pub identity: f64,
    /// Pictures that each discriminator's pool holds.
    pub pool: usize,
    /// Between which steps the learning rates go straight to 0, such as [100000, 200000]; two zeros: they stay.
    #[serde(default)]
    pub falling: [u64; 2],
    /// The optimiser of both generators.
    pub generators: OptimiserConfig,
    /// The optimiser of the judge of the first pictures.
    pub discriminator_a: OptimiserConfig,
    /// The optimiser of the judge of the second pictures.
    pub discriminator_b: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(2e-4, [0.5, 0.999]);
        Config {
            batch: 1,
            width: 64,
            blocks: 9,
            patch_levels: 3,
            cycle: 10.0,
            identity: 5.0,
            pool: 50,
            falling: [0, 0],
            generators: adam,
            discriminator_a: adam,
            discriminator_b: adam,
        }
    }
}

/// CycleGAN.
pub struct Cyclegan {
    config: Config,
    a_to_b: Sequential,
    b_to_a: Sequential,
    judges: [Sequential; 2],
    pools: [Pool; 2],
}

impl Cyclegan {
    fn fake_b(&self, s: &Step) -> Tensor {
        s.once("fake_b", || self.a_to_b.forward(s.x()))
    }

    fn fake_a(&self, s: &Step) -> Tensor {
        s.once("fake_a", || self.b_to_a.forward(s.x_b()))
    }

    fn generators_loss(&self, s: &Step) -> Tensor {
        let (a, b, fake_a, fake_b) = (s.x(), s.x_b(), self.fake_a(s), self.fake_b(s));
        let error = |x: &Tensor, y: &Tensor| (x - y).abs().mean();
        // The paper's square is not halved.
        let fooled = |judge: &Sequential, fake: &Tensor| least_squares::generator(&judge.forward(fake)) * 2.0;
        let cycle = error(&self.b_to_a.forward(&fake_b), a) + error(&self.a_to_b.forward(&fake_a), b);
        s.report("cycle", &cycle);
        let mut loss = fooled(&self.judges[0], &fake_a) + fooled(&self.judges[1], &fake_b) + cycle * self.config.cycle;
        if a.shape() == b.shape() && self.config.identity != 0.0 {
            let identity = error(&self.a_to_b.forward(b), b) + error(&self.b_to_a.forward(a), a);
            s.report("identity", &identity);
            loss = loss + identity * self.config.identity;
        }
        loss
    }

    fn discriminator_loss(&self, kind: usize, s: &Step) -> Tensor {
        let (real, fake) = [(s.x(), self.fake_a(s)), (s.x_b(), self.fake_b(s))][kind].clone();
        let logits_fake = self.judges[kind].forward(&self.pools[kind].exchange(s, &fake));
        least_squares::discriminator(&self.judges[kind].forward(real), &logits_fake)
    }
}

impl System for Cyclegan {
    fn game(&self) -> Game {
        let player = |name, optimiser| Player::new(name, optimiser).falling(self.config.falling);
        Game::step(player("generators", self.config.generators), 1)
            .then(player("discriminator_a", self.config.discriminator_a), 1)
            .then(player("discriminator_b", self.config.discriminator_b), 1)
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        match player {
            "generators" => self.generators_loss(s),
            "discriminator_a" => self.discriminator_loss(0, s),
            _ => self.discriminator_loss(1, s),
        }
    }

    fn z_dim(&self) -> usize {
        0
    }

    fn functions(&self) -> Vec<Function> {
        let (a, b) = (Space::Data(Field::X), Space::Data(Field::XB));
        let function = |name, takes: &Space, gives: &Space| Function::new(name, takes.clone(), gives.clone());
        vec![function("translate", &a, &b), function("translate_back", &b, &a)]
    }

    fn apply(&self, name: &str, x: &Tensor) -> Tensor {
        match name {
            "translate" => self.a_to_b.forward(x),
            _ => self.b_to_a.forward(x),
        }
    }
}

impl Describe for Cyclegan {
    type Config = Config;

    const CARD: Card = Card {
        id: "cyclegan",
        section: Section::Translation,
        title: "CycleGAN",
        paper: "Zhu et al. 2017, Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks, arXiv:1703.10593",
        idea: "Turns two kinds of pictures into one another without pairs: there and back again is where it began.",
        equations: &[
            "L_D_B = 1/2 E[(D_B(b) - 1)^2] + 1/2 E[D_B(pool of G(a))^2]",
            "L_G,F = E[(D_B(G(a)) - 1)^2] + E[(D_A(F(b)) - 1)^2] + 10 (E|F(G(a)) - a| + E|G(F(b)) - b|) + 5 (E|G(b) - b| + E|F(a) - a|)",
        ],
        needs: &[Field::XB],
        takes: Takes::Pictures,
        data: "unpaired:emoji-google,emoji-twitter",
        over: Some("pix2pix"),
    };

    fn check(config: &Config, given: &Given) -> Result<(), String> {
        if config.batch > config.pool {
            let Config { batch, pool, .. } = config;
            return Err(format!("expected a pool of at least a batch, {batch}, got {pool}"));
        }
        networks::same_sides(given)
    }

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let [a, b] = networks::pair(given);
        let (width, blocks, levels) = (config.width, config.blocks, config.patch_levels);
        let generator = |name: &str, from: networks::Extents, to: networks::Extents| {
            networks::residual_generator(&scope.at("generators").at(name), from, to[2], width, blocks)
        };
        let judge = |name: &str, of| networks::patch_discriminator(&scope.at(name), of, width, levels);
        let pool = |name: &str, of| Pool::new(&scope.at("pool").at(name), config.pool, of);
        Cyclegan {
            a_to_b: generator("a_to_b", a, b),
            b_to_a: generator("b_to_a", b, a),
            judges: [judge("discriminator_a", a), judge("discriminator_b", b)],
            pools: [pool("a", a), pool("b", b)],
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::games::Play;
    use crate::models::translation::networks::tests::of_pairs;
    use gany_engine::DType;

    /// Generators that change nothing bring every picture back and leave it alone, and what the discriminators' pools hold
    /// then are the pictures of the other kind.
    #[test]
    fn generators_that_change_nothing_lose_nothing_but_the_game() {
        let given = of_pairs([8, 8, 1], [8, 8, 1], None);
        let config = Config {
            width: 2,
            blocks: 1,
            pool: 3,
            ..Config::default()
        };
        let scope = Scope::new(DType::F32, 0);
        let nothing = Sequential::new(&Scope::new(DType::F32, 0));
        let system = Cyclegan {
            a_to_b: nothing.clone(),
            b_to_a: nothing,
            ..Cyclegan::build(config, &given, &scope)
        };
        let mut play = Play::new(Box::new(system), scope, given.of_batch(2), 0);
        play.batch_mut(0).0.fill(0.25);
        play.extra_mut(0, 0).fill(-0.5);
        play.step(0);
        let reports = play.reports(0);
        assert_eq!((reports["cycle"], reports["identity"]), (0.0, 0.0));
        assert!(reports["loss.generators"] > 0.0);
        let pool = |name: &str| {
            let position = play.entries().iter().position(|entry| entry.name == name).unwrap();
            play.state(position).to_f64()
        };
        let expected = |value: f64| [[value; 128].as_slice(), &[0.0; 64]].concat();
        assert_eq!(pool("pool.a.pictures"), expected(-0.5));
        assert_eq!(pool("pool.b.pictures"), expected(0.25));
        assert_eq!(pool("pool.a.filled"), [2.0]);
        assert_eq!(play.apply("translate", &[0.75; 64]), [0.75; 64]);
    }
}
