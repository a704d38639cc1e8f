//! What was measured, as it is written down.
use crate::Result;
use gany_engine::kernels::isa::Isa;
use ganymede::metrics::Coverage;
use ganymede::run::Machine;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// A claim and what came of it.
struct Check {
    name: &'static str,
    expected: String,
    got: String,
    pass: bool,
}

/// Everything that was measured of one system.
#[derive(Default)]
pub(crate) struct Evidence {
    /// The outcome in a line.
    pub(crate) figure: String,
    checks: Vec<Check>,
    seeds: Vec<u64>,
    settings: Map<String, Value>,
    figures: Map<String, Value>,
}

impl Evidence {
    /// Nothing yet; the seeds of the runs to come.
    pub(crate) fn of_seeds(seeds: &[u64]) -> Evidence {
        Evidence {
            seeds: seeds.to_vec(),
            ..Evidence::default()
        }
    }

    /// Adds a claim.
    pub(crate) fn check(&mut self, name: &'static str, expected: &str, got: impl Into<String>, pass: bool) {
        let (expected, got) = (expected.to_owned(), got.into());
        println!(
            "{} {name}: expected {expected}, got {got}",
            if pass { "pass " } else { "SHORT" }
        );
        self.checks.push(Check {
            name,
            expected,
            got,
            pass,
        });
    }

    /// Adds a number, or a list or table of them, that stands behind the claims.
    pub(crate) fn figure(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        println!("      {name}: {value}");
        self.figures.insert(name.to_owned(), value);
    }

    /// A figure that was added.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.figures.get(name)
    }

    /// Adds how a group of runs was set up.
    pub(crate) fn settings(&mut self, name: &str, value: Value) {
        self.settings.insert(name.to_owned(), value);
    }

    /// Writes `docs/results/ID.json` and prints the table.
    pub(crate) fn write(self, id: &str, took: Duration) -> Result<()> {
        let is_pass = self.checks.iter().all(|check| check.pass);
        let checks: Vec<Value> = self
            .checks
            .iter()
            .map(|c| json!({"name": c.name, "expected": c.expected, "got": c.got, "pass": c.pass}))
            .collect();
        let result = json!({
            "id": id,
            "evidence": if is_pass { "pass" } else { "short" },
            "figure": self.figure,
            "checks": checks,
            "command": format!("cargo xtask evidence {id}"),
            "seeds": self.seeds,
            "settings": self.settings,
            "commit": commit(),
            "machine": Machine::this(Isa::current().name()),
            "seconds": took.as_secs_f64().round(),
            "figures": self.figures,
        });
        let text = serde_json::to_string_pretty(&result)? + "\n";
        fs::write(results().join(format!("{id}.json")), text)?;
        println!("\n{id}: {} ({:.0} s)", self.figure, took.as_secs_f64());
        for check in &self.checks {
            let mark = if check.pass { "pass" } else { "SHORT" };
            println!("  {mark:5}  {:44}  {:>24}  {}", check.name, check.expected, check.got);
        }
        Ok(())
    }
}

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn results() -> PathBuf {
    root().join("docs/results")
}

/// Where a picture of this name goes.
pub(crate) fn picture(name: &str) -> Result<PathBuf> {
    let folder = results().join("pictures");
    fs::create_dir_all(&folder)?;
    Ok(folder.join(format!("{name}.png")))
}

/// The commit that was measured; `-dirty` where the code is not that of the commit.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(root()).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text)
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".into();
    };
    match git(&["status", "--porcelain", "--", "crates", "Cargo.lock"]) {
        Some(changes) if changes.is_empty() => commit,
        _ => commit + "-dirty",
    }
}

/// A number with three digits behind the point.
pub(crate) fn round(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

/// Modes with at least a tenth of their fair share of `samples`, all of them of high quality: a few samples that stray past
/// a mode, which are enough for the papers' measure, do not make it one of these.
pub(crate) fn fairly_covered(coverage: &Coverage, samples: usize) -> usize {
    let least = samples as f64 / coverage.hits.len() as f64 / 10.0;
    coverage.hits.iter().filter(|&&hits| hits as f64 >= least).count()
}

/// The middle one of some numbers.
pub(crate) fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        0.5 * (sorted[middle - 1] + sorted[middle])
    } else {
        sorted[middle]
    }
}

/// Pearson's coefficient of correlation.
pub(crate) fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 { a.iter().zip(b).map(|(a, b)| f(a - mean_a, b - mean_b)).sum() };
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strays_cover_nothing_fairly() {
        let coverage = Coverage {
            hits: vec![50, 5, 4],
            high_quality: 0.3,
            kl: 0.0,
        };
        assert_eq!(fairly_covered(&coverage, 150), 2);
    }

    #[test]
    fn medians_and_correlations_by_hand() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0]), 2.5);
        assert!((correlation(&[1.0, 2.0, 3.0], &[-2.0, -4.0, -6.0]) + 1.0).abs() < 1e-12);
        // Deviations -1, 0, 1 and -1, 2, -1 are at right angles.
        assert!(correlation(&[1.0, 2.0, 3.0], &[0.0, 3.0, 0.0]).abs() < 1e-12);
    }
}
