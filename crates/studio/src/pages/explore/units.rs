//! The units of a layer in the picture of a place: which respond, and where.
use super::place::Place;
use super::{Refusal, Shared, opened, within};
use axum::Json;
use axum::extract::{Path, Query, State};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ganymede::explore::units::{Response, Unit};
use serde::Deserialize;
use serde_json::{Value, json};

/// Units that are told at a time.
const COUNT: usize = 24;
/// The longer side of a map; larger pictures are covered by one that is enlarged where it is shown.
const SIDE: usize = 64;

/// Which units.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::pages) struct Ranks {
    /// The first, by strength, from 0.
    first: usize,
    count: Option<usize>,
}

/// The strongest units of a layer, each with its map: bytes from 0, its least value, to 255, its most, in base64.
pub(in crate::pages) async fn units(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Query(place): Query<Place>,
    Query(ranks): Query<Ranks>,
) -> Result<Json<Value>, Refusal> {
    let count = ranks.count.unwrap_or(12);
    within("count", count, &(1..=COUNT))?;
    let generator = opened(&shared, &name).await?;
    generator
        .ask(move |owned| {
            let code = place.code(owned)?;
            let none = || Refusal::asked("expected a layer").hinted("`layer` names one of the generator's".to_owned());
            let (explorer, opened) = owned.opened_at(place.layer.as_deref().ok_or_else(none)?)?;
            // Units are told as they are before anything is changed, so that they keep their order while it is.
            let response = opened.look(explorer, &code, &[]);
            let response = response.map_err(|error| Refusal::asked(error.to_string()).hinted(error.hint()))?;
            let [height, width, _] = explorer.sampler().shape().picture().unwrap_or([SIDE; 3]);
            let smaller = (height.max(width) as f64 / SIDE as f64).max(1.0);
            let sides = [height, width].map(|side| ((side as f64 / smaller).round() as usize).max(1));
            let units = response.units.iter().skip(ranks.first).take(count);
            let units = units.map(|unit| {
                json!({
                    "number": unit.number, "strength": unit.strength, "range": unit.range,
                    "map": BASE64_STANDARD.encode(bytes(&response, unit, sides)),
                })
            });
            let layer = opened.layer();
            Ok(Json(json!({
                "layer": layer.name, "extents": layer.extents, "sides": sides, "units": units.collect::<Vec<Value>>(),
            })))
        })
        .await
}

/// The map of a unit in bytes.
fn bytes(response: &Response, unit: &Unit, sides: [usize; 2]) -> Vec<u8> {
    let [least, most] = unit.range;
    let across = (most - least).max(f32::MIN_POSITIVE);
    let byte = |value: f32| (255.0 * (value - least) / across).round().clamp(0.0, 255.0) as u8;
    response.map(unit.number, sides).into_iter().map(byte).collect()
}
