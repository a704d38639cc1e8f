//! Walking through what a trained generator has learnt, from the page.
use super::runs::png;
use super::{Refusal, Shared, aside};
use crate::generator::{DIRECTIONS, Generator, Owned};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use ganymede::data::decode;
use ganymede::explore::projection::{self, Projection};
use ganymede::explore::{Code, CodeSpace, Explorer, Interpolation, Pick, mixing, path};
use ganymede::run::animation::{Animation, Format};
use ganymede::run::{Pictures, bytes_of_one, grid_bytes};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Cells along a side of a map, and pictures along a side of a mixing grid.
const CELLS: usize = 9;
/// Stops of a film, and frames between two of them.
const STOPS: usize = 12;
const FRAMES: usize = 60;
/// Updates of a search for a picture.
const UPDATES: usize = 1_000;

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
            let (explorer, directions) = owned.explored()?;
            let shape = explorer.shape();
            let sampler = explorer.sampler();
            Ok(Json(json!({
                "step": step,
                "system": sampler.entry().card.id,
                "title": sampler.entry().card.title,
                "picture": sampler.shape().picture(),
                "classes": sampler.classes().map(|count| names(sampler.class_names(), count)),
                "space": explorer.space().to_string(),
                "layers": shape.layers,
                "floats": shape.floats,
                "directions": directions.map(|directions| &directions.strengths),
            })))
        })
        .await
}

/// The names of classes; numbers where there are none.
fn names(known: &[String], count: usize) -> Vec<String> {
    (0..count)
        .map(|i| known.get(i).cloned().unwrap_or_else(|| i.to_string()))
        .collect()
}

/// A code, as an address says it: a sample or a code that was found, drawn towards the mean and moved along directions.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Place {
    seed: u64,
    number: usize,
    class: Option<usize>,
    /// The number of a code that was found, instead of a sample.
    found: Option<usize>,
    /// Drawn towards the mean code by this share; 1 by itself.
    psi: Option<f64>,
    /// Deviations along each direction: `1.5,0,-2`.
    along: String,
    /// The layers that are moved, such as `coarse`; all by themselves.
    layers: Option<String>,
    /// The two directions of a map, from 0.
    across: usize,
    down: Option<usize>,
    /// Deviations from the middle of a map to its edge.
    reach: Option<f64>,
    cells: Option<usize>,
}

/// The largest seed and number that an address may name: what a page can say without loss.
const WHOLE: u64 = 1 << 53;

fn code(owned: &mut Owned, place: &Place) -> Result<Code, Refusal> {
    let found = place.found.map(|number| owned.found.get(number).cloned());
    let (explorer, directions) = owned.explored()?;
    let classes = explorer.sampler().classes();
    if let (Some(class), Some(classes)) = (place.class, classes)
        && class >= classes
    {
        return Err(Refusal::asked(format!(
            "expected a class from 0 to {}, got {class}",
            classes - 1
        )));
    }
    if place.seed > WHOLE || place.number as u64 > WHOLE {
        return Err(Refusal::asked(format!("expected a seed and a number up to {WHOLE}")));
    }
    let mut code = match found {
        Some(Some(found)) => found,
        Some(None) => {
            return Err(
                Refusal::asked("this code is not kept any more").hinted("look for the picture again".to_owned())
            );
        }
        None => {
            let pick = Pick {
                seed: place.seed,
                number: place.number,
            };
            explorer.codes(&[pick], place.class).remove(0)
        }
    };
    let psi = place.psi.unwrap_or(1.0).clamp(-2.0, 2.0);
    if psi.is_finite() && psi != 1.0 {
        code = explorer.truncated(&[code], psi).remove(0);
    }
    let layers = match &place.layers {
        Some(text) => explorer
            .layers(text)
            .map_err(|error| Refusal::asked(error.to_string()).hinted(error.hint()))?,
        None => 0..explorer.shape().layers,
    };
    let amounts: Result<Vec<f64>, _> = match place.along.as_str() {
        "" => Ok(vec![]),
        text => text.split(',').take(DIRECTIONS).map(str::parse).collect(),
    };
    let amounts =
        amounts.map_err(|_| Refusal::asked(format!("expected numbers with commas, got `{}`", place.along)))?;
    if let Some(directions) = directions {
        for (number, by) in amounts.iter().enumerate().take(directions.count()) {
            if by.is_finite() && *by != 0.0 {
                code = directions.moved(&code, number, by.clamp(-20.0, 20.0), &layers);
            }
        }
    }
    Ok(code)
}

/// Pictures as a PNG: one in its own size, several as a grid.
fn drawn(explorer: &mut Explorer, codes: &[Code], columns: usize) -> Result<Vec<u8>, Refusal> {
    explorer
        .sampler_mut()
        .make_at_a_time(codes.len().next_power_of_two().min(16));
    let values = explorer.pictures(codes);
    let sampler = explorer.sampler();
    let [height, width, channels] = sampler.shape().picture().unwrap_or([1, 1, 1]);
    let pictures = Pictures {
        values: &sampler.shape().drawn(&values),
        count: codes.len(),
        height,
        width,
        channels,
    };
    let bytes = match codes.len() {
        1 => bytes_of_one(&pictures, 0, &sampler.stamp()),
        _ => grid_bytes(&pictures, columns, &sampler.stamp()),
    };
    bytes.map_err(|error| Refusal::asked(error.to_string()))
}

/// The picture of a code.
pub(super) async fn picture(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Query(place): Query<Place>,
) -> Result<Response, Refusal> {
    let generator = opened(&shared, &name).await?;
    let made = generator.ask(move |owned| {
        let code = code(owned, &place)?;
        drawn(owned.explored()?.0, &[code], 1)
    });
    Ok(png(made.await?))
}

/// A map: a code in the middle, one direction across and another down.
pub(super) async fn map(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Query(place): Query<Place>,
) -> Result<Response, Refusal> {
    let generator = opened(&shared, &name).await?;
    let made = generator.ask(move |owned| {
        let middle = code(owned, &place)?;
        let (explorer, directions) = owned.explored()?;
        let none = || Refusal::asked("no directions were found that a map could have");
        let directions = directions.ok_or_else(none)?;
        let cells = place.cells.unwrap_or(7).clamp(2, CELLS);
        let reach = place
            .reach
            .filter(|reach| reach.is_finite())
            .unwrap_or(3.0)
            .clamp(0.1, 20.0);
        let down = place.down.unwrap_or(1);
        if place.across.max(down) >= directions.count() {
            return Err(none());
        }
        let layers = 0..explorer.shape().layers;
        let amount = |i: usize| reach * (2.0 * i as f64 / (cells - 1) as f64 - 1.0);
        let mut codes = vec![];
        for row in 0..cells {
            let row = directions.moved(&middle, down, -amount(row), &layers);
            codes.extend((0..cells).map(|column| directions.moved(&row, place.across, amount(column), &layers)));
        }
        drawn(explorer, &codes, cells)
    });
    Ok(png(made.await?))
}

/// Two rows of samples and the layers that are mixed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Mix {
    seed: u64,
    /// First numbers of the samples that give all layers, and of those that give some.
    rows: usize,
    columns: usize,
    count: Option<usize>,
    class: Option<usize>,
    layers: Option<String>,
}

/// Samples with some layers of others: in the first row and column the samples themselves.
pub(super) async fn mix(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Query(mix): Query<Mix>,
) -> Result<Response, Refusal> {
    let generator = opened(&shared, &name).await?;
    let made = generator.ask(move |owned| {
        let (explorer, _) = owned.explored()?;
        let layers = explorer.layers(mix.layers.as_deref().unwrap_or("coarse"));
        let layers = layers.map_err(|error| Refusal::asked(error.to_string()).hinted(error.hint()))?;
        let count = mix.count.unwrap_or(5).clamp(1, CELLS);
        let class = mix
            .class
            .filter(|class| explorer.sampler().classes().is_some_and(|classes| *class < classes));
        let mut of = |first: usize| {
            let pick = |i| Pick {
                seed: mix.seed,
                number: first.saturating_add(i),
            };
            explorer.codes(&(0..count).map(pick).collect::<Vec<Pick>>(), class)
        };
        let (rows, columns) = (of(mix.rows), of(mix.columns));
        let shape = explorer.shape();
        let mut codes = vec![mixing::mixed(&rows[0], &columns[0], &layers, shape)];
        codes.extend(columns.iter().cloned());
        for row in &rows {
            codes.push(row.clone());
            codes.extend(mixing::grid(std::slice::from_ref(row), &columns, &layers, shape));
        }
        drawn(explorer, &codes, count + 1)
    });
    Ok(png(made.await?))
}

/// A film from stop to stop.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Film {
    seed: u64,
    /// Numbers of samples: `0,5,9`.
    stops: String,
    class: Option<usize>,
    frames: Option<usize>,
    /// `gif` or `apng`.
    format: Option<String>,
}

/// A walk from sample to sample and back to the first.
pub(super) async fn film(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Query(film): Query<Film>,
) -> Result<Response, Refusal> {
    let (format, kind) = match film.format.as_deref() {
        None | Some("gif") => (Format::Gif, "image/gif"),
        Some("apng") => (Format::Apng, "image/apng"),
        Some("mp4") => (Format::Mp4, "video/mp4"),
        Some(other) => {
            return Err(Refusal::asked(format!(
                "expected `gif`, `apng` or `mp4`, got `{other}`"
            )));
        }
    };
    let numbers: Result<Vec<usize>, _> = film.stops.split(',').map(str::parse).collect();
    let numbers = numbers.unwrap_or_default();
    if !(2..=STOPS).contains(&numbers.len()) {
        return Err(Refusal::asked(format!(
            "expected 2 to {STOPS} numbers of samples, got `{}`",
            film.stops
        )));
    }
    let generator = opened(&shared, &name).await?;
    let made = generator.ask(move |owned| {
        let (explorer, _) = owned.explored()?;
        let class = film
            .class
            .filter(|class| explorer.sampler().classes().is_some_and(|classes| *class < classes));
        let pick = |number: &usize| Pick {
            seed: film.seed,
            number: *number,
        };
        let stops = explorer.codes(&numbers.iter().map(pick).collect::<Vec<Pick>>(), class);
        let by = Interpolation::natural(explorer.space());
        let codes = path::frames(&stops, film.frames.unwrap_or(20).clamp(2, FRAMES), by, true);
        explorer.sampler_mut().make_at_a_time(16);
        let values = explorer.pictures(&codes);
        let sampler = explorer.sampler();
        let [height, width, channels] = sampler.shape().picture().unwrap_or([1, 1, 1]);
        let animation = Animation {
            pictures: Pictures {
                values: &sampler.shape().drawn(&values),
                count: codes.len(),
                height,
                width,
                channels,
            },
            per_frame: 1,
            columns: 1,
            fps: 15,
        };
        animation
            .bytes(format, &sampler.stamp())
            .map_err(|error| Refusal::asked(error.to_string()))
    });
    let name = format!("inline; filename=\"walk.{format}\"");
    let headers = [
        (CONTENT_TYPE, kind.to_owned()),
        (CONTENT_DISPOSITION, name),
        (CACHE_CONTROL, "private, max-age=600".to_owned()),
    ];
    Ok((headers, made.await?).into_response())
}

/// How a picture is looked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Search {
    class: Option<usize>,
    steps: Option<usize>,
}

/// Looks for the code of the picture in the body; says how it goes in lines of JSON, the last with the number of the code.
pub(super) async fn project(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Query(search): Query<Search>,
    picture: Bytes,
) -> Result<Response, Refusal> {
    let generator = opened(&shared, &name).await?;
    let (lines, said) = mpsc::channel::<Value>(64);
    let steps = search.steps.unwrap_or(200).clamp(1, UPDATES);
    // What is wrong with the picture is told at once; from there on the answer is what the search says.
    let x = generator.ask(move |owned| {
        let (explorer, _) = owned.explored()?;
        let sampler = explorer.sampler();
        let extents = sampler.shape().picture().unwrap_or([1, 1, 1]);
        let shaped = decode::shaped("the picture".as_ref(), &picture, &sampler.want(extents));
        shaped.map_err(|error| Refusal::asked(error.to_string()).hinted(error.hint()))
    });
    let x = x.await?;
    tokio::spawn(async move {
        let failed = lines.clone();
        let found = generator
            .ask(move |owned| found(owned, &x, &search, steps, &lines))
            .await;
        let last = match found {
            Ok(number) => json!({ "found": number }),
            Err(refusal) => refusal.json(),
        };
        let _ = failed.send(last).await;
    });
    let body = Body::from_stream(futures_util::stream::unfold(said, |mut said| async {
        let line = said.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(format!("{line}\n")), said))
    }));
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], body).into_response())
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
