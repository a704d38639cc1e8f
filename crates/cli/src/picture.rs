//! Pictures in the terminal: the file itself where the terminal takes it (kitty's and iTerm2's protocols), otherwise two
//! pixels a character.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::imageops::{self, FilterType};
use image::{DynamicImage, RgbImage};
use std::fmt::Write;
use std::path::Path;

/// How the terminal shows pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    Kitty,
    Iterm2,
    /// Half blocks, in 24-bit colours.
    TrueColour,
    /// Half blocks, in the 256 colours of xterm.
    Colours256,
}

/// Lines that a picture may take.
const MOST_LINES: u32 = 20;

/// Pixels that the side of one sample should at least get.
const LEAST_SIDE: u32 = 14;

/// A grid of samples in a file.
pub(crate) struct Grid {
    /// Samples in a row; 1 where the file is one picture.
    pub(crate) columns: u32,
    /// Height of a sample over its width.
    pub(crate) aspect: f64,
}

impl Screen {
    /// What the environment says of the terminal; `None` where nothing should be shown.
    pub(crate) fn detect(variable: impl Fn(&str) -> Option<String>) -> Option<Screen> {
        let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let is_one_of =
            |name: &str, values: &[&str]| variable(name).is_some_and(|value| values.contains(&value.as_str()));
        if is_set("NO_COLOR") || is_one_of("TERM", &["dumb", ""]) {
            return None;
        }
        // A multiplexer passes colours on, but not pictures.
        if !is_set("TMUX") && !is_set("STY") {
            if is_set("KITTY_WINDOW_ID") || is_set("KONSOLE_VERSION") || is_one_of("TERM_PROGRAM", &["ghostty"]) {
                return Some(Screen::Kitty);
            }
            if is_one_of("TERM_PROGRAM", &["iTerm.app", "WezTerm", "mintty"]) || is_one_of("LC_TERMINAL", &["iTerm2"]) {
                return Some(Screen::Iterm2);
            }
        }
        let has_24_bits = is_one_of("COLORTERM", &["truecolor", "24bit"]) || is_set("WT_SESSION");
        Some(if has_24_bits {
            Screen::TrueColour
        } else {
            Screen::Colours256
        })
    }

    /// The picture in `path` as text for a terminal of so many columns; `None` where the file cannot be read.
    pub(crate) fn draw(self, path: &Path, grid: &Grid, terminal_columns: u32) -> Option<String> {
        let bytes = std::fs::read(path).ok()?;
        match self {
            Screen::Kitty => Some(kitty(&bytes)),
            Screen::Iterm2 => Some(format!(
                "  \x1b]1337;File=inline=1;size={};height={MOST_LINES}:{}\x07",
                bytes.len(),
                STANDARD.encode(&bytes)
            )),
            Screen::TrueColour | Screen::Colours256 => {
                let picture = image::load_from_memory(&bytes).ok()?;
                Some(self.half_blocks(&fitted(&picture, grid, terminal_columns.clamp(20, 160) - 4)))
            }
        }
    }

    /// Two pixels a character: the upper one is ink, the lower one paper.
    fn half_blocks(self, picture: &RgbImage) -> String {
        let mut text = String::new();
        for y in (0..picture.height() - picture.height() % 2).step_by(2) {
            text += "  ";
            let mut last = None;
            for x in 0..picture.width() {
                let pair = [picture.get_pixel(x, y).0, picture.get_pixel(x, y + 1).0];
                if last != Some(pair) {
                    let [ink, paper] = pair.map(|colour| self.colour(colour));
                    let _ = write!(text, "\x1b[38;{ink};48;{paper}m");
                    last = Some(pair);
                }
                text.push('\u{2580}');
            }
            text += "\x1b[0m\n";
        }
        text
    }

    fn colour(self, [red, green, blue]: [u8; 3]) -> String {
        if self == Screen::TrueColour {
            return format!("2;{red};{green};{blue}");
        }
        let [most, least] = [red.max(green).max(blue), red.min(green).min(blue)];
        // Greys have a finer scale of their own: 24 steps from 8 to 238, with black and white in the cube.
        let index = if most - least < 10 {
            match u32::from(green) {
                0..4 => 16,
                247.. => 231,
                grey => 232 + (grey.saturating_sub(8) + 5).min(235) / 10,
            }
        } else {
            let step = |level: u8| match u32::from(level) {
                0..48 => 0,
                48..115 => 1,
                level => (level - 35) / 40,
            };
            16 + 36 * step(red) + 6 * step(green) + step(blue)
        };
        format!("5;{index}")
    }
}

fn kitty(png: &[u8]) -> String {
    let encoded = STANDARD.encode(png);
    let chunks: Vec<&[u8]> = encoded.as_bytes().chunks(4096).collect();
    let mut text = String::from("  ");
    for (i, chunk) in chunks.iter().enumerate() {
        let first = if i == 0 {
            format!("a=T,f=100,r={MOST_LINES},")
        } else {
            String::new()
        };
        let more = u8::from(i + 1 < chunks.len());
        let chunk = std::str::from_utf8(chunk).expect("base64 is ASCII");
        let _ = write!(text, "\x1b_G{first}q=2,m={more};{chunk}\x1b\\");
    }
    text
}

/// As much of the grid's upper left part as can be shown with every sample recognisable.
fn fitted(picture: &DynamicImage, grid: &Grid, width: u32) -> RgbImage {
    let (mut right, mut bottom) = (picture.width(), picture.height());
    if grid.columns > 1 {
        let cell = f64::from(picture.width() - 2) / f64::from(grid.columns);
        let cell_height = (cell - 2.0) * grid.aspect + 2.0;
        let columns = (width / LEAST_SIDE).clamp(1, grid.columns);
        right = ((f64::from(columns) * cell) as u32 + 2).min(right);
        let scale = f64::from(width) / f64::from(right);
        let rows = (f64::from(MOST_LINES * 2) / (cell_height * scale)).floor().max(1.0);
        bottom = ((rows * cell_height) as u32 + 2).min(bottom);
    }
    let shown = picture.crop_imm(0, 0, right, bottom).to_rgb8();
    let scale = (f64::from(width) / f64::from(right)).min(f64::from(MOST_LINES * 2) / f64::from(bottom));
    let side = |side: u32| ((f64::from(side) * scale).round() as u32).max(2);
    imageops::resize(&shown, side(right), side(bottom), FilterType::Triangle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(variables: &[(&str, &str)]) -> Option<Screen> {
        Screen::detect(|name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn terminals_are_told_apart_by_what_they_set() {
        assert_eq!(
            detect(&[("TERM", "xterm-kitty"), ("KITTY_WINDOW_ID", "1")]),
            Some(Screen::Kitty)
        );
        assert_eq!(detect(&[("TERM_PROGRAM", "iTerm.app")]), Some(Screen::Iterm2));
        assert_eq!(
            detect(&[("TMUX", "/tmp/x"), ("KITTY_WINDOW_ID", "1")]),
            Some(Screen::Colours256)
        );
        assert_eq!(
            detect(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]),
            Some(Screen::TrueColour)
        );
        assert_eq!(detect(&[("TERM", "dumb")]), None);
        assert_eq!(detect(&[("NO_COLOR", "1"), ("KITTY_WINDOW_ID", "1")]), None);
    }

    #[test]
    fn two_pixels_a_character() {
        let picture = RgbImage::from_fn(2, 2, |_, y| image::Rgb(if y == 0 { [255, 0, 0] } else { [0, 0, 9] }));
        assert_eq!(
            Screen::TrueColour.half_blocks(&picture),
            "  \x1b[38;2;255;0;0;48;2;0;0;9m\u{2580}\u{2580}\x1b[0m\n"
        );
        assert_eq!(
            Screen::Colours256.half_blocks(&picture),
            "  \x1b[38;5;196;48;5;16m\u{2580}\u{2580}\x1b[0m\n"
        );
    }

    #[test]
    fn colours_go_to_the_nearest_of_256() {
        let colour = |levels| Screen::Colours256.colour(levels);
        assert_eq!(
            [[0; 3], [255; 3], [8; 3], [128; 3], [95, 0, 0], [255, 255, 0]].map(colour),
            ["5;16", "5;231", "5;232", "5;244", "5;52", "5;226"]
        );
    }

    #[test]
    fn samples_stay_recognisable() {
        // 8x8 samples of 28x28, enlarged twice, with their gutters.
        let grid = DynamicImage::new_luma8(8 * 58 + 2, 8 * 58 + 2);
        let shown = fitted(
            &grid,
            &Grid {
                columns: 8,
                aspect: 1.0,
            },
            76,
        );
        // Five in a row, and as many rows as fit into twenty lines.
        assert_eq!(shown.dimensions(), (76, 31));
    }
}
