//! What verbs that make pictures share: which class, where to, and a look at what was made.
use crate::failure::Failure;
use crate::output::{print, quoted};
use crate::picture::{Grid, Screen};
use ganymede::data::Shape;
use ganymede::run::{RunError, Sampler};
use std::io::IsTerminal;
use std::path::Path;

/// The number of the class that is asked for, by its name or its number.
pub(crate) fn class_number(wanted: &str, sampler: &Sampler) -> Result<usize, Failure> {
    let (system, names) = (sampler.entry().card.id, sampler.class_names());
    let Some(classes) = sampler.classes() else {
        return Err(Failure::new(
            format!("cannot ask for a class: `{system}` was trained without being told the classes"),
            "leave out `--class`, or train a conditional system such as `cgan`",
        ));
    };
    class_among(wanted, names, classes, "this run")
}

/// Rows, columns and channels of the pictures that a run makes; nothing where it makes points, or volumes, which are only drawn
/// as pictures.
pub(crate) fn flat(shape: Shape) -> Option<[usize; 3]> {
    shape.picture().filter(|_| matches!(shape, Shape::Picture { .. }))
}

/// The number of one of so many classes, by its name or its number; `of` says whose classes they are.
pub(crate) fn class_among(wanted: &str, names: &[String], classes: usize, of: &str) -> Result<usize, Failure> {
    let by_name = names.iter().position(|name| name.eq_ignore_ascii_case(wanted));
    by_name
        .or_else(|| wanted.parse().ok().filter(|number| *number < classes))
        .ok_or_else(|| {
            Failure::new(
                format!("expected a class of {of}, got `{wanted}`"),
                format!(
                    "its classes are {}, or a number from 0 to {}",
                    names.join(", "),
                    classes - 1
                ),
            )
        })
}

/// Shows the picture where standard output is a terminal.
pub(crate) fn show(path: &Path, grid: &Grid, is_json: bool) {
    if is_json || !std::io::stdout().is_terminal() {
        return;
    }
    let columns = terminal_size::terminal_size().map_or(80, |(width, _)| width.0.into());
    let drawn = Screen::detect(|name| std::env::var(name).ok()).and_then(|screen| screen.draw(path, grid, columns));
    if let Some(text) = drawn {
        print(&text);
    }
}

/// Makes a folder and those around it; the empty path is here.
pub(crate) fn make_folder(path: &Path) -> Result<(), Failure> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    std::fs::create_dir_all(path).map_err(|error| cannot_write(path, &error))
}

/// Makes a folder, or refuses one with something in it.
pub(crate) fn make_empty_folder(path: &Path) -> Result<(), Failure> {
    make_folder(path)?;
    let listed = path.read_dir().map_err(|error| cannot_write(path, &error))?;
    let Some(other) = listed.flatten().map(|entry| entry.file_name()).min() else {
        return Ok(());
    };
    Err(Failure::new(
        format!(
            "expected a new or empty folder, got one with `{}` in it: {}",
            other.display(),
            path.display()
        ),
        "choose another folder, so that no picture of yours is written over",
    ))
}

pub(crate) fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    let failed = RunError::Io {
        doing: "write",
        source: std::io::Error::from(error.kind()),
        path: path.to_owned(),
    };
    Failure::new(failed.to_string(), "choose another place with `-o`")
}

/// Refuses a name that does not end in `.png`.
pub(crate) fn is_png(path: &Path) -> Result<(), Failure> {
    if path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("png"))
    {
        return Ok(());
    }
    let better = quoted(&path.with_extension("png").to_string_lossy());
    Err(Failure::new(
        format!("expected a file that ends in `.png`, got {}", path.display()),
        format!("pictures are written as PNG, which loses nothing: {better}"),
    ))
}
