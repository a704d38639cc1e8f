//! What can be wrong with a file of weights, in words a person can act on.
use std::io;
use std::path::PathBuf;

/// A file of weights that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
#[error("{problem}: {}", path.display())]
pub struct WeightsError {
    /// What is wrong.
    pub problem: Problem,
    /// The file.
    pub path: PathBuf,
}

/// What is wrong with a file of weights.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing lies there, or it may not be read.
    #[error("cannot read weights ({})", .0.kind())]
    Unreadable(io::Error),
    /// A file of a kind that holds no weights that are read here.
    #[error("not a file of weights: expected safetensors, a PyTorch `.pth` or a pickle of arrays, got {got}")]
    UnknownKind {
        /// What it seems to be.
        got: &'static str,
    },
    /// A TorchScript archive: a program with its weights, without a state dict.
    #[error("not a file of weights: expected a state dict, got a TorchScript program")]
    TorchScript,
    /// The file is cut short, or contradicts itself.
    #[error("damaged weights: {0}")]
    Damaged(String),
    /// The file is larger than anything of its kind needs to be.
    #[error("refused to read weights: expected at most {most} {what}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How many are read.
        most: usize,
    },
    /// A pickle that names something which plain weights do not need.
    #[error("refused to read weights: expected plain tensors, got a pickle that asks for `{name}`")]
    RefusedName {
        /// The module and the name in it.
        name: String,
    },
    /// A pickle with an instruction which plain weights do not need.
    #[error("refused to read weights: expected plain tensors, got a pickle with the instruction {name}")]
    RefusedInstruction {
        /// The instruction, as Python's `pickletools` calls it, or its number.
        name: String,
    },
    /// A tensor that should be there is not.
    #[error("no tensor `{name}` in these weights")]
    Missing {
        /// The name that was looked for.
        name: String,
        /// The name in the file that is most alike.
        nearest: Option<String>,
    },
    /// A tensor of another shape than is needed.
    #[error("tensor `{name}`: expected shape {expected:?}, got {got:?}")]
    Shape {
        /// Its name.
        name: String,
        /// The extents it should have.
        expected: Vec<usize>,
        /// The extents it has.
        got: Vec<usize>,
    },
}

/// Shorthand of what needs no path.
pub(super) type Result<T> = std::result::Result<T, Problem>;

impl WeightsError {
    /// The way out, one sentence without a full stop.
    pub fn hint(&self) -> String {
        self.problem.hint()
    }
}

impl Problem {
    pub(super) fn damaged(what: impl Into<String>) -> Problem {
        Problem::Damaged(what.into())
    }

    /// The way out, one sentence without a full stop.
    pub fn hint(&self) -> String {
        match self {
            Problem::Unreadable(_) => "check the spelling, and that you may read it (`ls -l`)".into(),
            Problem::UnknownKind { .. } => {
                "save the tensors with `safetensors.torch.save_file(model.state_dict(), FILE)`".into()
            }
            Problem::TorchScript => "save its tensors once in Python: \
                 `torch.save(torch.jit.load(FILE).state_dict(), \"weights.pth\")`"
                .into(),
            Problem::Damaged(_) => "the file may be cut short; get it again".into(),
            Problem::TooLarge { .. } => "save the tensors alone, with `safetensors.torch.save_file`".into(),
            Problem::RefusedName { name } if name.starts_with("dnnlib.tflib.") => {
                "it is a network of StyleGAN's TensorFlow version; bring it to PyTorch once with `python legacy.py --source=FILE \
                 --dest=NEW.pkl` of NVIDIA's `stylegan3` or `stylegan2-ada-pytorch`"
                    .into()
            }
            Problem::RefusedName { .. } | Problem::RefusedInstruction { .. } => {
                "nothing in a file is ever run here; if you trust it, load it in Python and save its tensors with \
                 `safetensors.torch.save_file`"
                    .into()
            }
            Problem::Missing {
                nearest: Some(nearest), ..
            } => format!("the file has `{nearest}`; it may be of another network or layout"),
            Problem::Missing { nearest: None, .. } | Problem::Shape { .. } => {
                "the file may be of another network or layout".into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_and_hint() {
        let cases = [
            (
                Problem::Unreadable(io::ErrorKind::NotFound.into()),
                "cannot read weights (entity not found): a.pth\nhint: check the spelling, and that you may read it (`ls -l`)",
            ),
            (
                Problem::UnknownKind { got: "an HDF5 file" },
                "not a file of weights: expected safetensors, a PyTorch `.pth` or a pickle of arrays, got an HDF5 file: a.pth\nhint: save the tensors with `safetensors.torch.save_file(model.state_dict(), FILE)`",
            ),
            (
                Problem::TorchScript,
                "not a file of weights: expected a state dict, got a TorchScript program: a.pth\nhint: save its tensors once in Python: `torch.save(torch.jit.load(FILE).state_dict(), \"weights.pth\")`",
            ),
            (
                Problem::damaged("the pickle ends in the middle of an instruction"),
                "damaged weights: the pickle ends in the middle of an instruction: a.pth\nhint: the file may be cut short; get it again",
            ),
            (
                Problem::TooLarge {
                    what: "objects",
                    most: 7,
                },
                "refused to read weights: expected at most 7 objects: a.pth\nhint: save the tensors alone, with `safetensors.torch.save_file`",
            ),
            (
                Problem::RefusedName {
                    name: "os.system".into(),
                },
                "refused to read weights: expected plain tensors, got a pickle that asks for `os.system`: a.pth\nhint: nothing in a file is ever run here; if you trust it, load it in Python and save its tensors with `safetensors.torch.save_file`",
            ),
            (
                Problem::RefusedName {
                    name: "dnnlib.tflib.network.Network".into(),
                },
                "refused to read weights: expected plain tensors, got a pickle that asks for `dnnlib.tflib.network.Network`: a.pth\nhint: it is a network of StyleGAN's TensorFlow version; bring it to PyTorch once with `python legacy.py --source=FILE --dest=NEW.pkl` of NVIDIA's `stylegan3` or `stylegan2-ada-pytorch`",
            ),
            (
                Problem::RefusedInstruction { name: "INST".into() },
                "refused to read weights: expected plain tensors, got a pickle with the instruction INST: a.pth\nhint: nothing in a file is ever run here; if you trust it, load it in Python and save its tensors with `safetensors.torch.save_file`",
            ),
            (
                Problem::Missing {
                    name: "conv.weight".into(),
                    nearest: Some("conv1.weight".into()),
                },
                "no tensor `conv.weight` in these weights: a.pth\nhint: the file has `conv1.weight`; it may be of another network or layout",
            ),
            (
                Problem::Missing {
                    name: "conv.weight".into(),
                    nearest: None,
                },
                "no tensor `conv.weight` in these weights: a.pth\nhint: the file may be of another network or layout",
            ),
            (
                Problem::Shape {
                    name: "fc.bias".into(),
                    expected: vec![1008],
                    got: vec![1000],
                },
                "tensor `fc.bias`: expected shape [1008], got [1000]: a.pth\nhint: the file may be of another network or layout",
            ),
        ];
        for (problem, expected) in cases {
            let error = WeightsError {
                problem,
                path: "a.pth".into(),
            };
            assert_eq!(format!("{error}\nhint: {}", error.hint()), expected);
        }
    }
}
