//! The two players against each other: who has won, who has given up, and what the judge judges by.
use super::slope::{bound_the_judge, steepest};
use super::{Alarm, Cure, Finding, largest, median, smallest};

/// A judge that cannot lose any more.
pub(super) const DISCRIMINATOR_WON: Alarm = Alarm {
    name: "discriminator-won",
    meaning: "the discriminator tells every sample from the data with certainty, and the generator cannot catch up",
    threshold: "five looks in a row with all judgements right and logits more than 12 apart, while samples do not spread: \
                beyond 6, a sigmoid leaves 1/400 of the gradient that an undecided judge gives; healthy gaps are 2 to 8",
    examine: |case| {
        let right = case.latest("judged.right", 5)?;
        let gap = gaps(&case.latest("judged.real", 5)?, &case.latest("judged.fake", 5)?);
        // A generator that still learns may catch up.
        let is_stuck = case
            .latest("samples.spread", 5)
            .is_none_or(|spread| spread[4] < 1.1 * spread[0]);
        let mut settings = case.scaled("discriminator.learning_rate", 0.25);
        let rates = ["generator", "discriminator"].map(|player| case.number(&format!("{player}.learning_rate")));
        if let [Some(generator), Some(discriminator)] = rates
            && generator < 0.25 * discriminator
        {
            // It is the generator that was held back.
            settings = case.scaled("generator.learning_rate", 0.5 * discriminator / generator.max(1e-30));
            settings.extend(case.scaled("discriminator.learning_rate", 0.5));
        }
        Some(Finding {
            fires: is_stuck && smallest(&right) > 0.99 && smallest(&gap) > 12.0,
            player: "discriminator".to_owned(),
            evidence: vec![
                ("share of right judgements".into(), median(&right)),
                ("gap between logits of real and fake".into(), median(&gap)),
            ],
            cure: Cure::new("give the generator time: bring the learning rates together", settings),
        })
    },
};

/// A judge that tells nothing.
pub(super) const DISCRIMINATOR_GAVE_UP: Alarm = Alarm {
    name: "discriminator-gave-up",
    meaning: "the discriminator guesses, or is fooled, although samples are far from the data: the generator learns nothing \
              from it but how to please it",
    threshold: "five looks in a row with less than 60 % of judgements right and logits of real no more than 0.1 above those \
                of fake, while samples keep a distance to the data of a tenth of the data's own spread",
    examine: |case| {
        let right = case.latest("judged.right", 5)?;
        let gap = gaps(&case.latest("judged.real", 5)?, &case.latest("judged.fake", 5)?);
        let distance = case.latest("samples.distance", 5)?;
        let rates = ["generator", "discriminator"].map(|player| case.number(&format!("{player}.learning_rate")));
        let settings = match rates {
            [Some(generator), Some(discriminator)] if discriminator < generator => {
                case.scaled("discriminator.learning_rate", generator / discriminator.max(1e-30))
            }
            _ => case.scaled("generator.learning_rate", 0.25),
        };
        Some(Finding {
            fires: largest(&right) < 0.6 && largest(&gap) < 0.1 && smallest(&distance) > 0.1,
            player: "discriminator".to_owned(),
            evidence: vec![
                ("share of right judgements".into(), median(&right)),
                ("gap between logits of real and fake".into(), median(&gap)),
                ("distance of samples to the data".into(), median(&distance)),
            ],
            cure: Cure::new("let the discriminator keep up", settings),
        })
    },
};

/// A judge that knows the training examples by heart.
pub(super) const OVERFITTING: Alarm = Alarm {
    name: "discriminator-overfits",
    meaning: "the discriminator knows the training examples by heart: it takes real ones that it never saw for fakes",
    threshold: "five looks in a row with held-out examples judged nearer to fakes than to training examples: r_v above \
                0.5, where 0 is no overfitting and 1 complete (Karras et al. 2020, arXiv:2006.06676, equation 1), with r_t \
                above 0.6, their target",
    examine: |case| {
        let [real, held_out, fake] = ["real", "held_out", "fake"].map(|name| case.latest(&format!("judged.{name}"), 5));
        let (real, held_out, fake) = (real?, held_out?, fake?);
        let r_v: Vec<f64> = (0..5)
            .map(|i| (real[i] - held_out[i]) / (real[i] - fake[i]).max(1e-6))
            .collect();
        let r_t = case.latest("overfitting.r_t", 5)?;
        Some(Finding {
            fires: smallest(&r_v) > 0.5 && smallest(&r_t) > 0.6,
            player: "discriminator".to_owned(),
            evidence: vec![("r_v".into(), median(&r_v)), ("r_t".into(), median(&r_t))],
            cure: Cure::new(
                "show it more examples, or stop earlier; until there are more, a smaller and slower discriminator helps",
                case.scaled("discriminator.learning_rate", 0.25),
            ),
        })
    },
};

/// A critic without a bound.
pub(super) const LIPSCHITZ: Alarm = Alarm {
    name: "lipschitz",
    meaning: "the critic's slope has no bound, so its gap is no distance and its gradient no direction",
    threshold: "three looks in a row with a mean slope between data and samples above 3 where a penalty holds it at 1, above \
                50 where weights are clipped, under which it stays below 1",
    examine: |case| {
        let slope = case.latest("slope.critic", 3)?;
        let limit = steepest(case);
        Some(Finding {
            fires: smallest(&slope) > limit,
            player: "critic".to_owned(),
            evidence: vec![
                ("mean slope of the critic".into(), median(&slope)),
                ("bound".into(), limit),
            ],
            cure: bound_the_judge(case),
        })
    },
};

fn gaps(real: &[f64], fake: &[f64]) -> Vec<f64> {
    real.iter().zip(fake).map(|(real, fake)| real - fake).collect()
}

#[cfg(test)]
mod tests {
    use super::super::cases::{fires, gan};
    use super::*;
    use crate::doctor::Case;
    use serde_json::json;

    #[test]
    fn it_has_won_where_it_is_right_and_sure() {
        let of = |right: f64, real: f64| {
            let (right, real) = ([right; 5], [real; 5]);
            fires(
                DISCRIMINATOR_WON,
                &[
                    ("judged.right", &right),
                    ("judged.real", &real),
                    ("judged.fake", &[-6.0; 5]),
                ],
            )
        };
        assert_eq!(
            (of(1.0, 7.0), of(1.0, 5.0), of(0.9, 7.0)),
            (Some(true), Some(false), Some(false))
        );
    }

    #[test]
    fn the_slower_generator_is_brought_up_to_it() {
        let mut case = gan(&[
            ("judged.right", &[1.0; 5]),
            ("judged.real", &[9.0; 5]),
            ("judged.fake", &[-9.0; 5]),
        ]);
        case.settings.insert("generator.learning_rate".into(), json!(1e-6));
        let cure = DISCRIMINATOR_WON.examine(&case).unwrap().cure;
        assert_eq!(
            cure.in_words(),
            "give the generator time: bring the learning rates together: --set generator.learning_rate=1e-4 --set discriminator.learning_rate=1e-4"
        );
    }

    #[test]
    fn guessing_is_giving_up_only_far_from_the_data() {
        let of = |right: f64, real: f64, distance: f64| {
            let (right, real, distance) = ([right; 5], [real; 5], [distance; 5]);
            let series: [(&str, &[f64]); 4] = [
                ("judged.right", &right),
                ("judged.real", &real),
                ("judged.fake", &[0.0; 5]),
                ("samples.distance", &distance),
            ];
            fires(DISCRIMINATOR_GAVE_UP, &series)
        };
        assert_eq!(of(0.5, 0.0, 0.5), Some(true));
        assert_eq!(of(0.5, 0.0, 0.01), Some(false), "samples are as good as the data");
        assert_eq!(of(0.5, 1.0, 0.5), Some(false));
        assert_eq!(of(0.2, -2.0, 0.5), Some(true), "it is fooled");
    }

    #[test]
    fn held_out_examples_among_the_fakes_are_overfitting() {
        let of = |held_out: f64| {
            let held_out = [held_out; 5];
            let series: [(&str, &[f64]); 4] = [
                ("judged.real", &[3.0; 5]),
                ("judged.held_out", &held_out),
                ("judged.fake", &[-1.0; 5]),
                ("overfitting.r_t", &[0.9; 5]),
            ];
            OVERFITTING
                .examine(&gan(&series))
                .map(|found| (found.fires, found.evidence[0].1))
        };
        assert_eq!(of(3.0), Some((false, 0.0)));
        assert_eq!(of(0.0), Some((true, 0.75)));
        assert_eq!(
            fires(OVERFITTING, &[("judged.real", &[3.0; 5])]),
            None,
            "nothing is held out"
        );
    }

    #[test]
    fn slopes_are_bounded_as_the_settings_say() {
        let of = |key: &str, bound: f64, slope: f64| {
            let mut case = Case::new(
                [
                    (key.to_owned(), json!(bound)),
                    ("critic.learning_rate".to_owned(), json!(1e-4)),
                ]
                .into(),
            );
            (0..3).for_each(|look| case.see(look, [("slope.critic".to_owned(), slope)].into()));
            let found = LIPSCHITZ.examine(&case).unwrap();
            (
                found.fires,
                found.cure.settings.first().map(|(key, value)| format!("{key}={value}")),
            )
        };
        assert_eq!(
            of("penalty_weight", 0.0, 4.0),
            (true, Some("penalty_weight=10.0".into()))
        );
        assert!(!of("penalty_weight", 10.0, 1.1).0);
        assert_eq!(of("clip", 1e3, 60.0), (true, Some("clip=0.01".into())));
        assert!(!of("clip", 0.1, 4.0).0);
    }
}
