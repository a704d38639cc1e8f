//! Defogging: pix2pix with what is known of fog built in: the network says how much fog there is, and physics takes it away.
//!
//! Zhang and Patel 2018, "Densely Connected Pyramid Dehazing Network", arXiv:1803.08396, on the model of Koschmieder:
//!
//! ```text
//! x   = t J + (1 - t) A           light of the scene J, what fog lets through t, colour of the fog A       equation 1
//! J   = (x - (1 - t) A) / t       t and A being what G says of x                                           equation 3
//! L_D = 1/2 E[softplus(-D(x, x_b))] + 1/2 E[softplus(D(x, J))]
//! L_G = E[softplus(-D(x, J))] + lambda E|x_b - J|
//! ```
//!
//! Over `pix2pix`, whose networks and losses it takes: G gives a transmission t for every pixel and one colour A for the
//! picture instead of the picture itself. The paper's densely connected pyramid is pix2pix's U-Net; its losses of t and A,
//! which need the truth about both, and of edges are left out, and its discriminator sees (x, J) instead of (t, J).
use super::networks::{self, UNet};
use crate::data::Field;
use crate::games::{Function, Game, Space, Step, System};
use crate::models::translation::pix2pix::{self, Adversary};
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Layer, Scope};
use gany_engine::Tensor;

/// Settings of [`Defog`]: those of pix2pix.
pub use pix2pix::Config;

/// The defogger.
pub struct Defog {
    extents: networks::Extents,
    generator: UNet,
    adversary: Adversary,
}

/// Less than this gets through no fog: what is divided by it is noise.
const THINNEST: f64 = 0.05;

/// The fog in pictures.
struct Fog {
    /// What it lets through, `[n, height, width, 1]`, [`THINNEST`] to 1.
    transmission: Tensor,
    /// Its colour, `[n, 1, 1, channels]`, -1 to 1.
    colour: Tensor,
}

impl Fog {
    /// The pictures `x [n, height, width, channels]` without it.
    fn off(&self, x: &Tensor) -> Tensor {
        // Equation 3 by way of x - A, which holds in [-1, 1] as well as in [0, 1].
        (x - &self.colour) / &self.transmission + &self.colour
    }
}

impl Defog {
    fn fog(&self, x: &Tensor) -> Fog {
        let says = self.generator.forward(x);
        Fog {
            transmission: says.slice(3, 0, 1).sigmoid() * (1.0 - THINNEST) + THINNEST,
            colour: says.slice(3, 1, 1 + self.extents[2]).mean_axes_kept(&[1, 2]).tanh(),
        }
    }
}

impl System for Defog {
    fn game(&self) -> Game {
        self.adversary.game()
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        let x_fake = s.once("x_fake", || self.fog(s.x()).off(s.x()));
        self.adversary.loss(player, s, &x_fake)
    }

    fn z_dim(&self) -> usize {
        0
    }

    fn functions(&self) -> Vec<Function> {
        let [height, width, _] = self.extents;
        vec![
            Function::of_x("translate", Space::Data(Field::XB)),
            Function::of_x("transmission", Space::Other(vec![height, width, 1])),
        ]
    }

    fn apply(&self, name: &str, x: &Tensor) -> Tensor {
        let fog = self.fog(x);
        match name {
            "translate" => fog.off(x).clamp(-1.0, 1.0),
            // As a picture: black where the fog is thick.
            _ => fog.transmission * 2.0 - 1.0,
        }
    }
}

impl Describe for Defog {
    type Config = Config;

    const CARD: Card = Card {
        id: "defog",
        section: Section::Translation,
        title: "Defogging",
        paper: "Zhang and Patel 2018, Densely Connected Pyramid Dehazing Network, arXiv:1803.08396",
        idea: "Looks through fog: the network says how thick it is and of what colour, and physics takes it away.",
        equations: &[
            "x = t J + (1 - t) A, so J = (x - (1 - t) A) / t with t and A as G says",
            "L_D = 1/2 E[softplus(-D(x, x_b))] + 1/2 E[softplus(D(x, J))]",
            "L_G = E[softplus(-D(x, J))] + lambda E|x_b - J|",
        ],
        needs: &[Field::XB],
        takes: Takes::Pictures,
        data: "fog:landscapes --size 96",
        over: Some("pix2pix"),
    };

    fn check(_: &Config, given: &Given) -> Result<(), String> {
        let [x, x_b] = networks::pair(given);
        if x == x_b {
            return Ok(());
        }
        Err(format!(
            "expected pairs of one size and as many channels, got {x:?} and {x_b:?}; `--size` and `--channels` bring both to one"
        ))
    }

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let extents = networks::picture(given);
        Defog {
            generator: networks::unet(&scope.at("generator"), extents, 1 + extents[2], config.width),
            adversary: Adversary::new(config, given, scope),
            extents,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::assert_close;

    /// Half the light of the scene and half that of grey fog, and a quarter of it.
    #[test]
    fn what_fog_has_done_is_undone() {
        let scene = [-0.8, 0.4];
        let (transmission, colour) = ([0.5, 0.25], 0.6);
        let foggy: Vec<f64> = scene
            .iter()
            .zip(transmission)
            .map(|(j, t)| t * j + (1.0 - t) * colour)
            .collect();
        let fog = Fog {
            transmission: Tensor::from_f64(&[1, 1, 2, 1], &transmission),
            colour: Tensor::from_f64(&[1, 1, 1, 1], &[colour]),
        };
        assert_close(
            "scene",
            &fog.off(&Tensor::from_f64(&[1, 1, 2, 1], &foggy)),
            &scene,
            1e-12,
        );
    }
}
