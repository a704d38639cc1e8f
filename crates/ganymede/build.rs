//! Takes what the settings' own doc comments say into the library, so that help stands in one place: beside the field.
//!
//! `rustfmt` settles how a struct is written, a field a line, so lines are read and not a syntax tree: no crate is needed for it.
//! A test asks for the help of every setting of every system.
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// A struct or enum: where it stands, its name and its one type parameter, and what its fields or choices say.
struct Described {
    module: String,
    name: String,
    parameter: String,
    is_choice: bool,
    /// Name, type and words.
    members: Vec<[String; 3]>,
    /// The names that an enum of structs is told apart by.
    variants: Vec<String>,
}

fn main() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    println!("cargo::rerun-if-changed={}", source.display());
    let mut files = vec![];
    find(&source, &mut files);
    files.sort();
    let mut code = String::from("static DESCRIBED: &[Described] = &[\n");
    for file in files {
        let text = fs::read_to_string(&file).expect("a source file can be read");
        if !text.contains("Deserialize") && !text.contains("named_enum! {") {
            continue;
        }
        let place = file.strip_prefix(&source).expect("it stands in the source");
        let module = place.with_extension("").to_string_lossy().replace(['/', '\\'], "::");
        let module = module.strip_suffix("::mod").unwrap_or(&module);
        for one in described(&text, &format!("ganymede::{module}")) {
            let Described {
                module,
                name,
                parameter,
                is_choice,
                members,
                variants,
            } = one;
            let _ = writeln!(
                code,
                "    Described {{ module: {module:?}, name: {name:?}, parameter: {parameter:?}, is_choice: {is_choice}, \
                 members: &{members:?}, variants: &{variants:?} }},"
            );
        }
    }
    code += "];\n";
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&out).join("described.rs"), code).expect("the build's folder can be written");
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the source can be read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// What stands in a file before its tests.
fn described(text: &str, module: &str) -> Vec<Described> {
    let mut all = vec![];
    let mut open: Option<(Described, &str)> = None;
    let mut words = String::new();
    for line in text.lines().take_while(|line| *line != "#[cfg(test)]") {
        let (indent, trimmed) = (&line[..line.len() - line.trim_start().len()], line.trim());
        if let Some(said) = trimmed.strip_prefix("///") {
            if !words.is_empty() {
                words.push(' ');
            }
            words += said.trim();
            continue;
        }
        if trimmed.starts_with("#[") {
            continue;
        }
        match &mut open {
            Some((_, closing)) if line == *closing => all.extend(open.take().map(|(one, _)| one)),
            Some((one, _)) if one.is_choice => {
                if let Some((_, name)) = trimmed.split_once(" = \"") {
                    let name = name.trim_end_matches("\",");
                    one.members
                        .push([name.to_owned(), String::new(), std::mem::take(&mut words)]);
                }
            }
            Some((one, _)) => {
                if line.starts_with("    ") && !line.starts_with("     ") {
                    one.variants.extend(variant(trimmed));
                }
                let field = trimmed.trim_start_matches("pub ").trim_start_matches("pub(crate) ");
                if let Some((name, kind)) = field.strip_suffix(',').and_then(|field| field.split_once(": "))
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                    && !words.is_empty()
                {
                    one.members
                        .push([name.to_owned(), kind.to_owned(), std::mem::take(&mut words)]);
                }
            }
            None => {
                let head = trimmed.trim_end_matches(" {");
                let declared = ["pub struct ", "struct ", "pub enum ", "pub(crate) struct ", "\""];
                let declared = declared.iter().find_map(|word| head.strip_prefix(word));
                if let Some(declared) = declared.filter(|_| trimmed.ends_with(" {")) {
                    let is_choice = head.starts_with('"');
                    let name = if is_choice {
                        declared.rsplit(' ').next().unwrap_or_default()
                    } else {
                        declared
                    };
                    let (name, parameter) = name.split_once('<').unwrap_or((name, ""));
                    let one = Described {
                        module: module.to_owned(),
                        name: name.to_owned(),
                        parameter: parameter.trim_end_matches('>').to_owned(),
                        is_choice,
                        members: vec![],
                        variants: vec![],
                    };
                    open = Some((one, if indent.is_empty() { "}" } else { "    }" }));
                }
            }
        }
        words.clear();
    }
    all.retain(|one| !one.members.is_empty());
    all
}

/// The name of the variant that begins on a line, as settings have it: in small letters with hyphens.
fn variant(line: &str) -> Option<String> {
    let name = line.strip_suffix(" {").or_else(|| line.strip_suffix(','))?;
    if !name.starts_with(char::is_uppercase) || !name.chars().all(char::is_alphanumeric) {
        return None;
    }
    let mut written = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !written.is_empty() {
            written.push('-');
        }
        written.extend(letter.to_lowercase());
    }
    Some(written)
}
