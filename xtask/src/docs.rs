//! The generated parts of README.md and docs/: whatever stands between `<!-- generated: KIND -->` and
//! `<!-- /generated -->`. KIND is `models` (a line for each system of the zoo) or `models SECTION`, and for pages under
//! docs/models `cards SECTION` (each system with all that was asked of it, and pictures), and beside the records `comparisons
//! attacks|onnx|faces`. The facts come from `gany models
//! --json` and docs/results.
use std::{ffi::OsStr, fs, io, path::PathBuf, process::Command};

use serde_json::Value;

use crate::{comparisons, root};

const OPEN: &str = "<!-- generated: ";
const CLOSE: &str = "<!-- /generated -->";

/// Fails where a generated part is not what would be generated now.
///
/// # Errors
/// The files that are out of date, or why that could not be found out.
pub(crate) fn check() -> Result<(), String> {
    let stale: Vec<_> = outdated()?
        .into_iter()
        .map(|(path, _)| path.display().to_string())
        .collect();
    if stale.is_empty() {
        Ok(())
    } else {
        Err(format!("out of date: {}", stale.join(", ")))
    }
}

/// Writes every generated part again.
///
/// # Errors
/// Why it could not be generated or written.
pub(crate) fn write() -> Result<(), String> {
    for (path, text) in outdated()? {
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

/// Files whose generated parts have changed, with their new text. Builds nothing where no file has a generated part.
fn outdated() -> Result<Vec<(PathBuf, String)>, String> {
    let mut pages = Vec::new();
    for path in markdown().map_err(|error| format!("cannot list the docs: {error}"))? {
        let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        if text.contains(OPEN) {
            pages.push((path, text));
        }
    }
    if pages.is_empty() {
        return Ok(Vec::new());
    }
    let models = models()?;
    let mut changed = Vec::new();
    for (path, text) in pages {
        let fresh = regenerate(&text, &models).map_err(|why| format!("{}: {why}", path.display()))?;
        if fresh != text {
            changed.push((path, fresh));
        }
    }
    Ok(changed)
}

/// README.md and every markdown file under docs/, in a fixed order.
fn markdown() -> io::Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = Some(root().join("README.md"))
        .filter(|path| path.exists())
        .into_iter()
        .collect();
    let mut folders: Vec<PathBuf> = Some(root().join("docs"))
        .filter(|path| path.exists())
        .into_iter()
        .collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension() == Some(OsStr::new("md")) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// What `gany models --json` prints. The environment variable `GANY` names a binary that is built already.
fn models() -> Result<Vec<Value>, String> {
    let mut command = match std::env::var_os("GANY") {
        Some(binary) => Command::new(binary),
        None => {
            let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            cargo.args(["run", "--quiet", "--package", "gany", "--"]);
            cargo
        }
    };
    let output = command.args(["models", "--json"]).current_dir(root()).output();
    let output = output.map_err(|error| format!("cannot run `gany models --json`: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "`gany models --json` failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let models: Vec<Value> = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("`gany models --json` is not a list: {error}"))?;
    let ids: Vec<String> = models.iter().map(|model| cell(model, "id")).collect::<Result<_, _>>()?;
    models.into_iter().map(|model| with_record(model, &ids)).collect()
}

/// The system that a picture is of, whose name it begins with: `gan-ring-0` is of `gan`, `gan_r1r2` is not.
fn shown<'a>(picture: &str, ids: &'a [String]) -> Option<&'a String> {
    let is_shown = |id: &&String| {
        let [picture, id] = [picture, id].map(|name| name.replace('_', "-"));
        picture
            .strip_prefix(&id)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    ids.iter().filter(is_shown).max_by_key(|id| id.len())
}

/// A system with the `checks` of its evidence and the names of the `pictures` beside it, where there are any.
fn with_record(mut model: Value, ids: &[String]) -> Result<Value, String> {
    let id = cell(&model, "id")?;
    let results = root().join("docs/results");
    if let Ok(text) = fs::read_to_string(results.join(&id).with_extension("json")) {
        let record: Value = serde_json::from_str(&text).map_err(|error| format!("the record of `{id}`: {error}"))?;
        model["checks"] = record["checks"].clone();
    }
    let files = fs::read_dir(results.join("pictures")).map_err(|error| format!("cannot list pictures: {error}"))?;
    let names = files
        .flatten()
        .filter_map(|file| file.file_name().to_str()?.strip_suffix(".png").map(str::to_owned));
    let mut pictures: Vec<String> = names.filter(|name| shown(name, ids) == Some(&id)).collect();
    pictures.sort();
    model["pictures"] = pictures.into();
    Ok(model)
}

/// The text with each generated part made again.
fn regenerate(text: &str, models: &[Value]) -> Result<String, String> {
    let mut fresh = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let (kind, body) = after
            .split_once(" -->")
            .ok_or("a generated part's opening does not end")?;
        let (_, tail) = body
            .split_once(CLOSE)
            .ok_or_else(|| format!("`{OPEN}{kind} -->` has no `{CLOSE}`"))?;
        let generated = match kind.split_once(' ').unwrap_or((kind, "")) {
            ("models", section) => table(models, section)?,
            ("cards", section) => cards(models, section)?,
            ("comparisons", kind) => comparisons::table(kind)?,
            _ => return Err(format!("nothing generates `{kind}`")),
        };
        fresh += &format!("{before}{OPEN}{kind} -->\n{generated}{CLOSE}");
        rest = tail;
    }
    Ok(fresh + rest)
}

/// A line for each model, of one section or, where that is empty, of all.
fn table(models: &[Value], section: &str) -> Result<String, String> {
    let mut lines = String::from("| system | idea | evidence | measured |\n|---|---|---|---|\n");
    let mut found = false;
    for model in models {
        let [id, of, idea, evidence, figure] =
            ["id", "section", "idea", "evidence", "figure"].map(|field| cell(model, field));
        let of = of?;
        if section.is_empty() || of == section {
            found = true;
            lines += &format!("| `{}` | {} | {} | {} |\n", id?, idea?, evidence?, figure?);
        }
    }
    if found {
        Ok(lines)
    } else {
        Err(format!("`gany models --json` has nothing of the section `{section}`"))
    }
}

/// A chapter of the zoo: each system with its idea, its formulas, its command, what was asked of it, and pictures.
fn cards(models: &[Value], section: &str) -> Result<String, String> {
    let list = |model: &Value, field: &str| model[field].as_array().cloned().unwrap_or_default();
    let mut page = String::new();
    for model in models.iter().filter(|model| model["section"] == section) {
        let [id, title, idea, paper] = ["id", "title", "idea", "paper"].map(|field| cell(model, field));
        page += &format!("\n## {}: `{}`\n{}\n\n```text\n", title?, id?, idea?);
        for line in ["equations", "commands"].iter().flat_map(|field| list(model, field)) {
            page += &format!("{}\n", line.as_str().unwrap_or_default());
        }
        page += &format!("```\n{}.\n", paper?);
        let checks = list(model, "checks");
        if !checks.is_empty() {
            page += "\n| asked | bar | measured | |\n|---|---|---|---|\n";
        }
        for check in checks {
            let [name, expected, got] = ["name", "expected", "got"].map(|field| cell(&check, field));
            let verdict = if check["pass"] == true { "pass" } else { "**short**" };
            page += &format!("| {} | {} | {} | {verdict} |\n", name?, expected?, got?);
        }
        let shown = list(model, "pictures");
        for (i, name) in shown.iter().filter_map(Value::as_str).enumerate() {
            let before = if i == 0 { "\n" } else { " " };
            page += &format!("{before}![{name}](../results/pictures/{name}.png)");
        }
        page += if shown.is_empty() { "" } else { "\n" };
    }
    if page.is_empty() {
        return Err(format!("`gany models --json` has nothing of the section `{section}`"));
    }
    Ok(page)
}

fn cell(model: &Value, field: &str) -> Result<String, String> {
    let text = model[field]
        .as_str()
        .ok_or_else(|| format!("`gany models --json` has no string `{field}` in {model}"))?;
    Ok(text.replace('|', "\\|").replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn zoo() -> Vec<Value> {
        let dcgan = json!({"id": "dcgan", "section": "architecture", "idea": "convolutions all the way", "evidence": "pass", "figure": "FD 13.6"});
        let cgan = json!({"id": "cgan", "section": "conditional", "idea": "learn p(x|y)", "evidence": "short", "figure": "91 %"});
        vec![dcgan, cgan]
    }

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let page = "before\n<!-- generated: models conditional -->\nold\n<!-- /generated -->\nafter\n";
        let fresh = regenerate(page, &zoo()).unwrap();
        let expected = "before\n<!-- generated: models conditional -->\n\
            | system | idea | evidence | measured |\n|---|---|---|---|\n\
            | `cgan` | learn p(x\\|y) | short | 91 % |\n\
            <!-- /generated -->\nafter\n";
        assert_eq!(fresh, expected);
        assert_eq!(regenerate(&fresh, &zoo()).unwrap(), fresh);
    }

    #[test]
    fn a_picture_is_of_the_system_with_the_longest_name() {
        let ids = ["gan", "gan_r1r2", "context_encoder"].map(String::from);
        let of = |picture| shown(picture, &ids).map(String::as_str);
        assert_eq!(of("gan-ring-0"), Some("gan"));
        assert_eq!(of("gan_r1r2"), Some("gan_r1r2"));
        assert_eq!(of("context-encoder-clothes"), Some("context_encoder"));
        assert_eq!(of("ganymede"), None);
    }

    #[test]
    fn a_card_says_what_was_asked_and_what_fell_short() {
        let check = |pass: bool| json!({"name": "modes", "expected": "25", "got": "24", "pass": pass});
        let model = json!({
            "id": "gan", "section": "objective", "title": "GAN", "idea": "a game", "paper": "Goodfellow", "equations": ["L = 0"],
            "commands": ["gany train gan"], "checks": [check(true), check(false)], "pictures": ["gan", "gan-ring"],
        });
        let expected = "\n## GAN: `gan`\na game\n\n```text\nL = 0\ngany train gan\n```\nGoodfellow.\n\n\
            | asked | bar | measured | |\n|---|---|---|---|\n\
            | modes | 25 | 24 | pass |\n| modes | 25 | 24 | **short** |\n\n\
            ![gan](../results/pictures/gan.png) ![gan-ring](../results/pictures/gan-ring.png)\n";
        assert_eq!(cards(&[model], "objective").unwrap(), expected);
    }

    #[test]
    fn the_whole_zoo_has_a_line_for_each_system() {
        let page = "<!-- generated: models --><!-- /generated -->";
        assert_eq!(regenerate(page, &zoo()).unwrap().matches("\n| `").count(), 2);
    }

    #[test]
    fn what_cannot_be_generated_is_an_error() {
        for (page, why) in [
            (
                "<!-- generated: models -->\n",
                "`<!-- generated: models -->` has no `<!-- /generated -->`",
            ),
            (
                "<!-- generated: weather --><!-- /generated -->",
                "nothing generates `weather`",
            ),
            (
                "<!-- generated: models none --><!-- /generated -->",
                "`gany models --json` has nothing of the section `none`",
            ),
        ] {
            assert_eq!(regenerate(page, &zoo()).unwrap_err(), why);
        }
        let nameless = [json!({"section": "f", "idea": "i", "paper": "p"})];
        let why = regenerate("<!-- generated: models --><!-- /generated -->", &nameless).unwrap_err();
        assert!(why.starts_with("`gany models --json` has no string `id`"), "{why}");
    }
}
