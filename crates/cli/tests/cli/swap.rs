//! `gany swap`: what it asks, what it refuses, and what becomes of films with and without faces.
use crate::place::Place;

/// A place with two folders of grey pictures and a run of `faceswap` on them.
fn place() -> Place {
    let place = Place::new();
    place.pictures("a", 6, 16);
    place.pictures("b", 6, 16);
    place.does("train faceswap --data unpaired:a,b --steps 1 --set width=2 --set code=4 --batch 2 --out run");
    place
}

#[test]
fn nothing_is_done_without_consent() {
    let place = place();
    let refused = "error: nobody said that the people who are shown agreed to it\n\nhint: ask the people who are shown; `--i-have-consent` says that they agreed";
    place.refuses("swap apply run a out", refused);
    place.refuses("swap train a b", refused);
    place.refuses("swap cut a out", refused);
    assert!(!place.path("out").exists());
}

#[test]
fn what_cannot_be_done_is_said() {
    let place = place();
    place.refuses(
        "swap apply run a/000.png out.jpg --i-have-consent",
        "error: expected a file that ends in `.png`, got out.jpg\n\nhint: pictures are written as PNG, which loses nothing: out.png",
    );
    place.refuses(
        "swap apply run a b --i-have-consent",
        "error: expected a new or empty folder, got one with `000.png` in it: b\n\nhint: choose another folder, so that no picture of yours is written over",
    );
    place.refuses(
        "swap apply run nowhere out --i-have-consent",
        place.gany("train dcgan --data nowhere --steps 1").err.trim_end(),
    );
    place.write("film.gif", b"GIF89a");
    place.refuses(
        "swap apply run film.gif out.png --i-have-consent",
        "error: expected a file that ends in `.gif`, `.apng` or `.mp4`, got out.png\n\nhint: what moves stays what moves",
    );
    let unfetched = place.gany("swap apply run a/000.png out.png --i-have-consent");
    assert_eq!(unfetched.code, 2);
    assert!(
        unfetched
            .err
            .contains("hint: fetch them once with `gany data get face-api`"),
        "{}",
        unfetched.err
    );
    place.does("train dcgan --size 16 --set width=4 --batch 4 --steps 1 --out dcgan");
    place.refuses(
        "swap apply dcgan a out --i-have-consent",
        "error: `dcgan` swaps no faces\n\nhint: train a run that does with `gany swap train A B`",
    );
}

/// The networks that find faces, where they were fetched.
fn cache() -> Option<String> {
    let home = std::env::var("HOME").ok()?;
    let cache = format!("{home}/.cache/ganymede");
    std::path::Path::new(&cache)
        .join("data/face-api")
        .is_dir()
        .then_some(cache)
}

/// A drawn face, nothing, and the face again: the frame between them stays and is counted.
#[test]
fn frames_without_a_face_stay_and_are_counted() {
    let Some(cache) = cache() else {
        return println!("skipped: no face-api");
    };
    let with_faces = ("GANY_CACHE", cache.as_str());
    let place = place();
    let face = image::load_from_memory(include_bytes!("../fixtures/drawn-face.png"))
        .unwrap()
        .into_rgba8();
    let nothing = image::RgbaImage::from_pixel(150, 150, image::Rgba([90, 120, 150, 255]));
    let mut film = vec![];
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut film);
    for frame in [&face, &nothing, &face] {
        let delay = image::Delay::from_numer_denom_ms(100, 1);
        encoder
            .encode_frame(image::Frame::from_parts(frame.clone(), 0, 0, delay))
            .unwrap();
    }
    drop(encoder);
    place.write("film.gif", film);
    let ran = place.gany_with(with_faces, "swap apply run film.gif out.apng --i-have-consent");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(
        ran.out.trim(),
        "2 of 3 pictures changed, in out.apng\nthe others stay as they are: 2 of 3 pictures have a face that can be used; 1 has none"
    );
    let bytes = std::io::Cursor::new(place.read("out.apng"));
    let decoder = image::codecs::png::PngDecoder::new(bytes).unwrap().apng().unwrap();
    let frames = image::AnimationDecoder::into_frames(decoder).collect_frames().unwrap();
    assert_eq!(frames.len(), 3);
    let bytes = std::io::Cursor::new(place.read("film.gif"));
    let decoder = image::codecs::gif::GifDecoder::new(bytes).unwrap();
    let before = image::AnimationDecoder::into_frames(decoder).collect_frames().unwrap();
    let pairs: Vec<_> = frames
        .iter()
        .zip(&before)
        .map(|(a, b)| (a.buffer(), b.buffer()))
        .collect();
    let is_same: Vec<bool> = pairs.iter().map(|(after, before)| after == before).collect();
    assert_eq!(is_same, [false, true, false]);
    assert_eq!(
        pairs[0].0.get_pixel(2, 2),
        pairs[0].1.get_pixel(2, 2),
        "outside of the face"
    );

    place.write("pictures/nothing.png", png(&nothing));
    let none = place.gany_with(with_faces, "swap apply run pictures out --i-have-consent");
    assert_eq!(none.code, 2);
    assert!(
        none.err.starts_with(
            "error: no face that can be changed in pictures: 0 of 1 picture has a face that can be used; 1 has none"
        ),
        "{}",
        none.err
    );
    place.write("face.png", png(&face));
    let one = place.gany_with(with_faces, "swap apply run face.png made.png --i-have-consent --json");
    let said: serde_json::Value = serde_json::from_str(&one.out).unwrap();
    assert_eq!((&said["with"], &said["tally"]["usable"]), (&"swap".into(), &1.into()));
    let stamp = b"synthetic image, system faceswap, run seed 0, step 1";
    assert!(place.read("made.png").windows(stamp.len()).any(|part| part == stamp));
    let third = place.gany_with(
        with_faces,
        "swap apply run face.png third.png --i-have-consent --face 3",
    );
    assert!(third.err.contains("1 has none"), "{}", third.err);
    assert!(!place.path("third.png").exists());

    let few = place.gany_with(with_faces, "swap train face.png face.png --i-have-consent");
    assert!(
        few.err.contains("expected 5 faces or more, got 1 in face.png"),
        "{}",
        few.err
    );
}

fn png(picture: &image::RgbaImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(vec![]);
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}
