//! Where the pictures of a set lie, in files of their own or inside archives, each with its name, class and caption.
//! Nothing is decoded here, and a picture costs some eighty bytes, so that a list of millions fits in memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::DeflateDecoder;

use super::archive::Member;
use super::error::{DataError, Result};
use super::marks::Marks;
use super::{decode, labels};

/// The pictures of a set.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// What a person named: a folder, an archive, a pattern of archives.
    pub(crate) root: PathBuf,
    /// The files that hold the pictures, by number.
    pub(crate) holders: Vec<PathBuf>,
    /// Files that say something about the pictures, such as `labels.csv`.
    pub(crate) sides: Vec<PathBuf>,
    /// The pictures, in the order of the set.
    pub(crate) items: Vec<Item>,
    /// The names of the classes by number, if there are labels.
    pub(crate) classes: Option<Vec<String>>,
    /// What a person should be told; whole sentences.
    pub(crate) notes: Vec<String>,
    /// How many files were passed over that are no pictures.
    pub(crate) others: u64,
    /// Names and captions, one after the other.
    pub(crate) words: String,
    /// What is marked in every picture.
    pub(crate) marks: Marks,
    /// The places that are marked, x and y in turn in pixels, picture after picture.
    pub(crate) places: Vec<f32>,
}

/// A picture of a [`Listing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its name: the path inside its folder or archive, with `/` on every system.
    pub(crate) name: Span,
    /// What is written about it; empty if nothing is.
    pub(crate) caption: Span,
    /// Which file holds it.
    pub(crate) holder: u32,
    /// Its class number, 0 without labels.
    pub(crate) label: u32,
    /// How it lies there.
    pub(crate) place: Place,
}

/// A stretch of [`Listing::words`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) start: u64,
    pub(crate) length: u32,
}

/// How a picture lies in the file that holds it. Lengths that do not fit are those of files that are refused anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The file is the picture.
    Whole,
    /// A stretch of the file.
    Stored { start: u64, length: u32 },
    /// A stretch of the file, deflated.
    Deflated { start: u64, packed: u32, length: u32 },
}

/// The longest caption that is kept, in bytes.
const MAX_CAPTION_BYTES: u64 = 64 << 10;
/// The largest file of labels that is read, in bytes.
const MAX_SIDE_BYTES: u64 = 1 << 30;

impl Listing {
    /// A list of nothing yet.
    pub(crate) fn of(root: &Path) -> Self {
        Self {
            root: root.into(),
            ..Self::default()
        }
    }

    /// Keeps words and says where they are.
    pub(crate) fn say(&mut self, words: &str) -> Span {
        let words: String = words.chars().take(MAX_CAPTION_BYTES as usize).collect();
        let start = self.words.len() as u64;
        self.words.push_str(&words);
        Span {
            start,
            length: words.len() as u32,
        }
    }

    /// The words of a stretch.
    pub(crate) fn words(&self, span: Span) -> &str {
        let start = span.start as usize;
        self.words.get(start..start + span.length as usize).unwrap_or_default()
    }

    /// A picture's name.
    pub(crate) fn name(&self, item: &Item) -> &str {
        self.words(item.name)
    }

    /// A picture's name as an error names it: the path of its file, with the path inside for an archive.
    pub(crate) fn path(&self, item: &Item) -> PathBuf {
        let holder = &self.holders[item.holder as usize];
        match item.place {
            Place::Whole => holder.clone(),
            _ => holder.join(self.name(item)),
        }
    }

    /// Adds a file that is a picture.
    pub(crate) fn add_file(&mut self, path: PathBuf, name: &str) {
        let name = self.say(name);
        self.items.push(Item {
            name,
            caption: Span::default(),
            holder: self.holders.len() as u32,
            label: 0,
            place: Place::Whole,
        });
        self.holders.push(path);
    }

    /// Adds the pictures of an archive, with what lies beside them: `NAME.cls`, `NAME.txt` and `NAME.json` as in WebDataset's
    /// shards, `dataset.json` as StyleGAN's tool writes it, or `labels.csv`.
    pub(crate) fn add_archive(&mut self, path: PathBuf, members: &[Member]) -> Result<labels::Beside> {
        let (holder, number) = (path.clone(), self.holders.len() as u32);
        self.holders.push(path);
        let read = |member: &Member, most| bytes(&holder, place(member), most, &holder.join(&member.name));
        let mut beside = labels::Beside::default();
        for member in members {
            let name = member.name.as_str();
            let file = name.rsplit('/').next().unwrap_or(name);
            if file.starts_with('.') {
                continue;
            }
            if labels::is_table(file) {
                beside.table = Some((holder.join(name), read(member, MAX_SIDE_BYTES)?));
            } else if labels::is_beside(file) {
                beside.add(name, &read(member, MAX_CAPTION_BYTES)?, &holder)?;
            } else if decode::is_picture(file) {
                let name = self.say(name);
                self.items.push(Item {
                    name,
                    caption: Span::default(),
                    holder: number,
                    label: 0,
                    place: place(member),
                });
            } else {
                self.others += 1;
            }
        }
        Ok(beside)
    }

    /// The first `most` bytes of a picture's file, all of it if it is not longer.
    pub(crate) fn read(&self, item: &Item, most: u64) -> Result<Vec<u8>> {
        let holder = &self.holders[item.holder as usize];
        bytes(holder, item.place, most, holder)
    }

    /// The length of a picture's file in bytes.
    pub(crate) fn length(&self, item: &Item) -> Result<u64> {
        let holder = &self.holders[item.holder as usize];
        match item.place {
            Place::Whole => match holder.metadata() {
                Ok(metadata) => Ok(metadata.len()),
                Err(source) => Err(DataError::reading(holder, source)),
            },
            Place::Stored { length, .. } | Place::Deflated { length, .. } => Ok(length.into()),
        }
    }

    /// Keeps the pictures whose numbers are not among these.
    pub(crate) fn drop(&mut self, numbers: &std::collections::HashSet<usize>) {
        let floats = 2 * self.marks.places();
        let kept = (0..self.items.len()).filter(|number| !numbers.contains(number));
        if floats > 0 {
            self.places = kept
                .clone()
                .flat_map(|number| self.places[number * floats..][..floats].to_vec())
                .collect();
        }
        self.items = kept.map(|number| self.items[number]).collect();
    }
}

fn place(member: &Member) -> Place {
    let short = |length: u64| u32::try_from(length).unwrap_or(u32::MAX);
    match member.deflated {
        true => Place::Deflated {
            start: member.start,
            packed: short(member.packed),
            length: short(member.length),
        },
        false => Place::Stored {
            start: member.start,
            length: short(member.length),
        },
    }
}

/// The first `most` bytes at a place of a file, which errors call `name`.
fn bytes(holder: &Path, place: Place, most: u64, name: &Path) -> Result<Vec<u8>> {
    let reading = |source| DataError::reading(holder, source);
    let mut file = File::open(holder).map_err(reading)?;
    let mut bytes = Vec::new();
    let done = match place {
        Place::Whole => file.take(most).read_to_end(&mut bytes),
        Place::Stored { start, length } => {
            let wanted = most.min(length.into());
            file.seek(SeekFrom::Start(start)).map_err(reading)?;
            file.take(wanted).read_to_end(&mut bytes)
        }
        Place::Deflated { start, packed, length } => {
            file.seek(SeekFrom::Start(start)).map_err(reading)?;
            let inflated = DeflateDecoder::new(file.take(packed.into()));
            inflated.take(most.min(length.into())).read_to_end(&mut bytes)
        }
    };
    match done {
        Ok(_) => Ok(bytes),
        Err(error) if matches!(place, Place::Deflated { .. }) => Err(DataError::BrokenPicture {
            path: name.into(),
            why: format!("damaged in its archive ({error})"),
        }),
        Err(error) => Err(reading(error)),
    }
}
