//! Games of two players: what each would choose, what would be best for both, and why descent may circle for ever.
//!
//! Nash 1951, "Non-Cooperative Games", Annals of Mathematics 54; Mescheder et al. 2018, "Which Training Methods for GANs do
//! actually Converge?", arXiv:1801.04406; Korpelevich 1976, "The extragradient method"; Gidel et al. 2019, "Negative Momentum
//! for Improved Game Dynamics", arXiv:1807.04740 (alternating steps).
//!
//! ```text
//! min_x max_y x y             the smallest GAN: x generates, y judges, and (0, 0) is the equilibrium
//! simultaneous   x' = x - h y,  y' = y + h x           |.|^2 grows (1 + h^2)-fold a step
//! alternating    x' = x - h y,  y' = y + h x'          x^2 + y^2 - h x y stays as it is
//! extragradient  both by the slopes at the next simultaneous point     |.|^2 shrinks (1 - h^2 + h^4)-fold a step
//! ```
use super::{Lesson, Study};
use crate::section::Section;
use std::fmt::Write;

pub(super) const STUDY: Study = Study {
    id: "nash",
    section: Section::Understanding,
    title: "Nash equilibria",
    source: "Nash 1951, Non-Cooperative Games, Annals of Mathematics 54; Mescheder et al. 2018, arXiv:1801.04406",
    idea: "An equilibrium need not be what is best for both, and descent need not find it.",
    equations: &[
        "min_x max_y x y",
        "simultaneous   x' = x - h y,  y' = y + h x:   |.|^2 grows (1 + h^2)-fold a step",
        "alternating    x' = x - h y,  y' = y + h x':  x^2 + y^2 - h x y stays as it is",
        "extragradient  both by the slopes one step ahead:  |.|^2 shrinks (1 - h^2 + h^4)-fold a step",
    ],
    command: "gany lab nash",
    lesson: Some(lesson),
};

/// A game of two players who choose one of two moves each: `payoffs[i][j]` is what the first and the second get where the
/// first chooses `i` and the second `j`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Payoffs(pub [[[f64; 2]; 2]; 2]);

/// Both are better off if both are silent, and each is better off if he talks.
pub const PRISONERS_DILEMMA: Payoffs = Payoffs([[[-1.0, -1.0], [-3.0, 0.0]], [[0.0, -3.0], [-2.0, -2.0]]]);
/// One wins what the other loses.
pub const MATCHING_PENNIES: Payoffs = Payoffs([[[1.0, -1.0], [-1.0, 1.0]], [[-1.0, 1.0], [1.0, -1.0]]]);

const MOVES: [[usize; 2]; 4] = [[0, 0], [0, 1], [1, 0], [1, 1]];

impl Payoffs {
    /// The pairs of moves from which neither player gains by leaving alone.
    pub fn equilibria(&self) -> Vec<[usize; 2]> {
        let stays = |[i, j]: &[usize; 2]| {
            self.0[*i][*j][0] >= self.0[1 - i][*j][0] && self.0[*i][*j][1] >= self.0[*i][1 - j][1]
        };
        MOVES.into_iter().filter(stays).collect()
    }

    /// The pair of moves with the largest sum of payoffs.
    pub fn optimum(&self) -> [usize; 2] {
        let sum = |[i, j]: [usize; 2]| self.0[i][j][0] + self.0[i][j][1];
        let better = |a: [usize; 2], b: [usize; 2]| if sum(b) > sum(a) { b } else { a };
        MOVES.into_iter().reduce(better).expect("four pairs")
    }

    /// The chances of each player's first move at which the other does not care what he chooses, where there are any.
    pub fn mixed(&self) -> Option<[f64; 2]> {
        // The other's gains by his first move over his second, at either move of the player.
        let chance = |[first, second]: [f64; 2]| {
            let chance = second / (second - first);
            (0.0..=1.0).contains(&chance).then_some(chance)
        };
        let of_second = [0, 1].map(|i| self.0[i][0][1] - self.0[i][1][1]);
        let of_first = [0, 1].map(|j| self.0[0][j][0] - self.0[1][j][0]);
        Some([chance(of_second)?, chance(of_first)?])
    }
}

/// How both players follow their slopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dynamics {
    /// Both at once, from the same point.
    Simultaneous,
    /// One after the other.
    Alternating,
    /// Both at once, by the slopes at the point where they would come to.
    Extragradient,
}

impl Dynamics {
    /// All of them with their names.
    pub const ALL: [(&'static str, Dynamics); 3] = [
        ("simultaneous", Dynamics::Simultaneous),
        ("alternating", Dynamics::Alternating),
        ("extragradient", Dynamics::Extragradient),
    ];

    /// A step of `min_x max_y x y` at learning rate `h`.
    pub fn step(self, h: f64, [x, y]: [f64; 2]) -> [f64; 2] {
        let ahead = [x - h * y, y + h * x];
        match self {
            Dynamics::Simultaneous => ahead,
            Dynamics::Alternating => [ahead[0], y + h * ahead[0]],
            Dynamics::Extragradient => [x - h * ahead[1], y + h * ahead[0]],
        }
    }

    /// What of a point theory follows: the square of its distance from the equilibrium, and what alternating steps keep.
    pub fn followed(self, h: f64, [x, y]: [f64; 2]) -> f64 {
        match self {
            Dynamics::Alternating => x * x + y * y - h * x * y,
            Dynamics::Simultaneous | Dynamics::Extragradient => x * x + y * y,
        }
    }

    /// By how much that is multiplied at each step.
    pub fn factor(self, h: f64) -> f64 {
        match self {
            Dynamics::Simultaneous => 1.0 + h * h,
            Dynamics::Alternating => 1.0,
            Dynamics::Extragradient => 1.0 - h * h + h.powi(4),
        }
    }

    /// The points of so many steps, the first included.
    pub fn path(self, h: f64, from: [f64; 2], steps: usize) -> Vec<[f64; 2]> {
        std::iter::successors(Some(from), |point| Some(self.step(h, *point)))
            .take(steps + 1)
            .collect()
    }
}

/// How far a point is from the equilibrium.
fn radius([x, y]: [f64; 2]) -> f64 {
    x.hypot(y)
}

fn lesson() -> Lesson {
    const RATE: f64 = 0.1;
    const FROM: [f64; 2] = [1.0, 0.0];
    let mut text = String::from("The prisoner's dilemma: years in prison, as (first, second).\n\n");
    let game = PRISONERS_DILEMMA;
    text += "                 second is silent   second talks\n";
    for (name, row) in ["first is silent", "first talks"].iter().zip(game.0) {
        let [silent, talks] = row.map(|[a, b]| format!("({}, {})", a.abs(), b.abs()));
        let _ = writeln!(text, "{name:16} {silent:18} {talks}");
    }
    let said = |[i, j]: [usize; 2]| ["both are silent", "the second talks", "the first talks", "both talk"][2 * i + j];
    let equilibria: Vec<&str> = game.equilibria().into_iter().map(said).collect();
    let _ = writeln!(
        text,
        "\nBest for both: {}. Equilibrium, which neither leaves alone: {}.\nSo players who each do their best may end where none of them wants to be.\n",
        said(game.optimum()),
        equilibria.join(", ")
    );
    let chances = MATCHING_PENNIES.mixed().unwrap_or_default();
    let _ = writeln!(
        text,
        "Matching pennies, where one wins what the other loses, has {} equilibria of sure moves; the one of chances is\nheads with {} and {}. A GAN at rest is like that: the discriminator's best is to say one half.\n",
        MATCHING_PENNIES.equilibria().len(),
        chances[0],
        chances[1]
    );
    let _ = writeln!(
        text,
        "Descent on min_x max_y x y from (1, 0) at learning rate {RATE}: distance from the equilibrium (0, 0)\n\n{:14} {:>8} {:>8} {:>8} {:>8}   theory",
        "steps", 0, 10, 100, 500
    );
    let mut paths = vec![];
    for (name, dynamics) in Dynamics::ALL {
        let path = dynamics.path(RATE, FROM, 500);
        let at = [0, 10, 100, 500].map(|step| format!("{:8.3}", radius(path[step])));
        let theory = match dynamics {
            Dynamics::Simultaneous => format!("away: {:.3} after 500", dynamics.factor(RATE).powi(250)),
            Dynamics::Alternating => format!("circles: within {:.3} for ever", (1.0 / (1.0 - RATE / 2.0)).sqrt()),
            Dynamics::Extragradient => format!("comes to rest: {:.3} after 500", dynamics.factor(RATE).powi(250)),
        };
        let _ = writeln!(text, "{name:14} {}   {theory}", at.join(" "));
        paths.push((name, path[..=200].to_vec()));
    }
    text += "\nThe arrows of this game turn; they do not point at the equilibrium. That is why GANs swing, and why penalties on slopes\n(`gany models gan_r1r2`) and looking one step ahead help.";
    Lesson { text, paths }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equilibria_by_hand() {
        assert_eq!(PRISONERS_DILEMMA.equilibria(), [[1, 1]]);
        assert_eq!(PRISONERS_DILEMMA.optimum(), [0, 0]);
        assert_eq!(MATCHING_PENNIES.equilibria(), [[0; 2]; 0]);
        assert_eq!(MATCHING_PENNIES.mixed(), Some([0.5, 0.5]));
        // Two who want to meet, each rather at another place: both sure meetings, and one of chances 2/3 and 1/3.
        let meeting = Payoffs([[[2.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 2.0]]]);
        assert_eq!(meeting.equilibria(), [[0, 0], [1, 1]]);
        let [a, b] = meeting.mixed().unwrap();
        assert!((a - 2.0 / 3.0).abs() < 1e-12 && (b - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn paths_grow_circle_and_shrink_as_theory_says() {
        for h in [0.01, 0.1, 0.5] {
            for (_, dynamics) in Dynamics::ALL {
                let path = dynamics.path(h, [0.8, -0.3], 300);
                for pair in path.windows(2) {
                    let kept = |[x, y]: [f64; 2]| match dynamics {
                        Dynamics::Alternating => x * x + y * y - h * x * y,
                        _ => x * x + y * y,
                    };
                    let expected = match dynamics {
                        Dynamics::Simultaneous => 1.0 + h * h,
                        Dynamics::Alternating => 1.0,
                        Dynamics::Extragradient => 1.0 - h * h + h.powi(4),
                    };
                    let factor = kept(pair[1]) / kept(pair[0]);
                    assert!(
                        (factor - expected).abs() < 1e-12,
                        "{dynamics:?} {h}: {factor} for {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_lesson_says_what_happens() {
        let lesson = lesson();
        assert!(
            lesson
                .text
                .contains("Best for both: both are silent. Equilibrium, which neither leaves alone: both talk.")
        );
        assert_eq!(lesson.paths.len(), 3);
    }
}
