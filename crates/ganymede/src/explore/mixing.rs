//! Style mixing: some layers of one sample, all others of another (Karras et al. 2019, section 3.1 and figure 3).
//!
//! Layers of small pictures decide what is coarse, pose and outline, those of large ones what is fine, colours and textures.
use super::{Code, CodeShape};
use std::ops::Range;

/// A share of the layers by what they decide, as the papers name them; their pairs of layers, one for each size of the pictures,
/// are dealt out in thirds, the coarse ones first.
///
/// Nothing for other names than `coarse`, `middle` and `fine`.
pub fn named(name: &str, layers: usize) -> Option<Range<usize>> {
    let sizes = layers.div_ceil(2);
    let end_of = |thirds: usize| (2 * (thirds * sizes).div_ceil(3)).min(layers);
    let third = ["coarse", "middle", "fine"].iter().position(|third| *third == name)?;
    Some(end_of(third)..end_of(third + 1))
}

/// Layers as people write them: `all`, `coarse`, `middle`, `fine`, a number such as `3` or a range such as `0-3`, from 0.
pub fn parse(text: &str, layers: usize) -> Option<Range<usize>> {
    if text == "all" {
        return Some(0..layers);
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let numbers = first.parse().ok().zip(last.parse().ok());
    let range = numbers.map(|(first, last): (usize, usize)| first..last.saturating_add(1));
    named(text, layers)
        .or(range)
        .filter(|range| range.start < range.end && range.end <= layers)
}

/// The code with the vectors of `other` at some layers.
///
/// # Panics
/// Where one of them is not of this shape, or has not so many layers.
pub fn mixed(code: &Code, other: &Code, layers: &Range<usize>, shape: CodeShape) -> Code {
    let mut values = code.values.clone();
    let range = layers.start * shape.floats..layers.end * shape.floats;
    values[range.clone()].copy_from_slice(&other.values[range]);
    Code {
        values,
        class: code.class,
    }
}

/// Every one of `rows` with the styles of every one of `columns` at some layers, row by row.
pub fn grid(rows: &[Code], columns: &[Code], layers: &Range<usize>, shape: CodeShape) -> Vec<Code> {
    let row = |code| columns.iter().map(move |other| mixed(code, other, layers, shape));
    rows.iter().flat_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_dealt_out_from_coarse_to_fine() {
        let all = |layers| ["coarse", "middle", "fine"].map(|name| named(name, layers).unwrap());
        // 32 pixels: 4 and 8, 16, 32.
        assert_eq!(all(8), [0..4, 4..6, 6..8]);
        // 1024 pixels: 4 to 16, 32 to 128, 256 to 1024.
        assert_eq!(all(18), [0..6, 6..12, 12..18]);
        assert_eq!(named("colour", 8), None);
        let parsed = ["all", "fine", "0-3", "7"].map(|text| parse(text, 8));
        assert_eq!(parsed, [0..8, 6..8, 0..4, 7..8].map(Some));
        assert_eq!(
            ["8", "3-2", "0-8", "", "-1", "a"].map(|text| parse(text, 8)),
            [const { None }; 6]
        );
    }

    /// Two samples of three layers of one number each.
    #[test]
    fn the_diagonal_of_a_grid_are_the_samples_themselves() {
        let code = |values: [f32; 3]| Code {
            values: values.to_vec(),
            class: None,
        };
        let samples = [code([1.0, 2.0, 3.0]), code([4.0, 5.0, 6.0])];
        let shape = CodeShape { layers: 3, floats: 1 };
        let mixed = grid(&samples, &samples, &(1..2), shape);
        assert_eq!([&mixed[0], &mixed[3]], [&samples[0], &samples[1]]);
        assert_eq!(mixed[1], code([1.0, 5.0, 3.0]));
        assert_eq!(mixed[2], code([4.0, 2.0, 6.0]));
    }
}
