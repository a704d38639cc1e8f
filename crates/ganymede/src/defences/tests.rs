use super::*;
use crate::data::{self, Shape, order};

/// Pictures in which one thing says the class nine times of ten, and loudly, and another always, and in a whisper (after Tsipras et
/// al. 2019, "Robustness May Be at Odds with Accuracy", arXiv:1805.12152, section 2.1): an attack can drown the whisper.
#[derive(Debug)]
struct Whisper {
    classes: Vec<String>,
    first: u64,
}

const SIDE: usize = 8;

impl Whisper {
    fn new(first: u64) -> Whisper {
        Whisper {
            classes: ["left", "right"].map(str::to_owned).to_vec(),
            first,
        }
    }
}

impl Dataset for Whisper {
    fn name(&self) -> &str {
        "whisper"
    }

    fn digest(&self) -> &str {
        "0123456789abcdef"
    }

    fn len(&self) -> Option<u64> {
        Some(640)
    }

    fn shape(&self) -> Shape {
        Shape::Picture {
            height: SIDE,
            width: SIDE,
            channels: 1,
        }
    }

    fn classes(&self) -> Option<&[String]> {
        Some(&self.classes)
    }

    fn read(&self, index: u64, x: &mut [f32]) -> data::Result<u32> {
        let word = order::hash(index + self.first, 1);
        let (y, is_true) = (word & 1, word >> 1 & 0xff < 230);
        let sign = |yes: bool| if yes { 1.0 } else { -1.0 };
        for (i, x) in x.iter_mut().enumerate() {
            let noise = 0.02 * (order::unit(order::hash(word, i as u64)) as f32 - 0.5);
            let level = if i < SIDE * SIDE / 2 {
                0.6 * sign((y == 1) == is_true)
            } else {
                0.1 * sign(y == 1)
            };
            *x = level + noise;
        }
        Ok(y as u32)
    }
}

/// What PGD leaves within twice the loudness of the whisper.
fn left(classifier: &Classifier) -> Robustness {
    let pgd = attacks::find("pgd")
        .unwrap()
        .build(&[("epsilon".into(), "0.1".into())])
        .unwrap();
    robustness(&Target::of_classifier(classifier), &pgd, &Whisper::new(1 << 20), 200, 0).unwrap()
}

#[test]
fn every_setting_of_every_defence_says_what_it_means() {
    for entry in registry() {
        let (help, keys) = (entry.help(), entry.defaults());
        let silent: Vec<&String> = keys.keys().filter(|key| !help.contains_key(*key)).collect();
        assert!(silent.is_empty(), "{}: {silent:?}", entry.page.id);
    }
}

#[test]
fn what_withstands_is_learnt_in_place_of_what_is_easy() {
    let train = Whisper::new(0);
    let plain = left(&Classifier::train(&train, 0, 6, &mut |_| {}).unwrap());
    // What is loud is right of 180 or so.
    assert!(plain.clean >= 188 && plain.robust <= 20, "{plain:?}");
    for id in ["adversarial_training", "trades"] {
        let built = find(id).unwrap().build(&[("epsilon".into(), "0.1".into())]).unwrap();
        let hard = built.train(&train, 0, 6, &mut |_| {}).unwrap();
        let left = left(&hard);
        assert!(left.robust >= 150, "{id}: {left:?}");
        let record = hard.record().hardened.clone().unwrap();
        assert_eq!((&record.by[..], &record.settings["epsilon"]), (id, &0.1.into()));
        assert_eq!(Target::of_classifier(&hard).name(), format!("clf of whisper, {id}"));
    }
}

#[test]
fn a_hardened_classifier_comes_back_and_an_old_one_has_no_defence() {
    let built = find("randomised_smoothing")
        .unwrap()
        .build(&[("sigma".into(), "0.1".into())])
        .unwrap();
    let classifier = built.train(&Whisper::new(0), 3, 1, &mut |_| {}).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hard.safetensors");
    classifier.save(&path).unwrap();
    assert_eq!(Classifier::load(&path).unwrap().record(), classifier.record());
    assert_eq!(
        Target::open(path.to_str().unwrap()).unwrap().name(),
        "clf of whisper, randomised_smoothing"
    );
    let plain = Classifier::train(&Whisper::new(0), 3, 1, &mut |_| {}).unwrap();
    assert!(!serde_json::to_string(plain.record()).unwrap().contains("hardened"));
}

#[test]
fn ids_are_unique_and_no_other_pages() {
    let mut ids: Vec<&str> = registry().iter().map(|entry| entry.page.id).collect();
    ids.extend(attacks::registry().iter().map(|entry| entry.page.id));
    ids.extend(crate::studies::STUDIES.iter().map(|study| study.id));
    ids.extend(crate::models::registry().iter().map(|entry| entry.card.id));
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

#[test]
fn what_cannot_be_built_is_said() {
    let build = |id: &str, key: &str, value: &str| find(id)?.build(&[(key.into(), value.into())]);
    let error = |id, key, value| build(id, key, value).map(drop).unwrap_err();
    let unknown = error("trade", "", "");
    assert_eq!(unknown.to_string(), "there is no defence `trade`");
    assert_eq!(
        unknown.hint().unwrap(),
        "did you mean `trades`? `gany harden train --help` lists all of them"
    );
    let wrapped = error("defense_gan", "", "");
    assert_eq!(
        wrapped.to_string(),
        "`defense_gan` is no way of training: it is wrapped around a classifier that is trained already"
    );
    assert!(
        wrapped
            .hint()
            .unwrap()
            .starts_with("see it at work with `gany harden purify")
    );
    assert_eq!(
        error("trades", "bets", "1").to_string(),
        "`trades` has no setting `bets`"
    );
    assert_eq!(
        error("trades", "beta", "-1").to_string(),
        "settings of `trades`: expected a beta of 0 or more, got -1"
    );
    assert_eq!(
        error("adversarial_training", "norm", "l0").to_string(),
        "settings of `adversarial_training`: expected a norm of l1, l2, linf, got l0"
    );
    assert_eq!(
        error("randomised_smoothing", "sigma", "0").to_string(),
        "settings of `randomised_smoothing`: expected a sigma above 0, got 0"
    );
    let target = Target::new("tiny", [1, 2, 1], ["a", "b"].map(str::to_owned).to_vec(), |x| {
        x.reshape(&[x.extent(0), 2])
    });
    let pgd = attacks::find("pgd").unwrap().build(&[]).unwrap();
    let error = robustness(&target, &pgd, &Whisper::new(0), 10, 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`tiny` sees pictures of 2x1 with 1 channels, got 8x8 with 1"
    );
}
