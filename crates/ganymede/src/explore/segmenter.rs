//! What says of every pixel which concept it belongs to.

/// Gives every pixel of pictures one of its concepts. It had better know nothing of the generator that is judged by it.
pub trait Segmenter {
    /// The names of the concepts, by number.
    fn concepts(&self) -> Vec<String>;

    /// The concept number of every pixel, `[n, height, width]`, of pictures `[n, height, width, channels]` in [-1, 1].
    fn segment(&mut self, pictures: &[f32], shape: [usize; 3]) -> Vec<u8>;
}

/// The eleven colours that English has basic words for (Berlin and Kay 1969, "Basic Color Terms"), told apart by hue, saturation
/// and lightness; grey pictures have black, grey and white. Bau et al. 2017, "Network Dissection", arXiv:1704.05796, have these colours
/// among their concepts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Colours;

const COLOURS: [&str; 11] = [
    "black", "grey", "white", "red", "orange", "brown", "yellow", "green", "blue", "purple", "pink",
];

impl Segmenter for Colours {
    fn concepts(&self) -> Vec<String> {
        COLOURS.map(str::to_owned).to_vec()
    }

    fn segment(&mut self, pictures: &[f32], [_, _, channels]: [usize; 3]) -> Vec<u8> {
        let colour = |pixel: &[f32]| {
            let name = colour(match *pixel {
                [red, green, blue, ..] => [red, green, blue],
                _ => [pixel[0]; 3],
            });
            COLOURS.iter().position(|colour| *colour == name).expect("one of them") as u8
        };
        pictures.chunks_exact(channels).map(colour).collect()
    }
}

/// The name of a colour in [-1, 1].
fn colour(pixel: [f32; 3]) -> &'static str {
    let [red, green, blue] = pixel.map(|level| ((level + 1.0) / 2.0).clamp(0.0, 1.0));
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    let (chroma, lightness) = (most - least, (most + least) / 2.0);
    if most < 0.2 {
        return "black";
    }
    if chroma < 0.15 {
        return match lightness {
            0.85.. => "white",
            ..0.2 => "black",
            _ => "grey",
        };
    }
    let sixths = match most {
        _ if most == red => (green - blue) / chroma,
        _ if most == green => (blue - red) / chroma + 2.0,
        _ => (red - green) / chroma + 4.0,
    };
    match (sixths * 60.0).rem_euclid(360.0) {
        15.0..45.0 if most < 0.65 => "brown",
        15.0..45.0 => "orange",
        45.0..70.0 => "yellow",
        70.0..165.0 => "green",
        165.0..255.0 => "blue",
        255.0..290.0 => "purple",
        290.0..345.0 => "pink",
        _ if lightness > 0.7 => "pink",
        _ => "red",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_have_their_names() {
        let expected = [
            ([0, 0, 0], "black"),
            ([128, 128, 128], "grey"),
            ([255, 255, 250], "white"),
            ([220, 20, 20], "red"),
            ([255, 140, 0], "orange"),
            ([120, 70, 20], "brown"),
            ([255, 220, 50], "yellow"),
            ([30, 120, 40], "green"),
            ([60, 120, 230], "blue"),
            ([120, 40, 200], "purple"),
            ([255, 180, 190], "pink"),
        ];
        let pictures: Vec<f32> = expected
            .iter()
            .flat_map(|(rgb, _)| rgb.map(|level| level as f32 / 127.5 - 1.0))
            .collect();
        let names: Vec<&str> = Colours
            .segment(&pictures, [1, 11, 3])
            .iter()
            .map(|i| COLOURS[usize::from(*i)])
            .collect();
        assert_eq!(names, expected.map(|(_, name)| name));
        let grey = Colours.segment(&[-1.0, 0.0, 1.0], [1, 3, 1]);
        assert_eq!(
            grey.iter().map(|i| COLOURS[usize::from(*i)]).collect::<Vec<_>>(),
            ["black", "grey", "white"]
        );
    }
}
