//! What the course explains without training a network: small computations with a lesson, and where to find the others.
pub mod dice;
pub mod nash;

use serde::Serialize;

/// A page of the zoo that is no system.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Study {
    /// The name on the command line, and of the evidence.
    pub id: &'static str,
    /// The name in prose.
    pub title: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// The idea in a sentence.
    pub idea: &'static str,
    /// What it is about, as formulas, a line each.
    pub equations: &'static [&'static str],
    /// The command that shows it.
    pub command: &'static str,
    /// What it teaches, where it is computed here and now.
    #[serde(skip)]
    pub lesson: Option<fn() -> Lesson>,
}

/// What a study has to say: text of short paragraphs and tables, and paths in the plane where there is something to see.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// Plain text.
    pub text: String,
    /// Paths in the plane with what each is called.
    pub paths: Vec<(&'static str, Vec<[f64; 2]>)>,
}

/// All studies.
pub const STUDIES: &[Study] = &[nash::STUDY, FAILURES, dice::STUDY];

const FAILURES: Study = Study {
    id: "failures",
    title: "Failures",
    source: "Goodfellow 2016, NIPS 2016 Tutorial: Generative Adversarial Networks, arXiv:1701.00160; Arjovsky and Bottou 2017, arXiv:1701.04862",
    idea: "Each way in which training goes wrong, made on purpose, named by the doctor, and cured.",
    equations: &[],
    command: "gany doctor --failures",
    lesson: None,
};

/// The study of this name.
pub fn find(id: &str) -> Option<&'static Study> {
    STUDIES.iter().find(|study| study.id == id)
}
