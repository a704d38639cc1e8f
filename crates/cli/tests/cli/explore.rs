//! `gany explore`: every subcommand on a small run with styles and on one without.
use crate::place::Place;
use image::AnimationDecoder;
use serde_json::Value;

/// A place with a run whose generator has styles: 16 x 16 pixels, six layers.
fn styled() -> Place {
    let place = Place::new();
    place.does("train stylegan --size 16 --steps 2 --batch 4 --set width=4 --set max_width=8 --set z_dim=6 --set w_dim=5 --set mapping_layers=2 --out style");
    place
}

/// A place with a run whose generator is told a latent vector.
fn plain() -> Place {
    let place = Place::new();
    place.does("train dcgan --size 16 --set width=4 --set z_dim=8 --batch 4 --steps 2 --out plain");
    place
}

/// Pictures in the rows of a grid of 16 x 16 pictures, enlarged four times.
fn tiles(place: &Place, file: &str) -> Vec<Vec<image::GrayImage>> {
    let grid = image::open(place.path(file)).unwrap().into_luma8();
    let [columns, rows] = [grid.width(), grid.height()].map(|side| (side - 2) / 66);
    let tile = |row, column| image::imageops::crop_imm(&grid, 2 + 66 * column, 2 + 66 * row, 64, 64).to_image();
    (0..rows)
        .map(|row| (0..columns).map(|column| tile(row, column)).collect())
        .collect()
}

/// The largest difference of two pictures, in levels.
fn difference(a: &image::GrayImage, b: &image::GrayImage) -> u8 {
    a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

#[test]
fn a_path_begins_and_ends_at_samples() {
    let place = plain();
    assert_eq!(
        place.does("explore plain path --samples 3,0-1 --frames 5").trim(),
        "10 pictures in plain-path.png"
    );
    let path = tiles(&place, "plain-path.png");
    assert_eq!((path.len(), path[0].len()), (2, 5));
    place.does("sample plain -n 4 -o samples.png");
    let samples = tiles(&place, "samples.png").concat();
    for (at, sample) in [(&path[0][0], 3), (&path[0][4], 0), (&path[1][0], 0), (&path[1][4], 1)] {
        assert_eq!(at, &samples[sample]);
    }
    assert_ne!(path[0][2], path[0][0]);
    place.does("explore plain path --samples 3,0-1 --frames 5 --by lerp -o straight.png");
    assert_ne!(tiles(&place, "straight.png")[0][2], path[0][2]);
}

#[test]
fn the_same_walk_moves_in_every_format() {
    let place = plain();
    let said = |file: &str| -> Value {
        let line = format!("explore plain path --samples 0,7:1 --closed --frames 3 --fps 10 --json -o {file}");
        serde_json::from_str(&place.does(&line)).unwrap()
    };
    let frames = |file: &str| {
        let bytes = std::io::Cursor::new(place.read(file));
        let frames = match file {
            "walk.gif" => image::codecs::gif::GifDecoder::new(bytes).unwrap().into_frames(),
            _ => image::codecs::png::PngDecoder::new(bytes)
                .unwrap()
                .apng()
                .unwrap()
                .into_frames(),
        };
        frames.collect_frames().unwrap()
    };
    let of_json = said("walk.apng");
    assert_eq!((&of_json["columns"], &of_json["rows"]), (&6.into(), &1.into()));
    assert_eq!(
        (&of_json["by"], &of_json["space"], &of_json["step"]),
        (&"slerp".into(), &"z".into(), &2.into())
    );
    said("walk.gif");
    let [moving, gif] = ["walk.apng", "walk.gif"].map(frames);
    assert_eq!((moving.len(), gif.len()), (6, 6));
    for (a, b) in moving.iter().zip(&gif) {
        assert_eq!(a.buffer().dimensions(), (320, 320));
        assert_eq!(a.delay().numer_denom_ms(), (100, 1));
        // Grey has no more than 256 levels.
        assert_eq!(a.buffer(), b.buffer());
    }
    for file in ["walk.gif", "walk.apng"] {
        let first = place.read(file);
        said(file);
        assert_eq!(place.read(file), first, "{file} is the same again");
    }
}

#[cfg(feature = "film")]
#[test]
fn a_film_is_an_mp4_with_its_provenance() {
    let place = plain();
    assert_eq!(
        place
            .does("explore plain path --samples 0-1 --frames 4 -o walk.mp4")
            .trim(),
        "5 frames in walk.mp4"
    );
    let film = place.read("walk.mp4");
    assert_eq!(&film[4..12], b"ftypisom");
    let stamp = b"synthetic image, system dcgan, run seed 0, step 2";
    assert!(film.windows(stamp.len()).any(|part| part == stamp));
}

#[test]
fn truncation_ends_at_the_samples_and_begins_at_one_for_all() {
    let place = styled();
    place.does("explore style truncation --samples 0-2");
    let rows = tiles(&place, "style-truncation.png");
    assert_eq!((rows.len(), rows[0].len()), (3, 6));
    assert!(rows[0][0] == rows[1][0] && rows[1][0] == rows[2][0]);
    place.does("sample style -n 4 -o samples.png");
    let samples = tiles(&place, "samples.png").concat();
    for (row, sample) in rows.iter().zip(&samples) {
        assert!(difference(&row[5], sample) <= 1);
    }
}

#[test]
fn the_diagonal_of_a_mixing_grid_are_the_samples() {
    let place = styled();
    for layers in ["coarse", "middle", "fine", "1-4"] {
        let line = format!("explore style mix --samples 0-2 --with 0-2 --layers {layers} --json");
        let said: Value = serde_json::from_str(&place.does(&line)).unwrap();
        assert_eq!((&said["rows"], &said["columns"]), (&4.into(), &4.into()));
        let rows = tiles(&place, "style-mix.png");
        for (i, sample) in rows[0][1..].iter().enumerate() {
            assert_eq!((&rows[i + 1][0], &rows[i + 1][i + 1]), (sample, sample));
        }
        assert_ne!(rows[1][2], rows[1][1], "{layers}");
        assert_ne!(rows[1][2], rows[2][2], "{layers}");
    }
}

#[test]
fn directions_that_were_found_move_samples() {
    for (place, run) in [(styled(), "style"), (plain(), "plain")] {
        for what in ["directions", "factors"] {
            let line = format!("explore {run} {what} --count 3 --sample 2 --by 2 --json");
            let said: Value = serde_json::from_str(&place.does(&line)).unwrap();
            let strengths: Vec<f64> = serde_json::from_value(said["strengths"].clone()).unwrap();
            assert!(
                strengths.is_sorted_by(|a, b| a >= b) && strengths[2] > 0.0,
                "{strengths:?}"
            );
            let found = tiles(&place, &format!("{run}-{what}.png"));
            assert_eq!((found.len(), found[0].len()), (3, 7));
            assert!(
                found[0][3] == found[1][3] && found[1][3] == found[2][3],
                "the sample itself"
            );
            let file = format!("{run}-{what}.safetensors");
            place.does(&format!(
                "explore {run} edit --along {file} --number 2 --samples 2 --by 2 -o again.png"
            ));
            for (again, found) in tiles(&place, "again.png")[0].iter().zip(&found[1]) {
                assert!(difference(again, found) <= 1);
            }
        }
    }
}

#[test]
fn what_cannot_be_explored_is_said() {
    let place = plain();
    place.refuses(
        "explore plain path -o walk.avi",
        "error: expected a file that ends in `.png`, `.gif`, `.apng` or `.mp4`, got walk.avi\n\nhint: `.png` is one picture, `.gif` and `.apng` move, `.mp4` is a film",
    );
    place.refuses(
        "explore plain path --samples 3",
        "error: expected two samples or more to walk between, got one\n\nhint: name them with `--samples`, such as `--samples 3,8`",
    );
    let styles = "error: `dcgan` has no styles: its generator is told one latent vector, not something for every layer\n\nhint: train `stylegan`, which has; `path`, `directions`, `factors` and `edit` do without (`--space z`)";
    place.refuses("explore plain mix", styles);
    place.refuses("explore plain path --space w", styles);
    place.refuses(
        "explore plain edit --layers fine",
        "error: layers can be chosen of styles only; a latent vector is told to the generator as a whole\n\nhint: leave out `--layers`, or explore styles: `--space w`, where the system has them",
    );
    place.refuses(
        "explore plain edit --along found.safetensors",
        "error: cannot read (entity not found): found.safetensors\n\nhint: check the spelling of the file",
    );
    place.does("explore plain factors --count 2");
    place.refuses(
        "explore plain edit --along plain-factors.safetensors --number 3",
        "error: expected a direction from 1 to 2, got 3\n\nhint: `--number` counts from 1; `--count` finds more of them",
    );
    place.refuses(
        "explore plain path --class 3",
        "error: cannot ask for a class: `dcgan` was trained without being told the classes\n\nhint: leave out `--class`, or train a conditional system such as `cgan`",
    );
    place.does("train dcgan --size 16 --set width=4 --set z_dim=8 --batch 4 --steps 1 --seed 1 --out other");
    place.refuses(
        "explore other edit --along plain-factors.safetensors",
        "error: expected directions of z of 8 numbers of `dcgan` with run seed 1, got those of z of 8 numbers of `dcgan` with run seed 0: plain-factors.safetensors\n\nhint: find those of this run with `gany explore RUN directions` or `factors`, with the same `--space`",
    );
    place.does("train gan --data ring --steps 1 --set width=4 --out points");
    place.refuses(
        "explore points path",
        "error: only pictures can be explored, and this run of `gan` makes points\n\nhint: train on pictures, such as `--data fashion-mnist`",
    );
    let ran = place.gany("explore plain path --samples 3,x");
    assert_eq!(ran.code, 2);
    assert!(
        ran.err
            .contains("expected samples such as `3`, `0-5`, `3,8,12` or `5:7`"),
        "{}",
        ran.err
    );
    let help = place.does("explore --help");
    assert!(help.contains("Examples:"), "{help}");
    for what in ["path", "truncation", "mix", "directions", "factors", "edit"] {
        assert!(help.contains(what), "{help}");
        let help = place.does(&format!("explore plain {what} --help"));
        assert!(help.contains("Examples:"), "{help}");
    }
}
