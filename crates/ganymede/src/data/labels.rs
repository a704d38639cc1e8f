//! Classes and captions of pictures: from the folders they lie in, from a table, or from files beside them.
//!
//! | where | what it looks like |
//! |---|---|
//! | folders | all pictures in two or more top folders: these are the classes |
//! | `dataset.json` | `{"labels": [["00000/img0.png", 3], ..]}`, as StyleGAN's `dataset_tool.py` writes it; `classes` may name them |
//! | `labels.csv`, `metadata.csv` | columns `file` and `label`, and `caption` if there is one, in any order; [`marks`] too |
//! | `NAME.cls`, `NAME.txt`, `NAME.json` | class number, caption, or both (`label`, `caption`) beside `NAME.png`, as in WebDataset's shards |

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::{DataError, Result};
use super::listing::Listing;
use super::marks::{self, Marks};

/// More classes than this are taken for a mistake.
const MAX_CLASSES: u64 = 1_000_000;

/// What a table says about one picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Said {
    /// Its class: a number or a name.
    pub label: Option<String>,
    /// What is written about it.
    pub caption: Option<String>,
    /// What is marked in it: x and y in turn, in pixels.
    pub places: Vec<f32>,
}

/// A table of labels: what it says by picture, and the names of the classes if it has them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// By the picture's path inside its folder or archive.
    pub said: HashMap<String, Said>,
    /// By class number.
    pub classes: Option<Vec<String>>,
    /// What it marks in every picture.
    pub marks: Marks,
}

/// What was found beside the pictures of an archive.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// The path and content of a table.
    pub(crate) table: Option<(PathBuf, Vec<u8>)>,
    /// What files beside pictures say, by their common name without extension.
    pub(crate) said: HashMap<String, Said>,
}

/// Whether a file of this name is a table of labels.
pub(crate) fn is_table(name: &str) -> bool {
    ["dataset.json", "labels.csv", "metadata.csv"].contains(&name)
}

/// Whether a file of this name may stand beside a picture.
pub(crate) fn is_beside(name: &str) -> bool {
    [".cls", ".txt", ".json"].iter().any(|end| name.ends_with(end))
}

/// What WebDataset calls a key: the path up to the first full stop of the file's name.
pub(crate) fn key(name: &str) -> &str {
    let file = name.rfind('/').map_or(0, |slash| slash + 1);
    name[file..].find('.').map_or(name, |stop| &name[..file + stop])
}

impl Beside {
    /// Takes in a file beside a picture.
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8], archive: &Path) -> Result<()> {
        let text = String::from_utf8_lossy(bytes);
        let said = self.said.entry(key(name).into()).or_default();
        if name.ends_with(".cls") {
            said.label = Some(text.trim().into());
        } else if name.ends_with(".txt") {
            said.caption = Some(text.trim().into());
        } else {
            let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| DataError::BadFile {
                kind: "labels",
                path: archive.join(name),
                what: "content",
                expected: "JSON".into(),
                got: error.to_string(),
            })?;
            let find = |keys: [&str; 2]| keys.iter().find_map(|key| value.get(key).and_then(plain));
            said.label = find(["label", "class"]).or(said.label.take());
            said.caption = find(["caption", "text"]).or(said.caption.take());
        }
        Ok(())
    }
}

/// A JSON number or string as text.
fn plain(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl Table {
    /// Reads a table by its name: `dataset.json`, else comma-separated values.
    ///
    /// # Errors
    /// [`DataError::BadFile`] naming the line or field that is wrong.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        if path.extension().is_some_and(|extension| extension == "json") {
            Self::parse_json(bytes, path)
        } else {
            Self::parse_csv(bytes, path)
        }
    }

    fn parse_json(bytes: &[u8], path: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct Raw {
            labels: Option<Vec<(String, serde_json::Value)>>,
            classes: Option<Vec<String>>,
        }
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| {
            bad(
                path,
                "content",
                "`{\"labels\": [[\"file\", class], ..]}`".into(),
                error.to_string(),
            )
        })?;
        let mut said = HashMap::new();
        for (file, label) in raw.labels.into_iter().flatten() {
            let Some(label) = plain(&label) else {
                let expected = "a class number or name".into();
                return Err(bad(
                    path,
                    "label",
                    expected,
                    format!("{} for `{file}`", short(&label.to_string())),
                ));
            };
            let label = Some(label);
            let said_of = Said {
                label,
                ..Said::default()
            };
            said.insert(file.replace('\\', "/"), said_of);
        }
        Ok(Self {
            said,
            classes: raw.classes,
            marks: Marks::default(),
        })
    }

    fn parse_csv(bytes: &[u8], path: &Path) -> Result<Self> {
        let unreadable = |error: csv::Error| bad(path, "content", "comma-separated values".into(), error.to_string());
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
        let header = reader.headers().map_err(unreadable)?.clone();
        let column = |names: &[&str]| {
            header
                .iter()
                .position(|title| names.contains(&title.to_lowercase().as_str()))
        };
        let Some(file) = column(&["file", "file_name", "filename", "path", "image"]) else {
            let got = short(&header.iter().collect::<Vec<_>>().join(","));
            return Err(bad(path, "header", "a column `file`".into(), format!("`{got}`")));
        };
        let label = column(&["label", "class", "category"]);
        let caption = column(&["caption", "text"]);
        let marked = marks::Columns::of(&header.iter().map(str::to_lowercase).collect::<Vec<_>>());
        let mut said = HashMap::new();
        for row in reader.records() {
            let row = row.map_err(unreadable)?;
            let cell = |column: Option<usize>| column.and_then(|c| row.get(c)).map(str::to_owned);
            let name = row.get(file).unwrap_or_default().replace('\\', "/");
            said.insert(
                name,
                Said {
                    label: cell(label),
                    caption: cell(caption),
                    places: marked.read(&row, path)?,
                },
            );
        }
        Ok(Self {
            said,
            classes: None,
            marks: marked.marks,
        })
    }
}

/// Gives every picture of the list its class and caption, from a table if there is one, else from files beside the
/// pictures, else from the folders they lie in. Files beside pictures have the captions that a table has not.
pub(crate) fn give(listing: &mut Listing, table: Option<(Table, &Path)>, beside: &HashMap<String, Said>) -> Result<()> {
    let from = table
        .as_ref()
        .map_or_else(|| listing.root.clone(), |(_, path)| path.to_path_buf());
    let said: Vec<Option<Said>> = match &table {
        Some((table, _)) if !table.said.is_empty() => {
            let of = |item| {
                let mut said = table.said.get(listing.name(item)).cloned()?;
                let aside = beside.get(key(listing.name(item)));
                said.caption = said.caption.or_else(|| aside?.caption.clone());
                Some(said)
            };
            listing.items.iter().map(of).collect()
        }
        _ if !beside.is_empty() => {
            let of = |item| beside.get(key(listing.name(item))).cloned();
            listing.items.iter().map(of).collect()
        }
        _ => return give_by_folder(listing),
    };
    let labelled = said.iter().flatten().filter(|said| said.label.is_some()).count();
    if labelled > 0 && labelled < said.len() {
        let first = said
            .iter()
            .position(|said| said.as_ref().is_none_or(|said| said.label.is_none()));
        let name = first.map_or("", |first| listing.name(&listing.items[first]));
        let got = format!("{labelled}, none for `{name}`");
        return Err(bad(&from, "labels", format!("{}, one a picture", said.len()), got));
    }
    for (number, caption) in said
        .iter()
        .enumerate()
        .filter_map(|(i, said)| Some((i, said.as_ref()?.caption.as_ref()?)))
    {
        listing.items[number].caption = listing.say(caption);
    }
    if let Some((table, _)) = table.as_ref().filter(|(table, _)| table.marks.places() > 0) {
        let marked = said.iter().flatten().count();
        if let Some(first) = said.iter().position(Option::is_none) {
            let got = format!("{marked}, none for `{}`", listing.name(&listing.items[first]));
            return Err(bad(&from, "places", format!("{}, one set a picture", said.len()), got));
        }
        listing.places = said
            .iter()
            .flatten()
            .flat_map(|said| said.places.iter().copied())
            .collect();
        listing.marks = table.marks.clone();
    }
    if labelled == 0 {
        return Ok(());
    }
    let labels: Vec<&str> = said.iter().flatten().filter_map(|said| said.label.as_deref()).collect();
    let known = table.and_then(|(table, _)| table.classes);
    let (numbers, classes) = numbered(&labels, known, &from)?;
    for (item, number) in listing.items.iter_mut().zip(numbers) {
        item.label = number;
    }
    listing.classes = Some(classes);
    Ok(())
}

/// Class numbers and names of labels: numbers stay what they are, names are numbered in their order.
fn numbered(labels: &[&str], known: Option<Vec<String>>, from: &Path) -> Result<(Vec<u32>, Vec<String>)> {
    let numbers: Option<Vec<u64>> = labels.iter().map(|label| label.parse().ok()).collect();
    if let Some(numbers) = numbers {
        let most = numbers.iter().copied().max().unwrap_or(0);
        let bound = known.as_ref().map_or(MAX_CLASSES, |known| known.len() as u64);
        if most >= bound {
            return Err(bad(from, "label", format!("a class below {bound}"), most.to_string()));
        }
        let classes = known.unwrap_or_else(|| (0..=most).map(|class| class.to_string()).collect());
        return Ok((numbers.into_iter().map(|number| number as u32).collect(), classes));
    }
    let classes = known.unwrap_or_else(|| {
        let names: BTreeSet<&str> = labels.iter().copied().collect();
        names.into_iter().map(Into::into).collect()
    });
    let places: BTreeMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
    let number = |label: &&str| {
        let unknown = || {
            bad(
                from,
                "label",
                "one of its `classes`".into(),
                format!("`{}`", short(label)),
            )
        };
        places.get(label).copied().ok_or_else(unknown)
    };
    let numbers = labels.iter().map(number).collect::<Result<_>>()?;
    Ok((numbers, classes))
}

/// The top folders are the classes, if all pictures lie in two or more of them.
fn give_by_folder(listing: &mut Listing) -> Result<()> {
    let tops: BTreeSet<&str> = listing
        .items
        .iter()
        .filter_map(|item| top(listing.name(item)))
        .collect();
    let at_root = listing.items.iter().any(|item| top(listing.name(item)).is_none());
    if at_root || tops.len() < 2 {
        if at_root && !tops.is_empty() {
            let note = "There are no labels, as pictures lie both in the folder itself and in sub-folders.";
            listing.notes.push(note.into());
        }
        return Ok(());
    }
    let places: BTreeMap<&str, u32> = tops.iter().copied().zip(0..).collect();
    let of = |item| top(listing.name(item)).map_or(0, |top| places[top]);
    let labels: Vec<u32> = listing.items.iter().map(of).collect();
    listing.classes = Some(tops.into_iter().map(Into::into).collect());
    for (item, label) in listing.items.iter_mut().zip(labels) {
        item.label = label;
    }
    Ok(())
}

/// The folder that a relative path begins with.
pub(crate) fn top(relative: &str) -> Option<&str> {
    relative.split_once('/').map(|(top, _)| top)
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

pub(crate) fn bad(path: &Path, what: &'static str, expected: String, got: String) -> DataError {
    DataError::bad("labels", path, what, expected, got)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, text: &str) -> Result<Table> {
        Table::parse(text.as_bytes(), Path::new(name))
    }

    fn listing(names: &[&str]) -> Listing {
        let mut listing = Listing::of(Path::new("r"));
        names.iter().for_each(|name| listing.add_file(name.into(), name));
        listing
    }

    fn labels(listing: &Listing) -> Vec<u32> {
        listing.items.iter().map(|item| item.label).collect()
    }

    #[test]
    fn stylegan_labels() {
        let names = ["00000/b.png", "00000/a.png"];
        let text = r#"{"labels": [["00000\\a.png", 0], ["00000/b.png", 2]]}"#;
        let mut given = listing(&names);
        give(
            &mut given,
            Some((table("dataset.json", text).unwrap(), Path::new("t"))),
            &HashMap::new(),
        )
        .unwrap();
        assert_eq!(
            (labels(&given), given.classes.unwrap()),
            (vec![2, 0], vec!["0".into(), "1".into(), "2".to_string()])
        );

        let mut given = listing(&names);
        let none = table("dataset.json", r#"{"labels": null}"#).unwrap();
        give(&mut given, Some((none, Path::new("t"))), &HashMap::new()).unwrap();
        assert_eq!(given.classes, None);

        let half = table("dataset.json", r#"{"labels": [["00000/a.png", 1]]}"#).unwrap();
        let error = give(&mut listing(&names), Some((half, Path::new("t"))), &HashMap::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "bad labels: labels: expected 2, one a picture, got 1, none for `00000/b.png`: t"
        );
        let error = table("dataset.json", r#"{"labels": [["a", [0.5, 1]]]}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "bad labels: label: expected a class number or name, got [0.5,1] for `a`: dataset.json"
        );
        let many = table(
            "dataset.json",
            r#"{"labels": [["00000/a.png", 1], ["00000/b.png", 4000000000]]}"#,
        )
        .unwrap();
        let error = give(&mut listing(&names), Some((many, Path::new("t"))), &HashMap::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "bad labels: label: expected a class below 1000000, got 4000000000: t"
        );
    }

    #[test]
    fn a_table_in_any_order_of_columns() {
        let text = "caption,file,label\n\"a small, red one\",a.png,zebra\nblue,b.png,ant\n";
        let mut given = listing(&["a.png", "b.png"]);
        give(
            &mut given,
            Some((table("labels.csv", text).unwrap(), Path::new("t"))),
            &HashMap::new(),
        )
        .unwrap();
        assert_eq!(labels(&given), [1, 0]);
        assert_eq!(given.classes.as_deref().unwrap(), ["ant", "zebra"]);
        assert_eq!(given.words(given.items[0].caption), "a small, red one");
        let error = table("labels.csv", "a,b\n1,2\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "bad labels: header: expected a column `file`, got `a,b`: labels.csv"
        );
    }

    #[test]
    fn files_beside_pictures() {
        let mut beside = Beside::default();
        let mut add = |name, text: &str| beside.add(name, text.as_bytes(), Path::new("s.tar"));
        add("x/0.cls", "1\n").unwrap();
        add("x/0.txt", " a cat ").unwrap();
        add("x/1.json", r#"{"label": 0, "caption": "a dog", "width": 3}"#).unwrap();
        assert!(
            add("x/2.json", "{")
                .unwrap_err()
                .to_string()
                .starts_with("bad labels: content: expected JSON, got ")
        );
        let mut given = listing(&["x/0.png", "x/1.seg.png"]);
        give(&mut given, None, &beside.said).unwrap();
        assert_eq!(labels(&given), [1, 0]);
        assert_eq!(given.words(given.items[1].caption), "a dog");
    }
}
