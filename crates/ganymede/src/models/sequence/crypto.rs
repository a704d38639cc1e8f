//! Adversarial neural cryptography: Alice and Bob, who share a key, learn to talk so that Eve, who listens, learns nothing.
//!
//! Abadi and Andersen 2016, "Learning to Protect Communications with Adversarial Neural Cryptography", arXiv:1610.06918, section 2.
//!
//! ```text
//! c    = A(p, k)                                               a message and a key of n bits, -1 or 1 each
//! L_E  = E[d(p, E(c))]                                         d: half the sum of absolute differences, wrong bits
//! L_AB = 2/n E[d(p, B(c, k))] + (n/2 - L_E)^2 / (n/2)^2        Eve is to guess, not to be wrong about every bit
//! ```
//!
//! Every network is the paper's: a dense layer that can mix any bits with any, then four convolutions along the line of numbers.
//! When the talk has settled, an Eve who was never part of it is trained against an Alice who no longer answers; what
//! she finds is what a listener can find. Simplification: one such Eve, not five of which the best counts.
use crate::data::{Field, Shape};
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Activation, Init, Layer, Scope, Sequential, conv, dense};
use crate::optimisers::OptimiserConfig;
use gany_engine::{Key, PadMode, Tensor, concat};
use serde::{Deserialize, Serialize};

/// Settings of [`Crypto`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Messages in a batch.
    pub batch: usize,
    /// Channels of the first convolution; the next two have twice as many.
    pub width: usize,
    /// Moves of Eve to one of Alice and Bob.
    pub n_eve: usize,
    /// Steps after which Alice and Bob rest and the fresh Eve begins.
    pub talk_steps: u64,
    /// The optimiser of Alice and Bob.
    pub alice_and_bob: OptimiserConfig,
    /// The optimiser of the Eve whom they learn against.
    pub eve: OptimiserConfig,
    /// The optimiser of the Eve who comes when they have settled.
    pub fresh_eve: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(8e-4, [0.9, 0.999]);
        Config {
            batch: 4096,
            width: 2,
            n_eve: 2,
            talk_steps: 20_000,
            alice_and_bob: adam,
            eve: adam,
            fresh_eve: adam,
        }
    }
}

/// Alice, Bob, the Eve whom they learn against, and the fresh one.
pub struct Crypto {
    config: Config,
    bits: usize,
    alice: Sequential,
    bob: Sequential,
    eve: Sequential,
    fresh_eve: Sequential,
}

/// From `inputs` numbers to `bits` numbers between -1 and 1: `[n, inputs]` to `[n, bits]`.
fn network(scope: &Scope, inputs: usize, bits: usize, width: usize) -> Sequential {
    let along =
        |c_in, c_out, taps: usize, stride: usize| conv(c_in, c_out, [taps]).stride(stride).init(Init::XavierUniform);
    Sequential::new(scope)
        .push(dense(inputs, 2 * bits).init(Init::XavierUniform))
        .push(Activation::Sigmoid)
        // A window of four sees one number before its own and two behind.
        .push(move |x: &Tensor| x.reshape(&[x.extent(0), 2 * bits, 1]).pad(1, 1, 2, PadMode::Zero))
        .push(along(1, width, 4, 1))
        .push(Activation::Sigmoid)
        .push(along(width, 2 * width, 2, 2))
        .push(Activation::Sigmoid)
        .push(along(2 * width, 2 * width, 1, 1))
        .push(Activation::Sigmoid)
        .push(along(2 * width, 1, 1, 1))
        .push(Activation::Tanh)
        .push(move |x: &Tensor| x.reshape(&[x.extent(0), bits]))
}

/// Bits, -1 or 1, of uniform numbers on [0, 1).
fn bits_of(uniform: &Tensor) -> Tensor {
    (uniform - 0.5).positive() * 2.0 - 1.0
}

/// d, the mean over messages `[n, bits]` of half the sum of absolute differences: as many as bits are wrong, where all are
/// -1 or 1.
fn distance(message: &Tensor, said: &Tensor) -> Tensor {
    ((message - said).abs() * 0.5).sum_axes(&[1]).mean()
}

impl Crypto {
    fn cipher(&self, message: &Tensor, key: &Tensor) -> Tensor {
        self.alice.forward(&concat(&[message.clone(), key.clone()], 1))
    }

    fn received(&self, cipher: &Tensor, key: &Tensor) -> Tensor {
        self.bob.forward(&concat(&[cipher.clone(), key.clone()], 1))
    }

    /// Wrong bits of n, counting what was said as the nearest bit.
    fn report(&self, s: &Step, who: &str, said: &Tensor) {
        let nearest = said.positive() * 2.0 - 1.0;
        s.report(&format!("bits_wrong.{who}"), &distance(s.x(), &nearest));
    }

    fn loss_of_alice_and_bob(&self, s: &Step, key: &Tensor, cipher: &Tensor) -> Tensor {
        let (half, received) = (0.5 * self.bits as f64, self.received(cipher, key));
        self.report(s, "bob", &received);
        let of_eve = distance(s.x(), &self.eve.forward(cipher));
        distance(s.x(), &received) / half + (half - of_eve).square() / half.powi(2)
    }

    fn loss_of_a_listener(&self, s: &Step, who: &str, eve: &Sequential, cipher: &Tensor) -> Tensor {
        let said = eve.forward(&cipher.detach());
        self.report(s, who, &said);
        distance(s.x(), &said)
    }
}

impl System for Crypto {
    fn game(&self) -> Game {
        let Config {
            alice_and_bob,
            eve,
            fresh_eve,
            ..
        } = self.config;
        Game::step(Player::new("alice_and_bob", alice_and_bob), 1)
            .then(Player::new("eve", eve), self.config.n_eve)
            .followed_by(
                self.config.talk_steps,
                Game::step(Player::new("fresh_eve", fresh_eve), 1),
            )
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        let key = bits_of(&s.uniform(&[s.batch(), self.bits]));
        let cipher = self.cipher(s.x(), &key);
        match player {
            "alice_and_bob" => self.loss_of_alice_and_bob(s, &key, &cipher),
            "eve" => self.loss_of_a_listener(s, "eve", &self.eve, &cipher),
            _ => self.loss_of_a_listener(s, "fresh_eve", &self.fresh_eve, &cipher),
        }
    }

    fn z_dim(&self) -> usize {
        0
    }

    fn functions(&self) -> Vec<Function> {
        let with_key = || Space::Other(vec![2 * self.bits]);
        let of_message = |name| Function::of_x(name, Space::Data(Field::X));
        vec![
            Function::new("encrypt", with_key(), Space::Data(Field::X)),
            Function::new("decrypt", with_key(), Space::Data(Field::X)),
            of_message("receive"),
            of_message("intercept"),
            of_message("intercept_afresh"),
        ]
    }

    /// `encrypt` and `decrypt` take a message or a cipher with the key behind it. The others take messages, encrypt each with a
    /// key of its own, and say what Bob, Eve or the fresh Eve makes of the cipher.
    fn apply(&self, name: &str, x: &Tensor) -> Tensor {
        match name {
            "encrypt" => return self.alice.forward(x),
            "decrypt" => return self.bob.forward(x),
            _ => {}
        }
        let key = bits_of(&Key::new(x.dtype(), 0, 0).uniform(0, x.shape()));
        let cipher = self.cipher(x, &key);
        match name {
            "receive" => self.received(&cipher, &key),
            "intercept" => self.eve.forward(&cipher),
            _ => self.fresh_eve.forward(&cipher),
        }
    }
}

impl Describe for Crypto {
    type Config = Config;

    const CARD: Card = Card {
        id: "crypto",
        section: Section::Sequence,
        title: "Adversarial neural cryptography",
        paper: "Abadi and Andersen 2016, Learning to Protect Communications with Adversarial Neural Cryptography, arXiv:1610.06918",
        idea: "Two networks that share a key invent a cipher, because a third one listens.",
        equations: &[
            "L_E  = E[d(p, E(A(p, k)))],  d: wrong bits of n",
            "L_AB = 2/n E[d(p, B(A(p, k), k))] + (n/2 - L_E)^2 / (n/2)^2",
            "then   a fresh Eve: L_E, Alice left alone",
        ],
        needs: &[],
        takes: Takes::Messages,
        data: "bits:16",
        over: None,
    };

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let Shape::Point { dimension: bits } = given.sample else {
            panic!("checked: this system needs messages")
        };
        let of = |name: &str, inputs| network(&scope.at(name), inputs, bits, config.width);
        Crypto {
            alice: of("alice_and_bob.alice", 2 * bits),
            bob: of("alice_and_bob.bob", 2 * bits),
            eve: of("eve", bits),
            fresh_eve: of("fresh_eve", bits),
            bits,
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::games::Play;
    use gany_engine::DType;

    #[test]
    fn distances_are_wrong_bits() {
        let message = Tensor::from_f64(&[2, 3], &[1.0, -1.0, 1.0, -1.0, -1.0, 1.0]);
        let said = Tensor::from_f64(&[2, 3], &[1.0, 1.0, 0.0, -1.0, -1.0, 1.0]);
        // One and a half bits in the first message, none in the second.
        assert_eq!(distance(&message, &said).to_f64(), [0.75]);
        let uniform = Tensor::from_f64(&[3], &[0.0, 0.4999, 0.5001]);
        assert_eq!(bits_of(&uniform).to_f64(), [-1.0, -1.0, 1.0]);
    }

    /// While the fresh Eve learns, nobody else does; before, she does not.
    #[test]
    fn the_fresh_eve_comes_when_the_others_rest() {
        let config = Config {
            batch: 4,
            talk_steps: 2,
            ..Config::default()
        };
        let given = Given::of(Shape::Point { dimension: 4 }, None);
        let scope = Scope::new(DType::F32, 0);
        let system = Crypto::build(config, &given, &scope);
        let mut play = Play::new(Box::new(system), scope, given.of_batch(4), 0);
        (0..2).for_each(|part| play.batch_mut(part).0.fill(1.0));
        let names = ["alice_and_bob.alice.0.weight", "eve.0.weight", "fresh_eve.0.weight"];
        let weights = |play: &Play| {
            names.map(|name| {
                let place = play.entries().iter().position(|entry| entry.name == name);
                play.state(place.expect(name)).to_f64()
            })
        };
        let mut before = weights(&play);
        for moved in [[true, true, false], [true, true, false], [false, false, true]] {
            play.step(play.done());
            let after = weights(&play);
            assert_eq!([0, 1, 2].map(|i| before[i] != after[i]), moved);
            before = after;
        }
    }
}
