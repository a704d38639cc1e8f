//! Tables of what other packages say of the same, out of the records in docs/results.
use serde_json::Value;
use std::fs;

use crate::root;

/// The table of a kind: `attacks`, `onnx` or `faces`.
///
/// # Errors
/// Where there is no such table, or a record cannot be read.
pub(crate) fn table(kind: &str) -> Result<String, String> {
    match kind {
        "attacks" => attacks(&records()?),
        "onnx" => onnx(&record("onnx_target")?),
        "faces" => faces(&record("faces")?),
        _ => Err(format!("nothing compares `{kind}`")),
    }
}

fn record(name: &str) -> Result<Value, String> {
    let path = root().join("docs/results").join(name).with_extension("json");
    let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("the record of `{name}`: {error}"))
}

/// Every record, by name.
fn records() -> Result<Vec<Value>, String> {
    let folder = root().join("docs/results");
    let files = fs::read_dir(&folder).map_err(|error| format!("cannot list {}: {error}", folder.display()))?;
    let names = files
        .flatten()
        .filter_map(|file| file.file_name().to_str()?.strip_suffix(".json").map(str::to_owned));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names.iter().map(|name| record(name)).collect()
}

/// A line for every attack that a package was run with too.
fn attacks(records: &[Value]) -> Result<String, String> {
    let mut table = String::from(
        "| attack | beside | pictures | fooled | theirs | norm | median | theirs |\n|---|---|---|---|---|---|---|---|\n",
    );
    let compared = |figure: &&(&String, &Value)| figure.1.get("fooled_reference").is_some();
    for record in records {
        let figures: Vec<(&String, &Value)> = record["figures"].as_object().into_iter().flatten().collect();
        for (name, figure) in figures.iter().filter(compared) {
            let number = |field: &str| match figure[field].as_f64() {
                Some(value) if figure[field].is_f64() => format!("{value:.4}"),
                Some(value) => value.to_string(),
                None => "none".to_owned(),
            };
            table += &format!(
                "| {name} | {} | {} | {} | {} | {} | {} | {} |\n",
                figure["package"]
                    .as_str()
                    .ok_or_else(|| format!("`{name}` names no package"))?,
                number("of"),
                number("fooled"),
                number("fooled_reference"),
                figure["norm"].as_str().unwrap_or_default(),
                number("median"),
                number("median_reference"),
            );
        }
    }
    Ok(table)
}

/// A line for every exported network.
fn onnx(record: &Value) -> Result<String, String> {
    let mut table =
        String::from("| network | exporter | opset | logits off | gradients off |\n|---|---|---|---|---|\n");
    let figures = record["figures"]
        .as_object()
        .ok_or("the record of `onnx_target` has no figures")?;
    for (name, figure) in figures.iter().filter(|(_, figure)| figure.get("opset").is_some()) {
        let off = |field: &str| {
            figure[field]
                .as_f64()
                .map_or("none".to_owned(), |off| format!("{off:.1e}"))
        };
        table += &format!(
            "| {name} | {} | {} | {} | {} |\n",
            figure["exporter"].as_str().unwrap_or_default(),
            figure["opset"],
            off("logits_off"),
            off("gradient_off"),
        );
    }
    Ok(table)
}

/// A line for everything that is said of faces.
fn faces(record: &Value) -> Result<String, String> {
    let mut table = String::from("| said | compared | median difference | largest |\n|---|---|---|---|\n");
    let figures = record["figures"]
        .as_object()
        .ok_or("the record of `faces` has no figures")?;
    for (name, figure) in figures.iter().filter(|(_, figure)| figure.get("compared").is_some()) {
        let off = |field: &str| {
            figure[field]
                .as_f64()
                .map_or("none".to_owned(), |off| format!("{off:.1e}"))
        };
        table += &format!(
            "| {name} | {} | {} | {} |\n",
            figure["compared"],
            off("median"),
            off("largest")
        );
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_a_package_was_run_with_has_a_line() {
        let compared = json!({"fooled": 18, "fooled_reference": 17, "of": 20, "norm": "l2", "median": 0.63921, "median_reference": 0.64, "package": "p 1.0"});
        let record = json!({"figures": {"pgd": compared, "load": 0.5}});
        let line = "| pgd | p 1.0 | 20 | 18 | 17 | l2 | 0.6392 | 0.6400 |\n";
        assert!(attacks(&[record]).unwrap().ends_with(&format!("---|\n{line}")));
    }

    #[test]
    fn differences_are_shown_as_powers_of_ten() {
        let network = json!({"exporter": "dynamo", "opset": 18, "logits_off": 1.4e-6, "gradient_off": 2e-7});
        let table = onnx(&json!({"figures": {"resnet": network, "other": {"fooled": 1}}})).unwrap();
        assert!(
            table.ends_with("|\n| resnet | dynamo | 18 | 1.4e-6 | 2.0e-7 |\n"),
            "{table}"
        );
        let boxes = json!({"compared": 83, "median": 6.9e-4, "largest": 8.5e-4});
        let table = faces(&json!({"figures": {"boxes": boxes, "auc": 0.9}})).unwrap();
        assert!(table.ends_with("|\n| boxes | 83 | 6.9e-4 | 8.5e-4 |\n"), "{table}");
    }
}
