//! Pictures without labels, and what samples are held against them by: features of a network that no generator sees, patches
//! of every size, likeness of pairs.
use crate::Result;
use crate::record::Evidence;
use ganymede::data::{self, Dataset, Shape, Want};
use ganymede::metrics::features::{self, FeatureNetwork};
use ganymede::metrics::frechet::Gaussian;
use ganymede::metrics::gather::{Gathered, Gatherer, Wanted, similarities};
use ganymede::metrics::lpips::Lpips;
use ganymede::metrics::path_length::path_length;
use ganymede::metrics::sliced_wasserstein;
use std::sync::Arc;

/// Samples, and real pictures, that are compared: more than a feature vector has numbers.
pub(crate) const COUNT: usize = 1_400;
/// What FD is taken in the features of.
const NETWORK: &str = "effnet-lite0";
/// Paths whose perceptual length is taken.
const PATHS: usize = 200;

/// A data set at a size.
pub(crate) struct Gallery {
    /// How pictures are wanted.
    pub(crate) want: Want,
    shape: [usize; 3],
    pictures: Vec<f32>,
    real: Gathered,
    /// Opened when it is first asked, for it takes longer to look at the pictures than all else here.
    eye: Option<(Box<dyn FeatureNetwork>, Gaussian)>,
}

impl Gallery {
    /// Fetches the data and the networks if need be. The real pictures are the first of an order that no training has.
    pub(crate) fn of(name: &str, side: usize) -> Result<Gallery> {
        for part in [name, NETWORK, "squeezenet", "lpips-heads"] {
            data::get(part, &mut |line| println!("      {line}"))?;
        }
        let want = Want::picture(side, side, 3);
        let data: Arc<dyn Dataset> = data::open(name, &want)?;
        let shape = [side, side, 3];
        let mut pictures = vec![0.0; COUNT * data.shape().floats()];
        data.batch(crate::training::HELD_OUT_SEED, 0, COUNT, &mut pictures, &mut [])?;
        Ok(Gallery {
            real: gathered(&pictures, shape),
            want,
            shape,
            pictures,
            eye: None,
        })
    }

    /// FD(effnet) between the real pictures and as many samples.
    pub(crate) fn frechet(&mut self, samples: &[f32]) -> Result<f64> {
        let of = |network: &mut dyn FeatureNetwork, pictures: &[f32], shape| {
            let features = network.answer(pictures, shape).features;
            Gaussian::of(&features, network.dimension())
        };
        if self.eye.is_none() {
            let mut network = features::open(NETWORK, None)?;
            let real = of(&mut *network, &self.pictures, self.shape);
            self.eye = Some((network, real));
        }
        let (network, real) = self.eye.as_mut().expect("just opened");
        Ok(of(&mut **network, samples, self.shape).distance(real))
    }

    /// The sliced Wasserstein distance of every level of the pyramid, finest first.
    pub(crate) fn sliced_wasserstein(&self, samples: &[f32]) -> Vec<f64> {
        let made = gathered(samples, self.shape);
        let levels = self.real.patches.iter().zip(&made.patches);
        let distance = |(real, made): (&Vec<f32>, &Vec<f32>)| sliced_wasserstein::distance(real, made, 3, 0).value;
        levels.map(distance).collect()
    }

    /// The mean MS-SSIM of pairs of samples, and of pairs of real pictures: alike is less varied.
    pub(crate) fn likeness(&self, samples: &[f32]) -> [f64; 2] {
        [samples, &self.real.pictures].map(|pictures| {
            let pairs = similarities(pictures, self.shape, 0);
            pairs.iter().sum::<f64>() / pairs.len() as f64
        })
    }

    /// The perceptual path length between latent vectors, by LPIPS with another network's weights.
    pub(crate) fn path_length(&self, z_dim: usize, make: impl FnMut(&[f32]) -> Vec<f32>) -> Result<f64> {
        let mut lpips = Lpips::open(None)?;
        let shape = self.shape;
        let distance = |a: &[f32], b: &[f32]| lpips.distances(a, b, shape).into_iter().map(f64::from).collect();
        Ok(path_length(PATHS, z_dim, 0, make, distance).value)
    }

    /// Writes down what samples are held against.
    pub(crate) fn record(&self, evidence: &mut Evidence, name: &str) {
        let [height, width, channels] = self.shape;
        evidence.figure("data", format!("{name} at {width}x{height}x{channels}"));
        evidence.figure("pictures_compared", COUNT);
        evidence.figure("features", NETWORK);
    }
}

fn gathered(pictures: &[f32], [height, width, channels]: [usize; 3]) -> Gathered {
    let shape = Shape::Picture {
        height,
        width,
        channels,
    };
    let wanted = Wanted {
        patches: true,
        pictures: true,
        ..Wanted::default()
    };
    let count = pictures.len() / shape.floats();
    let mut gatherer = Gatherer::new(shape, count, wanted, 0, None);
    gatherer.push(pictures, &vec![0; count]);
    gatherer.finish()
}
