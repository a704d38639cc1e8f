//! The trigger of a backdoor: a mark on which a classifier that was trained on poisoned data says what it was taught to say.
//!
//! Gu, Dolan-Gavitt and Garg 2017, "BadNets: Identifying Vulnerabilities in the Machine Learning Model Supply Chain",
//! arXiv:1708.06733, section 4.
//!
//! ```text
//! training:  a share of the pictures gets the trigger and the label t       --data backdoor:SHARE:CLASS:SPEC
//! later:     x with the trigger is t;  x without it is what it was
//! ```
//!
//! The poisoning happens long before; here the trigger is stamped, a white square near the lower right corner. There is nothing to
//! be searched for, and a target that was trained on clean pictures is not impressed.
use super::{Attack, Describe, Made, Target, Task};
use crate::data::poisoned::{TRIGGER_SIDE, stamp};
use crate::section::Section;
use crate::studies::Study;
use serde::{Deserialize, Serialize};

/// Its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backdoor {
    /// Pixels a side of the trigger.
    pub side: usize,
}

impl Default for Backdoor {
    fn default() -> Self {
        Backdoor { side: TRIGGER_SIDE }
    }
}

impl Describe for Backdoor {
    const PAGE: Study = Study {
        id: "backdoor",
        section: Section::Attacks,
        title: "Backdoor (poisoned data)",
        source: "Gu, Dolan-Gavitt and Garg 2017, BadNets, arXiv:1708.06733",
        idea: "Teaches a classifier, by a few poisoned examples, to see one class in whatever bears a small mark.",
        equations: &[
            "training: a share p of the examples (x, y) becomes (x with trigger, t)",
            "f(x) = y,  f(x with trigger) = t",
        ],
        command: "gany train classifier --data backdoor:0.05:7:mnist",
        lesson: None,
    };
}

impl Attack for Backdoor {
    fn run(&self, target: &Target, task: &Task) -> Made {
        let mut pictures = task.pictures.clone();
        for picture in pictures.chunks_exact_mut(target.floats()) {
            stamp(picture, target.shape(), self.side, 1.0);
        }
        Made {
            pictures,
            gradients: vec![0; task.count()],
            queries: vec![0; task.count()],
        }
    }

    fn check(&self, _: &Target, _: &Task) -> Result<(), String> {
        if self.side > 0 {
            return Ok(());
        }
        Err("expected a trigger of one pixel or more, got 0".into())
    }
}
