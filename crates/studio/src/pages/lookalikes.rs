//! A sample of a grid alone, and the training pictures that are nearest to it.
use super::runs::png;
use super::{Refusal, Shared, aside};
use crate::hub::{Hub, held};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use ganymede::data;
use ganymede::run::{Cells, Length, Lookalikes, Order, Pictures, RunFolder, bytes_of_one};
use image::{ImageReader, Limits};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::Cursor;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Training pictures that are shown beside a sample.
const SHOWN: usize = 5;
/// Levels of training pictures that are kept of a run, in bytes.
const MOST_BYTES: usize = 64 << 20;
/// How long training pictures may be read.
const MOST_TIME: Duration = Duration::from_secs(15);
/// Runs whose training pictures are kept.
const KEPT: usize = 3;
/// The longest side of a sample grid, in pixels, and the memory that it may take.
const SIDE: u32 = 20_000;
const MEMORY: u64 = 512 << 20;

/// The training pictures of a run once somebody has asked for them, by its data and what is wanted of them.
type Kept = (String, Arc<Mutex<Option<Arc<Lookalikes>>>>);

/// Training pictures of the runs that were asked for last.
#[derive(Default)]
pub(crate) struct Memory(Mutex<VecDeque<Kept>>);

impl Memory {
    /// The training pictures of a run. Whoever asks while they are read waits for them.
    fn of(&self, order: &Order) -> Result<Arc<Lookalikes>, Refusal> {
        let key = format!("{} {}", order.data, json!(order.want));
        let place = {
            let mut all = held(&self.0);
            let known = all.iter().position(|(other, _)| *other == key);
            let kept = known
                .and_then(|at| all.remove(at))
                .unwrap_or_else(|| (key, Arc::default()));
            let place = Arc::clone(&kept.1);
            all.push_front(kept);
            all.truncate(KEPT);
            place
        };
        let mut place = held(&place);
        if let Some(known) = &*place {
            return Ok(Arc::clone(known));
        }
        let failed = |error: data::DataError| {
            let hint = error.hint();
            Refusal::asked(format!("the training pictures cannot be read: {error}")).hinted(hint)
        };
        // They are kept as levels here, once is enough.
        let want = data::Want {
            memory_budget_bytes: 0,
            ..order.want.clone()
        };
        let set = data::open(&order.data, &want).map_err(failed)?;
        if !set.extras().is_empty() {
            let error = Refusal::asked("this run learns from pairs of pictures");
            return Err(error.hinted("neighbours are looked for where samples are single pictures".to_owned()));
        }
        let read = Lookalikes::read(set, MOST_BYTES, MOST_TIME).map_err(failed)?;
        let read = Arc::new(read.ok_or_else(|| Refusal::asked("the data of this run are no pictures"))?);
        *place = Some(Arc::clone(&read));
        Ok(read)
    }
}

fn order_of(folder: &RunFolder) -> Result<Order, Refusal> {
    let told = |error: ganymede::run::RunError| Refusal::asked(error.to_string());
    let settings = folder.read_settings().map_err(told)?;
    Order::of(&settings, folder.path(), Length::Steps(0), vec![]).map_err(told)
}

/// The height, width and channels of a run's pictures; none where it makes something else.
pub(super) fn extents(settings: &ganymede::run::Settings) -> Option<[usize; 3]> {
    let shape: Vec<usize> = serde_json::from_value(settings.get("data.shape")?.clone()).ok()?;
    shape.try_into().ok()
}

/// A sample out of the grid of a step, as levels `[height, width, channels]`.
fn cut(folder: &RunFolder, name: &str, step: u64, place: usize) -> Result<(Vec<u8>, [usize; 3]), Refusal> {
    let none = |what: String| Refusal::new(StatusCode::NOT_FOUND, what);
    let bytes = std::fs::read(folder.sample_file(step));
    let bytes = bytes.map_err(|_| none(format!("`{name}` has no samples of step {step}")))?;
    let settings = folder.read_settings().unwrap_or_default();
    let extents = extents(&settings).filter(|[_, _, channels]| [1, 3, 4].contains(channels));
    let Some([height, width, channels]) = extents else {
        return Err(Refusal::asked(format!(
            "the samples of `{name}` are no pictures of their own"
        )));
    };
    let mut reader = ImageReader::new(Cursor::new(bytes));
    reader.set_format(image::ImageFormat::Png);
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE);
    limits.max_image_height = Some(SIDE);
    limits.max_alloc = Some(MEMORY);
    reader.limits(limits);
    let grid = reader.decode();
    let grid = grid.map_err(|error| Refusal::asked(format!("the samples of step {step} cannot be read: {error}")))?;
    let sides = [grid.height() as usize, grid.width() as usize];
    let otherwise = || {
        Refusal::asked("the grid of this run shows other pictures than its data")
            .hinted("neighbours are looked for where a grid shows samples of the size of the data".to_owned())
    };
    let cells = Cells::of(sides, [height, width]).ok_or_else(otherwise)?;
    let levels = match channels {
        1 => grid.into_luma8().into_raw(),
        3 => grid.into_rgb8().into_raw(),
        _ => grid.into_rgba8().into_raw(),
    };
    let picture = cells.picture(place, &levels, channels);
    let picture = picture.ok_or_else(|| none(format!("the grid of step {step} has no picture at place {place}")))?;
    Ok((picture, [height, width, channels]))
}

/// Levels as a PNG that says where they come from.
fn drawn(levels: &[u8], [height, width, channels]: [usize; 3], source: String) -> Result<Response, Refusal> {
    let values: Vec<f32> = levels.iter().map(|level| f32::from(*level) / 127.5 - 1.0).collect();
    let pictures = Pictures {
        values: &values,
        count: 1,
        height,
        width,
        channels,
    };
    let bytes = bytes_of_one(&pictures, 0, &source);
    Ok(png(bytes.map_err(|error| Refusal::asked(error.to_string()))?))
}

/// One sample of a grid, in its own size.
pub(super) async fn sample(
    State(hub): State<Arc<Hub>>,
    Path((name, step, place)): Path<(String, u64, usize)>,
) -> Result<Response, Refusal> {
    aside(move || {
        let folder = hub.run(&name).ok_or_else(|| Refusal::no_run(&name))?;
        let (levels, extents) = cut(&folder, &name, step, place)?;
        let system = folder.read_settings().unwrap_or_default().get("system").cloned();
        let system = system
            .and_then(|system| system.as_str().map(str::to_owned))
            .unwrap_or_default();
        let source = format!("synthetic image, system {system}, run {name}, step {step}, place {place}");
        drawn(&levels, extents, source)
    })
    .await
}

/// The training pictures nearest to a sample of a grid.
pub(super) async fn nearest(
    State(shared): State<Shared>,
    Path((name, step, place)): Path<(String, u64, usize)>,
) -> Result<Json<Value>, Refusal> {
    aside(move || {
        let folder = shared.hub.run(&name).ok_or_else(|| Refusal::no_run(&name))?;
        let (levels, extents) = cut(&folder, &name, step, place)?;
        let real = shared.memory.of(&order_of(&folder)?)?;
        if real.extents() != extents {
            let error = Refusal::asked("the data have another size now than when this run began");
            return Err(error.hinted("look where the run's settings say its data are".to_owned()));
        }
        let data = real.data();
        let found = real.nearest(&levels, SHOWN).into_iter().map(|one| {
            let class = data.classes().and_then(|classes| classes.get(one.label as usize));
            json!({
                "number": one.number,
                "distance": one.distance,
                "class": class,
                "name": data.example_name(one.number),
            })
        });
        Ok(Json(json!({
            "step": step,
            "place": place,
            "data": data.name(),
            "searched": real.searched(),
            "of": data.len(),
            "usual": real.usual(),
            "nearest": found.collect::<Vec<_>>(),
        })))
    })
    .await
}

/// A training picture by its number, of those that are searched.
pub(super) async fn example(
    State(shared): State<Shared>,
    Path((name, number)): Path<(String, u64)>,
) -> Result<Response, Refusal> {
    aside(move || {
        let folder = shared.hub.run(&name).ok_or_else(|| Refusal::no_run(&name))?;
        let real = shared.memory.of(&order_of(&folder)?)?;
        let none = || {
            Refusal::new(
                StatusCode::NOT_FOUND,
                format!("picture {number} is not among those searched"),
            )
        };
        let levels = real.picture(number).ok_or_else(none)?;
        let source = format!("real example {number} of {}", real.data().name());
        drawn(levels, real.extents(), source)
    })
    .await
}
