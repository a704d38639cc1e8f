//! Defences, each against attacks that do not stop at it: digits under PGD of twenty steps within 0.3 in linf, as the papers have
//! them, with the project's own small classifier.
use crate::Result;
use crate::record::{Evidence, median, picture, round};
use crate::training::{self, order};
use ganymede::attacks::{self, Aim, Target, Task};
use ganymede::data::{self, Want};
use ganymede::defences::defense_gan::DefenseGan;
use ganymede::defences::feature_squeezing::FeatureSqueezing;
use ganymede::defences::randomised_smoothing::RandomisedSmoothing;
use ganymede::defences::{self, Robustness, first};
use ganymede::metrics::Classifier;
use ganymede::metrics::auroc;
use ganymede::run::{Pictures, grid_png};
use serde_json::json;

const SEEDS: [u64; 3] = [0, 1, 2];
const SET: &str = "first:10000:mnist:train";
const TEST: &str = "mnist:test";
const ATTACKED: usize = 500;
const FLOATS: usize = 784;

fn fetch() -> Result<()> {
    Ok(data::get("mnist", &mut |line| println!("      {line}")).map(drop)?)
}

fn changes(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

fn attack(id: &str, pairs: &[(&str, &str)]) -> Result<attacks::Built> {
    Ok(attacks::find(id)?.build(&changes(pairs))?)
}

/// The papers' measure of robustness on digits.
fn pgd() -> Result<attacks::Built> {
    attack("pgd", &[("epsilon", "0.3"), ("steps", "20"), ("step", "0.125")])
}

/// What an attack leaves of a classifier, on so many pictures.
fn left(classifier: &Classifier, attack: &attacks::Built, count: usize, seed: u64) -> Result<Robustness> {
    let (target, data) = (Target::of_classifier(classifier), data::open(TEST, &Want::default())?);
    Ok(defences::robustness(&target, attack, &*data, count, seed)?)
}

/// Pictures that are attacked without gradients too: were they hidden and not gone, that attack would do better.
const SEARCHED: usize = 100;

/// The share of right answers as they are, and under attack.
fn shares(left: Robustness) -> [f64; 2] {
    [left.clean, left.robust].map(|right| right as f64 / left.count as f64)
}

/// Trains a defence and the plain classifier on the same digits, as often; holds both against PGD.
fn hardened(id: &'static str, settings: &[(&str, &str)], epochs: usize, robust_bar: f64) -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    fetch()?;
    let data = data::open(SET, &Want::default())?;
    let built = defences::find(id)?.build(&changes(settings))?;
    let search = attack("square", &[("epsilon", "0.3"), ("queries", "500"), ("share", "0.8")])?;
    let (mut plain, mut hard, mut searched) = (vec![], vec![], vec![]);
    for seed in SEEDS {
        let classifier = Classifier::train(&*data, seed, epochs, &mut |_| {})?;
        plain.push(shares(left(&classifier, &pgd()?, ATTACKED, seed)?));
        let classifier = built.train(&*data, seed, epochs, &mut |progress| {
            if progress.update % 100 == 0 {
                println!(
                    "      seed {seed}, update {} of {}: {:.3}",
                    progress.update, progress.updates, progress.loss
                );
            }
        })?;
        hard.push(shares(left(&classifier, &pgd()?, ATTACKED, seed)?));
        let attacks = [&pgd()?, &search];
        let both: Result<Vec<f64>> = attacks
            .map(|attack| Ok(shares(left(&classifier, attack, SEARCHED, seed)?)[1]))
            .into_iter()
            .collect();
        searched.push(both?);
        println!(
            "      seed {seed}: plain {:?}, {id} {:?}",
            plain[plain.len() - 1],
            hard[hard.len() - 1]
        );
    }
    evidence.settings(id, json!({"settings": built.settings, "data": SET, "epochs": epochs, "attack": pgd()?.settings, "attacked": ATTACKED}));
    let of = |runs: &[[f64; 2]], which: usize| runs.iter().map(|run| round(run[which])).collect::<Vec<_>>();
    for (name, runs) in [("plain", &plain), (id, &hard)] {
        evidence.figure(&format!("accuracy.{name}"), of(runs, 0));
        evidence.figure(&format!("accuracy_under_pgd_20.{name}"), of(runs, 1));
    }
    evidence.figure("under_pgd_20_and_under_square_on_the_first_hundred", json!(searched));
    let worst = searched
        .iter()
        .map(|both| both[0] - both[1])
        .fold(f64::NEG_INFINITY, f64::max);
    evidence.check(
        "how much more a search without gradients (square) takes than PGD-20, worst",
        "<= 0.1",
        format!("{worst:.2}"),
        worst <= 0.1,
    );
    let [plain_robust, clean, robust] = [of(&plain, 1), of(&hard, 0), of(&hard, 1)].map(|shares| median(&shares));
    evidence.check(
        "accuracy under PGD-20, median",
        &format!(">= {robust_bar}"),
        format!("{robust:.3}"),
        robust >= robust_bar,
    );
    evidence.check(
        "and of the plain classifier, median",
        "<= 0.1",
        format!("{plain_robust:.3}"),
        plain_robust <= 0.1,
    );
    evidence.check(
        "accuracy on digits as they are, median",
        ">= 0.9",
        format!("{clean:.3}"),
        clean >= 0.9,
    );
    evidence.figure = format!(
        "{:.1} % right under PGD-20 within 0.3 in linf, {:.1} % without it; the plain classifier {:.1} %",
        100.0 * robust,
        100.0 * clean,
        100.0 * plain_robust
    );
    Ok(evidence)
}

pub(crate) fn adversarial_training() -> Result<Evidence> {
    hardened("adversarial_training", &[], 6, 0.7)
}

pub(crate) fn trades() -> Result<Evidence> {
    hardened("trades", &[("steps", "7")], 16, 0.7)
}

/// Pictures that are certified, and on which certificates are attacked.
const CERTIFIED: usize = 200;
const TRIED: usize = 50;
/// Radii at which certified accuracy is told.
const RADII: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

pub(crate) fn randomised_smoothing() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&SEEDS);
    fetch()?;
    let data = data::open(SET, &Want::default())?;
    let (pictures, classes) = first(&*data::open(TEST, &Want::default())?, CERTIFIED)?;
    let smoothing = RandomisedSmoothing::default();
    let built = defences::find("randomised_smoothing")?.build(&[])?;
    let epochs = 4;
    let (mut noisy, mut plain, mut broken, mut tried) = (vec![], vec![], 0, 0);
    for seed in SEEDS {
        let of = |classifier: &Classifier| {
            let target = Target::of_classifier(classifier);
            let certificates = smoothing.certify(&target, &pictures, seed);
            let held = |radius: f64| {
                let is_held = |(certificate, class): (&defences::randomised_smoothing::Certificate, &usize)| {
                    certificate.class == *class && certificate.radius.is_some_and(|promised| promised > radius)
                };
                certificates.iter().zip(&classes).filter(|pair| is_held(*pair)).count() as f64 / CERTIFIED as f64
            };
            (RADII.map(held), certificates, target)
        };
        plain.push(of(&Classifier::train(&*data, seed, epochs, &mut |_| {})?).0);
        let (held, certificates, target) = of(&built.train(&*data, seed, epochs, &mut |_| {})?);
        noisy.push(held);
        // The classifier under the noise is attacked, and the promise is asked of what comes out.
        let radius = 0.5;
        let strong = attack(
            "pgd",
            &[("norm", "l2"), ("epsilon", "0.499"), ("steps", "20"), ("step", "0.125")],
        )?;
        let task = Task {
            pictures: pictures[..TRIED * FLOATS].to_vec(),
            classes: classes[..TRIED].to_vec(),
            aim: Aim::Away,
            seed,
        };
        let attacked = strong.run(&target, &task)?.pictures;
        let again = smoothing.certify(&target, &attacked, seed + 10);
        for (promised, now) in certificates
            .iter()
            .zip(&again)
            .filter(|(promised, _)| promised.radius.is_some_and(|r| r > radius))
        {
            tried += 1;
            broken += usize::from(promised.class != now.class);
        }
        println!("      seed {seed}: {held:?}");
    }
    evidence.settings(
        "smoothing",
        json!({"settings": smoothing, "data": SET, "epochs": epochs, "certified": CERTIFIED, "radii": RADII}),
    );
    let of_radius = |runs: &[[f64; 5]], i: usize| median(&runs.iter().map(|held| held[i]).collect::<Vec<_>>());
    evidence.figure("certified_accuracy.trained_under_noise", json!(noisy));
    evidence.figure("certified_accuracy.plain", json!(plain));
    evidence.figure("promises_attacked", json!({"tried": tried, "broken": broken}));
    let [half, whole, of_plain] = [of_radius(&noisy, 2), of_radius(&noisy, 4), of_radius(&plain, 2)];
    evidence.check(
        "certified accuracy at 0.5 in l2, median",
        ">= 0.8",
        format!("{half:.3}"),
        half >= 0.8,
    );
    evidence.check(
        "and of the plain classifier, median",
        &format!("< {half:.3}"),
        format!("{of_plain:.3}"),
        of_plain < half,
    );
    evidence.check(
        "promises that an attack within them breaks",
        "0",
        format!("{broken} of {tried}"),
        broken == 0 && tried > 0,
    );
    evidence.figure = format!(
        "certified accuracy {:.1} % at 0.5 in l2, {:.1} % at 1 (sigma 0.5); the plain classifier {:.1} % at 0.5",
        100.0 * half,
        100.0 * whole,
        100.0 * of_plain
    );
    Ok(evidence)
}

/// Pictures that are purified.
const PURIFIED: usize = 100;

pub(crate) fn defense_gan() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&[0]);
    fetch()?;
    let settings: training::Changes = &[
        ("width", "16"),
        ("z_dim", "32"),
        ("generator.learning_rate", "5e-4"),
        ("discriminator.learning_rate", "5e-4"),
    ];
    let run = training::train("defense_gan", order("dcgan", "mnist:train", settings, 0, 1_500))?;
    let purification = DefenseGan {
        steps: 150,
        restarts: 4,
        ..DefenseGan::default()
    };
    let mut purifier = purification.behind(run.folder().path())?;
    let target = Target::of_classifier(&Classifier::of("mnist", &mut |_| {})?);
    let (pictures, classes) = first(&*data::open(TEST, &Want::default())?, PURIFIED)?;
    let right = |pictures: &[f32]| {
        let said = target.judge(PURIFIED).says(pictures);
        said.iter()
            .zip(&classes)
            .filter(|(said, class)| said.class == **class)
            .count() as f64
            / PURIFIED as f64
    };
    let task = Task {
        pictures: pictures.clone(),
        classes: classes.clone(),
        aim: Aim::Away,
        seed: 0,
    };
    let mut figures = vec![];
    let mut shown = vec![];
    for (name, built) in [
        ("clean", None),
        ("fgsm", Some(attack("fgsm", &[("epsilon", "0.3")])?)),
        ("pgd_20", Some(pgd()?)),
    ] {
        let seen = match built {
            Some(built) => built.run(&target, &task)?.pictures,
            None => pictures.clone(),
        };
        let pure = purifier.purified(&seen, 1);
        let shares = [right(&seen), right(&pure)];
        evidence.figure(
            &format!("right.{name}"),
            json!({"without": shares[0], "purified": shares[1]}),
        );
        figures.push(shares);
        shown.extend([seen[..10 * FLOATS].to_vec(), pure[..10 * FLOATS].to_vec()]);
    }
    let values: Vec<f32> = shown.concat().iter().map(|x| 2.0 * x - 1.0).collect();
    let all = Pictures {
        values: &values,
        count: values.len() / FLOATS,
        height: 28,
        width: 28,
        channels: 1,
    };
    grid_png(
        &all,
        10,
        &"digits, attacked digits, and what a generator has made of them, seed 0".to_owned(),
        &picture("defense_gan")?,
    )?;
    // Whoever knows of the search goes back through it as if it were not there (Athalye et al. 2018); on its way it looks less far.
    let mut hasty = DefenseGan {
        steps: 60,
        restarts: 1,
        ..purification
    }
    .behind(run.folder().path())?;
    let some = Task {
        pictures: pictures[..KNOWN_OF * FLOATS].to_vec(),
        classes: classes[..KNOWN_OF].to_vec(),
        ..task.clone()
    };
    let known = knowing(&mut |pictures| hasty.purified(pictures, 1), &target, &some)?;
    let said = target.judge(KNOWN_OF).says(&purifier.purified(&known, 1));
    let kept = said
        .iter()
        .zip(&classes)
        .filter(|(said, class)| said.class == **class)
        .count();
    let pure_known = kept as f64 / KNOWN_OF as f64;
    evidence.figure("right.attacked_through_the_search", pure_known);
    evidence.settings(
        "defense_gan",
        json!({"settings": purification, "generator": training::settings(&run)?, "target": target.name(), "pictures": PURIFIED, "knowing": {"epsilon": 0.3, "step": STEP, "steps": KNOWING_STEPS}}),
    );
    let [[_, pure], [fgsm, pure_fgsm], [pgd, pure_pgd]] = figures[..] else {
        return Err("three kinds of pictures".into());
    };
    let recovered = |without: f64, with: f64| (with - without) / (1.0 - without);
    evidence.check(
        "accuracy on purified digits",
        ">= 0.8",
        format!("{pure:.2}"),
        pure >= 0.8,
    );
    let got = recovered(pgd, pure_pgd);
    evidence.check(
        "of what PGD-20 took, recovered",
        ">= 0.5",
        format!("{got:.2}"),
        got >= 0.5,
    );
    let got = recovered(fgsm, pure_fgsm);
    evidence.check(
        "of what FGSM took, recovered",
        ">= 0.5",
        format!("{got:.2}"),
        got >= 0.5,
    );
    evidence.figure = format!(
        "{:.0} % right under PGD-20 behind the generator, {:.0} % without; {:.0} % where the attack knows of it",
        100.0 * pure_pgd,
        100.0 * pgd,
        100.0 * pure_known
    );
    Ok(evidence)
}

const STEP: f64 = 0.06;
const KNOWING_STEPS: usize = 10;
/// Pictures that are attacked so.
const KNOWN_OF: usize = 50;

/// Steps along the gradient at what a defence makes of the pictures, taken at the pictures themselves.
fn knowing(purified: &mut dyn FnMut(&[f32]) -> Vec<f32>, target: &Target, task: &Task) -> Result<Vec<f32>> {
    // A step of fgsm says the gradient's signs.
    let signs = attack("fgsm", &[("epsilon", "0.001")])?;
    let mut here = task.pictures.clone();
    for _ in 0..KNOWING_STEPS {
        // Away from black and white, where a step of fgsm would be cut off.
        let pure: Vec<f32> = purified(&here).iter().map(|x| x.clamp(0.01, 0.99)).collect();
        let stepped = signs
            .run(
                target,
                &Task {
                    pictures: pure.clone(),
                    ..task.clone()
                },
            )?
            .pictures;
        for ((here, was), (to, from)) in here.iter_mut().zip(&task.pictures).zip(stepped.iter().zip(&pure)) {
            let step = STEP as f32 * (to - from).signum() * f32::from(u8::from(to != from));
            *here = (*here + step).clamp(was - 0.3, was + 0.3).clamp(0.0, 1.0);
        }
    }
    Ok(here)
}

/// Honest digits, and as many that are attacked.
const HONEST: usize = 300;

pub(crate) fn feature_squeezing() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&[0]);
    fetch()?;
    let target = Target::of_classifier(&Classifier::of("mnist", &mut |_| {})?);
    let squeezing = FeatureSqueezing::default();
    let (pictures, _) = first(&*data::open(TEST, &Want::default())?, 2 * HONEST)?;
    // The first half says what is usual, the second is attacked.
    let (usual, attacked) = pictures.split_at(HONEST * FLOATS);
    let threshold = squeezing.threshold(&squeezing.scores(&target, usual));
    let honest = squeezing.scores(&target, attacked);
    let alarms =
        |scores: &[f64]| scores.iter().filter(|score| **score > threshold).count() as f64 / scores.len().max(1) as f64;
    let classes: Vec<usize> = target
        .judge(HONEST)
        .says(attacked)
        .iter()
        .map(|said| said.class)
        .collect();
    let task = Task {
        pictures: attacked.to_vec(),
        classes,
        aim: Aim::Away,
        seed: 0,
    };
    let kinds = [
        ("fgsm", attack("fgsm", &[("epsilon", "0.3")])?),
        ("pgd_20", pgd()?),
        ("deepfool", attack("deepfool", &[])?),
        (
            "cw",
            attack("cw", &[("weight", "0.1"), ("searches", "4"), ("steps", "60")])?,
        ),
    ];
    let single = |scores: &[f64]| scores.iter().map(|score| *score as f32).collect::<Vec<_>>();
    let mut areas = vec![];
    for (name, built) in kinds {
        let done = built.run(&target, &task)?;
        let fooled: Vec<f32> = (0..HONEST)
            .filter(|i| done.outcomes[*i].is_fooled)
            .flat_map(|i| done.pictures[i * FLOATS..][..FLOATS].to_vec())
            .collect();
        let scores = squeezing.scores(&target, &fooled);
        let area = auroc(&single(&honest), &single(&scores));
        evidence.figure(
            &format!("detected.{name}"),
            json!({"auroc": round(area), "share": round(alarms(&scores)), "of_fooled": scores.len()}),
        );
        areas.push(area);
    }
    evidence.figure("false_alarms", round(alarms(&honest)));
    evidence.settings(
        "squeezing",
        json!({"settings": squeezing, "target": target.name(), "honest": HONEST, "threshold": round(threshold)}),
    );
    let mean = areas.iter().sum::<f64>() / areas.len() as f64;
    evidence.check(
        "AUROC, mean over four attacks",
        ">= 0.9",
        format!("{mean:.3}"),
        mean >= 0.9,
    );
    let false_alarms = alarms(&honest);
    evidence.check(
        "false alarms where 5 % are allowed",
        "<= 0.08",
        format!("{false_alarms:.3}"),
        false_alarms <= 0.08,
    );
    evidence.figure = format!(
        "AUROC {mean:.3} on digits, mean over four attacks ({:.3} to {:.3})",
        areas.iter().copied().fold(1.0, f64::min),
        areas.iter().copied().fold(0.0, f64::max)
    );
    Ok(evidence)
}
