//! Layers that have stopped to work: dead units, and statistics that do not fit.
use super::{Alarm, Cure, Finding, median, smallest};

/// Units that say the same to everything.
pub(super) const DEAD_UNITS: Alarm = Alarm {
    name: "dead-units",
    meaning: "most units of a layer say the same to every example, and no gradient brings them back",
    threshold: "three looks in a row with more than half of the units of one layer dead; in a healthy network few are",
    examine: |case| {
        let of = |player: &'static str| Some((player, case.latest(&format!("dead.{player}"), 3)?));
        let players = ["generator", case.judge()].map(of).into_iter().flatten();
        let (player, dead) = players.max_by(|a, b| smallest(&a.1).total_cmp(&smallest(&b.1)))?;
        Some(Finding {
            fires: smallest(&dead) > 0.5,
            player: player.to_owned(),
            evidence: vec![("share of dead units in the worst layer".into(), median(&dead))],
            cure: Cure::new(
                "begin again with smaller steps: long ones have pushed the units out of reach",
                case.scaled(&format!("{player}.learning_rate"), 0.1),
            ),
        })
    },
};

/// Running statistics of other activations than there are.
pub(super) const BATCH_NORM_DRIFT: Alarm = Alarm {
    name: "batch-norm-drift",
    meaning: "the running statistics of batch normalisation are not those of the batches, so samples differ from what \
              was trained",
    threshold: "three looks in a row, not before step 100, with samples moved by more than a fifth of the distance \
                between examples when running statistics are taken; a settled generator moves them by a twentieth",
    examine: |case| {
        let drift = case.latest("samples.drift", 3).filter(|_| case.step() >= 100)?;
        Some(Finding {
            fires: smallest(&drift) > 0.2,
            player: "generator".to_owned(),
            evidence: vec![(
                "how far samples move, over the distance between examples".into(),
                median(&drift),
            )],
            cure: Cure::new(
                "let the statistics catch up: smaller steps change the activations less from batch to batch",
                case.scaled("generator.learning_rate", 0.1),
            ),
        })
    },
};

#[cfg(test)]
mod tests {
    use super::super::cases::fires;
    use super::*;

    #[test]
    fn half_a_layer_is_too_many_dead_units() {
        let of = |dead: f64| {
            fires(
                DEAD_UNITS,
                &[("dead.generator", &[dead; 3]), ("dead.discriminator", &[0.0; 3])],
            )
        };
        assert_eq!((of(0.6), of(0.4)), (Some(true), Some(false)));
    }

    #[test]
    fn samples_that_move_by_a_fifth_of_their_distances_have_drifted() {
        let of = |drift: &[f64]| fires(BATCH_NORM_DRIFT, &[("samples.drift", drift)]);
        assert_eq!(of(&[0.3; 3]), Some(true));
        assert_eq!(of(&[0.3, 0.1, 0.3]), Some(false));
        assert_eq!(of(&[0.3]), None);
    }
}
