//! The report in a real browser: its script draws the charts, and its self-check uses it as a person would.
//!
//! Where no browser is installed the test says so and passes; in CI (`CI` is set) it fails.

use std::env;
use std::f64::consts::TAU;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ganymede::run::{
    DataSource, Event, EventWriter, Machine, Pictures, Provenance, RunFolder, Stamp, grid_png, write_report,
};
use serde_json::json;

const STEPS: u64 = 2_400;

fn browser() -> Option<PathBuf> {
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH")?).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| path.is_file())
}

/// Noise in [-1, 1] that is the same in every run.
fn noise(n: u64) -> f64 {
    let mut bits = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// Pictures of rings, discs and stripes that emerge from noise as training goes on.
fn pictures(step: u64) -> Vec<f32> {
    let learned = 1.0 - (-(step as f64) / 500.0).exp();
    let mut values = Vec::with_capacity(64 * 28 * 28);
    for picture in 0..64_u64 {
        let (size, thick) = (6.0 + 4.0 * noise(picture), 2.0 + noise(picture + 99));
        for pixel in 0..28 * 28_u64 {
            let (x, y) = ((pixel % 28) as f64 - 13.5, (pixel / 28) as f64 - 13.5);
            let ink = match picture % 3 {
                0 => thick - (x.hypot(y) - size).abs(),
                1 => size - x.hypot(y * 1.3),
                _ => thick * (x * size / 10.0).sin() + 4.0 - y.abs() / 3.0,
            };
            let clean = ink.clamp(-1.0, 1.0);
            let rubbish = noise(step * 50_000 + picture * 784 + pixel);
            values.push((clean * learned + rubbish * (1.0 - learned * 0.96)).clamp(-1.0, 1.0) as f32);
        }
    }
    values
}

/// A run as DCGAN might leave it, with a few values that are not finite.
fn make_run(path: &Path) -> RunFolder {
    let folder = RunFolder::create(path).unwrap();
    let settings = [
        ("batch_size", json!(64)),
        ("data", json!("fashion-mnist")),
        ("discriminator.channels", json!([64, 128])),
        ("discriminator.slope", json!(0.2)),
        ("generator.channels", json!([128, 64])),
        ("generator.z_dim", json!(100)),
        ("optimiser.beta1", json!(0.5)),
        ("optimiser.beta2", json!(0.999)),
        ("optimiser.lr", json!(0.0002)),
        ("precision", json!("f32")),
        ("seed", json!(0)),
        ("steps", json!(STEPS)),
        ("system", json!("dcgan")),
    ];
    folder
        .write_settings(&settings.map(|(key, value)| (key.to_owned(), value)).into())
        .unwrap();
    let command = [
        "gany",
        "train",
        "dcgan",
        "--data",
        "fashion-mnist",
        "--steps",
        "2400",
        "--out",
        "runs/my first run",
    ];
    let machine = Machine {
        cpu: "AMD EPYC 9R14 96-Core Processor".into(),
        cores: 8,
        instruction_set: "avx512".into(),
        os: "linux".into(),
        accelerator: None,
    };
    let provenance = Provenance {
        ganymede: env!("CARGO_PKG_VERSION").into(),
        commit: "3c0c94c".into(),
        command: command.map(str::to_owned).into(),
        seed: 0,
        weights: None,
        data: DataSource {
            name: "fashion-mnist".into(),
            digest: format!("sha256:{}", "8f4e2a".repeat(10)),
        },
        machine,
        started_at: "2026-05-04T03:02:01Z".into(),
    };
    folder.write_provenance(&provenance).unwrap();

    let mut events = EventWriter::create(&folder).unwrap();
    let mut say = |event| events.append(&event).unwrap();
    let idea = "A generator and a discriminator made of convolutions alone, with batch normalisation and a few rules of \
                thumb, that for the first time trained stably on pictures.";
    say(Event::Started {
        system: "dcgan".into(),
        title: "DCGAN".into(),
        idea: idea.into(),
        steps: Some(STEPS),
        at: "2026-05-04T03:02:01Z".into(),
    });
    for step in 0..=STEPS {
        if step > 0 {
            let part = step as f64 / STEPS as f64;
            let wave = 0.06 * (part * 9.0 * TAU).sin();
            let real = (0.72 + 0.2 * (-part * 12.0).exp() + wave + 0.05 * noise(step)).min(1.0);
            let fake = (0.30 - 0.2 * (-part * 10.0).exp() - wave + 0.05 * noise(step + 7)).max(0.0);
            let spike = if step == 1_531 { 40.0 } else { 0.0 };
            let generator = if step == 1_532 {
                f64::NAN
            } else {
                -fake.max(1e-3).ln() + 0.2 * noise(step + 3) + spike
            };
            let rate = 2e-4 * if step > 1_800 { 0.1 } else { 1.0 };
            let scalars = [
                (
                    "loss.discriminator",
                    -real.ln() - (1.0 - fake).ln() + 0.08 * noise(step + 1),
                ),
                ("loss.generator", generator),
                ("accuracy.real", (real + 0.15 + 0.04 * noise(step + 5)).min(1.0)),
                ("accuracy.fake", (1.1 - fake + 0.04 * noise(step + 6)).min(1.0)),
                ("probability.real", real),
                ("probability.fake", fake),
                ("learning_rate.generator", rate),
                ("learning_rate.discriminator", rate * 2.0),
                (
                    "diversity.pairs",
                    0.4 * (1.0 - (-part * 6.0).exp()) + 0.01 * noise(step + 8),
                ),
            ];
            say(Event::Step {
                step,
                seconds: step as f64 * 0.075,
                images: step * 64,
                scalars: scalars.map(|(name, value)| (name.to_owned(), value)).into(),
            });
        }
        if step == 1_532 {
            say(Event::Warning {
                step,
                message: "loss.generator is not finite: went back to step 1,500".into(),
            });
        }
        if step % 100 == 0 {
            let values = pictures(step);
            let pictures = Pictures {
                values: &values,
                count: 64,
                height: 28,
                width: 28,
                channels: 1,
            };
            let stamp = Stamp {
                system: "dcgan".into(),
                seed: 0,
                step,
            };
            grid_png(&pictures, 8, &stamp, &folder.sample_file(step)).unwrap();
            say(Event::Sample {
                step,
                path: RunFolder::sample_name(step),
            });
        }
    }
    say(Event::Finished { step: STEPS });
    folder
}

/// The page after its script ran, as the browser would write it down.
fn dump(browser: &Path, page: &Path, hash: &str, size: &str, profile: &Path) -> String {
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-extensions",
        ])
        .args(["--virtual-time-budget=10000", "--dump-dom"])
        .arg(format!("--window-size={size}"))
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}{hash}", page.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_report_works_in_a_browser() {
    // Kept after the test, for whoever wants to look at it.
    let there = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report-in-browser");
    let _ = fs::remove_dir_all(&there);
    let folder = make_run(&there);
    let page = write_report(&folder).unwrap();
    let Some(browser) = browser() else {
        assert!(
            env::var_os("CI").is_none(),
            "no browser was found on PATH, and CI must have one"
        );
        println!("skipped: no browser was found on PATH");
        return;
    };
    let profile = tempfile::tempdir().unwrap();

    let drawn = dump(&browser, &page, "", "1280,1000", profile.path());
    assert_eq!(
        drawn.matches("class=\"line main\"").count(),
        9,
        "a line for every scalar"
    );
    assert_eq!(
        drawn.matches("class=\"band\"").count(),
        9,
        "2,400 points are drawn as means within a band"
    );
    assert_eq!(drawn.matches("<figure").count(), 5);
    assert!(!drawn.contains("data-errors"), "no script error");
    assert!(drawn.contains("generator: 1 value was not finite, first at step 1,532."));

    for size in ["1280,1000", "500,900"] {
        let checked = dump(&browser, &page, "#selftest", size, profile.path());
        let verdict = checked
            .split("id=\"selftest\">")
            .nth(1)
            .unwrap_or("the self-check did not end");
        assert!(checked.contains("data-selftest=\"passed\""), "at {size}: {verdict}");
    }
}
