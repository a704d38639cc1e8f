//! The two players against each other: who has won, who has given up, and what the judge judges by.
use super::gradients::bound_the_judge;
use super::{Alarm, Cure, Finding, largest, median, smallest};

/// A judge that cannot lose any more.
pub(super) const DISCRIMINATOR_WON: Alarm = Alarm {
    name: "discriminator-won",
    meaning: "the discriminator tells every sample from the data with certainty, and the generator cannot catch up",
    threshold: "five looks in a row with all judgements right and logits more than 12 apart: sigmoid(6) leaves 1/400 of \
                the gradient that an undecided judge gives; healthy gaps are 2 to 8",
    examine: |case| {
        let right = case.latest("judged.right", 5)?;
        let gap = gaps(&case.latest("judged.real", 5)?, &case.latest("judged.fake", 5)?);
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
            fires: smallest(&right) > 0.99 && smallest(&gap) > 12.0,
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
        let limit = if case.number("penalty_weight").is_some() { 3.0 } else { 50.0 };
        Some(Finding {
            fires: smallest(&slope) > limit,
            player: "critic".to_owned(),
            evidence: vec![("mean slope of the critic".into(), median(&slope)), ("bound".into(), limit)],
            cure: bound_the_judge(case),
        })
    },
};

fn gaps(real: &[f64], fake: &[f64]) -> Vec<f64> {
    real.iter().zip(fake).map(|(real, fake)| real - fake).collect()
}
