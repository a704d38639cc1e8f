//! What can be measured, by name. One list feeds `--metrics`, its help, the guide and the evaluation itself.
use super::estimate::Estimate;
use super::features::FeatureNetwork;
use super::figure::Better;
use super::frechet::Gaussian;
use super::gather::{Gathered, patches_each, similarities, without_alpha};
use super::kid::{Subsets, kernel_distance};
use super::{
    Coverage, accuracy_score, bins, inception_score, memorisation, neighbours, path_length, precision_recall,
    sliced_wasserstein, spectrum, ssim, transport, two_sample,
};
use crate::data::{Dataset, Modes, Shape};
use serde_json::{Value, json};

/// A source of samples.
pub trait Source {
    /// Samples number `first..first + count`, with the class numbers that they were asked to be of (0 where none can be
    /// asked for): sample i is always the same.
    fn samples(&mut self, first: usize, count: usize) -> (Vec<f32>, Vec<u32>);
    /// Samples of these latent vectors, `[n, z_dim]`.
    fn of_latents(&mut self, z: &[f32]) -> Vec<f32>;
    /// Numbers in a latent vector.
    fn z_dim(&self) -> usize;
    /// Whether classes can be asked for.
    fn is_conditional(&self) -> bool;
}

/// Everything that a measure may look at.
pub struct Context<'a> {
    /// The shape of an example.
    pub shape: Shape,
    /// What was taken of real examples.
    pub real: &'a Gathered,
    /// What was taken of as many samples, or fewer where there are fewer real examples.
    pub made: &'a Gathered,
    /// What was taken of real examples that no generator has seen.
    pub held_out: Option<&'a Gathered>,
    /// Real labelled examples that no generator has seen, themselves.
    pub held_out_data: Option<&'a dyn Dataset>,
    /// The modes of a toy distribution.
    pub modes: Option<&'a Modes>,
    /// What everything that is drawn follows from.
    pub seed: u64,
    /// Where more samples come from.
    pub source: &'a mut dyn Source,
    /// What takes the features of more samples.
    pub network: Option<&'a mut dyn FeatureNetwork>,
}

/// A number that a measure has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Of what.
    pub quantity: String,
    /// The number.
    pub estimate: Estimate,
    /// Which values are good.
    pub better: Better,
    /// The same of real examples, where it says something.
    pub real: Option<f64>,
    /// What the measure was told.
    pub parameters: Vec<(&'static str, Value)>,
    /// What a person should know; a sentence.
    pub note: Option<String>,
}

/// What a measure cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Features of a network, or points, which are their own features.
    Features,
    /// Class logits of a network.
    Logits,
    /// Pictures no smaller than a patch.
    Patches,
    /// Pictures with more than one pixel along each side.
    Spectra,
    /// Pictures no smaller than the window of SSIM.
    Pictures,
    /// Points.
    Points,
    /// Points whose modes are known.
    Modes,
    /// Real examples that no generator has seen.
    HeldOut,
    /// Samples of asked classes, and held-out examples to classify.
    Classes,
}

impl Need {
    /// Why it is not met.
    pub fn lacking(self, context: &Context) -> Option<&'static str> {
        let picture = match context.shape {
            Shape::Picture { height, width, .. } => Some([height, width]),
            Shape::Point { .. } | Shape::Volume { .. } | Shape::Sound { .. } | Shape::Row { .. } => None,
        };
        let at_least = |least: usize| picture.is_some_and(|sides| sides.iter().all(|side| *side >= least));
        let (is_met, reason) = match self {
            Need::Features => (context.real.dimension > 0, "it needs a feature network"),
            Need::Logits => (
                !context.made.logits.is_empty(),
                "it needs a feature network that knows classes",
            ),
            Need::Patches => (
                at_least(sliced_wasserstein::PATCH),
                "it needs pictures of 7x7 pixels or more",
            ),
            Need::Spectra => (at_least(2), "it needs pictures of 2x2 pixels or more"),
            Need::Pictures => (
                picture.is_some_and(|[h, w]| ssim::scales(h, w) > 0),
                "it needs pictures of 11x11 pixels or more",
            ),
            Need::Points => (matches!(context.shape, Shape::Point { .. }), "it needs points"),
            Need::Modes => (context.modes.is_some(), "it needs points whose modes are known"),
            Need::HeldOut => (context.held_out.is_some(), "it needs held-out examples"),
            Need::Classes => (
                context.source.is_conditional() && context.held_out_data.is_some_and(|data| data.classes().is_some()),
                "it needs a system that is asked for classes, and held-out pictures of them",
            ),
        };
        (!is_met).then_some(reason)
    }
}

/// A measure.
pub struct Entry {
    /// As it is asked for: kebab-case.
    pub name: &'static str,
    /// As papers call it.
    pub title: &'static str,
    /// What it says, in a phrase.
    pub says: &'static str,
    /// Raised whenever its arithmetic changes: figures of different versions are not compared.
    pub version: u32,
    /// What it cannot do without.
    pub needs: &'static [Need],
    /// Whether it is taken where nothing is asked for.
    pub is_default: bool,
    /// Takes it; where a value cannot be told, there is none.
    pub measure: fn(&mut Context) -> Vec<Measured>,
}

macro_rules! entries {
    ($($name:literal, $title:literal, $says:literal, $version:literal, [$($need:ident),*], $default:literal, $measure:ident;)+) => {
        &[$(Entry {
            name: $name, title: $title, says: $says, version: $version, needs: &[$(Need::$need),*], is_default: $default,
            measure: $measure,
        }),+]
    };
}

/// All measures. The first that can be taken of a run decides which checkpoint is its best.
#[rustfmt::skip]
pub const ENTRIES: &[Entry] = entries![
    "w1", "Wasserstein-1", "how far points must be moved to become real ones", 1, [Points], true, w1;
    "modes", "mode coverage", "how many known modes are hit, and how evenly", 1, [Modes], true, modes;
    "fd", "Frechet distance", "how far the features' means and covariances are apart", 1, [Features], true, fd;
    "kid", "kernel distance", "how far the features are apart, unbiased for small samples", 1, [Features], true, kid;
    "precision-recall", "precision, recall, density, coverage", "fidelity and variety apart", 1, [Features], true, fidelity;
    "swd", "sliced Wasserstein", "whether details of every size look real, without a network", 1, [Patches], true, swd;
    "ms-ssim", "MS-SSIM diversity", "how alike samples are to each other", 1, [Pictures], true, diversity;
    "spectrum", "power spectrum", "whether waves of every length are as strong as in real pictures", 1, [Spectra], true, waves;
    "two-sample", "classifier two-sample test", "how often a neighbour can tell samples from real ones", 1, [Features], true, told_apart;
    "bins", "statistically different bins", "in how many regions samples are too many or too few", 1, [Features], true, different;
    "classes", "class coverage", "whether samples are of all classes, by the network", 1, [Logits], true, classes;
    "nearest", "nearest training neighbours", "how near samples are to real ones, beside these to each other", 1, [Features], true, near;
    "memorisation", "data-copying test", "whether samples lie nearer to training examples than fresh real ones do", 1, [Features, HeldOut], true, copied;
    "inception-score", "Inception score", "whether samples are clear and of all classes, by the network", 1, [Logits], false, sure;
    "path-length", "perceptual path length", "how smoothly samples change with the latent vector", 1, [Features, Pictures], false, smooth;
    "accuracy-score", "classification accuracy score", "how good a classifier is that learns from samples alone", 1, [Classes], false, teaching;
];

/// The measure of this name.
pub fn find(name: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name == name)
}

/// Neighbours that a ball reaches to.
const BALL: usize = 5;
/// Points that the exact transport plan is found for.
const TRANSPORTED: usize = 1000;
/// Bins of 20 real examples or more, at most this many.
const BINS: usize = 100;
/// Cells of the data-copying test.
const CELLS: usize = 10;
/// Parts of the Inception score.
const SPLITS: usize = 10;
/// Paths of the perceptual path length.
const PATHS: usize = 500;
/// Samples that a classifier learns from, and how often.
const LESSONS: [usize; 2] = [5000, 6];

fn measured(quantity: &str, estimate: Estimate, better: Better) -> Measured {
    Measured {
        quantity: quantity.to_owned(),
        estimate,
        better,
        real: None,
        parameters: vec![],
        note: None,
    }
}

impl Measured {
    fn told(mut self, name: &'static str, value: impl Into<Value>) -> Measured {
        self.parameters.push((name, value.into()));
        self
    }
}

fn w1(c: &mut Context) -> Vec<Measured> {
    let count = TRANSPORTED.min(c.real.count).min(c.made.count);
    let [a, b] = [c.real, c.made].map(|set| &set.features[..count * set.dimension]);
    let estimate = Estimate::bare(transport::wasserstein_1(a, b, c.real.dimension));
    vec![measured("w1", estimate, Better::Lower).told("points", count)]
}

fn modes(c: &mut Context) -> Vec<Measured> {
    let Some(modes) = c.modes else { return vec![] };
    let points: Vec<[f32; 2]> = c.made.features.chunks_exact(2).map(|p| [p[0], p[1]]).collect();
    let found = Coverage::of(&points, modes);
    let all = modes.centres.len();
    let hits: usize = found.hits.iter().sum();
    vec![
        measured(
            "modes",
            Estimate::bare(found.covered() as f64),
            Better::Near(all as f64),
        )
        .told("of", all),
        measured("high-quality", Estimate::share(hits, points.len()), Better::Higher),
        measured("kl", Estimate::bare(found.kl), Better::Lower),
    ]
}

fn fd(c: &mut Context) -> Vec<Measured> {
    let real = Gaussian::of(&c.real.features, c.real.dimension);
    let mut distance = measured("fd", real.distance_of(&c.made.features), Better::Lower);
    if c.made.count <= c.made.dimension || real.is_too_small() {
        distance.note = Some(format!(
            "fd: {} samples are too few for {} features, so the distance says little: take more than that with `-n`",
            c.made.count, c.made.dimension
        ));
    }
    let mut found = vec![distance];
    if let Some(infinite) = real.extrapolated(&c.made.features, c.seed) {
        found.push(measured("fd-infinity", infinite, Better::Lower));
    }
    found
}

fn kid(c: &mut Context) -> Vec<Measured> {
    let usual = Subsets::default();
    let subsets = Subsets {
        // Two disjoint subsets at least, so that an interval can be told.
        size: usual.size.min(c.real.count.min(c.made.count) / 2),
        seed: c.seed,
        ..usual
    };
    let found = kernel_distance(&c.real.features, &c.made.features, c.real.dimension, subsets);
    vec![
        measured("kid", found.distance, Better::Lower)
            .told("subsets", subsets.count)
            .told("subset-size", subsets.size),
    ]
}

fn fidelity(c: &mut Context) -> Vec<Measured> {
    if c.real.count.min(c.made.count) <= BALL {
        return vec![];
    }
    let found = precision_recall::precision_recall(&c.real.features, &c.made.features, c.real.dimension, BALL);
    let quantity = |name, estimate| measured(name, estimate, Better::Higher).told("k", BALL);
    vec![
        quantity("precision", found.precision),
        quantity("recall", found.recall),
        quantity("density", found.density),
        quantity("coverage", found.coverage),
    ]
}

fn swd(c: &mut Context) -> Vec<Measured> {
    let Shape::Picture {
        height,
        width,
        channels,
    } = c.shape
    else {
        return vec![];
    };
    let levels = c.real.patches.iter().zip(&c.made.patches);
    let distances: Vec<Estimate> = levels
        .map(|(real, made)| {
            let length = real.len().min(made.len());
            sliced_wasserstein::distance(&real[..length], &made[..length], channels, c.seed)
        })
        .collect();
    if distances.is_empty() {
        return vec![];
    }
    let mean = distances.iter().map(|distance| distance.value).sum::<f64>() / distances.len() as f64;
    let each = patches_each(c.made.count);
    let told = |measured: Measured| {
        measured
            .told("patches", each)
            .told("directions", sliced_wasserstein::DIRECTIONS)
    };
    let mut found = vec![told(measured("swd", Estimate::bare(mean), Better::Lower))];
    for ([height, width], distance) in sliced_wasserstein::sizes(height, width).into_iter().zip(distances) {
        found.push(told(measured(
            &format!("swd.{width}x{height}"),
            distance,
            Better::Lower,
        )));
    }
    found
}

fn diversity(c: &mut Context) -> Vec<Measured> {
    let Shape::Picture {
        height,
        width,
        channels,
    } = c.shape
    else {
        return vec![];
    };
    let [real, made] = [c.real, c.made].map(|set| similarities(&set.pictures, [height, width, channels], c.seed));
    if real.is_empty() || made.is_empty() {
        return vec![];
    }
    let real = real.iter().sum::<f64>() / real.len() as f64;
    let mut found = measured("ms-ssim", Estimate::mean(&made), Better::LikeReal)
        .told("pairs", made.len())
        .told("scales", ssim::scales(height, width));
    found.real = Some(real);
    vec![found]
}

fn waves(c: &mut Context) -> Vec<Measured> {
    let Shape::Picture { height, width, .. } = c.shape else {
        return vec![];
    };
    let bands = spectrum::bands(height, width);
    let distance = spectrum::distance(&c.real.spectra, &c.made.spectra, bands, c.seed);
    let share = Estimate::bare(spectrum::fine_share(&c.made.spectra, bands));
    let mut fine = measured("fine-waves", share, Better::LikeReal);
    fine.real = Some(spectrum::fine_share(&c.real.spectra, bands));
    vec![measured("spectrum", distance, Better::Lower), fine]
}

fn told_apart(c: &mut Context) -> Vec<Measured> {
    let count = c.real.count.min(c.made.count);
    if count < 2 {
        return vec![];
    }
    let [real, made] = [c.real, c.made].map(|set| &set.features[..count * set.dimension]);
    let found = two_sample::two_sample(real, made, c.real.dimension);
    vec![measured("two-sample", found.accuracy, Better::Near(0.5))]
}

fn different(c: &mut Context) -> Vec<Measured> {
    let bins = BINS.min(c.real.count / 20);
    if bins < 2 {
        return vec![];
    }
    let found = bins::different_bins(&c.real.features, &c.made.features, c.real.dimension, bins, c.seed);
    vec![measured("bins", found.different, Better::Lower).told("bins", bins)]
}

fn classes(c: &mut Context) -> Vec<Measured> {
    let (classes, called) = (c.made.classes(), c.made.called());
    let found = Coverage::of_classes(&called, classes);
    let mut found = vec![
        measured(
            "classes",
            Estimate::bare(found.covered() as f64),
            Better::Near(classes as f64),
        )
        .told("of", classes),
        measured("class-kl", Estimate::bare(found.kl), Better::Lower),
    ];
    if c.source.is_conditional() {
        let right = called.iter().zip(&c.made.labels).filter(|(a, b)| a == b).count();
        found.push(measured(
            "asked-class",
            Estimate::share(right, c.made.count),
            Better::Higher,
        ));
    }
    found
}

fn near(c: &mut Context) -> Vec<Measured> {
    if c.real.count < 2 {
        return vec![];
    }
    let median = |mut distances: Vec<f64>| {
        distances.sort_by(f64::total_cmp);
        distances[distances.len() / 2]
    };
    let among_real = median(neighbours::nearest_others(&c.real.features, c.real.dimension, 1).distances);
    let distances = neighbours::nearest(&c.made.features, &c.real.features, c.real.dimension, 1).distances;
    let ratio = |chosen: &[usize]| median(chosen.iter().map(|&i| distances[i]).collect()) / among_real;
    if among_real == 0.0 {
        return vec![];
    }
    vec![measured(
        "nearest",
        Estimate::bootstrap(c.made.count, c.seed, ratio),
        Better::Near(1.0),
    )]
}

fn copied(c: &mut Context) -> Vec<Measured> {
    let Some(held_out) = c.held_out else { return vec![] };
    let cells = CELLS.min(c.real.count);
    let score = memorisation::data_copying(
        &c.real.features,
        &held_out.features,
        &c.made.features,
        c.real.dimension,
        cells,
        c.seed,
    );
    let found = score.map(|score| {
        let mut found = measured("memorisation", Estimate::bare(score), Better::Near(0.0)).told("cells", cells);
        found.note = (score < -3.0).then(|| {
            "memorisation: samples lie nearer to training examples than fresh real ones do: they are partly copied"
                .into()
        });
        found
    });
    found.into_iter().collect()
}

fn sure(c: &mut Context) -> Vec<Measured> {
    let splits = SPLITS.min(c.made.count);
    let score = |set: &Gathered| inception_score::inception_score(&set.logits, set.classes(), SPLITS.min(set.count)).0;
    let mut found = measured("inception-score", score(c.made), Better::Higher).told("splits", splits);
    found.real = Some(score(c.real).value);
    vec![found]
}

fn smooth(c: &mut Context) -> Vec<Measured> {
    let (
        Shape::Picture {
            height,
            width,
            channels,
        },
        Some(network),
    ) = (c.shape, c.network.as_mut())
    else {
        return vec![];
    };
    let (z_dim, source) = (c.source.z_dim(), &mut c.source);
    let dimension = network.dimension();
    // Squared distance between features of length 1, as LPIPS compares those of each place.
    let distance = |a: &[f32], b: &[f32]| -> Vec<f64> {
        let [a, b] = [a, b].map(|pictures| {
            let (visible, channels) = without_alpha(pictures, channels);
            network.answer(&visible, [height, width, channels]).features
        });
        let unit = |v: &[f32]| -> Vec<f64> {
            let norm = v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            v.iter().map(|x| f64::from(*x) / norm.max(1e-10)).collect()
        };
        let pairs = a.chunks_exact(dimension).zip(b.chunks_exact(dimension));
        pairs
            .map(|(a, b)| unit(a).iter().zip(unit(b)).map(|(a, b)| (a - b).powi(2)).sum())
            .collect()
    };
    let length = path_length::path_length(PATHS, z_dim, c.seed, |z| source.of_latents(z), distance);
    vec![measured("path-length", length, Better::Lower).told("paths", PATHS)]
}

fn teaching(c: &mut Context) -> Vec<Measured> {
    let Some(held_out) = c.held_out_data else { return vec![] };
    let [count, epochs] = LESSONS;
    let (pictures, labels) = c.source.samples(0, count);
    let names = held_out.classes().unwrap_or_default().to_vec();
    let samples = accuracy_score::LabelledSamples::new("samples".into(), c.shape, names, pictures, labels);
    let score = accuracy_score::accuracy_score(&samples, held_out, epochs, c.seed);
    // Held-out pictures that cannot be read any more give no score.
    score.map_or(vec![], |score| {
        vec![
            measured("accuracy-score", score, Better::Higher)
                .told("samples", json!(count))
                .told("epochs", epochs),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kebab_case_and_taken_once() {
        for (i, entry) in ENTRIES.iter().enumerate() {
            assert!(
                entry
                    .name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            );
            assert!(
                ENTRIES[..i].iter().all(|other| other.name != entry.name),
                "{}",
                entry.name
            );
            assert!(!entry.says.ends_with('.') && !entry.title.is_empty());
            assert_eq!(find(entry.name).unwrap().name, entry.name);
        }
        assert!(find("fid").is_none());
    }
}
