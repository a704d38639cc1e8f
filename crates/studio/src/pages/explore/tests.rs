use crate::hub::Hub;
use crate::pages::router;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use ganymede::data::Want;
use ganymede::run::{Length, Order, Training};
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use tower::ServiceExt;

/// A studio over runs of a few steps on sixteen by sixteen pixels.
fn studio(systems: &[(&str, &[(&str, &str)])]) -> (tempfile::TempDir, Router) {
    let there = tempfile::tempdir().unwrap();
    for (system, changes) in systems {
        let order = Order {
            system: (*system).to_owned(),
            changes: changes
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            data: "first:32:fashion-mnist-10k".to_owned(),
            want: Want {
                size: Some((16, 16)),
                ..Want::default()
            },
            seed: 0,
            precision: ganymede::engine::Precision::F32,
            length: Length::Steps(10),
            checkpoint_every: None,
            sample_every: None,
            eval_every: None,
            command: vec![],
        };
        let mut training = Training::begin(order, &there.path().join(system)).unwrap();
        training.run(&OnceLock::new(), &mut |_| {}).unwrap();
    }
    let hub = Arc::new(Hub::new(there.path().to_owned()));
    let router = router(hub, "no-such-program".into(), None);
    (there, router)
}

const DCGAN: (&str, &[(&str, &str)]) = ("dcgan", &[("width", "4"), ("batch", "8"), ("z_dim", "8")]);

async fn asked(router: &Router, path: &str, body: Option<Vec<u8>>) -> (u16, Vec<u8>) {
    let method = if body.is_some() { "POST" } else { "GET" };
    let request = Request::builder().method(method).uri(format!("/api/runs/{path}"));
    let request = request.body(Body::from(body.unwrap_or_default())).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    (status, to_bytes(response.into_body(), 16 << 20).await.unwrap().to_vec())
}

async fn told(router: &Router, path: &str) -> (u16, Value) {
    let (status, body) = asked(router, path, None).await;
    (status, serde_json::from_slice(&body).unwrap())
}

/// Paint on the upper left quarter of so many pixels a side.
fn paint(side: u32) -> Vec<u8> {
    let of_pixel = |x: u32, y: u32| match x < side / 2 && y < side / 2 {
        true => [255; 4],
        false => [0; 4],
    };
    let pixels: Vec<u8> = (0..side * side).flat_map(|i| of_pixel(i % side, i / side)).collect();
    let mut bytes = vec![];
    let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
    image::ImageEncoder::write_image(encoder, &pixels, side, side, image::ExtendedColorType::Rgba8).unwrap();
    bytes
}

#[tokio::test]
async fn paint_is_taken_in_line_by_line_and_can_be_gone_on_from() {
    let (_there, router) = studio(&[DCGAN]);
    let (status, body) = asked(&router, "dcgan/generator/paint?seed=3&steps=9", Some(paint(16))).await;
    let lines = String::from_utf8(body).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((status, lines.len()), (200, 5), "{lines:?}");
    assert_eq!((&lines[0], &lines[4]), (&json!({ "kept": 0 }), &json!({ "found": 1 })));
    let done: Vec<&Value> = lines[1..4].iter().map(|line| &line["done"]).collect();
    assert_eq!(done, [4, 8, 9]);
    assert!(
        lines[3]["picture"].as_str().unwrap().starts_with("iVBORw0KGgo"),
        "a PNG"
    );
    let (status, picture) = asked(&router, "dcgan/generator/picture.png?found=1", None).await;
    assert!(status == 200 && picture.starts_with(b"\x89PNG"));
    let on = asked(&router, "dcgan/generator/paint?found=1&kept=0&steps=1", Some(paint(16))).await;
    assert!(String::from_utf8(on.1).unwrap().ends_with("{\"found\":2}\n"));
    for (query, body, expected) in [
        ("", paint(8), "expected paint of 16x16 pixels"),
        ("", vec![], "not a picture"),
        ("near=-1", paint(16), "expected `near` from 0 to 10"),
        ("near=NaN", paint(16), "expected `near` from 0 to 10"),
        ("steps=0", paint(16), "expected `steps` from 1 to 400"),
        ("kept=99", paint(16), "not kept any more"),
    ] {
        let (status, body) = asked(&router, &format!("dcgan/generator/paint?{query}"), Some(body)).await;
        let body = String::from_utf8(body).unwrap();
        assert!(status == 422 && body.contains(expected), "{query}: {status} {body}");
    }
}

#[tokio::test]
async fn units_are_told_with_their_maps_and_change_the_picture() {
    let (_there, router) = studio(&[DCGAN]);
    let (_, about) = told(&router, "dcgan/generator").await;
    let layer = about["units"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&about["is_paintable"], &about["translations"]),
        (&json!(true), &json!([]))
    );
    let name = layer["name"].as_str().unwrap();
    let (status, answer) = told(&router, &format!("dcgan/generator/units?seed=3&layer={name}&count=3")).await;
    assert_eq!((status, &answer["sides"]), (200, &json!([16, 16])));
    let units = answer["units"].as_array().unwrap();
    assert_eq!(units.len(), 3);
    let strengths: Vec<f64> = units.iter().map(|unit| unit["strength"].as_f64().unwrap()).collect();
    assert!(strengths.is_sorted_by(|a, b| a >= b), "{strengths:?}");
    let map = units[0]["map"].as_str().unwrap();
    assert_eq!(map.len(), 256_usize.div_ceil(3) * 4, "a byte for every pixel");
    let number = &units[0]["number"];
    let plain = asked(&router, "dcgan/generator/picture.png?seed=3", None).await;
    let (_, off) = asked(
        &router,
        &format!("dcgan/generator/picture.png?seed=3&layer={name}&units={number}:0"),
        None,
    )
    .await;
    assert!(off.starts_with(b"\x89PNG") && off != plain.1);
    for (path, expected) in [
        ("units", "expected a layer"),
        (
            "units?layer=encoder.1",
            "expected a layer of this run's generator, got `encoder.1`",
        ),
        (&format!("units?layer={name}&count=25"), "expected `count` from 1 to 24"),
        (
            &format!("picture.png?layer={name}&units=9999:0"),
            "expected a unit from 0 to",
        ),
        (
            &format!("picture.png?layer={name}&units=1:99"),
            "expected units and factors",
        ),
    ] {
        let (status, answer) = told(&router, &format!("dcgan/generator/{path}")).await;
        let error = answer["error"].as_str().unwrap();
        assert!(
            status == 422 && error.contains(expected) && answer["hint"].is_string(),
            "{path}: {answer}"
        );
    }
}

#[tokio::test]
async fn films_have_their_length_and_speed_and_no_more() {
    let (_there, router) = studio(&[DCGAN]);
    let film = |query: &str| format!("dcgan/generator/film?stops=0,1&{query}");
    let (status, gif) = asked(&router, &film("frames=3&fps=10"), None).await;
    assert_eq!((status, &gif[..6]), (200, &b"GIF89a"[..]));
    for (query, expected) in [
        ("frames=1", "expected `frames` from 2 to 60, got 1"),
        ("frames=61", "expected `frames` from 2 to 60, got 61"),
        ("fps=1", "expected `fps` from 2 to 60, got 1"),
        ("format=avi", "expected `gif`, `apng` or `mp4`, got `avi`"),
    ] {
        let (status, answer) = told(&router, &film(query)).await;
        assert_eq!((status, answer["error"].as_str()), (422, Some(expected)));
    }
    let (status, answer) = told(&router, &format!("dcgan/generator/film?stops=0,{}", u64::MAX / 2)).await;
    let error = answer["error"].as_str().unwrap();
    assert!(
        status == 422 && error.contains("expected a seed and a number up to"),
        "{answer}"
    );
    let (status, mp4) = asked(&router, &film("frames=2&format=mp4"), None).await;
    let (_, about) = told(&router, "dcgan/generator").await;
    match about["films"].as_bool() {
        Some(true) => assert_eq!((status, &mp4[4..8]), (200, &b"ftyp"[..])),
        _ => assert!(status == 422 && String::from_utf8(mp4).unwrap().contains("this build writes no films")),
    }
}

#[tokio::test]
async fn pictures_are_translated_by_systems_that_do() {
    let srgan: (&str, &[(&str, &str)]) = ("srgan", &[("batch", "4"), ("width", "4")]);
    let (_there, router) = studio(&[DCGAN, srgan]);
    let (status, answer) = asked(&router, "dcgan/generator/translate", Some(paint(16))).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(
        status == 422 && answer.contains("`dcgan` turns no pictures into pictures"),
        "{answer}"
    );
    let (status, about) = told(&router, "srgan/generator").await;
    assert_eq!(status, 200, "{about}");
    assert!(
        about["why_not"]
            .as_str()
            .unwrap()
            .contains("makes nothing of random numbers alone")
    );
    let one = &about["translations"][0];
    assert_eq!((&one["takes"], &one["gives"]), (&json!([4, 4, 1]), &json!([16, 16, 1])));
    let path = format!("srgan/generator/translate?function={}", one["name"].as_str().unwrap());
    let (status, made) = asked(&router, &path, Some(paint(50))).await;
    let made = image::load_from_memory(&made).unwrap();
    assert_eq!((status, made.width(), made.height()), (200, 16, 16));
    for (query, body, expected) in [
        ("function=sing", paint(16), "this run has no such function"),
        ("", b"no picture".to_vec(), "not a picture"),
    ] {
        let (status, answer) = asked(&router, &format!("srgan/generator/translate?{query}"), Some(body)).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(status == 422 && answer.contains(expected), "{answer}");
    }
}
