//! The lab: a system of the zoo that learns points of the plane while somebody looks on, step by step, or stage by stage within a step.
//!
//! A [`Setup`] is all that a lab follows from: two labs of one setup see the same points do the same things, so that a setup can be
//! sent to somebody else. A [`Lab`] plays the real game of [`games::Play`](crate::games::Play) and shows [`View`]s of it.
//!
//! After Kahng et al. 2019, "GAN Lab: Understanding Complex Deep Generative Models using Interactive Visual Experimentation",
//! arXiv:1809.01587, which does it for one objective.
mod distribution;
mod divergence;
pub mod lessons;
mod setup;
mod stages;

pub use distribution::{DISTRIBUTIONS, Distribution, Known, Painted};
pub use divergence::Divergences;
pub use setup::{CHOICES, LIMITS, LabError, Setup, systems};
pub use stages::{Stage, StageCard};

use crate::games::{Lens, Play, Seen};
use crate::metrics::Coverage;
use crate::models::{Card, Settings};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Samples that are shown, and as many real points.
pub const SHOWN: usize = 256;
/// Places along a side of the field.
pub const FIELD: usize = 40;
/// Lines along a side of the sheet.
pub const SHEET: usize = 17;
/// The sheet's outermost lines cut off this share of the noise on each side.
const SHEET_TAIL: f64 = 0.015;
/// Samples that divergences are measured with.
const MEASURED: usize = 2_048;

/// A game of points that somebody looks at.
pub struct Lab {
    card: &'static Card,
    settings: Settings,
    distribution: Distribution,
    seed: u64,
    batch: usize,
    play: Play,
    /// Looks at the same noise and the same real points again and again.
    steady: Lens,
    real: Vec<f32>,
    /// Look at the noise of a step, one for each repeat of the judge's move.
    within: BTreeMap<usize, Lens>,
    paused: Option<Paused>,
    divergences: Option<Divergences>,
}

/// A step that is being looked at from within.
struct Paused {
    stage: Stage,
    /// The number, from 0, of the judge's move.
    repeat: usize,
    /// The state before the step.
    state: Vec<Vec<f32>>,
}

/// What is shown at once.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Steps that were done.
    pub step: u64,
    /// The stage of a step, and the number, from 0, of the judge's move that it belongs to; `None` between two steps.
    pub stage: Option<(Stage, usize)>,
    /// Real points, `[n, 2]`.
    pub real: Vec<f32>,
    /// The game as it is.
    pub seen: Seen,
    /// The game behind the update that the stage is about.
    pub after: Option<Seen>,
    /// What the last whole step reported.
    pub reports: BTreeMap<String, f64>,
}

impl View {
    /// Whether the game has left the finite numbers.
    pub fn is_broken(&self) -> bool {
        self.seen.fake.iter().any(|x| !x.is_finite()) || self.seen.figures.values().any(|figure| !figure.is_finite())
    }
}

impl Lab {
    /// Sets a game up.
    ///
    /// # Errors
    /// [`LabError`], where the setup asks for what there is not, or for more than a lab may have.
    pub fn new(setup: &Setup) -> Result<Lab, LabError> {
        let (entry, settings) = setup.settings()?;
        let distribution = setup.distribution()?;
        let given = setup::given();
        let built = entry.build(&settings, &given, setup.seed)?;
        let play = Play::new(built.system, built.scope, given.of_batch(built.batch), setup.seed);
        let steady = lens(&play, SHOWN, 0, &distribution);
        let real = distribution.points(setup.seed ^ SHOWN_STREAM, 0, SHOWN);
        Ok(Lab {
            card: &entry.card,
            settings,
            seed: setup.seed,
            batch: built.batch,
            play,
            steady,
            real,
            within: BTreeMap::new(),
            paused: None,
            divergences: None,
            distribution,
        })
    }

    /// What a person should know of the system.
    pub fn card(&self) -> &'static Card {
        self.card
    }

    /// All settings that are in force.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is learnt.
    pub fn distribution(&self) -> &Distribution {
        &self.distribution
    }

    /// How often the judge moves in a step.
    pub fn judge_moves(&self) -> usize {
        self.play.batches()
    }

    /// The stages of a step, in the words and equations of this game.
    pub fn stages(&self) -> Vec<StageCard> {
        let optimiser = |player: &str| match self.settings.get(&format!("{player}.name")) {
            Some(Value::String(name)) => name.clone(),
            _ => String::new(),
        };
        let judge = self.play.judge().unwrap_or("discriminator");
        stages::cards(self.card, judge, &optimiser(judge), &optimiser("generator"))
    }

    /// Steps that were done.
    pub fn done(&self) -> u64 {
        self.play.done()
    }

    /// Does so many steps, or as many as there is time for, but one at least where one is asked for; ends a step that was being looked at.
    pub fn advance(&mut self, steps: usize, time: Duration) {
        let begun = Instant::now();
        for number in 0..steps {
            if number > 0 && begun.elapsed() > time {
                break;
            }
            match self.paused.take() {
                Some(paused) => self.restore(&paused.state),
                None => self.fetch(),
            }
            self.play.step(self.play.done());
        }
    }

    /// Goes on by one stage: into the next step, where none is being looked at.
    pub fn advance_stage(&mut self) {
        let next = self.paused.as_ref().and_then(|paused| {
            let repeat = paused.repeat;
            match paused.stage.next() {
                Some(Stage::Generator) if repeat + 1 < self.judge_moves() => Some((Stage::Noise, repeat + 1)),
                Some(stage) => Some((stage, repeat)),
                None => None,
            }
        });
        match (next, &mut self.paused) {
            (Some((stage, repeat)), Some(paused)) => (paused.stage, paused.repeat) = (stage, repeat),
            _ => {
                if self.paused.is_some() {
                    self.advance(1, Duration::ZERO);
                }
                self.fetch();
                let entries = 0..self.play.entries().len();
                self.paused = Some(Paused {
                    stage: Stage::Noise,
                    repeat: 0,
                    state: entries.map(|entry| self.play.state(entry).as_f32().to_vec()).collect(),
                });
            }
        }
    }

    /// What is to be seen now.
    pub fn view(&mut self) -> View {
        let done = self.play.done();
        let reports = done
            .checked_sub(1)
            .map(|last| self.play.reports(last))
            .unwrap_or_default();
        let Some(paused) = self.paused.take() else {
            return View {
                step: done,
                stage: None,
                real: self.real.clone(),
                seen: self
                    .steady
                    .look(&mut self.play, &self.real, self.seed ^ SHOWN_STREAM, 0),
                after: None,
                reports,
            };
        };
        let Paused { stage, repeat, state } = &paused;
        let (play, distribution) = (&self.play, &self.distribution);
        let lens = self
            .within
            .entry(*repeat)
            .or_insert_with(|| lens(play, self.batch, *repeat, distribution));
        let real = self.play.batch_mut(*repeat).0.to_vec();
        let mut at = |moves: usize| {
            self.play.step_until(done, moves);
            let seen = lens.look(&mut self.play, &real, self.seed, done);
            for (entry, values) in state.iter().enumerate() {
                self.play.state_mut(entry).as_f32_mut().copy_from_slice(values);
            }
            seen
        };
        // The judge's moves come first, the generator's is the last one.
        let before = repeat + usize::from(*stage == Stage::Generator);
        let seen = at(before);
        let after = stage.is_update().then(|| at(before + 1));
        let stage = Some((*stage, *repeat));
        self.paused = Some(paused);
        View {
            step: done,
            stage,
            real,
            seen,
            after,
            reports,
        }
    }

    /// How far samples are from the data; `None` where samples are not finite.
    pub fn measure(&mut self) -> Option<Measured> {
        let z = crate::games::latent_vectors(self.seed, 0, MEASURED, self.play.system().z_dim());
        let fake = self.play.sample(&z, None);
        if fake.iter().any(|x| !x.is_finite()) {
            return None;
        }
        let (distribution, seed) = (&self.distribution, self.seed);
        let known = self
            .divergences
            .get_or_insert_with(|| Divergences::new(distribution, seed));
        let pairs: Vec<[f32; 2]> = fake.chunks_exact(2).map(|point| [point[0], point[1]]).collect();
        let modes = distribution.modes().map(|modes| {
            let coverage = Coverage::of(&pairs, modes);
            [coverage.covered(), modes.centres.len()]
        });
        Some(Measured {
            wasserstein: known.wasserstein(&fake),
            kl: known.kl(&fake),
            js: known.js(&fake),
            modes,
        })
    }

    /// Puts the examples of the next step where it takes them from.
    fn fetch(&mut self) {
        let (batches, batch, done) = (self.play.batches(), self.batch, self.play.done());
        for number in 0..batches {
            let first = (done * batches as u64 + number as u64) * batch as u64;
            let points = self.distribution.points(self.seed, first, batch);
            self.play.batch_mut(number).0.copy_from_slice(&points);
        }
    }

    fn restore(&mut self, state: &[Vec<f32>]) {
        for (entry, values) in state.iter().enumerate() {
            self.play.state_mut(entry).as_f32_mut().copy_from_slice(values);
        }
    }
}

/// How far samples are from the data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The exact 1-Wasserstein distance between [`Divergences::MOVED`] samples and as many points.
    pub wasserstein: f64,
    /// KL(data, samples) by the cells of a grid, in nats.
    pub kl: f64,
    /// The Jensen-Shannon divergence by the cells of a grid, in nats: log 2 at most.
    pub js: f64,
    /// Modes with a sample of high quality, and modes, where they are known.
    pub modes: Option<[usize; 2]>,
}

/// What keeps points that are shown apart from those that are learnt.
const SHOWN_STREAM: u64 = 0x5eed_1ab5;

/// A lens over the plane of a distribution.
fn lens(play: &Play, count: usize, repeat: usize, distribution: &Distribution) -> Lens {
    Lens::new(
        play,
        count,
        repeat,
        &places(distribution.reach()),
        &vectors(play.system().z_dim()),
    )
}

/// The places of the field, row by row from the top left, `[FIELD * FIELD, 2]`.
pub fn places(reach: f32) -> Vec<f32> {
    let along = |i: usize| reach * (2.0 * i as f32 / (FIELD - 1) as f32 - 1.0);
    (0..FIELD)
        .flat_map(|row| (0..FIELD).flat_map(move |column| [along(column), -along(row)]))
        .collect()
}

/// The crossings of the sheet: lines of the first two numbers of a latent vector between which equal shares of the noise lie, all
/// other numbers 0; `[SHEET * SHEET, z_dim]`, or `[SHEET, 1]` where there is only one number.
pub fn vectors(z_dim: usize) -> Vec<f32> {
    let share = |i: usize| SHEET_TAIL + (1.0 - 2.0 * SHEET_TAIL) * i as f64 / (SHEET - 1) as f64;
    let lines: Vec<f32> = (0..SHEET).map(|i| normal_quantile(share(i)) as f32).collect();
    if z_dim == 1 {
        return lines;
    }
    let mut vectors = vec![0.0; SHEET * SHEET * z_dim];
    for (i, z) in vectors.chunks_exact_mut(z_dim).enumerate() {
        (z[0], z[1]) = (lines[i % SHEET], lines[i / SHEET]);
    }
    vectors
}

/// The number below which a standard normal one lies with this chance, by bisection of Abramowitz and Stegun's formula 7.1.26 for the
/// error function, whose own error is below 2e-7.
fn normal_quantile(chance: f64) -> f64 {
    let below = |x: f64| {
        let y = x.abs() / std::f64::consts::SQRT_2;
        let t = 1.0 / (1.0 + 0.327_591_1 * y);
        let polynomial =
            t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
        let upper = 0.5 * polynomial * (-y * y).exp();
        if x < 0.0 { upper } else { 1.0 - upper }
    };
    let (mut low, mut high) = (-8.0, 8.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if below(middle) < chance {
            low = middle
        } else {
            high = middle
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(system: &str, data: &str, changes: &[(&str, &str)]) -> Setup {
        let small = [("width", "8"), ("batch", "16")];
        let changes = small.iter().chain(changes);
        Setup {
            system: system.into(),
            data: data.into(),
            settings: changes
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect(),
            ..Setup::default()
        }
    }

    fn state(lab: &Lab) -> Vec<Vec<f32>> {
        (0..lab.play.entries().len())
            .map(|i| lab.play.state(i).as_f32().to_vec())
            .collect()
    }

    const LONG: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_step_that_was_looked_at_is_the_same_step() {
        let setup = setup("wgan_gp", "ring", &[("n_critic", "2")]);
        let (mut looked, mut plain) = (Lab::new(&setup).unwrap(), Lab::new(&setup).unwrap());
        let mut stages = vec![];
        // Two steps of five stages twice and the generator's, and one stage of the third.
        for _ in 0..2 * 11 + 1 {
            looked.advance_stage();
            let view = looked.view();
            assert_eq!(view.step, looked.done());
            stages.push(view.stage.unwrap());
        }
        assert_eq!(looked.done(), 2);
        assert_eq!(stages[4], (Stage::JudgeUpdate, 0));
        assert_eq!(stages[5], (Stage::Noise, 1));
        assert_eq!(stages[10], (Stage::Generator, 1));
        assert_eq!(stages[11], (Stage::Noise, 0));
        plain.advance(2, LONG);
        assert_eq!(state(&looked), state(&plain));
        looked.advance(1, LONG);
        plain.advance(1, LONG);
        assert_eq!(state(&looked), state(&plain));
        assert_eq!(looked.view().stage, None);
    }

    #[test]
    fn stages_show_what_they_are_about() {
        let mut lab = Lab::new(&setup("gan", "two-gaussians", &[])).unwrap();
        let mut at = |_| {
            lab.advance_stage();
            lab.view()
        };
        let views: Vec<View> = (0..6).map(&mut at).collect();
        for view in &views[..3] {
            assert_eq!(view.after, None);
            assert_eq!(view.seen, views[0].seen);
        }
        let judged = views[4].after.as_ref().unwrap();
        assert_ne!(judged.field, views[4].seen.field);
        assert_eq!(judged.fake, views[4].seen.fake, "the judge's update moves no sample");
        // The generator sees the judge as it has just become.
        assert_eq!(views[5].seen.field, judged.field);
        let moved = views[5].after.as_ref().unwrap();
        assert_ne!(moved.fake, judged.fake);
        assert_eq!(moved.field, judged.field);
        assert_eq!(views[5].seen.noise, views[0].seen.noise);
    }

    #[test]
    fn a_setup_says_it_all() {
        let setup = setup("hinge", "spiral", &[]);
        let run = |seed| {
            let mut lab = Lab::new(&Setup { seed, ..setup.clone() }).unwrap();
            lab.advance(3, LONG);
            lab.view()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1).seen.fake, run(2).seen.fake);
        let view = run(1);
        assert_eq!((view.real.len(), view.seen.fake.len()), (2 * SHOWN, 2 * SHOWN));
        assert_eq!(
            (view.seen.field.len(), view.seen.sheet.len()),
            (FIELD * FIELD, 2 * SHEET * SHEET)
        );
        assert!(!view.is_broken() && view.reports.contains_key("loss.generator"));
    }

    #[test]
    fn a_game_that_explodes_is_broken_and_no_panic() {
        let mut lab = Lab::new(&setup("gan", "ring", &[("generator.learning_rate", "1e30")])).unwrap();
        lab.advance(4, LONG);
        assert!(lab.view().is_broken());
        assert_eq!(lab.measure(), None);
    }

    #[test]
    fn a_lab_learns() {
        let mut lab = Lab::new(&setup("gan", "gaussian", &[("width", "32"), ("batch", "64")])).unwrap();
        let before = lab.measure().unwrap();
        lab.advance(400, LONG);
        let after = lab.measure().unwrap();
        assert!(after.wasserstein < 0.5 * before.wasserstein, "{before:?} {after:?}");
        assert!(after.js < before.js && before.js <= 2.0_f64.ln());
    }

    #[test]
    fn lines_of_the_sheet_part_the_noise_evenly() {
        // The 97.5 % point of the normal distribution is the best known number of all tables.
        assert!((normal_quantile(0.975) - 1.959_964).abs() < 1e-4);
        assert!((normal_quantile(0.5)).abs() < 1e-6);
        let sheet = vectors(3);
        assert_eq!(sheet.len(), 3 * SHEET * SHEET);
        assert_eq!(&sheet[..3], &[sheet[0], sheet[0], 0.0]);
        assert!(sheet.chunks_exact(3).map(|z| z[0] + z[1]).sum::<f32>().abs() < 1e-3);
        assert_eq!(vectors(1).len(), SHEET);
    }

    #[test]
    fn the_field_begins_at_the_top_left() {
        let places = places(3.0);
        assert_eq!(places[..2], [-3.0, 3.0]);
        assert_eq!(places[places.len() - 2..], [3.0, -3.0]);
    }
}
