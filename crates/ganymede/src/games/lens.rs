//! A look at a game of points from the data's side: what is made of which noise, what the judge says all around, and where the
//! generator's loss would have its samples go.
//!
//! A [`Lens`] is a program of its own beside the step's, as a [`Probe`](super::Probe) is: it reads the state and writes nothing. Given
//! a step's own key and batch it sees the very samples that the step's moves see.
use super::play::{Play, write};
use super::search::difference;
use super::step::{Step, stream_number};
use gany_engine::{Buffer, Key, Program, Tensor, concat, grad};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// A program that looks at the states of a play with `count` samples, as long as it stays in its phase.
pub struct Lens {
    phase: usize,
    program: Program,
    count: usize,
    names: Vec<String>,
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Latent vectors, `[count, z_dim]`.
    pub noise: Vec<f32>,
    /// What the generator makes of them, as in training, `[count, ..]`.
    pub fake: Vec<f32>,
    /// Down the slope of the generator's loss at each of these, `[count, ..]`: minus the gradient, `count` times as long, so that it
    /// does not depend on how many there are.
    pub descent: Vec<f32>,
    /// What the judge says of the real examples, `[count]`: a logit or score above nothing for real. Of a system whose judge is an
    /// autoencoder without a verdict: minus the error of what it rebuilds.
    pub judged_real: Vec<f32>,
    /// Likewise of the generated ones.
    pub judged_fake: Vec<f32>,
    /// Likewise at the places that the lens was made with, `[places]`.
    pub field: Vec<f32>,
    /// What the generator makes of the latent vectors that the lens was made with, `[vectors, ..]`.
    pub sheet: Vec<f32>,
    /// `loss.PLAYER` and `gradient.PLAYER`, the length of its gradient, by name.
    pub figures: BTreeMap<String, f64>,
}

impl Lens {
    /// Compiles the look at a play's states.
    ///
    /// `repeat` is the number, from 0, of the judge's move within a step whose noise is looked at. `places [n, ..]` are examples that are
    /// judged beside the samples, `vectors [n, z_dim]` what is made samples of; both row-major, and both fixed.
    ///
    /// # Panics
    /// Where the game has no generator, its losses share no samples, or it neither judges examples nor rebuilds them.
    pub fn new(play: &Play, count: usize, repeat: usize, places: &[f32], vectors: &[f32]) -> Lens {
        let dtype = play.scope.dtype();
        let extents = &play.shape.x[1..];
        let floats: usize = extents.iter().product();
        let z_dim = play.system.z_dim();
        let mut inputs: Vec<Tensor> = play
            .entries
            .iter()
            .map(|entry| Tensor::placeholder(dtype, &entry.shape))
            .collect();
        let x = Tensor::placeholder(dtype, &[&[count], extents].concat());
        let y = Tensor::full(dtype, &[count], 0.0);
        let key = Tensor::placeholder(dtype, &[Key::EXTENT]);
        inputs.extend([x.clone(), key.clone()]);
        let bind = || {
            for parameter in play.scope.parameters() {
                parameter.set(inputs[play.index[parameter.name()]].clone());
            }
        };
        let phase = play.phase();
        let progress = Tensor::full(dtype, &[], play.game.progress(play.done()));
        play.scope.stage().set(phase, progress);
        let mut step = Step {
            x: x.clone(),
            y: y.clone(),
            extras: vec![],
            key: Key::from_tensor(&key),
            player: "",
            repeat: 0,
            due: vec![],
            draws: Cell::new(0),
            shared: RefCell::default(),
            reports: RefCell::default(),
        };
        let (mut figures, mut noise, mut descent) = (vec![], None, None);
        for turn in play.game.moves(phase) {
            let name = turn.player.name;
            step.player = name;
            step.repeat = if turn.times > 1 { repeat } else { 0 };
            // The first draw of whoever moves first is the noise.
            noise.get_or_insert_with(|| {
                step.key
                    .normal(stream_number(&format!("{name}.{}.0", step.repeat)), &[count, z_dim])
            });
            step.draws.set(0);
            bind();
            let loss = play.system.loss(name, &step);
            let parameters = play
                .scope
                .at(name)
                .parameters()
                .into_iter()
                .filter(|p| p.is_trainable());
            let values: Vec<Tensor> = parameters.map(|parameter| parameter.get()).collect();
            let squares = grad(&loss, &values.iter().collect::<Vec<_>>()).into_iter();
            let length = squares.map(|gradient| gradient.square().sum()).reduce(|a, b| a + b);
            figures.push((format!("loss.{name}"), loss.clone()));
            figures.push((
                format!("gradient.{name}"),
                length.expect("a player has parameters").sqrt(),
            ));
            if name == "generator" {
                let x_fake = step.once("x_fake", || panic!("lens: the players share no samples"));
                let slope = grad(&loss, &[&x_fake]).remove(0);
                descent = Some((x_fake, slope * -(count as f64)));
            }
        }
        let (x_fake, descent) = descent.expect("lens: the game has a generator");
        let rebuilds = play
            .system
            .functions()
            .iter()
            .any(|function| function.name == "reconstruct");
        let judged = |x: &Tensor| {
            bind();
            let zeros = Tensor::full(dtype, &[x.extent(0)], 0.0);
            play.system.judge(x, Some(&zeros)).unwrap_or_else(|| {
                assert!(rebuilds, "lens: the system judges no examples, nor rebuilds them");
                -difference(x, &play.system.apply("reconstruct", x))
            })
        };
        let rows = |values: &[f32], width: usize, extents: &[usize]| {
            Tensor::from_f32(&[&[values.len() / width], extents].concat(), values)
        };
        // A judge that compares examples is asked about as many at a time as it is in training.
        let field: Vec<Tensor> = places
            .chunks(floats * count.max(1))
            .map(|places| judged(&rows(places, floats, extents)))
            .collect();
        let (judged_real, judged_fake) = (judged(&x), judged(&x_fake.detach()));
        bind();
        let sheet = play.system.sample(&rows(vectors, z_dim, &[z_dim]), None);
        let scalars: Vec<Tensor> = figures.iter().map(|(_, value)| value.reshape(&[1])).collect();
        let outputs = [
            noise.expect("a game has moves"),
            x_fake,
            descent,
            judged_real,
            judged_fake,
            concat(&field, 0),
            sheet,
            concat(&scalars, 0),
        ];
        Lens {
            phase,
            program: Program::compile(&inputs, &outputs, &[None; 8]),
            count,
            names: figures.into_iter().map(|(name, _)| name).collect(),
        }
    }

    /// Looks at the state as it is, with these real examples `[count, ..]` and the noise of step `n` of a seed.
    ///
    /// # Panics
    /// Where there are not `count` examples, or the play has come to another phase.
    pub fn look(&mut self, play: &mut Play, x: &[f32], seed: u64, n: u64) -> Seen {
        assert_eq!(self.phase, play.phase(), "lens: the play has come to another phase");
        let floats: usize = play.shape.x[1..].iter().product();
        assert_eq!(x.len(), self.count * floats, "lens: not {} examples", self.count);
        let mut key = Buffer::zeros(play.scope.dtype(), Key::EXTENT);
        write(&mut key, &Key::elements(seed, n));
        play.lend_state(vec![Buffer::from_f32(x), key], |inputs| self.program.run(inputs));
        let of = |output: usize| self.program.output(output).to_vec();
        Seen {
            noise: of(0),
            fake: of(1),
            descent: of(2),
            judged_real: of(3),
            judged_fake: of(4),
            field: of(5),
            sheet: of(6),
            figures: self.names.iter().cloned().zip(self.program.output_f64(7)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::data::Shape;
    use crate::games::{Lens, Play};
    use crate::models::{self, Given, Takes, resolve};

    const COUNT: usize = 16;

    fn play(id: &str, changes: &[(&str, &str)]) -> Play {
        let entry = models::find(id).unwrap();
        let defaults = entry.defaults();
        let small = [
            ("batch", "16"),
            ("z_dim", "2"),
            ("width", "8"),
            ("kernels", "3"),
            ("average_decay", "0"),
        ];
        let known = small.iter().filter(|(key, _)| defaults.contains_key(*key));
        let changes: Vec<_> = known
            .chain(changes)
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect();
        let given = Given::of(Shape::Point { dimension: 2 }, None);
        let built = entry
            .build(&resolve(id, &defaults, &changes).unwrap(), &given, 3)
            .unwrap();
        Play::new(built.system, built.scope, given.of_batch(built.batch), 3)
    }

    fn points(seed: usize) -> Vec<f32> {
        (0..2 * COUNT)
            .map(|i| ((i * 7 + seed) % 11) as f32 / 5.0 - 1.0)
            .collect()
    }

    fn states(play: &Play) -> Vec<Vec<f32>> {
        (0..play.entries().len())
            .map(|i| play.state(i).as_f32().to_vec())
            .collect()
    }

    /// Every system of points: what is seen of a step is what the step is made of, and looking changes nothing.
    #[test]
    fn a_lens_sees_what_a_step_sees() {
        let takes_points = |entry: &&models::Entry| entry.card.takes == Takes::PicturesOrPoints;
        for entry in models::registry().iter().filter(takes_points) {
            let id = entry.card.id;
            let mut play = play(id, &[]);
            (0..play.batches()).for_each(|batch| play.batch_mut(batch).0.copy_from_slice(&points(batch)));
            let (before, last) = (states(&play), play.batches() - 1);
            let vectors = [0.5, -1.0, 0.0, 2.0];
            let seen = Lens::new(&play, COUNT, last, &points(9), &vectors).look(&mut play, &points(last), 3, 0);
            assert_eq!(states(&play), before, "{id}");
            // The noise is what the samples are made of.
            let made = play.sample(&seen.noise, None);
            let apart = made
                .iter()
                .zip(&seen.fake)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            assert!(apart < 1e-5, "{id}: {apart}");
            assert_eq!((seen.sheet.len(), seen.field.len()), (4, COUNT), "{id}");
            // The judge's loss is that of the last move of the step.
            play.step_until(0, last);
            let seen = Lens::new(&play, COUNT, last, &points(9), &vectors).look(&mut play, &points(last), 3, 0);
            let judge = play.judge().unwrap();
            play.step_until(0, 0);
            for (i, values) in before.iter().enumerate() {
                play.state_mut(i).as_f32_mut().copy_from_slice(values);
            }
            play.step(0);
            let name = format!("loss.{judge}");
            let (lens, step) = (seen.figures[&name], play.reports(0)[&name]);
            assert!((lens - step).abs() < 1e-4 * (1.0 + step.abs()), "{id}: {lens} {step}");
        }
    }

    /// Down the slope means: the generator's loss falls where samples go that way.
    #[test]
    fn arrows_lead_to_where_the_judge_says_more() {
        let mut play = play("wgan", &[]);
        let mut lens = Lens::new(&play, COUNT, 0, &points(9), &[0.0, 0.0]);
        let seen = lens.look(&mut play, &points(0), 3, 0);
        let ahead: Vec<f32> = seen.fake.iter().zip(&seen.descent).map(|(x, d)| x + 1e-2 * d).collect();
        let later = Lens::new(&play, COUNT, 0, &ahead, &[0.0, 0.0]).look(&mut play, &points(0), 3, 0);
        let sum = |scores: &[f32]| scores.iter().sum::<f32>();
        assert!(sum(&later.field) > sum(&seen.judged_fake), "L_G = -E[D(G(z))]");
    }

    /// A step in parts is the step, to the last bit.
    #[test]
    fn parts_of_a_step_add_up() {
        let mut play = play("wgan_gp", &[("n_critic", "2")]);
        (0..2).for_each(|batch| play.batch_mut(batch).0.copy_from_slice(&points(batch)));
        let begin = states(&play);
        let mut parts = vec![];
        for moves in 0..=3 {
            for (i, values) in begin.iter().enumerate() {
                play.state_mut(i).as_f32_mut().copy_from_slice(values);
            }
            play.step_until(0, moves);
            assert_eq!(play.done(), 0);
            parts.push(states(&play));
        }
        for (i, values) in begin.iter().enumerate() {
            play.state_mut(i).as_f32_mut().copy_from_slice(values);
        }
        play.step(0);
        assert_eq!((&parts[0], &parts[3]), (&begin, &states(&play)));
        let changed = |a: &[Vec<f32>], b: &[Vec<f32>]| {
            let places = play.entries().iter().enumerate().filter(|(i, _)| a[*i] != b[*i]);
            places.map(|(_, entry)| entry.name.clone()).collect::<Vec<_>>()
        };
        for pair in parts[..3].windows(2) {
            let names = changed(&pair[0], &pair[1]);
            assert!(
                !names.is_empty() && names.iter().all(|name| name.contains("critic")),
                "{names:?}"
            );
        }
        let names = changed(&parts[2], &parts[3]);
        assert!(
            !names.is_empty() && names.iter().all(|name| name.contains("generator")),
            "{names:?}"
        );
    }
}
