//! A generator opened at one layer: what its units say is read, and replaced.
//!
//! ```text
//! u' = keep * u + put          u: the layer's maps;  keep, put: a number for every place and unit
//! ```
//!
//! A [`Surgery`] is a program of its own over the settled state, as a [`Search`](super::Search) is, and writes nothing of it.
use super::Play;
use crate::nn::{evaluating, intervening, observing};
use gany_engine::{Buffer, Program, Tensor};
use std::cell::RefCell;
use std::rc::Rc;

/// A layer of maps on the way from latent vectors to samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitLayer {
    /// Its name in the state tree.
    pub name: String,
    /// Rows, columns and units.
    pub extents: [usize; 3],
}

/// A program that makes so many samples at a time with a layer open.
pub struct Surgery {
    program: Program,
    phase: usize,
    count: usize,
    /// Numbers that a sample is made of.
    floats: usize,
    is_labelled: bool,
    layer: UnitLayer,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Operated {
    /// Samples, `[count, ..]`.
    pub samples: Vec<f32>,
    /// What the layer's units said before anything was replaced, `[count, rows, columns, units]`.
    pub maps: Vec<f32>,
}

impl UnitLayer {
    /// Those that a system's samples go through, from the latent vector on. None where it makes no samples, or no maps.
    pub fn all(play: &Play) -> Vec<UnitLayer> {
        let z_dim = play.system().z_dim();
        if z_dim == 0 {
            return vec![];
        }
        play.settled();
        let dtype = play.scope().dtype();
        let z = Tensor::placeholder(dtype, &[1, z_dim]);
        let y = play.system().classes().map(|_| Tensor::placeholder(dtype, &[1]));
        let (_, observed) = evaluating(|| observing(|| play.system().sample(&z, y.as_ref())));
        let layer = |(name, value): (String, Tensor)| match *value.shape() {
            [1, rows, columns, units] => Some(UnitLayer {
                name,
                extents: [rows, columns, units],
            }),
            _ => None,
        };
        observed.into_iter().filter_map(layer).collect()
    }

    /// Numbers in the maps of one sample.
    pub fn floats(&self) -> usize {
        self.extents.iter().product()
    }
}

impl Surgery {
    /// Compiles the opened generator in a play's states: averaged weights and settled statistics, as samples are drawn.
    ///
    /// # Panics
    /// Where samples do not go through the layer.
    pub fn new(play: &Play, layer: &UnitLayer, count: usize, is_labelled: bool) -> Surgery {
        Surgery::of(play, None, layer, count, is_labelled)
    }

    /// Likewise, with the name of one of the system's functions: of the samples that it makes of what it takes, in the place of
    /// latent vectors.
    ///
    /// # Panics
    /// Where the system has no such function, or what it gives does not go through the layer.
    pub fn of(play: &Play, function: Option<&str>, layer: &UnitLayer, count: usize, is_labelled: bool) -> Surgery {
        let dtype = play.scope.dtype();
        let extents = match function {
            None => vec![play.system.z_dim()],
            Some(name) => {
                let mut functions = play.system.functions().into_iter();
                let function = functions.find(|function| function.name == name);
                let function = function.unwrap_or_else(|| panic!("surgery: the system has no function `{name}`"));
                play.shape_in(&function.takes)[1..].to_vec()
            }
        };
        let shapes = [[&[count], &extents[..]].concat(), vec![count]];
        let [z, y] = shapes.map(|shape| Tensor::placeholder(dtype, &shape));
        let [keep, put] = [0, 1].map(|_| Tensor::placeholder(dtype, &layer.extents));
        let mut inputs = play.settled();
        let found = Rc::new(RefCell::new(None));
        let operate = {
            let (found, keep, put, name) = (Rc::clone(&found), keep.clone(), put.clone(), layer.name.clone());
            move |at: &str, maps: Tensor| {
                if at != name {
                    return maps;
                }
                let operated = &maps * &keep + &put;
                found.replace(Some(maps));
                operated
            }
        };
        let made = || match function {
            None => play.system.sample(&z, is_labelled.then_some(&y)),
            Some(name) => play.system.apply(name, &z),
        };
        let samples = evaluating(|| intervening(operate, made));
        let maps = found
            .take()
            .unwrap_or_else(|| panic!("surgery: samples go through no layer `{}`", layer.name));
        inputs.extend([z, y, keep, put]);
        Surgery {
            program: Program::compile(&inputs, &[samples, maps], &[None, None]),
            phase: play.phase(),
            count,
            floats: extents.iter().product(),
            is_labelled,
            layer: layer.clone(),
        }
    }

    /// The layer that is open.
    pub fn layer(&self) -> &UnitLayer {
        &self.layer
    }

    /// Samples made at a time.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Samples of latent vectors, or of what else they are made of, `z [count, ..]` and class numbers `y [count]`, the maps replaced by `keep * u + put`, both
    /// `[rows, columns, units]`.
    ///
    /// # Panics
    /// Where there are not so many numbers of each, classes are not given as announced, or the play has come to another phase.
    pub fn operate(&mut self, play: &mut Play, z: &[f32], y: Option<&[f32]>, [keep, put]: [&[f32]; 2]) -> Operated {
        assert_eq!(self.phase, play.phase(), "surgery: the play has come to another phase");
        let floats = self.layer.floats();
        assert!(
            z.len() == self.count * self.floats
                && y.is_some() == self.is_labelled
                && y.is_none_or(|y| y.len() == self.count)
                && [keep.len(), put.len()] == [floats; 2],
            "surgery: not the numbers that were announced"
        );
        let y = y.map_or_else(|| Buffer::zeros(play.scope.dtype(), self.count), Buffer::from_f32);
        let more = vec![
            play.progress(),
            Buffer::from_f32(z),
            y,
            Buffer::from_f32(keep),
            Buffer::from_f32(put),
        ];
        play.lend_state(more, |inputs| self.program.run(inputs));
        Operated {
            samples: self.program.output(0).to_vec(),
            maps: self.program.output(1).to_vec(),
        }
    }
}
