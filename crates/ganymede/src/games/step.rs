//! What a loss sees of the step it is part of.
use crate::data::Field;
use gany_engine::{Key, Tensor};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// The step as one move sees it: a batch, random numbers, what other moves have made, and a place for reports.
pub struct Step {
    pub(super) x: Tensor,
    pub(super) y: Tensor,
    pub(super) extras: Vec<(Field, Tensor)>,
    pub(super) key: Key,
    pub(super) player: &'static str,
    pub(super) repeat: usize,
    pub(super) due: Vec<&'static str>,
    pub(super) draws: Cell<u64>,
    pub(super) shared: RefCell<BTreeMap<&'static str, Tensor>>,
    pub(super) reports: RefCell<BTreeMap<String, Tensor>>,
}

impl Step {
    /// The data of this move, `[batch, ..]`.
    pub fn x(&self) -> &Tensor {
        &self.x
    }

    /// The class numbers of this move's data, `[batch]`; zeros where the data have none.
    pub fn y(&self) -> &Tensor {
        &self.y
    }

    /// The second pictures of this move's data, `[batch, ..]`.
    ///
    /// # Panics
    /// Where the data have none; a system that calls this says so in what it needs.
    pub fn x_b(&self) -> &Tensor {
        self.extra(Field::XB)
    }

    /// What this move's data have beside x and y, `[batch, ..]`.
    ///
    /// # Panics
    /// Where the data have no such field; a system that asks for it says so in what it needs.
    pub fn extra(&self, field: Field) -> &Tensor {
        let found = self.extras.iter().find(|(has, _)| *has == field);
        let (_, extra) = found.unwrap_or_else(|| panic!("a system that reads `{field}` declares that it needs it"));
        extra
    }

    /// Examples in the batch.
    pub fn batch(&self) -> usize {
        self.x.extent(0)
    }

    /// Fresh normal numbers: different at every call, move and step, and the same whenever the step is done again.
    pub fn normal(&self, shape: &[usize]) -> Tensor {
        self.key.normal(self.stream(), shape)
    }

    /// Fresh uniform numbers on [0, 1), likewise.
    pub fn uniform(&self, shape: &[usize]) -> Tensor {
        self.key.uniform(self.stream(), shape)
    }

    /// What is made once and shared by the moves that follow one another on the same batch: the same fakes for the
    /// discriminator and then for the generator.
    pub fn once(&self, name: &'static str, make: impl FnOnce() -> Tensor) -> Tensor {
        if let Some(known) = self.shared.borrow().get(name) {
            return known.clone();
        }
        let made = make();
        self.shared.borrow_mut().insert(name, made.clone());
        made
    }

    /// Whether a lazy term of the game is due at this step.
    pub fn is_due(&self, term: &str) -> bool {
        self.due.contains(&term)
    }

    /// Says a scalar under a dotted name, such as `accuracy.real`; it is computed within the step.
    ///
    /// # Panics
    /// Where `value` has more than one element.
    #[track_caller]
    pub fn report(&self, name: &str, value: &Tensor) {
        assert_eq!(
            value.numel(),
            1,
            "report: `{name}` has shape {:?}, not one element",
            value.shape()
        );
        self.reports.borrow_mut().insert(name.to_owned(), value.detach());
    }

    /// Says how a discriminator does from its logits: the share it gets right and the mean probability it gives, on real
    /// and on generated samples.
    pub fn report_discriminator(&self, logits_real: &Tensor, logits_fake: &Tensor) {
        self.report("accuracy.real", &logits_real.positive().mean());
        self.report("accuracy.fake", &(1.0 - logits_fake.positive().mean()));
        self.report("probability.real", &logits_real.sigmoid().mean());
        self.report("probability.fake", &logits_fake.sigmoid().mean());
    }

    /// A stream number that depends on the place of the draw only, not on which lazy terms were drawn before it elsewhere.
    fn stream(&self) -> u64 {
        let draw = self.draws.replace(self.draws.get() + 1);
        stream_number(&format!("{}.{}.{draw}", self.player, self.repeat))
    }
}

/// FNV-1a, 64 bits: names to streams of random numbers.
pub(crate) fn stream_number(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
