use super::linear::{target, task};
use super::*;

#[test]
fn every_setting_of_every_attack_says_what_it_means() {
    for entry in registry() {
        let (help, keys) = (entry.help(), entry.defaults());
        let silent: Vec<&String> = keys.keys().filter(|key| !help.contains_key(*key)).collect();
        assert!(silent.is_empty(), "{}: {silent:?}", entry.page.id);
    }
}

#[test]
fn ids_are_unique_and_no_other_pages() {
    let mut ids: Vec<&str> = registry().iter().map(|entry| entry.page.id).collect();
    ids.extend(crate::studies::STUDIES.iter().map(|study| study.id));
    ids.extend(crate::models::registry().iter().map(|entry| entry.card.id));
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

#[test]
fn no_attack_leaves_its_ball_or_the_picture_and_the_same_seed_gives_the_same_bits() {
    let (target, task) = (target(), task());
    for entry in registry() {
        let attack = entry.build(&[]).unwrap().attack;
        let made = attack.run(&target, &task);
        let id = entry.page.id;
        assert_eq!(made.pictures.len(), task.pictures.len(), "{id}");
        assert_eq!([made.gradients.len(), made.queries.len()], [2, 2], "{id}");
        assert!(
            made.pictures.iter().all(|x| (0.0..=1.0).contains(x)),
            "{id} leaves [0, 1]"
        );
        assert_eq!(
            made,
            entry.build(&[]).unwrap().attack.run(&target, &task),
            "{id} is not repeatable"
        );
        for (outcome, (was, is)) in outcomes(&target, &task, &made)
            .iter()
            .zip(task.pictures.chunks_exact(6).zip(made.pictures.chunks_exact(6)))
        {
            assert_eq!(outcome.l0 == 0.0, was == is, "{id}");
            if let Some((norm, epsilon)) = attack.ball() {
                let size = [outcome.l0, outcome.l1, outcome.l2, outcome.linf][norm as usize];
                assert!(
                    size <= epsilon * (1.0 + 1e-5) + 1e-6,
                    "{id} leaves its ball: {size} of {epsilon}"
                );
            }
        }
    }
}

#[test]
fn what_is_found_of_a_picture_does_not_depend_on_the_others() {
    let (target, both) = (target(), task());
    let first = Task {
        pictures: both.pictures[..6].to_vec(),
        classes: vec![0],
        ..both.clone()
    };
    for entry in registry() {
        let attack = entry.build(&[]).unwrap().attack;
        if attack.is_universal() {
            continue;
        }
        let (alone, together) = (attack.run(&target, &first), attack.run(&target, &both));
        assert_eq!(alone.pictures, together.pictures[..6], "{}", entry.page.id);
    }
}

#[test]
fn what_cannot_be_run_is_said() {
    let build = |id: &str, key: &str, value: &str| find(id)?.build(&[(key.into(), value.into())]);
    let error = |id, key, value| build(id, key, value).map(drop).unwrap_err();
    assert_eq!(error("deepfol", "", "").to_string(), "there is no attack `deepfol`");
    assert_eq!(
        error("deepfol", "", "").hint().unwrap(),
        "did you mean `deepfool`? `gany attack --help` lists all of them"
    );
    let unknown = error("pgd", "stepz", "1");
    assert_eq!(unknown.to_string(), "`pgd` has no setting `stepz`");
    let refused = |key, value| {
        let pgd = build("pgd", key, value).unwrap();
        pgd.run(&target(), &task()).map(drop).unwrap_err().to_string()
    };
    assert_eq!(
        refused("epsilon", "0"),
        "settings of `pgd`: expected an epsilon above 0, got 0"
    );
    assert_eq!(
        refused("norm", "l0"),
        "settings of `pgd`: expected a norm of l1, l2, linf, got l0"
    );
}
