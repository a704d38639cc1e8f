//! Sockets: how many may be open, how long a head may take and how large it may be, how long a client may read nothing of its
//! answer, and an end that lets answers finish.
mod patience;

use crate::error::StudioError;
use crate::guard::{Door, Guard, guarded};
use crate::hub::Hub;
use axum::Router;
use axum::middleware::from_fn_with_state;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use patience::Patience;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// Connections that are open at a time; further ones wait.
const CONNECTIONS: u32 = 512;
/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(10);
/// The largest head, in bytes.
const HEAD_BYTES: usize = 32 << 10;
/// The most lines of a head.
const HEAD_LINES: usize = 64;
/// How long a client may take nothing of what is sent to it.
const STALL: Duration = Duration::from_secs(30);
/// How long answers may take once the end was asked for.
const DRAIN: Duration = Duration::from_secs(10);

/// Where something is served, as a person opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The socket.
    pub socket: SocketAddr,
    /// The token that whoever asks must have, where one is needed.
    pub token: Option<String>,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}/", self.socket)?;
        match &self.token {
            Some(token) => write!(f, "?token={token}"),
            None => Ok(()),
        }
    }
}

/// Serves until the process is asked to end, or nobody has watched `until_idle` for a while; `ready` is told where.
pub(crate) fn serve(
    door: &Door,
    router: Router,
    until_idle: Option<Arc<Hub>>,
    ready: &mut dyn FnMut(&Address),
) -> Result<(), StudioError> {
    let system = |reason: String| StudioError::System { reason };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("studio")
        .enable_all()
        .build()
        .map_err(|error| system(error.to_string()))?;
    let token = door.token().map_err(|error| system(error.to_string()))?;
    let served = runtime.block_on(async {
        let address = SocketAddr::new(door.address, door.port);
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| StudioError::Listen { address, source })?;
        let socket = listener.local_addr().map_err(|error| system(error.to_string()))?;
        ready(&Address {
            socket,
            token: token.clone(),
        });
        let guard = Arc::new(Guard::new(door, socket.port(), token));
        accept(
            listener,
            router.layer(from_fn_with_state(guard, guarded)),
            until_idle,
            STALL,
        )
        .await;
        Ok(())
    });
    // Threads that follow runs look on for a while after the last page; nothing waits for them.
    runtime.shutdown_background();
    served
}

async fn accept(listener: TcpListener, router: Router, until_idle: Option<Arc<Hub>>, stall: Duration) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_LINES);
    let open = Arc::new(Semaphore::new(CONNECTIONS as usize));
    let ending = watch::Sender::new(false);
    let mut end = std::pin::pin!(asked_to_end(until_idle));
    loop {
        let Ok(permit) = Arc::clone(&open).acquire_owned().await else {
            break;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut end => break,
        };
        let Ok((stream, _)) = accepted else {
            // There are no more files to open; some will close.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let connection = http
            .serve_connection(TokioIo::new(Patience::new(stream, stall)), service)
            .with_upgrades();
        let mut ending = ending.subscribe();
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection);
            // Whoever hangs up early needs no answer.
            tokio::select! {
                _ = connection.as_mut() => {},
                _ = ending.changed() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
            drop(permit);
        });
    }
    drop(listener);
    let _ = ending.send(true);
    let _ = tokio::time::timeout(DRAIN, open.acquire_many(CONNECTIONS)).await;
}

/// Ends when the process is asked to, or when nobody has needed the studio for a while.
async fn asked_to_end(until_idle: Option<Arc<Hub>>) {
    let idle = async {
        match until_idle {
            Some(hub) => hub.idle().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = signalled() => {},
        () = idle => {},
    }
}

#[cfg(unix)]
async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {},
        _ = terminate.recv() => {},
    }
}

#[cfg(not(unix))]
async fn signalled() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use futures_util::stream;
    use std::io::{Read, Write};
    use std::sync::mpsc;

    /// Says when it is dropped.
    struct Dropped(mpsc::Sender<()>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    /// An answer without end, and when it is given up.
    fn endless() -> (Router, mpsc::Receiver<()>) {
        let (sender, receiver) = mpsc::channel();
        let answer = move || {
            let sender = Dropped(sender.clone());
            async move {
                Body::from_stream(stream::repeat_with(move || {
                    let _ = &sender;
                    Ok::<_, std::io::Error>(Bytes::from_static(&[b'.'; 1 << 16]))
                }))
            }
        };
        (Router::new().route("/", get(answer)), receiver)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn whoever_never_reads_is_hung_up_on_and_whoever_reads_is_not() {
        let (router, dropped) = endless();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stall = Duration::from_millis(300);
        let server = tokio::spawn(accept(listener, router, None, stall));
        let asked = || {
            let mut client = std::net::TcpStream::connect(address).unwrap();
            client.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").unwrap();
            client
        };
        let mut reader = asked();
        let idle = asked();
        tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; 1 << 16];
            let begun = std::time::Instant::now();
            // The one goes on reading until the other one is given up.
            while dropped.try_recv().is_err() {
                assert!(
                    reader.read(&mut bytes).unwrap() > 0,
                    "a client that reads was hung up on"
                );
                assert!(begun.elapsed() < Duration::from_secs(60), "nobody was hung up on");
            }
            drop(idle);
            drop(reader);
            dropped.recv_timeout(Duration::from_secs(60)).unwrap();
        })
        .await
        .unwrap();
        server.abort();
    }
}
