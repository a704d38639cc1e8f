use super::*;
use crate::data::open::open as open_spec;

/// `reference/parquet.py` made these with pyarrow, as the hub lays them out: eight pictures of 6x4 pixels in which red is 20
/// times the number, three classes with names, captions but for the last; packed by Snappy, and not at all.
fn made(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

#[test]
fn pictures_labels_and_captions_are_those_of_the_table() {
    for name in ["snappy.parquet", "plain.parquet"] {
        let mut seen = vec![];
        let file = File::open(made(name)).unwrap();
        let classes = rows(file, &made(name), &mut |row| {
            let caption = row.caption.map(|caption| String::from_utf8(caption).unwrap());
            seen.push((decode::extension(&row.picture), row.label, caption));
            Ok(())
        });
        assert_eq!(classes.unwrap().unwrap(), ["cat", "dog", "emu"]);
        assert_eq!(seen.len(), 8);
        for (number, (extension, label, caption)) in seen.into_iter().enumerate() {
            assert_eq!(extension, if number % 2 == 0 { "png" } else { "jpg" });
            assert_eq!(label, Some(number as i64 % 3));
            assert_eq!(caption, (number < 7).then(|| format!("picture {number}")));
        }
    }
}

#[test]
fn a_set_is_laid_out_once_and_opens_like_an_archive() {
    let spec = made("snappy.parquet").display().to_string();
    let data = open_spec(&spec, &Want::default()).unwrap();
    assert_eq!((data.len(), data.name()), (Some(8), spec.as_str()));
    assert_eq!(data.classes().unwrap(), ["cat", "dog", "emu"]);
    for number in [0, 2, 4, 6] {
        let (x, label) = data.example(number).unwrap();
        assert_eq!(label, number as u32 % 3);
        assert_eq!(x[0], f32::from(20 * number as u8) / 127.5 - 1.0);
        assert_eq!(data.caption(number), Some(format!("picture {number}").as_str()));
    }
    let archive = laid_out(&[made("snappy.parquet")]).unwrap();
    let before = fs::metadata(&archive).unwrap().modified().unwrap();
    open_spec(&spec, &Want::default()).unwrap();
    assert_eq!(fs::metadata(&archive).unwrap().modified().unwrap(), before);
}

#[test]
fn what_is_no_table_of_pictures_is_said() {
    let error = |bytes: Vec<u8>| {
        let outcome = rows(bytes::Bytes::from(bytes), Path::new("x.parquet"), &mut |_| Ok(()));
        outcome.err().unwrap().to_string()
    };
    let whole = fs::read(made("plain.parquet")).unwrap();
    assert!(
        error(whole[..whole.len() / 2].to_vec())
            .starts_with("bad Parquet file: content: expected a readable Parquet file")
    );
    assert!(error(b"PAR1".to_vec()).starts_with("bad Parquet file: content"));
    // Found by fuzzing: the reader panics at it.
    assert!(error(fs::read(made("damaged.parquet")).unwrap()).contains("its reader gives up"));
    let numbers = fs::read(made("numbers.parquet")).unwrap();
    assert_eq!(
        error(numbers),
        "bad Parquet file: columns: expected one of pictures, such as `image.bytes`, got a, b: x.parquet"
    );
}
