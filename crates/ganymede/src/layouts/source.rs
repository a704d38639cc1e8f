//! A network within a file of weights.
use super::array::Array;
use super::error::{LayoutError, Misfit, Result};
use crate::weights::Weights;
use std::cell::Cell;

/// The tensors and settings of a file whose names begin alike.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    weights: &'a Weights,
    prefix: &'a str,
    /// Numbers that may still be taken: tensors that share their memory could multiply without end.
    left: &'a Cell<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(weights: &'a Weights, prefix: &'a str, left: &'a Cell<usize>) -> Source<'a> {
        Source { weights, prefix, left }
    }

    /// The part whose names begin so.
    pub(super) fn of(self, prefix: &'a str) -> Source<'a> {
        Source { prefix, ..self }
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(super) fn shape(&self, name: &str) -> Option<&'a [usize]> {
        self.weights.shape(&self.name(name))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.shape(name).is_some()
    }

    /// The names of its tensors, behind what they begin with.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.weights.names().filter_map(|name| name.strip_prefix(self.prefix))
    }

    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.weights.number(&self.name(name))
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.weights.text(&self.name(name))
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.weights.flag(&self.name(name))
    }

    /// A tensor of this shape.
    pub(super) fn take(&self, name: &str, shape: &[usize]) -> Result<Array> {
        if self.shape(name) == Some(shape) {
            let left = self.left.get().checked_sub(shape.iter().product());
            self.left.set(left.ok_or_else(|| {
                self.unlike(
                    "weights",
                    "as many numbers as the file holds",
                    "tensors that share their memory",
                )
            })?);
        }
        let values = self.weights.f32(&self.name(name), shape)?;
        Ok(Array::new(shape, values))
    }

    /// The extents of a tensor of so many axes, none of which is empty.
    pub(super) fn extents<const N: usize>(&self, name: &str) -> Result<[usize; N]> {
        let shape = self.shape(name);
        let extents = shape
            .filter(|shape| !shape.contains(&0))
            .and_then(|shape| shape.try_into().ok());
        match (extents, shape) {
            (Some(extents), _) => Ok(extents),
            // The same words as for any tensor that is missing, or of another shape.
            (None, None) => Err(self.take(name, &[1; N]).expect_err("it is not there")),
            (None, Some(shape)) => Err(self.unlike("shape of a weight", &format!("{N} axes"), &format!("{shape:?}"))),
        }
    }

    pub(super) fn unlike(&self, what: &'static str, expected: &str, got: &str) -> LayoutError {
        self.unfit(Misfit::Unlike {
            what,
            expected: expected.to_owned(),
            got: got.to_owned(),
        })
    }

    pub(super) fn unfit(&self, problem: Misfit) -> LayoutError {
        LayoutError::Unfit {
            problem,
            path: self.weights.path().to_owned(),
        }
    }

    /// Refuses a setting that says something else.
    pub(super) fn expect_text(&self, name: &str, what: &'static str, expected: &str) -> Result<()> {
        match self.text(name) {
            Some(got) if got != expected => {
                // What is not printable might do something to the terminal.
                let got: String = got.chars().take(40).filter(|c| !c.is_control()).collect();
                Err(self.unlike(what, &format!("`{expected}`"), &format!("`{got}`")))
            }
            _ => Ok(()),
        }
    }

    /// The settings `width` and `max_width` of a pyramid whose levels, the coarsest first, have so many channels.
    pub(super) fn widths(&self, channels: &[usize]) -> Result<[usize; 2]> {
        let width = channels.last().copied().unwrap_or(0);
        let widest = channels.iter().copied().max().unwrap_or(0);
        let levels = channels.len() - 1;
        let fits = |(level, &of): (usize, &usize)| of == width.saturating_mul(1 << (levels - level)).min(widest);
        if channels.iter().enumerate().all(fits) {
            return Ok([width, widest]);
        }
        let got: Vec<String> = channels.iter().rev().map(usize::to_string).collect();
        let expected = "that double with every halving of the sides, up to a most";
        Err(self.unlike("channels of the levels", expected, &got.join(", ")))
    }
}
