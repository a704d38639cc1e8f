//! Where somebody is among the codes, as an address says it.
use super::Refusal;
use crate::generator::{DIRECTIONS, Owned};
use ganymede::explore::{Code, Pick};
use serde::Deserialize;

/// A code: a sample or a code that was found, drawn towards the mean and moved along directions; and units of a layer that are off
/// or up.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::pages) struct Place {
    seed: u64,
    number: usize,
    class: Option<usize>,
    /// The number of a code that was found, instead of a sample.
    found: Option<usize>,
    /// Drawn towards the mean code by this share; 1 by itself.
    psi: Option<f64>,
    /// Deviations along each direction: `1.5,0,-2`.
    along: String,
    /// The layers that are moved, such as `coarse`; all by themselves.
    layers: Option<String>,
    /// The layer whose units are changed.
    pub(super) layer: Option<String>,
    /// Units and how many times as much they say: `3:0,7:2`.
    units: String,
}

/// The largest seed and number that an address may name: what a page can say without loss.
const WHOLE: u64 = 1 << 53;
/// Whether a sample has a number that is counted.
pub(super) fn numbered(seed: u64, number: usize) -> Result<(), Refusal> {
    match seed.max(number as u64) <= WHOLE {
        true => Ok(()),
        false => Err(Refusal::asked(format!("expected a seed and a number up to {WHOLE}"))
            .hinted("samples are counted from 0".to_owned())),
    }
}

/// Units that may be changed at a time.
const UNITS: usize = 64;
/// The most that a unit may be made louder.
const LOUDEST: f32 = 8.0;

impl Place {
    /// The code.
    pub(super) fn code(&self, owned: &mut Owned) -> Result<Code, Refusal> {
        let found = self.found.map(|number| owned.found(number));
        let (explorer, directions) = owned.explored()?;
        let classes = explorer.sampler().classes();
        if let (Some(class), Some(classes)) = (self.class, classes)
            && class >= classes
        {
            return Err(Refusal::asked(format!(
                "expected a class from 0 to {}, got {class}",
                classes - 1
            )));
        }
        numbered(self.seed, self.number)?;
        let mut code = match found {
            Some(found) => {
                let found = found?;
                Code {
                    class: classes.and(self.class.or(found.class)),
                    ..found
                }
            }
            None => {
                let pick = Pick {
                    seed: self.seed,
                    number: self.number,
                };
                explorer.codes(&[pick], self.class).remove(0)
            }
        };
        let psi = self.psi.unwrap_or(1.0).clamp(-2.0, 2.0);
        if psi.is_finite() && psi != 1.0 {
            code = explorer.truncated(&[code], psi).remove(0);
        }
        let layers = match &self.layers {
            Some(text) => explorer
                .layers(text)
                .map_err(|error| Refusal::asked(error.to_string()).hinted(error.hint()))?,
            None => 0..explorer.shape().layers,
        };
        let amounts: Result<Vec<f64>, _> = match self.along.as_str() {
            "" => Ok(vec![]),
            text => text.split(',').take(DIRECTIONS).map(str::parse).collect(),
        };
        let amounts =
            amounts.map_err(|_| Refusal::asked(format!("expected numbers with commas, got `{}`", self.along)))?;
        if let Some(directions) = directions {
            for (number, by) in amounts.iter().enumerate().take(directions.count()) {
                if by.is_finite() && *by != 0.0 {
                    code = directions.moved(&code, number, by.clamp(-20.0, 20.0), &layers);
                }
            }
        }
        Ok(code)
    }

    /// The units that are changed, with how many times as much each says.
    pub(super) fn factors(&self) -> Result<Vec<(usize, f32)>, Refusal> {
        if self.units.is_empty() {
            return Ok(vec![]);
        }
        let factor = |text: &str| {
            let (unit, factor) = text.split_once(':')?;
            let factor: f32 = factor.parse().ok()?;
            (0.0..=LOUDEST)
                .contains(&factor)
                .then_some((unit.parse().ok()?, factor))
        };
        let factors: Option<Vec<(usize, f32)>> = self.units.split(',').map(factor).collect();
        factors.filter(|factors| factors.len() <= UNITS).ok_or_else(|| {
            Refusal::asked("expected units and factors such as `3:0,7:2`").hinted(format!(
                "a factor is from 0 to {LOUDEST}, and {UNITS} units may be changed at a time"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_with_their_factors_and_within_bounds() {
        let factors = |units: &str| {
            let place = Place {
                units: units.to_owned(),
                ..Place::default()
            };
            place.factors()
        };
        assert_eq!(factors("").unwrap(), []);
        assert_eq!(factors("3:0,7:2.5").unwrap(), [(3, 0.0), (7, 2.5)]);
        for wrong in [
            "3",
            "3:",
            ":1",
            "3:-1",
            "3:9",
            "3:NaN",
            "3:inf",
            "-1:1",
            "3:1,",
            &["1:0"; 65].join(","),
        ] {
            assert!(factors(wrong).is_err(), "{wrong}");
        }
    }
}
