//! What a service has done, in the text format of Prometheus.
use super::Shared;
use crate::hub::held;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// The upper ends of the stretches that times are counted in, in seconds.
const ENDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0];

/// Requests by route and status, and how long they took.
#[derive(Debug, Default)]
pub(super) struct Measures {
    requests: Mutex<BTreeMap<(String, u16), u64>>,
    times: Mutex<BTreeMap<String, Times>>,
}

#[derive(Clone, Debug, Default)]
struct Times {
    /// How many took at most as long as each of the ends.
    within: [u64; ENDS.len()],
    count: u64,
    seconds: f64,
}

impl Measures {
    fn note(&self, route: &str, status: u16, seconds: f64) {
        *held(&self.requests).entry((route.to_owned(), status)).or_default() += 1;
        let mut times = held(&self.times);
        let times = times.entry(route.to_owned()).or_default();
        times.count += 1;
        times.seconds += seconds;
        for (within, end) in times.within.iter_mut().zip(ENDS) {
            *within += u64::from(seconds <= end);
        }
    }

    fn text(&self) -> String {
        let mut text = String::from(
            "# HELP gany_requests_total Requests that were answered.\n# TYPE gany_requests_total counter\n",
        );
        for ((route, status), count) in held(&self.requests).iter() {
            let _ = writeln!(
                text,
                "gany_requests_total{{route=\"{route}\",status=\"{status}\"}} {count}"
            );
        }
        text += "# HELP gany_request_seconds How long answers took.\n# TYPE gany_request_seconds histogram\n";
        for (route, times) in held(&self.times).iter() {
            for (within, end) in times.within.iter().zip(ENDS) {
                let _ = writeln!(
                    text,
                    "gany_request_seconds_bucket{{route=\"{route}\",le=\"{end}\"}} {within}"
                );
            }
            let Times { count, seconds, .. } = times;
            let _ = writeln!(
                text,
                "gany_request_seconds_bucket{{route=\"{route}\",le=\"+Inf\"}} {count}"
            );
            let _ = writeln!(text, "gany_request_seconds_sum{{route=\"{route}\"}} {seconds}");
            let _ = writeln!(text, "gany_request_seconds_count{{route=\"{route}\"}} {count}");
        }
        text
    }
}

/// Measures an answer. Routes are counted, not addresses, of which there may be any number.
pub(super) async fn measured(State(measures): State<Arc<Measures>>, request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("other", MatchedPath::as_str)
        .to_owned();
    let begun = Instant::now();
    let response = next.run(request).await;
    measures.note(&route, response.status().as_u16(), begun.elapsed().as_secs_f64());
    response
}

/// Everything that is measured.
pub(super) async fn metrics(State(shared): State<Shared>) -> Response {
    let mut text = shared.measures.text();
    let tally = &shared.generator.tally;
    let of = |counted: &std::sync::atomic::AtomicUsize| counted.load(Ordering::Relaxed);
    for (name, kind, help, value) in [
        (
            "gany_waiting",
            "gauge",
            "Samples and requests that wait.",
            of(&tally.waiting) as f64,
        ),
        (
            "gany_batches_total",
            "counter",
            "Batches that were made.",
            of(&tally.batches) as f64,
        ),
        (
            "gany_samples_total",
            "counter",
            "Samples that were made.",
            of(&tally.samples) as f64,
        ),
        (
            "gany_busy_seconds_total",
            "counter",
            "Time in which batches were made.",
            of(&tally.busy_micros) as f64 / 1e6,
        ),
    ] {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_below_every_end_that_they_do_not_pass() {
        let measures = Measures::default();
        measures.note("/v1/sample", 200, 1.0 / 256.0);
        measures.note("/v1/sample", 200, 0.25);
        measures.note("/v1/sample", 503, 1.0 / 1024.0);
        let text = measures.text();
        for line in [
            "gany_requests_total{route=\"/v1/sample\",status=\"200\"} 2",
            "gany_requests_total{route=\"/v1/sample\",status=\"503\"} 1",
            "gany_request_seconds_bucket{route=\"/v1/sample\",le=\"0.001\"} 1",
            "gany_request_seconds_bucket{route=\"/v1/sample\",le=\"0.005\"} 2",
            "gany_request_seconds_bucket{route=\"/v1/sample\",le=\"0.5\"} 3",
            "gany_request_seconds_bucket{route=\"/v1/sample\",le=\"+Inf\"} 3",
            "gany_request_seconds_sum{route=\"/v1/sample\"} 0.2548828125",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} in\n{text}");
        }
    }
}
