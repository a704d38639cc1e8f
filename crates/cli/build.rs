//! Takes the evidence that was recorded in docs/results into the binary, so that `gany models` can show it.
use std::path::Path;
use std::{env, fs};

fn main() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/results");
    println!("cargo::rerun-if-changed={}", results.display());
    let mut files: Vec<_> = fs::read_dir(&results)
        .expect("docs/results can be read")
        .map(|entry| entry.expect("docs/results can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let mut code = String::from("static EVIDENCE: &[(&str, &str)] = &[\n");
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file.file_stem().expect("it has an extension").to_string_lossy();
        code += &format!("    ({name:?}, include_str!({file:?})),\n");
    }
    code += "];\n";
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&out).join("evidence.rs"), code).expect("the build's folder can be written");
}
