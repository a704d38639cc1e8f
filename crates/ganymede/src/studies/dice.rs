//! The dice of intelligence: a generative model that fits into a hand, with questions and worked answers.
//!
//! An intelligence quotient is normal with mean 100 and deviation 15 by definition. Throw `k` dice, add them up, and scale:
//!
//! ```text
//! q = 100 + 15 (sum - 3.5 k) / sqrt(35 k / 12)
//! ```
//!
//! That is a generator, its z the dice. What can be asked of a GAN can be asked of it, and computed: what it cannot make, how
//! well the best discriminator does (Goodfellow et al. 2014, arXiv:1406.2661, proposition 1), and who merely looks right.
use super::{Lesson, Study};
use crate::section::Section;
use std::fmt::Write;

pub(super) const STUDY: Study = Study {
    id: "dice",
    section: Section::Understanding,
    title: "Intelligence by dice",
    source: "de Moivre 1738, The Doctrine of Chances; Goodfellow et al. 2014, Generative Adversarial Nets, arXiv:1406.2661, proposition 1",
    idea: "A generator of dice: what it cannot make, and how well the best discriminator tells it from the truth.",
    equations: &[
        "q = 100 + 15 (sum - 3.5 k) / sqrt(35 k / 12)   of k dice",
        "the best discriminator is right with chance 1/2 + TV / 2,  TV = 1/2 sum |p_data - p_model|",
    ],
    command: "gany lab dice",
    lesson: Some(lesson),
};

const MEAN: f64 = 100.0;
const DEVIATION: f64 = 15.0;

/// The chances of the sums `k` to `6 k` of `k` dice.
pub fn sums(k: usize) -> Vec<f64> {
    let mut chances = vec![1.0];
    for _ in 0..k {
        let mut next = vec![0.0; chances.len() + 5];
        for (sum, chance) in chances.iter().enumerate() {
            next[sum..sum + 6].iter_mut().for_each(|to| *to += chance / 6.0);
        }
        chances = next;
    }
    chances
}

/// What the dice say for one sum.
pub fn quotient(k: usize, sum: usize) -> f64 {
    let k = k as f64;
    MEAN + DEVIATION * (sum as f64 - 3.5 * k) / (35.0 * k / 12.0).sqrt()
}

/// The standard normal distribution function, by its series: within 1e-12 on [-8, 8].
fn phi(t: f64) -> f64 {
    if t.abs() > 8.0 {
        return f64::from(u8::from(t > 0.0));
    }
    let (mut term, mut sum, mut n) = (t, t, 1.0);
    while term.abs() > 1e-18 {
        n += 2.0;
        term *= t * t / n;
        sum += term;
    }
    0.5 + sum * (-0.5 * t * t).exp() / std::f64::consts::TAU.sqrt()
}

/// The chances of the truth, rounded to the nearest quotient that `k` dice can say: first of all below these, then at each,
/// last of all above.
pub fn rounded_truth(k: usize) -> Vec<f64> {
    let places = 5 * k + 1;
    let below = |place: usize| phi((quotient(k, k + place) - half_a_place(k) - MEAN) / DEVIATION);
    let within = (0..places).map(|place| below(place + 1) - below(place));
    let mut chances = vec![below(0)];
    chances.extend(within);
    chances.push(1.0 - below(places));
    chances
}

/// Which of the chances of [`rounded_truth`] a quotient counts for.
pub fn place(k: usize, q: f64) -> usize {
    let place = (q - quotient(k, k)) / (2.0 * half_a_place(k)) + 0.5;
    (place.floor() + 1.0).clamp(0.0, (5 * k + 2) as f64) as usize
}

fn half_a_place(k: usize) -> f64 {
    (quotient(k, 1) - quotient(k, 0)) / 2.0
}

/// The total variation between what `k` dice say and the truth, rounded to the nearest quotient that the dice can say. 0: the
/// same; 1: nothing in common.
pub fn total_variation(k: usize) -> f64 {
    let made = [vec![0.0], sums(k), vec![0.0]].concat();
    let differences = made
        .iter()
        .zip(rounded_truth(k))
        .map(|(made, real)| (made - real).abs());
    differences.sum::<f64>() / 2.0
}

/// The chance that `k` dice say at least `q`.
pub fn at_least(k: usize, q: f64) -> f64 {
    let chances = sums(k).into_iter().enumerate();
    chances
        .filter(|(i, _)| quotient(k, k + i) >= q)
        .map(|(_, chance)| chance)
        .sum()
}

fn lesson() -> Lesson {
    let mut text = String::from(
        "Throw k dice, add them up, and say  q = 100 + 15 (sum - 3.5 k) / sqrt(35 k / 12).  Whose intelligence is that?\n\
         Nobody's, but its mean is 100 and its deviation 15, like everybody's. A GAN does the same with faces.\n\n",
    );
    text += "dice  highest q   P(q >= 130)   total variation   best discriminator is right in\n";
    for k in [1, 2, 3, 5, 10, 30] {
        let variation = total_variation(k);
        let _ = writeln!(
            text,
            "{k:>4}  {:>9.1}   {:>9.2} %   {variation:>15.4}   {:>27.2} %",
            quotient(k, 6 * k),
            100.0 * at_least(k, 130.0),
            50.0 + 50.0 * variation
        );
    }
    let _ = writeln!(
        text,
        " all   no limit   {:>9.2} %   {:>15}   {:>27.2} %\n",
        100.0 * (1.0 - phi(2.0)),
        0,
        50.0
    );
    let enough = (1..).find(|k| quotient(*k, 6 * k) >= 160.0).unwrap_or(0);
    let answers = [
        (
            "One die has the right mean and the right deviation. Is it a good model?".to_owned(),
            format!(
                "No: it says six numbers only, none above {:.0}. Two moments say little; that is why samples are compared\n   with data as distributions (`gany eval`).",
                quotient(1, 6)
            ),
        ),
        (
            "How many dice until a quotient of 160 is possible at all?".to_owned(),
            format!("{enough}. What a generator cannot make it will never be asked for by a loss that it does not see:\n   a missing tail is a missing mode (`gany lab nash` shows why it may stay missing)."),
        ),
        (
            "You may see one number, real or thrown, each with chance one half. How often are you right about three dice?\n   (Real numbers are rounded to what the dice can say.)".to_owned(),
            format!(
                "At best in {:.1} %: 1/2 + TV / 2. That best judge is D* = p_data / (p_data + p_model), and the generator of\n   the first GAN learns from it.",
                50.0 + 50.0 * total_variation(3)
            ),
        ),
        (
            "A model always says 100. Each of its samples is the most usual there is. What is wrong with it?".to_owned(),
            "Everything but one sample: it is mode collapse. A judge of single samples passes it; one who sees several at once\n   does not (`gany models improved_gan`: minibatch discrimination).".to_owned(),
        ),
        (
            "A model repeats the quotients of a hundred people it has met. And this one?".to_owned(),
            "Its distribution is near the truth and it has learned nothing: memorisation. `gany eval` looks for nearest\n   neighbours in the training data.".to_owned(),
        ),
        (
            "Dice have a density to look up; a GAN has none. What of the above still works?".to_owned(),
            "All that needs samples alone. A GAN is an implicit model: it can be thrown, not looked up. Models one can look\n   up are the explicit ones (`gany models vae`).".to_owned(),
        ),
    ];
    for (number, (question, answer)) in answers.iter().enumerate() {
        let _ = writeln!(text, "{}. {question}\n   {answer}", number + 1);
    }
    Lesson {
        text: text.trim_end().to_owned(),
        paths: vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_have_the_moments_that_are_asked_for() {
        for k in [1, 2, 7, 30] {
            let said: Vec<(f64, f64)> = sums(k)
                .into_iter()
                .enumerate()
                .map(|(i, p)| (quotient(k, k + i), p))
                .collect();
            let mean: f64 = said.iter().map(|(q, p)| q * p).sum();
            let variance: f64 = said.iter().map(|(q, p)| (q - mean).powi(2) * p).sum();
            assert!(
                (mean - 100.0).abs() < 1e-9 && (variance.sqrt() - 15.0).abs() < 1e-9,
                "{k}"
            );
        }
        // Two dice: 7 in six of thirty-six.
        assert!((sums(2)[5] - 6.0 / 36.0).abs() < 1e-15);
    }

    #[test]
    fn the_normal_distribution_is_the_one_of_tables() {
        for (t, expected) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_543),
            (2.0, 0.977_249_868_051_821),
            (-3.0, 0.001_349_898_031_630),
        ] {
            assert!((phi(t) - expected).abs() < 1e-12, "{t}");
        }
    }

    /// One die says six numbers, 15 / sqrt(35 / 12) apart; by symmetry the upper three are half of all.
    #[test]
    fn total_variation_by_hand_and_towards_none() {
        let by_hand = {
            let edges = [0.0, 1.0, 2.0, 3.0].map(|i| phi(i * (12.0_f64 / 35.0).sqrt()));
            let bins = [edges[1] - edges[0], edges[2] - edges[1], edges[3] - edges[2]];
            let outside = 1.0 - edges[3];
            outside + bins.iter().map(|bin| (bin - 1.0 / 6.0).abs()).sum::<f64>()
        };
        assert!(
            (total_variation(1) - by_hand).abs() < 1e-12,
            "{} {by_hand}",
            total_variation(1)
        );
        let few: Vec<f64> = [1, 2, 3, 5, 10].map(total_variation).to_vec();
        assert!(few.windows(2).all(|pair| pair[1] < pair[0]), "{few:?}");
    }

    #[test]
    fn the_lesson_answers_its_questions() {
        let text = lesson().text;
        assert!(text.contains("How many dice until a quotient of 160"), "{text}");
        assert!((1..=6).all(|n| text.contains(&format!("\n{n}. "))), "{text}");
    }
}
