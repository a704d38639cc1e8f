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
        "onnx" => Ok(onnx(&record("onnx_target")?)),
        "faces" => Ok(faces(&record("faces")?)),
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
    for record in records {
        for (name, figure) in with(record, "fooled_reference") {
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
fn onnx(record: &Value) -> String {
    let head = "| network | exporter | opset | logits off | gradients off |\n|---|---|---|---|---|\n";
    let line = |(name, figure): (&String, &Value)| {
        let [logits, gradients] = ["logits_off", "gradient_off"].map(|field| power(figure, field));
        let exporter = figure["exporter"].as_str().unwrap_or_default();
        format!(
            "| {name} | {exporter} | {} | {logits} | {gradients} |\n",
            figure["opset"]
        )
    };
    head.to_owned() + &with(record, "opset").map(line).collect::<String>()
}

/// A line for everything that is said of faces.
fn faces(record: &Value) -> String {
    let head = "| said | compared | median difference | largest |\n|---|---|---|---|\n";
    let line = |(name, figure): (&String, &Value)| {
        let [median, largest] = ["median", "largest"].map(|field| power(figure, field));
        format!("| {name} | {} | {median} | {largest} |\n", figure["compared"])
    };
    head.to_owned() + &with(record, "compared").map(line).collect::<String>()
}

/// The figures of a record that have a field.
fn with<'a>(record: &'a Value, field: &'static str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let figures = record["figures"].as_object().into_iter().flatten();
    figures.filter(move |(_, figure)| figure.get(field).is_some())
}

/// A small number, such as 1.4e-6.
fn power(figure: &Value, field: &str) -> String {
    figure[field]
        .as_f64()
        .map_or("none".to_owned(), |number| format!("{number:.1e}"))
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
        let table = onnx(&json!({"figures": {"resnet": network, "other": {"fooled": 1}}}));
        assert!(
            table.ends_with("|\n| resnet | dynamo | 18 | 1.4e-6 | 2.0e-7 |\n"),
            "{table}"
        );
        let boxes = json!({"compared": 83, "median": 6.9e-4, "largest": 8.5e-4});
        let table = faces(&json!({"figures": {"boxes": boxes, "auc": 0.9}}));
        assert!(table.ends_with("|\n| boxes | 83 | 6.9e-4 | 8.5e-4 |\n"), "{table}");
    }
}
