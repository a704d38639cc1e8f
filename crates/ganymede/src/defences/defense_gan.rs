//! Defense-GAN: before a classifier sees a picture, it is replaced by the nearest that a generator of honest pictures makes.
//!
//! Samangouei, Kabkab and Chellappa 2018, "Defense-GAN: Protecting Classifiers Against Adversarial Attacks Using Generative
//! Models", arXiv:1805.06605, section 4 and equation 5.
//!
//! ```text
//! z*(x) = argmin_z |G(z) - x|^2,  from R random z, L steps each;  y = f(G(z*(x)))
//! ```
//!
//! Any run that makes pictures of latent vectors serves; the paper's is a WGAN. Steps are Adam's in place of gradient descent
//! with momentum. What it takes away is what an attack that does not know of it has done: one that treats the search as if it were
//! not there on the way back gets through (Athalye, Carlini and Wagner 2018, arXiv:1802.00420, section 5.4.2).
use super::{DefenceError, Describe};
use crate::games::{Search, latent_vectors};
use crate::optimisers::OptimiserConfig;
use crate::run::Sampler;
use crate::section::Section;
use crate::studies::Study;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DefenseGan {
    /// Updates of a search, L.
    pub steps: usize,
    /// Searches from other beginnings for each picture, R.
    pub restarts: usize,
    /// Adam's learning rate.
    pub learning_rate: f64,
}

impl Default for DefenseGan {
    /// The paper's numbers of steps and of restarts.
    fn default() -> Self {
        DefenseGan {
            steps: 200,
            restarts: 10,
            learning_rate: 0.05,
        }
    }
}

impl Describe for DefenseGan {
    const PAGE: Study = Study {
        id: "defense_gan",
        section: Section::Attacks,
        title: "Defense-GAN (input purification)",
        source: "Samangouei, Kabkab and Chellappa 2018, Defense-GAN, arXiv:1805.06605",
        idea: "Shows a classifier not the picture itself, but the nearest one that a generator which knows honest pictures can make.",
        equations: &["z*(x) = argmin_z |G(z) - x|^2,  from R random z, L steps each;  y = f(G(z*(x)))"],
        command: "gany harden purify PICTURE --run runs/wgan_gp-mnist --target mnist -o pure.png",
        lesson: None,
    };
}

/// A generator behind which a classifier is safer.
pub struct Purifier {
    settings: DefenseGan,
    sampler: Sampler,
    search: Search,
    shape: [usize; 3],
}

/// Pictures that are looked for together.
const TOGETHER: usize = 50;

impl DefenseGan {
    /// Behind the generator of a run, in its latest state.
    ///
    /// # Errors
    /// [`DefenceError::Run`] where there is none, [`DefenceError::NoGenerator`] where it does not make pictures of latent vectors
    /// alone.
    pub fn behind(self, run: &Path) -> Result<Purifier, DefenceError> {
        let mut sampler = Sampler::open(run)?;
        let system = sampler.entry().card.id;
        let none = |reason| Err(DefenceError::NoGenerator { system, reason });
        if !sampler.makes_samples() {
            return none("it makes nothing of latent vectors");
        }
        if sampler.classes().is_some() {
            return none("it has to be told the class, which is what is to be found out");
        }
        let Some(shape) = sampler.shape().picture() else {
            return none("it makes no pictures");
        };
        let optimiser = OptimiserConfig::adam(self.learning_rate, [0.9, 0.999]);
        let extents = [sampler.play().system().z_dim()];
        let search = Search::of(
            sampler.play_mut(),
            TOGETHER,
            &extents,
            false,
            optimiser,
            |system, z, y, x| (system.sample(z, y) - x).square().flatten_from(1).sum_axes(&[1]),
        );
        Ok(Purifier {
            settings: self,
            sampler,
            search,
            shape,
        })
    }
}

impl Purifier {
    /// Rows, columns and channels of its pictures.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The nearest that the generator makes to each of the pictures `[n, height, width, channels]` in [0, 1].
    ///
    /// # Panics
    /// Where the numbers are not whole pictures of its shape.
    pub fn purified(&mut self, pictures: &[f32], seed: u64) -> Vec<f32> {
        let floats: usize = self.shape.iter().product();
        assert!(
            pictures.len().is_multiple_of(floats),
            "purified: not whole pictures of the generator"
        );
        let mut pure = vec![];
        for part in pictures.chunks(TOGETHER * floats) {
            let mut x: Vec<f32> = part.iter().map(|x| 2.0 * x - 1.0).collect();
            x.resize(TOGETHER * floats, 0.0);
            let codes = self.nearest(&x, seed);
            let made = self.sampler.of_latents(&codes, &[]);
            pure.extend(made[..part.len()].iter().map(|x| ((x + 1.0) * 0.5).clamp(0.0, 1.0)));
        }
        pure
    }

    /// The best of what searches from other beginnings find, `[TOGETHER, z_dim]`.
    fn nearest(&mut self, x: &[f32], seed: u64) -> Vec<f32> {
        let z_dim = self.sampler.play().system().z_dim();
        let mut best = [f32::INFINITY; TOGETHER];
        let mut codes = vec![0.0; TOGETHER * z_dim];
        for restart in 0..self.settings.restarts.max(1) {
            let begin = latent_vectors(seed, restart * TOGETHER, TOGETHER, z_dim);
            let found = self
                .search
                .find(self.sampler.play_mut(), x, None, &begin, self.settings.steps);
            for (i, misfit) in found.misfit.into_iter().enumerate() {
                if misfit < best[i] {
                    best[i] = misfit;
                    codes[i * z_dim..][..z_dim].copy_from_slice(&found.codes[i * z_dim..][..z_dim]);
                }
            }
        }
        codes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Want;
    use crate::run::{Length, Order, Training};
    use gany_engine::Precision;
    use std::sync::OnceLock;

    fn order() -> Order {
        let changes = [("width", "8"), ("batch", "8"), ("z_dim", "4")];
        Order {
            system: "dcgan".into(),
            changes: changes.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
            data: "first:64:fashion-mnist-10k".into(),
            want: Want::picture(16, 16, 1),
            seed: 0,
            precision: Precision::F32,
            length: Length::Steps(3),
            checkpoint_every: None,
            sample_every: None,
            eval_every: None,
            command: vec![],
        }
    }

    /// What the generator has made is found again, in whole portions and in pieces; other pictures become what it can make.
    #[test]
    fn pictures_become_the_nearest_that_the_generator_makes() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let stop = OnceLock::new();
        Training::begin(order(), &run).unwrap().run(&stop, &mut |_| {}).unwrap();
        let made = Sampler::open(&run).unwrap().samples(5, 0, 3, None);
        let x: Vec<f32> = made.iter().map(|x| (x + 1.0) * 0.5).collect();
        let after = |steps, restarts| {
            let settings = DefenseGan { steps, restarts, ..DefenseGan::default() };
            let mut purifier = settings.behind(&run).unwrap();
            assert_eq!(purifier.shape(), [16, 16, 1]);
            let pure = purifier.purified(&x, 1);
            assert_eq!(purifier.purified(&x[..256], 1), pure[..256]);
            pure.iter().zip(&x).map(|(a, b)| (a - b).powi(2)).sum::<f32>()
        };
        let [before, one, three] = [after(0, 1), after(150, 1), after(150, 3)];
        assert!(one < 0.1 * before && three <= one, "{before} {one} {three}");
    }

    #[test]
    fn a_run_without_pictures_is_refused() {
        let points = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/run-v1");
        let error = DefenseGan::default().behind(&points).err().unwrap();
        assert_eq!(error.to_string(), "cannot look for pictures with `gan`: it makes no pictures");
        assert!(error.hint().unwrap().starts_with("train a system that makes pictures of latent vectors alone"));
    }
}
