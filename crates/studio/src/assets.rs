//! The page's files: inside the program, or in a folder where somebody changes them.
use crate::pages::refusal;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use std::path::PathBuf;
use std::sync::Arc;

/// A file of the page: its name, its kind, what is in it.
struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! assets {
    ($($name:literal: $kind:ident;)*) => {
        &[$(Asset { name: $name, kind: $kind, bytes: include_bytes!(concat!("../assets/", $name)) }),*]
    };
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

const ASSETS: &[Asset] = assets! {
    "index.html": HTML;
    "style.css": STYLE;
    "icon.svg": SVG;
    "app.js": SCRIPT;
    "dom.js": SCRIPT;
    "ask.js": SCRIPT;
    "chart.js": SCRIPT;
    "numbers.js": SCRIPT;
    "runs.js": SCRIPT;
    "run.js": SCRIPT;
    "lookalikes.js": SCRIPT;
    "compare.js": SCRIPT;
    "start.js": SCRIPT;
    "explorer/explorer.css": STYLE;
    "explorer/brush.js": SCRIPT;
    "explorer/controls.js": SCRIPT;
    "explorer/explorer.js": SCRIPT;
    "explorer/film.js": SCRIPT;
    "explorer/heat.js": SCRIPT;
    "explorer/map.js": SCRIPT;
    "explorer/mix.js": SCRIPT;
    "explorer/search.js": SCRIPT;
    "explorer/translate.js": SCRIPT;
    "explorer/units.js": SCRIPT;
    "explorer/walk.js": SCRIPT;
    "lab/lab.css": STYLE;
    "lab/lab.js": SCRIPT;
    "lab/plane.js": SCRIPT;
    "lab/game.js": SCRIPT;
    "lab/setup.js": SCRIPT;
    "lab/paint.js": SCRIPT;
    "lab/nash.js": SCRIPT;
    "vendor/uplot.js": SCRIPT;
    "vendor/uplot.css": STYLE;
    "vendor/uplot.LICENSE.txt": TEXT;
};

/// Where the page's files come from.
#[derive(Clone, Debug)]
pub(crate) struct Assets(pub(crate) Option<Arc<PathBuf>>);

/// The page itself.
pub(crate) async fn index(assets: State<Assets>) -> Response {
    file(assets, Path("index.html".to_owned())).await
}

/// A file of the page. Only the names that are known are ever opened.
pub(crate) async fn file(State(Assets(folder)): State<Assets>, Path(name): Path<String>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return refusal(StatusCode::NOT_FOUND, "there is no such file");
    };
    let changed = folder.and_then(|folder| std::fs::read(folder.join(asset.name)).ok());
    let headers = [(CONTENT_TYPE, asset.kind), (CACHE_CONTROL, "no-cache")];
    match changed {
        Some(bytes) => (headers, bytes).into_response(),
        None => (headers, asset.bytes).into_response(),
    }
}

/// Whatever else is asked for.
pub(crate) async fn nothing(uri: Uri) -> Response {
    refusal(StatusCode::NOT_FOUND, &format!("there is nothing at {}", uri.path()))
}
