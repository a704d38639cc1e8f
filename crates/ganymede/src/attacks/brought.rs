//! A classifier that a user brings as an ONNX file: what the file does not say of it.
//!
//! A file has a graph and weights, and nothing of how pictures became numbers before training, nor of what classes are called. Both are asked
//! for: a network that is fed pictures in other numbers still answers, only wrongly, so nothing is guessed from what it says.
use super::target::imagenet_classes;
use super::{AttackError, Target};
use crate::onnx::Network;
use gany_engine::Tensor;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Most bytes of a file with the names of classes.
const MOST_BYTES: u64 = 1 << 24;

/// What a user says of a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Brought {
    /// How numbers of pictures are brought to those that it was trained on.
    pub normalisation: Option<Normalisation>,
    /// A file with the names of its classes, a line each.
    pub classes: Option<PathBuf>,
    /// Rows and columns of its pictures, where the file leaves them open.
    pub size: Option<[usize; 2]>,
}

/// (x - mean) / deviation for numbers in [0, 1]: one of each for all channels, or for each channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalisation {
    mean: Vec<f64>,
    deviation: Vec<f64>,
}

/// What many networks were trained on, by name: mean and deviation.
const NAMED: [(&str, &[f64], &[f64]); 5] = [
    ("imagenet", &[0.485, 0.456, 0.406], &[0.229, 0.224, 0.225]),
    ("tf", &[0.5], &[0.5]),
    ("lite", &[127.0 / 255.0], &[128.0 / 255.0]),
    ("none", &[0.0], &[1.0]),
    ("bytes", &[0.0], &[1.0 / 255.0]),
];

impl FromStr for Normalisation {
    type Err = String;

    /// `imagenet`, another name, or numbers as in `0.485,0.456,0.406/0.229,0.224,0.225`.
    fn from_str(text: &str) -> Result<Normalisation, String> {
        if let Some((_, mean, deviation)) = NAMED.iter().find(|(name, ..)| *name == text) {
            return Ok(Normalisation {
                mean: mean.to_vec(),
                deviation: deviation.to_vec(),
            });
        }
        let numbers = |text: &str| -> Option<Vec<f64>> {
            let each = text.split(',').map(|number| number.trim().parse::<f64>().ok());
            each.map(|number| number.filter(|number| number.is_finite())).collect()
        };
        let both = text
            .split_once('/')
            .and_then(|(mean, deviation)| numbers(mean).zip(numbers(deviation)));
        both.filter(|(mean, deviation)| mean.len() == deviation.len() && deviation.iter().all(|number| *number > 0.0))
            .map(|(mean, deviation)| Normalisation { mean, deviation })
            .ok_or_else(|| {
                let names: Vec<&str> = NAMED.iter().map(|(name, ..)| *name).collect();
                format!(
                    "expected {}, or mean/deviation such as `0.1307/0.3081`",
                    names.join(", ")
                )
            })
    }
}

impl Normalisation {
    /// Pictures `[n, h, w, c]` in [0, 1] as a network wants them.
    fn apply(&self, pictures: &Tensor) -> Tensor {
        let row = |numbers: Vec<f32>| Tensor::from_f32(&[numbers.len()], &numbers);
        let factor = self
            .deviation
            .iter()
            .map(|deviation| (1.0 / deviation) as f32)
            .collect();
        let shift = self.mean.iter().zip(&self.deviation);
        let shift = shift.map(|(mean, deviation)| (mean / deviation) as f32).collect();
        pictures * row(factor) - row(shift)
    }
}

impl Target {
    /// The network in an ONNX file, of which this is said.
    ///
    /// # Errors
    /// [`AttackError::Onnx`] where it cannot be used, [`AttackError::NoNormalisation`], [`AttackError::Normalisation`],
    /// [`AttackError::ClassNames`] where what is said does not do.
    pub fn of_onnx(path: &Path, brought: &Brought) -> Result<Target, AttackError> {
        let network = Network::read(path, brought.size)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ([.., channels], classes) = (network.shape(), names(&network, brought.classes.as_deref())?);
        let Some(normalisation) = brought.normalisation.clone() else {
            return Err(AttackError::NoNormalisation { target: name });
        };
        let got = normalisation.mean.len();
        if got != 1 && got != channels {
            return Err(AttackError::Normalisation {
                target: name,
                channels,
                got,
            });
        }
        Ok(Target::new(name, network.shape(), classes, move |x| {
            network.forward(&normalisation.apply(x))
        }))
    }
}

/// Whether a target of this name is an ONNX file.
pub(super) fn is_onnx(name: &str) -> bool {
    let extension = Path::new(name).extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"))
}

/// The names of a file; ImageNet's where there are a thousand classes, and else their numbers.
fn names(network: &Network, path: Option<&Path>) -> Result<Vec<String>, AttackError> {
    let classes = network.classes();
    let Some(path) = path else {
        let known: Vec<String> = imagenet_classes();
        let numbers = || (0..classes).map(|class| class.to_string()).collect();
        return Ok(if classes == known.len() { known } else { numbers() });
    };
    let wrong = |got: String| AttackError::ClassNames {
        path: path.to_owned(),
        expected: classes,
        got,
    };
    let unreadable = |error: std::io::Error| wrong(format!("nothing ({})", error.kind()));
    if fs::metadata(path).map_err(unreadable)?.len() > MOST_BYTES {
        return Err(wrong("a file that is too large".into()));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let names: Vec<String> = text.trim_end().lines().map(|line| line.trim().to_owned()).collect();
    let is_fit = names.len() == classes && names.iter().all(|name| !name.is_empty());
    if is_fit {
        Ok(names)
    } else {
        Err(wrong(names.len().to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::{Aim, Task, find};

    fn resnet() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reference/onnx/resnet.onnx")
    }

    fn brought(normalise: &str) -> Brought {
        Brought {
            normalisation: Some(normalise.parse().unwrap()),
            ..Brought::default()
        }
    }

    fn wrong(brought: &Brought) -> [String; 2] {
        let error = Target::of_onnx(&resnet(), brought).err().unwrap();
        [error.to_string(), error.hint().unwrap()]
    }

    #[test]
    fn normalisations_by_hand() {
        let normalised = |text: &str, numbers: &[f32]| {
            let normalisation: Normalisation = text.parse().unwrap();
            normalisation
                .apply(&Tensor::from_f32(&[1, 1, 1, numbers.len()], numbers))
                .to_f32()
        };
        let near = |got: Vec<f32>, expected: &[f32]| {
            got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4) && got.len() == expected.len()
        };
        assert!(near(normalised("imagenet", &[0.485, 0.68, 0.631]), &[0.0, 1.0, 1.0]));
        assert!(near(normalised("tf", &[0.0, 0.5, 1.0]), &[-1.0, 0.0, 1.0]));
        assert!(near(normalised("lite", &[0.0, 1.0]), &[-127.0 / 128.0, 1.0]));
        assert!(near(normalised("bytes", &[0.5]), &[127.5]));
        assert!(near(normalised("0.25, 0.5/0.5,0.25", &[0.75, 0.25]), &[1.0, -1.0]));
        for text in ["inception", "0.5", "0.5/0", "0.5/nan", "1,2/1", ""] {
            assert_eq!(
                text.parse::<Normalisation>().unwrap_err(),
                "expected imagenet, tf, lite, none, bytes, or mean/deviation such as `0.1307/0.3081`",
                "{text}"
            );
        }
    }

    #[test]
    fn what_a_file_does_not_say_is_asked_for() {
        let [message, hint] = wrong(&Brought::default());
        assert_eq!(
            message,
            "`resnet.onnx` does not say in which numbers it wants its pictures"
        );
        assert!(
            hint.starts_with("say how it was trained: `--normalise imagenet` (torchvision's), "),
            "{hint}"
        );
        assert_eq!(
            wrong(&brought("1,2/1,2")),
            [
                "expected a mean and a deviation for each of 3 channels of `resnet.onnx`, got 2",
                "give one number for all channels, or one for each: `--normalise 0.5/0.25`, `0.4,0.5,0.6/0.2,0.2,0.2`"
            ]
        );
        let names = tempfile::NamedTempFile::new().unwrap();
        let with_names = Brought {
            classes: Some(names.path().to_owned()),
            ..brought("none")
        };
        fs::write(names.path(), "one\ntwo\n").unwrap();
        let [message, hint] = wrong(&with_names);
        assert_eq!(
            message,
            format!(
                "expected 10 names of classes, a line each, got 2: {}",
                names.path().display()
            )
        );
        assert_eq!(hint, "leave out `--classes`, and classes go by their numbers");
        fs::write(names.path(), "a\r\nb\nc\nd\ne\nf\ng\nh\ni\nj\n").unwrap();
        assert_eq!(Target::of_onnx(&resnet(), &with_names).unwrap().classes()[1], "b");
        let error = Target::open_as("mnist", &with_names).err().unwrap();
        assert_eq!(
            error.to_string(),
            "`mnist` is no ONNX file, so nothing has to be said of it"
        );
    }

    #[test]
    fn an_attack_gets_away_from_what_it_sees() {
        let target = Target::open_as(resnet().to_str().unwrap(), &brought("none")).unwrap();
        assert_eq!(
            (target.name(), target.shape(), target.class_name(7)),
            ("resnet.onnx", [64, 64, 3], "7")
        );
        let pictures: Vec<f32> = (0..target.floats()).map(|i| (i * 37 % 255) as f32 / 255.0).collect();
        let sees = target.judge(1).says(&pictures)[0].class;
        let task = Task {
            pictures,
            classes: vec![sees],
            aim: Aim::Away,
            seed: 0,
        };
        let changes = [("steps", "10"), ("epsilon", "0.06")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let done = find("pgd")
            .unwrap()
            .build(&changes)
            .unwrap()
            .run(&target, &task)
            .unwrap();
        assert!(done.outcomes[0].is_fooled, "{:?}", done.outcomes[0]);
    }
}
