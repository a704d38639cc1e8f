//! How steep a judge may be, and what holds it there.
use super::{Case, Cure};

/// The slope of a critic above which it is out of bounds: with a penalty it is held at 1, with clipped weights below that.
pub(super) fn steepest(case: &Case) -> f64 {
    if case.number("penalty_weight").is_some() {
        3.0
    } else {
        50.0
    }
}

/// What keeps a judge from becoming infinitely steep.
pub(super) fn bound_the_judge(case: &Case) -> Cure {
    let bounded = [
        (
            "hold the critic's weights",
            case.scaled("clip", 0.01 / case.number("clip").unwrap_or(0.01)),
        ),
        ("hold the critic's slope", case.changed("penalty_weight", "10.0")),
    ];
    let (advice, settings) = bounded
        .into_iter()
        .find(|(_, settings)| {
            !settings.is_empty()
                && !settings
                    .iter()
                    .all(|(key, value)| case.number(key).is_some_and(|now| value.parse() == Ok(now)))
        })
        .unwrap_or_else(|| {
            let judge = case.judge();
            (
                "slow the judge down",
                case.scaled(&format!("{judge}.learning_rate"), 0.25),
            )
        });
    Cure::new(advice, settings)
}
