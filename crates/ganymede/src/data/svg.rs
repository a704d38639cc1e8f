//! Drawings: SVG, drawn at the size they are wanted in. Nothing outside the file is read: no fonts, no linked pictures.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{ImageHrefResolver, Options, Tree};

use super::decode::{check_sides, reason};
use super::shaping::Size;

/// Larger drawings are refused, in bytes.
const MAX_SVG_BYTES: usize = 8 << 20;
/// RGBA.
const CHANNELS: usize = 4;

/// Whether these are the first bytes of a drawing.
pub(crate) fn is_svg(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(1 << 10)];
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    start.starts_with(b"<svg") || (start.starts_with(b"<") && start.windows(4).any(|word| word == b"<svg"))
}

/// The size that a drawing gives itself, rounded up to whole pixels.
pub(crate) fn size(bytes: &[u8]) -> Result<Size, String> {
    let size = parse(bytes)?.size();
    let (width, height) = (size.width().ceil(), size.height().ceil());
    check_sides(width as u64, height as u64)?;
    Ok(Size {
        height: height as usize,
        width: width as usize,
        channels: CHANNELS,
    })
}

/// Draws it in its own size, or just large enough to cover this height and width in pixels.
pub(crate) fn pixels(bytes: &[u8], cover: Option<(usize, usize)>) -> Result<(Size, Vec<u8>), String> {
    let tree = parse(bytes)?;
    let own = (tree.size().width(), tree.size().height());
    let scale = cover.map_or(1.0, |(height, width)| (height as f32 / own.1).max(width as f32 / own.0));
    // Half a thousandth is for rounding: 72 * (64 / 72) is to be 64 pixels, not 65.
    let side = |side: f32| (side * scale - 5e-4).ceil().max(1.0);
    check_sides(side(own.0) as u64, side(own.1) as u64)?;
    let mut canvas = Pixmap::new(side(own.0) as u32, side(own.1) as u32).ok_or("no room to draw it")?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut canvas.as_mut());
    let size = Size {
        height: canvas.height() as usize,
        width: canvas.width() as usize,
        channels: CHANNELS,
    };
    let pixel = |pixel: &resvg::tiny_skia::PremultipliedColorU8| {
        let colour = pixel.demultiply();
        [colour.red(), colour.green(), colour.blue(), colour.alpha()]
    };
    Ok((size, canvas.pixels().iter().flat_map(pixel).collect()))
}

fn parse(bytes: &[u8]) -> Result<Tree, String> {
    if bytes.len() > MAX_SVG_BYTES {
        return Err(format!("a drawing of {} MiB, at most 8 are read", bytes.len() >> 20));
    }
    let options = Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    Tree::from_data(bytes, &options).map_err(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_RED: &[u8] =
        br##"<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 36" width="72" height="36">
        <rect width="36" height="36" fill="#f00"/></svg>"##;

    #[test]
    fn drawn_to_cover_what_is_wanted() {
        assert!(is_svg(HALF_RED) && !is_svg(b"<html><p>svg</p></html>") && !is_svg(b"\x89PNG"));
        let own = size(HALF_RED).unwrap();
        assert_eq!((own.height, own.width, own.channels), (36, 72, 4));
        for (cover, expected) in [(None, (36, 72)), (Some((64, 64)), (64, 128)), (Some((9, 18)), (9, 18))] {
            let (size, pixels) = pixels(HALF_RED, cover).unwrap();
            assert_eq!((size.height, size.width), expected);
            assert_eq!(pixels[..4], [255, 0, 0, 255]);
            assert_eq!(pixels[pixels.len() - 4..], [0; 4]);
        }
    }

    #[test]
    fn nothing_outside_is_read_and_bombs_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret.svg");
        std::fs::write(&secret, HALF_RED).unwrap();
        let link = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><image href="{}" width="4" height="4"/></svg>"#,
            secret.display()
        );
        assert!(pixels(link.as_bytes(), None).unwrap().1.iter().all(|&value| value == 0));
        let huge = r#"<svg xmlns="http://www.w3.org/2000/svg" width="60000" height="60000"/>"#;
        assert_eq!(
            size(huge.as_bytes()).unwrap_err(),
            "60000x60000 pixels, at most 32768 a side and 100 million are decoded"
        );
    }
}
