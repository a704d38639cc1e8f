//! Pictures of codes: one, a map around it, mixed styles, and a film from one to the next.
use super::place::{Place, numbered};
use super::{Refusal, Shared, drawn, opened, within, written};
use crate::pages::runs::png;
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use ganymede::explore::{Interpolation, Pick, mixing, path};
use ganymede::run::Pictures;
use ganymede::run::animation::{Animation, Format};
use serde::Deserialize;
use std::ops::RangeInclusive;

/// Cells along a side of a map, and pictures along a side of a mixing grid.
const CELLS: usize = 9;
/// Stops of a film, frames between two of them, and frames a second.
const STOPS: usize = 12;
const FRAMES: RangeInclusive<usize> = 2..=60;
const FPS: RangeInclusive<u32> = 2..=60;
/// Numbers in all frames of a film: 341 of 256 x 256 pixels in colour.
const FLOATS: usize = 1 << 26;

/// The picture of a code.
pub(in crate::pages) async fn picture(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Query(place): Query<Place>,
) -> Result<Response, Refusal> {
    let generator = opened(&shared, &name).await?;
    let made = generator.ask(move |owned| {
        let code = place.code(owned)?;
        match (&place.layer, place.factors()?) {
            (Some(layer), factors) if !factors.is_empty() => {
                let (explorer, opened) = owned.opened_at(layer)?;
                let response = opened.look(explorer, &code, &factors);
                let response = response.map_err(|error| Refusal::asked(error.to_string()).hinted(error.hint()))?;
                written(explorer, &response.picture, 1, 1)
            }
            _ => drawn(owned.explored()?.0, &[code], 1),
        }
    });
    Ok(png(made.await?))
}

/// The directions of a map.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::pages) struct Area {
    /// Two directions, from 0.
    across: usize,
    down: Option<usize>,
    /// Deviations from the middle of a map to its edge.
    reach: Option<f64>,
    cells: Option<usize>,
}

/// A map: a code in the middle, one direction across and another down.
pub(in crate::pages) async fn map(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Query(place): Query<Place>,
    Query(area): Query<Area>,
) -> Result<Response, Refusal> {
    let generator = opened(&shared, &name).await?;
    let made = generator.ask(move |owned| {
        let middle = place.code(owned)?;
        let (explorer, directions) = owned.explored()?;
        let none = || Refusal::asked("no directions were found that a map could have");
        let directions = directions.ok_or_else(none)?;
        let cells = area.cells.unwrap_or(7).clamp(2, CELLS);
        let reach = area
            .reach
            .filter(|reach| reach.is_finite())
            .unwrap_or(3.0)
            .clamp(0.1, 20.0);
        let down = area.down.unwrap_or(1);
        if area.across.max(down) >= directions.count() {
            return Err(none());
        }
        let layers = 0..explorer.shape().layers;
        let amount = |i: usize| reach * (2.0 * i as f64 / (cells - 1) as f64 - 1.0);
        let mut codes = vec![];
        for row in 0..cells {
            let row = directions.moved(&middle, down, -amount(row), &layers);
            codes.extend((0..cells).map(|column| directions.moved(&row, area.across, amount(column), &layers)));
        }
        drawn(explorer, &codes, cells)
    });
    Ok(png(made.await?))
}

/// Two rows of samples and the layers that are mixed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::pages) struct Mix {
    seed: u64,
    /// First numbers of the samples that give all layers, and of those that give some.
    rows: usize,
    columns: usize,
    count: Option<usize>,
    class: Option<usize>,
    layers: Option<String>,
}

/// Samples with some layers of others: in the first row and column the samples themselves.
pub(in crate::pages) async fn mix(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Query(mix): Query<Mix>,
) -> Result<Response, Refusal> {
    let generator = opened(&shared, &name).await?;
    let made = generator.ask(move |owned| {
        let (explorer, _) = owned.explored()?;
        let layers = explorer.layers(mix.layers.as_deref().unwrap_or("coarse"));
        let layers = layers.map_err(|error| Refusal::asked(error.to_string()).hinted(error.hint()))?;
        numbered(mix.seed, mix.rows.max(mix.columns))?;
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
pub(in crate::pages) struct Film {
    seed: u64,
    /// Numbers of samples: `0,5,9`.
    stops: String,
    class: Option<usize>,
    /// Frames from one stop to the next.
    frames: Option<usize>,
    /// Frames a second.
    fps: Option<u32>,
    /// `gif`, `apng` or `mp4`.
    format: Option<String>,
}

/// A walk from sample to sample and back to the first.
pub(in crate::pages) async fn film(
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
        ))
        .hinted("such as `0,5,9`".to_owned()));
    }
    numbers.iter().try_for_each(|number| numbered(film.seed, *number))?;
    let (frames, fps) = (film.frames.unwrap_or(20), film.fps.unwrap_or(15));
    within("frames", frames, &FRAMES)?;
    within("fps", fps, &FPS)?;
    if !format.is_built() {
        return Err(Refusal::asked("this build writes no films")
            .hinted("choose a GIF or an animated PNG, or build with `--features film`".to_owned()));
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
        let floats = explorer.sampler().shape().floats() * stops.len() * frames;
        if floats > FLOATS {
            let most = (frames * FLOATS / floats).max(2);
            return Err(
                Refusal::asked("the film would be too large").hinted(format!("{most} frames between two stops fit"))
            );
        }
        let by = Interpolation::natural(explorer.space());
        let codes = path::frames(&stops, frames, by, true);
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
            fps,
        };
        animation
            .bytes(format, &sampler.stamp())
            .map_err(|error| Refusal::asked(error.to_string()).hinted(error.hint()))
    });
    let name = format!("inline; filename=\"walk.{format}\"");
    let headers = [
        (CONTENT_TYPE, kind.to_owned()),
        (CONTENT_DISPOSITION, name),
        (CACHE_CONTROL, "private, max-age=600".to_owned()),
    ];
    Ok((headers, made.await?).into_response())
}
