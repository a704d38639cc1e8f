//! Tables: CSV files, a row an example, its columns numbers or categories as the [`columns`](super::columns) encode them.
//!
//! A column of text, or of at most ten different values, holds categories; every other one numbers. The last column, where it
//! holds categories, is the class of a row too. A table with gaps is refused unless `complete:` or `filled:` stands before it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::columns::{Column, Columns, Kind};
use super::error::{DataError, Result};
use super::{Dataset, Shape, sha256_hex};

/// The largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// The most columns of a table.
const MAX_COLUMNS: usize = 1000;
/// The most different values of a column of text: beyond them they are names, which nobody learns from.
const MAX_VALUES: usize = 256;
/// A column of numbers with at most so many different ones holds categories.
const FEW_VALUES: usize = 10;
/// The largest number, either way: larger ones have no variance.
const MAX_NUMBER: f64 = 1e30;
/// One of so many rows is of the split `test`, the others are of `train`.
const HELD_OUT: usize = 5;
/// What stands where a value is missing, in small letters.
const MISSING: [&str; 7] = ["", "na", "n/a", "nan", "null", "none", "?"];

/// What is done about missing values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gaps {
    /// The table is refused.
    Refused,
    /// Rows that have one are left out: `complete:FILE`.
    LeftOut,
    /// The column's mean or its most frequent category takes the place: `filled:FILE`.
    Filled,
}

impl Gaps {
    /// As it is written before a file.
    pub(crate) fn of(word: &str) -> Option<Gaps> {
        [("complete", Gaps::LeftOut), ("filled", Gaps::Filled)]
            .into_iter()
            .find_map(|(known, gaps)| (known == word).then_some(gaps))
    }
}

/// Whether a file of this name is taken for a table.
pub(crate) fn is_table(path: &Path) -> bool {
    let end = path.extension().map(|end| end.to_string_lossy().to_lowercase());
    matches!(end.as_deref(), Some("csv" | "tsv"))
}

/// Rows of a table.
pub struct Table {
    name: String,
    digest: String,
    columns: Columns,
    /// `[rows, columns]`: numbers, of categories their numbers.
    values: Vec<f64>,
    /// The numbers of the rows in the file, from 0.
    rows: Vec<u64>,
    classes: Option<Vec<String>>,
    notes: Vec<String>,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("name", &self.name)
            .field("rows", &self.rows.len())
            .field("columns", &self.columns.columns.len())
            .finish_non_exhaustive()
    }
}

/// What a file says: names and cells, with the line that each row begins in.
struct Sheet {
    names: Vec<String>,
    rows: Vec<(u64, csv::StringRecord)>,
    /// What the numbers of the last column stand for, where the first line says it.
    classes: Vec<String>,
}

/// Opens a CSV file; commas, semicolons or tabs lie between its columns. With a split, `test` is every fifth row and `train` the
/// others; both have the encoding that is fitted to `train`. `names` are those of its columns, where the file has none.
///
/// # Errors
/// [`DataError::Table`] naming the line or the column, [`DataError::MissingValue`], [`DataError::Unreadable`].
pub(crate) fn open(name: &str, path: &Path, split: Option<&str>, gaps: Gaps, names: &[String]) -> Result<Table> {
    if !matches!(split, None | Some("train" | "test")) {
        return Err(DataError::UnknownSplit {
            name: path.display().to_string(),
            split: split.unwrap_or_default().into(),
            has: "`train` or `test`".into(),
        });
    }
    let file = File::open(path).map_err(|e| DataError::reading(path, e))?;
    let mut text = vec![];
    let read = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut text);
    read.map_err(|e| DataError::reading(path, e))?;
    table(name, path, &text, split, gaps, names)
}

/// Reads a table that is in memory; errors name `path`.
///
/// # Errors
/// [`DataError::Table`] naming the line or the column, [`DataError::MissingValue`].
pub fn parse(text: &[u8], path: &Path) -> Result<Table> {
    table("table", path, text, None, Gaps::Refused, &[])
}

fn bad(path: &Path, place: impl Into<String>, expected: impl Into<String>, got: impl Into<String>) -> DataError {
    DataError::Table {
        path: path.into(),
        place: place.into(),
        expected: expected.into(),
        got: got.into(),
    }
}

fn table(name: &str, path: &Path, text: &[u8], split: Option<&str>, gaps: Gaps, names: &[String]) -> Result<Table> {
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(bad(path, "length", "at most 256 MiB", "more"));
    }
    let mut sheet = sheet(path, text, names)?;
    let mut notes = vec![];
    let is_missing = |cell: &str| MISSING.contains(&cell.to_lowercase().as_str());
    match gaps {
        Gaps::Filled => {}
        Gaps::LeftOut => {
            let before = sheet.rows.len();
            sheet.rows.retain(|(_, row)| !row.iter().any(is_missing));
            let left = before - sheet.rows.len();
            notes.push(format!("{left} of {before} rows were left out, which have gaps."));
        }
        Gaps::Refused => {
            for (line, row) in &sheet.rows {
                if let Some(column) = row.iter().position(is_missing) {
                    return Err(DataError::MissingValue {
                        path: path.into(),
                        line: *line,
                        column: sheet.names[column].clone(),
                    });
                }
            }
        }
    }
    let count = sheet.rows.len();
    if count == 0 {
        return Err(bad(path, "rows", "at least one", "none"));
    }
    let is_trained = |row: usize| split.is_none() || !row.is_multiple_of(HELD_OUT);
    let (mut columns, mut values, mut filled) = (vec![], vec![0.0; count * sheet.names.len()], 0);
    for (number, column) in sheet.names.iter().enumerate() {
        let cell = |row: usize| Some(&sheet.rows[row].1[number]).filter(|cell| !is_missing(cell));
        let classes = match number + 1 == sheet.names.len() {
            true => &sheet.classes[..],
            false => &[],
        };
        let (column, of_rows) = fitted(path, column, count, cell, is_trained, classes)?;
        filled += (0..count).filter(|row| cell(*row).is_none()).count();
        for (row, value) in of_rows.into_iter().enumerate() {
            values[row * sheet.names.len() + number] = value;
        }
        columns.push(column);
    }
    if filled > 0 {
        notes.push(format!(
            "{filled} gaps were filled with means and most frequent values."
        ));
    }
    let chosen = |row: &usize| split != Some("test") && is_trained(*row) || split == Some("test") && !is_trained(*row);
    let rows: Vec<usize> = (0..count).filter(chosen).collect();
    if rows.is_empty() {
        return Err(bad(path, "rows", "more than one, to keep a split apart", "one"));
    }
    let across = columns.len();
    let columns = Columns {
        rows: (0..count).filter(|row| is_trained(*row)).count() as u64,
        columns,
    };
    let said = serde_json::to_vec(&columns).unwrap_or_default();
    let which = format!("{gaps:?} {split:?}");
    Ok(Table {
        name: name.to_owned(),
        digest: sha256_hex(&[which.as_bytes(), &said, text]),
        values: rows
            .iter()
            .flat_map(|row| values[row * across..][..across].to_vec())
            .collect(),
        classes: columns.columns.last().and_then(|column| match &column.kind {
            Kind::Categorical { values, .. } => Some(values.clone()),
            Kind::Numeric { .. } => None,
        }),
        columns,
        rows: rows.into_iter().map(|row| row as u64).collect(),
        notes,
    })
}

/// Splits a file into cells. Its first line names the columns, unless it holds nothing but numbers; files of scikit-learn say how
/// many rows and columns follow, and what the classes are called.
fn sheet(path: &Path, text: &[u8], names: &[String]) -> Result<Sheet> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let first_line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let often = |separator: &u8| first_line.iter().filter(|byte| *byte == separator).count();
    let separator = *b",;\t".iter().max_by_key(|separator| often(separator)).unwrap_or(&b',');
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .delimiter(separator)
        .from_reader(text);
    let mut rows: Vec<(u64, csv::StringRecord)> = vec![];
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            bad(path, format!("line {line}"), "text in UTF-8", "other bytes")
        })?;
        rows.push((record.position().map_or(0, csv::Position::line), record));
    }
    if rows.is_empty() {
        return Err(bad(path, "rows", "at least one", "none"));
    }
    let width = rows.get(1).map_or(rows[0].1.len(), |(_, row)| row.len());
    let is_count = |cell: Option<&str>, count: usize| cell.and_then(|cell| cell.parse().ok()) == Some(count);
    let is_counted = is_count(rows[0].1.get(0), rows.len() - 1) && is_count(rows[0].1.get(1), width.wrapping_sub(1));
    let is_named = rows[0].1.iter().any(|cell| cell.parse::<f64>().is_err());
    let mut classes = vec![];
    let mut named: Vec<String> = (1..=width).map(|number| format!("column {number}")).collect();
    if is_counted {
        let (_, first) = rows.remove(0);
        classes = first.iter().skip(2).map(str::to_owned).collect();
    } else if is_named {
        let (_, first) = rows.remove(0);
        named = first.iter().map(str::to_owned).collect();
    }
    if names.len() == width {
        named = names.to_vec();
    }
    if !(1..=MAX_COLUMNS).contains(&named.len()) {
        return Err(bad(
            path,
            "columns",
            format!("1 to {MAX_COLUMNS}"),
            named.len().to_string(),
        ));
    }
    for (number, name) in named.iter_mut().enumerate() {
        if name.is_empty() {
            *name = format!("column {}", number + 1);
        }
    }
    let repeated = (1..named.len()).find(|number| named[..*number].contains(&named[*number]));
    if let Some(repeated) = repeated {
        return Err(bad(
            path,
            "names of columns",
            "all different",
            format!("`{}` twice", named[repeated]),
        ));
    }
    let expected = named.len();
    match rows.iter().find(|(_, row)| row.len() != expected) {
        Some((line, row)) => Err(bad(
            path,
            format!("line {line}"),
            format!("{expected} columns"),
            row.len().to_string(),
        )),
        None => Ok(Sheet {
            names: named,
            rows,
            classes,
        }),
    }
}

/// A column fitted to the rows that are trained on, and what it has in every row, gaps filled.
fn fitted<'c>(
    path: &Path,
    name: &str,
    count: usize,
    cell: impl Fn(usize) -> Option<&'c str>,
    is_trained: impl Fn(usize) -> bool,
    classes: &[String],
) -> Result<(Column, Vec<f64>)> {
    let place = || format!("column `{name}`");
    let numbers: Option<Vec<Option<f64>>> = (0..count)
        .map(|row| cell(row).map_or(Some(None), |cell| Some(Some(cell.parse().ok()?))))
        .collect();
    let mut texts: BTreeMap<&str, u64> = BTreeMap::new();
    for row in 0..count {
        if let Some(cell) = cell(row) {
            *texts.entry(cell).or_default() += u64::from(is_trained(row));
        }
    }
    if texts.is_empty() {
        return Err(bad(path, place(), "at least one value", "none"));
    }
    if let Some(numbers) = numbers.filter(|_| texts.len() > FEW_VALUES) {
        let seen = |row: usize| numbers[row].filter(|_| is_trained(row));
        if let Some(wild) = numbers
            .iter()
            .flatten()
            .find(|number| number.is_nan() || number.abs() > MAX_NUMBER)
        {
            return Err(bad(path, place(), "numbers from -1e30 to 1e30", wild.to_string()));
        }
        let trained: Vec<f64> = (0..count).filter_map(seen).collect();
        if trained.is_empty() {
            return Err(bad(path, place(), "a number among the rows to train on", "none"));
        }
        let mean = trained.iter().sum::<f64>() / trained.len() as f64;
        let digits = |text: &str| text.split_once('.').map_or(0, |(_, behind)| behind.len());
        let is_plain = texts.keys().all(|text| !text.contains(['e', 'E']));
        let decimals = texts.keys().map(|text| digits(text)).max().filter(|_| is_plain);
        let column = Column::numeric(name.to_owned(), &trained, decimals);
        return Ok((
            column,
            numbers.into_iter().map(|number| number.unwrap_or(mean)).collect(),
        ));
    }
    if texts.len() > MAX_VALUES {
        return Err(bad(
            path,
            place(),
            format!("numbers, or at most {MAX_VALUES} different texts"),
            format!("{} of them", texts.len()),
        ));
    }
    let mut values: Vec<(&str, u64)> = texts.into_iter().collect();
    let size = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
    values.sort_by(|(a, _), (b, _)| size(a).total_cmp(&size(b)).then(a.cmp(b)));
    let most = (0..values.len()).max_by_key(|number| values[*number].1).unwrap_or(0);
    let number_of = |text: &str| values.iter().position(|(value, _)| *value == text).unwrap_or(most) as f64;
    let of_rows = (0..count).map(|row| cell(row).map_or(most as f64, number_of)).collect();
    let shown = |text: &str| {
        let class = text.parse::<usize>().ok().and_then(|class| classes.get(class));
        class.cloned().unwrap_or_else(|| text.to_owned())
    };
    let column = Column {
        name: name.to_owned(),
        kind: Kind::Categorical {
            values: values.iter().map(|(value, _)| shown(value)).collect(),
            counts: values.iter().map(|(_, count)| *count).collect(),
        },
    };
    Ok((column, of_rows))
}

impl Dataset for Table {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn len(&self) -> Option<u64> {
        Some(self.rows.len() as u64)
    }

    fn shape(&self) -> Shape {
        Shape::Row {
            floats: self.columns.floats(),
        }
    }

    fn classes(&self) -> Option<&[String]> {
        self.classes.as_deref()
    }

    fn columns(&self) -> Option<&Columns> {
        Some(&self.columns)
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
        let Some(row) = self.rows.get(index as usize) else {
            return Err(DataError::NoExample {
                name: self.name.clone(),
                index,
                len: self.rows.len() as u64,
            });
        };
        let across = self.columns.columns.len();
        let values = &self.values[index as usize * across..][..across];
        x.copy_from_slice(&self.columns.encode(*row, values));
        Ok(if self.classes.is_some() {
            values[across - 1] as u32
        } else {
            0
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, gaps: Gaps) -> Result<Table> {
        table("people.csv", Path::new("people.csv"), text.as_bytes(), None, gaps, &[])
    }

    fn message(text: &str) -> String {
        read(text, Gaps::Refused).unwrap_err().to_string()
    }

    fn decoded(table: &Table) -> Vec<Vec<f64>> {
        let row = |index: u64| table.columns.decode(&table.example(index).unwrap().0);
        (0..table.len().unwrap()).map(row).collect()
    }

    /// Ages with a digit behind the point, a town, and whether somebody is ill.
    fn people(rows: usize) -> String {
        let row = |i: usize| format!("{}.5,{},{}\n", 20 + i, ["Ulm", "Bonn"][i % 2], i % 3 % 2);
        "age,town,ill\n".to_owned() + &(0..rows).map(row).collect::<String>()
    }

    #[test]
    fn columns_are_told_apart_and_come_back() {
        let table = read(&people(30), Gaps::Refused).unwrap();
        let kinds: Vec<_> = table.columns.columns.iter().map(|column| &column.kind).collect();
        assert!(matches!(
            kinds[0],
            Kind::Numeric {
                decimals: Some(1),
                range: [20.5, 49.5],
                ..
            }
        ));
        assert_eq!(
            kinds[1],
            &Kind::Categorical {
                values: vec!["Bonn".into(), "Ulm".into()],
                counts: vec![15, 15]
            }
        );
        assert_eq!(table.classes().unwrap(), ["0", "1"]);
        assert_eq!(table.example(1).unwrap().1, 1);
        for (i, row) in decoded(&table).into_iter().enumerate() {
            assert!((row[0] - (20.5 + i as f64)).abs() < 1e-4);
            assert_eq!(row[1..], [f64::from(i % 2 == 0), (i % 3 % 2) as f64]);
        }
    }

    #[test]
    fn separators_and_a_file_without_names() {
        let semicolons = read(&people(12).replace(',', ";"), Gaps::Refused).unwrap();
        assert_eq!(semicolons.columns.columns[1].name, "town");
        let numbers = read("1,2\n3,4\n", Gaps::Refused).unwrap();
        assert_eq!(
            (numbers.columns.columns[1].name.as_str(), numbers.len()),
            ("column 2", Some(2))
        );
    }

    #[test]
    fn files_of_scikit_learn_name_their_classes() {
        let table = read("3,2,ill,well\n1.5,2,0\n1.5,3,1\n2.5,4,1\n", Gaps::Refused).unwrap();
        assert_eq!(table.classes().unwrap(), ["ill", "well"]);
        assert_eq!(
            (table.len(), table.columns.columns[2].name.as_str()),
            (Some(3), "column 3")
        );
    }

    #[test]
    fn every_fifth_row_is_held_out_and_encoded_as_the_others() {
        let split = |split| {
            let text = people(50);
            table("p", Path::new("p"), text.as_bytes(), split, Gaps::Refused, &[]).unwrap()
        };
        let [train, test] = [split(Some("train")), split(Some("test"))];
        assert_eq!((train.len(), test.len(), train.columns.rows), (Some(40), Some(10), 40));
        assert_eq!(train.columns, test.columns);
        assert_ne!(train.digest(), test.digest());
        assert!((decoded(&test)[1][0] - 25.5).abs() < 1e-4);
    }

    #[test]
    fn gaps_are_refused_left_out_or_filled() {
        let text = people(20).replace("21.5,", "NA,").replace("23.5,Bonn", "23.5,");
        let error = read(&text, Gaps::Refused).unwrap_err();
        assert_eq!(error.to_string(), "missing value: line 3, column `age`: people.csv");
        assert_eq!(
            error.hint().unwrap(),
            "`--data complete:people.csv` leaves out rows with gaps, `--data filled:people.csv` puts means and most frequent \
             values into them"
        );
        let complete = read(&text, Gaps::LeftOut).unwrap();
        assert_eq!(
            (complete.len(), complete.notes()[0].as_str()),
            (Some(18), "2 of 20 rows were left out, which have gaps.")
        );
        let filled = read(&text, Gaps::Filled).unwrap();
        let rows = decoded(&filled);
        // The mean of the other nineteen; `Ulm` is in ten rows, `Bonn` in nine.
        assert!(
            (rows[1][0] - (20..40).filter(|i| *i != 21).map(|i| f64::from(i) + 0.5).sum::<f64>() / 19.0).abs() < 0.06
        );
        assert_eq!(rows[3][1], 1.0);
        assert_eq!(
            filled.notes(),
            ["2 gaps were filled with means and most frequent values."]
        );
    }

    #[test]
    fn what_is_no_table_is_refused_by_line_or_column() {
        assert_eq!(
            message(""),
            "bad table: rows: expected at least one, got none: people.csv"
        );
        assert_eq!(
            message("a,b\n"),
            "bad table: rows: expected at least one, got none: people.csv"
        );
        assert_eq!(
            message("a,b\n1,2\n1,2,3\n"),
            "bad table: line 3: expected 2 columns, got 3: people.csv"
        );
        assert_eq!(
            message("a,a\n1,2\n"),
            "bad table: names of columns: expected all different, got `a` twice: people.csv"
        );
        let names: String = (0..300).map(|i| format!("person {i},1\n")).collect();
        assert_eq!(
            message(&format!("name,one\n{names}")),
            "bad table: column `name`: expected numbers, or at most 256 different texts, got 300 of them: people.csv"
        );
        let large: String = (0..20).map(|i| format!("{i}e40\n")).collect();
        assert_eq!(
            message(&large),
            "bad table: column `column 1`: expected numbers from -1e30 to 1e30, got 10000000000000000000000000000000000000000: people.csv"
        );
        assert!(message("a,b\n\u{fffd}").contains("expected 2 columns, got 1"));
        let bytes = table("p", Path::new("p"), b"a,b\n\xff,1\n", None, Gaps::Refused, &[]);
        assert_eq!(
            bytes.unwrap_err().to_string(),
            "bad table: line 2: expected text in UTF-8, got other bytes: p"
        );
        let wide = vec!["1"; 1001].join(",");
        assert_eq!(
            message(&wide),
            "bad table: columns: expected 1 to 1000, got 1001: people.csv"
        );
    }
}
