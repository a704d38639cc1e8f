//! The first examples of a set, and the rest of it: few examples to train on, and others that training never sees.
use std::ops::Range;
use std::sync::Arc;

use super::error::{DataError, Result};
use super::{Dataset, Extra, Field, Shape, Want, registry};

/// A run of examples of another set, as a set of its own.
#[derive(Debug)]
pub struct Part {
    whole: Arc<dyn Dataset>,
    range: Range<u64>,
    name: String,
    digest: String,
}

impl Part {
    /// The examples whose numbers are in `range`, under a name of its own.
    ///
    /// # Errors
    /// [`DataError::NoExample`] where the whole has fewer examples than that, or the part has none.
    pub fn new(whole: Arc<dyn Dataset>, range: Range<u64>, name: &str) -> Result<Part> {
        let last = range.end.saturating_sub(1);
        let count = whole.len().unwrap_or(u64::MAX);
        if range.is_empty() || last >= count {
            return Err(DataError::NoExample {
                name: whole.name().to_owned(),
                index: last,
                len: count,
            });
        }
        Ok(Part {
            digest: super::sha256_hex(&[format!("{range:?} of {}", whole.digest()).as_bytes()]),
            name: name.to_owned(),
            whole,
            range,
        })
    }
}

impl Part {
    /// The number in the whole of an example of the part.
    fn number(&self, index: u64) -> Result<u64> {
        let count = self.range.end - self.range.start;
        if index < count {
            return Ok(self.range.start + index);
        }
        Err(DataError::NoExample {
            name: self.name.clone(),
            index,
            len: count,
        })
    }
}

impl Dataset for Part {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn len(&self) -> Option<u64> {
        Some(self.range.end - self.range.start)
    }

    fn shape(&self) -> Shape {
        self.whole.shape()
    }

    fn classes(&self) -> Option<&[String]> {
        self.whole.classes()
    }

    fn has(&self) -> &[Field] {
        self.whole.has()
    }

    fn notes(&self) -> &[String] {
        self.whole.notes()
    }

    fn extras(&self) -> &[Extra] {
        self.whole.extras()
    }

    fn example_name(&self, index: u64) -> Option<&str> {
        self.whole.example_name(self.number(index).ok()?)
    }

    fn caption(&self, index: u64) -> Option<&str> {
        self.whole.caption(self.number(index).ok()?)
    }

    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
        self.whole.read(self.number(index)?, x)
    }

    fn read_extra(&self, extra: usize, index: u64, to: &mut [f32]) -> Result<()> {
        self.whole.read_extra(extra, self.number(index)?, to)
    }
}

/// `first:N:SPEC` in parts.
pub(super) fn parse(spec: &str) -> Option<(u64, &str)> {
    let (count, whole) = spec.strip_prefix("first:")?.split_once(':')?;
    Some((count.parse().ok()?, whole))
}

/// Examples of the same kind as those of `trained`, opened by `spec`, that a training on them never sees: the rest after
/// `first:N:`, or the test split of a set that is trained on by its training split. Nothing where there are none.
pub fn held_out(trained: &dyn Dataset, spec: &str, want: &Want) -> Option<Arc<dyn Dataset>> {
    let other: Arc<dyn Dataset> = match parse(spec) {
        Some((count, whole)) => {
            let whole = super::open(whole, want).ok()?;
            let len = whole.len()?;
            Arc::new(Part::new(whole, count..len, &format!("the rest of {spec}")).ok()?)
        }
        None => {
            let name = spec.strip_suffix(":train");
            let name =
                name.or_else(|| Some(spec).filter(|name| registry::find(name).is_some_and(|e| e.splits.len() > 1)));
            super::open(&format!("{}:test", name?), want).ok()?
        }
    };
    let is_other = other.digest() != trained.digest() && other.shape() == trained.shape();
    is_other.then_some(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::open;

    #[test]
    fn the_first_and_the_rest_are_the_whole() {
        let want = Want::default();
        let whole = open("fashion-mnist-10k", &want).unwrap();
        let first = open("first:16:fashion-mnist-10k", &want).unwrap();
        let rest = held_out(&*first, "first:16:fashion-mnist-10k", &want).unwrap();
        assert_eq!((first.len(), rest.len()), (Some(16), Some(9_984)));
        assert_eq!(first.example(15).unwrap(), whole.example(15).unwrap());
        assert_eq!(rest.example(0).unwrap(), whole.example(16).unwrap());
        assert_ne!(
            first.digest(),
            open("first:17:fashion-mnist-10k", &want).unwrap().digest()
        );
        assert_eq!(
            first.example(16).unwrap_err().to_string(),
            "no example 16 in `first:16:fashion-mnist-10k`: expected a number below 16"
        );
        let error = open("first:10001:fashion-mnist-10k", &want).unwrap_err().to_string();
        assert_eq!(
            error,
            "no example 10000 in `fashion-mnist-10k`: expected a number below 10000"
        );
    }

    #[test]
    fn what_is_trained_on_is_not_held_out() {
        let want = Want::default();
        for spec in ["fashion-mnist-10k", "fashion-mnist-10k:test", "ring"] {
            let trained = open(spec, &want).unwrap();
            assert!(held_out(&*trained, spec, &want).is_none(), "{spec}");
        }
    }
}
