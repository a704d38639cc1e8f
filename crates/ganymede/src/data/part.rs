//! The first examples of a set, or of each of its classes, and the rest of it: few examples to train on, and others that
//! training never sees; the examples of one class.
use std::ops::Range;
use std::sync::Arc;

use super::columns::Columns;
use super::error::{DataError, Result};
use super::volumes::Voxels;
use super::{Dataset, Extra, Field, Modes, Shape, Want, registry};

/// Some examples of another set, as a set of its own.
#[derive(Debug)]
pub struct Part {
    whole: Arc<dyn Dataset>,
    numbers: Numbers,
    name: String,
    digest: String,
}

/// The numbers that the examples of a part have in the whole.
#[derive(Debug)]
enum Numbers {
    Run(Range<u64>),
    Listed(Vec<u64>),
}

impl Numbers {
    fn len(&self) -> u64 {
        match self {
            Numbers::Run(range) => range.end - range.start,
            Numbers::Listed(numbers) => numbers.len() as u64,
        }
    }

    fn nth(&self, index: u64) -> Option<u64> {
        match self {
            Numbers::Run(range) => Some(range.start + index).filter(|number| *number < range.end),
            Numbers::Listed(numbers) => numbers.get(index as usize).copied(),
        }
    }
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
            numbers: Numbers::Run(range),
        })
    }

    /// The first `count` examples of each class, in the order of the whole: few labels, of every class as many.
    ///
    /// # Errors
    /// [`DataError::Unfit`] where there are no classes, no end, or too few examples of a class.
    pub fn of_each(whole: Arc<dyn Dataset>, count: u64, name: &str) -> Result<Part> {
        let unfit = |expected, got| DataError::Unfit {
            spec: name.to_owned(),
            expected,
            got,
        };
        let (Some(classes), Some(len)) = (whole.classes().map(<[String]>::len), whole.len()) else {
            return Err(unfit("labelled examples with an end", "others".to_owned()));
        };
        let mut left = vec![count; classes];
        let mut numbers = vec![];
        let mut x = vec![0.0; whole.shape().floats()];
        for number in 0..len {
            if left.iter().all(|left| *left == 0) {
                break;
            }
            let left = &mut left[whole.read(number, &mut x)? as usize];
            if *left > 0 {
                *left -= 1;
                numbers.push(number);
            }
        }
        let found = left.iter().map(|left| count - left).min().unwrap_or(0);
        if found < count.max(1) {
            return Err(unfit("that many examples of each class", found.to_string()));
        }
        Ok(Part::listed(whole, numbers, name))
    }

    /// The examples of one class, in the order of the whole.
    ///
    /// # Errors
    /// [`DataError::Unfit`] where there is no class of this name, or no example of it, or no end.
    pub fn of_class(whole: Arc<dyn Dataset>, class: &str, name: &str) -> Result<Part> {
        let unfit = |expected, got| DataError::Unfit {
            spec: name.to_owned(),
            expected,
            got,
        };
        let (Some(classes), Some(len)) = (whole.classes(), whole.len()) else {
            return Err(unfit("labelled examples with an end", "others".to_owned()));
        };
        let Some(number) = classes.iter().position(|other| other == class) else {
            return Err(unfit(
                "the name of a class",
                format!("`{class}`, of classes {}", classes.join(", ")),
            ));
        };
        let mut x = vec![0.0; whole.shape().floats()];
        let mut numbers = vec![];
        for index in 0..len {
            if whole.read(index, &mut x)? as usize == number {
                numbers.push(index);
            }
        }
        if numbers.is_empty() {
            return Err(unfit("examples of the class", "none".to_owned()));
        }
        Ok(Part::listed(whole, numbers, name))
    }

    fn listed(whole: Arc<dyn Dataset>, numbers: Vec<u64>, name: &str) -> Part {
        Part {
            digest: super::sha256_hex(&[format!("{numbers:?} of {}", whole.digest()).as_bytes()]),
            name: name.to_owned(),
            whole,
            numbers: Numbers::Listed(numbers),
        }
    }

    /// The number of an example in the whole.
    fn in_whole(&self, index: u64) -> Result<u64> {
        self.numbers.nth(index).ok_or_else(|| DataError::NoExample {
            name: self.name.clone(),
            index,
            len: self.numbers.len(),
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
        Some(self.numbers.len())
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

    fn columns(&self) -> Option<&Columns> {
        self.whole.columns()
    }

    fn voxels(&self) -> Option<Voxels> {
        self.whole.voxels()
    }

    fn modes(&self) -> Option<&Modes> {
        self.whole.modes()
    }

    fn example_name(&self, index: u64) -> Option<&str> {
        self.whole.example_name(self.in_whole(index).ok()?)
    }

    fn caption(&self, index: u64) -> Option<&str> {
        self.whole.caption(self.in_whole(index).ok()?)
    }

    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
        self.whole.read(self.in_whole(index)?, x)
    }

    fn read_extra(&self, extra: usize, index: u64, to: &mut [f32]) -> Result<()> {
        self.whole.read_extra(extra, self.in_whole(index)?, to)
    }
}

/// `first:N:SPEC` in parts.
pub(super) fn parse(spec: &str) -> Option<(u64, &str)> {
    counted(spec, "first:")
}

/// `WORD:N:SPEC` in parts, where `word` has its colon.
pub(super) fn counted<'s>(spec: &'s str, word: &str) -> Option<(u64, &'s str)> {
    let (count, whole) = spec.strip_prefix(word)?.split_once(':')?;
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
    fn a_part_has_what_the_whole_has() {
        let whole = open("unpaired:fashion-mnist-10k,fashion-mnist-10k", &Want::default()).unwrap();
        let part = Part::new(whole.clone(), 5..9, "part").unwrap();
        assert_eq!((part.extras(), part.has()), (whole.extras(), whole.has()));
        let mut read = [vec![0.0; 784], vec![0.0; 784]];
        part.read_extra(0, 3, &mut read[0]).unwrap();
        whole.read_extra(0, 8, &mut read[1]).unwrap();
        assert_eq!(read[0], read[1]);
        assert!(part.read_extra(0, 4, &mut read[0]).is_err());
    }

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
    fn of_each_class_as_many() {
        let want = Want::default();
        let whole = open("fashion-mnist-10k", &want).unwrap();
        let part = open("each:3:fashion-mnist-10k", &want).unwrap();
        let labels: Vec<u32> = (0..30).map(|index| part.example(index).unwrap().1).collect();
        assert!(
            (0..10).all(|class| labels.iter().filter(|label| **label == class).count() == 3),
            "{labels:?}"
        );
        assert_eq!(
            (part.len(), part.example(0).unwrap()),
            (Some(30), whole.example(0).unwrap())
        );
        assert_eq!(
            part.example(30).unwrap_err().to_string(),
            "no example 30 in `each:3:fashion-mnist-10k`: expected a number below 30"
        );
        let error = |spec: &str| open(spec, &want).unwrap_err().to_string();
        assert_eq!(
            error("each:1:ring"),
            "cannot make `each:1:ring`: expected labelled examples with an end, got others"
        );
        assert_eq!(
            error("each:2000:fashion-mnist-10k"),
            "cannot make `each:2000:fashion-mnist-10k`: expected that many examples of each class, got 1000"
        );
    }

    #[test]
    fn of_one_class_all() {
        let want = Want::default();
        let whole = open("fashion-mnist-10k", &want).unwrap();
        let part = open("class:sandal:fashion-mnist-10k", &want).unwrap();
        assert_eq!(part.len(), Some(1_000));
        let first = (0..).find(|index| whole.example(*index).unwrap().1 == 5).unwrap();
        assert_eq!(part.example(0).unwrap(), whole.example(first).unwrap());
        let error = |spec: &str| open(spec, &want).unwrap_err().to_string();
        assert_eq!(
            error("class:s1:ring"),
            "cannot make `class:s1:ring`: expected labelled examples with an end, got others"
        );
        assert!(error("class:Shoe:fashion-mnist-10k").starts_with(
            "cannot make `class:Shoe:fashion-mnist-10k`: expected the name of a class, got `Shoe`, of classes "
        ));
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
