//! One persistent pool of threads; work is cut by the caller, so results never depend on how many threads there are.
use rayon::prelude::*;
use std::sync::{OnceLock, atomic::AtomicUsize, atomic::Ordering};

static WANTED: AtomicUsize = AtomicUsize::new(0);
static POOL: OnceLock<rayon::ThreadPool> = OnceLock::new();

/// Sets how many threads the pool gets; 0 means one per core. Only counts before the pool's first use.
pub fn set_threads(threads: usize) {
    WANTED.store(threads, Ordering::Relaxed);
}

fn pool() -> &'static rayon::ThreadPool {
    POOL.get_or_init(|| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(WANTED.load(Ordering::Relaxed))
            .thread_name(|i| format!("gany-{i}"))
            .build()
            .expect("the operating system starts threads")
    })
}

/// How many threads the pool has.
pub fn threads() -> usize {
    pool().current_num_threads()
}

/// Runs `work` inside the pool, so that the [`for_each`] calls in it start without waking a thread first. Whoever already
/// runs in a pool stays in it.
pub fn inside<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    if rayon::current_thread_index().is_some() {
        work()
    } else {
        pool().install(work)
    }
}

/// Calls `work` once for every task number below `tasks`, in any order, on any thread, and waits for all of them.
pub fn for_each(tasks: usize, work: impl Fn(usize) + Sync + Send) {
    if tasks == 1 {
        return work(0);
    }
    let run = || (0..tasks).into_par_iter().with_max_len(1).for_each(work);
    // Whoever already runs in a pool stays in it.
    if rayon::current_thread_index().is_some() {
        run()
    } else {
        pool().install(run)
    }
}
