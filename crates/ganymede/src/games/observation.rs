//! What layers say on the way from codes to samples.
use super::{Play, System};
use crate::nn::evaluating;
use gany_engine::{Buffer, Program, Tensor};

/// Runs a function that notes what layers give, such as [`observing`](crate::nn::observing).
pub type Observer = fn(&mut dyn FnMut()) -> Vec<(String, Tensor)>;

/// A program that says what layers give for codes, with averaged weights and settled statistics, as samples are drawn.
///
/// A program of its own beside the step's, like a [`Search`](super::Search): it reads the state of a play and writes nothing.
pub struct Observation {
    program: Program,
    phase: usize,
    count: usize,
    is_labelled: bool,
    layers: Vec<(String, Vec<usize>)>,
}

impl Observation {
    /// Compiles what `observer` notes while the system samples `count` codes at a time: latent vectors, of classes where it
    /// is labelled, or, with the name of one of its functions, what that takes.
    ///
    /// # Panics
    /// Where the system has no such function.
    pub fn new(
        play: &Play,
        function: Option<&str>,
        count: usize,
        is_labelled: bool,
        observer: Observer,
    ) -> Observation {
        let dtype = play.scope.dtype();
        let system: &dyn System = play.system();
        let extents = match function {
            None => vec![system.z_dim()],
            Some(name) => {
                let mut functions = system.functions().into_iter();
                let function = functions.find(|function| function.name == name);
                let function = function.unwrap_or_else(|| panic!("observation: the system has no function `{name}`"));
                play.shape_in(&function.takes)[1..].to_vec()
            }
        };
        let mut inputs = play.settled();
        let code = Tensor::placeholder(dtype, &[&[count], &extents[..]].concat());
        let y = Tensor::placeholder(dtype, &[count]);
        let noted = evaluating(|| {
            observer(&mut || {
                match function {
                    None => system.sample(&code, is_labelled.then_some(&y)),
                    Some(name) => system.apply(name, &code),
                };
            })
        });
        inputs.extend([code, y]);
        let (names, outputs): (Vec<String>, Vec<Tensor>) = noted.into_iter().unzip();
        let shapes = outputs.iter().map(|output| output.shape()[1..].to_vec());
        Observation {
            layers: names.into_iter().zip(shapes).collect(),
            program: Program::compile(&inputs, &outputs, &vec![None; outputs.len()]),
            phase: play.phase(),
            count,
            is_labelled,
        }
    }

    /// The names of the layers and the extents of what each gives for one code.
    pub fn layers(&self) -> &[(String, Vec<usize>)] {
        &self.layers
    }

    /// What each of the layers gives for `count` codes, `[count, ..]` row-major.
    ///
    /// # Panics
    /// Where the codes are not `count`, classes are not given as announced, or the play has come to another phase.
    pub fn look(&mut self, play: &mut Play, codes: &[f32], y: Option<&[f32]>) -> Vec<Vec<f32>> {
        assert_eq!(
            self.phase,
            play.phase(),
            "observation: the play has come to another phase"
        );
        assert_eq!(
            self.is_labelled,
            y.is_some(),
            "observation: classes are not given as announced"
        );
        let y = y.map_or_else(|| Buffer::zeros(play.scope.dtype(), self.count), Buffer::from_f32);
        let more = vec![play.progress(), Buffer::from_f32(codes), y];
        play.lend_state(more, |inputs| self.program.run(inputs));
        (0..self.layers.len())
            .map(|layer| self.program.output(layer).to_vec())
            .collect()
    }
}
