//! PyTorch beside us: a script that does what one of our measurements does, in turn with it, each in a fresh process.
use super::child::{self, Ended, lines};
use super::measure::rounded;
use crate::failure::Failure;
use crate::output::{STRONG, print, tabulated};
use ganymede::engine::Precision;
use serde_json::{Map, Value, json};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a comparison asks for.
#[derive(clap::Args)]
pub(crate) struct Beside {
    /// Also run the same in PyTorch, in turn with this, by the Python interpreter that has it
    #[arg(long, value_name = "PYTHON")]
    pub(crate) peer: Option<PathBuf>,
    /// How often either side of a comparison runs
    #[arg(long, default_value_t = 2, requires = "peer", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

/// The scripts as they are in `benches/`, some of which import others.
const SCRIPTS: [(&str, &str); 5] = [
    ("pytorch_clock.py", include_str!("../../../../benches/pytorch_clock.py")),
    (ODD, include_str!("../../../../benches/pytorch_odd.py")),
    (OPS, include_str!("../../../../benches/pytorch_ops.py")),
    (SAMPLE, include_str!("../../../../benches/pytorch_sample.py")),
    (STEP, include_str!("../../../../benches/pytorch_step.py")),
];
pub(crate) const ODD: &str = "pytorch_odd.py";
pub(crate) const OPS: &str = "pytorch_ops.py";
pub(crate) const SAMPLE: &str = "pytorch_sample.py";
pub(crate) const STEP: &str = "pytorch_step.py";

/// A way in which PyTorch can do the same; the fastest one counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mode {
    pub(crate) name: String,
    /// The script's flags for it.
    flags: Vec<&'static str>,
}

/// Which modes a script has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Modes {
    /// As it comes, and with channels last.
    Layouts,
    /// These two, and compiled either way.
    LayoutsAndCompiled,
}

impl Modes {
    /// All modes for a precision: whoever may compute in bf16 may also take f32 where that is faster.
    fn list(self, precision: Precision) -> Vec<Mode> {
        let compiled: &[bool] = match self {
            Modes::Layouts => &[false],
            Modes::LayoutsAndCompiled => &[false, true],
        };
        let shortened: &[bool] = match precision {
            Precision::F32 => &[false],
            Precision::Bf16 => &[false, true],
        };
        let mut modes = vec![];
        for &bf16 in shortened {
            for &compile in compiled {
                for channels_last in [false, true] {
                    let wanted = [
                        (channels_last, "channels-last", "--channels-last"),
                        (compile, "compile", "--compile"),
                        (bf16, "bf16", "--bf16"),
                    ];
                    let wanted = || wanted.iter().filter(|(is_wanted, ..)| *is_wanted);
                    let name: Vec<&str> = wanted().map(|(_, name, _)| *name).collect();
                    modes.push(Mode {
                        name: if name.is_empty() {
                            "eager".into()
                        } else {
                            name.join("+")
                        },
                        flags: wanted().map(|(.., flag)| *flag).collect(),
                    });
                }
            }
        }
        modes
    }
}

/// One measurement of either side.
pub(crate) struct Comparison<'a> {
    pub(crate) beside: &'a Beside,
    /// The words that make `gany` measure and print lines of JSON.
    pub(crate) ours: Vec<String>,
    /// Which of the scripts measures the same.
    pub(crate) script: &'static str,
    /// Its words, without the mode's.
    pub(crate) theirs: Vec<String>,
    pub(crate) modes: Modes,
    pub(crate) precision: Precision,
    /// The field of a line that says which case it is.
    pub(crate) case: &'static str,
    /// The fields that are times.
    pub(crate) times: &'static [&'static str],
    /// Whether all lines are to be printed as they come.
    pub(crate) json: bool,
}

/// What either side said.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) torch: String,
    case: &'static str,
    ours: Vec<Value>,
    theirs: Vec<(String, Vec<Value>)>,
    /// Modes that came to nothing, and why.
    pub(crate) failed: Vec<(String, String)>,
}

/// Words of a command line.
pub(crate) fn words(first: &[&str], rest: &[String]) -> Vec<String> {
    let first = first.iter().map(|word| (*word).to_owned());
    first.chain(rest.iter().cloned()).collect()
}

impl Comparison<'_> {
    /// Runs both sides, and prints what came of it: lines of JSON, or a table.
    pub(crate) fn tell(&self, python: &Path, table: impl FnOnce(&Said) -> String) -> Result<(), Failure> {
        let said = self.run(python)?;
        if self.json {
            self.print_ratios(&said);
        } else {
            print(&table(&said));
        }
        Ok(())
    }

    /// Runs both sides in turn.
    fn run(&self, python: &Path) -> Result<Said, Failure> {
        let mut said = Said {
            torch: torch_version(python)?,
            case: self.case,
            ..Said::default()
        };
        let folder = scripts().map_err(|error| {
            Failure::new(
                format!("cannot write the PyTorch scripts ({error})"),
                "check the disk, and the environment variable TMPDIR",
            )
        })?;
        let modes = self.modes.list(self.precision);
        for round in 1..=self.beside.rounds {
            let progress = |name: &str| told(&format!("round {round} of {}: {name}", self.beside.rounds));
            progress("gany");
            let ours = lines(&child::run(child::gany()?.args(&self.ours), None)?);
            self.print("gany", "", &ours);
            said.ours.extend(ours);
            for mode in &modes {
                if said.failed.iter().any(|(name, _)| *name == mode.name) {
                    continue;
                }
                progress(&format!("PyTorch, {}", mode.name));
                let mut command = Command::new(python);
                command
                    .arg(folder.path().join(self.script))
                    .args(&self.theirs)
                    .args(&mode.flags)
                    .envs(environment(std::env::var("GANY_ISA").ok().as_deref()));
                match child::run(&mut command, None) {
                    Ok(text) => {
                        let lines = lines(&text);
                        self.print("pytorch", &mode.name, &lines);
                        said.theirs.push((mode.name.clone(), lines));
                    }
                    Err(ended) => said.failed.push((mode.name.clone(), ended.reason())),
                }
            }
        }
        told("");
        match said.failed.first() {
            Some((_, reason)) if said.theirs.iter().all(|(_, lines)| lines.is_empty()) => Err(Failure::new(
                format!("PyTorch's script came to nothing ({reason})"),
                "run it alone and see what it says: the scripts are in `benches/`",
            )),
            _ => Ok(said),
        }
    }

    fn print(&self, side: &str, mode: &str, lines: &[Value]) {
        for line in lines.iter().filter(|_| self.json) {
            let mut line = line.clone();
            line["side"] = side.into();
            line["mode"] = mode.into();
            print(&line.to_string());
        }
    }

    /// One line a case: either side's times, the fastest mode, and the ratio.
    fn print_ratios(&self, said: &Said) {
        for case in said.cases() {
            let mut line = Map::new();
            line.insert("side".into(), "both".into());
            line.insert(self.case.into(), case.clone());
            line.insert("torch".into(), said.torch.clone().into());
            for field in self.times {
                if let Some(beside) = said.beside(&case, field) {
                    line.insert((*field).into(), beside.facts());
                }
            }
            if let Some((ours, theirs)) = said.memory(&case, self.times[0]) {
                let ratio = rounded(ours / theirs, 3);
                line.insert(
                    "peak_mib".into(),
                    json!({"gany": ours, "pytorch": theirs, "ratio": ratio}),
                );
            }
            print(&Value::Object(line).to_string());
        }
        for (mode, reason) in &said.failed {
            print(&json!({"side": "pytorch", "mode": mode, "failed": reason}).to_string());
        }
    }
}

/// The field of a line that holds the time of a step, in milliseconds.
pub(crate) const MEDIAN: &str = "median_ms";

/// A time of ours and the fastest mode's.
#[derive(Debug, PartialEq)]
pub(crate) struct Times {
    pub(crate) ours: f64,
    pub(crate) theirs: f64,
    pub(crate) mode: String,
}

impl Times {
    pub(crate) fn ratio(&self) -> f64 {
        self.ours / self.theirs
    }

    fn facts(&self) -> Value {
        json!({
            "gany": rounded(self.ours, 3),
            "pytorch": rounded(self.theirs, 3),
            "mode": self.mode,
            "ratio": rounded(self.ratio(), 3),
        })
    }
}

impl Said {
    /// The cases that we have measured, in our order.
    pub(crate) fn cases(&self) -> Vec<Value> {
        let mut cases: Vec<Value> = vec![];
        for line in &self.ours {
            if !cases.contains(&line[self.case]) {
                cases.push(line[self.case].clone());
            }
        }
        cases
    }

    /// Our figure for a case: the mean over the rounds.
    pub(crate) fn ours(&self, case: &Value, field: &str) -> Option<f64> {
        self.mean(self.ours.iter(), case, field)
    }

    /// PyTorch's figure in a mode.
    pub(crate) fn theirs(&self, mode: &str, case: &Value, field: &str) -> Option<f64> {
        let of_mode = self.theirs.iter().filter(|(name, _)| name == mode);
        self.mean(of_mode.flat_map(|(_, lines)| lines), case, field)
    }

    fn mean<'a>(&self, lines: impl Iterator<Item = &'a Value>, case: &Value, field: &str) -> Option<f64> {
        let figures: Vec<f64> = lines
            .filter(|line| line[self.case] == *case)
            .filter_map(|line| line[field].as_f64())
            .collect();
        (!figures.is_empty()).then(|| figures.iter().sum::<f64>() / figures.len() as f64)
    }

    /// The modes that said anything, in order.
    pub(crate) fn modes(&self) -> Vec<&str> {
        let mut modes: Vec<&str> = vec![];
        for (mode, _) in &self.theirs {
            if !modes.contains(&mode.as_str()) {
                modes.push(mode);
            }
        }
        modes
    }

    /// Our time beside that of PyTorch's fastest mode.
    pub(crate) fn beside(&self, case: &Value, field: &str) -> Option<Times> {
        let ours = self.ours(case, field)?;
        let of_modes = self
            .modes()
            .into_iter()
            .filter_map(|mode| Some((mode, self.theirs(mode, case, field)?)));
        let (mode, theirs) = of_modes.min_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(Times {
            ours,
            theirs,
            mode: mode.to_owned(),
        })
    }

    /// Our memory beside that of the mode that is fastest by this time, in MiB.
    pub(crate) fn memory(&self, case: &Value, time: &str) -> Option<(f64, f64)> {
        let fastest = self.beside(case, time)?.mode;
        let peaks = (self.ours(case, "peak_mib"), self.theirs(&fastest, case, "peak_mib"));
        peaks.0.zip(peaks.1)
    }

    /// Of one case: a row for us and for each of PyTorch's modes, and the ratios to the one that is fastest by this time.
    pub(crate) fn table(&self, heading: &str, case: &Value, time: &str) -> String {
        let figures = [time, "min_ms", "peak_mib"];
        let mut rows = vec![["", "ms", "at best", "memory, MiB"].map(str::to_owned).to_vec()];
        let mut row = |name: &str, figure: &dyn Fn(&str) -> Option<f64>| {
            let cells = figures
                .iter()
                .zip([2, 2, 0])
                .map(|(key, digits)| figure(key).map_or("-".into(), |figure| format!("{figure:.digits$}")));
            rows.push(std::iter::once(name.to_owned()).chain(cells).collect());
        };
        row("gany", &|key| self.ours(case, key));
        for mode in self.modes() {
            row(&format!("PyTorch {mode}"), &|key| self.theirs(mode, case, key));
        }
        let mut text = format!("{}{}", self.heading(heading), tabulated(&rows));
        if let Some(times) = self.beside(case, time) {
            text += &format!(
                "  {STRONG}{:.2}{STRONG:#} of the time of PyTorch {}",
                times.ratio(),
                times.mode
            );
            if let Some((ours, theirs)) = self.memory(case, time) {
                text += &format!(", {STRONG}{:.2}{STRONG:#} of its memory", ours / theirs);
            }
        }
        text
    }

    /// What was compared with, and what of it failed.
    pub(crate) fn heading(&self, of: &str) -> String {
        let mut text = format!("{STRONG}{of}{STRONG:#} beside PyTorch {}\n", self.torch);
        for (mode, reason) in &self.failed {
            text += &format!("PyTorch's mode {mode} came to nothing: {reason}\n");
        }
        text
    }
}

/// PyTorch's version, if the interpreter runs and has it.
fn torch_version(python: &Path) -> Result<String, Failure> {
    let hint = "make one with `python3 -m venv .peers && .peers/bin/pip install torch==2.15.0 numpy`, and give \
                `--peer .peers/bin/python`";
    let mut command = Command::new(python);
    match child::run(command.args(["-c", "import torch; print(torch.__version__)"]), None) {
        Ok(version) => Ok(version.trim().to_owned()),
        Err(ended @ Ended::NotStarted(_)) => Err(Failure::new(
            format!(
                "cannot run the Python interpreter ({}): {}",
                ended.reason(),
                python.display()
            ),
            hint,
        )),
        Err(ended) => Err(Failure::new(
            format!(
                "the Python interpreter has no PyTorch ({}): {}",
                ended.reason(),
                python.display()
            ),
            hint,
        )),
    }
}

/// All scripts in a folder of their own, which goes when it is dropped.
fn scripts() -> std::io::Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    for (name, text) in SCRIPTS {
        std::fs::write(folder.path().join(name), text)?;
    }
    Ok(folder)
}

/// Holds PyTorch to the instruction set that we are held to.
fn environment(isa: Option<&str>) -> Vec<(&'static str, &'static str)> {
    let variables = |aten, onednn, mkl| {
        vec![
            ("ATEN_CPU_CAPABILITY", aten),
            ("ONEDNN_MAX_CPU_ISA", onednn),
            ("MKL_ENABLE_INSTRUCTIONS", mkl),
        ]
    };
    match isa {
        Some("avx2") => variables("avx2", "AVX2", "AVX2"),
        // The least that it has.
        Some("portable") => variables("default", "SSE41", "SSE4_2"),
        _ => vec![],
    }
}

/// A line that says what goes on, where somebody looks; the next one takes its place.
fn told(what: &str) {
    let mut err = std::io::stderr();
    if err.is_terminal() {
        // Whoever looked is gone.
        let _ = write!(err, "\r\x1b[K{what}").and_then(|()| err.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(ours: &[Value], theirs: &[(&str, Value)]) -> Said {
        Said {
            case: "name",
            ours: ours.to_vec(),
            theirs: theirs
                .iter()
                .map(|(mode, line)| ((*mode).to_owned(), vec![line.clone()]))
                .collect(),
            ..Said::default()
        }
    }

    #[test]
    fn the_fastest_mode_by_its_mean_over_the_rounds_counts_for_each_time() {
        let line = |forward: f64, weight: f64| json!({"name": "odd", "forward_ms": forward, "weight_ms": weight, "peak_mib": 100.0 * forward});
        let said = said(
            &[line(1.0, 2.0), line(3.0, 4.0)],
            &[
                // Once fastest of all, but not on the whole.
                ("eager", line(0.5, 2.0)),
                ("channels-last", line(4.0, 8.0)),
                ("eager", line(9.5, 2.0)),
                ("channels-last", line(4.0, 8.0)),
            ],
        );
        let times = |ours, theirs, mode: &str| Times {
            ours,
            theirs,
            mode: mode.into(),
        };
        assert_eq!(said.cases(), ["odd"]);
        let case = json!("odd");
        assert_eq!(said.beside(&case, "forward_ms"), Some(times(2.0, 4.0, "channels-last")));
        assert_eq!(said.beside(&case, "weight_ms"), Some(times(3.0, 2.0, "eager")));
        assert_eq!(said.beside(&case, "forward_ms").unwrap().ratio(), 0.5);
        assert_eq!(said.memory(&case, "forward_ms"), Some((200.0, 400.0)));
        assert_eq!(said.memory(&case, "weight_ms"), Some((200.0, 500.0)));
    }

    #[test]
    fn lines_are_joined_by_case_and_a_missing_one_leaves_no_ratio() {
        let line = |name: &str, ms: f64| json!({"name": name, "forward_ms": ms});
        let said = said(
            &[line("a", 1.0), line("b", 2.0), line("a", 1.0)],
            &[("eager", line("b", 8.0)), ("eager", line("c", 1.0))],
        );
        assert_eq!(said.cases(), ["a", "b"]);
        assert_eq!(said.beside(&json!("a"), "forward_ms"), None);
        assert_eq!(said.beside(&json!("b"), "forward_ms").map(|t| t.ratio()), Some(0.25));
        assert_eq!(said.beside(&json!("b"), "weight_ms"), None);
    }

    #[test]
    fn modes_are_every_layout_with_and_without_the_compiler() {
        let names = |modes: Modes, precision| -> Vec<String> {
            modes.list(precision).into_iter().map(|mode| mode.name).collect()
        };
        assert_eq!(names(Modes::Layouts, Precision::F32), ["eager", "channels-last"]);
        assert_eq!(
            names(Modes::LayoutsAndCompiled, Precision::F32),
            ["eager", "channels-last", "compile", "channels-last+compile"]
        );
        assert_eq!(
            names(Modes::Layouts, Precision::Bf16),
            ["eager", "channels-last", "bf16", "channels-last+bf16"]
        );
        let last = Modes::LayoutsAndCompiled.list(Precision::Bf16).pop().unwrap();
        assert_eq!(last.flags, ["--channels-last", "--compile", "--bf16"]);
    }

    #[test]
    fn pytorch_is_held_to_our_instruction_set() {
        assert_eq!(environment(None), []);
        assert_eq!(environment(Some("avx512")), []);
        assert_eq!(
            environment(Some("avx2")),
            [
                ("ATEN_CPU_CAPABILITY", "avx2"),
                ("ONEDNN_MAX_CPU_ISA", "AVX2"),
                ("MKL_ENABLE_INSTRUCTIONS", "AVX2")
            ]
        );
    }
}
