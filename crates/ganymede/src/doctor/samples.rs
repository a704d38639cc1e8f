//! Samples beside the data: too few kinds of them, copies, and samples that go round in circles.
use super::{Alarm, Cure, Finding, largest, median, smallest};

/// Steps before which samples are few and alike in every training.
const FIRST_STEPS: u64 = 500;

/// Too few kinds of samples.
pub(super) const MODE_COLLAPSE: Alarm = Alarm {
    name: "mode-collapse",
    meaning: "samples are all alike, or of few of the kinds that the data have: the generator has found what passes, and \
              makes only that",
    threshold: "five looks in a row, not before step 500, at samples less than half as far apart as examples of the data \
                are, or at less than half of the modes that are known; without getting better, and passing the judge: a \
                young generator's samples are alike too, but they spread, and a beaten one's pass nobody",
    examine: |case| {
        let spread = case
            .latest("samples.spread", 5)
            .filter(|_| case.step() >= FIRST_STEPS)?;
        let distance = case.latest("samples.distance", 5)?;
        let is_stuck = distance[4] > 0.9 * distance[0] && spread[4] < 1.1 * spread[0];
        let passes = case.latest("judged.right", 5).is_none_or(|right| median(&right) < 0.98);
        let modes = case.latest("samples.modes", 5);
        let mut evidence = vec![(
            "distance between samples over that between examples".into(),
            median(&spread),
        )];
        evidence.extend(modes.as_ref().map(|modes| ("share of the modes".into(), median(modes))));
        let mut settings = case.scaled("generator.learning_rate", 0.25);
        let rates = ["generator", "discriminator"].map(|player| case.number(&format!("{player}.learning_rate")));
        if let [Some(generator), Some(discriminator)] = rates
            && generator > discriminator
        {
            settings = case.scaled("generator.learning_rate", 0.5 * discriminator / generator);
        }
        Some(Finding {
            fires: is_stuck && passes && (largest(&spread) < 0.5 || modes.is_some_and(|modes| largest(&modes) < 0.5)),
            player: "generator".to_owned(),
            evidence,
            cure: Cure::new(
                "slow the generator down, so that the discriminator learns to tell its one trick",
                settings,
            ),
        })
    },
};

/// Copies of training examples.
pub(super) const MEMORISATION: Alarm = Alarm {
    name: "memorisation",
    meaning: "samples are copies of training examples: nothing was learned but them",
    threshold: "five looks in a row, not before step 500, with samples less than 60 % as far from the nearest training \
                example as examples are from one another, without having collapsed; others stay above 80 %",
    examine: |case| {
        let nearest = case
            .latest("samples.nearest", 5)
            .filter(|_| case.step() >= FIRST_STEPS)?;
        let spread = case.latest("samples.spread", 5)?;
        Some(Finding {
            fires: largest(&nearest) < 0.6 && smallest(&spread) > 0.5,
            player: "generator".to_owned(),
            evidence: vec![(
                "distance to the nearest training example over that between examples".into(),
                median(&nearest),
            )],
            cure: Cure::new("gather more examples, or stop earlier", vec![]),
        })
    },
};

/// Movement without progress.
pub(super) const OSCILLATION: Alarm = Alarm {
    name: "oscillation",
    meaning: "samples come near the data and leave again, over and over: the players chase each other in circles",
    threshold: "twelve looks in a row, not before step 500, over which the distance to the data swings by as much as its \
                mean and is no less in their second half than in the first",
    examine: |case| {
        let distance = case
            .latest("samples.distance", 12)
            .filter(|_| case.step() >= FIRST_STEPS && !case.is_sparse)?;
        let (first, second) = distance.split_at(6);
        let mean = distance.iter().sum::<f64>() / distance.len() as f64;
        let swing = (largest(&distance) - smallest(&distance)) / mean.max(1e-12);
        let progress = median(first) - median(second);
        Some(Finding {
            fires: mean > 0.02 && swing > 1.0 && progress <= 0.0,
            player: "generator".to_owned(),
            evidence: vec![
                ("distance of samples to the data".into(), mean),
                ("its swing over its mean".into(), swing),
            ],
            cure: Cure::new(
                "smaller steps damp the circles",
                [
                    case.scaled("generator.learning_rate", 0.25),
                    case.scaled(&format!("{}.learning_rate", case.judge()), 0.25),
                ]
                .concat(),
            ),
        })
    },
};

#[cfg(test)]
mod tests {
    use super::super::cases::fires;
    use super::*;

    /// Twelve looks, to step 600.
    fn of(alarm: Alarm, spread: f64, distance: &dyn Fn(i32) -> f64, right: f64, nearest: f64) -> Option<bool> {
        let distance: Vec<f64> = (0..12).map(distance).collect();
        let (spread, right, nearest) = ([spread; 12], [right; 12], [nearest; 12]);
        let series: [(&str, &[f64]); 4] = [
            ("samples.spread", &spread),
            ("samples.distance", &distance),
            ("judged.right", &right),
            ("samples.nearest", &nearest),
        ];
        fires(alarm, &series)
    }

    #[test]
    fn alike_and_stuck_and_passing_is_collapse() {
        let (still, falling) = (|_| 0.8, |look| 0.9_f64.powi(look));
        assert_eq!(of(MODE_COLLAPSE, 0.1, &still, 0.6, 1.0), Some(true));
        assert_eq!(of(MODE_COLLAPSE, 0.9, &still, 0.6, 1.0), Some(false));
        assert_eq!(
            of(MODE_COLLAPSE, 0.1, &falling, 0.6, 1.0),
            Some(false),
            "young, and learning"
        );
        assert_eq!(
            of(MODE_COLLAPSE, 0.1, &still, 1.0, 1.0),
            Some(false),
            "beaten, and passing nobody"
        );
        assert_eq!(
            fires(MODE_COLLAPSE, &[("samples.spread", &[0.1; 5])]),
            None,
            "before step 500"
        );
    }

    #[test]
    fn too_few_modes_are_collapse_however_far_apart() {
        let series: [(&str, &[f64]); 3] = [
            ("samples.spread", &[1.2; 10]),
            ("samples.distance", &[0.5; 10]),
            ("samples.modes", &[0.4; 10]),
        ];
        assert_eq!(fires(MODE_COLLAPSE, &series), Some(true));
    }

    #[test]
    fn near_copies_of_many_kinds_are_memorised() {
        let still = |_| 0.1;
        assert_eq!(of(MEMORISATION, 1.0, &still, 0.9, 0.5), Some(true));
        assert_eq!(of(MEMORISATION, 1.0, &still, 0.9, 0.8), Some(false));
        assert_eq!(of(MEMORISATION, 0.1, &still, 0.9, 0.5), Some(false), "that is collapse");
    }

    #[test]
    fn swings_without_progress_are_oscillation() {
        let swinging = |look: i32| if look % 3 == 0 { 0.1 } else { 0.5 };
        assert_eq!(of(OSCILLATION, 1.0, &swinging, 0.9, 1.0), Some(true));
        assert_eq!(
            of(OSCILLATION, 1.0, &|look| swinging(look) / f64::from(look + 1), 0.9, 1.0),
            Some(false)
        );
        assert_eq!(of(OSCILLATION, 1.0, &|_| 0.4, 0.9, 1.0), Some(false));
    }
}
