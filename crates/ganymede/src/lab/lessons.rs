//! Lessons: a failure that happens before one's eyes, why it does, and what cures it.
use super::Setup;
use serde::Serialize;

/// Settings over those that a lab begins with.
type Changes = &'static [(&'static str, &'static str)];

/// A game of points, as a lesson sets it up.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    system: &'static str,
    data: &'static str,
    changes: Changes,
}

impl Scene {
    /// As a lab takes it.
    pub fn setup(&self, seed: u64) -> Setup {
        Setup {
            system: self.system.to_owned(),
            data: self.data.to_owned(),
            seed,
            settings: self
                .changes
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            ..Setup::default()
        }
    }
}

/// A failure and its cure.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Lesson {
    /// Its name, such as `mode-collapse`: that of the failure of [`doctor`](crate::doctor::failures), where there is one.
    pub name: &'static str,
    /// What a person calls it.
    pub title: &'static str,
    /// What is to be seen.
    pub see: &'static str,
    /// Why it happens.
    pub why: &'static str,
    /// What cures it.
    pub cure: &'static str,
    /// Steps after which both can be told apart.
    pub steps: u64,
    /// The game that fails.
    #[serde(skip)]
    pub broken: Scene,
    /// The game that does not.
    #[serde(skip)]
    pub cured: Scene,
}

const fn scene(system: &'static str, data: &'static str, changes: Changes) -> Scene {
    Scene { system, data, changes }
}

/// All lessons.
pub const LESSONS: &[Lesson] = &[
    Lesson {
        name: "mode-collapse",
        title: "Mode collapse",
        see: "All samples huddle together and jump from one mode to the next; the others are never visited at once.",
        why: "The generator learns fifty times faster than its discriminator. Whichever mode looks best at the moment gets all samples, and by the time the discriminator has found out, they are gone.",
        cure: "Let the discriminator keep up: at the same pace for both, no place looks good for long when everybody is there.",
        steps: 2_000,
        broken: scene(
            "gan",
            "ring",
            &[
                ("generator.learning_rate", "1e-3"),
                ("discriminator.learning_rate", "2e-5"),
            ],
        ),
        cured: scene("gan", "ring", &[]),
    },
    Lesson {
        name: "vanishing-gradient",
        title: "Vanishing gradient",
        see: "The ground is of one colour around the samples, the arrows shrink to nothing, and the samples stay where they are.",
        why: "The minimax loss is flat where the discriminator is sure that a sample is generated. The better the discriminator, the less the generator is told.",
        cure: "A critic that measures a distance, with a penalty that holds its slope, pulls as hard however sure it is.",
        steps: 600,
        broken: scene(
            "gan",
            "ring",
            &[
                ("objective", "minimax"),
                ("generator.name", "sgd"),
                ("generator.learning_rate", "0.02"),
                ("discriminator.learning_rate", "2e-2"),
            ],
        ),
        cured: scene(
            "wgan_gp",
            "ring",
            &[("generator.name", "sgd"), ("generator.learning_rate", "0.02")],
        ),
    },
    Lesson {
        name: "non-convergence",
        title: "Non-convergence",
        see: "The samples chase the data round and round: losses swing, and no step is better than the one before.",
        why: "Each player's best step changes what is best for the other one. With steps that long both overshoot the place where they should meet, again and again.",
        cure: "A penalty on the critic's slope (R1 and R2) damps the swing: the ground grows flat as samples come near, and the players come to rest.",
        steps: 1_500,
        broken: scene(
            "gan",
            "gaussian",
            &[
                ("generator.learning_rate", "1e-2"),
                ("discriminator.learning_rate", "1e-2"),
            ],
        ),
        cured: scene("gan_r1r2", "gaussian", &[("gamma", "1")]),
    },
    Lesson {
        name: "imbalance",
        title: "Imbalance",
        see: "The discriminator is right about every point, and the samples hardly move.",
        why: "It learns two and a half thousand times faster than the generator, and the game is over before the generator has made a move.",
        cure: "Equal learning rates: two players of one strength teach each other.",
        steps: 600,
        broken: scene(
            "gan",
            "gaussian",
            &[
                ("generator.learning_rate", "2e-6"),
                ("discriminator.learning_rate", "5e-3"),
            ],
        ),
        cured: scene("gan", "gaussian", &[]),
    },
    Lesson {
        name: "sensitivity",
        title: "Sensitivity to learning rates",
        see: "Within a few steps all samples fly off, or freeze in one place, and nothing brings them back.",
        why: "Steps two hundred times as long as they should be carry the weights to where every unit says the same to everything. There is no slope left to come back by.",
        cure: "The learning rate is the first thing to try: here a two-hundredth of it.",
        steps: 500,
        broken: scene(
            "gan",
            "two-gaussians",
            &[
                ("generator.learning_rate", "0.2"),
                ("discriminator.learning_rate", "0.2"),
            ],
        ),
        cured: scene("gan", "two-gaussians", &[]),
    },
    Lesson {
        name: "bad-initialisation",
        title: "Bad initialisation",
        see: "The sheet is a single point in the middle, the ground has no colour, and for a long time nothing happens.",
        why: "The first weights are a hundred times too small: signals shrink from layer to layer, and so do gradients on their way back.",
        cure: "Weights as wide as the layer before them asks for keep a signal as large as it came.",
        steps: 300,
        broken: scene("gan", "ring", &[("initial_gain", "0.01")]),
        cured: scene("gan", "ring", &[]),
    },
];

/// The lesson of this name.
pub fn find(name: &str) -> Option<&'static Lesson> {
    LESSONS.iter().find(|lesson| lesson.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::failures::FAILURES;
    use crate::lab::Lab;
    use std::time::Duration;

    #[test]
    fn every_lesson_can_be_set_up_and_names_a_failure() {
        for lesson in LESSONS {
            assert!(
                FAILURES.iter().any(|failure| failure.name == lesson.name),
                "{}",
                lesson.name
            );
            assert_ne!(lesson.broken.setup(0), lesson.cured.setup(0));
            for scene in [lesson.broken, lesson.cured] {
                Lab::new(&scene.setup(0)).unwrap();
            }
        }
        assert!(find("mode-collapse").is_some() && find("boredom").is_none());
    }

    /// The failure that shows soonest: the samples of the broken game are nowhere near.
    #[test]
    fn learning_rates_two_hundred_times_too_large_throw_samples_off() {
        let lesson = find("sensitivity").unwrap();
        let mut lab = Lab::new(&lesson.broken.setup(0)).unwrap();
        lab.advance(lesson.steps as usize, Duration::from_secs(3_600));
        let distance = lab.measure().map_or(f64::INFINITY, |measured| measured.wasserstein);
        assert!(distance > 5.0, "{distance}");
    }
}
