//! `eyeglasses`: faces of the ORL set under the identity network of face-api. No picture of it is kept: those faces are not ours to
//! show.
use crate::Result;
use crate::record::{Evidence, round};
use ganymede::attacks::eyeglasses::Eyeglasses;
use ganymede::attacks::{Aim, Attack, Target, Task};
use ganymede::data::{self, Want};
use ganymede::deepfake::faces::{IDENTITY, Likeness};
use ganymede::defences::first;
use ganymede::engine::{Buffer, DType, Program, Tensor};
use serde_json::json;

const PEOPLE: usize = 10;
/// Pictures of each person that say who it is, and others of the person.
const KNOWN: usize = 7;
const NEW: usize = 2;
/// What turns squares of distances into logits: two pictures of one person are nearer than 0.36.
const SHARPNESS: f64 = 20.0;

pub(crate) fn evidence() -> Result<Evidence> {
    let mut evidence = Evidence::of_seeds(&[0]);
    for set in ["orl-faces", "face-api"] {
        data::get(set, &mut |line| println!("      {line}"))?;
    }
    let data = data::open("orl-faces", &Want::default())?;
    let [height, width, channels] = data.shape().picture().ok_or("faces are pictures")?;
    let floats = height * width * channels;
    let (all, people) = first(&*data, usize::MAX)?;
    let people = &people;
    let of_person = |person: usize| {
        (0..people.len())
            .filter(move |i| people[*i] == person)
            .collect::<Vec<_>>()
    };
    let numbers: Vec<Vec<usize>> = (0..PEOPLE).map(of_person).collect();
    let faces = |from: usize, count: usize| -> Vec<f32> {
        let chosen = numbers.iter().flat_map(|numbers| &numbers[from..from + count]);
        chosen
            .flat_map(|i| all[i * floats..][..floats].iter().copied())
            .collect()
    };
    let likeness = Likeness::open()?;
    let known = Tensor::placeholder(DType::F32, &[PEOPLE * KNOWN, height, width, channels]);
    let means = likeness
        .identities(&(&known * 2.0 - 1.0))
        .reshape(&[PEOPLE, KNOWN, IDENTITY])
        .mean_axes(&[1]);
    let mut program = Program::compile(&[known], &[means], &[None]);
    program.run(&mut [Buffer::from_f32(&faces(0, KNOWN))]);
    let means = Tensor::from_f32(&[1, PEOPLE, IDENTITY], program.output(0));
    let names = (0..PEOPLE).map(|person| format!("person {person}")).collect();
    let target = Target::new("face-api identities", [height, width, channels], names, move |x| {
        let identities = likeness
            .identities(&(x * 2.0 - 1.0))
            .reshape(&[x.extent(0), 1, IDENTITY]);
        (identities - &means).square().sum_axes(&[2]) * -SHARPNESS
    });
    let pictures = faces(KNOWN, NEW);
    let truth: Vec<usize> = (0..PEOPLE).flat_map(|person| vec![person; NEW]).collect();
    let said: Vec<usize> = target
        .judge(truth.len())
        .says(&pictures)
        .iter()
        .map(|said| said.class)
        .collect();
    let share = |is: &dyn Fn(usize) -> bool| (0..truth.len()).filter(|i| is(*i)).count() as f64 / truth.len() as f64;
    let recognised = share(&|i| said[i] == truth[i]);
    let glasses = Eyeglasses {
        steps: 150,
        ..Eyeglasses::default()
    };
    // A frame of one colour: no step is taken.
    let plain = Eyeglasses { steps: 0, ..glasses };
    let away = Task {
        pictures: pictures.clone(),
        classes: said.clone(),
        aim: Aim::Away,
        seed: 0,
    };
    let somebody: Vec<usize> = said.iter().map(|person| (person + 3) % PEOPLE).collect();
    let towards = Task {
        classes: somebody,
        aim: Aim::To,
        ..away.clone()
    };
    let met = |glasses: &Eyeglasses, task: &Task| -> f64 {
        let now = target.judge(truth.len()).says(&glasses.run(&target, task).pictures);
        share(&|i| task.aim.is_met(now[i].class, task.classes[i]))
    };
    let (plain_away, plain_towards) = (met(&plain, &away), met(&plain, &towards));
    let (dodged, impersonated) = (met(&glasses, &away), met(&glasses, &towards));
    let covered = glasses.mask(target.shape()).iter().sum::<f32>() / (height * width) as f32;
    evidence.settings(
        "eyeglasses",
        json!({"settings": glasses, "people": PEOPLE, "known": KNOWN, "pictures": truth.len(), "sharpness": SHARPNESS}),
    );
    evidence.figure("recognised_without_glasses", round(recognised));
    evidence.figure("share_of_pixels_under_the_frame", round(f64::from(covered)));
    evidence.figure(
        "taken_for_another",
        json!({"adversarial": dodged, "yellow": plain_away}),
    );
    evidence.figure(
        "taken_for_the_one_chosen",
        json!({"adversarial": impersonated, "yellow": plain_towards}),
    );
    evidence.check(
        "taken for somebody else",
        ">= 0.9",
        format!("{dodged:.3}"),
        dodged >= 0.9,
    );
    evidence.check(
        "taken for the person chosen",
        ">= 0.8",
        format!("{impersonated:.3}"),
        impersonated >= 0.8,
    );
    let more = dodged - plain_away;
    evidence.check(
        "taken for somebody else more often than with a yellow frame, by",
        ">= 0.3",
        format!("{more:.3}"),
        more >= 0.3,
    );
    evidence.figure = format!(
        "{:.0} % of faces taken for another, {:.0} % for the one chosen; with a yellow frame {:.0} % and {:.0} %",
        100.0 * dodged,
        100.0 * impersonated,
        100.0 * plain_away,
        100.0 * plain_towards
    );
    Ok(evidence)
}
