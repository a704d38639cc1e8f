//! Every message that a user's mistake can bring about, word for word.
use crate::place::Place;

/// The smallest training there is.
const TINY: &str = "--size 16 --set width=8 --batch 8 --steps 2";

#[test]
fn data_that_are_not_there() {
    let place = Place::new();
    place.refuses(
        "train --data photos/",
        "error: no such file or folder: photos/\n\nhint: check the spelling; `gany data list` shows the data sets that need no path",
    );
    place.refuses(
        "train --data fashon-mnist",
        "error: unknown data set `fashon-mnist`: expected fashion-mnist, fashion-mnist-10k, mnist, emoji-google, emoji-twitter, openmoji, orl-faces, landscapes, landscapes-held-out, icons, portraits, shapes, mri, ct, drums, letters, tunes, chorales, breast-cancer, iris, wine, ring, grid, spiral, moons or a path\n\n\
         hint: did you mean `fashion-mnist`?",
    );
    let ran = place.gany("train --data mnist");
    assert_eq!(ran.code, 2);
    assert!(
        ran.err
            .ends_with("\n\nhint: fetch it once with `gany data get mnist`\n"),
        "{}",
        ran.err
    );
    std::fs::create_dir(place.path("empty")).unwrap();
    place.refuses(
        "train --data empty",
        "error: no pictures: expected picture files, got 0 other files: empty\n\n\
         hint: PNG, JPEG, WebP, GIF, BMP, TIFF, PGM and SVG are read; a folder with one sub-folder a class gives labels",
    );
    place.pictures("photos", 1, 16);
    place.refuses(
        "train --data photos/000.png",
        "error: not a data file: expected a folder, archive or array of pictures, got a single picture: photos/000.png\n\n\
         hint: give the folder that holds the pictures, or `points:FILE` for points; tables end in `.csv`",
    );
    // Nothing was begun.
    assert!(!place.path("runs").exists());
}

#[cfg(unix)]
#[test]
fn data_that_cannot_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    place.pictures("photos", 2, 16);
    std::fs::set_permissions(place.path("photos"), std::fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may read everything.
    if std::fs::read_dir(place.path("photos")).is_err() {
        place.refuses(
            "train --data photos",
            "error: cannot read (permission denied): photos\n\nhint: check that you may read it (`ls -l`)",
        );
    }
    std::fs::set_permissions(place.path("photos"), std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn broken_pictures_are_skipped_and_named_unless_they_are_many() {
    let place = Place::new();
    place.pictures("photos", 30, 16);
    let whole = place.read("photos/000.png");
    place.write("photos/cut.png", &whole[..whole.len() / 2]);
    place.write("photos/empty.png", []);
    place.write("photos/text.png", "not a picture");
    let ran = place.gany(&format!("train --data photos {TINY} --out run"));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let note = ran
        .out
        .lines()
        .find(|line| line.starts_with("warning:"))
        .unwrap_or_default();
    assert_eq!(
        note,
        "warning: 3 broken pictures were skipped: `cut.png` (unexpected end of file), `empty.png` (empty file), \
         `text.png` (not a picture of a known format)."
    );
    place.pictures("few", 8, 16);
    place.write("few/empty.png", []);
    place.refuses(
        &format!("train --data few {TINY} --out other"),
        "error: 1 of 9 pictures are broken: expected at most 10%, first `empty.png` (empty file): few\n\n\
         hint: `gany data check FOLDER` names every broken file; remove or replace them",
    );
}

#[test]
fn pictures_that_do_not_fit() {
    let place = Place::new();
    place.pictures("photos", 2, 16);
    place.refuses(
        "train cgan --data photos",
        "error: `cgan` needs labelled data, and these have no labels\n\n\
         hint: put the pictures of each class into a sub-folder of its own, or take a labelled set: `gany data list`",
    );
    place.refuses(
        "train --data photos --size 4x16",
        "error: expected pictures of at least 8x8 pixels, got 4x16\n\nhint: ask for a larger size: `--size 32`",
    );
    place.refuses(
        "train dcgan --data ring",
        "error: `dcgan` needs pictures, and these data are points\n\n\
         hint: systems of the chapter `objective` take points, such as `gan`; `gany models` lists them",
    );
    place.refuses(
        "train gan --data ring --size 16",
        "error: `ring` holds points, not pictures: expected no picture size or channels\n\n\
         hint: leave out `--size` and channels, or choose pictures",
    );
    place.write("photos/small.png", {
        let mut bytes = std::io::Cursor::new(vec![]);
        image::GrayImage::new(9, 10)
            .write_to(&mut bytes, image::ImageFormat::Png)
            .unwrap();
        bytes.into_inner()
    });
    place.refuses(
        "train --data photos",
        "error: pictures of different sizes: expected one size or a wanted size, got 16x16 and 9x10 (width x height): photos\n\n\
         hint: give a size, such as `--size 64` or `--size 96x128`",
    );
}

#[test]
fn systems_and_settings_that_do_not_exist() {
    let place = Place::new();
    place.refuses(
        "train dcgam",
        "error: there is no system `dcgam`\n\nhint: did you mean `dcgan`? `gany models` lists all of them",
    );
    place.refuses(
        "models dcgam",
        "error: there is no system `dcgam`\n\nhint: did you mean `dcgan`? `gany models` lists all of them",
    );
    place.refuses(
        "train dcgan --set learning_rate=1",
        "error: `dcgan` has no setting `learning_rate`\n\n\
         hint: did you mean `generator.learning_rate`? `gany models dcgan` lists all settings",
    );
    place.refuses(
        "train dcgan --set width=wide",
        "error: setting `width`: expected a whole number like `64`, got `wide`\n\nhint: for example `--set width=64`",
    );
    place.refuses(
        "train --precision fp8",
        "error: invalid value 'fp8' for '--precision <PRECISION>'\n  [possible values: f32, bf16, auto]\n\n\
         For more information, try '--help'.",
    );
}

#[test]
fn flags_that_make_no_sense() {
    let place = Place::new();
    place.refuses(
        "train --set width",
        "error: invalid value 'width' for '--set <KEY=VALUE>': expected KEY=VALUE, such as `batch=32`\n\n\
         For more information, try '--help'.",
    );
    place.refuses(
        "train --size 64x",
        "error: invalid value '64x' for '--size <SIDE|WIDTHxHEIGHT>': expected a side such as `64`, or width and height such as `96x128`\n\n\
         For more information, try '--help'.",
    );
    place.refuses(
        "train --minutes -1",
        "error: invalid value '-1' for '--minutes <MINUTES>': expected a number above 0, such as `3` or `0.5`\n\n\
         For more information, try '--help'.",
    );
    place.refuses(
        "tarin",
        "error: unrecognized subcommand 'tarin'\n\n  tip: some similar subcommands exist: 'harden', 'train'\n\n\
         Usage: gany [COMMAND]\n\nFor more information, try '--help'.",
    );
    let ran = place.gany_with(("GANY_ISA", "abacus"), "models");
    assert_eq!(ran.code, 2);
    assert!(
        ran.err
            .starts_with("error: environment variable GANY_ISA: expected one of portable"),
        "{}",
        ran.err
    );
}

#[test]
fn folders_of_runs() {
    let place = Place::new();
    place.write("taken/notes.txt", "mine");
    place.refuses(
        "train gan --data ring --steps 1 --out taken",
        "error: expected a new or empty folder for the run, got one with files in it: taken\n\n\
         hint: go on with the run that is there with `--resume`, or choose another folder with `--out`",
    );
    place.refuses(
        "train --resume",
        "error: nothing to resume: there is no run in runs/dcgan-fashion-mnist\n\n\
         hint: say which run, as in `gany train --resume runs/NAME`",
    );
    place.refuses(
        "train --resume runs/mine",
        "error: there is no run here: runs/mine\n\nhint: `gany train` makes one; check the spelling of the folder",
    );
    place.refuses(
        "sample taken",
        "error: expected the folder of a run, got one without config.json: taken\n\n\
         hint: give the folder itself, such as `runs/dcgan`, not the one around it",
    );
    // Folders that nobody named are numbered.
    for expected in ["runs/gan-ring", "runs/gan-ring-2", "runs/gan-ring-3"] {
        let out = place.does("train gan --data ring --steps 1 --set width=4");
        assert!(out.contains(&format!("{expected}/report.html")), "{out}");
    }
}

#[test]
fn runs_that_cannot_go_on_as_asked() {
    let place = Place::new();
    place.does("train gan --data ring --steps 20 --checkpoint-every 10 --set width=4 --out run");
    place.refuses(
        "train --resume run",
        "error: the run has reached its end: run\n\n\
         hint: train it for longer, counted from its beginning: `gany train --resume run --steps 40`",
    );
    place.refuses(
        "train --resume run --steps 40 --seed 1 --set width=5",
        "error: expected the settings that the run began with, got 2 changed: seed: 0 -> 1; settings.width: 4 -> 5: run\n\n\
         hint: resume without these settings, or begin a new run with them and another `--out`",
    );
    let newest = "run/checkpoints/step-0000020.safetensors";
    let whole = place.read(newest);
    place.write(newest, &whole[..whole.len() - 10]);
    let ran = place.gany("train --resume run --steps 40");
    assert_eq!(ran.code, 2);
    assert!(ran.err.starts_with("error: the checkpoint is damaged ("), "{}", ran.err);
    assert!(
        ran.err.contains("run/checkpoints/step-0000010.safetensors"),
        "{}",
        ran.err
    );
    // As the hint says.
    std::fs::remove_file(place.path(newest)).unwrap();
    place.does("train --resume run --steps 40");
}

#[test]
fn samples_that_cannot_be_made() {
    let place = Place::new();
    place.does("train gan --data ring --steps 1 --set width=4 --out run");
    place.refuses(
        "sample run --class 3",
        "error: cannot ask for a class: `gan` was trained without being told the classes\n\n\
         hint: leave out `--class`, or train a conditional system such as `cgan`",
    );
    place.write("full/mine.txt", "mine");
    place.refuses(
        "sample run -o full",
        "error: expected a folder for the samples alone, got one with `mine.txt` in it: full\n\n\
         hint: choose a new folder with `-o`, or a name that ends in `.png` for one grid",
    );
    place.does(&format!("train cgan {TINY} --out cgan"));
    place.refuses(
        "sample cgan --class sandals",
        "error: expected a class of this run, got `sandals`\n\n\
         hint: its classes are t-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot, or a number from 0 to 9",
    );
}

#[test]
fn numbers_that_run_away() {
    let place = Place::new();
    let ran = place.gany("train gan --data ring --steps 50 --set width=4 --set generator.learning_rate=1e38 --out run");
    assert_eq!(ran.code, 2, "{}", ran.err);
    let message = ran
        .err
        .lines()
        .find(|line| line.starts_with("error:"))
        .unwrap_or_default();
    assert!(
        message.contains("made a number that is not finite: first in a move of the"),
        "{message}"
    );
    assert!(
        ran.err.contains("\n\nhint: try a lower learning rate: `--set "),
        "{}",
        ran.err
    );
}
