//! The runs of the folder: what each is, what it measured, what it made, and putting it away.
use super::{Refusal, Shared, aside};
use crate::hub::{Hub, held};
use crate::shelf::Shelf;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use ganymede::data;
use ganymede::run::{Cells, Length, Order, Pictures, RunFolder, grid_bytes};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// What a list of runs says of one.
fn row(hub: &Hub, shelf: &Shelf, name: &str) -> Option<Value> {
    let folder = hub.run(name)?;
    let (digest, trouble) = hub.digest(name)?;
    let settings = folder.read_settings().unwrap_or_default();
    Some(json!({
        "name": name,
        "state": hub.state(name, &digest),
        "trouble": trouble,
        "data": settings.get("data"),
        "seed": settings.get("seed"),
        "tags": shelf.tags_of(name),
        "digest": digest,
    }))
}

/// All runs, the latest first.
pub(super) async fn list(State(shared): State<Shared>) -> Result<Json<Vec<Value>>, Refusal> {
    aside(move || {
        let (hub, shelf) = (&shared.hub, &shared.shelf);
        let mut rows: Vec<Value> = hub.names().iter().filter_map(|name| row(hub, shelf, name)).collect();
        rows.sort_by_key(|row| row["digest"]["started_at"].as_str().map(str::to_owned));
        rows.reverse();
        Ok(Json(rows))
    })
    .await
}

/// One run: its settings, where it comes from, what was measured of it.
pub(super) async fn one(State(shared): State<Shared>, Path(name): Path<String>) -> Result<Json<Value>, Refusal> {
    aside(move || {
        let mut row = row(&shared.hub, &shared.shelf, &name).ok_or_else(|| Refusal::no_run(&name))?;
        let folder = shared.hub.run(&name).ok_or_else(|| Refusal::no_run(&name))?;
        row["settings"] = json!(folder.read_settings().unwrap_or_default());
        row["provenance"] = json!(folder.read_provenance().ok());
        row["figures"] = json!(folder.read_figures().ok().flatten());
        let extents = super::lookalikes::extents(&folder.read_settings().unwrap_or_default());
        row["grid"] =
            json!(extents.map(|[height, width, _]| {
                json!({ "pitch": Cells::pitch(height, width), "gutter": Cells::GUTTER })
            }));
        let shape = row["settings"]["data.shape"].as_array().map(Vec::len);
        row["kind"] = json!(match shape {
            Some(3) => "pictures",
            Some(4) => "volumes",
            Some(2) => "sounds",
            _ => "points",
        });
        Ok(Json(row))
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct Part {
    points: Option<usize>,
    from: Option<u64>,
    to: Option<u64>,
}

/// The curves of a run, for who compares several.
pub(super) async fn curves(
    State(hub): State<Arc<Hub>>,
    Path(name): Path<String>,
    Query(part): Query<Part>,
) -> Result<Json<Value>, Refusal> {
    let (watched, mut version) = hub.watch(&name).ok_or_else(|| Refusal::no_run(&name))?;
    let _ = version.wait_for(|version| *version > 0).await;
    let points = part.points.unwrap_or(600).clamp(2, super::live::POINTS);
    aside(move || Ok(Json(json!(held(&watched.record).curves(points, part.from, part.to))))).await
}

/// What a run said beside its steps.
pub(super) async fn events(State(hub): State<Arc<Hub>>, Path(name): Path<String>) -> Result<Json<Value>, Refusal> {
    let (watched, mut version) = hub.watch(&name).ok_or_else(|| Refusal::no_run(&name))?;
    let _ = version.wait_for(|version| *version > 0).await;
    let record = held(&watched.record);
    Ok(Json(json!(record.others)))
}

/// A PNG as an answer that a browser may keep for a while.
pub(super) fn png(bytes: Vec<u8>) -> Response {
    let headers = [(CONTENT_TYPE, "image/png"), (CACHE_CONTROL, "private, max-age=600")];
    (headers, bytes).into_response()
}

/// The sample grid of a step.
pub(super) async fn sample(
    State(hub): State<Arc<Hub>>,
    Path((name, step)): Path<(String, u64)>,
) -> Result<Response, Refusal> {
    aside(move || {
        let folder = hub.run(&name).ok_or_else(|| Refusal::no_run(&name))?;
        let read = std::fs::read(folder.sample_file(step));
        let none = || Refusal::new(StatusCode::NOT_FOUND, format!("`{name}` has no samples of step {step}"));
        Ok(png(read.map_err(|_| none())?))
    })
    .await
}

/// Real pictures beside the samples: as many of the run's data, in as many columns.
pub(super) async fn real(State(hub): State<Arc<Hub>>, Path(name): Path<String>) -> Result<Response, Refusal> {
    aside(move || {
        let folder = hub.run(&name).ok_or_else(|| Refusal::no_run(&name))?;
        Ok(png(real_pictures(&folder)?))
    })
    .await
}

/// Rows and columns of a sheet of real pictures, as sample grids have them.
const SIDE: usize = 8;

fn real_pictures(folder: &RunFolder) -> Result<Vec<u8>, Refusal> {
    let settings = folder
        .read_settings()
        .map_err(|error| Refusal::asked(error.to_string()))?;
    let order = Order::of(&settings, folder.path(), Length::Steps(0), vec![]);
    let order = order.map_err(|error| Refusal::asked(error.to_string()))?;
    let failed = |error: data::DataError| Refusal::asked(error.to_string()).hinted(error.hint());
    let set = data::open(&order.data, &order.want).map_err(failed)?;
    let shape = set.shape();
    let count = set.len().map_or(SIDE * SIDE, |len| (SIDE * SIDE).min(len as usize));
    let mut batch = data::Batch::of(&*set, count);
    batch.fill(&*set, 0, 0).map_err(failed)?;
    let source = format!("real examples of {}", set.name());
    let made = match shape.picture() {
        Some([height, width, channels]) => {
            let values = shape.drawn(&batch.x);
            let pictures = Pictures {
                values: &values,
                count,
                height,
                width,
                channels,
            };
            grid_bytes(&pictures, SIDE, &source).map_err(|error| error.to_string())
        }
        None => Err("these data are no pictures".to_owned()),
    };
    made.map_err(Refusal::asked)
}

#[derive(Deserialize)]
pub(super) struct Tags {
    tags: Vec<String>,
}

/// Gives a run its tags.
pub(super) async fn tag(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Json(given): Json<Tags>,
) -> Result<Json<Value>, Refusal> {
    aside(move || {
        shared.hub.run(&name).ok_or_else(|| Refusal::no_run(&name))?;
        let tags = shared.shelf.tag(&name, &given.tags).map_err(Refusal::asked)?;
        Ok(Json(json!({ "tags": tags })))
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct Confirmed {
    confirm: String,
}

/// Puts a run into the trash. Its name must be said again.
pub(super) async fn discard(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Json(confirmed): Json<Confirmed>,
) -> Result<Json<Value>, Refusal> {
    aside(move || {
        let folder = shared.hub.run(&name).ok_or_else(|| Refusal::no_run(&name))?;
        if confirmed.confirm != name {
            return Err(Refusal::asked("nothing was deleted: the run's name was not confirmed"));
        }
        if folder.writer().is_some() {
            let error = Refusal::new(StatusCode::CONFLICT, format!("`{name}` is being trained"));
            return Err(error.hinted("stop it first".to_owned()));
        }
        let kept = shared.shelf.discard(&name).map_err(Refusal::asked)?;
        shared.hub.forget(&name);
        Ok(Json(json!({ "trashed": kept })))
    })
    .await
}

/// What is in the trash.
pub(super) async fn trash(State(shelf): State<Arc<Shelf>>) -> Result<Json<Value>, Refusal> {
    aside(move || Ok(Json(json!(shelf.trash())))).await
}

/// Takes a run out of the trash.
pub(super) async fn restore(State(shelf): State<Arc<Shelf>>, Path(name): Path<String>) -> Result<Json<Value>, Refusal> {
    aside(move || Ok(Json(json!({ "name": shelf.restore(&name).map_err(Refusal::asked)? })))).await
}
