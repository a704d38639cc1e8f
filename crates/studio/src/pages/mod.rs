//! What the page asks the studio for.
mod explore;
mod gallery;
mod lab;
mod live;
mod runs;
mod start;

use crate::assets::{self, Assets};
use crate::generator::Generators;
use crate::hub::Hub;
use crate::processes::Processes;
use crate::shelf::Shelf;
use axum::extract::{DefaultBodyLimit, FromRef, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// The largest body of a request that brings no picture, in bytes.
const BODY: usize = 64 << 10;
/// The largest picture that may be brought, in bytes.
const UPLOAD: usize = 16 << 20;

/// What every answer may need.
#[derive(Clone)]
pub(crate) struct Shared {
    hub: Arc<Hub>,
    shelf: Arc<Shelf>,
    processes: Arc<Processes>,
    generators: Arc<Generators>,
    room: lab::Room,
    assets: Assets,
}

impl FromRef<Shared> for Arc<Hub> {
    fn from_ref(shared: &Shared) -> Arc<Hub> {
        Arc::clone(&shared.hub)
    }
}

impl FromRef<Shared> for Arc<Shelf> {
    fn from_ref(shared: &Shared) -> Arc<Shelf> {
        Arc::clone(&shared.shelf)
    }
}

impl FromRef<Shared> for Assets {
    fn from_ref(shared: &Shared) -> Assets {
        shared.assets.clone()
    }
}

/// Everything that the studio answers.
pub(crate) fn router(hub: Arc<Hub>, program: PathBuf, assets: Option<PathBuf>) -> Router {
    let shared = Shared {
        shelf: Arc::new(Shelf::new(hub.folder())),
        processes: Arc::new(Processes::new(program, hub.folder())),
        generators: Arc::new(Generators::default()),
        room: lab::Room::default(),
        assets: Assets(assets.map(Arc::new)),
        hub: Arc::clone(&hub),
    };
    Router::new()
        .route("/", get(assets::index))
        .route("/assets/{*name}", get(assets::file))
        .route("/api/about", get(gallery::about))
        .route("/api/systems", get(gallery::systems))
        .route("/api/data", get(gallery::data))
        .route("/api/runs", get(runs::list).post(start::start))
        .route("/api/runs/{name}", get(runs::one))
        .route("/api/runs/{name}/live", get(live::live))
        .route("/api/runs/{name}/curves", get(runs::curves))
        .route("/api/runs/{name}/events", get(runs::events))
        .route("/api/runs/{name}/samples/{step}", get(runs::sample))
        .route("/api/runs/{name}/real.png", get(runs::real))
        .route("/api/runs/{name}/stop", post(start::stop))
        .route("/api/runs/{name}/resume", post(start::resume))
        .route("/api/runs/{name}/tags", post(runs::tag))
        .route("/api/runs/{name}/trash", post(runs::discard))
        .route("/api/trash", get(runs::trash))
        .route("/api/trash/{name}/restore", post(runs::restore))
        .route("/api/runs/{name}/generator", get(explore::about))
        .route("/api/runs/{name}/generator/picture.png", get(explore::picture))
        .route("/api/runs/{name}/generator/map.png", get(explore::map))
        .route("/api/runs/{name}/generator/mix.png", get(explore::mix))
        .route("/api/runs/{name}/generator/film", get(explore::film))
        .route(
            "/api/runs/{name}/generator/project",
            post(explore::project).layer(DefaultBodyLimit::max(UPLOAD)),
        )
        .route("/api/lab", get(lab::about))
        .route("/api/lab/nash", get(lab::nash))
        .route("/api/lab/play", get(lab::play))
        .fallback(assets::nothing)
        .layer(DefaultBodyLimit::max(BODY))
        .layer(from_fn_with_state(hub, noted))
        .with_state(shared)
}

/// Notes that somebody is there.
async fn noted(State(hub): State<Arc<Hub>>, request: Request, next: Next) -> Response {
    hub.visited();
    next.run(request).await
}

/// Why something was not done: `{"error": .., "hint": ..}`.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    error: String,
    hint: Option<String>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, error: impl Into<String>) -> Refusal {
        Refusal {
            status,
            error: error.into(),
            hint: None,
        }
    }

    pub(crate) fn hinted(mut self, hint: impl Into<Option<String>>) -> Refusal {
        self.hint = hint.into();
        self
    }

    /// There is no run of this name.
    pub(crate) fn no_run(name: &str) -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, format!("there is no run `{name}`"))
    }

    /// What the user asked for is not to be had.
    pub(crate) fn asked(error: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error)
    }
}

impl Refusal {
    pub(crate) fn json(&self) -> Value {
        json!({ "error": self.error, "hint": self.hint })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(self.json())).into_response()
    }
}

/// A refusal without a hint, as an answer.
pub(crate) fn refusal(status: StatusCode, error: &str) -> Response {
    Refusal::new(status, error).into_response()
}

/// Does what reads files or computes beside the threads that answer.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| {
        Err(Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "something went wrong in the studio",
        ))
    })
}
