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

/// The order of moves over a step, and which terms of the losses are due only every so many steps.
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
    moves: Vec<Move>,
    lazy: Vec<(&'static str, u64)>,
}

impl Game {
    /// A step that begins with `times` moves of `player`.
    pub fn step(player: Player, times: usize) -> Game {
        Game {
            moves: vec![],
            lazy: vec![],
        }
        .then(player, times)
    }

    /// Then `times` moves of `player`, who sees what the moves before have made of the other players.
    #[must_use]
    pub fn then(mut self, player: Player, times: usize) -> Game {
        self.moves.push(Move { player, times });
        self
    }

    /// A term that is due only at every `period`-th step, beginning with the first; [`Step::is_due`](super::Step::is_due)
    /// asks for it.
    #[must_use]
    pub fn lazily(mut self, term: &'static str, period: u64) -> Game {
        self.lazy.push((term, period.max(1)));
        self
    }

    /// The moves in their order.
    pub fn moves(&self) -> &[Move] {
        &self.moves
    }

    /// Everybody who moves, in the order of their first moves.
    pub fn players(&self) -> Vec<Player> {
        let mut players: Vec<Player> = Vec::new();
        for Move { player, .. } in &self.moves {
            if players.iter().all(|known| known.name != player.name) {
                players.push(player.clone());
            }
        }
        players
    }

    /// How many batches of data a step takes: as many as the longest row of moves.
    pub fn batches(&self) -> usize {
        self.moves.iter().map(|m| m.times).max().unwrap_or(0)
    }

    /// The lazy terms that are due at step `n`, counted from 0.
    pub fn due(&self, n: u64) -> impl Iterator<Item = &'static str> + '_ {
        self.lazy
            .iter()
            .filter(move |(_, period)| n.is_multiple_of(*period))
            .map(|(term, _)| *term)
    }
}
