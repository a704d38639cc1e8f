//! Parquet files with a column of pictures, as the Hugging Face hub keeps its sets.
//!
//! Pages of Parquet are packed as wholes, so a picture cannot be read where it lies. A set is laid out anew once, as a ZIP in the
//! cache folder, and read from there.

mod pages;

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::basic::Type;
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::{ByteArray, DataType};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::FileMetaData;
use ::parquet::file::reader::{ChunkReader, FileReader, Length, RowGroupReader, SerializedFileReader};
use ::parquet::schema::types::ColumnDescriptor;
use serde_json::{Value, json};

use super::error::{DataError, Result};
use super::pack::Archives;
use super::shaping::Want;
use super::{Dataset, catalogue, decode, get, shards};

/// What a Parquet file begins and ends with.
pub(crate) const MAGIC: &[u8] = b"PAR1";
/// Rows that are in memory together.
const ROWS_AT_ONCE: usize = 64;
/// Names of columns that hold class numbers, and captions, unless the file says itself which do.
const LABELS: [&str; 3] = ["label", "labels", "fine_label"];
const CAPTIONS: [&str; 3] = ["text", "caption", "prompt"];

/// Opens the pictures of Parquet files as one set, in the order of the files, with labels and captions where there are
/// columns of them; else as [`shards::open`].
///
/// # Errors
/// [`DataError::BadFile`] for a file that cannot be read or has no column of pictures; [`DataError::NoCacheFolder`],
/// [`DataError::Unwritable`]; else as [`shards::open`].
pub fn open(name: &str, files: &[PathBuf], want: &Want) -> Result<Arc<dyn Dataset>> {
    let archive = laid_out(files)?;
    shards::open(name, &archive, std::slice::from_ref(&archive), want)
}

/// The archive in the cache folder that holds what the files do, made unless it is there.
pub(crate) fn laid_out(files: &[PathBuf]) -> Result<PathBuf> {
    let (stamp, _) = catalogue::stamp(&files.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
    let folder = get::cache_folder()?.join("parquet");
    let path = folder.join(format!("{}.zip", &stamp[..32]));
    if path.is_file() {
        return Ok(path);
    }
    fs::create_dir_all(&folder).map_err(|e| DataError::writing(&folder, e))?;
    let mut archive = Archives::new(&path.display().to_string(), true, u64::MAX);
    let (mut labels, mut classes, mut number) = (Vec::new(), None, 0_u64);
    for file in files {
        let reader = File::open(file).map_err(|e| DataError::reading(file, e))?;
        let names = rows(reader, file, &mut |row| {
            let stem = format!("{:05}/{number:08}", number / 1000);
            let picture = format!("{stem}.{}", decode::extension(&row.picture));
            archive.put(&picture, &row.picture)?;
            if let Some(caption) = &row.caption {
                archive.put(&format!("{stem}.txt"), caption)?;
            }
            labels.extend(row.label.map(|label| (picture, label)));
            number += 1;
            Ok(())
        })?;
        classes = classes.or(names);
    }
    if !labels.is_empty() && labels.len() as u64 != number {
        let got = format!("{} of {number}", labels.len());
        return Err(bad(
            &files[0],
            "labels",
            "a class number in every row that has a picture",
            got,
        ));
    }
    let labels = if labels.is_empty() { Value::Null } else { json!(labels) };
    archive.finish(&json!({ "classes": classes, "labels": labels }).to_string())?;
    Ok(path)
}

/// A picture and what stands beside it.
pub struct Row {
    /// The file of the picture.
    pub picture: Vec<u8>,
    /// Its class number.
    pub label: Option<i64>,
    /// What is written about it.
    pub caption: Option<Vec<u8>>,
}

/// The columns that are read, by number.
struct Columns {
    picture: usize,
    label: Option<usize>,
    caption: Option<usize>,
    classes: Option<Vec<String>>,
}

/// Reads the rows that have a picture, some at a time, and returns the names of the classes where the file has them; `path`
/// is for messages.
///
/// # Errors
/// [`DataError::BadFile`] for a file that cannot be read or has no column of pictures, and whatever `each` fails with.
pub fn rows(
    reader: impl ChunkReader + 'static,
    path: &Path,
    each: &mut dyn FnMut(Row) -> Result<()>,
) -> Result<Option<Vec<String>>> {
    // The reader of Parquet panics at some damaged files; what was read of them is thrown away with the error.
    let outcome = catch_unwind(AssertUnwindSafe(|| read(reader, path, each)));
    outcome.unwrap_or_else(|_| {
        let got = "one that its reader gives up on".into();
        Err(bad(path, "content", "a readable Parquet file", got))
    })
}

fn read(
    reader: impl ChunkReader + 'static,
    path: &Path,
    each: &mut dyn FnMut(Row) -> Result<()>,
) -> Result<Option<Vec<String>>> {
    let unreadable = |error: ParquetError| bad(path, "content", "a readable Parquet file", error.to_string());
    let reader = Shared(Arc::new(reader));
    let file = SerializedFileReader::new(reader.clone()).map_err(unreadable)?;
    let about = file.metadata().file_metadata();
    let columns = columns(about).ok_or_else(|| {
        let names: Vec<String> = about
            .schema_descr()
            .columns()
            .iter()
            .map(|c| c.path().string())
            .collect();
        bad(
            path,
            "columns",
            "one of pictures, such as `image.bytes`",
            names.join(", "),
        )
    })?;
    for number in 0..file.num_row_groups() {
        let group = file.get_row_group(number).map_err(unreadable)?;
        let mut read = |column: usize| {
            let (start, length) = group.metadata().column(column).byte_range();
            pages::check(&reader, start..start.saturating_add(length))
                .map_err(|got| bad(path, "pages", "pages as large as they say", got))?;
            Column::open(&*group, column, about.schema_descr().column(column)).map_err(unreadable)
        };
        let mut pictures = read(columns.picture)?;
        let mut labels = columns.label.map(&mut read).transpose()?;
        let mut captions = columns.caption.map(&mut read).transpose()?;
        loop {
            let some = pictures.texts(ROWS_AT_ONCE).map_err(unreadable)?;
            if some.is_empty() {
                break;
            }
            let mut labels = labels
                .as_mut()
                .map(|labels| labels.numbers(some.len()))
                .transpose()
                .map_err(unreadable)?;
            let mut captions = captions
                .as_mut()
                .map(|texts| texts.texts(some.len()))
                .transpose()
                .map_err(unreadable)?;
            for (row, picture) in some.into_iter().enumerate() {
                let label = labels.as_mut().and_then(|labels| labels.get_mut(row)?.take());
                let caption = captions.as_mut().and_then(|captions| captions.get_mut(row)?.take());
                if let Some(picture) = picture {
                    each(Row {
                        picture: picture.data().to_vec(),
                        label,
                        caption: caption.map(|caption| caption.data().to_vec()),
                    })?;
                }
            }
        }
    }
    Ok(columns.classes)
}

/// A file that two readers read from.
struct Shared<R>(Arc<R>);

impl<R> Clone for Shared<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R: ChunkReader> Length for Shared<R> {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl<R: ChunkReader> ChunkReader for Shared<R> {
    type T = R::T;

    fn get_read(&self, start: u64) -> ::parquet::errors::Result<R::T> {
        self.0.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> ::parquet::errors::Result<bytes::Bytes> {
        self.0.get_bytes(start, length)
    }
}

/// Which columns hold pictures, labels and captions: what the hub's note in the file says, else what their names say.
fn columns(about: &FileMetaData) -> Option<Columns> {
    let schema = about.schema_descr();
    let note = about.key_value_metadata().and_then(|pairs| {
        let note = pairs.iter().find(|pair| pair.key == "huggingface")?;
        serde_json::from_str::<Value>(note.value.as_ref()?).ok()
    });
    let features = note.as_ref().and_then(|note| note["info"]["features"].as_object());
    let noted = |kind: &str| {
        features?
            .iter()
            .find(|(_, feature)| feature["_type"] == kind)
            .map(|(name, _)| name.as_str())
    };
    let find = |kinds: &[Type], fits: &dyn Fn(&[String]) -> bool| {
        let mut leaves = schema.columns().iter();
        leaves.position(|leaf| {
            kinds.contains(&leaf.physical_type()) && leaf.max_rep_level() == 0 && fits(leaf.path().parts())
        })
    };
    let (texts, numbers) = ([Type::BYTE_ARRAY], [Type::INT64, Type::INT32]);
    let picture = find(&texts, &|parts| match parts {
        [column, bytes] => bytes == "bytes" && noted("Image").is_none_or(|noted| noted == column),
        [column] => ["image", "img", "picture", "jpg", "png"].contains(&column.as_str()),
        _ => false,
    })?;
    let is_one_of = |parts: &[String], names: &[&str]| matches!(parts, [name] if names.contains(&name.as_str()));
    let class = noted("ClassLabel");
    let label = find(&numbers, &|parts| {
        is_one_of(parts, class.as_ref().map_or(&LABELS[..], std::slice::from_ref))
    });
    let names = class.and_then(|class| serde_json::from_value(features?[class]["names"].clone()).ok());
    Some(Columns {
        picture,
        label,
        caption: find(&texts, &|parts| is_one_of(parts, &CAPTIONS)),
        classes: names.filter(|_| label.is_some()),
    })
}

/// A column of one group of rows.
struct Column {
    reader: ColumnReader,
    /// The definition level of a value that is there.
    there: i16,
}

impl Column {
    fn open(
        group: &dyn RowGroupReader,
        number: usize,
        about: Arc<ColumnDescriptor>,
    ) -> std::result::Result<Self, ParquetError> {
        Ok(Self {
            reader: group.get_column_reader(number)?,
            there: about.max_def_level(),
        })
    }

    /// The next bytes of up to `count` rows; `None` where a row has none.
    fn texts(&mut self, count: usize) -> std::result::Result<Vec<Option<ByteArray>>, ParquetError> {
        match &mut self.reader {
            ColumnReader::ByteArrayColumnReader(reader) => next(reader, self.there, count),
            _ => Ok(vec![]),
        }
    }

    /// The next numbers of up to `count` rows.
    fn numbers(&mut self, count: usize) -> std::result::Result<Vec<Option<i64>>, ParquetError> {
        Ok(match &mut self.reader {
            ColumnReader::Int64ColumnReader(reader) => next(reader, self.there, count)?,
            ColumnReader::Int32ColumnReader(reader) => {
                let numbers = next(reader, self.there, count)?.into_iter();
                numbers.map(|number| number.map(i64::from)).collect()
            }
            _ => vec![],
        })
    }
}

fn next<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    there: i16,
    count: usize,
) -> std::result::Result<Vec<Option<T::T>>, ParquetError> {
    let (mut levels, mut values) = (vec![], vec![]);
    let (rows, ..) = reader.read_records(count, Some(&mut levels), None, &mut values)?;
    let mut values = values.into_iter();
    if there == 0 {
        return Ok(values.map(Some).collect());
    }
    let levels = levels.into_iter().take(rows);
    Ok(levels
        .map(|level| if level == there { values.next() } else { None })
        .collect())
}

fn bad(path: &Path, what: &'static str, expected: &str, got: String) -> DataError {
    DataError::bad("Parquet file", path, what, expected, got)
}

#[cfg(test)]
mod tests;
