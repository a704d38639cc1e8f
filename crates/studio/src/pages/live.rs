//! A run while it goes on, over a web socket: the page says what part it shows, and is sent that part whenever there is news.
//!
//! A socket and not an event stream, since browsers keep at most six of those open to one host, whatever the number of pages.
use super::{Refusal, Shared};
use crate::hub::{Hub, Watched, held};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch::Receiver;

/// The least time between two messages.
const PAUSE: Duration = Duration::from_millis(400);
/// How often a run's state is looked at where it says nothing: its process may have been killed.
const STATE: Duration = Duration::from_secs(2);
/// The largest message of a page, in bytes.
const MESSAGE: usize = 4 << 10;
/// The most events that are sent beside steps, the latest ones.
const EVENTS: usize = 600;
/// The most points of a curve.
pub(super) const POINTS: usize = 2_000;

/// The part of the curves that a page shows.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(default)]
struct View {
    points: usize,
    from: Option<u64>,
    to: Option<u64>,
}

impl Default for View {
    fn default() -> View {
        View {
            points: 600,
            from: None,
            to: None,
        }
    }
}

pub(super) async fn live(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refusal> {
    let (watched, news) = shared.hub.watch(&name).ok_or_else(|| Refusal::no_run(&name))?;
    let upgrade = upgrade.max_message_size(MESSAGE).max_frame_size(MESSAGE);
    Ok(upgrade.on_upgrade(move |socket| tell(socket, shared.hub, name, watched, news)))
}

/// Sends news until the page goes away.
async fn tell(mut socket: WebSocket, hub: Arc<Hub>, name: String, watched: Arc<Watched>, mut news: Receiver<u64>) {
    let mut view = View::default();
    let mut last_state = None;
    let mut is_due = *news.borrow_and_update() > 0;
    loop {
        if is_due || last_state.is_none() {
            let (text, state) = message(&hub, &name, &watched, view);
            if text.is_empty() || socket.send(Message::text(text)).await.is_err() {
                return;
            }
            last_state = Some(state);
            is_due = false;
            tokio::time::sleep(PAUSE).await;
        }
        tokio::select! {
            changed = news.changed() => {
                is_due = true;
                if changed.is_err() {
                    return;
                }
            }
            said = socket.recv() => match said {
                Some(Ok(Message::Text(text))) => {
                    let Ok(wanted) = serde_json::from_str::<View>(&text) else {
                        return;
                    };
                    is_due |= wanted != view;
                    view = wanted;
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
            () = tokio::time::sleep(STATE) => {
                hub.visited();
                let digest = held(&watched.record).digest.clone();
                let state = json!(hub.state(&name, &digest));
                is_due = last_state.as_ref() != Some(&state);
                if hub.run(&name).is_none() {
                    return;
                }
                // A page that is gone without a word is noticed by what cannot be sent to it.
                let ping = Message::Ping(Vec::new().into());
                if socket.send(ping).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// All that a page shows of a run, and the run's state.
fn message(hub: &Hub, name: &str, watched: &Watched, view: View) -> (String, Value) {
    let record = held(&watched.record);
    let state = json!(hub.state(name, &record.digest));
    let text = serde_json::to_string(&json!({
        "state": state,
        "digest": record.digest,
        "curves": record.curves(view.points.clamp(2, POINTS), view.from, view.to),
        "events": record.others[record.others.len().saturating_sub(EVENTS)..],
        "trouble": *held(&watched.trouble),
    }));
    (text.unwrap_or_default(), state)
}
