//! Measurements: lines that can be joined with PyTorch's, and what is said where they cannot.
use crate::place::Place;
use serde_json::{Value, json};

fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_step_is_timed_with_the_words_of_the_script_it_is_compared_with() {
    let place = Place::new();
    for (system, precision) in [("gan", "f32"), ("dcgan", "bf16"), ("wgan_gp", "f32")] {
        let line = format!(
            "bench step {system} --size 16 --width 8 --batch 4 --channels 3 --threads 1 --precision {precision} --steps 2 --json"
        );
        let facts: Value = serde_json::from_str(&place.does(&line)).unwrap();
        for key in [
            "median_ms",
            "min_ms",
            "first_step_ms",
            "plan_ms",
            "arena_mib",
            "images_per_s",
        ] {
            assert!(facts[key].is_number(), "{key} of {facts}");
        }
        assert_eq!(facts["model"], system);
        assert_eq!(
            (&facts["device"], &facts["bf16"], &facts["threads"]),
            (&"cpu".into(), &(precision == "bf16").into(), &1.into())
        );
        assert_eq!(facts["precision"], precision);
    }
}

#[test]
fn an_operation_is_timed_with_the_words_of_the_script_it_is_compared_with() {
    let place = Place::new();
    let told = lines(&place.does("bench ops --only dcgan_d5 --threads 1 --json"));
    let [line] = &told[..] else {
        panic!("one line for one operation: {told:?}")
    };
    assert_eq!(
        (&line["name"], &line["bf16"], &line["threads"], &line["mflop"]),
        (&json!("dcgan_d5"), &json!(false), &json!(1), &json!(1.0))
    );
    for key in ["forward_ms", "input_ms", "weight_ms", "multiply_add_gflops"] {
        assert!(line[key].as_f64() > Some(0.0), "{key} of {line}");
    }
    let table = place.does("bench ops --only dcgan_d5 --threads 1");
    assert!(table.contains("\n  dcgan_d5 "), "{table}");
    place.refuses(
        "bench step dcgan --size 50x48 --peer python",
        "error: PyTorch's scripts have no pictures of this size for `dcgan`: expected sides that can be halved until the \
         shorter one is 4 to 7 pixels, got 50x48\n\n\
         hint: leave out `--peer`, or take a size such as `--size 64` or `--size 80x48`",
    );
    place.refuses(
        "bench step cgan --peer python",
        "error: PyTorch's scripts do not have `cgan`: expected one of `gan`, `dcgan`, `wgan_gp`\n\n\
         hint: leave out `--peer`, or compare a system that both have",
    );
    let ran = place.gany("bench ops --only abc");
    assert_eq!(ran.code, 2);
    assert!(
        ran.err
            .starts_with("error: no operation has `abc` in its name\n\nhint: they are dcgan_d1, dcgan_d2,"),
        "{}",
        ran.err
    );
}

#[test]
fn pictures_are_timed_by_the_batch() {
    let place = Place::new();
    for system in ["gan", "cgan"] {
        let told = lines(&place.does(&format!(
            "bench sample {system} --size 16 --width 8 --batch 1,3 --threads 1 --json"
        )));
        let batches: Vec<&Value> = told.iter().map(|line| &line["batch"]).collect();
        assert_eq!(batches, [1, 3]);
        for line in &told {
            let figures = ["median_ms", "min_ms", "pictures_per_s"].map(|key| line[key].as_f64().unwrap());
            assert!(figures.iter().all(|figure| *figure > 0.0), "{line}");
        }
    }
}

#[test]
fn an_odd_step_is_one_line() {
    let place = Place::new();
    let told = lines(&place.does("bench odd --only dcgan_batch_1 --threads 2 --json"));
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["name"], &told[0]["threads"]),
        (&"dcgan_batch_1".into(), &2.into())
    );
    assert!(told[0]["median_ms"].as_f64() > Some(0.0), "{told:?}");
    place.refuses(
        "bench odd --only abc",
        "error: no case has `abc` in its name\n\nhint: they are dcgan_batch_1, dcgan_batch_7, dcgan_batch_16, \
         dcgan_batch_256, dcgan_80x48, u_net, residual_9, self_attention",
    );
}

#[test]
fn growth_is_measured_beside_its_bounds_and_drawn() {
    let place = Place::new();
    let told = lines(
        &place.does("bench growth gan --size 8 --width 8 --batch 2 --steps 1 --over width --plot growth.svg --json"),
    );
    let widths: Vec<&Value> = told.iter().map(|line| &line["width"]).collect();
    assert_eq!(widths, [16, 32, 64, 128, 256]);
    for line in &told {
        assert_eq!((&line["over"], &line["batch"]), (&"width".into(), &2.into()));
        for key in ["median_ms", "arithmetic_ms", "traffic_ms", "gflop"] {
            assert!(line[key].as_f64() > Some(0.0), "{key} of {line}");
        }
    }
    let picture = String::from_utf8(place.read("growth.svg")).unwrap();
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    // Time and memory at five widths.
    assert_eq!(picture.matches("<circle").count(), 10);
    place.refuses(
        "bench growth gan --plot nowhere/growth.svg",
        "error: cannot write the plot (no such file or directory): nowhere/growth.svg\n\n\
         hint: name a file in a folder that is there and that you may write to",
    );
}

/// What a person is told who has no PyTorch.
const HINT: &str = "hint: make one with `python3 -m venv .peers && .peers/bin/pip install torch==2.15.0 numpy`, and give \
                    `--peer .peers/bin/python`";

#[test]
fn a_peer_that_is_not_there() {
    let place = Place::new();
    for what in ["ops --only dcgan_d5", "step dcgan"] {
        place.refuses(
            &format!("bench {what} --peer nowhere/python"),
            &format!("error: cannot run the Python interpreter (no such file or directory): nowhere/python\n\n{HINT}"),
        );
    }
}

/// A peer that answers at once.
#[cfg(unix)]
fn peer(place: &Place, answers: &str) {
    use std::os::unix::fs::PermissionsExt;
    place.write("python", format!("#!/bin/sh\n{answers}\n"));
    std::fs::set_permissions(place.path("python"), std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(unix)]
#[test]
fn a_peer_without_pytorch() {
    let place = Place::new();
    peer(
        &place,
        "echo \"ModuleNotFoundError: No module named 'torch'\" >&2; exit 1",
    );
    place.refuses(
        "bench ops --only dcgan_d5 --peer ./python",
        &format!(
            "error: the Python interpreter has no PyTorch (ModuleNotFoundError: No module named 'torch'): ./python\n\n{HINT}"
        ),
    );
}

#[cfg(unix)]
#[test]
fn the_fastest_of_the_peer_s_modes_counts() {
    let place = Place::new();
    peer(
        &place,
        r#"case "$*" in
        -c*) echo 2.99 ;;
        *--channels-last*--compile*) echo "no compiler" >&2; exit 1 ;;
        *--channels-last*) echo a warning; echo '{"model": "gan", "median_ms": 1000, "peak_mib": 4000}' ;;
        *) echo '{"model": "gan", "median_ms": 3000, "peak_mib": 2000}' ;;
        esac"#,
    );
    let step = "bench step gan --size 16 --width 8 --batch 4 --steps 2 --threads 1 --rounds 2 --peer ./python";
    let told = lines(&place.does(&format!("{step} --json")));
    let of = |side: &str| told.iter().filter(|line| line["side"] == side).collect::<Vec<_>>();
    // Three modes twice, and one that fails is not tried again.
    assert_eq!(
        (of("gany").len(), of("pytorch").len(), of("both").len()),
        (2, 7, 1),
        "{told:?}"
    );
    let both = of("both")[0];
    let mean = |key: &str| of("gany").iter().map(|line| line[key].as_f64().unwrap()).sum::<f64>() / 2.0;
    assert_eq!(both["median_ms"]["mode"], "channels-last");
    assert!(
        (both["median_ms"]["gany"].as_f64().unwrap() - mean("median_ms")).abs() < 1e-3,
        "{told:?}"
    );
    assert_eq!(
        (&both["median_ms"]["pytorch"], &both["peak_mib"]["pytorch"]),
        (&1000.0.into(), &4000.0.into())
    );
    let table = place.does(step);
    for words in [
        "gan, 16x16x3, width 8, 1 thread, batch 4 beside PyTorch 2.99\n",
        "PyTorch's mode channels-last+compile came to nothing: no compiler\n",
        "of the time of PyTorch channels-last,",
    ] {
        assert!(table.contains(words), "{table}");
    }
}
