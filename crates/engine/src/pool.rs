//! A pool of threads for work that is cut into tasks; work is cut by the caller, so results never depend on how many
//! threads there are.
//!
//! A training step is some hundred instructions of which many take less than a tenth of a millisecond: the threads wait for
//! the next one awake. So there is no queue, only the one job that is open; whoever is awake joins it, takes
//! tasks from a counter, and the thread that opened it works along and closes it. Threads that find nothing for a while
//! go to sleep.
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::thread::JoinHandle;

static WANTED: AtomicUsize = AtomicUsize::new(0);
static POOL: OnceLock<Mutex<Pool>> = OnceLock::new();

thread_local! {
    /// The pool that this thread's jobs run on; null outside.
    static CURRENT: Cell<*const Pool> = const { Cell::new(std::ptr::null()) };
    /// This thread is in the middle of a task.
    static IN_TASK: Cell<bool> = const { Cell::new(false) };
}

/// Sets how many threads the pool gets; 0 means one per core. Only counts before the pool's first use.
pub fn set_threads(threads: usize) {
    WANTED.store(threads, Ordering::Relaxed);
}

fn wanted() -> usize {
    match WANTED.load(Ordering::Relaxed) {
        0 => std::thread::available_parallelism().map_or(1, |cores| cores.get()),
        threads => threads,
    }
}

/// How many threads work on a job started here.
pub fn threads() -> usize {
    let current = CURRENT.get();
    if current.is_null() {
        POOL.get().map_or_else(wanted, |pool| unpoisoned(pool).threads())
    } else {
        // SAFETY: a thread's current pool lives until `within` returns.
        unsafe { &*current }.threads()
    }
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Runs `work` with the pool held, so that the [`for_each`] calls in it find its threads awake. Whoever already holds a
/// pool keeps it; others wait.
pub fn inside<R>(work: impl FnOnce() -> R) -> R {
    if CURRENT.get().is_null() {
        let pool = unpoisoned(POOL.get_or_init(|| Mutex::new(Pool::new(wanted()))));
        within(&pool, work)
    } else {
        work()
    }
}

/// Runs `work` on a pool of its own with this many threads.
pub fn with_threads<R>(threads: usize, work: impl FnOnce() -> R) -> R {
    within(&Pool::new(threads), work)
}

fn within<R>(pool: &Pool, work: impl FnOnce() -> R) -> R {
    struct Restore(*const Pool);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _restore = Restore(CURRENT.replace(pool));
    work()
}

/// Calls `work` once for every task number below `tasks`, in any order, on any thread, and waits for all of them.
pub fn for_each(tasks: usize, work: impl Fn(usize) + Sync) {
    if tasks <= 1 || IN_TASK.get() {
        return (0..tasks).for_each(work);
    }
    inside(|| {
        // SAFETY: `inside` made it this thread's pool, which lives until it returns.
        unsafe { &*CURRENT.get() }.run(tasks, &work);
    });
}

/// Bits of the state: whether a job is open, how many threads have joined it, and its number.
const OPEN: usize = 1;
const ONE_JOINED: usize = 2;
const JOINED: usize = 0xfffe;
const ONE_JOB: usize = 0x1_0000;

/// How often a thread looks for a job before it sleeps: a few tenths of a millisecond.
const LOOKS: usize = 10_000;

struct Pool {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
}

type Work<'a> = dyn Fn(usize) + Sync + 'a;

struct Shared {
    /// Changed by nobody but the opener while nobody has joined, else only counted up and down.
    state: AtomicUsize,
    /// The number of the next task that nobody has taken.
    next: AtomicUsize,
    tasks: AtomicUsize,
    /// Tasks that are taken at once: so many that taking them costs nothing, so few that all threads end together.
    step: AtomicUsize,
    /// What the open job calls, as the two halves of a wide pointer.
    work: [AtomicUsize; 2],
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    sleepers: AtomicUsize,
    is_over: Mutex<bool>,
    wake: Condvar,
}

impl Pool {
    fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            state: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            tasks: AtomicUsize::new(0),
            step: AtomicUsize::new(1),
            work: [AtomicUsize::new(0), AtomicUsize::new(0)],
            panic: Mutex::new(None),
            sleepers: AtomicUsize::new(0),
            is_over: Mutex::new(false),
            wake: Condvar::new(),
        });
        let helper = |i| {
            let shared = shared.clone();
            std::thread::Builder::new()
                .name(format!("gany-{i}"))
                .spawn(move || shared.help())
                .expect("the operating system starts threads")
        };
        let helpers = (1..threads).map(helper).collect();
        Self { shared, helpers }
    }

    fn threads(&self) -> usize {
        self.helpers.len() + 1
    }

    fn run(&self, tasks: usize, work: &Work<'_>) {
        /// Closes the job and waits until everybody has left it, also when a task of this thread panics: the others may
        /// still use what its caller owns.
        struct Close<'a>(&'a Shared);
        impl Drop for Close<'_> {
            fn drop(&mut self) {
                self.0.next.store(usize::MAX / 2, Ordering::Relaxed);
                self.0.state.fetch_and(!OPEN, Ordering::AcqRel);
                let mut looks = 0;
                while self.0.state.load(Ordering::Acquire) & JOINED != 0 {
                    pause(&mut looks);
                }
            }
        }
        let shared = &*self.shared;
        if self.helpers.is_empty() {
            return (0..tasks).for_each(work);
        }
        // SAFETY: only its form is changed here; it is called only while the job is open, and `work` outlives that.
        let halves: [usize; 2] = unsafe { std::mem::transmute::<&Work<'_>, [usize; 2]>(work) };
        shared.work[0].store(halves[0], Ordering::Relaxed);
        shared.work[1].store(halves[1], Ordering::Relaxed);
        shared.tasks.store(tasks, Ordering::Relaxed);
        shared
            .step
            .store((tasks / (16 * self.threads())).max(1), Ordering::Relaxed);
        shared.next.store(0, Ordering::Relaxed);
        shared.state.fetch_add(ONE_JOB | OPEN, Ordering::SeqCst);
        if shared.sleepers.load(Ordering::SeqCst) > 0 {
            drop(unpoisoned(&shared.is_over));
            shared.wake.notify_all();
        }
        let close = Close(shared);
        shared.take_tasks();
        drop(close);
        if let Some(panic) = unpoisoned(&shared.panic).take() {
            resume_unwind(panic);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        *unpoisoned(&self.shared.is_over) = true;
        self.shared.wake.notify_all();
        for helper in self.helpers.drain(..) {
            // A helper catches what its tasks panic with.
            let _ = helper.join();
        }
    }
}

impl Shared {
    /// What a helper does all its life.
    fn help(&self) {
        let (mut seen, mut looks) = (0, 0);
        loop {
            let state = self.state.load(Ordering::Acquire);
            if state & OPEN != 0 && state / ONE_JOB != seen {
                let joined = state + ONE_JOINED;
                if self
                    .state
                    .compare_exchange_weak(state, joined, Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok()
                {
                    (seen, looks) = (state / ONE_JOB, 0);
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.take_tasks())) {
                        *unpoisoned(&self.panic) = Some(panic);
                    }
                    self.state.fetch_sub(ONE_JOINED, Ordering::AcqRel);
                }
            } else if looks < LOOKS {
                pause(&mut looks);
            } else {
                looks = 0;
                if self.sleep(seen) {
                    return;
                }
            }
        }
    }

    /// Sleeps until a job newer than `seen` is open; true says that the pool is over.
    fn sleep(&self, seen: usize) -> bool {
        let mut is_over = unpoisoned(&self.is_over);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        while !*is_over {
            let state = self.state.load(Ordering::SeqCst);
            if state & OPEN != 0 && state / ONE_JOB != seen {
                break;
            }
            is_over = self.wake.wait(is_over).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        *is_over
    }

    /// Calls the open job's work for tasks that nobody has taken until there are none.
    fn take_tasks(&self) {
        struct Leave;
        impl Drop for Leave {
            fn drop(&mut self) {
                IN_TASK.set(false);
            }
        }
        let _leave = Leave;
        IN_TASK.set(true);
        let (tasks, step) = (self.tasks.load(Ordering::Relaxed), self.step.load(Ordering::Relaxed));
        let halves = [0, 1].map(|i| self.work[i].load(Ordering::Relaxed));
        // SAFETY: whoever gets here has opened or joined the job after its work was stored, and `run` waits for all.
        let work: &Work<'_> = unsafe { std::mem::transmute::<[usize; 2], &Work<'_>>(halves) };
        loop {
            let first = self.next.fetch_add(step, Ordering::Relaxed);
            if first >= tasks {
                return;
            }
            (first..(first + step).min(tasks)).for_each(work);
        }
    }
}

/// Waits for another thread a moment; after long, lets others have the core.
fn pause(looks: &mut usize) {
    *looks += 1;
    if looks.is_multiple_of(256) {
        std::thread::yield_now();
    } else {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_is_done_once() {
        for threads in [1, 2, 3, 8] {
            with_threads(threads, || {
                for tasks in [0, 1, 2, 7, 1000] {
                    let done: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                    for _ in 0..20 {
                        for_each(tasks, |i| _ = done[i].fetch_add(1, Ordering::Relaxed));
                    }
                    assert!(done.iter().all(|done| done.load(Ordering::Relaxed) == 20));
                }
            });
        }
    }

    #[test]
    fn sleepers_wake() {
        with_threads(3, || {
            for pause in [0, 20, 60] {
                std::thread::sleep(std::time::Duration::from_millis(pause));
                let sum = AtomicUsize::new(0);
                for_each(100, |i| _ = sum.fetch_add(i, Ordering::Relaxed));
                assert_eq!(sum.load(Ordering::Relaxed), 4950);
            }
        });
    }

    #[test]
    fn a_job_within_a_task_runs_where_it_is() {
        let sum = AtomicUsize::new(0);
        for_each(5, |_| for_each(7, |i| _ = sum.fetch_add(i, Ordering::Relaxed)));
        assert_eq!(sum.load(Ordering::Relaxed), 5 * 21);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
        with_threads(2, || {
            for _ in 0..20 {
                let found = catch_unwind(|| for_each(50, |i| assert!(i != 33, "task 33")));
                assert!(found.is_err());
                let sum = AtomicUsize::new(0);
                for_each(10, |i| _ = sum.fetch_add(i, Ordering::Relaxed));
                assert_eq!(sum.load(Ordering::Relaxed), 45);
            }
        });
    }

    #[test]
    fn callers_from_many_threads_wait_for_each_other() {
        let sum = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| for_each(100, |i| _ = sum.fetch_add(i, Ordering::Relaxed)));
            }
        });
        assert_eq!(sum.load(Ordering::Relaxed), 4 * 4950);
    }
}
