//! The folder of a run: where things are, who may write, and what it was made from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{Result, RunError};
use super::evaluation::RunFigures;
use super::{atomic, checkpoint, events};

/// Every setting of a run after defaults, files and flags were put together: dotted key -> value, in the order of keys.
pub type Settings = BTreeMap<String, Value>;

/// Where a run comes from, written once when it begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of Ganymede, such as `0.1.0`.
    pub ganymede: String,
    /// Commit it was built from, or `unknown`.
    pub commit: String,
    /// The command, word by word, program first.
    pub command: Vec<String>,
    /// The seed that every random number of the run follows from.
    pub seed: u64,
    /// What it was trained on.
    pub data: DataSource,
    /// Whose weights it began with, where it did not begin with random ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightsSource>,
    /// What it was trained with.
    pub machine: Machine,
    /// When it began, in UTC: `2026-05-04T03:02:01Z`. See [`now_utc`].
    pub started_at: String,
}

/// The data set of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSource {
    /// Its name, such as `fashion-mnist`.
    pub name: String,
    /// Digest of its content, such as `sha256:...`.
    pub digest: String,
}

/// The file that a run's first weights came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightsSource {
    /// Its path as it was given.
    pub file: String,
    /// Digest of its content, such as `sha256:...`.
    pub digest: String,
    /// Whose files look so, such as `stylegan2-ada`.
    pub layout: String,
}

/// The machine of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Model name of the processor.
    pub cpu: String,
    /// Processor cores that this process may use.
    pub cores: usize,
    /// Instruction set of the kernels, such as `avx512`.
    pub instruction_set: String,
    /// Operating system, such as `linux`.
    pub os: String,
    /// Name of the accelerator, where one was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accelerator: Option<String>,
}

impl Machine {
    /// This machine, as far as the system tells; the engine knows which instruction set it uses.
    pub fn this(instruction_set: &str) -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo")
            .ok()
            .and_then(|text| cpu_model(&text));
        Machine {
            cpu: cpu.unwrap_or_else(|| format!("unknown {}", std::env::consts::ARCH)),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            instruction_set: instruction_set.to_owned(),
            os: std::env::consts::OS.to_owned(),
            accelerator: None,
        }
    }
}

/// The processor's name in the text of Linux's `/proc/cpuinfo`.
fn cpu_model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    let name = line.split_once(':')?.1.split_whitespace().collect::<Vec<_>>().join(" ");
    (!name.is_empty()).then_some(name)
}

/// The time now in UTC, to the second, as in `2026-05-04T03:02:01Z`. It is written down and nothing is decided by it.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the place to ask the clock for the time of day"
)]
pub fn now_utc() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |passed| passed.as_secs());
    utc(seconds)
}

/// The inverse of [`utc`], after Howard Hinnant's `days_from_civil`; `None` for what is no such time.
pub(super) fn seconds_since_1970(utc: &str) -> Option<u64> {
    let parts: Vec<u64> = utc
        .strip_suffix('Z')?
        .split(['-', 'T', ':'])
        .map(str::parse)
        .collect::<std::result::Result<_, _>>()
        .ok()?;
    let [
        year @ 1970..=9999,
        month @ 1..=12,
        day @ 1..=31,
        hour @ ..24,
        minute @ ..60,
        second @ ..60,
    ] = parts[..]
    else {
        return None;
    };
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Seconds since 1970 as a date and time in UTC, after Howard Hinnant's `civil_from_days`.
fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

/// The name that a run's folder has by itself, such as `dcgan-fashion-mnist`; `data` may be a path.
pub fn name_for(system: &str, data: &str) -> String {
    let last = data.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next();
    let mut name = String::new();
    for c in last.unwrap_or(data).to_lowercase().chars() {
        let kept = if c.is_alphanumeric() || c == '_' || c == '.' {
            c
        } else {
            '-'
        };
        if kept != '-' || !name.ends_with('-') {
            name.push(kept);
        }
    }
    let name = name.trim_matches(['-', '.']);
    let data = if name.is_empty() { "data" } else { name };
    format!("{system}-{data}")
}

/// What changed between two sets of settings, one text per key, in the order of keys: `optimiser.lr: 0.0002 -> 0.0001`.
pub fn differences(old: &Settings, new: &Settings) -> Vec<String> {
    let shown = |value: Option<&Value>| value.map_or_else(|| "not set".to_owned(), Value::to_string);
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    keys.into_iter()
        .filter(|key| old.get(*key) != new.get(*key))
        .map(|key| format!("{key}: {} -> {}", shown(old.get(key)), shown(new.get(key))))
        .collect()
}

/// The folder of one run. One that [can be written](Self::create) holds the run's lock until it is dropped.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    _lock: Option<File>,
}

impl RunFolder {
    /// Makes the folder of a new run, with its parents, and locks it.
    ///
    /// # Errors
    /// [`RunError::NotEmpty`] where there are files already, [`RunError::Locked`], [`RunError::Io`].
    pub fn create(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        fs::create_dir_all(&path).map_err(|source| RunError::io("make the folder", &path, source))?;
        refuse_files(&path)?;
        let lock = lock(&path)?;
        // Another process may have made a whole run between the first look and the lock.
        refuse_files(&path)?;
        let folder = RunFolder {
            path,
            _lock: Some(lock),
        };
        folder.make_inside()?;
        Ok(folder)
    }

    /// Opens a run to read it; it may be going on meanwhile.
    ///
    /// # Errors
    /// [`RunError::Missing`], [`RunError::NotARun`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        if !path.is_dir() {
            return Err(RunError::Missing { path });
        }
        if !path.join("config.json").is_file() {
            return Err(RunError::NotARun {
                file: "config.json",
                path,
            });
        }
        Ok(RunFolder { path, _lock: None })
    }

    /// Opens a run to go on with it, and locks it.
    ///
    /// # Errors
    /// Those of [`RunFolder::open`], and [`RunError::Locked`].
    pub fn open_to_write(path: impl Into<PathBuf>) -> Result<Self> {
        let mut folder = Self::open(path)?;
        folder._lock = Some(lock(&folder.path)?);
        folder.make_inside()?;
        Ok(folder)
    }

    /// Makes the folders inside, and removes what a killed process may have left half-written.
    fn make_inside(&self) -> Result<()> {
        for inside in [self.samples_folder(), self.checkpoints_folder()] {
            fs::create_dir_all(&inside).map_err(|source| RunError::io("make the folder", &inside, source))?;
            atomic::remove_partial(&inside);
        }
        atomic::remove_partial(&self.path);
        // A parent that may not be opened is no reason not to train.
        let _ = atomic::sync_parent(&self.path);
        Ok(())
    }

    /// Who writes the run just now, if anybody does; the process, where it said so.
    pub fn writer(&self) -> Option<Option<u32>> {
        let path = self.path.join("lock");
        let file = File::open(&path).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Some(fs::read_to_string(&path).ok().and_then(|id| id.trim().parse().ok())),
            _ => None,
        }
    }

    /// Goes back to `step`: drops events, sample grids and numbered checkpoints of later steps, so that training can go
    /// on from the checkpoint of `step` as if it had never been further.
    ///
    /// # Errors
    /// [`RunError::Io`], [`RunError::Event`].
    pub fn rewind(&self, step: u64) -> Result<()> {
        events::drop_after(&self.events_file(), step)?;
        remove_after(&self.samples_folder(), step)?;
        remove_after(&self.checkpoints_folder(), step)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `config.json`: see [`Settings`].
    pub fn config_file(&self) -> PathBuf {
        self.path.join("config.json")
    }

    /// `provenance.json`: see [`Provenance`].
    pub fn provenance_file(&self) -> PathBuf {
        self.path.join("provenance.json")
    }

    /// `events.jsonl`: see [`Event`](super::Event).
    pub fn events_file(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    /// `samples/`.
    pub fn samples_folder(&self) -> PathBuf {
        self.path.join("samples")
    }

    /// `samples/step-0000400.png`.
    pub fn sample_file(&self, step: u64) -> PathBuf {
        self.path.join(Self::sample_name(step))
    }

    /// `samples/step-0000400.png` as an event names it: from the run's folder, with `/` on every system.
    pub fn sample_name(step: u64) -> String {
        format!("samples/step-{step:07}.png")
    }

    /// `checkpoints/`.
    pub fn checkpoints_folder(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// `checkpoints/step-0000400.safetensors`.
    pub fn checkpoint_file(&self, step: u64) -> PathBuf {
        self.path.join(Self::checkpoint_name(step))
    }

    /// `checkpoints/step-0000400.safetensors` as an event names it.
    pub fn checkpoint_name(step: u64) -> String {
        format!("checkpoints/step-{step:07}.{}", checkpoint::EXTENSION)
    }

    /// `report.html`.
    pub fn report_file(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// `eval.json`: see [`RunFigures`].
    pub fn figures_file(&self) -> PathBuf {
        self.path.join("eval.json")
    }

    /// Writes what was measured of the run.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn write_figures(&self, figures: &RunFigures) -> Result<()> {
        write_json(&self.figures_file(), figures)
    }

    /// What was measured of the run; `None` where nothing was.
    ///
    /// # Errors
    /// [`RunError::Io`], [`RunError::Json`].
    pub fn read_figures(&self) -> Result<Option<RunFigures>> {
        let path = self.figures_file();
        path.exists()
            .then(|| parse_json(&read(&path)?, "figures", &path))
            .transpose()
    }

    /// Writes the resolved settings, one key a line.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn write_settings(&self, settings: &Settings) -> Result<()> {
        write_json(&self.config_file(), settings)
    }

    /// The settings that the run began with.
    ///
    /// # Errors
    /// [`RunError::Io`], [`RunError::Json`].
    pub fn read_settings(&self) -> Result<Settings> {
        let path = self.config_file();
        parse_settings(&read(&path)?, &path)
    }

    /// Refuses other settings than those that the run began with.
    ///
    /// # Errors
    /// [`RunError::SettingsChanged`] with every difference.
    pub fn refuse_changed_settings(&self, began_with: &Settings, new: &Settings) -> Result<()> {
        let differences = differences(began_with, new);
        if differences.is_empty() {
            return Ok(());
        }
        Err(RunError::SettingsChanged {
            differences,
            path: self.path.clone(),
        })
    }

    /// Writes where the run comes from.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn write_provenance(&self, provenance: &Provenance) -> Result<()> {
        write_json(&self.provenance_file(), provenance)
    }

    /// Where the run comes from.
    ///
    /// # Errors
    /// [`RunError::Io`], [`RunError::Json`].
    pub fn read_provenance(&self) -> Result<Provenance> {
        let path = self.provenance_file();
        parse_json(&read(&path)?, "provenance", &path)
    }
}

/// The settings in the content of a `config.json`; an error names `path`.
///
/// # Errors
/// [`RunError::Json`].
pub fn parse_settings(bytes: &[u8], path: &Path) -> Result<Settings> {
    parse_json(bytes, "settings", path)
}

/// Where a path that an event names lies in the folder of a run; nowhere if that is outside.
pub(super) fn inside(run: &Path, named: &str) -> Option<PathBuf> {
    let is_normal = |part| matches!(part, Component::Normal(_));
    Path::new(named).components().all(is_normal).then(|| run.join(named))
}

/// The step in a file name such as `step-0000400.png`.
pub(super) fn step_of(path: &Path) -> Option<u64> {
    let digits = path.file_stem()?.to_str()?.strip_prefix("step-")?;
    digits
        .bytes()
        .all(|digit| digit.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

fn remove_after(folder: &Path, step: u64) -> Result<()> {
    let entries = fs::read_dir(folder).map_err(|source| RunError::io("read", folder, source))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if step_of(&path).is_some_and(|of_file| of_file > step) {
            fs::remove_file(&path).map_err(|source| RunError::io("remove", &path, source))?;
        }
    }
    Ok(())
}

/// A lock file, half-written files and empty folders are what is left of a run that ended before it began: nobody misses
/// them.
fn refuse_files(path: &Path) -> Result<()> {
    let entries = fs::read_dir(path).map_err(|source| RunError::io("read", path, source))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_empty_folder = || fs::read_dir(entry.path()).is_ok_and(|mut inside| inside.next().is_none());
        let leftover = name == "lock" || atomic::is_partial(&name) || is_empty_folder();
        if !leftover {
            return Err(RunError::NotEmpty { path: path.to_owned() });
        }
    }
    Ok(())
}

fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let open = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path);
    let mut file = open.map_err(|source| RunError::io("open", &path, source))?;
    match try_lock_patiently(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let process = fs::read_to_string(&path).ok().and_then(|id| id.trim().parse().ok());
            return Err(RunError::Locked {
                process,
                path: folder.to_owned(),
            });
        }
        Err(TryLockError::Error(source)) => return Err(RunError::io("lock", &path, source)),
    }
    let noted = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    noted.map_err(|source| RunError::io("write", &path, source))?;
    Ok(file)
}

/// Tries again for a tenth of a second: whoever [asks](RunFolder::writer) holds the lock for a moment.
fn try_lock_patiently(file: &File) -> std::result::Result<(), TryLockError> {
    for _ in 0..10 {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            tried => return tried,
        }
    }
    file.try_lock()
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    atomic::replace(path, |writer| {
        serde_json::to_writer_pretty(&mut *writer, value).map_err(io::Error::from)?;
        writer.write_all(b"\n")
    })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|source| RunError::io("read", path, source))
}

fn parse_json<T: DeserializeOwned>(bytes: &[u8], expected: &'static str, path: &Path) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| RunError::Json {
        expected,
        reason: error.to_string(),
        path: path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(pairs: &[(&str, Value)]) -> Settings {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect()
    }

    #[test]
    fn files_have_the_names_that_the_documentation_says() {
        let there = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(there.path().join("deep/a")).unwrap();
        let inside = |path: PathBuf| path.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned();
        assert_eq!(inside(folder.sample_file(400)), "samples/step-0000400.png");
        assert_eq!(
            inside(folder.checkpoint_file(12_345_678)),
            "checkpoints/step-12345678.safetensors"
        );
        assert_eq!(inside(folder.config_file()), "config.json");
        assert_eq!(inside(folder.provenance_file()), "provenance.json");
        assert_eq!(inside(folder.events_file()), "events.jsonl");
        assert_eq!(inside(folder.report_file()), "report.html");
    }

    #[test]
    fn folders_are_named_after_system_and_data() {
        let name = |data| name_for("dcgan", data);
        assert_eq!(name("fashion-mnist"), "dcgan-fashion-mnist");
        assert_eq!(name("mnist:test"), "dcgan-mnist-test");
        assert_eq!(name("../My Photos/"), "dcgan-my-photos");
        assert_eq!(name("."), "dcgan-data");
    }

    #[test]
    fn a_folder_with_files_is_refused_and_an_abandoned_one_taken() {
        let there = tempfile::tempdir().unwrap();
        drop(RunFolder::create(there.path()).unwrap());
        let partial = there.path().join(".config.json.partial");
        fs::write(&partial, "{\"see").unwrap();
        let folder = RunFolder::create(there.path()).expect("nothing but what a kill leaves is there");
        assert!(!partial.exists());
        folder.write_settings(&Settings::new()).unwrap();
        drop(folder);
        assert!(matches!(
            RunFolder::create(there.path()),
            Err(RunError::NotEmpty { .. })
        ));
    }

    #[test]
    fn opening_says_what_is_missing() {
        let there = tempfile::tempdir().unwrap();
        assert!(matches!(
            RunFolder::open(there.path().join("no")),
            Err(RunError::Missing { .. })
        ));
        assert!(matches!(
            RunFolder::open(there.path()),
            Err(RunError::NotARun {
                file: "config.json",
                ..
            })
        ));
        let file = there.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(RunFolder::open(&file), Err(RunError::Missing { .. })));
        assert!(matches!(RunFolder::create(&file), Err(RunError::Io { .. })));
    }

    #[test]
    fn only_one_may_write() {
        let there = tempfile::tempdir().unwrap();
        let first = RunFolder::create(there.path()).unwrap();
        first.write_settings(&Settings::new()).unwrap();
        match RunFolder::open_to_write(there.path()) {
            Err(RunError::Locked { process, .. }) if cfg!(unix) => {
                assert_eq!(process, Some(std::process::id()))
            }
            other => assert!(matches!(other, Err(RunError::Locked { .. })), "{other:?}"),
        }
        let reader = RunFolder::open(there.path()).expect("reading needs no lock");
        let process = cfg!(unix).then(std::process::id);
        assert_eq!(reader.writer(), Some(process));
        drop(first);
        assert_eq!(reader.writer(), None);
        RunFolder::open_to_write(there.path()).expect("the lock goes with its holder");
    }

    #[test]
    fn settings_come_back_and_differences_are_listed() {
        let there = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(there.path()).unwrap();
        let old = settings(&[
            ("optimiser.lr", json!(0.1 + 0.2)),
            ("seed", json!(u64::MAX)),
            ("data", json!("fashion-mnist")),
            ("ema", json!(0.999)),
        ]);
        folder.write_settings(&old).unwrap();
        assert_eq!(folder.read_settings().unwrap(), old);
        folder.refuse_changed_settings(&old, &old).unwrap();

        let new = settings(&[
            ("optimiser.lr", json!(1e-4)),
            ("seed", json!(u64::MAX)),
            ("data", json!("cifar-10")),
            ("spectral_norm", json!(true)),
        ]);
        let expected = [
            "data: \"fashion-mnist\" -> \"cifar-10\"",
            "ema: 0.999 -> not set",
            "optimiser.lr: 0.30000000000000004 -> 0.0001",
            "spectral_norm: not set -> true",
        ];
        assert_eq!(differences(&old, &new), expected);
        match folder.refuse_changed_settings(&old, &new) {
            Err(RunError::SettingsChanged { differences, .. }) => assert_eq!(differences, expected),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn settings_that_are_not_json_are_named() {
        let there = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(there.path()).unwrap();
        fs::write(folder.config_file(), "{\"a\":").unwrap();
        let error = folder.read_settings().unwrap_err().to_string();
        assert!(error.starts_with("expected settings, got something else (EOF") && error.ends_with("config.json"));
    }

    #[test]
    fn provenance_comes_back() {
        let there = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(there.path()).unwrap();
        let provenance = Provenance {
            ganymede: "0.1.0".into(),
            commit: "unknown".into(),
            command: vec!["gany".into(), "train".into(), "--out".into(), "my runs/a".into()],
            seed: u64::MAX,
            weights: None,
            data: DataSource {
                name: "fashion-mnist".into(),
                digest: "sha256:00".into(),
            },
            machine: Machine::this("avx2"),
            started_at: now_utc(),
        };
        folder.write_provenance(&provenance).unwrap();
        assert_eq!(folder.read_provenance().unwrap(), provenance);
    }

    #[test]
    fn the_processor_has_its_name() {
        let text = "processor\t: 0\nmodel name\t: Some  CPU @ 2.10GHz\nmodel name\t: Another\n";
        assert_eq!(cpu_model(text).as_deref(), Some("Some CPU @ 2.10GHz"));
        assert_eq!(cpu_model("processor: 0\nmodel name :\n"), None);
    }

    #[test]
    fn times_are_the_calendar_s() {
        // `date -u -d @SECONDS` says so.
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(seconds), expected);
            assert_eq!(seconds_since_1970(expected), Some(seconds));
        }
        for other in [
            "",
            "t",
            "2026-05-04T03:02:01",
            "2026-13-04T03:02:01Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(seconds_since_1970(other), None, "{other}");
        }
    }

    #[test]
    fn rewinding_drops_what_came_later() {
        let there = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(there.path()).unwrap();
        for step in [100, 200, 300] {
            fs::write(folder.sample_file(step), "").unwrap();
            fs::write(folder.checkpoint_file(step), "").unwrap();
        }
        fs::write(folder.checkpoints_folder().join("best.safetensors"), "").unwrap();
        folder.rewind(200).unwrap();
        let names = |folder: PathBuf| {
            let mut names: Vec<_> = fs::read_dir(folder)
                .unwrap()
                .map(|e| e.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        assert_eq!(names(folder.samples_folder()), ["step-0000100.png", "step-0000200.png"]);
        assert_eq!(
            names(folder.checkpoints_folder()),
            [
                "best.safetensors",
                "step-0000100.safetensors",
                "step-0000200.safetensors"
            ]
        );
    }
}
