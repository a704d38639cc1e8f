//! Starting, stopping and resuming runs from the page.
use super::{Refusal, Shared, aside};
use crate::hub::is_name;
use crate::processes::Wanted;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use ganymede::models;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A run as the form describes it.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Form {
    system: String,
    data: String,
    name: Option<String>,
    minutes: Option<f64>,
    steps: Option<u64>,
    size: Option<String>,
    seed: Option<u64>,
    precision: Option<String>,
    heal: bool,
    /// Settings that differ from the system's defaults.
    settings: BTreeMap<String, String>,
}

/// What the form means as words for the program. What it cannot mean is refused here, the rest by the program itself.
fn wanted(form: Form) -> Result<Wanted, Refusal> {
    let known = models::find(&form.system).map_err(|error| Refusal::asked(error.to_string()).hinted(error.hint()))?;
    let name = form
        .name
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty());
    if name.as_ref().is_some_and(|name| !is_name(name)) {
        let error = Refusal::asked("expected a name without slashes and colons, and no dot in front");
        return Err(error);
    }
    if form.data.trim().is_empty() {
        return Err(Refusal::asked("expected a data set")
            .hinted(format!("`{}` shows itself on `{}`", known.card.id, known.card.data)));
    }
    let flag = |name: &str, value: Option<String>| value.map(|value| format!("--{name}={value}"));
    let flags = [
        flag("minutes", form.minutes.map(|minutes| minutes.to_string())),
        flag("steps", form.steps.map(|steps| steps.to_string())),
        flag("size", form.size.filter(|size| !size.trim().is_empty())),
        flag("seed", form.seed.map(|seed| seed.to_string())),
        flag("precision", form.precision),
    ];
    let settings = form.settings.iter().map(|(key, value)| format!("--set={key}={value}"));
    let heal = form.heal.then(|| "--heal".to_owned());
    Ok(Wanted {
        system: known.card.id.to_owned(),
        data: form.data.trim().to_owned(),
        flags: flags.into_iter().flatten().chain(settings).chain(heal).collect(),
        name,
    })
}

/// What the program said, as an answer: its sentence, and its hint.
fn said(text: &str) -> Refusal {
    let (error, hint) = text.split_once("\n\nhint: ").unwrap_or((text, ""));
    let hint = hint.trim();
    Refusal::asked(error.trim()).hinted((!hint.is_empty()).then(|| hint.to_owned()))
}

/// Starts a run.
pub(super) async fn start(State(shared): State<Shared>, Json(form): Json<Form>) -> Result<Json<Value>, Refusal> {
    aside(move || {
        let name = shared.processes.start(&wanted(form)?).map_err(|text| said(&text))?;
        Ok(Json(json!({ "name": name })))
    })
    .await
}

/// Asks a run to save and end.
pub(super) async fn stop(State(shared): State<Shared>, Path(name): Path<String>) -> Result<Json<Value>, Refusal> {
    aside(move || {
        shared.hub.run(&name).ok_or_else(|| Refusal::no_run(&name))?;
        let asked = shared.processes.stop(&name);
        asked.map_err(|error| Refusal::new(StatusCode::CONFLICT, error))?;
        Ok(Json(json!({ "stopping": name })))
    })
    .await
}

/// How far a run is to go on, counted from its beginning; by itself to the end that it had.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Further {
    minutes: Option<f64>,
    steps: Option<u64>,
}

/// Goes on with a run.
pub(super) async fn resume(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Json(further): Json<Further>,
) -> Result<Json<Value>, Refusal> {
    aside(move || {
        let folder = shared.hub.run(&name).ok_or_else(|| Refusal::no_run(&name))?;
        if folder.writer().is_some() {
            return Err(Refusal::new(
                StatusCode::CONFLICT,
                format!("`{name}` is being trained already"),
            ));
        }
        let minutes = further.minutes.map(|minutes| format!("--minutes={minutes}"));
        let steps = further.steps.map(|steps| format!("--steps={steps}"));
        let flags: Vec<String> = minutes.into_iter().chain(steps).collect();
        shared.processes.resume(&name, &flags).map_err(|text| said(&text))?;
        Ok(Json(json!({ "resumed": name })))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Result<Wanted, Refusal> {
        wanted(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_form_becomes_words() {
        let text = r#"{"system":"dcgan","data":" mnist ","minutes":1.5,"size":"32","seed":7,"heal":true,
            "settings":{"width":"32","generator.learning_rate":"1e-4"}}"#;
        let flags = [
            "--minutes=1.5",
            "--size=32",
            "--seed=7",
            "--set=generator.learning_rate=1e-4",
            "--set=width=32",
            "--heal",
        ];
        let expected = Wanted {
            system: "dcgan".into(),
            data: "mnist".into(),
            flags: flags.map(str::to_owned).to_vec(),
            name: None,
        };
        assert_eq!(form(text).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let refused = |text: &str| form(text).unwrap_err();
        let misspelt = refused(r#"{"system":"dcgam","data":"mnist"}"#);
        assert_eq!(misspelt.error, "there is no system `dcgam`");
        assert!(misspelt.hint.unwrap().contains("did you mean `dcgan`?"));
        assert!(
            refused(r#"{"system":"dcgan","data":" "}"#)
                .hint
                .unwrap()
                .contains("fashion-mnist")
        );
        for name in ["../up", ".hidden", "a/b", "a\nb"] {
            let text = json!({ "system": "dcgan", "data": "mnist", "name": name }).to_string();
            assert!(refused(&text).error.starts_with("expected a name"), "{name:?}");
        }
        assert!(serde_json::from_str::<Form>(r#"{"system":"dcgan","data":"m","exec":"x"}"#).is_err());
    }

    #[test]
    fn the_programs_words_are_taken_apart() {
        let refusal = said("there is no data set `x`\n\nhint: `gany data list`\n");
        assert_eq!(refusal.error, "there is no data set `x`");
        assert_eq!(refusal.hint.as_deref(), Some("`gany data list`"));
        assert_eq!(said("killed").hint, None);
    }
}
