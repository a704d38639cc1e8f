//! What the verbs do when all is well.
use crate::place::Place;
use serde_json::{Value, json};
use std::io::Read;

#[test]
fn alone_it_says_what_can_be_done() {
    let place = Place::new();
    let out = place.does("");
    assert!(out.lines().count() <= 15, "{out}");
    for command in ["gany train\n", "gany train --data FOLDER --size 64\n", "gany models\n"] {
        assert!(out.contains(command), "{out}");
    }
    for verb in ["train", "import", "sample", "models", "data", "bench"] {
        let help = place.does(&format!("{verb} --help"));
        assert!(help.contains("Examples:"), "{help}");
    }
}

#[test]
fn the_zoo_is_there_for_programs() {
    let place = Place::new();
    let zoo: Value = serde_json::from_str(&place.does("models --json")).unwrap();
    let zoo = zoo.as_array().unwrap();
    let systems = ganymede::models::registry().len();
    let pages = ganymede::attacks::registry().len() + ganymede::defences::registry().len();
    assert_eq!(zoo.len(), systems + ganymede::studies::STUDIES.len() + pages);
    for (i, system) in zoo.iter().enumerate() {
        for field in ["id", "section", "title", "paper", "idea", "evidence", "figure"] {
            assert!(system[field].is_string(), "{field} of {system}");
        }
        assert!(
            ["pass", "short", "none"].contains(&system["evidence"].as_str().unwrap()),
            "{system}"
        );
        // Behind the systems come the pages that are none: nothing is trained there.
        assert_eq!(system["settings"]["batch"].is_u64(), i < systems, "{system}");
    }
    let one: Value = serde_json::from_str(&place.does("models dcgan --json")).unwrap();
    assert_eq!(one["title"], "DCGAN");
}

#[test]
fn the_same_seed_makes_the_same_pictures() {
    let place = Place::new();
    let tiny = "--size 16 --set width=8 --batch 8 --steps 6 --seed 5";
    for run in ["a", "b"] {
        place.does(&format!("train dcgan {tiny} --out {run}"));
    }
    assert_eq!(place.names("a/samples"), place.names("b/samples"));
    for sample in place.names("a/samples") {
        assert_eq!(
            place.read(format!("a/samples/{sample}")),
            place.read(format!("b/samples/{sample}"))
        );
    }
    for (run, to) in [("a", "a.png"), ("b", "b.png")] {
        place.does(&format!("sample {run} -n 9 --seed 3 -o {to}"));
    }
    assert_eq!(place.read("a.png"), place.read("b.png"));
    // As files they are what they are in a grid, and sample 7 does not depend on how many others there are.
    place.does("sample a -n 9 --seed 3 -o nine");
    place.does("sample a -n 120 --seed 3 -o many");
    place.does("sample a -n 9 --seed 4 -o others");
    assert_eq!(
        place.names("nine"),
        (0..9).map(|i| format!("{i:05}.png")).collect::<Vec<_>>()
    );
    assert_eq!(place.names("many").len(), 120);
    assert_eq!(place.read("nine/00007.png"), place.read("many/00007.png"));
    assert_ne!(place.read("nine/00007.png"), place.read("others/00007.png"));
    let size = |name| image::image_dimensions(place.path(name)).unwrap();
    assert_eq!(size("nine/00000.png"), (16, 16));
    // Three by three, enlarged four times, with gutters.
    assert_eq!(size("a.png"), (3 * 66 + 2, 3 * 66 + 2));
}

#[test]
fn threads_change_nothing() {
    let place = Place::new();
    for threads in [1, 3] {
        place.does(&format!(
            "train dcgan --size 16 --set width=8 --batch 8 --steps 5 --threads {threads} --out {threads}"
        ));
    }
    let sample = "samples/step-0000005.png";
    assert_eq!(place.read(format!("1/{sample}")), place.read(format!("3/{sample}")));
}

#[test]
fn a_class_is_asked_for_by_name_or_number() {
    let place = Place::new();
    place.does("train cgan --size 16 --set width=8 --batch 8 --steps 4 --out run");
    for (class, to) in [("'Ankle boot'", "name.png"), ("9", "number.png"), ("8", "other.png")] {
        place.does(&format!("sample run -n 4 --class {class} -o {to}"));
    }
    assert_eq!(place.read("name.png"), place.read("number.png"));
    assert_ne!(place.read("name.png"), place.read("other.png"));
}

#[test]
fn points_are_plotted_or_listed() {
    let place = Place::new();
    place.does("train gan --data ring --steps 3 --set width=4 --out run");
    place.does("sample run -n 100 -o plot.png");
    assert_eq!(image::image_dimensions(place.path("plot.png")).unwrap(), (640, 640));
    place.does("sample run -n 100 -o list");
    let csv = String::from_utf8(place.read("list/points.csv")).unwrap();
    assert_eq!((csv.lines().next(), csv.lines().count()), (Some("x,y"), 101));
    // They are data again.
    place.does("train gan --data points:list/points.csv --steps 1 --set width=4 --out again");
}

#[test]
fn training_speaks_json() {
    let place = Place::new();
    let ran = place.gany("train wgan_gp --data ring --steps 5 --set width=4 --out run --json");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let lines: Vec<Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let steps = lines.iter().filter(|line| line["event"] == "step").count();
    assert_eq!(steps, 5);
    let last = lines.last().unwrap();
    assert_eq!((&last["summary"], &last["step"]), (&"finished".into(), &5.into()));
    assert_eq!(
        (&last["run"], &last["report"]),
        (&"run".into(), &"run/report.html".into())
    );
}

#[test]
fn a_run_keeps_the_precision_that_it_began_with() {
    let place = Place::new();
    // What `auto` takes is up to the machine; the emulation is there on all.
    let plain = ("GANY_ISA", "portable");
    let ran = place.gany_with(
        plain,
        "train gan --data ring --steps 3 --set width=4 --precision auto --out auto",
    );
    assert!(
        ran.out
            .contains("precision f32: instruction set `portable` cannot multiply bf16"),
        "{ran:?}"
    );
    let precision = |run: &str| -> Value {
        let settings: Value = serde_json::from_slice(&place.read(format!("{run}/config.json"))).unwrap();
        settings["precision"].clone()
    };
    assert_eq!(precision("auto"), "f32");
    let ran = place.gany_with(
        plain,
        "train gan --data ring --steps 3 --set width=4 --precision bf16 --out run",
    );
    let slow = "warning: instruction set `portable` cannot multiply bf16: it is emulated, slower than f32";
    assert!(ran.out.contains("in bf16, in run") && ran.out.contains(slow), "{ran:?}");
    assert_eq!(precision("run"), "bf16");
    assert!(place.does("train --resume run --steps 5").contains("in bf16, in run"));
    assert!(
        place
            .does("train --resume run --steps 6 --precision auto")
            .contains("in bf16, in run")
    );
    place.refuses(
        "train --resume run --steps 9 --precision f32",
        "error: expected the settings that the run began with, got 1 changed: precision: \"bf16\" -> \"f32\": run\n\n\
         hint: resume without these settings, or begin a new run with them and another `--out`",
    );
}

#[test]
fn a_classifier_is_trained_once() {
    let place = Place::new();
    // Two classes that a glance tells apart.
    for (class, shade) in [("dark", 0), ("light", 200)] {
        std::fs::create_dir_all(place.path(&format!("photos/{class}"))).unwrap();
        for i in 0..40_u8 {
            let picture = image::GrayImage::from_pixel(8, 8, image::Luma([shade + i]));
            picture.save(place.path(&format!("photos/{class}/{i}.png"))).unwrap();
        }
    }
    let train = || -> Value { serde_json::from_str(&place.does("train classifier --data photos --json")).unwrap() };
    let first = train();
    assert_eq!(first["record"]["classes"], serde_json::json!(["dark", "light"]));
    assert_eq!(first["was_there"], false);
    let again = train();
    assert_eq!(
        (&again["was_there"], &again["record"]),
        (&true.into(), &first["record"])
    );
    place.refuses(
        "train classifier --steps 3",
        "error: `gany train classifier` takes `--data`, `--threads` and `--json` only\n\n\
         hint: it learns the pictures as they are, and is kept in the cache folder",
    );
    place.refuses(
        "train classifier --data ring",
        "error: a classifier needs labelled pictures: expected two or more classes of pictures, got points in `ring, all but every tenth`\n\n\
         hint: put the pictures of each class into a sub-folder of its own",
    );
}

#[test]
fn data_are_listed_and_checked() {
    let place = Place::new();
    let sets: Value = serde_json::from_str(&place.does("data list --json")).unwrap();
    assert!(
        sets.as_array()
            .unwrap()
            .iter()
            .any(|set| set["id"] == "ring" && set["source"] == "computed")
    );
    place.pictures("photos/cats", 3, 16);
    place.pictures("photos/dogs", 2, 16);
    place.write("photos/dogs/bad.png", "?");
    let ran = place.gany("data check photos --json");
    assert_eq!(ran.code, 2);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["count"], 5);
    assert_eq!(report["broken"].as_array().unwrap().len(), 1);
    let ran = place.gany("data check photos");
    assert!(ran.out.contains("classes   cats (3), dogs (2)"), "{}", ran.out);
    place.refuses(
        "data get ring",
        "error: nothing to fetch for `ring`: it is computed\n\nhint: use it at once: `gany train --data ring`",
    );
}

#[test]
fn pictures_are_packed_and_shown() {
    let place = Place::new();
    place.pictures("photos/cats", 3, 16);
    place.pictures("photos/dogs", 2, 16);
    let packed = place.does("data pack photos shards-%03d.tar --size 8 --shard 2 --background black");
    assert_eq!(
        packed.trim_end(),
        "packed 5 pictures: shards-{000..002}.tar\ntry gany train --data 'shards-{000..002}.tar'"
    );
    // The pictures of both classes are the same, so two are repeated.
    let packed: Value = serde_json::from_str(&place.does("data pack photos once.zip --drop-repeated --json")).unwrap();
    assert_eq!((&packed["pictures"], &packed["repeated"]), (&json!(3), &json!(2)));
    let report: Value =
        serde_json::from_str(&place.does("data check shards-{000..002}.tar --sheet sheet.png --json")).unwrap();
    assert_eq!(report["count"], 5);
    assert_eq!(report["classes"][0]["count"], 3);
    assert_eq!(report["repeated"].as_array().unwrap().len(), 2);
    let sheet = image::open(place.path("sheet.png")).unwrap();
    assert_eq!((sheet.width(), sheet.height()), (640, 64));
    place.refuses(
        "data pack photos photos.rar",
        "error: cannot pack: expected a path that ends in .zip or .tar: photos.rar\n\n\
         hint: write `set.zip`, or `set-%06d.tar` for shards",
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    for line in [
        "models --json",
        "train gan --data ring --steps 300 --set width=4 --out run --json",
    ] {
        let mut child = place.start(line);
        drop(child.stdout.take());
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""), "{line}");
    }
    assert!(place.path("run/report.html").exists());
}
