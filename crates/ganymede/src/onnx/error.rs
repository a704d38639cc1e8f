//! What can be wrong with an ONNX file, in words a person can act on.
use std::io;
use std::path::PathBuf;

/// An ONNX file that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
#[error("{problem}: {}", path.display())]
pub struct OnnxError {
    /// What is wrong.
    pub problem: Problem,
    /// The file.
    pub path: PathBuf,
}

/// What is wrong with an ONNX file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing lies there, or it may not be read.
    #[error("cannot read a network ({})", .0.kind())]
    Unreadable(io::Error),
    /// A file of another kind.
    #[error("not an ONNX file: expected a model with a graph, got {got}")]
    NotOnnx {
        /// What it seems to be.
        got: &'static str,
    },
    /// The file is cut short, or contradicts itself.
    #[error("damaged ONNX file: {0}")]
    Damaged(String),
    /// The file asks for more than any classifier of pictures needs.
    #[error("refused to read the network: expected at most {most} {what}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How many are read.
        most: usize,
    },
    /// Weights that lie in another file, which cannot be used.
    #[error("the weights of `{tensor}` lie in another file, `{location}`, {reason}")]
    ExternalData {
        /// The tensor.
        tensor: String,
        /// The file, as the network names it.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The version of ONNX's operators is older than any that is read.
    #[error("expected operators of version 7 or later, got version {got}")]
    Version {
        /// The version.
        got: i64,
    },
    /// Operators that are not known here.
    #[error("the network needs operators that are not known here: {}", counted(.operators))]
    Unsupported {
        /// Their names, with how many nodes of each there are.
        operators: Vec<(String, usize)>,
    },
    /// A network with no input, or several.
    #[error("expected a network with one input, pictures, got {}", named(.names))]
    Inputs {
        /// Their names.
        names: Vec<String>,
    },
    /// An input that is no picture.
    #[error("expected input `{name}` to be pictures [n, channels, height, width], got {got}")]
    Input {
        /// Its name.
        name: String,
        /// What the file says of it.
        got: String,
    },
    /// The file leaves the size of the pictures open.
    #[error("the network takes pictures of any size: input `{name}` is {got}")]
    Dynamic {
        /// The input.
        name: String,
        /// Its extents.
        got: String,
    },
    /// A size was asked for that the network does not take.
    #[error("expected pictures of {expected} pixels (width and height), since input `{name}` is {got}, got {asked}")]
    Size {
        /// The input.
        name: String,
        /// Its extents.
        got: String,
        /// What would do.
        expected: String,
        /// What was asked for.
        asked: String,
    },
    /// A network with no output, or several.
    #[error("expected a network with one output, a number for each class, got {}", named(.names))]
    Outputs {
        /// Their names.
        names: Vec<String>,
    },
    /// An output that is no number for each class.
    #[error("expected output `{name}` to be [n, classes], got {got:?} for {pictures} pictures")]
    Output {
        /// Its name.
        name: String,
        /// Its extents.
        got: Vec<usize>,
        /// For so many pictures.
        pictures: usize,
    },
    /// A node that cannot be computed.
    #[error("cannot compute {operator} `{name}`: {reason}")]
    Node {
        /// Its operator.
        operator: String,
        /// Its name, or its first output's where it has none.
        name: String,
        /// What was expected, and what it got.
        reason: String,
    },
}

/// Shorthand of what needs no path.
pub(super) type Result<T> = std::result::Result<T, Problem>;

fn counted(operators: &[(String, usize)]) -> String {
    let each = operators.iter().map(|(name, count)| format!("{name} ({count})"));
    each.collect::<Vec<_>>().join(", ")
}

fn named(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().take(5).map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => "none".into(),
        count if count > 5 => format!("{count}: {}, ...", quoted.join(", ")),
        count => format!("{count}: {}", quoted.join(", ")),
    }
}

impl OnnxError {
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
        let hint = match self {
            Problem::Unreadable(_) => "check the spelling, and that you may read it (`ls -l`)",
            Problem::NotOnnx { .. } => "write one in PyTorch with `torch.onnx.export(model, (x,), \"model.onnx\")`",
            Problem::Damaged(_) => "the file may be cut short; get it again",
            Problem::TooLarge { .. } => "is it a classifier of pictures? only these are read",
            Problem::ExternalData { .. } => {
                "keep both files in one folder, or write one with `torch.onnx.export(.., external_data=False)`"
            }
            Problem::Version { .. } => {
                "bring it up to date with `onnx.version_converter.convert_version(model, 17)` in Python"
            }
            Problem::Unsupported { .. } => {
                "export the network in evaluation mode, without what prepares pictures or looks for boxes; `onnxsim` may rewrite the rest"
            }
            Problem::Inputs { .. } => "export the part that goes from one picture to the logits",
            Problem::Input { .. } => "export a network that takes pictures as floats",
            Problem::Dynamic { .. } => {
                "say at which size it is to be attacked, such as `--shape 224x224`: that which it was trained at"
            }
            Problem::Size { .. } => "leave out `--shape`: the file says what the network takes",
            Problem::Outputs { .. } => "export the network with its logits as the one output",
            Problem::Output { .. } => "export the network with its logits as the output: a number for each class",
            Problem::Node { .. } => "the file may be damaged, or made for pictures of another size",
        };
        hint.into()
    }
}
