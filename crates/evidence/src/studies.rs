//! `nash` and `dice`: what theory says, against steps that are counted and dice that are thrown.
use crate::Result;
use crate::made::Numbers;
use crate::record::{Evidence, round};
use ganymede::studies::{dice, nash};
use nash::{Dynamics, MATCHING_PENNIES, PRISONERS_DILEMMA};

const SEEDS: [u64; 3] = [0, 1, 2];

pub(crate) fn nash() -> Result<Evidence> {
    const RATE: f64 = 0.1;
    const STEPS: usize = 1_000;
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let mut worst = 0.0_f64;
    for seed in SEEDS {
        let mut numbers = Numbers(seed);
        let from = [(); 2].map(|()| f64::from(numbers.draw()) - 0.5);
        for (name, dynamics) in Dynamics::ALL {
            let path = dynamics.path(RATE, from, STEPS);
            let [first, last] = [path[0], path[STEPS]].map(|point| dynamics.followed(RATE, point));
            let factor = (last / first).powf(1.0 / STEPS as f64);
            evidence.figure(&format!("factor_a_step.{name}.{seed}"), factor);
            worst = worst.max((factor / dynamics.factor(RATE) - 1.0).abs());
        }
    }
    evidence.check(
        "growth, circling and shrinking a step against theory, worst of 9 paths",
        "within 1e-9",
        format!("{worst:.1e}"),
        worst < 1e-9,
    );
    let found = (PRISONERS_DILEMMA.equilibria(), PRISONERS_DILEMMA.optimum());
    evidence.check(
        "the prisoner's dilemma: equilibrium and optimum",
        "both talk, both silent",
        format!("{found:?}"),
        found == (vec![[1, 1]], [0, 0]),
    );
    let pennies = (MATCHING_PENNIES.equilibria().len(), MATCHING_PENNIES.mixed());
    evidence.check(
        "matching pennies: sure and mixed equilibria",
        "none, one half each",
        format!("{pennies:?}"),
        pennies == (0, Some([0.5, 0.5])),
    );
    evidence.figure = "descent on min max x y grows, circles and shrinks as theory says over 1,000 steps; equilibria of the dilemma and of matching pennies found".into();
    Ok(evidence)
}

pub(crate) fn dice() -> Result<Evidence> {
    const DICE: usize = 3;
    const THROWS: usize = 1_000_000;
    let mut evidence = Evidence::of_seeds(&SEEDS);
    let (mut frequencies, mut rights) = (0.0_f64, vec![]);
    let chances = dice::sums(DICE);
    let real = dice::rounded_truth(DICE);
    for seed in SEEDS {
        let mut numbers = Numbers(seed);
        let mut sums = vec![0_u64; chances.len()];
        for _ in 0..THROWS {
            let sum: usize = (0..DICE).map(|_| (6.0 * numbers.draw()) as usize).sum();
            sums[sum] += 1;
        }
        for (count, chance) in sums.iter().zip(&chances) {
            frequencies = frequencies.max((*count as f64 / THROWS as f64 - chance).abs());
        }
        // Normal numbers (Box and Muller 1958) among the places that the dice can say and one place on either side.
        let mut right = sums
            .iter()
            .zip(real.iter().skip(1).zip(&chances))
            .map(|(count, (real, made))| if made > real { *count } else { 0 })
            .sum::<u64>();
        for _ in 0..THROWS {
            let (u, v) = (1.0 - f64::from(numbers.draw()), f64::from(numbers.draw()));
            let q = 100.0 + 15.0 * (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
            let place = dice::place(DICE, q);
            let made = place
                .checked_sub(1)
                .and_then(|place| chances.get(place))
                .copied()
                .unwrap_or(0.0);
            right += u64::from(real[place] >= made);
        }
        rights.push(right as f64 / (2 * THROWS) as f64);
    }
    let best = 0.5 + dice::total_variation(DICE) / 2.0;
    evidence.figure(
        "right.counted",
        rights.iter().map(|share| round(100.0 * share)).collect::<Vec<_>>(),
    );
    evidence.figure("right.computed", round(100.0 * best));
    evidence.check(
        "frequencies of a million throws of three dice against their chances, worst of 3 seeds",
        "within 0.002",
        format!("{frequencies:.5}"),
        frequencies < 0.002,
    );
    let worst = rights.iter().map(|share| (share - best).abs()).fold(0.0, f64::max);
    evidence.check(
        "how often the best discriminator is right in two million numbers against 1/2 + TV / 2, worst of 3 seeds",
        "within 0.2 points",
        format!("{:.3} points", 100.0 * worst),
        worst < 0.002,
    );
    evidence.figure = format!(
        "the best discriminator of three dice is right in {:.2} % of two million numbers, computed {:.2} %; six questions answered",
        100.0 * rights[0],
        100.0 * best
    );
    Ok(evidence)
}
