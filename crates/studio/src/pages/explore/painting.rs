//! Edit by brush: what somebody paints on the picture becomes part of it, before their eyes.
use super::place::Place;
use super::{Refusal, Shared, drawn, opened, told, within};
use crate::generator::Owned;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ganymede::data::decode;
use ganymede::explore::retouching::Paint;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Updates of a search.
const UPDATES: usize = 400;
/// Updates from one picture that is shown to the next.
const PORTION: usize = 4;
/// No search goes on for longer: somebody waits, and so do others.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the paint is taken in.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::pages) struct Stroke {
    /// The number of the code that the picture stays near to; the present one by itself.
    kept: Option<usize>,
    /// The weight of staying near, 1 by itself.
    near: Option<f64>,
    steps: Option<usize>,
}

/// Looks for the code near to a place whose picture has the paint in the body: a PNG of the picture's size, which is transparent
/// where nothing was painted. Answers with lines of JSON that have the picture as it comes about; the first says the number
/// of the code that is stayed near to, the last that of the code that was found.
pub(in crate::pages) async fn paint(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Query(place): Query<Place>,
    Query(stroke): Query<Stroke>,
    picture: Bytes,
) -> Result<Response, Refusal> {
    let (near, steps) = (stroke.near.unwrap_or(1.0), stroke.steps.unwrap_or(48));
    within("near", near, &(0.0..=10.0))?;
    within("steps", steps, &(1..=UPDATES))?;
    let generator = opened(&shared, &name).await?;
    // What is wrong with the paint is told at once.
    let begun = generator.ask(move |owned| {
        let from = place.code(owned)?;
        let kept = match stroke.kept {
            Some(number) => owned.found(number)?,
            None => from.clone(),
        };
        let extents = owned.retouched()?.1.picture();
        Ok((from, kept, painted(&picture, extents)?))
    });
    let (from, kept, paint) = begun.await?;
    Ok(told(generator, move |owned, say| {
        let number = stroke.kept.unwrap_or_else(|| owned.keep(kept.clone()));
        let _ = say.try_send(json!({ "kept": number }));
        let (explorer, retouching) = owned.retouched()?;
        let begun = Instant::now();
        let mut going = retouching.begin(explorer, &from, &kept, &paint, near);
        while going.done() < steps && begun.elapsed() < PATIENCE {
            // Whoever has gone on painting does not wait for this any more.
            if say.is_closed() {
                return Err(Refusal::asked("nobody waits for this any more"));
            }
            let (explorer, retouching) = owned.retouched()?;
            let updates = PORTION.min(steps - going.done());
            let misfit = retouching.go_on(explorer, &mut going, updates, steps);
            shown(
                owned,
                &going.code(),
                say,
                json!({ "done": going.done(), "of": steps, "misfit": misfit }),
            )?;
        }
        Ok(json!({ "found": owned.keep(going.code()) }))
    }))
}

/// Says a line with the picture of a code.
fn shown(
    owned: &mut Owned,
    code: &ganymede::explore::Code,
    say: &mpsc::Sender<Value>,
    mut line: Value,
) -> Result<(), Refusal> {
    let bytes = drawn(owned.explored()?.0, std::slice::from_ref(code), 1)?;
    line["picture"] = json!(BASE64_STANDARD.encode(bytes));
    let _ = say.try_send(line);
    Ok(())
}

/// The colours and the mask of paint in a PNG, for a picture of these extents.
fn painted(bytes: &[u8], [height, width, channels]: [usize; 3]) -> Result<Paint, Refusal> {
    let hint = "paint in a PNG with an alpha channel, as large as the picture".to_owned();
    let refused = |error: ganymede::data::DataError| Refusal::asked(error.to_string()).hinted(hint.clone());
    let other = |[rows, columns, got]: [usize; 3]| {
        Refusal::asked(format!(
            "expected paint of {width}x{height} pixels with transparency, got {columns}x{rows} with {got} channels"
        ))
        .hinted(hint.clone())
    };
    // The header says how large it is before anything is decoded.
    let said = decode::shape("the paint".as_ref(), bytes).map_err(refused)?;
    if said[..2] != [height, width] {
        return Err(other(said));
    }
    let (extents, pixels) = decode::decode("the paint".as_ref(), bytes).map_err(refused)?;
    if extents != [height, width, 4] {
        return Err(other(extents));
    }
    let level = |byte: u8| f32::from(byte) / 127.5 - 1.0;
    let colours = pixels.chunks_exact(4).flat_map(|pixel| {
        let [red, green, blue] = [0, 1, 2].map(|i| level(pixel[i]));
        match channels {
            1 => vec![0.299 * red + 0.587 * green + 0.114 * blue],
            3 => vec![red, green, blue],
            _ => vec![red, green, blue, 1.0],
        }
    });
    let paint = Paint {
        colours: colours.collect(),
        mask: pixels
            .chunks_exact(4)
            .map(|pixel| f32::from(pixel[3]) / 255.0)
            .collect(),
    };
    match paint.mask.iter().any(|m| *m > 0.0) {
        true => Ok(paint),
        false => Err(Refusal::asked("nothing was painted").hinted("draw on the picture first".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32, pixels: &[u8], colour: image::ExtendedColorType) -> Vec<u8> {
        let mut bytes = vec![];
        let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
        image::ImageEncoder::write_image(encoder, pixels, width, height, colour).unwrap();
        bytes
    }

    #[test]
    fn paint_has_colours_where_it_is_not_transparent() {
        let red_and_nothing = png(2, 1, &[255, 0, 0, 255, 0, 0, 0, 0], image::ExtendedColorType::Rgba8);
        let paint = painted(&red_and_nothing, [1, 2, 3]).unwrap();
        assert_eq!(paint.colours[..3], [1.0, -1.0, -1.0]);
        assert_eq!(paint.mask, [1.0, 0.0]);
        let grey = painted(&red_and_nothing, [1, 2, 1]).unwrap();
        assert!((grey.colours[0] - (2.0 * 0.299 - 1.0)).abs() < 1e-6);
    }

    #[test]
    fn other_paint_is_refused_with_a_way_out() {
        let clear = png(2, 1, &[0; 8], image::ExtendedColorType::Rgba8);
        let opaque = png(2, 1, &[0; 6], image::ExtendedColorType::Rgb8);
        for (bytes, extents, expected) in [
            (&clear[..], [1, 2, 3], "nothing was painted"),
            (
                &clear,
                [2, 2, 3],
                "expected paint of 2x2 pixels with transparency, got 2x1",
            ),
            (&opaque, [1, 2, 3], "got 2x1 with 3 channels"),
            (b"no picture", [1, 2, 3], "not a picture"),
        ] {
            let refusal = painted(bytes, extents).unwrap_err().json();
            let error = refusal["error"].as_str().unwrap();
            assert!(error.contains(expected) && refusal["hint"].is_string(), "{refusal}");
        }
    }
}
