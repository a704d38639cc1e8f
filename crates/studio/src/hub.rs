//! The runs of a folder: what each has said so far, followed while somebody looks.
use crate::record::{Digest, Record};
use ganymede::run::{Follower, RunFolder};
use serde::Serialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often a run that is looked at is read.
const LOOK: Duration = Duration::from_millis(200);
/// How long columns stay in memory after the last look.
const KEPT: Duration = Duration::from_secs(60);
/// How long nobody may need a studio that ends by itself.
const IDLE: Duration = Duration::from_secs(60);

/// The runs of a folder.
#[derive(Debug)]
pub(crate) struct Hub {
    folder: PathBuf,
    digests: Mutex<HashMap<String, Arc<Mutex<Followed>>>>,
    watched: Mutex<HashMap<String, Arc<Watched>>>,
    last_visit: Mutex<Instant>,
}

/// A run whose state alone is kept.
#[derive(Debug)]
struct Followed {
    follower: Follower,
    record: Record,
}

/// A run in full, while somebody looks at it.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) record: Mutex<Record>,
    /// What could not be read of it, in a sentence.
    pub(crate) trouble: Mutex<Option<String>>,
    /// Grows with every change.
    version: watch::Sender<u64>,
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// A process writes it.
    Training,
    /// It reached its end.
    Finished,
    /// It was ended and can go on.
    Stopped,
    /// Its process ended without a word.
    Interrupted,
    /// It has said nothing that can be read.
    Unreadable,
}

/// A poisoned lock guards what a panicking reader left half-read; every reader starts from whole events, so it goes on.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    pub(crate) fn new(folder: PathBuf) -> Hub {
        Hub {
            folder,
            digests: Mutex::default(),
            watched: Mutex::default(),
            last_visit: Mutex::new(Instant::now()),
        }
    }

    /// The folder of all runs.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of the run of this name; none where the name leads elsewhere, or to no run.
    pub(crate) fn run(&self, name: &str) -> Option<RunFolder> {
        is_name(name).then(|| RunFolder::open(self.folder.join(name)).ok())?
    }

    /// The names of all runs.
    pub(crate) fn names(&self) -> Vec<String> {
        let Ok(entries) = self.folder.read_dir() else {
            return vec![];
        };
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| self.run(name).is_some())
            .collect();
        names.sort();
        names
    }

    /// How a run stands now. Reads what is new in its file; what went wrong there is the second.
    pub(crate) fn digest(&self, name: &str) -> Option<(Digest, Option<String>)> {
        let folder = self.run(name)?;
        let watched = held(&self.watched).get(name).cloned();
        if let Some(watched) = watched {
            // Whoever watches it reads it already; a long record is not read twice.
            let begun = Instant::now();
            while *watched.version.borrow() == 0 && begun.elapsed() < KEPT {
                std::thread::sleep(Duration::from_millis(10));
            }
            let digest = held(&watched.record).digest.clone();
            return Some((digest, held(&watched.trouble).clone()));
        }
        let followed = Arc::clone(held(&self.digests).entry(name.to_owned()).or_insert_with(|| {
            Arc::new(Mutex::new(Followed {
                follower: Follower::new(&folder),
                record: Record::default(),
            }))
        }));
        let mut followed = held(&followed);
        let Followed { follower, record } = &mut *followed;
        let trouble = match follower.look() {
            Ok(events) => {
                events.into_iter().for_each(|event| record.hear(event));
                record.forget_columns();
                None
            }
            Err(error) => Some(error.to_string()),
        };
        Some((record.digest.clone(), trouble))
    }

    /// Forgets a run that is gone.
    pub(crate) fn forget(&self, name: &str) {
        held(&self.digests).remove(name);
        held(&self.watched).remove(name);
    }

    /// A run in full, kept up to date as long as somebody looks at it.
    pub(crate) fn watch(self: &Arc<Self>, name: &str) -> Option<(Arc<Watched>, watch::Receiver<u64>)> {
        let folder = self.run(name)?;
        let mut all = held(&self.watched);
        if let Some(watched) = all.get(name) {
            return Some((Arc::clone(watched), watched.version.subscribe()));
        }
        let watched = Arc::new(Watched {
            record: Mutex::default(),
            trouble: Mutex::default(),
            version: watch::Sender::new(0),
        });
        let receiver = watched.version.subscribe();
        all.insert(name.to_owned(), Arc::clone(&watched));
        drop(all);
        let (hub, name, follower) = (Arc::clone(self), name.to_owned(), Follower::new(&folder));
        let following = Arc::clone(&watched);
        tokio::task::spawn_blocking(move || hub.follow(&name, &following, follower));
        Some((watched, receiver))
    }

    /// Reads a run again and again, until nobody has looked for a while.
    fn follow(&self, name: &str, watched: &Arc<Watched>, mut follower: Follower) {
        let mut last_asked = Instant::now();
        loop {
            let looked = follower.look();
            let is_news = match looked {
                Ok(events) => {
                    let is_first = *watched.version.borrow() == 0;
                    let is_news = is_first || !events.is_empty();
                    let mut record = held(&watched.record);
                    events.into_iter().for_each(|event| record.hear(event));
                    held(&watched.trouble).take().is_some() || is_news
                }
                Err(error) => held(&watched.trouble).replace(error.to_string()).is_none(),
            };
            if is_news {
                watched.version.send_modify(|version| *version += 1);
            }
            if watched.version.receiver_count() > 0 {
                last_asked = Instant::now();
            }
            let mut all = held(&self.watched);
            let is_current = all.get(name).is_some_and(|current| Arc::ptr_eq(current, watched));
            if !is_current {
                return;
            }
            if last_asked.elapsed() > KEPT && watched.version.receiver_count() == 0 {
                all.remove(name);
                return;
            }
            drop(all);
            std::thread::sleep(LOOK);
        }
    }

    /// What a run is doing, by what it said last and who writes it.
    pub(crate) fn state(&self, name: &str, digest: &Digest) -> State {
        use crate::record::End;
        let writer = self.run(name).and_then(|folder| folder.writer());
        match (writer, &digest.end) {
            (Some(_), _) => State::Training,
            (None, Some(End::Finished)) => State::Finished,
            (None, Some(End::Stopped { .. })) => State::Stopped,
            (None, None) if digest.system.is_empty() => State::Unreadable,
            (None, None) => State::Interrupted,
        }
    }

    /// Notes that somebody is there.
    pub(crate) fn visited(&self) {
        *held(&self.last_visit) = Instant::now();
    }

    /// Returns when no run has been written and nobody has been there for a while.
    pub(crate) async fn idle(self: Arc<Self>) {
        loop {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let hub = Arc::clone(&self);
            let is_writing = tokio::task::spawn_blocking(move || {
                let folders = hub.names().into_iter().filter_map(|name| hub.run(&name));
                folders.into_iter().any(|folder| folder.writer().is_some())
            });
            if is_writing.await.unwrap_or(false) {
                self.visited();
            }
            let last = *held(&self.last_visit);
            if last.elapsed() > IDLE {
                return;
            }
        }
    }
}

/// Whether a text is the name of a folder and nothing else: no way up, no hidden folder, nothing that a path is made of.
pub(crate) fn is_name(name: &str) -> bool {
    let is_plain = |c: char| !c.is_control() && !['/', '\\', ':'].contains(&c);
    !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ganymede::run::{Event, EventWriter, Settings};

    fn run(hub: &Hub, name: &str) -> (RunFolder, EventWriter) {
        let folder = RunFolder::create(hub.folder().join(name)).unwrap();
        folder.write_settings(&Settings::new()).unwrap();
        let mut events = EventWriter::create(&folder).unwrap();
        let started = Event::Started {
            system: "dcgan".into(),
            title: "DCGAN".into(),
            idea: "All convolutions.".into(),
            steps: Some(9),
            at: "2026-05-04T03:02:01Z".into(),
        };
        events.append(&started).unwrap();
        (folder, events)
    }

    #[test]
    fn names_lead_nowhere_else() {
        let there = tempfile::tempdir().unwrap();
        let hub = Hub::new(there.path().join("runs"));
        let (_folder, _events) = run(&hub, "one");
        run(&Hub::new(there.path().to_owned()), "secret");
        assert_eq!(hub.names(), ["one"]);
        assert!(hub.run("one").is_some());
        for name in [
            "../secret",
            "..",
            ".",
            "",
            "one/../one",
            "/etc",
            "one\0",
            "C:\\",
            "a\\b",
            &"x".repeat(201),
        ] {
            assert!(hub.run(name).is_none(), "{name:?}");
        }
    }

    #[test]
    fn a_state_follows_from_the_last_words_and_the_lock() {
        let there = tempfile::tempdir().unwrap();
        let hub = Hub::new(there.path().to_owned());
        let (folder, mut events) = run(&hub, "one");
        let state = || hub.state("one", &hub.digest("one").unwrap().0);
        assert_eq!(state(), State::Training);
        drop(folder);
        assert_eq!(state(), State::Interrupted);
        events
            .append(&Event::Stopped {
                step: 2,
                reason: "Ctrl-C".into(),
            })
            .unwrap();
        assert_eq!(state(), State::Stopped);
        events.append(&Event::Finished { step: 9 }).unwrap();
        assert_eq!(state(), State::Finished);
    }

    #[tokio::test]
    async fn whoever_watches_is_told_of_news() {
        let there = tempfile::tempdir().unwrap();
        let hub = Arc::new(Hub::new(there.path().to_owned()));
        let (_folder, mut events) = run(&hub, "one");
        let (watched, mut version) = hub.watch("one").unwrap();
        version.wait_for(|version| *version > 0).await.unwrap();
        let seen = *version.borrow();
        events
            .append(&Event::Checkpoint {
                step: 3,
                path: "c".into(),
            })
            .unwrap();
        version.wait_for(|version| *version > seen).await.unwrap();
        assert_eq!(held(&watched.record).digest.latest_checkpoint, Some(3));
        let (again, _) = hub.watch("one").unwrap();
        assert!(Arc::ptr_eq(&watched, &again), "one reader serves all");
        hub.forget("one");
    }
}
