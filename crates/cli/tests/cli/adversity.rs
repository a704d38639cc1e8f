//! Disks that are full, folders that cannot be written, too few file handles, clocks that jump, two processes on one run:
//! each is said clearly, and the run goes on afterwards as if nothing had been.
#![cfg(unix)]
use crate::place::{Place, Ran};
use crate::resume::{are_equal, said};
use ganymede::run::Event;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, SystemTime};

const ORDER: &str =
    "train gan --data ring --set width=16 --batch 16 --steps 200 --checkpoint-every 20 --sample-every 50 --json";

/// A place with the run `whole`, which nothing disturbed.
fn place() -> Place {
    let place = Place::new();
    place.does(&format!("{ORDER} --out whole"));
    place
}

/// The run failed with this error about a file in the run `run`, and this hint.
#[track_caller]
fn failed(ran: &Ran, error: &str, run: &str, hint: &str) {
    let (said, hinted) = ran.err.split_once("\n\n").unwrap_or((&ran.err, ""));
    assert!(said.starts_with(&format!("error: {error}: {run}")), "{}", ran.err);
    assert_eq!(hinted.trim_end(), format!("hint: {hint}"));
    assert_eq!(ran.code, 2);
}

#[test]
fn a_full_disk() {
    let place = place();
    fs::create_dir(place.path("disk")).unwrap();
    let run = "mount -t tmpfs -o size=SIZEk tmpfs disk; \"$0\" \"$@\"; code=$?; cp -r disk/run saved; exit $code";
    for (size, was_saved) in [(60, false), (160, true)] {
        let script = run.replace("SIZE", &size.to_string());
        let Some(ran) = place.script_with_mounts(&script, &format!("{ORDER} --out disk/run")) else {
            return;
        };
        failed(
            &ran,
            "cannot write (no storage space)",
            "disk/run/",
            "the disk is full; what was saved before is untouched, so make room and go on with `--resume`",
        );
        assert_eq!(place.names("saved/checkpoints").is_empty(), !was_saved, "{}", ran.err);
        place.does("train --resume saved --json");
        are_equal(&place, "whole", "saved");
        fs::remove_dir_all(place.path("saved")).unwrap();
    }
}

#[test]
fn a_limit_on_the_size_of_files() {
    let place = Place::new();
    let order = ORDER.replace("--steps 200", "--steps 2000");
    place.does(&format!("{order} --out whole"));
    // In blocks of 512 bytes: sample grids and checkpoints fit, the events do not.
    let blocks = place.read("whole/events.jsonl").len() * 2 / 3 / 512;
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    failed(
        &place.script(&script, &format!("{order} --out run")),
        "cannot write (file too large)",
        "run/events.jsonl",
        "files may not grow that large here (`ulimit -f` shows a limit); what was saved before is untouched, so lift it \
         and go on with `--resume`",
    );
    assert!(!place.names("run/checkpoints").is_empty());
    place.does("train --resume run --json");
    are_equal(&place, "whole", "run");
}

#[test]
fn a_folder_that_cannot_be_written() {
    let place = place();
    place.does(&format!("{ORDER} --out run"));
    let before = place.read("run/events.jsonl");
    let read_only = |line: &str| {
        let mount = "mount --bind run run; mount -o remount,bind,ro run";
        place.script_with_mounts(&format!("{mount}; exec \"$0\" \"$@\""), line)
    };
    let Some(ran) = read_only("train --resume run --steps 300") else {
        return;
    };
    failed(
        &ran,
        "cannot open (read-only filesystem or storage medium)",
        "run/lock",
        "nothing can be written there; copy the run elsewhere to go on with it, or choose another folder with `--out`",
    );
    let begun = read_only(&format!("{ORDER} --out run/inside")).unwrap();
    failed(
        &begun,
        "cannot make the folder (read-only filesystem or storage medium)",
        "run/inside",
        "nothing can be written there; copy the run elsewhere to go on with it, or choose another folder with `--out`",
    );
    // What only reads goes on working.
    for line in ["sample run -n 4 -o four.png", "events run --format csv"] {
        assert_eq!(read_only(line).unwrap().code, 0, "{line}");
    }
    assert!(place.read("run/events.jsonl") == before);
    place.does("train --resume run --steps 300 --json");
}

#[test]
fn a_user_who_may_not_write() {
    use std::os::unix::fs::PermissionsExt;
    let place = place();
    place.does(&format!("{ORDER} --out run"));
    let everything = ["run", "run/lock", "run/samples", "run/checkpoints"];
    for name in everything {
        fs::set_permissions(place.path(name), fs::Permissions::from_mode(0o555)).unwrap();
    }
    // In a user namespace that maps nobody the superuser has no more rights than any other user.
    let script = "unshare --user true || exit 77; exec unshare --user \"$0\" \"$@\"";
    let ran = place.script(script, "train --resume run --steps 300");
    for name in everything {
        fs::set_permissions(place.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    if ran.code == 77 {
        return eprintln!("SKIPPED: this system allows no user namespaces");
    }
    failed(
        &ran,
        "cannot open (permission denied)",
        "run/lock",
        "this user may not write there; choose another folder with `--out`",
    );
    place.does("train --resume run --steps 300 --json");
}

#[test]
fn too_few_file_handles() {
    let place = place();
    let (mut failures, mut successes) = (0, 0);
    for handles in 4..=16 {
        let run = format!("run{handles}");
        let script = format!("ulimit -n {handles}; exec \"$0\" \"$@\"");
        let ran = place.script(&script, &format!("{ORDER} --out {run}"));
        if ran.code == 127 {
            // Not even the program's libraries can be opened.
            continue;
        }
        if ran.code == 0 {
            successes += 1;
        } else {
            failures += 1;
            assert_eq!(ran.code, 2, "{handles}: {}", ran.err);
            assert!(ran.err.contains("too many open files"), "{handles}: {}", ran.err);
            let hint = "\n\nhint: this process may not open more files; allow it with `ulimit -n 1024` and go on with `--resume`\n";
            assert!(ran.err.ends_with(hint), "{handles}: {}", ran.err);
        }
        let is_begun = place.path(&format!("{run}/config.json")).exists();
        match (ran.code, is_begun) {
            (0, _) => {}
            (_, true) => _ = place.does(&format!("train --resume {run} --json")),
            (_, false) => _ = place.does(&format!("{ORDER} --out {run}")),
        }
        are_equal(&place, "whole", &run);
    }
    assert!(failures > 0 && successes > 0, "{failures} failed, {successes} did not");
}

#[test]
fn a_clock_that_jumps() {
    let place = Place::new();
    let order = ORDER.replace("--steps 200", "--steps 2000");
    place.does(&format!("{order} --out whole"));
    let a_year = Duration::from_secs(31_557_600);
    for (year, at) in [
        ("2126", SystemTime::UNIX_EPOCH + 156 * a_year),
        ("1970", SystemTime::UNIX_EPOCH),
    ] {
        let run = format!("in{year}");
        let mut child = place.start(&format!("{order} --out {run}"));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("\"event\":\"checkpoint\"")));
        child.kill().unwrap();
        child.wait().unwrap();
        // All that was made so far was made in that year.
        let events = String::from_utf8(place.read(format!("{run}/events.jsonl"))).unwrap();
        let (before, after) = events.split_once("\"at\":\"").unwrap();
        place.write(
            &format!("{run}/events.jsonl"),
            format!("{before}\"at\":\"{year}{}", &after[4..]),
        );
        for inside in [".", "samples", "checkpoints"] {
            for name in place.names(&format!("{run}/{inside}")) {
                let file = File::open(place.path(&format!("{run}/{inside}/{name}"))).unwrap();
                file.set_modified(at).unwrap();
            }
        }
        place.does(&format!("train --resume {run} --json"));
        are_equal(&place, "whole", &run);
        assert!(matches!(&said(&place, &run)[0], Event::Started { at, .. } if at.starts_with(year)));
    }
}

#[test]
fn two_processes_on_one_run() {
    let place = Place::new();
    let mut child = place.start(&format!("{ORDER} --out run").replace("--steps 200", "--steps 1000000000"));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("\"event\":\"checkpoint\"")));
    // It must not wait for its listener.
    drop(lines);
    let hint = "wait for it or stop it with Ctrl-C, or choose another folder with `--out`; reading the run is fine";
    let locked = format!(
        "error: another process ({}) is writing this run: run\n\nhint: {hint}",
        child.id()
    );
    place.refuses("train --resume run", &locked);
    place.refuses(
        &format!("{ORDER} --out run"),
        "error: expected a new or empty folder for the run, got one with files in it: run\n\n\
         hint: go on with the run that is there with `--resume`, or choose another folder with `--out`",
    );
    place.does("sample run -n 4 -o four.png");
    place.does("events run --format csv -o run.csv");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        Path::new(&place.path("run/lock")).exists(),
        "what the dead process left"
    );
    place.does("train --resume run --steps 20");
    assert!(matches!(said(&place, "run").pop(), Some(Event::Finished { .. })));
}

#[cfg(target_os = "linux")]
#[test]
fn a_machine_with_too_little_memory() {
    let place = Place::new();
    let ran = place.script(
        "ulimit -v 1500000; exec \"$0\" \"$@\"",
        "train dcgan --data fashion-mnist-10k --size 64 --batch 2048 --steps 2 --json --out run",
    );
    let (error, hint) = ran.err.trim_end().split_once("\n\n").unwrap();
    assert!(
        error.starts_with("error: not enough memory: ") && error.contains(" GiB are needed in one piece"),
        "{error}"
    );
    assert_eq!(
        hint,
        "hint: take fewer examples at a time (`--batch`), smaller pictures (`--size`) or a narrower network (`--set width=..`)"
    );
    assert_eq!(ran.code, 2);
}
