//! What measures need of a set of pictures or points, taken in one pass over them.
use super::features::FeatureNetwork;
use super::{random, sliced_wasserstein, spectrum, ssim};
use crate::data::Shape;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, serialize};
use std::path::Path;
use std::{fs, io};

/// Patches of each level of a whole set, about; fewer pictures give more each, at most the 128 of the paper.
const PATCHES: usize = 1 << 15;

/// Pictures that are kept to be compared with each other, in pairs.
const KEPT: usize = 1000;

/// What is to be taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Features and class logits.
    pub features: bool,
    /// Patches of each level of the Laplacian pyramid.
    pub patches: bool,
    /// Power spectra.
    pub spectra: bool,
    /// Some of the pictures themselves.
    pub pictures: bool,
}

/// What was taken of a set of examples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gathered {
    /// How many examples.
    pub count: usize,
    /// Class numbers, `[count]`.
    pub labels: Vec<u32>,
    /// `[count, dimension]`; of points, their coordinates.
    pub features: Vec<f32>,
    /// Numbers in a feature vector; 0 where features were not wanted.
    pub dimension: usize,
    /// `[count, classes]`, or nothing.
    pub logits: Vec<f32>,
    /// Of each level of the pyramid, finest first: its patches, one after the other.
    pub patches: Vec<Vec<f32>>,
    /// `[count, bands]`, or nothing.
    pub spectra: Vec<f64>,
    /// The first pictures, one after the other.
    pub pictures: Vec<f32>,
}

impl Gathered {
    /// How many classes the logits are of; 0 without logits.
    pub fn classes(&self) -> usize {
        self.logits.len() / self.count.max(1)
    }

    /// The class that the network gives each example.
    pub fn called(&self) -> Vec<u32> {
        let classes = self.classes().max(1);
        self.logits
            .chunks_exact(classes)
            .map(super::classifier::largest)
            .collect()
    }

    /// Writes it to a safetensors file, whole or not at all.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let floats = |values: &[f32]| values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let doubles: Vec<u8> = self.spectra.iter().flat_map(|x| x.to_le_bytes()).collect();
        let labels: Vec<u8> = self.labels.iter().flat_map(|x| x.to_le_bytes()).collect();
        let mut parts = vec![
            ("features".to_owned(), Dtype::F32, floats(&self.features)),
            ("labels".to_owned(), Dtype::U32, labels),
            ("logits".to_owned(), Dtype::F32, floats(&self.logits)),
            ("pictures".to_owned(), Dtype::F32, floats(&self.pictures)),
            ("spectra".to_owned(), Dtype::F64, doubles),
        ];
        let levels = self.patches.iter().enumerate();
        parts.extend(levels.map(|(i, level)| (format!("patches.{i}"), Dtype::F32, floats(level))));
        let views = parts.iter().map(|(name, dtype, bytes)| {
            let size = if *dtype == Dtype::F64 { 8 } else { 4 };
            let view = TensorView::new(*dtype, vec![bytes.len() / size], bytes).expect("as many bytes as elements");
            (name.as_str(), view)
        });
        let bytes = serialize(views, None).expect("tensors that are whole");
        let partial = path.with_extension(format!("{}.partial", std::process::id()));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&partial, bytes)?;
        fs::rename(partial, path)
    }

    /// Reads what [`save`](Gathered::save) has written; `None` where there is nothing, or nothing whole.
    pub fn load(path: &Path) -> Option<Gathered> {
        let bytes = fs::read(path).ok()?;
        let tensors = SafeTensors::deserialize(&bytes).ok()?;
        let floats = |name: &str| -> Option<Vec<f32>> {
            let data = tensors.tensor(name).ok()?.data().chunks_exact(4);
            Some(data.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
        };
        let labels = tensors.tensor("labels").ok()?.data().chunks_exact(4);
        let labels: Vec<u32> = labels.map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let spectra = tensors.tensor("spectra").ok()?.data().chunks_exact(8);
        let features = floats("features")?;
        Some(Gathered {
            count: labels.len(),
            dimension: features.len() / labels.len().max(1),
            labels,
            features,
            logits: floats("logits")?,
            patches: (0..).map_while(|i| floats(&format!("patches.{i}"))).collect(),
            spectra: spectra
                .map(|b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
                .collect(),
            pictures: floats("pictures")?,
        })
    }
}

/// Takes what is wanted of examples, portion by portion.
pub struct Gatherer<'a> {
    shape: Shape,
    wanted: Wanted,
    network: Option<&'a mut dyn FeatureNetwork>,
    spectrometer: Option<spectrum::Spectrometer>,
    patches_each: usize,
    seed: u64,
    gathered: Gathered,
}

/// How many patches of a level are taken of each of so many pictures.
pub fn patches_each(count: usize) -> usize {
    (PATCHES / count.max(1)).clamp(1, 128)
}

impl<'a> Gatherer<'a> {
    /// For `count` examples of a shape in all. Without a network, pictures give no features.
    pub fn new(
        shape: Shape,
        count: usize,
        wanted: Wanted,
        seed: u64,
        network: Option<&'a mut (dyn FeatureNetwork + 'a)>,
    ) -> Gatherer<'a> {
        let spectrometer = match shape {
            Shape::Picture {
                height,
                width,
                channels,
            } if wanted.spectra => Some(spectrum::Spectrometer::new([height, width, channels])),
            _ => None,
        };
        Gatherer {
            shape,
            wanted,
            network,
            spectrometer,
            patches_each: patches_each(count),
            seed,
            gathered: Gathered::default(),
        }
    }

    /// Takes what is wanted of the next examples, `[n, ..]`, with their class numbers.
    ///
    /// # Panics
    /// Where there is not one label for each example.
    pub fn push(&mut self, examples: &[f32], labels: &[u32]) {
        let floats = self.shape.floats();
        assert_eq!(
            examples.len(),
            labels.len() * floats,
            "gather: one label for each example"
        );
        let first = self.gathered.count;
        self.gathered.count += labels.len();
        self.gathered.labels.extend_from_slice(labels);
        match self.shape {
            Shape::Point { dimension } => {
                self.gathered.features.extend_from_slice(examples);
                self.gathered.dimension = dimension;
            }
            Shape::Picture {
                height,
                width,
                channels,
            } => self.push_pictures(examples, [height, width, channels], first),
            // No measure is taken of volumes, sounds, tunes and tables yet.
            Shape::Volume { .. }
            | Shape::Sound { .. }
            | Shape::Roll { .. }
            | Shape::Events { .. }
            | Shape::Row { .. } => {}
        }
    }

    fn push_pictures(&mut self, examples: &[f32], shape: [usize; 3], first: usize) {
        let gathered = &mut self.gathered;
        let floats: usize = shape.iter().product();
        if let Some(network) = self.network.as_mut().filter(|_| self.wanted.features) {
            let (visible, channels) = without_alpha(examples, shape[2]);
            let answer = network.answer(&visible, [shape[0], shape[1], channels]);
            gathered.dimension = network.dimension();
            gathered.features.extend(answer.features);
            gathered.logits.extend(answer.logits);
        }
        if let Some(spectrometer) = &mut self.spectrometer {
            gathered.spectra.extend(spectrometer.spectra(examples));
        }
        if self.wanted.patches && shape[0].min(shape[1]) >= sliced_wasserstein::PATCH {
            use rayon::prelude::*;
            let of_picture = |(i, picture): (usize, &[f32])| -> Vec<Vec<f32>> {
                let levels = sliced_wasserstein::pyramid(picture, shape);
                let cut = |level| {
                    let mut patches = vec![];
                    sliced_wasserstein::patches(level, self.patches_each, self.seed, (first + i) as u64, &mut patches);
                    patches
                };
                levels.iter().map(cut).collect()
            };
            let all: Vec<Vec<Vec<f32>>> = examples.par_chunks_exact(floats).enumerate().map(of_picture).collect();
            for levels in all {
                gathered.patches.resize(levels.len(), vec![]);
                let pairs = gathered.patches.iter_mut().zip(levels);
                pairs.for_each(|(all, patches)| all.extend(patches));
            }
        }
        if self.wanted.pictures {
            let room = (KEPT * floats).saturating_sub(gathered.pictures.len());
            gathered
                .pictures
                .extend_from_slice(&examples[..room.min(examples.len())]);
        }
    }

    /// What was taken.
    pub fn finish(self) -> Gathered {
        self.gathered
    }
}

/// Pictures of 1 or 3 channels, on white where they are transparent; and how many channels.
pub(super) fn without_alpha(pictures: &[f32], channels: usize) -> (std::borrow::Cow<'_, [f32]>, usize) {
    if channels % 2 == 1 {
        return (pictures.into(), channels);
    }
    let on_white = |pixel: &[f32]| -> Vec<f32> {
        let opacity = (pixel[channels - 1] + 1.0) / 2.0;
        pixel[..channels - 1]
            .iter()
            .map(|x| opacity * x + (1.0 - opacity))
            .collect()
    };
    let blended: Vec<f32> = pictures.chunks_exact(channels).flat_map(on_white).collect();
    (blended.into(), channels - 1)
}

/// The MS-SSIM of random pairs of pictures, `[n, ..]`, no picture in two of them.
pub fn similarities(pictures: &[f32], shape: [usize; 3], seed: u64) -> Vec<f64> {
    use rayon::prelude::*;
    let floats: usize = shape.iter().product();
    let count = pictures.len() / floats;
    let picture = |i: usize| &pictures[i * floats..][..floats];
    let order = random::choose(seed, 0, count.max(1), count);
    let pairs: Vec<&[usize]> = order.chunks_exact(2).collect();
    let similarity = |pair: &&[usize]| ssim::ms_ssim(picture(pair[0]), picture(pair[1]), shape);
    pairs.par_iter().map(similarity).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::features::Answer;

    /// Mean brightness and its double; the sign as logits.
    struct Brightness;

    impl FeatureNetwork for Brightness {
        fn name(&self) -> &str {
            "brightness"
        }

        fn digest(&self) -> &str {
            "0"
        }

        fn dimension(&self) -> usize {
            2
        }

        fn resize(&self) -> &str {
            "none"
        }

        fn answer(&mut self, pictures: &[f32], shape: [usize; 3]) -> Answer {
            let floats = shape.iter().product();
            let means = pictures
                .chunks_exact(floats)
                .map(|p| p.iter().sum::<f32>() / floats as f32);
            let features = means.clone().flat_map(|m| [m, 2.0 * m]).collect();
            let logits = means.flat_map(|m| [m, -m]).collect();
            Answer { features, logits }
        }
    }

    fn gathered(portion: usize) -> Gathered {
        let shape = Shape::Picture {
            height: 32,
            width: 20,
            channels: 1,
        };
        let wanted = Wanted {
            features: true,
            patches: true,
            spectra: true,
            pictures: true,
        };
        let pictures = random::normal(0, 0, 6 * 640);
        let mut network = Brightness;
        let mut gatherer = Gatherer::new(shape, 6, wanted, 3, Some(&mut network));
        for (pictures, labels) in pictures.chunks(portion * 640).zip([0, 1, 2, 0, 1, 2].chunks(portion)) {
            gatherer.push(pictures, labels);
        }
        gatherer.finish()
    }

    #[test]
    fn portions_make_no_difference_and_files_bring_it_back() {
        let all = gathered(6);
        assert_eq!(gathered(2), all);
        assert_eq!((all.count, all.dimension, all.classes()), (6, 2, 2));
        assert_eq!(all.patches.len(), 1);
        assert_eq!(all.patches[0].len(), 6 * 128 * 49);
        assert_eq!(all.spectra.len(), 6 * 11);
        assert!(
            all.called()
                .iter()
                .zip(all.features.chunks(2))
                .all(|(c, f)| (*c == 0) == (f[0] > 0.0))
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/set.safetensors");
        all.save(&path).unwrap();
        assert_eq!(Gathered::load(&path), Some(all));
        fs::write(&path, "torn").unwrap();
        assert_eq!(Gathered::load(&path), None);
    }

    #[test]
    fn what_is_transparent_is_white() {
        let (seen, channels) = without_alpha(&[0.5, -1.0, 0.0, 1.0, 0.5, -0.5, -0.5, 0.0], 4);
        assert_eq!((seen.as_ref(), channels), (&[0.5, -1.0, 0.0, 0.75, 0.25, 0.25][..], 3));
    }

    #[test]
    fn pictures_of_one_kind_are_alike() {
        let one = random::normal(1, 0, 256);
        let found = similarities(&[one.clone(), one].concat(), [16, 16, 1], 0);
        assert_eq!(found.len(), 1);
        assert!((found[0] - 1.0).abs() < 1e-9);
    }
}
