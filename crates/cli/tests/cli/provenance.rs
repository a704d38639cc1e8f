//! `gany provenance` of what `gany sample` has made, and of what it has not.
use crate::place::Place;
use serde_json::Value;

#[test]
fn samples_say_where_they_come_from() {
    let place = Place::new();
    place.does("train dcgan --size 16 --set width=4 --set z_dim=8 --batch 4 --steps 2 --out run");
    let marking = r#"GANY_WATERMARK=on "$0" "$@""#;
    for (line, file) in [
        ("sample run -n 16 -o a.png", "a.png"),
        ("sample run -n 2 -o walk.gif", "walk.gif"),
    ] {
        assert_eq!(place.script(marking, line).code, 0);
        let found: Value = serde_json::from_str(&place.does(&format!("provenance --json {file}"))).unwrap();
        assert_eq!(
            found[0]["record"]["source"],
            "synthetic image, system dcgan, run seed 0, step 2"
        );
        assert_eq!(found[0]["watermark"]["is_found"], true, "{found}");
        assert_eq!(found[0]["is_of_record"], true);
    }
    image::open(place.path("a.png"))
        .unwrap()
        .save(place.path("a.jpg"))
        .unwrap();
    let said = place.does("provenance a.jpg");
    assert!(
        said.starts_with("a.jpg says that gany made it\n  in words   none of gany's\n  watermark  found: "),
        "{said}"
    );
    place.does("sample run -n 16 -o plain.png");
    let said = place.does("provenance plain.png");
    assert!(said.contains("watermark  none: "), "{said}");
    assert!(
        said.contains("in words   synthetic image, system dcgan, run seed 0, step 2, Ganymede "),
        "{said}"
    );
    place.refuses(
        "provenance nothing.png",
        "error: no such file or folder: nothing.png\n\nhint: check the spelling; `gany data list` shows the data sets that need no path",
    );
}
