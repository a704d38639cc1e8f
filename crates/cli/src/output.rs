//! Words on standard output, where a reader may have gone away.
use anstyle::{AnsiColor, Style};
use std::io::{ErrorKind, Write};

/// What stands out: commands, names.
pub(crate) const STRONG: Style = Style::new().bold();
/// What stands back.
pub(crate) const DIM: Style = Style::new().dimmed();
/// Commands to be typed.
pub(crate) const COMMAND: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Cyan)));
/// Something to look at.
pub(crate) const WARNING: Style = Style::new()
    .bold()
    .fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));

/// Prints a text that ends with its last line; colours only where a terminal shows them.
pub(crate) fn print(text: &str) {
    match try_print(text) {
        Ok(()) => {}
        // `gany models | head`: whoever read has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => crate::failure::Failure::new(
            format!("cannot write to standard output ({error})"),
            "check the disk or the program that reads it",
        )
        .exit(),
    }
}

/// Prints, where a reader that has gone away must not end the work.
pub(crate) fn try_print(text: &str) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{}", text.trim_end_matches('\n'))?;
    out.flush()
}

/// Prints a value as JSON.
pub(crate) fn print_json(value: &impl serde::Serialize) {
    print(&serde_json::to_string_pretty(value).expect("a plain value"));
}

/// 1234567 as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Seconds as `0:07`, `3:00` or `1:02:03`.
pub(crate) fn clock(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

/// A path or word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Rows with their columns aligned, two spaces apart; the last column is not padded.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    in_columns(rows, usize::MAX)
}

/// Rows of a name and numbers, which end below one another.
pub(crate) fn tabulated(rows: &[Vec<String>]) -> String {
    in_columns(rows, 1)
}

/// Rows whose columns from number `first_right` on end below one another, while the others begin there.
fn in_columns(rows: &[Vec<String>], first_right: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            line += &if column < first_right {
                format!("  {cell:<width$}")
            } else {
                format!("  {cell:>width$}")
            };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_times_and_words() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [6.6, 180.0, 3723.0, -1.0].map(clock),
            ["0:07", "3:00", "1:02:03", "0:00"]
        );
        assert_eq!(
            ["runs/a-2", "my runs", "it's"].map(quoted),
            ["runs/a-2", "'my runs'", r"'it'\''s'"]
        );
    }
}
