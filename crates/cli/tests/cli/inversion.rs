//! `gany explore RUN project` and `dissect`.
use crate::place::Place;
use serde_json::Value;

/// A place with a folder of six grey pictures of 16 x 16 pixels, and a run with styles on them.
fn place() -> Place {
    let place = Place::new();
    place.pictures("a", 6, 16);
    place.does(
        "train stylegan --data a --steps 2 --batch 2 --set width=4 --set z_dim=4 --set w_dim=4 --set mapping_layers=1 --out run",
    );
    place
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The picture, what the mean makes, four steps between, and what was found; the code beside it.
#[test]
fn a_picture_is_looked_for() {
    let place = place();
    let said = json(&place.does("explore run project a/003.png --by pixels --steps 20 -o new/found.png --json"));
    assert_eq!(
        (&said["code"], &said["step"], &said["distance"]),
        (&"w+".into(), &2.into(), &"mean squared difference of pixels".into())
    );
    assert!(
        said["after"].as_f64().unwrap() < said["before"].as_f64().unwrap(),
        "{said}"
    );
    assert_eq!(
        image::image_dimensions(place.path("new/found.png")).unwrap(),
        (7 * 66 + 2, 66 + 2)
    );
    assert!(
        place
            .read("new/found.safetensors")
            .windows(6)
            .any(|part| part == b"styles")
    );
    let said = json(&place.does("explore run project a/003.png --by pixels --code z --steps 2 --json"));
    assert_eq!(
        (&said["code"], &said["code_file"]),
        (&"z".into(), &"found.safetensors".into())
    );
    place.refuses(
        "explore run project a/003.png -o found.jpg",
        "error: expected a file that ends in `.png`, got found.jpg\n\nhint: pictures are written as PNG, which loses nothing: found.png",
    );
    place.does("train dcgan --data a --set width=4 --batch 4 --steps 1 --out dcgan");
    place.refuses(
        "explore dcgan project a/003.png --by pixels --code w",
        "error: cannot look for styles: the system has none\n\nhint: look for a latent vector: `--code z`",
    );
    place.does("train cgan --size 16 --set width=4 --batch 4 --steps 1 --out cgan");
    let refused = place.gany("explore cgan project a/003.png --by pixels");
    assert_eq!(refused.code, 2);
    assert!(
        refused
            .err
            .contains("`cgan` makes pictures of classes: expected one to look in"),
        "{}",
        refused.err
    );
    place.does("explore cgan project a/003.png --by pixels --class sandal --steps 2");
}

#[test]
fn units_are_found() {
    let place = place();
    let layers = json(&place.does("explore run dissect --layers --json"));
    assert_eq!(
        (
            layers.as_array().unwrap().len(),
            &layers[0]["name"],
            &layers[4]["extents"]
        ),
        (
            5,
            &"generator.synthesis.layer.1".into(),
            &serde_json::json!([16, 16, 4])
        )
    );
    let said = json(&place.does("explore run dissect -n 20 -o units.png --json"));
    assert_eq!((&said["layer"], &said["units"]), (&layers[2]["name"], &1.into()));
    let concepts = said["concepts"].as_array().unwrap();
    assert!(
        concepts
            .iter()
            .all(|concept| concept["units"].as_array().unwrap().len() == 1),
        "{said}"
    );
    let rows = concepts.len() as u32 + 1;
    assert_eq!(
        image::image_dimensions(place.path("units.png")).unwrap(),
        (12 * 66 + 2, rows * 66 + 2)
    );
    let table = place.does("explore run dissect -n 20 --layer generator.synthesis.layer.1");
    assert!(
        table.starts_with("generator.synthesis.layer.1: 16 units of 4x4, 2 at a time\n"),
        "{table}"
    );
    place.refuses(
        "explore run dissect --layer generator",
        "error: expected a layer of this run's generator, got `generator`\n\nhint: it has generator.synthesis.layer.1, generator.synthesis.layer.2, generator.synthesis.layer.3, generator.synthesis.layer.4, generator.synthesis.layer.5",
    );
    place.does("train gan --data ring --batch 4 --steps 1 --out points");
    place.refuses(
        "explore points dissect",
        "error: there is nothing to dissect: the generator makes no pictures through layers of maps\n\nhint: a convolutional one can be dissected, such as `dcgan` or `stylegan`",
    );
    place.refuses(
        "explore points project a/003.png",
        "error: cannot look for a picture: this run makes points or volumes\n\nhint: a run on pictures has what is looked for",
    );
}

#[test]
fn both_are_pages_of_their_section() {
    let place = Place::new();
    let zoo = place.does("models");
    let at = |name: &str| {
        zoo.find(&format!("  {name} "))
            .unwrap_or_else(|| panic!("{name}: {zoo}"))
    };
    assert!(zoo.find("inference\n").unwrap() < at("anogan") && at("anogan") < at("projection"));
    assert!(at("dissect") < zoo.find("translation\n").unwrap() && zoo.find("understanding\n").unwrap() < at("nash"));
    for name in ["projection", "dissect"] {
        let page = json(&place.does(&format!("models {name} --json")));
        assert_eq!(page["section"], "inference");
        assert!(page["commands"][0].as_str().unwrap().starts_with("gany explore "));
        assert!(place.does(&format!("models {name}")).contains("(inference)"));
        assert!(!place.does("lab").contains(name));
    }
}
