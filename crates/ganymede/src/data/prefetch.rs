//! Batches made ahead on a thread of their own, so that a training step does not wait for its pictures.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use super::error::Result;
use super::{Batch, Dataset};

/// Makes the batches of coming steps ahead, into buffers that go round.
///
/// The batch of a step is what [`Dataset::batch`] gives for `first = step * batch_size`, whatever was asked for before; asked
/// for in order they are ready, asked for out of order they are made. Once every buffer exists nothing is allocated here.
#[derive(Debug)]
pub struct Prefetcher {
    requests: Option<SyncSender<(u64, Batch)>>,
    results: Receiver<(Batch, Result<()>)>,
    worker: Option<JoinHandle<()>>,
    /// The steps that were asked of the worker and not taken yet, in order.
    ahead: VecDeque<u64>,
    idle: Vec<Batch>,
    current: Option<Batch>,
}

impl Prefetcher {
    /// Prefetches batches of `batch_size` examples for a run with this seed, up to `depth` (at least 1) steps ahead.
    pub fn new(data: Arc<dyn Dataset>, seed: u64, batch_size: usize, depth: usize) -> Self {
        let depth = depth.max(1);
        let idle = (0..=depth).map(|_| Batch::of(&*data, batch_size)).collect();
        let (requests, asked) = sync_channel::<(u64, Batch)>(depth + 1);
        let (answer, results) = sync_channel(depth + 1);
        let worker = thread::spawn(move || {
            for (step, mut batch) in asked {
                let result = batch.fill(&*data, seed, step.wrapping_mul(batch_size as u64));
                if answer.send((batch, result)).is_err() {
                    break;
                }
            }
        });
        Self {
            requests: Some(requests),
            results,
            worker: Some(worker),
            ahead: VecDeque::with_capacity(depth + 1),
            idle,
            current: None,
        }
    }

    /// The batch of a step; any step may be asked for at any time.
    ///
    /// # Errors
    /// As [`Dataset::read`]. The same step may be asked for again.
    pub fn next(&mut self, step: u64) -> Result<&Batch> {
        self.idle.extend(self.current.take());
        while self.ahead.front().is_some_and(|&ahead| ahead != step) {
            let (batch, _) = self.take();
            self.idle.push(batch);
        }
        self.ask(step);
        let (batch, result) = self.take();
        // The last buffer is this step's; the other one that is idle serves the next step that nobody asked for yet.
        if let Err(error) = result {
            self.idle.push(batch);
            return Err(error);
        }
        self.ask(step.wrapping_add(1));
        Ok(self.current.insert(batch))
    }

    /// Hands every idle buffer to the worker, for the steps that follow those asked for, from `step` if there are none.
    fn ask(&mut self, step: u64) {
        while let Some(batch) = self.idle.pop() {
            let step = self.ahead.back().map_or(step, |last| last.wrapping_add(1));
            let sent = self.requests.as_ref().map(|requests| requests.send((step, batch)));
            if !matches!(sent, Some(Ok(()))) {
                self.worker_died();
            }
            self.ahead.push_back(step);
        }
    }

    /// Waits for the first of the steps asked for.
    fn take(&mut self) -> (Batch, Result<()>) {
        self.ahead.pop_front();
        match self.results.recv() {
            Ok(result) => result,
            Err(_) => self.worker_died(),
        }
    }

    /// The worker ends early only by a panic, which is a bug and goes on here.
    fn worker_died(&mut self) -> ! {
        match self.worker.take().map(JoinHandle::join) {
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            _ => unreachable!("the worker ends only when its requests do"),
        }
    }
}

impl Drop for Prefetcher {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(worker) = self.worker.take() {
            // A panic of the worker was either passed on already or is of no more concern.
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::error::DataError;
    use crate::data::{Want, builtin};
    use std::collections::HashSet;

    #[test]
    fn prefetched_equals_direct_at_any_step() {
        let data: Arc<dyn Dataset> = Arc::new(builtin::fashion_mnist_10k("f", &Want::default()).unwrap());
        let mut direct = Batch::of(&*data, 7);
        let mut ahead = Prefetcher::new(data.clone(), 3, 7, 3);
        for step in [0, 1, 2, 3, 4, 4, 3, 1000, 1001, 1002, 1005, 1_000_000, 0, 1, 2] {
            direct.fill(&*data, 3, step * 7).unwrap();
            assert_eq!(ahead.next(step).unwrap(), &direct, "step {step}");
        }
    }

    #[test]
    fn the_same_buffers_go_round() {
        let data: Arc<dyn Dataset> = Arc::new(builtin::fashion_mnist_10k("f", &Want::default()).unwrap());
        let mut ahead = Prefetcher::new(data, 3, 4, 2);
        let steps = (0..50).chain([7, 90, 91, 91]);
        let places: HashSet<_> = steps.map(|step| ahead.next(step).unwrap().x.as_ptr()).collect();
        assert!(places.len() <= 3, "{}", places.len());
    }

    /// A data set in which one example cannot be read.
    #[derive(Debug)]
    struct Flawed;

    impl Dataset for Flawed {
        fn name(&self) -> &str {
            "flawed"
        }
        fn digest(&self) -> &str {
            ""
        }
        fn len(&self) -> Option<u64> {
            None
        }
        fn shape(&self) -> crate::data::Shape {
            crate::data::Shape::Point { dimension: 1 }
        }
        fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
            assert_ne!(index, 100, "a bug");
            if index == 5 {
                return Err(DataError::BrokenPicture {
                    path: "p".into(),
                    why: "cut".into(),
                });
            }
            x[0] = index as f32;
            Ok(0)
        }
    }

    #[test]
    fn errors_come_at_their_own_step_and_do_not_end_it() {
        let mut ahead = Prefetcher::new(Arc::new(Flawed), 0, 1, 3);
        for step in 0..5 {
            assert_eq!(ahead.next(step).unwrap().x, [step as f32]);
        }
        for _ in 0..2 {
            assert_eq!(ahead.next(5).unwrap_err().to_string(), "broken picture: cut: p");
        }
        assert_eq!(ahead.next(6).unwrap().x, [6.0]);
    }

    #[test]
    #[should_panic(expected = "a bug")]
    fn a_panic_of_the_worker_is_passed_on() {
        let mut ahead = Prefetcher::new(Arc::new(Flawed), 0, 1, 3);
        let _ = ahead.next(100);
    }
}
