//! What a service answers.
use super::{About, Shared};
use crate::generator::Owned;
use crate::pages::{Refusal, aside};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, Query, State};
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::future::try_join_all;
use ganymede::explore::projection::{self, Projection};
use ganymede::explore::{Code, Interpolation, Pick, path};
use ganymede::games::latent_vectors;
use ganymede::run::animation::{Animation, Format};
use ganymede::run::{Pictures, Stamp, bytes_of_one, grid_bytes};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Samples that one request may ask for.
const COUNT: usize = 64;
/// Frames of a way from one sample to another.
const FRAMES: usize = 64;
/// Updates of a search for a picture.
const UPDATES: usize = 1_000;
/// The largest seed and number: what every JSON parser reads without loss.
const WHOLE: u64 = 1 << 53;

/// The query of a request, or why it cannot be read, in JSON as every other refusal.
pub(super) struct Asked<T>(T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let read = Query::<T>::try_from_uri(&parts.uri);
        let refused = |error: axum::extract::rejection::QueryRejection| {
            Refusal::asked(error.body_text()).hinted("`/openapi.json` describes what can be asked".to_owned())
        };
        Ok(Asked(read.map_err(refused)?.0))
    }
}

/// That it is there.
pub(super) async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The description in OpenAPI, without what this run cannot do.
pub(super) async fn description(State(shared): State<Shared>) -> Json<Value> {
    let mut described: Value = serde_json::from_str(include_str!("openapi.json")).unwrap_or_default();
    let about = &shared.about;
    let cannot = [
        ("/v1/sample", !about.makes_samples()),
        ("/v1/interpolate", !about.is_explorable()),
        ("/v1/project", !about.is_explorable()),
        ("/v1/translate", about.translations.is_empty()),
        (
            "/v1/classify",
            about.classifier.is_none() || about.shape.picture().is_none(),
        ),
    ];
    if let Some(paths) = described["paths"].as_object_mut() {
        for (path, _) in cannot.iter().filter(|(_, cannot)| *cannot) {
            paths.remove(*path);
        }
        name_classes(paths, about.classes.as_deref());
    }
    Json(described)
}

/// Says which classes can be asked for, or nothing of classes where there are none.
fn name_classes(paths: &mut Map<String, Value>, classes: Option<&[String]>) {
    for method in paths
        .values_mut()
        .filter_map(Value::as_object_mut)
        .flat_map(Map::values_mut)
    {
        let Some(parameters) = method.get_mut("parameters").and_then(Value::as_array_mut) else {
            continue;
        };
        parameters.retain(|parameter| classes.is_some() || parameter["name"] != "class");
        for parameter in parameters.iter_mut().filter(|parameter| parameter["name"] == "class") {
            let names = classes.into_iter().flatten().cloned();
            let numbers = (0..classes.map_or(0, <[String]>::len)).map(|number| number.to_string());
            let mut known: Vec<String> = names.chain(numbers).collect();
            known.sort();
            known.dedup();
            parameter["schema"] = json!({ "type": "string", "enum": known });
        }
    }
}

/// What the system is.
pub(super) async fn run(State(shared): State<Shared>) -> Json<Value> {
    let About {
        system,
        title,
        stamp,
        shape,
        z_dim,
        classes,
        translations,
        classifier,
        ..
    } = &*shared.about;
    let translations = translations.iter();
    let translations = translations.map(|one| json!({ "name": one.name, "takes": one.takes, "gives": one.gives }));
    Json(json!({
        "system": system,
        "title": title,
        "seed": stamp.seed,
        "step": stamp.step,
        "shape": shape.of_batch(1)[1..],
        "z_dim": z_dim,
        "classes": classes,
        "translations": translations.collect::<Vec<Value>>(),
        "tells": classifier.as_ref().map(|(_, names)| names),
    }))
}

/// How pictures are answered.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    #[default]
    Png,
    Webp,
    Json,
    Gif,
    Apng,
}

/// Which samples.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Samples {
    seed: u64,
    number: u64,
    count: usize,
    class: Option<String>,
    truncation: f64,
    format: Kind,
}

impl Default for Samples {
    fn default() -> Samples {
        Samples {
            seed: 0,
            number: 0,
            count: 1,
            class: None,
            truncation: 1.0,
            format: Kind::Png,
        }
    }
}

/// Where a picture comes from is said beside it, too: a program need not look into the file.
const SOURCE: HeaderName = HeaderName::from_static("x-gany-source");

fn cannot(about: &About, what: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, format!("`{}` cannot {what}", about.system))
        .hinted("`/v1/run` says what it can do".to_owned())
}

/// The class that a name or a number means.
fn class(about: &About, wanted: Option<&str>) -> Result<Option<usize>, Refusal> {
    let (Some(wanted), Some(classes)) = (wanted, &about.classes) else {
        return match wanted {
            Some(_) => Err(Refusal::asked(format!("`{}` is told no classes", about.system))
                .hinted("leave `class` away".to_owned())),
            None => Ok(None),
        };
    };
    let named = classes.iter().position(|name| name == wanted);
    let found = named.or_else(|| wanted.parse().ok().filter(|number| *number < classes.len()));
    let unknown = || Refusal::asked(format!("there is no class `{wanted}`")).hinted(classes.join(", "));
    Ok(Some(found.ok_or_else(unknown)?))
}

fn within(name: &str, value: u64, most: u64) -> Result<(), Refusal> {
    match value <= most {
        true => Ok(()),
        false => Err(Refusal::asked(format!("expected {name} up to {most}, got {value}"))),
    }
}

/// Samples of a seed. Those that are drawn towards nothing, or towards the latent vector 0, are made together with others'.
pub(super) async fn sample(State(shared): State<Shared>, Asked(asked): Asked<Samples>) -> Result<Response, Refusal> {
    let about = &shared.about;
    if !about.makes_samples() {
        return Err(cannot(about, "make samples"));
    }
    within("`seed`", asked.seed, WHOLE)?;
    within("`number`", asked.number, WHOLE)?;
    if !(1..=COUNT).contains(&asked.count) {
        return Err(Refusal::asked(format!(
            "expected `count` from 1 to {COUNT}, got {}",
            asked.count
        )));
    }
    if !(asked.truncation.is_finite() && asked.truncation.abs() <= 2.0) {
        return Err(Refusal::asked(format!(
            "expected `truncation` from -2 to 2, got {}",
            asked.truncation
        )));
    }
    let class = class(about, asked.class.as_deref())?;
    let first = usize::try_from(asked.number).unwrap_or(usize::MAX - COUNT);
    let values = if about.has_styles && asked.truncation != 1.0 {
        let (seed, count, psi) = (asked.seed, asked.count, asked.truncation);
        let draw = move |owned: &mut Owned| drawn_towards(owned, seed, first, count, class, psi);
        shared.generator.ask(draw).await?
    } else {
        let made = (first..first + asked.count).map(|number| {
            let mut z = latent_vectors(asked.seed, number, 1, about.z_dim);
            if asked.truncation != 1.0 {
                z.iter_mut()
                    .for_each(|z| *z = (f64::from(*z) * asked.truncation) as f32);
            }
            let classes = about.classes.as_ref().map_or(1, Vec::len);
            shared.generator.sample(z, class.unwrap_or(number % classes))
        });
        try_join_all(made).await?.concat()
    };
    answer(Arc::clone(about), values, asked.count, asked.format).await
}

/// Samples drawn towards the mean style.
fn drawn_towards(
    owned: &mut Owned,
    seed: u64,
    first: usize,
    count: usize,
    class: Option<usize>,
    psi: f64,
) -> Result<Vec<f32>, Refusal> {
    let (explorer, _) = owned.explored()?;
    let picks: Vec<Pick> = (first..first + count).map(|number| Pick { seed, number }).collect();
    explorer.sampler_mut().make_at_a_time(count.next_power_of_two());
    let codes = explorer.codes(&picks, class);
    let codes = explorer.truncated(&codes, psi);
    Ok(explorer.pictures(&codes))
}

/// Samples as they were asked for.
async fn answer(about: Arc<About>, values: Vec<f32>, count: usize, kind: Kind) -> Result<Response, Refusal> {
    let stamp = about.stamp.clone();
    let source = [(
        SOURCE,
        HeaderValue::from_str(&stamp.to_string()).unwrap_or(HeaderValue::from_static("synthetic")),
    )];
    let made = match kind {
        Kind::Json => {
            let shape = about.shape.of_batch(count);
            Json(json!({ "shape": shape, "values": values, "source": stamp.to_string() })).into_response()
        }
        kind => aside(move || picture(&about, &values, count, kind, &stamp)).await?,
    };
    Ok((source, made).into_response())
}

fn picture(about: &About, values: &[f32], count: usize, kind: Kind, stamp: &Stamp) -> Result<Response, Refusal> {
    let none = || {
        Refusal::asked(format!("this run of `{}` makes no pictures", about.system))
            .hinted("ask for `format=json`".to_owned())
    };
    let extents = about.shape.picture().ok_or_else(none)?;
    drawn(&about.shape.drawn(values), extents, count, kind, stamp)
}

fn drawn(
    values: &[f32],
    [height, width, channels]: [usize; 3],
    count: usize,
    kind: Kind,
    stamp: &Stamp,
) -> Result<Response, Refusal> {
    let pictures = Pictures {
        values,
        count,
        height,
        width,
        channels,
    };
    let columns = (count as f64).sqrt().ceil() as usize;
    let failed = |error: ganymede::run::RunError| Refusal::asked(error.to_string());
    let moving = |format| {
        let animation = Animation {
            pictures,
            per_frame: 1,
            columns: 1,
            fps: 15,
        };
        animation.bytes(format, stamp).map_err(failed)
    };
    let still = || match count {
        1 => bytes_of_one(&pictures, 0, stamp).map_err(failed),
        _ => grid_bytes(&pictures, columns, stamp).map_err(failed),
    };
    let (name, bytes) = match kind {
        Kind::Png | Kind::Json => ("image/png", still()?),
        Kind::Webp => ("image/webp", webp(&still()?)?),
        Kind::Gif => ("image/gif", moving(Format::Gif)?),
        Kind::Apng => ("image/apng", moving(Format::Apng)?),
    };
    Ok(([(CONTENT_TYPE, name)], bytes).into_response())
}

/// A PNG as a WebP that loses nothing.
fn webp(png: &[u8]) -> Result<Vec<u8>, Refusal> {
    let failed = |error: image::ImageError| Refusal::asked(error.to_string());
    let image = image::load_from_memory_with_format(png, image::ImageFormat::Png).map_err(failed)?;
    let mut bytes = std::io::Cursor::new(vec![]);
    let image = match image.color().has_alpha() {
        true => image.into_rgba8().into(),
        false => image::DynamicImage::from(image.into_rgb8()),
    };
    image.write_to(&mut bytes, image::ImageFormat::WebP).map_err(failed)?;
    Ok(bytes.into_inner())
}

/// From which sample to which.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Way {
    seed: u64,
    from: u64,
    to: u64,
    frames: usize,
    class: Option<String>,
    format: Kind,
}

impl Default for Way {
    fn default() -> Way {
        Way {
            seed: 0,
            from: 0,
            to: 1,
            frames: 8,
            class: None,
            format: Kind::Png,
        }
    }
}

/// The way from one sample to another, both included.
pub(super) async fn interpolate(State(shared): State<Shared>, Asked(way): Asked<Way>) -> Result<Response, Refusal> {
    let about = &shared.about;
    if !about.is_explorable() {
        return Err(cannot(about, "walk between pictures"));
    }
    within("`seed`", way.seed, WHOLE)?;
    within("`from`", way.from, WHOLE)?;
    within("`to`", way.to, WHOLE)?;
    if !(2..=FRAMES).contains(&way.frames) {
        return Err(Refusal::asked(format!(
            "expected `frames` from 2 to {FRAMES}, got {}",
            way.frames
        )));
    }
    let class = class(about, way.class.as_deref())?;
    let Way {
        seed,
        from,
        to,
        frames,
        format,
        ..
    } = way;
    let walk = move |owned: &mut Owned| {
        let (explorer, _) = owned.explored()?;
        let picks = [from, to].map(|number| Pick {
            seed,
            number: usize::try_from(number).unwrap_or(usize::MAX),
        });
        let ends = explorer.codes(&picks, class);
        let codes = path::leg(&ends[0], &ends[1], frames, Interpolation::natural(explorer.space()));
        explorer
            .sampler_mut()
            .make_at_a_time(frames.next_power_of_two().min(16));
        Ok(explorer.pictures(&codes))
    };
    let values = shared.generator.ask(walk).await?;
    answer(Arc::clone(about), values, frames, format).await
}

/// Which translation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Turned {
    function: Option<String>,
    format: Kind,
}

/// A picture into a picture.
pub(super) async fn translate(
    State(shared): State<Shared>,
    Asked(into): Asked<Turned>,
    picture: Bytes,
) -> Result<Response, Refusal> {
    let about = &shared.about;
    let names: Vec<&str> = about.translations.iter().map(|one| one.name).collect();
    let wanted = match &into.function {
        None => about.translations.first(),
        Some(name) => about.translations.iter().find(|one| one.name == name),
    };
    let translation = match (wanted, names.is_empty()) {
        (Some(translation), _) => translation.clone(),
        (None, true) => return Err(cannot(about, "translate pictures")),
        (None, false) => return Err(Refusal::asked("there is no such function").hinted(names.join(", "))),
    };
    let gives = translation.gives;
    let work = move |owned: &mut Owned| {
        let x = owned.brought(&picture, translation.takes)?;
        Ok(owned.sampler().translate(&translation, &x))
    };
    let values = shared.generator.ask(work).await?;
    let stamp = about.stamp.clone();
    match into.format {
        Kind::Json => {
            Ok(Json(json!({ "shape": gives, "values": values, "source": stamp.to_string() })).into_response())
        }
        kind => aside(move || drawn(&values, gives, 1, kind, &stamp)).await,
    }
}

/// How a code is looked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Search {
    class: Option<String>,
    steps: Option<usize>,
}

/// The code from which the generator makes the picture in the body, or one near to it; compared by pixels.
pub(super) async fn project(
    State(shared): State<Shared>,
    Asked(search): Asked<Search>,
    picture: Bytes,
) -> Result<Json<Value>, Refusal> {
    let about = &shared.about;
    let Some(extents) = about.shape.picture().filter(|_| about.makes_samples()) else {
        return Err(cannot(about, "look for pictures"));
    };
    let class = class(about, search.class.as_deref())?;
    let steps = search.steps.unwrap_or(100);
    if !(1..=UPDATES).contains(&steps) {
        return Err(Refusal::asked(format!(
            "expected `steps` from 1 to {UPDATES}, got {steps}"
        )));
    }
    let (is_told, has_styles) = (about.classes.is_some(), about.has_styles);
    let work = move |owned: &mut Owned| {
        let x = owned.brought(&picture, extents)?;
        let kind = if has_styles {
            projection::Code::WPlus
        } else {
            projection::Code::Z
        };
        let config = projection::Config {
            steps,
            ..projection::Config::default()
        };
        let y = is_told.then(|| vec![class.unwrap_or(0) as f32]);
        let play = owned.sampler().play_mut();
        let refused =
            |error: projection::ProjectionError| Refusal::asked(error.to_string()).hinted(error.hint().to_owned());
        let mut projection = Projection::new(play, kind, None, config, 1).map_err(refused)?;
        let mut misfit = f32::NAN;
        let found = projection.find(play, &x, y.as_deref(), &mut |progress| misfit = progress.misfit[0]);
        let code = Code {
            values: projection.spread(play, &found.codes),
            class: is_told.then_some(class.unwrap_or(0)),
        };
        let name = if has_styles { "styles" } else { "z" };
        let answer = json!({ name: code.values, "class": code.class, "steps": steps, "misfit": misfit });
        owned.keep(code);
        Ok(answer)
    };
    let searches = Arc::clone(&shared.searches);
    let generator = aside(move || searches.generator()).await?;
    Ok(Json(generator.ask(work).await?))
}

/// The classes of the picture in the body, the most probable first.
pub(super) async fn classify(State(shared): State<Shared>, picture: Bytes) -> Result<Json<Value>, Refusal> {
    let about = &shared.about;
    let (Some((function, names)), Some(extents)) = (&about.classifier, about.shape.picture()) else {
        return Err(cannot(about, "tell classes"));
    };
    let function = *function;
    let work = move |owned: &mut Owned| {
        let x = owned.brought(&picture, extents)?;
        owned.sampler().make_at_a_time(1);
        Ok(owned.sampler().apply(function, &x))
    };
    let logits = shared.generator.ask(work).await?;
    let mut told: Vec<(&String, f64)> = names.iter().zip(probabilities(&logits)).collect();
    told.sort_by(|a, b| b.1.total_cmp(&a.1));
    let told = told
        .iter()
        .map(|(name, probability)| json!({ "class": name, "probability": probability }));
    Ok(Json(json!({ "classes": told.collect::<Vec<Value>>() })))
}

/// The softmax of logits.
fn probabilities(logits: &[f32]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|logit| f64::from(logit - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_classes_that_there_are_can_be_asked_for() {
        let whole = json!({
            "/healthz": { "get": {} },
            "/v1/sample": { "get": { "parameters": [{ "name": "seed" }, { "name": "class", "schema": {} }] } },
        });
        let with = |classes: Option<&[String]>| {
            let mut paths = whole.as_object().unwrap().clone();
            name_classes(&mut paths, classes);
            Value::Object(paths)["/v1/sample"]["get"]["parameters"].clone()
        };
        assert_eq!(with(None), json!([{ "name": "seed" }]));
        let known = ["cat".to_owned(), "dog".to_owned()];
        assert_eq!(with(Some(&known))[1]["schema"]["enum"], json!(["0", "1", "cat", "dog"]));
    }

    #[test]
    fn logits_become_probabilities() {
        let found = probabilities(&[1000.0, 1000.0 + 3_f32.ln()]);
        assert!(
            (found[0] - 0.25).abs() < 1e-4 && (found[1] - 0.75).abs() < 1e-4,
            "{found:?}"
        );
    }
}
