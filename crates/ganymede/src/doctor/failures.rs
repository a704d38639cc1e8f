//! Failures on purpose: for each way to fail a training that fails so, and its healthy counterpart. They differ in settings
//! alone, so each is one command.

/// Settings over a system's defaults.
type Settings = &'static [(&'static str, &'static str)];

/// A training that goes wrong, and one that does not.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    /// Its name, such as `vanishing-gradient`.
    pub name: &'static str,
    /// How it is brought about, in a phrase.
    pub about: &'static str,
    /// The alarms that name it; any of them will do.
    pub alarms: &'static [&'static str],
    /// The system.
    pub system: &'static str,
    /// The data.
    pub data: &'static str,
    /// The data of the healthy training, where it is they that make the difference.
    pub healthy_data: &'static str,
    /// Steps of both.
    pub steps: u64,
    /// Settings of both.
    pub settings: Settings,
    /// What is wrong: settings of the broken training alone.
    pub wrong: Settings,
}

impl Failure {
    /// Settings of the broken or of the healthy training.
    pub fn changes(&self, is_broken: bool) -> Vec<(&'static str, &'static str)> {
        let wrong = if is_broken { self.wrong } else { &[] };
        let kept = self
            .settings
            .iter()
            .filter(|(key, _)| wrong.iter().all(|(other, _)| other != key));
        kept.chain(wrong).copied().collect()
    }

    /// Data of the broken or of the healthy training.
    pub fn data(&self, is_broken: bool) -> &'static str {
        if is_broken { self.data } else { self.healthy_data }
    }

    /// The training as a command.
    pub fn command(&self, is_broken: bool) -> String {
        let settings = self.changes(is_broken).into_iter();
        let settings: String = settings.map(|(key, value)| format!(" --set {key}={value}")).collect();
        let (system, data) = (self.system, self.data(is_broken));
        format!("gany train {system} --data {data} --steps {}{settings}", self.steps)
    }
}

const CLOTHES: &str = "fashion-mnist-10k";
const DENSE: Settings = &[("batch", "32"), ("width", "128")];
const CONVOLUTIONAL: Settings = &[("batch", "32"), ("width", "16")];
const RING: Settings = &[
    ("batch", "128"),
    ("z_dim", "2"),
    ("width", "64"),
    ("generator.learning_rate", "5e-4"),
    ("discriminator.learning_rate", "5e-4"),
];
const CRITIC_ON_RING: Settings = &[
    ("batch", "128"),
    ("z_dim", "2"),
    ("width", "64"),
    ("clip", "0.1"),
    ("generator.learning_rate", "1e-4"),
    ("critic.learning_rate", "5e-4"),
];
const CRITIC_ON_GRID: Settings = &[
    ("batch", "128"),
    ("z_dim", "2"),
    ("width", "64"),
    ("penalty_weight", "2"),
    ("generator.learning_rate", "3e-4"),
    ("critic.learning_rate", "1e-3"),
];
const CRITIC_ON_CLOTHES: Settings = &[
    ("batch", "16"),
    ("width", "128"),
    ("networks", "dense"),
    ("generator.learning_rate", "4e-4"),
    ("critic.learning_rate", "4e-4"),
];

/// Every failure, those of the course first.
pub const FAILURES: &[Failure] = &[
    Failure {
        name: "vanishing-gradient",
        about: "the minimax loss against a discriminator that learns a hundred times faster",
        alarms: &["vanishing-gradient"],
        system: "gan",
        data: CLOTHES,
        healthy_data: CLOTHES,
        steps: 800,
        settings: DENSE,
        wrong: &[
            ("objective", "minimax"),
            ("discriminator.learning_rate", "2e-3"),
            ("generator.learning_rate", "1e-5"),
        ],
    },
    Failure {
        name: "mode-collapse",
        about: "a generator that runs away from its discriminator, from one mode to the next",
        alarms: &["mode-collapse"],
        system: "gan",
        data: "ring",
        healthy_data: "ring",
        steps: 2_000,
        settings: RING,
        wrong: &[
            ("generator.learning_rate", "1e-3"),
            ("discriminator.learning_rate", "2e-5"),
        ],
    },
    Failure {
        name: "non-convergence",
        about: "steps so long that the players circle around where they should meet",
        alarms: &["oscillation"],
        system: "gan",
        data: "ring",
        healthy_data: "ring",
        steps: 2_000,
        settings: RING,
        wrong: &[
            ("generator.learning_rate", "5e-3"),
            ("discriminator.learning_rate", "5e-3"),
        ],
    },
    Failure {
        name: "imbalance",
        about: "a discriminator that learns two thousand times faster than its generator",
        alarms: &["discriminator-won"],
        system: "dcgan",
        data: CLOTHES,
        healthy_data: CLOTHES,
        steps: 500,
        settings: CONVOLUTIONAL,
        wrong: &[
            ("discriminator.learning_rate", "2e-3"),
            ("generator.learning_rate", "1e-6"),
        ],
    },
    Failure {
        name: "weak-discriminator",
        about: "a discriminator that hardly learns at all",
        alarms: &["discriminator-gave-up"],
        system: "gan",
        data: CLOTHES,
        healthy_data: CLOTHES,
        steps: 800,
        settings: DENSE,
        wrong: &[("discriminator.learning_rate", "1e-9")],
    },
    Failure {
        name: "sensitivity",
        about: "learning rates 250 times those of the paper",
        alarms: &["learning-rate"],
        system: "dcgan",
        data: CLOTHES,
        healthy_data: CLOTHES,
        steps: 500,
        settings: CONVOLUTIONAL,
        wrong: &[
            ("discriminator.learning_rate", "0.05"),
            ("generator.learning_rate", "0.05"),
        ],
    },
    Failure {
        name: "bad-initialisation",
        about: "first weights a hundred times too small",
        alarms: &["bad-initialisation"],
        system: "gan",
        data: CLOTHES,
        healthy_data: CLOTHES,
        steps: 800,
        settings: DENSE,
        wrong: &[("initial_gain", "0.01")],
    },
    Failure {
        name: "exploding-gradient",
        about: "a critic whose slope nobody penalises",
        alarms: &["exploding-gradient"],
        system: "wgan_gp",
        data: "grid",
        healthy_data: "grid",
        steps: 1_500,
        settings: CRITIC_ON_GRID,
        wrong: &[("penalty_weight", "0")],
    },
    Failure {
        name: "lipschitz",
        about: "a Wasserstein critic whose weights nobody clips",
        alarms: &["lipschitz"],
        system: "wgan",
        data: "ring",
        healthy_data: "ring",
        steps: 1_500,
        settings: CRITIC_ON_RING,
        wrong: &[("clip", "1000")],
    },
    Failure {
        name: "discriminator-overfits",
        about: "64 pictures where there should be thousands",
        alarms: &["discriminator-overfits"],
        system: "dcgan",
        data: "first:64:fashion-mnist-10k",
        healthy_data: CLOTHES,
        steps: 1_500,
        settings: CONVOLUTIONAL,
        wrong: &[],
    },
    Failure {
        name: "memorisation",
        about: "16 pictures and time enough to learn each by heart",
        alarms: &["memorisation"],
        system: "wgan_gp",
        data: "first:16:fashion-mnist-10k",
        healthy_data: CLOTHES,
        steps: 3_500,
        settings: CRITIC_ON_CLOTHES,
        wrong: &[],
    },
    Failure {
        name: "dead-units",
        about: "a generator whose rectifiers are pushed out of reach by its first steps",
        alarms: &["dead-units"],
        system: "dcgan",
        data: CLOTHES,
        healthy_data: CLOTHES,
        steps: 500,
        settings: CONVOLUTIONAL,
        wrong: &[("generator.learning_rate", "0.3")],
    },
    Failure {
        name: "batch-norm-drift",
        about: "a generator that changes faster than its running statistics can follow",
        alarms: &["batch-norm-drift"],
        system: "dcgan",
        data: CLOTHES,
        healthy_data: CLOTHES,
        steps: 500,
        settings: CONVOLUTIONAL,
        wrong: &[("generator.learning_rate", "0.2")],
    },
    Failure {
        name: "not-a-number",
        about: "learning rates past all bounds",
        alarms: &["not-a-number"],
        system: "gan",
        data: CLOTHES,
        healthy_data: CLOTHES,
        steps: 800,
        settings: DENSE,
        wrong: &[
            ("discriminator.learning_rate", "1e20"),
            ("generator.learning_rate", "1e20"),
        ],
    },
];
