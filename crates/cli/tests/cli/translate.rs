//! `gany translate`, and what other verbs say of runs that turn pictures into pictures.
use crate::place::Place;

/// A place with two folders of six pairs of 16 x 16 grey pictures, and a run on them.
fn place() -> Place {
    let place = Place::new();
    place.pictures("a", 6, 16);
    place.pictures("b", 6, 16);
    place.does("train pix2pix --data paired:a,b --steps 2 --set width=4 --batch 2 --out run");
    place
}

#[test]
fn pictures_are_translated_by_the_folder_and_one_by_one() {
    let place = place();
    assert_eq!(place.does("translate run a out").trim(), "6 pictures in out");
    assert_eq!(
        place.names("out"),
        (0..6).map(|i| format!("{i:03}.png")).collect::<Vec<_>>()
    );
    assert_eq!(
        place.does("translate run a/003.png new/3.png").trim(),
        "1 picture in new/3.png"
    );
    let one = place.read("new/3.png");
    assert_eq!(one, place.read("out/003.png"));
    assert_ne!(one, place.read("out/004.png"));
    assert_eq!(image::image_dimensions(place.path("new/3.png")).unwrap(), (16, 16));
    let stamp = b"synthetic image, system pix2pix, run seed 0, step 2";
    assert!(one.windows(stamp.len()).any(|part| part == stamp));
    let said: serde_json::Value = serde_json::from_str(&place.does("translate run a again --json")).unwrap();
    assert_eq!(
        (&said["count"], &said["with"], &said["step"]),
        (&6.into(), &"translate".into(), &2.into())
    );
}

/// Two pictures that take turns, as another program moves them.
#[test]
fn what_moves_is_translated_frame_by_frame() {
    let place = place();
    place.does("translate run a out");
    let mut gif = vec![];
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut gif);
    for name in ["a/000.png", "a/003.png"] {
        let frame = image::open(place.path(name)).unwrap().into_rgba8();
        let delay = image::Delay::from_numer_denom_ms(100, 1);
        encoder
            .encode_frame(image::Frame::from_parts(frame, 0, 0, delay))
            .unwrap();
    }
    drop(encoder);
    place.write("turns.gif", gif);
    assert_eq!(
        place.does("translate run turns.gif out.apng").trim(),
        "2 frames in out.apng"
    );
    let bytes = std::io::Cursor::new(place.read("out.apng"));
    let decoder = image::codecs::png::PngDecoder::new(bytes).unwrap().apng().unwrap();
    let frames = image::AnimationDecoder::into_frames(decoder).collect_frames().unwrap();
    for (frame, name) in frames.iter().zip(["out/000.png", "out/003.png"]) {
        let one = image::open(place.path(name)).unwrap().into_rgba8();
        assert_eq!(frame.delay().numer_denom_ms(), (100, 1));
        // Enlarged twenty times, as a picture alone is not.
        assert_eq!(frame.buffer().dimensions(), (320, 320));
        assert!(
            one.enumerate_pixels()
                .all(|(x, y, pixel)| frame.buffer().get_pixel(20 * x, 20 * y) == pixel)
        );
    }
    place.refuses(
        "translate run a/000.png out.gif",
        "error: no frames can be read: a PNG that does not move: a/000.png\n\nhint: GIF, animated PNG and H.264 films in MP4 are read; other tools turn other films into those",
    );
}

/// Three in a row: an example, what becomes of it, and its partner; two such rows side by side.
#[test]
fn sample_grids_show_examples_and_what_becomes_of_them() {
    let place = place();
    let grid = image::open(place.path("run/samples/step-0000002.png"))
        .unwrap()
        .into_luma8();
    assert_eq!(grid.dimensions(), (6 * 66 + 2, 66 + 2 + 66 + 66));
    let tile = |column: u32| image::imageops::crop_imm(&grid, 2 + 66 * column, 2, 64, 64).to_image();
    // The folders hold the same pictures, so every example is its own partner.
    assert_eq!(tile(0), tile(2));
    assert_ne!(tile(0), tile(1));
    let report = String::from_utf8(place.read("run/report.html")).unwrap();
    assert!(report.contains("data:image/png;base64,"));
}

#[test]
fn what_cannot_be_done_is_said() {
    let place = place();
    place.refuses(
        "sample run",
        "error: `pix2pix` makes nothing of random numbers alone\n\nhint: it turns pictures into pictures: `gany translate run PICTURES OUT`",
    );
    let nothing = "error: there is nothing to measure: `pix2pix` makes no samples of its own\n\nhint: the grids and curves of its report show how good it is, and `gany translate` what it makes of pictures";
    place.refuses("eval run", nothing);
    place.refuses(
        "train pix2pix --data paired:a,b --steps 2 --eval-every auto --out other",
        nothing,
    );
    place.refuses(
        "translate run a/003.png 3.jpg",
        "error: expected a file that ends in `.png`, got 3.jpg\n\nhint: pictures are written as PNG, which loses nothing: 3.png",
    );
    place.refuses(
        "translate run a b",
        "error: expected a new or empty folder, got one with `000.png` in it: b\n\nhint: choose another folder, so that no picture of yours is written over",
    );
    place.refuses(
        "translate run a out --with back",
        "error: expected a function of this run, got `back`\n\nhint: it has `translate`",
    );
    place.does("train dcgan --size 16 --set width=4 --batch 4 --steps 1 --out dcgan");
    place.refuses(
        "translate dcgan a out",
        "error: `dcgan` turns no pictures into pictures\n\nhint: train a system that does, such as `pix2pix`, `cyclegan` or `srgan`: `gany models`",
    );
    place.pictures("wide", 6, 24);
    place.refuses(
        "train pix2pix --data paired:a,wide --steps 2 --out other",
        "error: settings of `pix2pix`: expected pairs of one size, got 16x16 and 24x24; `--size` brings both to one\n\nhint: `gany models pix2pix` lists all settings and their defaults",
    );
}
