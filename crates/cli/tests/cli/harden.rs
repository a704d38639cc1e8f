//! `gany harden`, on a classifier of dark and bright pictures that the test trains itself.
use crate::place::Place;
use serde_json::Value;

/// A place with ten dark and ten bright grey pictures of 16 x 16 pixels.
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
    place
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_hardened_classifier_is_a_file_that_attacks_take() {
    let place = place();
    let line = "harden train trades --data photos --set epsilon=0.05 --set steps=2 --epochs 2 -o deep/hard.safetensors";
    let said = json(&place.does(&format!("{line} --json")));
    assert_eq!(
        (&said["record"]["hardened"]["by"], &said["attack"]["id"]),
        (&"trades".into(), &"pgd".into())
    );
    assert_eq!(said["attack"]["settings"]["epsilon"], 0.05);
    let left = &said["attack"]["left"];
    assert!(
        left["robust"].as_u64() <= left["clean"].as_u64() && left["count"] == 2,
        "{left}"
    );
    let first = place.read("deep/hard.safetensors");
    let out = place.does(line);
    assert!(
        out.starts_with("clf of photos, all but every tenth") || out.starts_with("clf of photos"),
        "{out}"
    );
    assert!(out.contains("pgd of 20 steps within 0.05 in linf leaves"), "{out}");
    assert_eq!(place.read("deep/hard.safetensors"), first);
    let attacked = json(&place.does("attack fgsm photos/dark/0.png --target deep/hard.safetensors --eps 2/255 --json"));
    assert!(attacked["target"].as_str().unwrap().ends_with(", trades"));
    let certified = json(&place.does(
        "harden certify photos/dark/0.png photos/bright/1.png --target deep/hard.safetensors --sigma 0.1 --json",
    ));
    assert_eq!(certified["pictures"].as_array().unwrap().len(), 2);
    let table = place.does("harden certify photos/dark/0.png --target deep/hard.safetensors --sigma 0.1");
    assert!(table.contains("promise") && table.contains("0.png"), "{table}");
    let found = json(
        &place.does("harden detect photos/dark/0.png --target deep/hard.safetensors --data photos --honest 20 --json"),
    );
    assert!(found["pictures"][0]["is_adversarial"].is_boolean());
    place.refuses(
        "harden detect photos/dark/0.png --target deep/hard.safetensors",
        "error: expected honest pictures to compare with: `deep/hard.safetensors` names no data\n\n\
         hint: say which with `--data`, such as `--data mnist:test`",
    );
}

#[test]
fn a_generator_stands_in_for_pictures() {
    let place = place();
    place.does("train classifier --data photos");
    place.does("train dcgan --data photos --set width=8 --batch 8 --steps 4 --out run");
    let line = "harden purify photos/dark/0.png photos/bright/1.png --run run --target photos --steps 5 --restarts 2";
    let said = json(&place.does(&format!("{line} -o pure.png --json")));
    assert_eq!(said["pictures"].as_array().unwrap().len(), 2);
    // Two in a row, enlarged four times, with gutters.
    assert_eq!(
        image::image_dimensions(place.path("pure.png")).unwrap(),
        (2 * 66 + 2, 2 * 66 + 2)
    );
    place.does("train cgan --data photos --batch 8 --steps 2 --out told");
    place.refuses(
        "harden purify photos/dark/0.png --run told --target photos",
        "error: cannot look for pictures with `cgan`: it has to be told the class, which is what is to be found out\n\n\
         hint: train a system that makes pictures of latent vectors alone, such as `wgan_gp`, on the classifier's data",
    );
    place.does("train dcgan --data photos --size 32 --set width=8 --batch 8 --steps 2 --out large");
    place.refuses(
        "harden purify photos/dark/0.png --run large --target photos",
        "error: `clf of photos` sees pictures of 16x16 with 1 channels, got 32x32 with 1\n\n\
         hint: the classifier and what stands before it have to be of the same data, at the same size",
    );
}

#[test]
fn mistakes_are_explained() {
    let place = place();
    place.refuses(
        "harden train trade --data photos",
        "error: there is no defence `trade`\n\nhint: did you mean `trades`? `gany harden train --help` lists all of them",
    );
    place.refuses(
        "harden train feature_squeezing --data photos",
        "error: `feature_squeezing` is no way of training: it is wrapped around a classifier that is trained already\n\n\
         hint: see it at work with `gany harden detect PICTURE --target mnist`",
    );
    place.refuses(
        "harden train trades --data photos --set beta=-1",
        "error: settings of `trades`: expected a beta of 0 or more, got -1\n\n\
         hint: `gany models trades` lists all settings and their defaults",
    );
    place.refuses(
        "harden certify photos/dark/0.png --target photos --sigma 0",
        "error: expected a sigma above 0, got 0\n\nhint: `gany harden certify --help` says what the flags mean",
    );
}
