//! `ebgan`: modes of the grid with and without the pulling-away term.
use crate::Result;
use crate::grid::{self, Covered, SEEDS};
use crate::record::{Evidence, median};
use crate::training::Changes;

const TOY: Changes = &[
    ("code", "8"),
    ("margin", "1"),
    ("generator.learning_rate", "5e-4"),
    ("discriminator.learning_rate", "5e-4"),
];
const STEPS: u64 = 20_000;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut medians = vec![];
    for (name, weight) in [("ebgan-plain", "0"), ("ebgan", "0.1")] {
        let changes = [TOY, &[("pulling_away", weight)]].concat();
        let runs: Vec<Covered> = SEEDS
            .iter()
            .map(|seed| Ok(grid::train(&mut evidence, "ebgan", name, &changes, *seed, STEPS)?.0))
            .collect::<Result<_>>()?;
        evidence.figure(name, grid::rows(&runs));
        medians.push(median(&runs.iter().map(|run| run.fairly as f64).collect::<Vec<_>>()));
    }
    let [plain, pulled] = [medians[0], medians[1]];
    evidence.check(
        "modes fairly covered with pulling away, over those without, medians of 3 seeds",
        "more",
        format!("{pulled} of 25, {plain} without"),
        pulled > plain,
    );
    evidence.figure = format!(
        "{pulled} of 25 modes of the grid fairly covered with the pulling-away term, {plain} without (medians of 3 seeds)"
    );
    Ok(evidence)
}
