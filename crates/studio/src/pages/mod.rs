//! What the page asks the studio for.
mod explore;
mod gallery;
mod lab;
mod live;
mod lookalikes;
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
    memory: Arc<lookalikes::Memory>,
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
        memory: Arc::default(),
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
        .route("/api/runs/{name}/samples/{step}/{place}", get(lookalikes::sample))
        .route(
            "/api/runs/{name}/samples/{step}/{place}/nearest",
            get(lookalikes::nearest),
        )
        .route("/api/runs/{name}/examples/{number}", get(lookalikes::example))
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
        .route("/api/runs/{name}/generator/units", get(explore::units))
        .route(
            "/api/runs/{name}/generator/project",
            post(explore::project).layer(DefaultBodyLimit::max(UPLOAD)),
        )
        .route(
            "/api/runs/{name}/generator/paint",
            post(explore::paint).layer(DefaultBodyLimit::max(UPLOAD)),
        )
        .route(
            "/api/runs/{name}/generator/translate",
            post(explore::translate).layer(DefaultBodyLimit::max(UPLOAD)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::{Door, Guard, guarded};
    use axum::body::{Body, to_bytes};
    use axum::http::Request as Asked;
    use ganymede::run::{Event, EventWriter, RunFolder, Settings};
    use tower::ServiceExt;

    /// A studio over a folder with one run, behind its guard.
    fn studio() -> (tempfile::TempDir, Router) {
        let there = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(there.path().join("runs/one")).unwrap();
        folder.write_settings(&Settings::new()).unwrap();
        let mut events = EventWriter::create(&folder).unwrap();
        events.append(&Event::Finished { step: 3 }).unwrap();
        std::fs::write(there.path().join("secret.txt"), "secret").unwrap();
        let door = Door {
            address: "127.0.0.1".parse().unwrap(),
            port: 0,
            names: vec![],
        };
        let guard = Arc::new(Guard::new(&door, 7878, None));
        let hub = Arc::new(Hub::new(there.path().join("runs")));
        let router = router(hub, "no-such-program".into(), Some(there.path().join("assets")));
        (there, router.layer(from_fn_with_state(guard, guarded)))
    }

    async fn asked(router: &Router, method: &str, path: &str, kind: &str, body: Vec<u8>) -> (u16, String, String) {
        let request = Asked::builder().method(method).uri(path);
        let request = request.header("host", "localhost:7878").header("content-type", kind);
        let response = router
            .clone()
            .oneshot(request.body(Body::from(body)).unwrap())
            .await
            .unwrap();
        let policy = response.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .to_owned();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8_lossy(&body).into_owned(), policy)
    }

    #[tokio::test]
    async fn every_answer_says_what_a_page_may_do() {
        let (_there, router) = studio();
        for path in ["/", "/assets/app.js", "/api/runs", "/nowhere", "/api/runs/two"] {
            let (_, _, policy) = asked(&router, "GET", path, "text/plain", vec![]).await;
            assert!(
                policy.starts_with("default-src 'none'; script-src 'self'"),
                "{path}: {policy}"
            );
        }
    }

    #[tokio::test]
    async fn no_path_leads_out_of_the_folder() {
        let (_there, router) = studio();
        for path in [
            "/assets/../secret.txt",
            "/assets/%2e%2e/secret.txt",
            "/assets/..%2fsecret.txt",
            "/api/runs/..%2f..%2fsecret.txt",
            "/api/runs/%2e%2e",
            "/api/runs/one%2f..%2f../samples/1",
            "/api/trash/..%2fone/restore",
        ] {
            let (status, text, _) = asked(&router, "GET", path, "text/plain", vec![]).await;
            assert!(
                [404, 405].contains(&status) && !text.contains("secret\""),
                "{path}: {status} {text}"
            );
        }
    }

    #[tokio::test]
    async fn nothing_is_deleted_unless_it_is_named_again() {
        let (there, router) = studio();
        let trash = |confirm: &str| json!({ "confirm": confirm }).to_string().into_bytes();
        let path = "/api/runs/one/trash";
        let plain = asked(&router, "POST", path, "text/plain", trash("one")).await;
        assert_eq!(plain.0, 415, "a form of another site can send no JSON");
        let other = asked(&router, "POST", path, "application/json", trash("two")).await;
        assert_eq!(other.0, 422);
        assert!(other.1.contains("nothing was deleted"), "{}", other.1);
        assert!(there.path().join("runs/one/config.json").is_file());
        let meant = asked(&router, "POST", path, "application/json", trash("one")).await;
        assert_eq!((meant.0, meant.1.as_str()), (200, r#"{"trashed":"one"}"#));
        assert!(there.path().join("runs/.trash/one/config.json").is_file());
        assert_eq!(asked(&router, "GET", "/api/runs", "", vec![]).await.1, "[]");
    }

    #[tokio::test]
    async fn what_is_too_large_is_refused() {
        let (_there, router) = studio();
        let body = vec![b' '; BODY + 1];
        assert_eq!(
            asked(&router, "POST", "/api/runs", "application/json", body).await.0,
            413
        );
    }

    /// Gives the run a grid of two samples of step 1: the one is a picture of its data, the other one is black.
    fn with_samples(there: &std::path::Path) {
        let folder = RunFolder::open(there.join("runs/one")).unwrap();
        let (set, want) = ("fashion-mnist-10k", ganymede::data::Want::picture(8, 8, 1));
        let data = ganymede::data::open(set, &want).unwrap();
        let mut values = vec![-1.0; 2 * 64];
        data.read(7, &mut values[..64]).unwrap();
        let settings = json!({
            "system": "dcgan", "data": set, "data.want": want, "data.shape": [8, 8, 1], "seed": 0,
            "checkpoint_every": 60, "sample_every": 100,
        });
        folder
            .write_settings(&serde_json::from_value(settings).unwrap())
            .unwrap();
        let pictures = ganymede::run::Pictures {
            values: &values,
            count: 2,
            height: 8,
            width: 8,
            channels: 1,
        };
        let path = folder.sample_file(1);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        ganymede::run::grid_png(&pictures, 2, &"drawn by hand".to_owned(), &path).unwrap();
    }

    #[tokio::test]
    async fn a_copy_is_found_among_the_training_pictures() {
        let (there, router) = studio();
        with_samples(there.path());
        let get = async |path: &str| asked(&router, "GET", &format!("/api/runs/one/{path}"), "", vec![]).await;
        let (status, text, _) = get("samples/1/0/nearest").await;
        let found: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((status, &found["nearest"][0]["number"]), (200, &json!(7)), "{text}");
        assert_eq!(found["nearest"][0]["distance"], json!(0.0));
        assert!(found["usual"].as_f64().unwrap() > 0.0);
        assert_eq!(found["nearest"].as_array().unwrap().len(), 5);
        let (_, text, _) = get("samples/1/1/nearest").await;
        let black: Value = serde_json::from_str(&text).unwrap();
        assert!(black["nearest"][0]["distance"].as_f64().unwrap() > 0.0);
        for (path, status) in [
            ("samples/1/0", 200),
            ("examples/7", 200),
            ("samples/1/2", 404),
            ("samples/2/0/nearest", 404),
            ("samples/1/18446744073709551615", 404),
            ("samples/1/-1/nearest", 400),
            ("examples/18446744073709551615", 404),
        ] {
            assert_eq!(get(path).await.0, status, "{path}");
        }
    }

    #[tokio::test]
    async fn data_that_are_gone_are_said_to_be_gone() {
        let (there, router) = studio();
        with_samples(there.path());
        let folder = RunFolder::open(there.path().join("runs/one")).unwrap();
        let mut settings = folder.read_settings().unwrap();
        settings.insert("data".into(), json!(there.path().join("gone")));
        folder.write_settings(&settings).unwrap();
        let (status, text, _) = asked(&router, "GET", "/api/runs/one/samples/1/0/nearest", "", vec![]).await;
        assert_eq!(status, 422);
        assert!(text.contains("the training pictures cannot be read"), "{text}");
        std::fs::write(folder.sample_file(1), "no picture").unwrap();
        assert_eq!(
            asked(&router, "GET", "/api/runs/one/samples/1/0", "", vec![]).await.0,
            422
        );
    }

    #[tokio::test]
    async fn a_run_that_trains_is_not_deleted() {
        let (there, router) = studio();
        let _writer = RunFolder::open_to_write(there.path().join("runs/one")).unwrap();
        let body = br#"{"confirm":"one"}"#.to_vec();
        let (status, text, _) = asked(&router, "POST", "/api/runs/one/trash", "application/json", body).await;
        assert_eq!(status, 409);
        assert_eq!(text, r#"{"error":"`one` is being trained","hint":"stop it first"}"#);
    }
}
