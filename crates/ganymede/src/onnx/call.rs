//! A node with the values that it is given: what an operator sees.
use super::messages::{Attribute, Node};
use super::value::{Outcome, Value};

/// A node that is to be computed.
pub(super) struct Call<'a> {
    pub(super) node: &'a Node,
    /// What its inputs are; one that is left out is none.
    pub(super) inputs: Vec<Option<Value>>,
    /// The version of the operators.
    pub(super) version: i64,
    /// Which of its outputs is asked for.
    pub(super) output: usize,
}

/// Computes the output that a call asks for.
pub(super) type Operator = fn(&Call) -> Outcome<Value>;

impl Call<'_> {
    /// An input that may be left out.
    pub(super) fn maybe(&self, i: usize) -> Option<&Value> {
        self.inputs.get(i).and_then(Option::as_ref)
    }

    /// An input with elements.
    pub(super) fn input(&self, i: usize) -> Outcome<&Value> {
        let value = self.maybe(i).ok_or_else(|| format!("input {i} is missing"))?;
        if value.tensor().numel() == 0 {
            return Err(format!("input {i} is empty, of extents {:?}", value.shape()));
        }
        Ok(value)
    }

    /// The first input, with at least so many axes.
    pub(super) fn input_of_rank(&self, rank: usize) -> Outcome<&Value> {
        let value = self.input(0)?;
        if value.rank() < rank {
            return Err(format!(
                "expected at least {rank} axes, got extents {:?}",
                value.shape()
            ));
        }
        Ok(value)
    }

    /// The whole numbers of an input that depends on no picture.
    pub(super) fn wholes(&self, i: usize) -> Outcome<Vec<i64>> {
        let value = self.maybe(i).ok_or_else(|| format!("input {i} is missing"))?;
        if !value.is_known {
            return Err(format!(
                "its input {i} depends on the pictures, so that extents are not known"
            ));
        }
        Ok(value.as_written().to_f64().iter().map(|&x| x as i64).collect())
    }

    /// Whole numbers that older versions have as an attribute, newer ones as an input; none where they are left out.
    pub(super) fn wholes_named(&self, name: &str, i: usize) -> Outcome<Option<Vec<i64>>> {
        match self.wholes_set(name)? {
            Some(numbers) => Ok(Some(numbers.to_vec())),
            None if self.maybe(i).is_none() => Ok(None),
            None => Ok(Some(self.wholes(i)?)),
        }
    }

    /// The one float of an input that depends on no picture.
    pub(super) fn scalar(&self, i: usize) -> Outcome<f64> {
        let value = self.input(i)?;
        if !value.is_known || value.tensor().numel() != 1 {
            return Err(format!(
                "expected input {i} to be one number that depends on no picture"
            ));
        }
        Ok(value.tensor().to_f64()[0])
    }

    fn set(&self, name: &str) -> Option<&Attribute> {
        self.node.attributes.get(name)
    }

    /// A number that the node is set to.
    pub(super) fn float(&self, name: &str, default: f64) -> Outcome<f64> {
        match self.set(name) {
            None => Ok(default),
            Some(Attribute::Float(number)) => Ok(f64::from(*number)),
            Some(_) => Err(format!("expected `{name}` to be a number")),
        }
    }

    /// A whole number that the node is set to.
    pub(super) fn whole(&self, name: &str, default: i64) -> Outcome<i64> {
        match self.set(name) {
            None => Ok(default),
            Some(Attribute::Whole(number)) => Ok(*number),
            Some(_) => Err(format!("expected `{name}` to be a whole number")),
        }
    }

    /// Whole numbers that the node is set to, if it is.
    pub(super) fn wholes_set(&self, name: &str) -> Outcome<Option<&[i64]>> {
        match self.set(name) {
            None => Ok(None),
            Some(Attribute::Wholes(numbers)) => Ok(Some(numbers)),
            Some(_) => Err(format!("expected `{name}` to be whole numbers")),
        }
    }

    /// A word that the node is set to.
    pub(super) fn text(&self, name: &str, default: &str) -> Outcome<String> {
        match self.set(name) {
            None => Ok(default.to_owned()),
            Some(Attribute::Text(text)) => Ok(text.clone()),
            Some(_) => Err(format!("expected `{name}` to be a word")),
        }
    }

    /// A tensor, or numbers, that the node is set to.
    pub(super) fn value_set(&self, name: &str) -> Option<Value> {
        let floats = |shape: &[usize], numbers: &[f32]| Value::known(gany_engine::Tensor::from_f32(shape, numbers));
        Some(match self.set(name)? {
            Attribute::Value(value) => value.clone(),
            Attribute::Float(number) => floats(&[], &[*number]),
            Attribute::Whole(number) => Value::wholes(&[], &[*number]),
            Attribute::Floats(numbers) => floats(&[numbers.len()], numbers),
            Attribute::Wholes(numbers) => Value::wholes(&[numbers.len()], numbers),
            _ => return None,
        })
    }

    /// Refuses settings that would make something else of a node than is computed here.
    pub(super) fn refuse(&self, name: &str, default: i64) -> Outcome<()> {
        match self.whole(name, default)? {
            number if number == default => Ok(()),
            number => Err(format!("`{name}` of {number} is not known here")),
        }
    }
}

/// The axis that a number from `-rank` to `rank - 1` means.
pub(super) fn axis(number: i64, rank: usize) -> Outcome<usize> {
    let signed = rank as i64;
    let counted = if number < 0 {
        number.saturating_add(signed)
    } else {
        number
    };
    usize::try_from(counted)
        .ok()
        .filter(|axis| *axis < rank)
        .ok_or_else(|| format!("expected an axis from {} to {}, got {number}", -signed, signed - 1))
}

/// Different axes that numbers mean.
pub(super) fn axes(numbers: &[i64], rank: usize) -> Outcome<Vec<usize>> {
    let mut axes = numbers
        .iter()
        .map(|&number| axis(number, rank))
        .collect::<Outcome<Vec<_>>>()?;
    axes.sort_unstable();
    if axes.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(format!("expected different axes, got {numbers:?}"));
    }
    Ok(axes)
}

/// An extent that is a number of the file.
pub(super) fn extent(number: i64) -> Outcome<usize> {
    usize::try_from(number).map_err(|_| format!("expected an extent, got {number}"))
}
