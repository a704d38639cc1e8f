//! Pages of the zoo that are no systems: small computations with a lesson, and what is done with runs of systems.
pub mod dice;
pub mod nash;

use crate::section::Section;
use serde::Serialize;

/// A page of the zoo that is no system.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Study {
    /// The name on the command line, and of the evidence.
    pub id: &'static str,
    /// The chapter.
    pub section: Section,
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
pub const STUDIES: &[Study] = &[
    PROJECTION,
    DISSECT,
    ONNX_TARGET,
    LABEL_FLIP,
    DETECT,
    PROVENANCE,
    RED_TEAM,
    AUGMENT,
    LAB,
    nash::STUDY,
    FAILURES,
    dice::STUDY,
];

const PROJECTION: Study = Study {
    id: "projection",
    section: Section::Inference,
    title: "GAN inversion (StyleGAN2's projector)",
    source: "Karras et al. 2020, arXiv:1912.04958, appendix D; Abdal et al. 2019, Image2StyleGAN, arXiv:1904.03189",
    idea: "Looks for the styles from which a trained generator makes a given picture, down the slope of what people find alike.",
    equations: &[
        "w* = argmin_w d(x, g(w + n)) + lambda mean (x - g(w + n))^2,  d: LPIPS",
        "n ~ N(0, (0.05 sigma t^2)^2),  t from 1 to 0;  w: one style for all layers, w+: one for each",
    ],
    command: "gany explore runs/stylegan-emoji-google project PICTURE -o found.png",
    lesson: None,
};

const DISSECT: Study = Study {
    id: "dissect",
    section: Section::Inference,
    title: "GAN dissection",
    source: "Bau et al. 2019, GAN Dissection: Visualizing and Understanding Generative Adversarial Networks, arXiv:1811.10597",
    idea: "Finds the units of a generator that make a concept, and shows it by taking them away and putting them in.",
    equations: &[
        "IoU_uc = |(a_u > t_uc) and s_c(x)| / |(a_u > t_uc) or s_c(x)|,  s: a segmenter",
        "ablation  a_u := 0;  insertion  a_u := k_uc at a place",
    ],
    command: "gany explore runs/dcgan-fashion-mnist dissect -o units.png",
    lesson: None,
};

const LABEL_FLIP: Study = Study {
    id: "label_flip",
    section: Section::Attacks,
    title: "Flipped labels (poisoned data)",
    source: "Biggio, Nelson and Laskov 2012, Poisoning Attacks against Support Vector Machines, arXiv:1206.6389",
    idea: "Gives a share of the training examples wrong labels, and shows how much of that a classifier forgives.",
    equations: &["(x, y) becomes (x, y') with probability p,  y' != y, each as likely"],
    command: "gany train classifier --data flipped:0.4:mnist",
    lesson: None,
};

const ONNX_TARGET: Study = Study {
    id: "onnx_target",
    section: Section::Attacks,
    title: "A classifier of your own, as ONNX",
    source: "ONNX, Open Neural Network Exchange, https://onnx.ai",
    idea: "Reads a classifier that was trained elsewhere into the engine, where it has gradients and can be attacked as any other.",
    equations: &[
        "logits = f((x - mean) / deviation),  f: the graph of the file, which does not say mean and deviation",
        "grad_x L(logits, y): each operator is written with the engine's, whose gradients are known",
    ],
    command: "gany attack pgd PICTURE --target model.onnx --normalise imagenet -o fooled.png",
    lesson: None,
};

const DETECT: Study = Study {
    id: "detect",
    section: Section::Faces,
    title: "Detectors of fakes",
    source: "Wang et al. 2020, CNN-Generated Images Are Surprisingly Easy to Spot... for Now, arXiv:1912.11035; Durall et al. 2020, Watch Your Up-Convolution, arXiv:2003.01826; Li et al. 2020, Face X-ray for More General Face Forgery Detection, arXiv:1912.13458",
    idea: "Tells made pictures by their pixels, their waves and the seams in them, films and speech by what does not fit, with reasons and a calibrated score.",
    equations: &[
        "p(fake | x) = sigmoid(a s(x) + b),  s: a detector's score;  a, b: fitted to pictures that it did not learn from",
    ],
    command: "gany detect PICTURE",
    lesson: None,
};

const PROVENANCE: Study = Study {
    id: "provenance",
    section: Section::Faces,
    title: "Marks in what is made",
    source: "Chen and Wornell 2001, Quantization Index Modulation, IEEE Transactions on Information Theory 47(4)",
    idea: "Writes into every picture and frame that it was made, invisibly, so that it is still there after JPEG and other sizes.",
    equations: &["bit i is b where sum_(u,v) s_uv c_uv is near step (k + d_i + b / 2),  c: slow waves of the picture"],
    command: "gany provenance PICTURE",
    lesson: None,
};

const RED_TEAM: Study = Study {
    id: "red_team",
    section: Section::Attacks,
    title: "The red team's loop",
    source: "Carlini and Farid 2020, Evading Deepfake-Image Detectors with White- and Black-Box Attacks, arXiv:2004.00622",
    idea: "A generator's fakes, a detector of them, fakes that evade it by PGD, and a detector that has learnt from these.",
    equations: &["x' = clip(x + P(x_t + alpha sign(grad L(D(x_t), fake)) - x));  D' learns x' as fakes"],
    command: "gany detect train REAL FAKES --harden",
    lesson: None,
};

const AUGMENT: Study = Study {
    id: "augment",
    section: Section::Sequence,
    title: "Made examples for few labels",
    source: "Frid-Adar et al. 2018, GAN-based Synthetic Medical Image Augmentation for increased CNN Performance in Liver Lesion Classification, arXiv:1803.01229",
    idea: "A classifier that has few labelled examples learns from samples of a generator beside them, and is held against one that does not.",
    equations: &[
        "classifier of {(x_i, y_i)} and {(G(z, y), y)}, beside that of {(x_i, y_i)} and of these changed a little",
    ],
    command: "gany sample runs/tabular-breast-cancer -n 1000 -o more.csv",
    lesson: None,
};

const LAB: Study = Study {
    id: "lab",
    section: Section::Understanding,
    title: "GAN Lab",
    source: "Kahng et al. 2019, GAN Lab: Understanding Complex Deep Generative Models using Interactive Visual Experimentation, arXiv:1809.01587",
    idea: "Points of the plane are learnt before one's eyes, by every objective: step by step, or in the six stages of a step.",
    equations: &[
        "noise z -> samples G(z) -> judgements D -> L_D -> new D -> L_G and new G",
        "arrows: -n dL_G / dG(z_i);  sheet: G of lines between which equal shares of the noise lie",
    ],
    command: "gany studio",
    lesson: None,
};

const FAILURES: Study = Study {
    id: "failures",
    section: Section::Understanding,
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
