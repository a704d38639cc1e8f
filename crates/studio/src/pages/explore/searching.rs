//! Looking for the code of somebody's picture.
use super::{Refusal, Shared, opened, told};
use crate::generator::Owned;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use ganymede::explore::projection::{self, Projection};
use ganymede::explore::{Code, CodeSpace};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Updates of a search for a picture.
const UPDATES: usize = 1_000;

/// How a picture is looked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::pages) struct Search {
    class: Option<usize>,
    steps: Option<usize>,
}

/// Looks for the code of the picture in the body; says how it goes in lines of JSON, the last with the number of the code.
pub(in crate::pages) async fn project(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Query(search): Query<Search>,
    picture: Bytes,
) -> Result<Response, Refusal> {
    let generator = opened(&shared, &name).await?;
    let steps = search.steps.unwrap_or(200).clamp(1, UPDATES);
    // What is wrong with the picture is told at once; from there on the answer is what the search says.
    let x = generator.ask(move |owned| {
        let (explorer, _) = owned.explored()?;
        let extents = explorer.sampler().shape().picture().unwrap_or([1, 1, 1]);
        owned.brought(&picture, extents)
    });
    let x = x.await?;
    Ok(told(generator, move |owned, say| {
        Ok(json!({ "found": found(owned, &x, &search, steps, say)? }))
    }))
}

fn found(
    owned: &mut Owned,
    x: &[f32],
    search: &Search,
    steps: usize,
    say: &mpsc::Sender<Value>,
) -> Result<usize, Refusal> {
    let (explorer, _) = owned.explored()?;
    let space = explorer.space();
    let sampler = explorer.sampler_mut();
    let class = sampler
        .classes()
        .map(|classes| search.class.unwrap_or(0).min(classes - 1));
    let y = class.map(|class| vec![class as f32]);
    let config = projection::Config {
        steps,
        ..projection::Config::default()
    };
    let play = sampler.play_mut();
    let kind = match space {
        CodeSpace::W => projection::Code::WPlus,
        CodeSpace::Z => projection::Code::Z,
    };
    let refused =
        |error: projection::ProjectionError| Refusal::asked(error.to_string()).hinted(error.hint().to_owned());
    let mut projection = Projection::new(play, kind, None, config, 1).map_err(refused)?;
    let found = projection.find(play, x, y.as_deref(), &mut |progress| {
        // Where nobody reads, nothing is said.
        let _ = say.try_send(json!({ "done": progress.done, "of": steps, "misfit": progress.misfit[0] }));
    });
    let values = projection.spread(play, &found.codes);
    Ok(owned.keep(Code { values, class }))
}
