//! The order of moves over a step.
use super::Player;

/// One player's updates within a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// Who moves.
    pub player: Player,
    /// How often in a row, each time on a fresh batch.
    pub times: usize,
}

/// The order of moves over a step, and which terms of the losses are due only every so many steps. Both may change as
/// training goes on: a game has phases, of which the last one has no end.
///
/// ```
/// use ganymede::games::{Game, Player};
/// use ganymede::optimisers::OptimiserConfig;
///
/// let [critic, generator] = ["critic", "generator"].map(|name| Player::new(name, OptimiserConfig::adam(1e-4, [0.0, 0.9])));
/// let game = Game::step(critic, 5).then(generator, 1).lazily("r1", 16);
/// assert_eq!(game.batches(), 5);
/// assert!(game.due(32).eq(["r1"]));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Game {
    phases: Vec<Phase>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Phase {
    /// The step that it begins with.
    first: u64,
    moves: Vec<Move>,
    lazy: Vec<(&'static str, u64)>,
}

impl Game {
    /// A step that begins with `times` moves of `player`.
    pub fn step(player: Player, times: usize) -> Game {
        Game {
            phases: vec![Phase::default()],
        }
        .then(player, times)
    }

    /// Then `times` moves of `player`, who sees what the moves before have made of the other players.
    #[must_use]
    pub fn then(mut self, player: Player, times: usize) -> Game {
        self.last().moves.push(Move { player, times });
        self
    }

    /// A term that is due only at every `period`-th step, beginning with the first; [`Step::is_due`](super::Step::is_due)
    /// asks for it.
    #[must_use]
    pub fn lazily(mut self, term: &'static str, period: u64) -> Game {
        self.last().lazy.push((term, period.max(1)));
        self
    }

    /// This game for `steps` steps (of its last phase), and then `next`. Optimisers begin anew with every phase, for a
    /// player may have grown.
    ///
    /// ```
    /// # use ganymede::{games::{Game, Player}, optimisers::OptimiserConfig};
    /// # let [encoder, critic] = ["encoder", "critic"].map(|name| Player::new(name, OptimiserConfig::adam(1e-4, [0.0, 0.9])));
    /// let game = Game::step(encoder.clone(), 1).followed_by(100, Game::step(critic, 1).then(encoder, 1));
    /// assert_eq!([99, 100].map(|step| game.phase(step)), [0, 1]);
    /// assert_eq!(game.progress(25), 0.25);
    /// ```
    #[must_use]
    pub fn followed_by(mut self, steps: u64, next: Game) -> Game {
        let end = self.last().first.saturating_add(steps.max(1));
        self.phases.extend(next.phases.into_iter().map(|phase| Phase {
            first: phase.first.saturating_add(end),
            ..phase
        }));
        self
    }

    fn last(&mut self) -> &mut Phase {
        self.phases.last_mut().expect("a game has a phase")
    }

    /// The moves of a phase, in their order.
    pub fn moves(&self, phase: usize) -> &[Move] {
        &self.phases[phase].moves
    }

    /// Everybody who ever moves, in the order of their first moves.
    pub fn players(&self) -> Vec<Player> {
        let mut players: Vec<Player> = Vec::new();
        for Move { player, .. } in self.phases.iter().flat_map(|phase| &phase.moves) {
            if players.iter().all(|known| known.name != player.name) {
                players.push(player.clone());
            }
        }
        players
    }

    /// How many batches of data a step takes: as many as the longest row of moves.
    pub fn batches(&self) -> usize {
        let moves = self.phases.iter().flat_map(|phase| &phase.moves);
        moves.map(|m| m.times).max().unwrap_or(0)
    }

    /// The first step of every phase.
    pub fn starts(&self) -> impl Iterator<Item = u64> + '_ {
        self.phases.iter().map(|phase| phase.first)
    }

    /// The number of the phase of step `n`, counted from 0 like the steps.
    pub fn phase(&self, n: u64) -> usize {
        self.phases.partition_point(|phase| phase.first <= n) - 1
    }

    /// The share of its phase that is behind step `n`: 0 at the phase's first step, and always in the last phase.
    pub fn progress(&self, n: u64) -> f64 {
        let phase = self.phase(n);
        let first = self.phases[phase].first;
        let next = self.phases.get(phase + 1);
        next.map_or(0.0, |next| (n - first) as f64 / (next.first - first) as f64)
    }

    /// Whether step `n` is the first one of a phase that others went before.
    pub fn turns(&self, n: u64) -> bool {
        n > 0 && self.phases.iter().any(|phase| phase.first == n)
    }

    /// The lazy terms that are due at step `n`, counted from 0.
    pub fn due(&self, n: u64) -> impl Iterator<Item = &'static str> + '_ {
        let phase = &self.phases[self.phase(n)];
        phase
            .lazy
            .iter()
            .filter(move |(_, period)| (n - phase.first).is_multiple_of(*period))
            .map(|(term, _)| *term)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimisers::OptimiserConfig;

    fn alone(name: &'static str) -> Game {
        Game::step(Player::new(name, OptimiserConfig::sgd(0.1, 0.0)), 1)
    }

    #[test]
    fn phases_follow_one_another() {
        let game = alone("a").followed_by(
            10,
            alone("b")
                .lazily("term", 4)
                .followed_by(5, alone("a").then(alone("c").players()[0].clone(), 3)),
        );
        assert_eq!([0, 9, 10, 14, 15, 1000].map(|n| game.phase(n)), [0, 0, 1, 1, 2, 2]);
        assert_eq!(
            [0, 5, 10, 12, 15, 99].map(|n| game.progress(n)),
            [0.0, 0.5, 0.0, 0.4, 0.0, 0.0]
        );
        assert_eq!(
            [0, 9, 10, 11, 15, 16].map(|n| game.turns(n)),
            [false, false, true, false, true, false]
        );
        assert!(game.starts().eq([0, 10, 15]));
        assert!(game.due(14).eq(["term"]) && game.due(12).next().is_none());
        assert_eq!(game.batches(), 3);
        let names: Vec<_> = game.players().iter().map(|player| player.name).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }
}
