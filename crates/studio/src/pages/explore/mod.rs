//! Walking through what a trained generator has learnt, from the page. A file for what can be done; what they share stands here.
mod painting;
mod place;
mod searching;
mod translating;
mod units;
mod walking;

pub(super) use painting::paint;
pub(super) use searching::project;
pub(super) use translating::translate;
pub(super) use units::units;
pub(super) use walking::{film, map, mix, picture};

use super::{Refusal, Shared, aside};
use crate::generator::Generator;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use ganymede::data::Shape;
use ganymede::explore::{Code, Explorer, units as layers};
use ganymede::run::animation::Format;
use ganymede::run::{Pictures, bytes_of_one, grid_bytes};
use serde_json::{Value, json};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::sync::Arc;
use tokio::sync::mpsc;

async fn opened(shared: &Shared, name: &str) -> Result<Arc<Generator>, Refusal> {
    let (hub, generators, name) = (Arc::clone(&shared.hub), Arc::clone(&shared.generators), name.to_owned());
    aside(move || {
        let folder = hub.run(&name).ok_or_else(|| Refusal::no_run(&name))?;
        generators.of(&name, &folder)
    })
    .await
}

/// What there is to explore.
pub(super) async fn about(State(shared): State<Shared>, Path(name): Path<String>) -> Result<Json<Value>, Refusal> {
    let generator = opened(&shared, &name).await?;
    let step = generator.step;
    generator
        .ask(move |owned| {
            let sampler = owned.sampler();
            let translations = sampler.translations();
            let translations = translations.iter();
            let translations =
                translations.map(|one| json!({ "name": one.name, "takes": one.takes, "gives": one.gives }));
            let mut about = json!({
                "step": step,
                "system": sampler.entry().card.id,
                "title": sampler.entry().card.title,
                "picture": sampler.shape().picture(),
                "classes": sampler.classes().map(|count| names(sampler.class_names(), count)),
                "translations": translations.collect::<Vec<Value>>(),
                "films": Format::Mp4.is_built(),
            });
            let is_picture = matches!(sampler.shape(), Shape::Picture { .. });
            // What cannot be explored may still translate pictures.
            match owned.explored() {
                Ok((explorer, directions)) => {
                    let shape = explorer.shape();
                    // Maps lie over what is a picture itself, not over what is only drawn as one.
                    let layers = match is_picture {
                        true => layers::layers(explorer),
                        false => vec![],
                    };
                    let layers = layers.into_iter();
                    let layers = layers.map(|layer| json!({ "name": layer.name, "extents": layer.extents }));
                    about["space"] = json!(explorer.space().to_string());
                    about["layers"] = json!(shape.layers);
                    about["floats"] = json!(shape.floats);
                    about["directions"] = json!(directions.map(|directions| &directions.strengths));
                    about["units"] = json!(layers.collect::<Vec<Value>>());
                    about["is_paintable"] = json!(is_picture);
                }
                Err(refusal) if about["translations"] == json!([]) => return Err(refusal),
                Err(refusal) => about["why_not"] = refusal.json()["error"].clone(),
            }
            Ok(Json(about))
        })
        .await
}

/// The names of classes; numbers where there are none.
fn names(known: &[String], count: usize) -> Vec<String> {
    (0..count)
        .map(|i| known.get(i).cloned().unwrap_or_else(|| i.to_string()))
        .collect()
}

/// Pictures as a PNG: one in its own size, several as a grid.
fn drawn(explorer: &mut Explorer, codes: &[Code], columns: usize) -> Result<Vec<u8>, Refusal> {
    explorer
        .sampler_mut()
        .make_at_a_time(codes.len().next_power_of_two().min(16));
    let values = explorer.pictures(codes);
    written(explorer, &values, codes.len(), columns)
}

/// What was made, as a PNG.
fn written(explorer: &Explorer, values: &[f32], count: usize, columns: usize) -> Result<Vec<u8>, Refusal> {
    let sampler = explorer.sampler();
    let [height, width, channels] = sampler.shape().picture().unwrap_or([1, 1, 1]);
    let pictures = Pictures {
        values: &sampler.shape().drawn(values),
        count,
        height,
        width,
        channels,
    };
    let bytes = match count {
        1 => bytes_of_one(&pictures, 0, &sampler.stamp()),
        _ => grid_bytes(&pictures, columns, &sampler.stamp()),
    };
    bytes.map_err(|error| Refusal::asked(error.to_string()))
}

/// Whether a number that an address names is one that may be asked for.
fn within<T: PartialOrd + Display>(name: &str, got: T, range: &RangeInclusive<T>) -> Result<(), Refusal> {
    match range.contains(&got) {
        true => Ok(()),
        false => {
            let (from, to) = (range.start(), range.end());
            Err(
                Refusal::asked(format!("expected `{name}` from {from} to {to}, got {got}"))
                    .hinted(format!("leave out `{name}` for what is usual")),
            )
        }
    }
}

/// Lines that may wait for whoever reads them; further ones are left out.
const LINES: usize = 64;

/// An answer in lines of JSON, each as soon as it is known: those that `work` says, and as the last what it comes to.
fn told(
    generator: Arc<Generator>,
    work: impl FnOnce(&mut crate::generator::Owned, &mpsc::Sender<Value>) -> Result<Value, Refusal> + Send + 'static,
) -> Response {
    let (lines, said) = mpsc::channel::<Value>(LINES);
    tokio::spawn(async move {
        let saying = lines.clone();
        let done = generator.ask(move |owned| work(owned, &saying)).await;
        let _ = lines.send(done.unwrap_or_else(|refusal| refusal.json())).await;
    });
    let body = Body::from_stream(futures_util::stream::unfold(said, |mut said| async {
        let line = said.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(format!("{line}\n")), said))
    }));
    ([(CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

#[cfg(test)]
mod tests;
