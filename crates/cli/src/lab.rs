//! `gany lab`: what can be understood without training a network.
use crate::failure::Failure;
use crate::making::cannot_write;
use crate::models::study_page;
use crate::output::{COMMAND, DIM, STRONG, aligned, print};
use ganymede::section::Section;
use ganymede::studies::{self, STUDIES, Study};
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Show what can be understood without training a network: games, dice, and where the failures are
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany lab                    what there is
  gany lab nash               equilibria, and why descent circles
  gany lab nash -o nash.svg   the same, with its paths as a picture
  gany lab dice               a generator of dice: six questions with answers")]
pub(crate) struct Args {
    /// A study, such as `nash`
    name: Option<String>,
    /// Draw its paths into this `.svg`
    #[arg(short, long, value_name = "FILE", requires = "name")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let Some(name) = &args.name else {
        let rows: Vec<Vec<String>> = understood()
            .map(|study| vec![format!("{COMMAND}{}{COMMAND:#}", study.command), study.idea.to_owned()])
            .collect();
        print(aligned(&rows).trim_end());
        return Ok(ExitCode::SUCCESS);
    };
    let Some(study) = studies::find(name).filter(|study| study.section == Section::Understanding) else {
        let names: Vec<String> = understood().map(|study| format!("`{}`", study.id)).collect();
        return Err(Failure::new(
            format!("there is no study `{name}`"),
            format!("there are {}; systems are trained: `gany models`", names.join(", ")),
        ));
    };
    let Some(lesson) = study.lesson.map(|lesson| lesson()) else {
        print(&study_page(study));
        return Ok(ExitCode::SUCCESS);
    };
    print(&format!("{STRONG}{}{STRONG:#}\n\n{}", study.title, lesson.text));
    if let Some(path) = &args.output {
        if lesson.paths.is_empty() {
            return Err(Failure::new(
                format!("`{name}` has nothing to draw"),
                "leave `--output` away, or draw `gany lab nash -o nash.svg`",
            ));
        }
        std::fs::write(path, svg(study.title, &lesson.paths)).map_err(|error| cannot_write(path, &error))?;
        print(&format!("\n{DIM}drawn in{DIM:#} {}", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// The studies that need no run.
fn understood() -> impl Iterator<Item = &'static Study> {
    STUDIES.iter().filter(|study| study.section == Section::Understanding)
}

const SIDE: f64 = 480.0;
const COLOURS: [&str; 3] = ["#c4500c", "#1f5fbf", "#2a8a4a"];

/// Paths in the plane, each in a colour, from a dot on; the origin is where the axes cross.
fn svg(title: &str, paths: &[(&str, Vec<[f64; 2]>)]) -> String {
    let points = paths.iter().flat_map(|(_, path)| path);
    let largest = points.fold(f64::MIN_POSITIVE, |most, [x, y]| most.max(x.abs()).max(y.abs()));
    let place = |[x, y]: [f64; 2]| [x, -y].map(|v| format!("{:.1}", SIDE / 2.0 + v / largest * SIDE * 0.45));
    let half = SIDE / 2.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {SIDE} {}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>{title}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <path d=\"M0 {half}H{SIDE}M{half} 0V{SIDE}\" stroke=\"#bbb\"/>\n",
        SIDE + 30.0
    );
    for (i, ((name, path), colour)) in paths.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let line: Vec<String> = path.iter().map(|point| place(*point).join(",")).collect();
        let _ = writeln!(
            text,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>\n\
             <text x=\"{}\" y=\"{}\" fill=\"{colour}\">{name}</text>",
            line.join(" "),
            16.0 + 155.0 * i as f64,
            SIDE + 18.0
        );
        if let Some([x, y]) = path.first().map(|first| place(*first)) {
            let _ = writeln!(text, "<circle cx=\"{x}\" cy=\"{y}\" r=\"4\" fill=\"#333\"/>");
        }
    }
    text + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_at_a_dot_and_stay_within_the_frame() {
        let drawn = svg("T", &[("a", vec![[1.0, 0.0], [0.0, 2.0]])]);
        assert!(drawn.contains("points=\"348.0,240.0 240.0,24.0\""), "{drawn}");
        assert!(drawn.contains("<circle cx=\"348.0\" cy=\"240.0\""), "{drawn}");
    }
}
