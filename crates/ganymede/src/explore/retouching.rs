//! Edit by brush: the code near to a given one whose picture has the colours that were painted on it.
//!
//! Zhu et al. 2016, "Generative Visual Manipulation on the Natural Image Manifold", arXiv:1609.03552, equation 5; Brock et al. 2017,
//! "Neural Photo Editing with Introspective Adversarial Networks", arXiv:1609.07093, section 2.
//!
//! ```text
//! c = argmin_c  sum_p m_p |g(c)_p - v_p|^2 / sum_p m_p
//!               + lambda (sum_p (1 - m_p) |g(c)_p - g(c_0)_p|^2 / sum_p (1 - m_p) + |c - c_0|^2 / (d sigma^2))
//! ```
//!
//! v are the painted colours, m how much of the brush is on a pixel, 0 to 1; d the numbers of a code and sigma their
//! deviation. Where nothing was painted the picture had better stay as it was, which Zhu et al. leave to the code's distance
//! alone. Simplified: colours are compared pixel by pixel, without their warps and edges, and no discriminator is asked.
use super::projection::{Code as Kind, made};
use super::{Code, CodeSpace, ExploreError, Explorer};
use crate::data::Shape;
use crate::games::{Pace, Pursuit, Search};
use crate::optimisers::OptimiserConfig;

/// What was painted.
#[derive(Clone, Debug, PartialEq)]
pub struct Paint {
    /// Colours, `[height, width, channels]` in [-1, 1]; any where nothing was painted.
    pub colours: Vec<f32>,
    /// How much of the brush is on each pixel, `[height, width]` in [0, 1].
    pub mask: Vec<f32>,
}

/// A search for codes of what is painted.
pub struct Retouching {
    search: Search,
    /// Height, width and channels.
    picture: [usize; 3],
    /// The deviation of a code's numbers.
    deviation: f64,
}

/// What is looked for, on its way.
pub struct Going {
    pursuit: Pursuit,
    class: Option<usize>,
}

/// Adam's learning rate, in deviations of a code's numbers.
const RATE: f64 = 0.1;

impl Retouching {
    /// A search through a generator of pictures.
    ///
    /// # Errors
    /// [`ExploreError::NoPaint`] where what is drawn of its samples is not what the generator makes: a spectrogram cannot be
    /// painted on.
    pub fn new(explorer: &mut Explorer) -> Result<Retouching, ExploreError> {
        let Shape::Picture {
            height,
            width,
            channels,
        } = explorer.sampler.shape()
        else {
            let system = explorer.sampler.entry().card.id;
            return Err(ExploreError::NoPaint { system });
        };
        let deviation = explorer.deviation();
        let shape = explorer.shape();
        let (kind, extents) = match explorer.space() {
            CodeSpace::W => (Kind::WPlus, vec![shape.layers, shape.floats]),
            CodeSpace::Z => (Kind::Z, vec![shape.floats]),
        };
        let is_labelled = kind == Kind::Z && explorer.sampler.classes().is_some();
        let (floats, of_code) = (height * width * channels, shape.layers * shape.floats);
        // An example is a picture, the weight of each of its numbers, a code, and the weight of every number of it.
        let example = [2 * floats + of_code + 1];
        let search = Search::toward(
            explorer.sampler.play_mut(),
            1,
            [&extents, &example],
            is_labelled,
            OptimiserConfig::adam(RATE, [0.9, 0.999]),
            move |system, code, y, wanted| {
                let part = |from: usize, to: usize| wanted.slice(1, from, to);
                let picture = made(system, kind, code, y).reshape(&[1, floats]);
                let differences = (picture - part(0, floats)).square() * part(floats, 2 * floats);
                let way = code.reshape(&[1, of_code]) - part(2 * floats, 2 * floats + of_code);
                let length = way.square() * part(2 * floats + of_code, 2 * floats + of_code + 1);
                differences.sum_axes(&[1]) + length.sum_axes(&[1])
            },
        );
        Ok(Retouching {
            search,
            picture: [height, width, channels],
            deviation,
        })
    }

    /// Height, width and channels of what is painted on.
    pub fn picture(&self) -> [usize; 3] {
        self.picture
    }

    /// Sets out from a code for one near to `kept`, whose picture has the paint; `near` is the weight lambda.
    ///
    /// # Panics
    /// Where the paint is not of this [`picture`](Retouching::picture), or the codes are of another generator.
    pub fn begin(&mut self, explorer: &mut Explorer, from: &Code, kept: &Code, paint: &Paint, near: f64) -> Going {
        explorer.sampler.make_at_a_time(1);
        let before = explorer.pictures(std::slice::from_ref(kept));
        let wanted = wanted(&before, paint, self.picture, near);
        let far = near / (kept.values.len() as f64 * self.deviation * self.deviation);
        let example = [&wanted[..], &kept.values, &[far as f32]].concat();
        let class = kept.class;
        let y = class
            .filter(|_| explorer.styles().is_none())
            .map(|class| [class as f32]);
        let play = explorer.sampler.play();
        let pursuit = self
            .search
            .begin(play, &example, y.as_ref().map(|y| &y[..]), &from.values);
        Going { pursuit, class }
    }

    /// Goes on with so many updates of `of` in all, which become smaller over the last quarter; gives how far the picture is from
    /// what is wanted.
    pub fn go_on(&mut self, explorer: &mut Explorer, going: &mut Going, updates: usize, of: usize) -> f32 {
        let first = going.pursuit.done();
        let rate = |step: usize| self.deviation * (4.0 * (1.0 - step as f64 / of.max(1) as f64)).clamp(0.0, 1.0);
        let paces: Vec<Pace> = (first..first + updates)
            .map(|step| Pace {
                rate: rate(step),
                ..Pace::STEADY
            })
            .collect();
        let mut misfit = f32::NAN;
        let play = explorer.sampler.play_mut();
        let say = &mut |progress: crate::games::Progress| misfit = progress.misfit[0];
        self.search.go_on(play, &mut going.pursuit, &paces, say);
        misfit
    }
}

impl Going {
    /// The code as far as it has come.
    pub fn code(&self) -> Code {
        Code {
            values: self.pursuit.codes().to_vec(),
            class: self.class,
        }
    }

    /// How many updates are done.
    pub fn done(&self) -> usize {
        self.pursuit.done()
    }
}

/// The picture that is wanted and the weights of its numbers, `[2, height, width, channels]`: what was painted, and elsewhere what
/// was there before.
fn wanted(before: &[f32], paint: &Paint, [height, width, channels]: [usize; 3], near: f64) -> Vec<f32> {
    let floats = height * width * channels;
    assert!(
        [before.len(), paint.colours.len(), paint.mask.len()] == [floats, floats, height * width],
        "retouching: paint on another picture"
    );
    let channels_of = |values: &[f32]| -> Vec<f32> { values.iter().flat_map(|x| vec![*x; channels]).collect() };
    let mask = channels_of(&paint.mask);
    let painted: f32 = mask.iter().sum();
    let [of_paint, of_rest] = [painted, floats as f32 - painted].map(|sum| sum.max(1.0));
    let weights = mask.iter().map(|m| m / of_paint + near as f32 * (1.0 - m) / of_rest);
    // Where a pixel is half painted, both are wanted of it: their weighted mean is least far from both.
    let colours = mask
        .iter()
        .zip(before)
        .zip(&paint.colours)
        .map(|((m, before), colour)| {
            let [of_paint, of_rest] = [m / of_paint, near as f32 * (1.0 - m) / of_rest];
            match of_paint + of_rest {
                0.0 => *before,
                both => (colour * of_paint + before * of_rest) / both,
            }
        });
    colours.chain(weights).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two grey pixels, the first painted white: it weighs 1, the other what nearness weighs.
    #[test]
    fn paint_weighs_where_it_is_and_nearness_elsewhere() {
        let paint = Paint {
            colours: vec![1.0, 0.0],
            mask: vec![1.0, 0.0],
        };
        assert_eq!(wanted(&[-0.5, 0.25], &paint, [1, 2, 1], 0.5), [1.0, 0.25, 1.0, 0.5]);
        // Half of the brush on each: of two numbers in all, half of a number is painted on each.
        let paint = Paint {
            colours: vec![1.0, 1.0],
            mask: vec![0.5, 0.5],
        };
        let half = wanted(&[0.0, -1.0], &paint, [1, 2, 1], 1.0);
        assert_eq!(half, [0.5, 0.0, 1.0, 1.0]);
    }
}
