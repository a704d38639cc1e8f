//! What a game promises, shown on a system of a single number: batches, lazy terms, schedules, averages, state between steps.
use ganymede::data::Field;
use ganymede::engine::{DType, Key, Tensor};
use ganymede::games::{BatchShape, Function, Game, Play, Player, Space, Step, System, latent_vectors};
use ganymede::nn::{Init, Parameter, Scope, Stage};
use ganymede::optimisers::{OptimiserConfig, Schedule};

/// One weight w that follows the mean of the data; a lazy term pushes it up, a buffer counts the moves.
struct Follower {
    weight: Parameter,
    moves: Parameter,
    times: usize,
    schedule: Schedule,
}

impl Follower {
    fn play(times: usize, schedule: Schedule) -> Play {
        let scope = Scope::new(DType::F32, 0);
        let generator = scope.at("generator");
        let weight = generator.parameter("weight", &[1], Init::Zeros);
        let moves = scope.buffer("moves", &[1], 0.0);
        let system = Follower {
            weight,
            moves,
            times,
            schedule,
        };
        Play::new(Box::new(system), scope, BatchShape::of(&[2, 1]), 0)
    }
}

impl System for Follower {
    fn game(&self) -> Game {
        let mut player = Player::new("generator", OptimiserConfig::sgd(0.5, 0.0));
        player.schedule = self.schedule;
        Game::step(player, self.times).lazily("push", 3)
    }

    fn loss(&self, _: &str, s: &Step) -> Tensor {
        self.moves.set(self.moves.get() + 1.0);
        let shared = s.once("half", || &self.weight.get() * 0.5);
        s.report("half", &shared);
        let distance = (self.weight.get() - s.x().mean().reshape(&[1])).square().sum() * 0.5;
        if s.is_due("push") {
            distance - self.weight.get().sum()
        } else {
            distance
        }
    }

    fn average_decay(&self) -> f64 {
        0.75
    }

    fn z_dim(&self) -> usize {
        1
    }

    fn sample(&self, z: &Tensor, _: Option<&Tensor>) -> Tensor {
        z * self.weight.get()
    }
}

fn state(play: &Play, name: &str) -> f64 {
    let position = play.entries().iter().position(|entry| entry.name == name).expect(name);
    play.state(position).to_f64()[0]
}

/// Each move takes half the way to the mean of its own batch: w = 0 -> 2 (batch of 4s) -> 5 (batch of 8s).
#[test]
fn moves_in_a_row_see_fresh_batches_and_each_others_updates() {
    let mut play = Follower::play(2, Schedule::Constant);
    assert_eq!(play.batches(), 2);
    play.batch_mut(0).0.fill(4.0);
    play.batch_mut(1).0.fill(8.0);
    play.step(1);
    assert_eq!(state(&play, "generator.weight"), 5.0);
    assert_eq!(state(&play, "moves"), 2.0);
    // What was shared in the first move was made again in the second, from the updated weight.
    assert_eq!(play.reports(1)["half"], 1.0);
}

/// At steps 0 and 3 the push adds half a unit.
#[test]
fn a_lazy_term_is_due_only_at_its_steps() {
    let mut play = Follower::play(1, Schedule::Constant);
    let mut weights = vec![];
    for n in 0..4 {
        play.step(n);
        weights.push(state(&play, "generator.weight"));
    }
    assert_eq!(weights, [0.5, 0.25, 0.125, 0.5625]);
}

#[test]
fn a_schedule_scales_the_learning_rate_of_each_step() {
    let schedule = Schedule::Linear {
        from: 1.0,
        to: 0.0,
        start: 1,
        end: 2,
    };
    let mut play = Follower::play(1, schedule);
    play.batch_mut(0).0.fill(4.0);
    play.step(1);
    assert_eq!(state(&play, "generator.weight"), 2.0);
    play.step(2);
    assert_eq!(state(&play, "generator.weight"), 2.0);
}

/// The average is 0.75 of itself and 0.25 of the weight after every step: 0.5, then 0.375 + 0.75.
#[test]
fn samples_come_from_the_moving_average() {
    let mut play = Follower::play(1, Schedule::Constant);
    play.batch_mut(0).0.fill(4.0);
    play.step(1);
    play.step(2);
    assert_eq!(state(&play, "generator.weight"), 3.0);
    assert_eq!(state(&play, "average.generator.weight"), 1.125);
    assert_eq!(play.sample(&[2.0, -1.0], None), [2.25, -1.125]);
}

/// Vector i of a seed is the same wherever one begins, and the one that a plan of the engine draws.
#[test]
fn latent_vectors_do_not_depend_on_how_many_are_asked_for() {
    let all = latent_vectors(7, 0, 9, 5);
    assert_eq!(latent_vectors(7, 3, 4, 5), all[15..35]);
    assert_ne!(latent_vectors(8, 0, 9, 5), all);
    // FNV-1a of "latent" is the stream.
    let stream = "latent".bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    assert_eq!(Key::new(DType::F32, 7, 0).normal(stream, &[9, 5]).to_f32(), all);
}

/// Falls by its gradient, which is 1 in the first phase and the phase's progress in the second, where a second weight joins.
struct Grower {
    stage: Stage,
    weights: [Parameter; 2],
}

impl Grower {
    fn play() -> Play {
        let scope = Scope::new(DType::F32, 0);
        let generator = scope.at("generator");
        let weights = [0, 1].map(|i| generator.parameter(i, &[], Init::Zeros));
        let stage = scope.stage();
        let shape = BatchShape {
            x: vec![2, 1],
            extras: vec![(Field::XB, vec![2, 3])],
        };
        Play::new(Box::new(Grower { stage, weights }), scope, shape, 0)
    }
}

impl System for Grower {
    fn game(&self) -> Game {
        let game = Game::step(Player::new("generator", OptimiserConfig::sgd(1.0, 0.9)), 1);
        let last = game.clone();
        game.clone().followed_by(2, game.followed_by(4, last))
    }

    fn loss(&self, _: &str, s: &Step) -> Tensor {
        s.report("second", &s.x_b().mean());
        let [first, second] = self.weights.each_ref().map(Parameter::get);
        match self.stage.phase() {
            0 => first,
            _ => first + second * self.stage.progress(),
        }
    }

    fn z_dim(&self) -> usize {
        0
    }

    fn functions(&self) -> Vec<Function> {
        vec![Function {
            name: "shift",
            takes: Space::Data(Field::XB),
            gives: Space::Data(Field::XB),
        }]
    }

    fn apply(&self, _: &str, input: &Tensor) -> Tensor {
        input + self.weights[0].get() + self.stage.progress()
    }
}

/// A phase begins with optimisers anew: momentum adds up to 1.9 within the first, and is 1 again in the second.
#[test]
fn a_game_turns_to_its_next_phase() {
    let mut play = Grower::play();
    let mut weights = vec![];
    for n in 0..5 {
        play.step(n);
        weights.push(["generator.0", "generator.1"].map(|name| state(&play, name)));
    }
    let first = [-1.0, -2.9, -3.9, -5.8, -8.51];
    // Progress is 0, 1/4, 1/2.
    let second = [0.0, 0.0, 0.0, -0.25, -0.975];
    for ((got, first), second) in weights.iter().zip(first).zip(second) {
        assert!(
            (got[0] - first).abs() < 1e-5 && (got[1] - second).abs() < 1e-5,
            "{weights:?}"
        );
    }
}

#[test]
fn a_play_that_goes_on_is_in_the_phase_of_its_step() {
    let (mut whole, mut second) = (Grower::play(), Grower::play());
    (0..3).for_each(|n| whole.step(n));
    for position in 0..whole.entries().len() {
        let bytes = whole.state(position).as_bytes().to_vec();
        second.state_mut(position).as_bytes_mut().copy_from_slice(&bytes);
    }
    second.go_on_from(3);
    assert_eq!((whole.phase(), second.phase()), (1, 1));
    let x_b = [1.0, 2.0, 3.0];
    assert_eq!(whole.apply("shift", &x_b), second.apply("shift", &x_b));
    assert_eq!(whole.apply("shift", &x_b), x_b.map(|x| x - 3.9 + 0.25));
}

#[test]
fn second_pictures_reach_the_loss() {
    let mut play = Grower::play();
    play.extra_mut(0, 0).copy_from_slice(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    play.step(0);
    assert_eq!(play.reports(0)["second"], 3.5);
}
