//! Puppetry: one picture moves as another does. Key points that nobody marked, with a small linear map around each, say how every part
//! lies in either picture; what is between them is warped accordingly, and what comes into sight is painted.
//!
//! Siarohin et al. 2019, "First Order Motion Model for Image Animation", arXiv:2003.00196, equations 4 to 8 and appendix B. With points p_k and maps
//! J_k of the source S and of the driver D:
//!
//! ```text
//! T_k(z) = p_k(S) + J_k(S) J_k(D)^-1 (z - p_k(D)),   T = M_0 z + sum over k of M_k T_k(z)
//! x^     = G(O * warp(E(S), T)),   M, O = motion network of S warped by every T_k and of where the points are
//! L      = 10 E|D - x^| + E[(F(x^) - 1)^2] + 10 E|p(D) - A p(D o A)| + 10 E|1 - J(D)^-1 A J(D o A)|
//! L_F    = 1/2 E[(F(D) - 1)^2] + 1/2 E[F(x^)^2]
//! ```
//!
//! The last two terms say that points move along when a picture is pulled by any affine map A. Simplifications: absolute differences stand for
//! the paper's of VGG-19's features at four scales; A is affine, without thin-plate splines; all networks but the painter are pix2pix's.
use super::motion::{inverse, moved, places, product, warped};
use crate::data::Field;
use crate::games::{Function, Game, Player, Space, Step, System};
use crate::models::translation::networks::{UNet, cropped, padded, pair, patch_discriminator, unet};
use crate::models::{Card, Describe, Given, Section, Takes};
use crate::nn::{Activation, Layer, Norm, Scope, Sequential, conv, instance_norm, residual};
use crate::objectives::least_squares;
use crate::optimisers::OptimiserConfig;
use gany_engine::{Tensor, concat};
use serde::{Deserialize, Serialize};

/// Settings of [`Puppetry`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Pairs of pictures in a batch.
    pub batch: usize,
    /// Channels of the layers next to the picture.
    pub width: usize,
    /// Key points.
    pub points: usize,
    /// Residual blocks of the painter.
    pub blocks: usize,
    /// The weight of the absolute difference to the driver.
    pub reconstruction: f64,
    /// The weight of what the discriminator says; 0: there is none.
    pub adversarial: f64,
    /// The weight of points that move along with the picture, and of their maps.
    pub equivariance: f64,
    /// The optimiser of everything but the discriminator.
    pub generator: OptimiserConfig,
    /// The optimiser of the discriminator.
    pub discriminator: OptimiserConfig,
}

impl Default for Config {
    fn default() -> Self {
        let adam = OptimiserConfig::adam(2e-4, [0.5, 0.999]);
        Config {
            batch: 20,
            width: 64,
            points: 10,
            blocks: 6,
            reconstruction: 10.0,
            adversarial: 1.0,
            equivariance: 10.0,
            generator: adam,
            discriminator: adam,
        }
    }
}

/// What the logits of places are divided by before they become shares.
const TEMPERATURE: f64 = 0.1;
/// Variance of the spots that points are drawn as, where the picture goes from -1 to 1.
const SPOT: f64 = 0.01;
/// Deviations of the maps that pictures are pulled by, and of how far they are shifted.
const PULL: [f64; 2] = [0.1, 0.1];

/// Puppetry.
pub struct Puppetry {
    config: Config,
    /// Height, width and channels, the sides even.
    extents: [usize; 3],
    /// Height and width as they are in the data.
    sides: [usize; 2],
    detector: UNet,
    motion: UNet,
    encoder: Sequential,
    painter: Sequential,
    discriminator: Sequential,
}

/// How the parts of pictures lie.
struct Parts {
    /// `[n, points, 2]`: right and down, from -1 to 1.
    points: Tensor,
    /// `[n, points, 2, 2]`
    maps: Tensor,
}

impl Puppetry {
    fn parts(&self, x: &Tensor) -> Parts {
        let (n, k) = (x.extent(0), self.config.points);
        let [height, width, _] = self.extents;
        let said = self.detector.forward(x).reshape(&[n, height * width, 5 * k]);
        let shares = (said.slice(2, 0, k) / TEMPERATURE)
            .softmax(1)
            .reshape(&[n, height * width, k, 1]);
        let places = places(x.dtype(), [height, width]).reshape(&[1, height * width, 1, 2]);
        let maps = said.slice(2, k, 5 * k).reshape(&[n, height * width, k, 4]);
        let unit = Tensor::from_elements(x.dtype(), &[1, 1, 2, 2], &[1.0, 0.0, 0.0, 1.0]);
        Parts {
            points: (&shares * places).sum_axes(&[1]),
            maps: (shares * maps).sum_axes(&[1]).reshape(&[n, k, 2, 2]) + unit,
        }
    }

    /// Where in the source each pixel of the driver lies by every part, `[n, points + 1, h * w, 2]`; the first stays.
    fn motions(&self, source: &Parts, driver: &Parts) -> Tensor {
        let [height, width, _] = self.extents;
        let still = places(source.points.dtype(), [height, width]);
        let maps = product(&source.maps, &inverse(&driver.maps));
        let moved = moved(&maps, &still, &driver.points, &source.points);
        let shape = [moved.extent(0), 1, height * width, 2];
        concat(&[still.broadcast_to(&shape), moved], 1)
    }

    /// Spots where the points of the driver are, less those of the source: `[n, h, w, points]`.
    fn spots(&self, source: &Parts, driver: &Parts) -> Tensor {
        let [height, width, _] = self.extents;
        let places = places(source.points.dtype(), [height, width]);
        let spot = |parts: &Parts| {
            let (n, k) = (parts.points.extent(0), parts.points.extent(1));
            let away = &places - parts.points.reshape(&[n, k, 1, 2]);
            (away.square().sum_axes(&[3]) * (-0.5 / SPOT))
                .exp()
                .reshape(&[n, k, height, width])
        };
        (spot(driver) - spot(source)).permute(&[0, 2, 3, 1])
    }

    /// The source as the driver lies.
    fn driven(&self, source: &Tensor, source_parts: &Parts, driver: &Parts) -> Tensor {
        let [height, width, channels] = self.extents;
        let (n, ways) = (source.extent(0), self.config.points + 1);
        let motions = self.motions(source_parts, driver);
        let copies = source
            .reshape(&[n, 1, height, width, channels])
            .broadcast_to(&[n, ways, height, width, channels]);
        let each = warped(
            &copies.reshape(&[n * ways, height, width, channels]),
            &motions.reshape(&[n * ways, height, width, 2]),
        );
        let each = each
            .reshape(&[n, ways, height, width, channels])
            .permute(&[0, 2, 3, 1, 4]);
        let each = each.reshape(&[n, height, width, ways * channels]);
        let said = self
            .motion
            .forward(&concat(&[each, self.spots(source_parts, driver)], 3));
        let shares = said.slice(3, 0, ways).softmax(3).reshape(&[n, height, width, ways, 1]);
        let seen = said.slice(3, ways, ways + 1).sigmoid();
        let motions = motions.reshape(&[n, ways, height, width, 2]).permute(&[0, 2, 3, 1, 4]);
        let motion = (shares * motions).sum_axes(&[3]);
        let features = warped(&self.encoder.forward(source), &motion.average_pool(2));
        self.painter.forward(&(features * seen.average_pool(2)))
    }

    fn generator_loss(&self, s: &Step) -> Tensor {
        let (driver, parts) = (self.even(s.x()), self.parts(&self.even(s.x())));
        let x_fake = s.once("x_fake", || {
            let source = self.even(&self.half(s.x_b(), 1));
            self.driven(&source, &self.parts(&source), &parts)
        });
        let error = (&driver - &x_fake).abs().mean();
        s.report("error", &error);
        let mut loss =
            error * self.config.reconstruction + self.equivariance(s, &driver, &parts) * self.config.equivariance;
        if self.config.adversarial != 0.0 {
            loss = loss + least_squares::generator(&self.discriminator.forward(&x_fake)) * self.config.adversarial;
        }
        loss
    }

    /// How far points and maps of a pulled picture are from those of the picture, pulled.
    fn equivariance(&self, s: &Step, x: &Tensor, parts: &Parts) -> Tensor {
        let [height, width, _] = self.extents;
        let (n, k) = (x.extent(0), self.config.points);
        let unit = Tensor::from_elements(x.dtype(), &[1, 1, 2, 2], &[1.0, 0.0, 0.0, 1.0]);
        let pull = s.normal(&[n, 1, 2, 2]) * PULL[0] + &unit;
        let shift = s.normal(&[n, 1, 2]) * PULL[1];
        let middle = shift.zeros_like();
        let at = moved(&pull, &places(x.dtype(), [height, width]), &middle, &shift);
        let pulled = self.parts(&warped(x, &at.reshape(&[n, height, width, 2])));
        let pull = pull.broadcast_to(&[n, k, 2, 2]);
        let nothing = parts.points.zeros_like();
        let there = moved(
            &pull,
            &pulled.points.reshape(&[n, k, 1, 2]),
            &nothing,
            &shift.broadcast_to(&[n, k, 2]),
        );
        let points = (&parts.points - there.reshape(&[n, k, 2])).abs().mean();
        let maps = product(&inverse(&parts.maps), &product(&pull, &pulled.maps));
        let both = points + (unit - maps).abs().mean();
        s.report("equivariance", &both);
        both
    }

    /// One of the two pictures side by side.
    fn half(&self, strip: &Tensor, number: usize) -> Tensor {
        let width = strip.extent(2) / 2;
        strip.slice(2, number * width, (number + 1) * width)
    }

    fn even(&self, x: &Tensor) -> Tensor {
        padded(x, 2)
    }
}

impl System for Puppetry {
    fn game(&self) -> Game {
        let generator = Game::step(Player::new("generator", self.config.generator), 1);
        if self.config.adversarial == 0.0 {
            return generator;
        }
        generator.then(Player::new("discriminator", self.config.discriminator), 1)
    }

    fn loss(&self, player: &str, s: &Step) -> Tensor {
        if player == "generator" {
            return self.generator_loss(s);
        }
        let driver = self.even(s.x());
        let x_fake = s.once("x_fake", || {
            let source = self.even(&self.half(s.x_b(), 1));
            self.driven(&source, &self.parts(&source), &self.parts(&driver))
        });
        let [real, fake] = [&driver, &x_fake.detach()].map(|x| self.discriminator.forward(x));
        s.report_discriminator(&real, &fake);
        least_squares::discriminator(&real, &fake)
    }

    fn z_dim(&self) -> usize {
        0
    }

    fn functions(&self) -> Vec<Function> {
        vec![Function::new("drive", Space::Data(Field::XB), Space::Data(Field::X))]
    }

    /// The right one of two pictures as the left one lies.
    fn apply(&self, _: &str, strip: &Tensor) -> Tensor {
        let [driver, source] = [0, 1].map(|number| self.even(&self.half(strip, number)));
        let driven = self.driven(&source, &self.parts(&source), &self.parts(&driver));
        cropped(&driven, self.sides)
    }
}

impl Describe for Puppetry {
    type Config = Config;

    const CARD: Card = Card {
        id: "puppetry",
        section: Section::Faces,
        title: "Puppetry",
        paper: "Siarohin et al. 2019, First Order Motion Model for Image Animation, arXiv:2003.00196",
        idea: "Moves one picture as another moves, by key points that it finds by itself and a linear map around each.",
        equations: &[
            "T_k(z) = p_k(S) + J_k(S) J_k(D)^-1 (z - p_k(D)),   T = M_0 z + sum over k of M_k T_k(z)",
            "x^ = G(O * warp(E(S), T))",
            "L = 10 E|D - x^| + E[(F(x^) - 1)^2] + 10 E|p(D) - A p(D o A)| + 10 E|1 - J(D)^-1 A J(D o A)|",
        ],
        needs: &[Field::XB],
        takes: Takes::Pictures,
        data: "others:2:orl-faces --size 32",
        over: Some("faceswap"),
    };

    fn check(_: &Config, given: &Given) -> Result<(), String> {
        let [[height, width, channels], second] = pair(given);
        if second == [height, 2 * width, channels] && height.min(width) >= 4 {
            return Ok(());
        }
        Err(format!(
            "expected pictures of 4 pixels or more a side with two of the same size beside each, got {width}x{height} and {}x{}; \
             `others:2:SPEC` has two others of the same class",
            second[1], second[0]
        ))
    }

    fn build(config: Config, given: &Given, scope: &Scope) -> Self {
        let [[height, width, channels], _] = pair(given);
        let extents = [height.next_multiple_of(2), width.next_multiple_of(2), channels];
        let of = |c_in| [extents[0], extents[1], c_in];
        let (inside, c, k) = (scope.at("generator"), config.width, config.points);
        let encoder = Sequential::new(&inside.at("encoder"))
            .push(conv(channels, c, [5, 5]).padding(2))
            .push(instance_norm(c))
            .push(Activation::Relu)
            .push(conv(c, 2 * c, [3, 3]).stride(2).padding(1))
            .push(instance_norm(2 * c))
            .push(Activation::Relu);
        let mut painter = Sequential::new(&inside.at("painter"));
        for _ in 0..config.blocks {
            painter = painter.push(residual(2 * c, 2 * c).norm(Norm::Instance));
        }
        let painter = painter
            .push(|x: &Tensor| x.upsample_nearest(2))
            .push(conv(2 * c, c, [3, 3]).padding(1))
            .push(instance_norm(c))
            .push(Activation::Relu)
            .push(conv(c, channels, [5, 5]).padding(2))
            .push(Activation::Tanh);
        Puppetry {
            detector: unet(&inside.at("detector"), of(channels), 5 * k, c),
            motion: unet(&inside.at("motion"), of((k + 1) * channels + k), k + 2, c),
            encoder,
            painter,
            discriminator: match config.adversarial {
                0.0 => Sequential::new(&Scope::new(scope.dtype(), 0)),
                _ => patch_discriminator(&scope.at("discriminator"), extents, c, 2),
            },
            sides: [height, width],
            extents,
            config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Extra, Shape};
    use gany_engine::DType;

    fn built(points: usize) -> Puppetry {
        let sample = Shape::Picture {
            height: 8,
            width: 6,
            channels: 1,
        };
        let given = Given {
            extras: vec![Extra {
                field: Field::XB,
                shape: vec![8, 12, 1],
            }],
            ..Given::of(sample, None)
        };
        let config = Config {
            width: 2,
            points,
            blocks: 1,
            ..Config::default()
        };
        assert_eq!(Puppetry::check(&config, &given), Ok(()));
        Puppetry::build(config, &given, &Scope::new(DType::F64, 1))
    }

    fn numbers(shape: &[usize], values: &[f64]) -> Tensor {
        Tensor::from_f64(shape, values)
    }

    /// A part that is twice as large in the driver, and elsewhere: half a step in the source for each in the driver.
    #[test]
    fn a_part_moves_from_point_to_point_by_its_maps() {
        let system = built(1);
        let parts = |point: [f64; 2], scale: f64| Parts {
            points: numbers(&[1, 1, 2], &point),
            maps: numbers(&[1, 1, 2, 2], &[scale, 0.0, 0.0, scale]),
        };
        let motions = system
            .motions(&parts([0.5, 0.0], 1.0), &parts([-0.5, 0.25], 2.0))
            .to_f64();
        let (still, by_part) = motions.split_at(2 * 48);
        // The first pixel of 6 x 8: its middle is a half of a third, and of a quarter, inside.
        assert!((still[0] + 5.0 / 6.0).abs() < 1e-12 && (still[1] + 7.0 / 8.0).abs() < 1e-12);
        let expected = [0.5 + (-5.0 / 6.0 + 0.5) / 2.0, (-7.0 / 8.0 - 0.25) / 2.0];
        assert!((by_part[0] - expected[0]).abs() < 1e-12 && (by_part[1] - expected[1]).abs() < 1e-12);
    }

    /// Points lie in the picture, and the same picture as source and driver moves nothing.
    #[test]
    fn a_picture_that_drives_itself_stays_where_it_is() {
        let system = built(3);
        let values: Vec<f64> = (0..48).map(|i| ((i * 37) % 41) as f64 / 20.0 - 1.0).collect();
        let parts = system.parts(&numbers(&[1, 8, 6, 1], &values));
        assert!(parts.points.to_f64().iter().all(|x| x.abs() < 1.0));
        let motions = system.motions(&parts, &parts).to_f64();
        let still = places(DType::F64, [8, 6]).to_f64();
        assert!(
            motions
                .chunks_exact(96)
                .all(|by_part| by_part.iter().zip(&still).all(|(a, b)| (a - b).abs() < 1e-9))
        );
        assert!(system.spots(&parts, &parts).to_f64().iter().all(|x| x.abs() < 1e-12));
    }
}
