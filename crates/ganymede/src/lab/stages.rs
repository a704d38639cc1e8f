//! The six stages of a step, for who wants to see it slowly.
use crate::models::Card;
use serde::Serialize;

/// A stage of a step. The first five are the judge's, and come again where it moves more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Noise is drawn.
    Noise,
    /// The generator makes samples of it.
    Generate,
    /// The judge looks at real and at generated points.
    Discriminate,
    /// What the judge loses, and what it would say instead.
    JudgeLoss,
    /// The judge learns.
    JudgeUpdate,
    /// The generator follows the judge's slope.
    Generator,
}

impl Stage {
    /// All of them in their order.
    pub const ALL: [Stage; 6] = [
        Stage::Noise,
        Stage::Generate,
        Stage::Discriminate,
        Stage::JudgeLoss,
        Stage::JudgeUpdate,
        Stage::Generator,
    ];

    /// The one behind it, as long as there is one.
    pub fn next(self) -> Option<Stage> {
        Stage::ALL
            .into_iter()
            .find(|stage| *stage as usize == self as usize + 1)
    }

    /// Whether it is about what an update changes.
    pub fn is_update(self) -> bool {
        matches!(self, Stage::JudgeLoss | Stage::JudgeUpdate | Stage::Generator)
    }
}

/// What is said of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StageCard {
    /// Which one.
    pub stage: Stage,
    /// Its name.
    pub title: &'static str,
    /// What happens, in a sentence or two.
    pub says: String,
    /// The equations that it carries out.
    pub equations: Vec<String>,
}

/// The stages of a system whose players have these optimisers.
pub(super) fn cards(card: &Card, judge: &str, judge_optimiser: &str, generator_optimiser: &str) -> Vec<StageCard> {
    let is_of_generator = |line: &&str| line.starts_with("L_G");
    let of = |is_generators: bool| -> Vec<String> {
        let lines = card
            .equations
            .iter()
            .filter(|line| is_of_generator(line) == is_generators);
        lines.map(|line| (*line).to_owned()).collect()
    };
    let at = |stage: Stage| {
        match stage {
        Stage::Noise => (
            "Noise",
            "Numbers are drawn that mean nothing: one point of noise for each sample to be made.".to_owned(),
            vec!["z ~ N(0, I)".to_owned()],
        ),
        Stage::Generate => (
            "Generate",
            "The generator carries every point of noise to a point of the plane. The sheet shows where it carries all others."
                .to_owned(),
            vec!["x' = G(z)".to_owned()],
        ),
        Stage::Discriminate => (
            "Judge",
            format!(
                "The {judge} says of real and of generated points how real it takes them for. The ground's colour is what it would say anywhere."
            ),
            vec!["D(x),  D(G(z))".to_owned()],
        ),
        Stage::JudgeLoss => (
            "Its loss",
            format!(
                "The {judge} is told how wrong it was. The ground shows what its gradient asks for: where it will say more, and where less."
            ),
            of(false),
        ),
        Stage::JudgeUpdate => (
            "It learns",
            format!("One step of {judge_optimiser} changes the {judge}'s weights, and the ground with them."),
            rule("D", judge_optimiser),
        ),
        Stage::Generator => (
            "Generator",
            "The arrows point down the slope of the generator's loss. It cannot move its samples one by one: its weights change, and all samples follow at once."
                .to_owned(),
            [of(true), rule("G", generator_optimiser)].concat(),
        ),
    }
    };
    let card = |stage| {
        let (title, says, equations) = at(stage);
        StageCard {
            stage,
            title,
            says,
            equations,
        }
    };
    Stage::ALL.into_iter().map(card).collect()
}

/// How an optimiser follows the gradient of a player's loss.
fn rule(player: &str, optimiser: &str) -> Vec<String> {
    let gradient = format!("g = dL_{player} / dw_{player}");
    let update = match optimiser {
        "adam" => "m := b1 m + (1 - b1) g,  v := b2 v + (1 - b2) g^2,  w := w - h m^ / (sqrt(v^) + e)",
        "rmsprop" => "v := a v + (1 - a) g^2,  w := w - h g / (sqrt(v) + e)",
        _ => "w := w - h g",
    };
    vec![gradient, update.replace('w', &format!("w_{player}"))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::systems;

    #[test]
    fn stages_follow_one_another() {
        let all: Vec<Stage> = std::iter::successors(Some(Stage::Noise), |stage| stage.next()).collect();
        assert_eq!(all, Stage::ALL);
    }

    /// The equations of a system are those of its two losses: each stands at one stage, none is lost.
    #[test]
    fn every_equation_has_its_stage() {
        for entry in systems() {
            let cards = cards(&entry.card, "critic", "adam", "sgd");
            for line in entry.card.equations {
                let places = cards
                    .iter()
                    .filter(|card| card.equations.iter().any(|equation| equation == line));
                assert_eq!(places.count(), 1, "{}: {line}", entry.card.id);
            }
            for stage in [3, 5] {
                assert!(
                    cards[stage].equations.iter().any(|line| line.starts_with("L_")),
                    "{}",
                    entry.card.id
                );
            }
        }
        assert_eq!(rule("D", "sgd"), ["g = dL_D / dw_D", "w_D := w_D - h g"]);
    }
}
