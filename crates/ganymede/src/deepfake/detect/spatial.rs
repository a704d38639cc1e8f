//! The spatial detector: a small convolutional network that has seen real pictures and fakes.
//!
//! Wang, Wang, Zhang, Owens and Efros 2020, "CNN-generated images are surprisingly easy to spot... for now",
//! arXiv:1912.11035, section 3; hardened as in Madry et al. 2018, "Towards Deep Learning Models Resistant to Adversarial Attacks",
//! arXiv:1706.06083, section 2.1.
//!
//! ```text
//! L   = E softplus(f(x)) + E softplus(-f(G(z)))                            f > 0: a fake
//! L_h = E softplus(f(x)) + 1/2 E softplus(-f(G(z))) + 1/2 E max_(|d| <= epsilon) softplus(-f(G(z) + d))
//! ```
//!
//! The maximum is what a few steps of PGD find from a random place of the ball, in the same program as the update. Simplified: four
//! convolutions of our own instead of a pretrained ResNet-50, and no JPEG or blur on the way.
use super::Pictures;
use super::learner::{Learner, asked};
use crate::nn::{Activation, Layer, Scope, Sequential, conv, dense};
use gany_engine::{DType, Key, Tensor, grad};

/// Pictures of each kind in a batch.
const BATCH: usize = 32;
const SLOPE: f64 = 0.2;

/// How a detector is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Training {
    /// Updates.
    pub steps: u64,
    /// What all randomness follows from.
    pub seed: u64,
    /// Attacks on the fakes as it learns, if any.
    pub against: Option<Ball>,
}

impl Default for Training {
    fn default() -> Training {
        Training {
            steps: 600,
            seed: 0,
            against: None,
        }
    }
}

/// What an attacker may do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ball {
    /// The largest change of a number, where pictures lie in [-1, 1].
    pub epsilon: f64,
    /// Steps of PGD.
    pub steps: usize,
}

/// The detector with its weights.
pub struct Spatial {
    pub(super) scope: Scope,
    layers: Sequential,
    shape: [usize; 3],
}

impl Spatial {
    /// Untrained, for pictures `[height, width, channels]`.
    pub fn new(shape: [usize; 3], seed: u64) -> Spatial {
        let scope = Scope::new(DType::F32, seed);
        let at = scope.at("spatial");
        let strided = |c_in, c_out| conv(c_in, c_out, [3, 3]).stride(2).padding(1);
        let layers = Sequential::new(&at)
            .push(conv(shape[2], 16, [3, 3]).padding(1))
            .push(Activation::LeakyRelu(SLOPE))
            .push(strided(16, 32))
            .push(Activation::LeakyRelu(SLOPE))
            .push(strided(32, 64))
            .push(Activation::LeakyRelu(SLOPE))
            .push(strided(64, 64))
            .push(Activation::LeakyRelu(SLOPE))
            .push(|x: &Tensor| x.mean_axes(&[1, 2]))
            .push(dense(64, 1));
        Spatial { scope, layers, shape }
    }

    /// Trained on real pictures and fakes; `on_loss` hears of every update.
    ///
    /// # Panics
    /// Where they differ in shape, or there are none of one kind.
    pub fn train(real: Pictures, fake: Pictures, training: Training, on_loss: &mut dyn FnMut(u64, f64)) -> Spatial {
        assert_eq!(
            real.shape, fake.shape,
            "spatial detector: real pictures and fakes of different shape"
        );
        let detector = Spatial::new(real.shape, training.seed);
        let shape = [&[BATCH][..], &real.shape].concat();
        let mut learner = Learner::compile(&detector.scope, &[shape.clone(), shape], training.seed, |given, key| {
            let height = |x: &Tensor| detector.layers.forward(x);
            let missed = |x: &Tensor| (-height(x)).softplus().mean();
            let of_real = height(&given[0]).softplus().mean();
            match training.against {
                None => of_real + missed(&given[1]),
                Some(ball) => of_real + (missed(&given[1]) + missed(&worst(&missed, &given[1], ball, key))) * 0.5,
            }
        });
        for step in 0..training.steps {
            let batch = [(real, 0), (fake, 1)].map(|(all, stream)| all.batch(2 * training.seed + stream, step, BATCH));
            on_loss(step, learner.step(&batch, 1.0 - step as f64 / training.steps as f64));
        }
        learner.finish(&detector.scope);
        detector
    }

    /// How likely it holds each picture for a fake: the logarithm of the odds, `[n]`.
    pub fn scores(&self, pictures: Pictures) -> Vec<f32> {
        asked(&self.layers, pictures, 1)
    }

    /// The same as a function of tensors `[n, height, width, channels]` in [-1, 1], in which its weights are constants: `[n, 1]`.
    pub fn function(&self) -> impl Fn(&Tensor) -> Tensor + 'static {
        let other = Spatial::new(self.shape, 0);
        let pairs = other.scope.parameters().into_iter().zip(self.scope.parameters());
        pairs.for_each(|(to, from)| to.set(from.get()));
        move |x| other.layers.forward(x)
    }
}

/// What steps of PGD find in the ball around pictures, as constants.
fn worst(missed: &dyn Fn(&Tensor) -> Tensor, x: &Tensor, ball: Ball, key: &Key) -> Tensor {
    let within = |moved: Tensor| {
        (x + (moved - x).clamp(-ball.epsilon, ball.epsilon))
            .clamp(-1.0, 1.0)
            .detach()
    };
    let mut at = within(x + (key.uniform(0, x.shape()) * 2.0 - 1.0) * ball.epsilon);
    for _ in 0..ball.steps {
        let direction = grad(&missed(&at), &[&at]).remove(0).sign();
        at = within(&at + direction * (2.0 * ball.epsilon / ball.steps as f64));
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::order;
    use crate::metrics::auroc;

    /// Noise; fakes have every other row twice.
    fn pictures(is_fake: bool, seed: u64, count: usize) -> Vec<f32> {
        let level = |n: usize, y: usize, x: usize| {
            let y = if is_fake { y / 2 * 2 } else { y };
            order::unit(order::hash(order::hash(seed, n as u64), (y * 12 + x) as u64)) as f32 * 2.0 - 1.0
        };
        (0..count * 144).map(|i| level(i / 144, i / 12 % 12, i % 12)).collect()
    }

    const SHAPE: [usize; 3] = [12, 12, 1];

    #[test]
    fn it_learns_what_sets_fakes_apart_and_says_it_as_a_function_too() {
        let [real, fake] = [false, true].map(|is_fake| pictures(is_fake, u64::from(is_fake), 200));
        let [real, fake] = [&real, &fake].map(|values| Pictures { values, shape: SHAPE });
        let training = Training {
            steps: 80,
            ..Training::default()
        };
        let mut losses = vec![];
        let detector = Spatial::train(real, fake, training, &mut |_, loss| losses.push(loss));
        assert!(losses[79] < 0.5 * losses[0], "{losses:?}");
        let fresh = [false, true].map(|is_fake| pictures(is_fake, 7, 70));
        let [of_real, of_fake] =
            [&fresh[0], &fresh[1]].map(|values| detector.scores(Pictures { values, shape: SHAPE }));
        assert!(auroc(&of_real, &of_fake) > 0.95);
        let said = detector.function()(&Tensor::from_f32(&[70, 12, 12, 1], &fresh[1])).to_f32();
        assert!(said.iter().zip(&of_fake).all(|(a, b)| (a - b).abs() < 1e-4));
    }

    #[test]
    fn attacks_stay_in_their_ball_and_make_it_worse() {
        let detector = Spatial::new(SHAPE, 3);
        let missed = |x: &Tensor| (-detector.layers.forward(x)).softplus().mean();
        let x = Tensor::from_f32(&[4, 12, 12, 1], &pictures(true, 1, 4));
        let ball = Ball { epsilon: 0.1, steps: 5 };
        let found = worst(&missed, &x, ball, &Key::new(DType::F32, 0, 0));
        let furthest = (&found - &x).abs().to_f32().into_iter().fold(0.0, f32::max);
        assert!(furthest <= 0.1001 && furthest > 0.09, "{furthest}");
        assert!(missed(&found).to_f32()[0] > missed(&x).to_f32()[0]);
    }
}
