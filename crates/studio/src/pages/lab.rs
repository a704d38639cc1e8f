//! The lab: games of points that pages play, one for each page, step by step or stage by stage.
//!
//! A page sends what it wants and is sent one frame for it, so that nothing goes on that nobody looks at. A game is played by one
//! thread of its own, and there are so many games and no more.
mod frame;

use super::{Refusal, Shared, aside};
use crate::hub::Hub;
use axum::Json;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::Response;
use ganymede::engine;
use ganymede::lab::lessons::LESSONS;
use ganymede::lab::{CHOICES, DISTRIBUTIONS, Distribution, LIMITS, Lab, Painted, Setup, systems};
use ganymede::studies::nash::Dynamics;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Games that may be played at a time.
const GAMES: usize = 8;
/// How long a game waits for its page to want something.
const IDLE: Duration = Duration::from_secs(600);
/// The largest message of a page, in bytes: a setup with a painting.
const MESSAGE: usize = 8 << 10;
/// The most steps that a page may want at a time, and the time for them.
const STEPS: usize = 500;
const TIME: Duration = Duration::from_millis(200);

/// Points of the small picture of a distribution.
const SKETCHED: usize = 200;

/// How many more games there is room for.
#[derive(Clone)]
pub(crate) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Room {
        Room(Arc::new(Semaphore::new(GAMES)))
    }
}

/// What there is to choose from.
pub(super) async fn about() -> Result<Json<Value>, Refusal> {
    aside(|| {
        let systems: Vec<Value> = systems()
            .map(|entry| {
                let card = &entry.card;
                let setup = Setup {
                    system: card.id.to_owned(),
                    ..Setup::default()
                };
                json!({
                    "id": card.id,
                    "title": card.title,
                    "idea": card.idea,
                    "paper": card.paper,
                    "equations": card.equations,
                    "settings": setup.defaults().unwrap_or_default(),
                })
            })
            .collect();
        let lessons: Vec<Value> = LESSONS
            .iter()
            .map(|lesson| {
                let mut shown = json!(lesson);
                shown["broken"] = json!(lesson.broken.setup(0));
                shown["cured"] = json!(lesson.cured.setup(0));
                shown
            })
            .collect();
        let data: Vec<Value> = DISTRIBUTIONS
            .iter()
            .map(|known| {
                let mut shown = json!(known);
                shown["points"] = json!(Distribution::named(known.id).map(|known| known.points(0, 0, SKETCHED)));
                shown
            })
            .collect();
        Ok(Json(json!({
            "systems": systems,
            "data": data,
            "lessons": lessons,
            "limits": LIMITS,
            "choices": CHOICES,
            "painting": { "side": Painted::SIDE, "reach": Painted::REACH },
        })))
    })
    .await
}

/// Where a descent begins, and how long its steps are.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default)]
pub(super) struct Descent {
    rate: f64,
    x: f64,
    y: f64,
    steps: usize,
}

impl Default for Descent {
    fn default() -> Descent {
        Descent {
            rate: 0.1,
            x: 1.0,
            y: 0.0,
            steps: 200,
        }
    }
}

/// The paths of the three ways to descend in the smallest game.
pub(super) async fn nash(Query(descent): Query<Descent>) -> Result<Json<Value>, Refusal> {
    let Descent { rate, x, y, steps } = descent;
    let is_fair = (0.0..=1.0).contains(&rate) && [x, y].iter().all(|x| x.abs() <= 10.0) && steps <= 2_000;
    if !is_fair {
        return Err(Refusal::asked(
            "expected a rate from 0 to 1, a point within 10 of the origin, and 2000 steps at most",
        ));
    }
    let paths: Vec<Value> = Dynamics::ALL
        .iter()
        .map(|(name, dynamics)| {
            let path = dynamics.path(rate, [x, y], steps);
            // What grows without end is cut where no picture shows it.
            let end = path.iter().position(|[x, y]| x.hypot(*y) > 1e3).unwrap_or(path.len());
            json!({ "name": name, "factor": dynamics.factor(rate), "path": path[..end] })
        })
        .collect();
    Ok(Json(json!({ "paths": paths })))
}

/// What a page wants.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
enum Wish {
    /// Another game.
    Set {
        /// What it follows from.
        setup: Setup,
    },
    /// A frame behind so many steps.
    Go {
        steps: usize,
        /// Whether divergences are to be measured.
        #[serde(default)]
        measure: bool,
    },
    /// A frame of the next stage.
    Stage,
}

/// What a game answers.
enum Answer {
    /// A game was set up: what it is, and its first frame.
    Ready(Value, Vec<u8>),
    Frame(Vec<u8>),
    Refused(Value),
}

/// A wish, and who waits for its answer.
type Job = (Wish, oneshot::Sender<Answer>);

pub(super) async fn play(State(shared): State<Shared>, upgrade: WebSocketUpgrade) -> Response {
    let upgrade = upgrade.max_message_size(MESSAGE).max_frame_size(MESSAGE);
    let (hub, room) = (shared.hub, shared.room);
    upgrade.on_upgrade(move |socket| converse(socket, hub, room))
}

/// Answers wishes until the page goes away, or wants nothing for long.
async fn converse(mut socket: WebSocket, hub: Arc<Hub>, Room(room): Room) {
    let Ok(permit) = room.try_acquire_owned() else {
        let refused = refused(
            &format!("{GAMES} games are being played, and there is no room for another"),
            Some("close the lab in another window".to_owned()),
        );
        let _ = socket.send(Message::text(refused.to_string())).await;
        return end(socket, "no room").await;
    };
    let jobs = begin(permit);
    loop {
        let text = match tokio::time::timeout(IDLE, socket.recv()).await {
            Err(_) => return end(socket, "idle").await,
            Ok(Some(Ok(Message::Text(text)))) => text,
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => continue,
            Ok(_) => return,
        };
        hub.visited();
        let answer = match serde_json::from_str::<Wish>(&text) {
            Ok(wish) => {
                let (reply, answer) = oneshot::channel();
                match jobs.send((wish, reply)) {
                    Ok(()) => answer.await.ok(),
                    Err(_) => None,
                }
            }
            Err(error) => Some(Answer::Refused(refused(&format!("this is no wish ({error})"), None))),
        };
        let sent = match answer {
            Some(Answer::Ready(about, frame)) => {
                let about = socket.send(Message::text(about.to_string())).await;
                about.is_ok() && socket.send(Message::binary(frame)).await.is_ok()
            }
            Some(Answer::Frame(frame)) => socket.send(Message::binary(frame)).await.is_ok(),
            Some(Answer::Refused(why)) => socket.send(Message::text(why.to_string())).await.is_ok(),
            None => {
                let why = refused("this game cannot be computed", Some("change its settings".to_owned()));
                let _ = socket.send(Message::text(why.to_string())).await;
                return end(socket, "broken").await;
            }
        };
        if !sent {
            return;
        }
    }
}

async fn end(mut socket: WebSocket, why: &'static str) {
    let frame = CloseFrame {
        code: 1000,
        reason: why.into(),
    };
    let _ = socket.send(Message::Close(Some(frame))).await;
}

fn refused(error: &str, hint: Option<String>) -> Value {
    json!({ "is": "refused", "error": error, "hint": hint })
}

/// The thread of a game, which ends when nobody holds the other end.
fn begin(permit: OwnedSemaphorePermit) -> SyncSender<Job> {
    let (jobs, waiting) = sync_channel(1);
    std::thread::spawn(move || {
        engine::pool::with_threads(1, || serve(&waiting));
        drop(permit);
    });
    jobs
}

fn serve(waiting: &Receiver<Job>) {
    let mut lab: Option<Lab> = None;
    while let Ok((wish, reply)) = waiting.recv() {
        let answer = answer(&mut lab, wish);
        // A page that has gone away needs no answer.
        let _ = reply.send(answer);
    }
}

fn answer(lab: &mut Option<Lab>, wish: Wish) -> Answer {
    if let Wish::Set { setup } = wish {
        *lab = None;
        return match Lab::new(&setup) {
            Ok(mut made) => {
                let ready = ready(&made);
                let frame = frame::encode(&mut made, true);
                *lab = Some(made);
                Answer::Ready(ready, frame)
            }
            Err(error) => Answer::Refused(refused(&error.to_string(), error.hint())),
        };
    }
    let Some(lab) = lab else {
        return Answer::Refused(refused("no game is set up", None));
    };
    match wish {
        Wish::Go { steps, measure } => {
            lab.advance(steps.min(STEPS), TIME);
            Answer::Frame(frame::encode(lab, measure))
        }
        _ => {
            lab.advance_stage();
            Answer::Frame(frame::encode(lab, false))
        }
    }
}

/// What a page should know of a game.
fn ready(lab: &Lab) -> Value {
    json!({
        "is": "ready",
        "system": lab.card().id,
        "title": lab.card().title,
        "idea": lab.card().idea,
        "paper": lab.card().paper,
        "equations": lab.card().equations,
        "settings": lab.settings(),
        "reach": lab.distribution().reach(),
        "judge_moves": lab.judge_moves(),
        "stages": lab.stages(),
        "field": ganymede::lab::FIELD,
        "sheet": ganymede::lab::SHEET,
        "lines": ganymede::lab::vectors(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(answer: Answer) -> Value {
        match answer {
            Answer::Ready(value, _) | Answer::Refused(value) => value,
            Answer::Frame(frame) => frame::header(&frame),
        }
    }

    fn wish(text: &str) -> Wish {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_page_plays_a_game() {
        let mut lab = None;
        let before = said(answer(&mut lab, wish(r#"{"do": "go", "steps": 1}"#)));
        assert_eq!(before["error"], "no game is set up");
        let set = r#"{"do": "set", "setup": {"system": "wgan", "data": "ring", "settings": {"n_critic": "2", "batch": "16"}}}"#;
        let ready = said(answer(&mut lab, wish(set)));
        assert_eq!((&ready["is"], &ready["judge_moves"]), (&json!("ready"), &json!(2)));
        assert_eq!(ready["stages"].as_array().unwrap().len(), 6);
        let frame = said(answer(&mut lab, wish(r#"{"do": "go", "steps": 3, "measure": true}"#)));
        assert_eq!((&frame["step"], &frame["stage"]), (&json!(3), &Value::Null));
        assert!(frame["measured"]["wasserstein"].as_f64().unwrap() > 0.0);
        let frame = said(answer(&mut lab, wish(r#"{"do": "stage"}"#)));
        assert_eq!(frame["stage"], "noise");
        // Whatever a page wants, it does not wait for ever.
        let frame = said(answer(&mut lab, wish(r#"{"do": "go", "steps": 4000000000}"#)));
        assert!(frame["step"].as_u64().unwrap() <= 3 + STEPS as u64);
        let refused = said(answer(&mut lab, wish(r#"{"do": "set", "setup": {"system": "dcgan"}}"#)));
        assert_eq!(refused["is"], "refused");
        assert!(refused["hint"].is_string());
    }

    #[test]
    fn what_is_no_wish_is_not_understood() {
        for text in [
            "",
            "{}",
            "[]",
            r#"{"do": "dance"}"#,
            r#"{"do": "go", "steps": -1}"#,
            r#"{"do": "go", "steps": 1e400}"#,
            r#"{"do": "go"}"#,
            r#"{"do": "set", "setup": {"sytem": "gan"}}"#,
            r#"{"do": "set", "setup": {"seed": 1.5}}"#,
            r#"{"do": "set", "setup": {"settings": {"width": 64}}}"#,
        ] {
            assert!(serde_json::from_str::<Wish>(text).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_descent_is_cut_off_where_it_leaves_and_refused_where_it_asks_too_much() {
        let far = Descent {
            rate: 1.0,
            steps: 200,
            ..Descent::default()
        };
        let Json(found) = nash(Query(far)).await.unwrap();
        let lengths: Vec<usize> = found["paths"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p["path"].as_array().unwrap().len())
            .collect();
        // |.|^2 doubles a step: beyond a thousand after twenty.
        assert_eq!(lengths, [20, 201, 201]);
        for bad in [
            Descent { rate: f64::NAN, ..far },
            Descent {
                x: f64::INFINITY,
                ..far
            },
            Descent { steps: 1 << 40, ..far },
        ] {
            assert!(nash(Query(bad)).await.is_err());
        }
    }
}
