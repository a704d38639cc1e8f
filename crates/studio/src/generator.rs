//! A trained system on a thread of its own: whoever wants something of it waits in a bounded queue, and samples that wait at
//! the same time are made together.
//!
//! One sample costs a network nearly as much as several: weights are read and transformed once for all of them. So the thread
//! takes whatever waits, fills the batch up to one of a few sizes, of which each is planned once, and hands out the parts.
use crate::hub::held;
use crate::pages::Refusal;
use axum::http::StatusCode;
use ganymede::data::decode;
use ganymede::explore::retouching::Retouching;
use ganymede::explore::units::Opened;
use ganymede::explore::{Code, Directions, ExploreError, Explorer, principal};
use ganymede::run::checkpoint;
use ganymede::run::{RunFolder, Sampler, TrainError};
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// What the thread owns.
pub(crate) struct Owned {
    /// The system, where it can be explored.
    pub(crate) explorer: Result<Explorer, String>,
    /// The system, where it cannot.
    sampler: Option<Sampler>,
    directions: Option<Result<Directions, String>>,
    /// The generator opened at the layer that was last asked for.
    opened: Option<Opened>,
    /// The search for what is painted, once somebody paints.
    retouching: Option<Retouching>,
    /// The last codes that were found, and how many were found before them.
    found: VecDeque<Code>,
    forgotten: usize,
}

/// The most directions that are looked for.
pub(crate) const DIRECTIONS: usize = 10;
/// Codes that statistics are taken of at a time.
const STATISTICS: usize = 50;
/// The most codes that are kept: a long way back for whoever undoes what was painted.
const FOUND: usize = 512;

impl Owned {
    fn open(run: &Path, checkpoint: Option<&str>) -> Result<Owned, TrainError> {
        let sampler = Sampler::open_at(run, checkpoint)?;
        let explorable = sampler.makes_samples() && sampler.shape().picture().is_some();
        let (explorer, sampler) = match explorable {
            true => (Explorer::of(sampler, None).map_err(|error| error.to_string()), None),
            false => {
                let system = sampler.entry().card.id;
                let why = match sampler.makes_samples() {
                    true => format!("only pictures can be explored, and this run of `{system}` makes something else"),
                    false => format!("`{system}` makes nothing of random numbers alone"),
                };
                (Err(why), Some(sampler))
            }
        };
        Ok(Owned {
            explorer,
            sampler,
            directions: None,
            opened: None,
            retouching: None,
            found: VecDeque::new(),
            forgotten: 0,
        })
    }

    /// The system.
    pub(crate) fn sampler(&mut self) -> &mut Sampler {
        match (&mut self.explorer, &mut self.sampler) {
            (Ok(explorer), _) => explorer.sampler_mut(),
            (Err(_), Some(sampler)) => sampler,
            (Err(why), None) => panic!("a run that was opened is neither explored nor not: {why}"),
        }
    }

    /// The system, to be explored, with its principal directions.
    pub(crate) fn explored(&mut self) -> Result<(&mut Explorer, Option<&Directions>), Refusal> {
        let explorer = self.explorer.as_mut().map_err(|why| Refusal::asked(why.clone()))?;
        let directions = self.directions.get_or_insert_with(|| {
            // Thousands of codes are looked at, and the mean of them is asked for later.
            explorer.sampler_mut().make_at_a_time(STATISTICS);
            explorer.centre();
            principal::directions(explorer, DIRECTIONS).map_err(|error| error.to_string())
        });
        let explorer = self.explorer.as_mut().map_err(|why| Refusal::asked(why.clone()))?;
        Ok((explorer, directions.as_ref().ok()))
    }

    /// The generator opened at a layer.
    pub(crate) fn opened_at(&mut self, layer: &str) -> Result<(&mut Explorer, &mut Opened), Refusal> {
        let explorer = self.explorer.as_mut().map_err(|why| Refusal::asked(why.clone()))?;
        let opened = match self.opened.take().filter(|opened| opened.layer().name == layer) {
            Some(opened) => opened,
            None => Opened::at(explorer, layer).map_err(refused)?,
        };
        Ok((explorer, self.opened.insert(opened)))
    }

    /// The search for what is painted.
    pub(crate) fn retouched(&mut self) -> Result<(&mut Explorer, &mut Retouching), Refusal> {
        let explorer = self.explorer.as_mut().map_err(|why| Refusal::asked(why.clone()))?;
        let retouching = match self.retouching.take() {
            Some(retouching) => retouching,
            None => Retouching::new(explorer).map_err(refused)?,
        };
        Ok((explorer, self.retouching.insert(retouching)))
    }

    /// The picture in a file's bytes, brought to the extents that a network takes.
    pub(crate) fn brought(&mut self, picture: &[u8], extents: [usize; 3]) -> Result<Vec<f32>, Refusal> {
        let want = self.sampler().want(extents);
        let shaped = decode::shaped("the picture".as_ref(), picture, &want);
        shaped.map_err(|error| {
            Refusal::asked(error.to_string()).hinted("choose a picture, such as a PNG, a JPEG or a WebP".to_owned())
        })
    }

    /// Keeps a code; gives its number, which no other code will have.
    pub(crate) fn keep(&mut self, code: Code) -> usize {
        if self.found.len() == FOUND {
            self.found.pop_front();
            self.forgotten += 1;
        }
        self.found.push_back(code);
        self.forgotten + self.found.len() - 1
    }

    /// The code that was kept under a number.
    pub(crate) fn found(&self, number: usize) -> Result<Code, Refusal> {
        let place = number.checked_sub(self.forgotten);
        let found = place.and_then(|place| self.found.get(place)).cloned();
        found.ok_or_else(|| {
            Refusal::asked("this code is not kept any more")
                .hinted("go back to the sample, or look for the picture again".to_owned())
        })
    }
}

fn refused(error: ExploreError) -> Refusal {
    Refusal::asked(error.to_string()).hinted(error.hint())
}

/// How a generator makes samples together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// The most that are made at a time; 1 for each alone.
    pub(crate) together: usize,
    /// How long a sample waits for others, where the last one was not alone.
    pub(crate) wait: Duration,
    /// The most that may wait; further ones are refused.
    pub(crate) queue: usize,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            together: 64,
            wait: Duration::from_millis(2),
            queue: 256,
        }
    }
}

/// A sample that somebody waits for.
struct One {
    z: Vec<f32>,
    class: usize,
    reply: oneshot::Sender<Vec<f32>>,
}

enum Job {
    One(One),
    Other(Box<dyn FnOnce(&mut Owned) + Send>),
}

/// What a generator has done, for who measures it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) waiting: AtomicUsize,
    pub(crate) batches: AtomicUsize,
    pub(crate) samples: AtomicUsize,
    pub(crate) busy_micros: AtomicUsize,
    is_over: AtomicBool,
}

/// Notes that the thread has ended, however it did.
struct Ends(Arc<Tally>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

/// The way to a system's thread.
#[derive(Clone)]
pub(crate) struct Generator {
    jobs: SyncSender<Job>,
    pub(crate) tally: Arc<Tally>,
    /// The step of the checkpoint that is open.
    pub(crate) step: u64,
}

impl Generator {
    /// Opens a run on a thread of its own.
    pub(crate) fn open(run: &Path, checkpoint: Option<&str>, pace: Pace) -> Result<Generator, TrainError> {
        let (jobs, waiting) = sync_channel(pace.queue);
        let (opened, is_open) = sync_channel(1);
        let (run, checkpoint) = (run.to_owned(), checkpoint.map(str::to_owned));
        let tally = Arc::new(Tally::default());
        let tallied = Arc::clone(&tally);
        // A system is made where it is used: it need not be sent.
        thread::spawn(move || match Owned::open(&run, checkpoint.as_deref()) {
            Ok(mut owned) => {
                let step = owned.sampler().stamp().step;
                if opened.send(Ok(step)).is_ok() {
                    let ends = Ends(tallied);
                    work(&mut owned, &waiting, pace, &ends.0);
                }
            }
            Err(error) => {
                let _ = opened.send(Err(error));
            }
        });
        let step = is_open.recv().expect("the thread says how the opening ended")?;
        Ok(Generator { jobs, tally, step })
    }

    fn send(&self, job: Job) -> Result<(), Refusal> {
        self.tally.waiting.fetch_add(1, Ordering::Relaxed);
        self.jobs.try_send(job).map_err(|error| {
            self.tally.waiting.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many are waiting")
                    .hinted("ask again in a moment".to_owned()),
                TrySendError::Disconnected(_) => broken(),
            }
        })
    }

    /// What the system makes of a latent vector, of a class where it is told classes; made together with what else waits.
    pub(crate) async fn sample(&self, z: Vec<f32>, class: usize) -> Result<Vec<f32>, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::One(One { z, class, reply }))?;
        answer.await.map_err(|_| broken())
    }

    /// Does something with the system before anybody else asks, and waits for it; nothing where the thread has ended.
    pub(crate) fn begin<T: Send + 'static>(&self, work: impl FnOnce(&mut Owned) -> T + Send + 'static) -> Option<T> {
        let (reply, answer) = sync_channel(1);
        self.send(Job::Other(Box::new(move |owned| {
            let _ = reply.send(work(owned));
        })))
        .ok()?;
        answer.recv().ok()
    }

    /// Does something with the system, when it is its turn.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Owned) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Other(Box::new(move |owned| {
            // Whoever has gone needs no answer.
            if !reply.is_closed() {
                let _ = reply.send(work(owned));
            }
        })))?;
        answer.await.map_err(|_| broken())?
    }
}

fn broken() -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the generator has failed").hinted("open the run again".to_owned())
}

/// Does what waits, until nobody can ask any more.
fn work(owned: &mut Owned, jobs: &Receiver<Job>, pace: Pace, tally: &Tally) {
    let mut next = None;
    // Whoever is alone waits for nobody.
    let mut had_company = false;
    loop {
        let job = match next.take() {
            Some(job) => job,
            None => match jobs.recv() {
                Ok(job) => job,
                Err(_) => return,
            },
        };
        match job {
            Job::Other(work) => {
                tally.waiting.fetch_sub(1, Ordering::Relaxed);
                work(owned);
            }
            Job::One(first) => {
                let mut batch = vec![first];
                let wait = if had_company { pace.wait } else { Duration::ZERO };
                next = gather(&mut batch, jobs, pace.together, wait);
                had_company = batch.len() > 1;
                tally.waiting.fetch_sub(batch.len(), Ordering::Relaxed);
                batch.retain(|one| !one.reply.is_closed());
                if !batch.is_empty() {
                    make(owned.sampler(), batch, pace.together, tally);
                }
            }
        }
    }
}

/// Takes samples that wait into a batch, up to its size or its time; what else comes is given back.
fn gather(batch: &mut Vec<One>, jobs: &Receiver<Job>, together: usize, wait: Duration) -> Option<Job> {
    let begun = Instant::now();
    while batch.len() < together {
        let job = match jobs.try_recv() {
            Err(TryRecvError::Empty) => match jobs.recv_timeout(wait.saturating_sub(begun.elapsed())) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
            },
            Err(TryRecvError::Disconnected) => return None,
            Ok(job) => job,
        };
        match job {
            Job::One(one) => batch.push(one),
            other => return Some(other),
        }
    }
    None
}

/// The size that so many samples are filled up to: a power of two, or a multiple of eight, so that few are planned and little is
/// thrown away.
fn planned(count: usize) -> usize {
    match count {
        ..=8 => count.next_power_of_two(),
        _ => count.next_multiple_of(8),
    }
}

/// Makes a batch and hands out its parts.
fn make(sampler: &mut Sampler, batch: Vec<One>, together: usize, tally: &Tally) {
    let begun = Instant::now();
    sampler.make_at_a_time(planned(batch.len()).min(together));
    let z: Vec<f32> = batch.iter().flat_map(|one| one.z.iter().copied()).collect();
    let classes: Vec<usize> = batch.iter().map(|one| one.class).collect();
    let made = sampler.of_latents(&z, &classes);
    tally.batches.fetch_add(1, Ordering::Relaxed);
    tally.samples.fetch_add(batch.len(), Ordering::Relaxed);
    let micros = usize::try_from(begun.elapsed().as_micros()).unwrap_or(usize::MAX);
    tally.busy_micros.fetch_add(micros, Ordering::Relaxed);
    let floats = made.len() / batch.len();
    for (one, part) in batch.into_iter().zip(made.chunks_exact(floats)) {
        let _ = one.reply.send(part.to_vec());
    }
}

/// The systems that are open, of several runs.
#[derive(Default)]
pub(crate) struct Generators {
    open: Mutex<HashMap<String, (Arc<Generator>, Instant)>>,
}

/// Systems that are kept open.
const OPEN: usize = 3;

impl Generators {
    /// The system of a run in its latest saved state.
    pub(crate) fn of(&self, name: &str, folder: &RunFolder) -> Result<Arc<Generator>, Refusal> {
        let latest = checkpoint::list(folder)
            .ok()
            .and_then(|saved| saved.last().map(|(step, _)| *step));
        let mut open = held(&self.open);
        if let Some((generator, used)) = open.get_mut(name)
            && latest.is_none_or(|latest| latest == generator.step)
            && !generator.tally.is_over.load(Ordering::Relaxed)
        {
            *used = Instant::now();
            return Ok(Arc::clone(generator));
        }
        open.remove(name);
        let generator = Generator::open(folder.path(), None, Pace::default());
        let generator = Arc::new(generator.map_err(|error| Refusal::asked(error.to_string()).hinted(error.hint()))?);
        if open.len() >= OPEN {
            let oldest = open
                .iter()
                .min_by_key(|(_, (_, used))| *used)
                .map(|(name, _)| name.clone());
            oldest.and_then(|name| open.remove(&name));
        }
        open.insert(name.to_owned(), (Arc::clone(&generator), Instant::now()));
        Ok(generator)
    }
}
