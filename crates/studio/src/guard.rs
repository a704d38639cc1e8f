//! Who may ask: programs and pages of this machine, or whoever has the token.
//!
//! A page from elsewhere that the user has open may try to ask the studio too. Browsers say where a request comes from
//! (`Origin`, `Sec-Fetch-Site`), and which name the user's browser looked up (`Host`): a request that names another host was
//! sent here by a name that changed its address. All of these are refused, as is whatever has no token where one is needed.
use crate::pages::refusal;
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, LOCATION, ORIGIN, REFERRER_POLICY, SET_COOKIE,
    UPGRADE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// Where a server listens, and by which names it may be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// The address; any but a loopback one needs a token.
    pub address: IpAddr,
    /// The port; 0 for any that is free.
    pub port: u16,
    /// Names of this machine that browsers may call it by, beside its addresses and `localhost`.
    pub names: Vec<String>,
}

impl Door {
    /// A fresh token where one is needed: 256 random bits.
    pub(crate) fn token(&self) -> Result<Option<String>, getrandom::Error> {
        if self.address.is_loopback() {
            return Ok(None);
        }
        let mut bits = [0; 32];
        getrandom::fill(&mut bits)?;
        Ok(Some(bits.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })))
    }
}

/// How long an answer may take; what takes longer is followed step by step.
const ANSWER: Duration = Duration::from_secs(60);

/// Nothing but what comes from here, and no scripts or styles inside of pages.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
    media-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

const TOKEN_COOKIE: &str = "gany_token";

/// What is asked of every request.
#[derive(Debug)]
pub(crate) struct Guard {
    /// Names with the port, in lower case.
    hosts: Vec<String>,
    /// Whether any address may be named: then it is the token that tells friends from strangers.
    any_address: bool,
    token: Option<String>,
}

impl Guard {
    pub(crate) fn new(door: &Door, port: u16, token: Option<String>) -> Guard {
        let own = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        let own = own.into_iter().chain(door.names.iter().map(|name| name.to_lowercase()));
        Guard {
            hosts: own.map(|name| format!("{name}:{port}")).collect(),
            any_address: token.is_some(),
            token,
        }
    }

    /// What is wrong with a request; nothing where it may pass.
    fn refuses(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
        let mut hosts = headers.get_all(HOST).iter();
        let host = match (hosts.next().map(HeaderValue::to_str), hosts.next()) {
            (Some(Ok(host)), None) if self.is_ours(&host.to_lowercase()) => host,
            _ => return Some((StatusCode::MISDIRECTED_REQUEST, "this host is not served here")),
        };
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let is_own = |origin: &str| {
            origin
                .strip_prefix("http://")
                .is_some_and(|from| from.eq_ignore_ascii_case(host))
        };
        if text(ORIGIN).is_some_and(|origin| !is_own(origin)) {
            return Some((StatusCode::FORBIDDEN, "this comes from another site"));
        }
        let fetch = |name: &'static str| text(HeaderName::from_static(name));
        let is_link = method == Method::GET && fetch("sec-fetch-mode") == Some("navigate") && uri.path() == "/";
        if !is_link && fetch("sec-fetch-site").is_some_and(|site| !["same-origin", "none"].contains(&site)) {
            return Some((StatusCode::FORBIDDEN, "this comes from another site"));
        }
        if !self.is_known(headers) {
            return Some((
                StatusCode::UNAUTHORIZED,
                "this needs the token that was shown when the server began",
            ));
        }
        None
    }

    fn is_ours(&self, host: &str) -> bool {
        let is_address = || host.parse::<std::net::SocketAddr>().is_ok() || host.parse::<IpAddr>().is_ok();
        self.hosts.iter().any(|ours| ours == host) || (self.any_address && is_address())
    }

    /// Whether it has the token, in its header or in the cookie that the first visit left.
    fn is_known(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else {
            return true;
        };
        let bearer = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let cookie = |pair: &'static str| {
            move |line: &str| -> Option<String> {
                let pairs = line.split(';').filter_map(|part| part.trim().split_once('='));
                pairs
                    .filter(|(name, _)| *name == pair)
                    .map(|(_, value)| value.to_owned())
                    .next()
            }
        };
        let cookie = cookies.filter_map(cookie(TOKEN_COOKIE)).next();
        [bearer, cookie.as_deref()]
            .into_iter()
            .flatten()
            .any(|given| is_same(given, token))
    }
}

/// Whether two texts are equal, in a time that does not tell where they differ.
fn is_same(given: &str, token: &str) -> bool {
    given.as_bytes().ct_eq(token.as_bytes()).into()
}

/// Lets through what may pass, within its time, and says to the browser what a page of ours may do.
pub(crate) async fn guarded(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let mut response = match guard.entry(&request) {
        Some(response) => response,
        None => match guard.refuses(request.method(), request.uri(), request.headers()) {
            Some((status, why)) => refusal(status, why),
            None if request.headers().contains_key(UPGRADE) => next.run(request).await,
            None => tokio::time::timeout(ANSWER, next.run(request))
                .await
                .unwrap_or_else(|_| refusal(StatusCode::REQUEST_TIMEOUT, "this took too long")),
        },
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

impl Guard {
    /// The first visit, with the token in the address: it is kept in a cookie, and goes from the address.
    fn entry(&self, request: &Request) -> Option<Response> {
        let token = self.token.as_ref()?;
        let given = request.uri().query()?.strip_prefix("token=")?;
        let is_visit = request.method() == Method::GET && request.uri().path() == "/";
        if !is_visit || !is_same(given, token) {
            return None;
        }
        let cookie = format!("{TOKEN_COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict");
        let headers = [(SET_COOKIE, cookie), (LOCATION, "/".to_owned())];
        Some((StatusCode::SEE_OTHER, headers).into_response())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(address: &str) -> Guard {
        let door = Door {
            address: address.parse().unwrap(),
            port: 0,
            names: vec!["Lab-7".into()],
        };
        let token = (!door.address.is_loopback()).then(|| "c0ffee".to_owned());
        Guard::new(&door, 7878, token)
    }

    fn status(guard: &Guard, method: Method, path: &str, lines: &[(&'static str, &str)]) -> u16 {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        let refused = guard.refuses(&method, &path.parse().unwrap(), &headers);
        refused.map_or(200, |(status, _)| status.as_u16())
    }

    #[test]
    fn only_the_names_of_this_machine_are_answered() {
        let guard = guard("127.0.0.1");
        let get = |host| status(&guard, Method::GET, "/", &[("host", host)]);
        assert_eq!(
            [
                "localhost:7878",
                "127.0.0.1:7878",
                "[::1]:7878",
                "lab-7:7878",
                "LOCALHOST:7878"
            ]
            .map(get),
            [200; 5]
        );
        assert_eq!(
            ["evil.example:7878", "localhost", "localhost:80", "10.0.0.8:7878", ""].map(get),
            [421; 5]
        );
        assert_eq!(status(&guard, Method::GET, "/", &[]), 421);
        let two = [("host", "localhost:7878"), ("host", "evil.example")];
        assert_eq!(status(&guard, Method::GET, "/", &two), 421);
    }

    #[test]
    fn other_sites_are_refused() {
        let guard = guard("127.0.0.1");
        let host = ("host", "localhost:7878");
        let from =
            |method, path, more: &[(&'static str, &str)]| status(&guard, method, path, &[&[host], more].concat());
        assert_eq!(
            from(Method::POST, "/api/runs", &[("origin", "http://localhost:7878")]),
            200
        );
        assert_eq!(
            from(Method::POST, "/api/runs", &[("sec-fetch-site", "same-origin")]),
            200
        );
        for strange in [
            ("origin", "http://localhost:8080"),
            ("origin", "https://localhost:7878"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert_eq!(from(Method::POST, "/api/runs", &[strange]), 403, "{strange:?}");
            assert_eq!(from(Method::GET, "/api/runs", &[strange]), 403, "{strange:?}");
        }
        let link = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        assert_eq!(from(Method::GET, "/", &link), 200, "a link to the page from elsewhere");
        assert_eq!(from(Method::GET, "/api/runs", &link), 403);
        assert_eq!(from(Method::POST, "/", &link), 403);
    }

    #[test]
    fn beyond_this_machine_a_token_is_needed() {
        let guard = guard("0.0.0.0");
        let get = |more: &[(&'static str, &str)]| {
            status(
                &guard,
                Method::GET,
                "/api/runs",
                &[&[("host", "10.0.0.8:7878")], more].concat(),
            )
        };
        assert_eq!(get(&[]), 401);
        assert_eq!(get(&[("authorization", "Bearer c0ffee")]), 200);
        assert_eq!(get(&[("cookie", "a=b; gany_token=c0ffee")]), 200);
        for wrong in ["Bearer c0ffe", "Bearer c0ffee0", "Bearer ", "c0ffee"] {
            assert_eq!(get(&[("authorization", wrong)]), 401, "{wrong}");
        }
        assert_eq!(get(&[("cookie", "gany_token=")]), 401);
        let named = [("host", "evil.example:7878"), ("authorization", "Bearer c0ffee")];
        assert_eq!(status(&guard, Method::GET, "/", &named), 421);
    }

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let door = Door {
            address: "0.0.0.0".parse().unwrap(),
            port: 0,
            names: vec![],
        };
        let tokens = [door.token().unwrap().unwrap(), door.token().unwrap().unwrap()];
        assert_eq!(tokens[0].len(), 64);
        assert_ne!(tokens[0], tokens[1]);
        let loopback = Door {
            address: "::1".parse().unwrap(),
            ..door
        };
        assert_eq!(loopback.token().unwrap(), None);
    }
}
