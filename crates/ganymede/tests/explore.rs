//! Walking through generators that were trained a little: what is painted comes about, and units do what they are told.
use ganymede::data::Want;
use ganymede::engine::Precision;
use ganymede::explore::retouching::{Paint, Retouching};
use ganymede::explore::units::{Opened, layers};
use ganymede::explore::{Code, ExploreError, Explorer, Pick};
use ganymede::run::{Length, Order, Training};
use std::path::Path;
use std::sync::OnceLock;

/// A run of few steps on sixteen by sixteen pixels.
fn trained(path: &Path, system: &str, changes: &[(&str, &str)]) -> Explorer {
    let order = Order {
        system: system.to_owned(),
        changes: changes
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        data: "first:64:fashion-mnist-10k".to_owned(),
        want: Want {
            size: Some((16, 16)),
            ..Want::default()
        },
        seed: 0,
        precision: Precision::F32,
        length: Length::Steps(100),
        checkpoint_every: None,
        sample_every: None,
        eval_every: None,
        command: vec![],
    };
    let mut training = Training::begin(order, path).unwrap();
    training.run(&OnceLock::new(), &mut |_| {}).unwrap();
    drop(training);
    Explorer::open(path, None).unwrap()
}

const DCGAN: &[(&str, &str)] = &[("width", "4"), ("batch", "8"), ("z_dim", "8")];
const CGAN: &[(&str, &str)] = &[("batch", "8"), ("z_dim", "8")];
const STYLEGAN: &[(&str, &str)] = &[
    ("width", "4"),
    ("max_width", "8"),
    ("batch", "4"),
    ("z_dim", "8"),
    ("w_dim", "8"),
    ("mapping_layers", "1"),
];

fn code(explorer: &mut Explorer) -> Code {
    explorer.codes(&[Pick { seed: 1, number: 3 }], None).remove(0)
}

fn picture(explorer: &mut Explorer, code: &Code) -> Vec<f32> {
    explorer.sampler_mut().make_at_a_time(1);
    explorer.pictures(std::slice::from_ref(code))
}

/// The mean square difference over the pixels that are asked for.
fn apart(a: &[f32], b: &[f32], is_asked: impl Fn(usize) -> bool) -> f32 {
    let squares = (0..a.len()).filter(|i| is_asked(*i)).map(|i| (a[i] - b[i]).powi(2));
    let (sum, count) = squares.fold((0.0, 0.0), |(sum, count), square| (sum + square, count + 1.0));
    sum / count
}

#[test]
fn what_is_painted_comes_about_and_nearness_keeps_the_rest() {
    let there = tempfile::tempdir().unwrap();
    for (system, changes) in [("dcgan", DCGAN), ("stylegan", STYLEGAN), ("cgan", CGAN)] {
        let mut explorer = trained(&there.path().join(system), system, changes);
        let kept = code(&mut explorer);
        let before = picture(&mut explorer, &kept);
        // The upper left quarter is painted as another sample has it.
        let is_painted = |i: usize| i / 16 < 8 && i % 16 < 8;
        let other = explorer.codes(&[Pick { seed: 1, number: 5 }], kept.class).remove(0);
        let paint = Paint {
            colours: picture(&mut explorer, &other),
            mask: (0..256).map(|i| f32::from(u8::from(is_painted(i)))).collect(),
        };
        let mut retouching = Retouching::new(&mut explorer).unwrap();
        assert_eq!(retouching.picture(), [16, 16, 1]);
        let mut found = |explorer: &mut Explorer, near: f64, portions: &[usize]| {
            let mut going = retouching.begin(explorer, &kept, &kept, &paint, near);
            for portion in portions {
                retouching.go_on(explorer, &mut going, *portion, 60);
            }
            assert_eq!(going.done(), 60);
            going.code()
        };
        let free = found(&mut explorer, 0.001, &[60]);
        assert_eq!(
            free,
            found(&mut explorer, 0.001, &[1, 20, 39]),
            "portions change nothing"
        );
        let after = picture(&mut explorer, &free);
        let misfit = |picture: &[f32]| apart(picture, &paint.colours, is_painted);
        assert!(
            misfit(&after) < 0.7 * misfit(&before),
            "{system}: from {} to {}",
            misfit(&before),
            misfit(&after)
        );
        let near = found(&mut explorer, 3.0, &[60]);
        let beside = picture(&mut explorer, &near);
        let moved = |picture: &[f32]| apart(picture, &before, |i| !is_painted(i));
        assert!(
            moved(&beside) < moved(&after),
            "{system}: {} and {}",
            moved(&beside),
            moved(&after)
        );
        let is_between = |a: f32, b: f32| a < b && b < misfit(&before) * 1.001;
        assert!(
            is_between(misfit(&after), misfit(&beside)),
            "{system}: paint yields to nearness"
        );
        assert_eq!(free.class, kept.class);
    }
}

#[test]
fn units_respond_are_silenced_and_made_louder() {
    let there = tempfile::tempdir().unwrap();
    for (system, changes) in [("dcgan", DCGAN), ("stylegan", STYLEGAN), ("cgan", CGAN)] {
        let mut explorer = trained(&there.path().join(system), system, changes);
        let code = code(&mut explorer);
        let plain = picture(&mut explorer, &code);
        let layer = layers(&explorer).pop().unwrap();
        let mut opened = Opened::at(&explorer, &layer.name).unwrap();
        assert_eq!(opened.layer(), &layer);
        let as_it_is = opened.look(&mut explorer, &code, &[]).unwrap();
        assert!(apart(&as_it_is.picture, &plain, |_| true) < 1e-8, "{system}");
        let strengths: Vec<f32> = as_it_is.units.iter().map(|unit| unit.strength).collect();
        assert!(strengths.is_sorted_by(|a, b| a >= b) && strengths.len() == layer.extents[2]);
        let strongest = as_it_is.units[0];
        let sides = [layer.extents[0], layer.extents[1]];
        let map = as_it_is.map(strongest.number, sides);
        let most = map.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mean = map.iter().map(|x| x.abs()).sum::<f32>() / map.len() as f32;
        assert_eq!((map.len(), most), (sides[0] * sides[1], strongest.range[1]));
        assert!((mean - strongest.strength).abs() < 1e-5);
        // Once as loud is as it is; off and up are not, and what is said before the change stays.
        let mut with = |factor: f32| {
            opened
                .look(&mut explorer, &code, &[(strongest.number, factor)])
                .unwrap()
        };
        assert_eq!(with(1.0), as_it_is);
        let (off, up) = (with(0.0), with(3.0));
        assert_eq!(off.units, as_it_is.units);
        assert!(apart(&off.picture, &plain, |_| true) > 1e-6 && apart(&up.picture, &off.picture, |_| true) > 1e-6);
        let error = opened.look(&mut explorer, &code, &[(99_999, 0.0)]).unwrap_err();
        let last = layer.extents[2] - 1;
        assert_eq!(
            error.to_string(),
            format!("expected a unit from 0 to {last}, got 99999")
        );
        let error = Opened::at(&explorer, "encoder.1").err().unwrap();
        assert!(matches!(error, ExploreError::NoLayer { .. }) && error.hint().unwrap().contains(&layer.name));
    }
}
