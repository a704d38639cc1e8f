//! What the studio itself keeps beside the runs: tags, and the trash.
//!
//! ```text
//! runs/.studio/tags.json     {"fashion": ["good", "paper"]}
//! runs/.studio/logs/         what the processes of started runs said on standard error
//! runs/.trash/               runs that were put away, each as it was
//! ```
use crate::hub::{held, is_name};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The most tags of a run, and letters of a tag.
const TAGS: usize = 16;
const LETTERS: usize = 40;

/// Tags and trash of a folder of runs.
#[derive(Debug)]
pub(crate) struct Shelf {
    runs: PathBuf,
    /// Held while tags are changed.
    changing: Mutex<()>,
}

impl Shelf {
    pub(crate) fn new(runs: &Path) -> Shelf {
        Shelf {
            runs: runs.to_owned(),
            changing: Mutex::default(),
        }
    }

    fn tags_file(&self) -> PathBuf {
        self.runs.join(".studio/tags.json")
    }

    fn tags(&self) -> BTreeMap<String, Vec<String>> {
        let read = fs::read(self.tags_file()).unwrap_or_default();
        serde_json::from_slice(&read).unwrap_or_default()
    }

    /// The tags of a run.
    pub(crate) fn tags_of(&self, name: &str) -> Vec<String> {
        self.tags().remove(name).unwrap_or_default()
    }

    /// Gives a run its tags, each once, in the order of the alphabet.
    pub(crate) fn tag(&self, name: &str, tags: &[String]) -> Result<Vec<String>, String> {
        let mut tags: Vec<String> = tags
            .iter()
            .map(|tag| tag.trim().to_owned())
            .filter(|tag| !tag.is_empty())
            .collect();
        tags.sort();
        tags.dedup();
        if tags.len() > TAGS
            || tags
                .iter()
                .any(|tag| tag.chars().count() > LETTERS || tag.chars().any(char::is_control))
        {
            return Err(format!("expected at most {TAGS} tags of at most {LETTERS} letters"));
        }
        let _changing = held(&self.changing);
        let mut all = self.tags();
        match tags.is_empty() {
            true => all.remove(name),
            false => all.insert(name.to_owned(), tags.clone()),
        };
        let file = self.tags_file();
        let partial = file.with_extension("partial");
        let written = fs::create_dir_all(self.runs.join(".studio"))
            .and_then(|()| fs::write(&partial, serde_json::to_vec_pretty(&all)?))
            .and_then(|()| fs::rename(&partial, &file));
        written.map_err(|error| format!("the tags cannot be written ({error})"))?;
        Ok(tags)
    }

    /// Puts a run into the trash; gives the name that it has there.
    pub(crate) fn discard(&self, name: &str) -> Result<String, String> {
        let trash = self.runs.join(".trash");
        fs::create_dir_all(&trash).map_err(|error| format!("the trash cannot be made ({error})"))?;
        let kept = free(&trash, name);
        let moved = fs::rename(self.runs.join(name), trash.join(&kept));
        moved.map_err(|error| format!("`{name}` cannot be moved into the trash ({error})"))?;
        Ok(kept)
    }

    /// The runs in the trash.
    pub(crate) fn trash(&self) -> Vec<String> {
        let entries = self.runs.join(".trash").read_dir().into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| is_name(name))
            .collect();
        names.sort();
        names
    }

    /// Takes a run out of the trash; gives the name that it has now.
    pub(crate) fn restore(&self, name: &str) -> Result<String, String> {
        if !self.trash().iter().any(|kept| kept == name) {
            return Err(format!("there is no `{name}` in the trash"));
        }
        let back = free(&self.runs, name);
        let moved = fs::rename(self.runs.join(".trash").join(name), self.runs.join(&back));
        moved.map_err(|error| format!("`{name}` cannot be moved out of the trash ({error})"))?;
        Ok(back)
    }
}

/// A name that is free in a folder: this one, or with a number behind it.
pub(crate) fn free(folder: &Path, name: &str) -> String {
    let numbered = (2..).map(|n| format!("{name}-{n}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names
        .find(|name| !folder.join(name).exists())
        .expect("the names do not end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_kept_tidy() {
        let there = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(there.path());
        let given = [" paper ", "good", "", "good"].map(str::to_owned);
        assert_eq!(shelf.tag("one", &given).unwrap(), ["good", "paper"]);
        assert_eq!(shelf.tags_of("one"), ["good", "paper"]);
        assert!(shelf.tags_of("two").is_empty());
        let long = "x".repeat(41);
        let refused = shelf.tag("one", &[long]).unwrap_err();
        assert_eq!(refused, "expected at most 16 tags of at most 40 letters");
        shelf.tag("one", &[]).unwrap();
        assert!(shelf.tags_of("one").is_empty());
    }

    #[test]
    fn what_is_thrown_away_comes_back() {
        let there = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(there.path());
        let make = || {
            fs::create_dir_all(there.path().join("one")).unwrap();
            fs::write(there.path().join("one/config.json"), "{}").unwrap();
        };
        make();
        assert_eq!(shelf.discard("one").unwrap(), "one");
        make();
        assert_eq!(shelf.discard("one").unwrap(), "one-2");
        assert_eq!(shelf.trash(), ["one", "one-2"]);
        assert_eq!(shelf.restore("one").unwrap(), "one");
        assert_eq!(shelf.restore("one-2").unwrap(), "one-2");
        assert!(there.path().join("one-2/config.json").is_file());
        assert_eq!(
            shelf.restore("../one").unwrap_err(),
            "there is no `../one` in the trash"
        );
    }
}
