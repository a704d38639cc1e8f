//! `gany import`: weights of others become runs, and what cannot become one is said.
use crate::place::Place;
use std::path::PathBuf;

/// A file that `reference/networks.py` writes.
fn reference(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../reference/networks")
        .join(name)
}

/// A place with these files.
fn place(names: &[&str]) -> Place {
    let place = Place::new();
    for name in names {
        place.write(name, std::fs::read(reference(name)).unwrap());
    }
    place
}

#[test]
fn weights_become_a_run_that_makes_samples() {
    let place = place(&["ada.pkl", "zoo.pth"]);
    let said = place.does("import ada.pkl");
    assert_eq!(
        said.trim_end(),
        "StyleGAN and StyleGAN2, 16x16 colour, in runs/stylegan-ada\n\n  more     gany sample runs/stylegan-ada"
    );
    assert_eq!(
        place.names("runs/stylegan-ada"),
        [
            "checkpoints",
            "config.json",
            "events.jsonl",
            "lock",
            "provenance.json",
            "report.html",
            "samples"
        ]
    );
    place.does("sample runs/stylegan-ada -n 4 -o ada.png");
    let report = String::from_utf8(place.read("runs/stylegan-ada/report.html")).unwrap();
    assert!(report.contains("First weights") && report.contains("ada.pkl (stylegan2-ada)"));

    let said = place.does("import zoo.pth -o faces --json");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        said,
        serde_json::json!({ "run": "faces", "system": "progressive", "step": 4, "notes": [] })
    );
    place.does("sample faces -n 4 -o zoo.png");
    assert_ne!(place.read("ada.png"), place.read("zoo.png"));
}

#[test]
fn a_class_is_chosen_and_what_was_left_out_is_said() {
    let place = place(&["labelled.pkl"]);
    place.refuses(
        "import labelled.pkl",
        "error: a generator of 3 classes: expected a choice of one, got none: labelled.pkl\n\n\
         hint: `--class 0` to `--class 2` make it one of that class alone",
    );
    let said = place.does("import labelled.pkl --class 1 -o run");
    assert!(
        said.contains("warning: The generator had classes; this one makes class 1 alone."),
        "{said}"
    );
    assert!(
        said.contains("The discriminator is built otherwise and was left out"),
        "{said}"
    );
}

/// Without data a run makes samples alone; with data it goes on like any other.
#[test]
fn weights_are_trained_further_on_own_pictures() {
    let place = place(&["ada.pkl", "zoo.pth"]);
    place.pictures("photos", 8, 24);
    place.does("import ada.pkl -o alone");
    place.refuses(
        "train --resume alone",
        "error: this run has no data: its weights were imported without any (absent:16x16x3)\n\n\
         hint: to train it further, import the weights again with `--data PICTURES`; to measure it, say `--against PICTURES`",
    );
    for (file, set, steps) in [("ada.pkl", "--set r1_gamma=1", 2), ("zoo.pth", "--set n_critic=1", 6)] {
        let run = file.split_once('.').unwrap().0;
        place.does(&format!("import {file} --data photos --set batch=4 {set} -o {run}"));
        place.does(&format!("sample {run} -n 2 -o before-{run}.png"));
        place.does(&format!("train --resume {run} --steps {steps}"));
        place.does(&format!("sample {run} -n 2 -o after-{run}.png"));
        assert_ne!(
            place.read(format!("before-{run}.png")),
            place.read(format!("after-{run}.png"))
        );
    }
}

#[test]
fn what_cannot_be_imported_is_said() {
    let place = place(&["ada.pkl", "labelled.safetensors", "samples.safetensors"]);
    place.refuses(
        "import nowhere.pkl",
        "error: cannot read weights (entity not found): nowhere.pkl\n\nhint: check the spelling, and that you may read it (`ls -l`)",
    );
    let whole = place.read("ada.pkl");
    place.write("cut.pkl", &whole[..whole.len() / 2]);
    place.refuses(
        "import cut.pkl",
        "error: damaged weights: the pickle ends in the middle of an instruction: cut.pkl\n\nhint: the file may be cut short; get it again",
    );
    // What the TensorFlow version's pickles begin with.
    place.write("tf.pkl", b"\x80\x03cdnnlib.tflib.network\nNetwork\nq\x00)\x81.");
    place.refuses(
        "import tf.pkl",
        "error: refused to read weights: expected plain tensors, got a pickle that asks for `dnnlib.tflib.network.Network`: tf.pkl\n\n\
         hint: it is a network of StyleGAN's TensorFlow version; bring it to PyTorch once with `python legacy.py --source=FILE \
         --dest=NEW.pkl` of NVIDIA's `stylegan3` or `stylegan2-ada-pytorch`",
    );
    place.refuses(
        "import ada.pkl --as progressive",
        "error: not weights of `progressive`: expected a network of that system, got one of `stylegan`: ada.pkl\n\n\
         hint: leave out `--as`, and the system is found by the names in the file",
    );
    place.refuses(
        "import ada.pkl --set z_dim=7",
        "error: setting `z_dim`: expected 6, which the file's networks have, got `7`\n\nhint: leave out `--set z_dim=..`",
    );
    place.refuses(
        "import ada.pkl --set trunkation=0.7",
        "error: `stylegan` has no setting `trunkation`\n\nhint: did you mean `truncation`? `gany models stylegan` lists all settings",
    );
    assert!(!place.path("runs").exists(), "nothing was begun");
    place.does("import ada.pkl -o run");
    place.refuses(
        "import ada.pkl -o run",
        "error: expected a new or empty folder for the run, got one with files in it: run\n\n\
         hint: go on with the run that is there with `--resume`, or choose another folder with `--out`",
    );
}
