//! How times and memory are measured: as the PyTorch scripts in `benches/` do it.
use std::time::{Duration, Instant};

/// The times of a piece of work that is done over and over.
pub(crate) struct Times(Vec<Duration>);

/// As long as this and at least that often, but not more often than is of use.
const LONG_ENOUGH: Duration = Duration::from_secs(1);
const LEAST_RUNS: usize = 5;
const MOST_RUNS: usize = 200;

impl Times {
    /// Of work that is done twice before the clock starts, and then for a second.
    pub(crate) fn of(mut work: impl FnMut()) -> Times {
        (0..2).for_each(|_| work());
        let (start, mut times) = (Instant::now(), vec![]);
        while times.len() < LEAST_RUNS || times.len() < MOST_RUNS && start.elapsed() < LONG_ENOUGH {
            let once = Instant::now();
            work();
            times.push(once.elapsed());
        }
        times.into()
    }

    pub(crate) fn median(&self) -> Duration {
        self.0[self.0.len() / 2]
    }

    pub(crate) fn least(&self) -> Duration {
        self.0[0]
    }
}

impl From<Vec<Duration>> for Times {
    /// # Panics
    /// Where there is none.
    fn from(mut times: Vec<Duration>) -> Times {
        assert!(!times.is_empty(), "something was timed");
        times.sort();
        Times(times)
    }
}

/// Milliseconds with as many digits as a clock is good for.
pub(crate) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// To so many digits behind the point.
pub(crate) fn rounded(number: f64, digits: i32) -> f64 {
    (number * 10_f64.powi(digits)).round() / 10_f64.powi(digits)
}

/// Any numbers on [-1, 1), the same ones every time.
pub(crate) fn fill_with_noise(numbers: &mut [f32]) {
    let mut state = 1_u32;
    for number in numbers {
        // Marsaglia's xorshift: any noise will do.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        *number = state as f32 / 2_f32.powi(31) - 1.0;
    }
}

/// The most memory that this process ever held, in MiB, where the system tells.
pub(crate) fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        let times = Times::from([5, 1, 9, 2, 3].map(Duration::from_millis).to_vec());
        assert_eq!((ms(times.median()), ms(times.least())), (3.0, 1.0));
    }

    #[test]
    fn noise_is_between_minus_one_and_one() {
        let mut numbers = [9.0; 1000];
        fill_with_noise(&mut numbers);
        assert!(numbers.iter().all(|x| (-1.0..=1.0).contains(x)));
        assert!(numbers.iter().sum::<f32>().abs() < 60.0);
    }
}
