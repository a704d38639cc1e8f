//! `gany attack`, on a classifier of dark and bright pictures that the test trains itself.
use crate::place::Place;
use serde_json::Value;

/// A place with ten dark and ten bright grey pictures of 16 x 16 pixels, and a classifier of them.
fn place() -> Place {
    let place = Place::new();
    for (class, level) in [("dark", 40), ("bright", 200)] {
        std::fs::create_dir_all(place.path(&format!("photos/{class}"))).unwrap();
        for i in 0..10_u32 {
            let picture = image::GrayImage::from_fn(16, 16, |x, y| {
                image::Luma([(level + (x * 3 + y * 5 + i * 7) % 40) as u8])
            });
            picture.save(place.path(&format!("photos/{class}/{i}.png"))).unwrap();
        }
    }
    place.does("train classifier --data photos");
    place
}

#[test]
fn pictures_are_changed_within_the_ball_and_say_so() {
    let place = place();
    let line = "attack pgd photos/dark/0.png photos/bright/1.png --target photos --eps 8/255 --results out";
    let said: Value = serde_json::from_str(&place.does(&format!("{line} -o a.png --json"))).unwrap();
    assert_eq!(
        (&said["attack"], &said["settings"]["norm"]),
        (&"pgd".into(), &"linf".into())
    );
    let pictures = said["pictures"].as_array().unwrap();
    assert_eq!(pictures.len(), 2);
    for picture in pictures {
        let size = picture["linf"].as_f64().unwrap();
        assert!(size > 0.0 && size <= 8.001 / 255.0, "{picture}");
        assert!(["dark", "bright"].contains(&picture["before"]["name"].as_str().unwrap()));
        assert_eq!(picture["gradients"], 40);
    }
    // Three in a row, enlarged four times, with gutters.
    let size = |name| image::image_dimensions(place.path(name)).unwrap();
    assert_eq!(size("a.png"), (3 * 66 + 2, 2 * 66 + 2));
    assert_eq!(place.names("out"), ["0-pgd.png", "1-pgd.png"]);
    assert_eq!(size("out/0-pgd.png"), (16, 16));
    let stamp = b"adversarial image, attack pgd, target clf of photos, seed 0";
    for file in ["a.png", "out/1-pgd.png"] {
        assert!(
            place.read(file).windows(stamp.len()).any(|part| part == stamp),
            "{file}"
        );
    }
    let (was, is) = (
        image::open(place.path("photos/dark/0.png")).unwrap(),
        image::open(place.path("out/0-pgd.png")).unwrap(),
    );
    let levels = was.into_luma8().into_raw().into_iter().zip(is.into_luma8().into_raw());
    assert!(levels.map(|(was, is)| was.abs_diff(is)).max().unwrap() <= 8);
    // The same seed, the same picture; another, another.
    place.does(&format!("{line} -o b.png"));
    place.does(&format!("{line} -o c.png --seed 1"));
    assert_eq!(place.read("a.png"), place.read("b.png"));
    assert_ne!(place.read("a.png"), place.read("c.png"));
}

#[test]
fn a_table_says_what_came_of_it() {
    let place = place();
    let out = place.does("attack deepfool photos/dark/0.png --target photos");
    assert!(out.starts_with("deepfool on clf of photos\n\n"), "{out}");
    for word in ["picture", "is now", "linf", "0.png", "of 1 fooled", "0-deepfool.png"] {
        assert!(out.contains(word), "{word}: {out}");
    }
    assert!(place.path("0-deepfool.png").exists());
}

#[test]
fn mistakes_are_explained() {
    let place = place();
    let picture = "photos/dark/0.png";
    let refuses = |line: &str, message: &str| place.refuses(line, message);
    refuses(
        &format!("attack deepfol {picture}"),
        "error: there is no attack `deepfol`\n\nhint: did you mean `deepfool`? `gany attack --help` lists all of them",
    );
    refuses(
        &format!("attack pgd {picture} --target photos --class brigt"),
        "error: `clf of photos` knows no class `brigt`\n\n\
         hint: near it are `bright (0)`; a number from 0 to 1 will do",
    );
    refuses(
        &format!("attack pgd {picture} --target photos --eps 8"),
        "error: expected an epsilon of at most 1 in linf, beyond which every picture is allowed, got 8\n\n\
         hint: numbers of pictures go from 0 to 1; did you mean `--eps 8/255`?",
    );
    refuses(
        &format!("attack deepfool {picture} --target photos --eps 8/255"),
        "error: `deepfool` stays in no ball, so there is no epsilon\n\n\
         hint: leave out `--eps`, or take an attack with one, such as `pgd`; `gany models deepfool` lists its settings",
    );
    refuses(
        &format!("attack jsma {picture} --target photos --norm l1"),
        "error: `jsma` has no choice of norms\n\nhint: leave out `--norm`; `gany models jsma` says what it does",
    );
    refuses(
        &format!("attack pgd {picture} --target photos --norm l0"),
        "error: settings of `pgd`: expected a norm of l1, l2, linf, got l0\n\n\
         hint: `gany models pgd` lists all settings and their defaults",
    );
    refuses(
        &format!("attack pgd {picture} --target photos --set stepz=1"),
        "error: `pgd` has no setting `stepz`\n\nhint: did you mean `step`? `gany models pgd` lists all settings",
    );
    refuses(
        &format!("attack pgd {picture} --target photos -o a.jpg"),
        "error: expected a file that ends in `.png`, got a.jpg\n\nhint: pictures are written as PNG, which loses nothing: a.png",
    );
    refuses(
        &format!("attack pgd {picture} --target effnet-lite1"),
        "error: unknown target `effnet-lite1`: expected `effnet-lite0`, a file of a classifier, or a labelled data set\n\n\
         hint: did you mean `effnet-lite0`?",
    );
    refuses(
        &format!("attack pgd {picture} --target fashion-mnist"),
        "error: no classifier of `fashion-mnist` was trained on this computer\n\n\
         hint: train it once with `gany train classifier --data fashion-mnist`",
    );
    refuses(
        "attack pgd nowhere.png --target photos",
        "error: no such file or folder: nowhere.png\n\nhint: check the spelling; `gany data list` shows the data sets that need no path",
    );
}

#[test]
fn what_is_nothing_to_fool_is_said() {
    let place = place();
    let line = "attack fgsm photos/dark/0.png --target photos";
    let said: Value = serde_json::from_str(&place.does(&format!("{line} --json"))).unwrap();
    let sees = said["pictures"][0]["before"]["name"].as_str().unwrap();
    let other = if sees == "dark" { "bright" } else { "dark" };
    place.refuses(
        &format!("{line} --class {sees}"),
        &format!(
            "error: `clf of photos` sees `{sees}` in what is to become it\n\n\
             hint: ask for another class, or leave out `--class` to get away from this one"
        ),
    );
    place.refuses(
        &format!("{line} --label {other}"),
        &format!(
            "error: `clf of photos` is right about none of the pictures: it sees `{sees}` where `{other}` is said to be\n\n\
             hint: there is nothing to fool; check the label, whether the target was trained on such pictures, and in which range it wants their numbers"
        ),
    );
}

#[test]
fn a_network_that_is_brought_is_attacked() {
    let place = Place::new();
    let network = concat!(env!("CARGO_MANIFEST_DIR"), "/../../reference/onnx/mobilenet_v2.onnx");
    std::fs::copy(network, place.path("mine.onnx")).unwrap();
    let picture = image::RgbImage::from_fn(60, 48, |x, y| image::Rgb([(x * 4) as u8, (y * 5) as u8, (x * y) as u8]));
    picture.save(place.path("a.png")).unwrap();
    let names: Vec<String> = (0..10).map(|class| format!("thing {class}")).collect();
    std::fs::write(place.path("names.txt"), names.join("\n")).unwrap();
    let line = "attack pgd a.png --target mine.onnx";
    let said = place.does(&format!(
        "{line} --normalise imagenet --classes names.txt --eps 8/255 --json -o b.png"
    ));
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["target"], "mine.onnx");
    let picture = &said["pictures"][0];
    assert_eq!(picture["is_fooled"], true, "{picture}");
    assert!(
        picture["before"]["name"].as_str().unwrap().starts_with("thing "),
        "{picture}"
    );
    place.refuses(
        line,
        "error: `mine.onnx` does not say in which numbers it wants its pictures\n\n\
         hint: say how it was trained: `--normalise imagenet` (torchvision's), `tf` (-1 to 1), `lite` (EfficientNet-Lite's), `none` (0 to 1), \
         `bytes` (0 to 255), or mean/deviation such as `0.1307/0.3081`; what it sees in a picture of a known class tells whether that is right",
    );
    place.refuses(
        "attack pgd a.png --target yours.onnx --normalise none",
        "error: cannot read a network (entity not found): yours.onnx\n\n\
         hint: check the spelling, and that you may read it (`ls -l`)",
    );
    place.refuses(
        &format!("{line} --normalise none --shape 40x32"),
        "error: expected pictures of 48x48 pixels (width and height), since input `input` is [n, 3, 48, 48], got 40x32: mine.onnx\n\n\
         hint: leave out `--shape`: the file says what the network takes",
    );
    std::fs::write(place.path("mine.onnx"), &std::fs::read(network).unwrap()[..40_000]).unwrap();
    place.refuses(
        &format!("{line} --normalise none"),
        "error: damaged ONNX file: a field that is longer than what holds it: mine.onnx\n\n\
         hint: the file may be cut short; get it again",
    );
}
