//! A picture of somebody's into another one.
use super::{Refusal, Shared, opened};
use crate::pages::runs::png;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use ganymede::run::{Pictures, bytes_of_one};
use serde::Deserialize;

/// Which translation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::pages) struct Into {
    function: Option<String>,
}

/// What one of the system's functions makes of the picture in the body; its first, where none is named.
pub(in crate::pages) async fn translate(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Query(into): Query<Into>,
    picture: Bytes,
) -> Result<Response, Refusal> {
    let generator = opened(&shared, &name).await?;
    let made = generator.ask(move |owned| {
        let sampler = owned.sampler();
        let (translations, system, stamp) = (sampler.translations(), sampler.entry().card.id, sampler.stamp());
        let wanted = match &into.function {
            None => translations.first(),
            Some(name) => translations.iter().find(|one| one.name == name),
        };
        let names: Vec<&str> = translations.iter().map(|one| one.name).collect();
        let translation = wanted.ok_or_else(|| match names[..] {
            [] => Refusal::asked(format!("`{system}` turns no pictures into pictures"))
                .hinted("train a system that does, such as `pix2pix`, `cyclegan` or `srgan`".to_owned()),
            _ => Refusal::asked("this run has no such function").hinted(format!("it has {}", names.join(", "))),
        })?;
        let x = owned.brought(&picture, translation.takes)?;
        let values = owned.sampler().translate(translation, &x);
        let [height, width, channels] = translation.gives;
        let pictures = Pictures {
            values: &values,
            count: 1,
            height,
            width,
            channels,
        };
        bytes_of_one(&pictures, 0, &stamp).map_err(|error| Refusal::asked(error.to_string()))
    });
    Ok(png(made.await?))
}
