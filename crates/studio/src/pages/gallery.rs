//! What can be trained, on what.
use super::{Refusal, aside};
use crate::hub::Hub;
use axum::Json;
use axum::extract::State;
use ganymede::data::get::folder_of;
use ganymede::data::registry::{self, Route};
use ganymede::data::toys::Toy;
use ganymede::models;
use serde_json::{Value, json};
use std::sync::Arc;

/// Points of the small picture of a distribution.
const SKETCHED: u64 = 300;

/// The program and its folder.
pub(super) async fn about(State(hub): State<Arc<Hub>>) -> Json<Value> {
    let folder = hub.folder().canonicalize().unwrap_or_else(|_| hub.folder().to_owned());
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "folder": folder,
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
    }))
}

/// Every system, as `gany models --json` has it, without what was measured of it.
pub(super) async fn systems() -> Json<Value> {
    let described = |entry: &models::Entry| {
        let card = &entry.card;
        json!({
            "id": card.id,
            "section": card.section,
            "title": card.title,
            "paper": card.paper,
            "idea": card.idea,
            "equations": card.equations,
            "needs": card.needs,
            "takes": card.takes,
            "data": card.data,
            "over": card.over,
            "settings": entry.defaults(),
            "help": entry.help(),
            "choices": entry.choices(),
        })
    };
    Json(models::registry().iter().map(described).collect())
}

/// Every data set with a name, and whether it is on this machine.
pub(super) async fn data() -> Result<Json<Value>, Refusal> {
    aside(|| {
        let described = |entry: &registry::Entry| {
            let is_here = match entry.route {
                Route::BuiltIn | Route::Formula(_) => true,
                _ => folder_of(entry).is_ok_and(|folder| folder.is_dir()),
            };
            let points = match entry.route {
                Route::Formula(formula) => {
                    let toy = Toy::new(formula);
                    (0..SKETCHED).map(|k| toy.draw(0, k).0).collect()
                }
                _ => vec![],
            };
            json!({
                "points": points,
                "id": entry.id,
                "title": entry.title,
                "licence": entry.licence,
                "has": entry.has,
                "shape": entry.shape,
                "splits": entry.splits,
                "is_here": is_here,
            })
        };
        Ok(Json(registry::ENTRIES.iter().map(described).collect()))
    })
    .await
}
