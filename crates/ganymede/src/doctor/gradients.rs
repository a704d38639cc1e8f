//! Signals on their way through the networks and back: initialisation, size of the updates, gradients that explode or vanish.
use super::slope::{bound_the_judge, steepest};
use super::{Alarm, Cure, Finding, largest, median, smallest};

/// Signals that no layer can work with, before anything was learned.
pub(super) const INITIALISATION: Alarm = Alarm {
    name: "bad-initialisation",
    meaning: "the first weights shrink or blow up what passes through the network, so its first gradients say nothing",
    threshold: "after the first step the deepest rectifiers have less than 1/100 or more than 10 times the size of the \
                input; usual initialisations keep between 1/6 and 1",
    examine: |case| {
        let (_, first) = case.looks().first().filter(|_| !case.is_sparse)?;
        // A critic's weights are held small on purpose; and after a step as long as the weights, it is the step that shows.
        let signal = |player: &'static str| {
            let update = first.get(&format!("update.{player}"))?;
            (*update < LONG).then_some((player, *first.get(&format!("signal.{player}"))?))
        };
        let signals = ["generator", "discriminator"].map(signal);
        let strangeness = |signal: f64| signal.max(1e-30).ln().abs();
        let (player, signal) = signals
            .into_iter()
            .flatten()
            .max_by(|a, b| strangeness(a.1).total_cmp(&strangeness(b.1)))?;
        let mut settings = case.changed("initial_gain", "1.0");
        if settings.is_empty() {
            settings = case.scaled(&format!("{player}.learning_rate"), 0.1);
        }
        Some(Finding {
            fires: !(1e-2..=10.0).contains(&signal),
            player: player.to_owned(),
            evidence: vec![("size of the deepest signals over that of the input".into(), signal)],
            cure: Cure::new("draw the first weights so that signals keep their size", settings),
        })
    },
};

/// The first update over the weights from which on the update is the trouble, whatever else there is.
const LONG: f64 = 0.3;

/// Steps that are too long for the weights they move.
pub(super) const LEARNING_RATE: Alarm = Alarm {
    name: "learning-rate",
    meaning: "every update moves the weights by a large part of their own size, so that nothing learned lasts",
    threshold: "three looks in a row, not before step 100, at updates longer than 1.5 % of the weights, or a first one of \
                30 %; healthy players stay below 1 %, and one in a thousand is the rule of thumb",
    examine: |case| {
        let of = |player: &'static str| {
            let name = format!("update.{player}");
            let first = *case.values(&name).first()?;
            match case.latest(&name, 3) {
                _ if first > LONG => Some((player, first)),
                latest => Some((player, smallest(&latest.filter(|_| case.step() >= 100)?))),
            }
        };
        let players = ["generator", case.judge()].map(of).into_iter().flatten();
        let (player, update) = players.max_by(|a, b| a.1.total_cmp(&b.1))?;
        // Down to half a percent, by a round factor.
        let factors = [0.3, 0.1, 0.03, 0.01, 0.003];
        let factor = factors
            .into_iter()
            .find(|factor| update * factor <= 0.005)
            .unwrap_or(0.001);
        Some(Finding {
            fires: update > 0.015,
            player: player.to_owned(),
            evidence: vec![("length of the update over that of the weights".into(), update)],
            cure: Cure::new(
                format!("lower the learning rate of the {player}"),
                case.scaled(&format!("{player}.learning_rate"), factor),
            ),
        })
    },
};

/// A gradient that grows and grows.
pub(super) const EXPLODING: Alarm = Alarm {
    name: "exploding-gradient",
    meaning: "the generator's gradient has grown out of all proportion: its opponent has become infinitely steep",
    threshold: "three looks in a row at more than 50 times the median of the first five; players that keep each other \
                in check stay within a factor of 15, and where a critic's slope is in bounds it is only waking up",
    examine: |case| {
        let lengths = case.values("gradient.generator");
        let latest = case.latest("gradient.generator", 8).filter(|_| !case.is_sparse)?[5..].to_vec();
        let usual = median(&lengths[..5]);
        let is_steep = case
            .latest("slope.critic", 3)
            .is_none_or(|slope| smallest(&slope) > steepest(case));
        Some(Finding {
            fires: is_steep && smallest(&latest) > 50.0 * usual,
            player: "generator".to_owned(),
            evidence: vec![
                ("length of the generator's gradient".into(), median(&latest)),
                ("at first".into(), usual),
            ],
            cure: bound_the_judge(case),
        })
    },
};

/// Nothing left to learn from.
pub(super) const VANISHING: Alarm = Alarm {
    name: "vanishing-gradient",
    meaning: "the generator's gradient is next to nothing while its samples are easily told: it no longer learns",
    threshold: "three looks in a row at less than 1 % of the largest gradient so far, with all fakes found out; a \
                generator that learns keeps a tenth",
    examine: |case| {
        let latest = case.latest("gradient.generator", 3)?;
        let largest = largest(&case.values("gradient.generator"));
        let right = case.latest("judged.right", 3);
        let is_found_out = right.as_ref().is_none_or(|right| smallest(right) > 0.95);
        let mut evidence = vec![
            ("length of the generator's gradient".into(), median(&latest)),
            ("at its largest".into(), largest),
        ];
        evidence.extend(right.map(|right| ("share that the discriminator judges right".into(), median(&right))));
        let mut settings = case.changed("objective", "non-saturating");
        if settings.is_empty()
            || case
                .settings
                .get("objective")
                .is_some_and(|objective| objective != "minimax")
        {
            settings = case.scaled(&format!("{}.learning_rate", case.judge()), 0.25);
        }
        Some(Finding {
            fires: self::largest(&latest) < 0.01 * largest && is_found_out,
            player: "generator".to_owned(),
            evidence,
            cure: Cure::new(
                "let the generator learn from a discriminator that is sure of itself, or keep it from becoming so",
                settings,
            ),
        })
    },
};

#[cfg(test)]
mod tests {
    use super::super::cases::{fires, gan};
    use super::*;

    #[test]
    fn signals_of_the_first_look_alone_tell_an_initialisation() {
        let first = |signal: f64, update: f64| {
            let series: [(&str, &[f64]); 2] = [
                ("signal.generator", &[signal, 0.5]),
                ("update.generator", &[update, 0.1]),
            ];
            fires(INITIALISATION, &series)
        };
        assert_eq!(first(0.2, 0.01), Some(false));
        assert_eq!(first(0.002, 0.01), Some(true));
        assert_eq!(first(20.0, 0.01), Some(true));
        assert_eq!(
            first(20.0, 0.9),
            None,
            "the step was too long, not the weights too large"
        );
    }

    #[test]
    fn long_updates_are_the_learning_rate_s() {
        let of = |updates: &[f64]| fires(LEARNING_RATE, &[("update.generator", updates)]);
        assert_eq!(of(&[0.02, 0.03, 0.02]), Some(true));
        assert_eq!(of(&[0.02, 0.03, 0.01]), Some(false));
        assert_eq!(of(&[0.005]), None, "too early to tell");
        assert_eq!(of(&[0.5]), Some(true));
        let found = LEARNING_RATE
            .examine(&gan(&[("update.generator", &[0.04; 3])]))
            .unwrap();
        // A tenth of it leaves 0.4 %.
        assert_eq!(found.cure.settings, [("generator.learning_rate".into(), "2e-5".into())]);
    }

    #[test]
    fn gradients_explode_against_their_own_beginning() {
        let of = |late: f64| {
            let lengths = [1.0, 2.0, 3.0, 2.0, 9.0, late, late, late];
            fires(EXPLODING, &[("gradient.generator", &lengths)])
        };
        assert_eq!((of(100.0), of(101.0)), (Some(false), Some(true)));
    }

    #[test]
    fn gradients_vanish_only_before_a_judge_who_is_right() {
        let of = |late: f64, right: f64| {
            let (lengths, right) = ([1.0, 0.5, late, late, late], [right; 5]);
            fires(VANISHING, &[("gradient.generator", &lengths), ("judged.right", &right)])
        };
        assert_eq!(of(0.009, 1.0), Some(true));
        assert_eq!(of(0.02, 1.0), Some(false));
        assert_eq!(of(0.009, 0.6), Some(false));
        let case = gan(&[("gradient.generator", &[1.0, 0.0, 0.0, 0.0])]);
        let cure = VANISHING.examine(&case).unwrap().cure;
        assert_eq!(cure.settings, [("objective".into(), "non-saturating".into())]);
    }
}
