//! `gany studio` and `gany serve`: what they say where they cannot begin.
use crate::place::Place;
use std::net::TcpListener;

#[test]
fn what_cannot_be_served_is_said() {
    let place = Place::new();
    place.refuses(
        "serve runs/none",
        "error: there is no run here: runs/none\n\nhint: `gany train` makes one; check the spelling of the folder",
    );
    std::fs::create_dir_all(place.path("runs/one")).unwrap();
    std::fs::write(place.path("runs/one/config.json"), "{}").unwrap();
    place.refuses(
        "studio runs/one",
        "error: expected a folder of runs, got a run: runs/one\n\nhint: name the folder above it: `gany studio runs`",
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    place.refuses(
        &format!("studio --port {port}"),
        &format!(
            "error: cannot listen on 127.0.0.1:{port} (address already in use)\n\nhint: choose another with `--port`, or 0 for any that is free"
        ),
    );
    place.refuses(
        "studio --port 0 --listen 192.0.2.1",
        "error: cannot listen on 192.0.2.1:0 (cannot assign requested address)\n\nhint: `--listen` takes an address of this machine",
    );
}
