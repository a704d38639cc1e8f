//! The chapters of the zoo, of systems and of studies.
use serde::Serialize;

/// The chapter of the zoo that a page stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// What a generative model is: the explicit ones that GANs are compared with.
    Explicit,
    /// The game itself.
    Objective,
    /// Bigger pictures and other shapes.
    Architecture,
    /// Steering the output.
    Conditional,
    /// Back from picture to code.
    Inference,
    /// Picture to picture.
    Translation,
    /// Filling in and sharpening.
    Restoration,
    /// Sequences: messages, sound, music.
    Sequence,
    /// Faces that move, and how to tell which are true.
    Faces,
    /// Fooling classifiers.
    Attacks,
    /// Why training fails, and seeing it happen.
    Understanding,
}

impl Section {
    /// All chapters, in their order.
    pub const ALL: [Section; 11] = [
        Section::Explicit,
        Section::Objective,
        Section::Architecture,
        Section::Conditional,
        Section::Inference,
        Section::Translation,
        Section::Restoration,
        Section::Sequence,
        Section::Faces,
        Section::Attacks,
        Section::Understanding,
    ];
}
