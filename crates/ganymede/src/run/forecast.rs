//! What a training will take, before it begins: time, memory and disk, from steps that are done and taken back.
use super::checkpoint::KEEP_LAST;
use super::training::{Length, TrainError, Training, is_logged, is_sampled};
use crate::data::Shape;
use crate::doctor::is_looked_at;
use std::fs;
use std::time::{Duration, Instant};

/// Steps are timed for so long, but at least [`FEWEST`] of them.
const TIMED_FOR: Duration = Duration::from_millis(400);
const FEWEST: u32 = 3;

/// Bytes of a line of `events.jsonl` without its scalars, and of each scalar: `"accuracy.discriminator":0.0123456789,`.
const LINE: u64 = 60;
const SCALAR: u64 = 40;
/// Bytes of a report without its sample grids and without a run's curves, and of a curve.
const PAGE: u64 = 60_000;
const CURVE: u64 = 30_000;
/// Bytes of sample grids in a report, at most.
const REPORTED: u64 = 32 << 20;
/// Steps for which is counted what is due.
const COUNTED: u64 = 1 << 20;

/// What is left of a training will take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// Steps that are left.
    pub steps: u64,
    /// Seconds that a step takes.
    pub step_seconds: f64,
    /// Seconds until it ends, with samples and the doctor's looks.
    pub seconds: f64,
    /// Bytes of memory that the process will hold, where the system tells what it holds now.
    pub memory_bytes: Option<u64>,
    /// Bytes that the run's folder will hold.
    pub disk_bytes: u64,
}

impl Training {
    /// Times a few steps, a sample grid and a look of the doctor, and says what the rest will take. The state is then what it
    /// was before, so not a bit of the training depends on it.
    ///
    /// # Errors
    /// Where the data cannot be read or the folder cannot be written.
    pub fn forecast(&mut self) -> Result<Forecast, TrainError> {
        let n = self.step();
        let before: Vec<Vec<u8>> = (0..self.play().entries().len())
            .map(|position| self.play().state(position).as_bytes().to_vec())
            .collect();
        let state_bytes: u64 = before.iter().map(|bytes| bytes.len() as u64).sum();
        let step_seconds = self.time_steps(n)?;
        let play = self.play();
        for (position, bytes) in before.into_iter().enumerate() {
            play.state_mut(position).as_bytes_mut().copy_from_slice(&bytes);
        }
        play.go_on_from(n);
        let scalars = play.reports(n).len() as u64;
        let (sample_seconds, sample_bytes) = self.time_sample()?;
        self.begin_to_watch()?;
        // The first look touches its memory for the first time.
        self.look_for_nothing();
        let (look_seconds, figures) = timed(|| Ok(self.look_for_nothing()))?;

        let last = match self.length() {
            Length::Steps(steps) => steps.max(n),
            Length::Seconds(seconds) => {
                let left = ((seconds - self.seconds()).max(0.0) / step_seconds).ceil();
                n.saturating_add(left as u64)
            }
        };
        // What is due is counted for so many steps; far beyond, it comes as often as there.
        let near = last.min(n.saturating_add(COUNTED));
        let far = last - near;
        let count = |is_due: &dyn Fn(u64) -> bool| (n + 1..=near).filter(|step| is_due(*step)).count() as u64;
        let sample_every = self.sample_every();
        let far_samples = match sample_every {
            Some(period) => far / period.max(1),
            None => 32 * u64::from((last / near.max(1)).max(1).ilog2()),
        };
        let samples = 1 + count(&|step| is_sampled(step, sample_every)) + far_samples;
        let looks = count(&is_looked_at) + far / 100;
        let logged = count(&is_logged) + far / 100;
        let steps = last - n;
        let overhead = samples as f64 * sample_seconds + looks as f64 * look_seconds;
        let lines = logged
            .saturating_mul(LINE + SCALAR * scalars)
            .saturating_add(looks.saturating_mul(SCALAR * figures as u64));
        // The report holds the grids again, as text; there are three copies of it while it is put together.
        let report =
            PAGE + CURVE * scalars.min(lines / 1_000) + samples.saturating_mul(sample_bytes * 4 / 3).min(REPORTED);
        let checkpoints = KEEP_LAST.min(self.checkpoints(steps, step_seconds)) as u64;
        Ok(Forecast {
            steps,
            step_seconds,
            seconds: steps as f64 * step_seconds + overhead,
            memory_bytes: resident_bytes().map(|now| now + 3 * report),
            disk_bytes: (checkpoints * state_bytes + report)
                .saturating_add(samples.saturating_mul(sample_bytes))
                .saturating_add(lines),
        })
    }

    /// The seconds and bytes of a sample grid, drawn of examples: samples will look like those, but do not yet. Of points it
    /// is drawn of places between two examples each, where many samples of a run lie.
    fn time_sample(&mut self) -> Result<(f64, u64), TrainError> {
        // The first samples are compiled.
        let mut shown = self.shown();
        if shown.shape == self.data().shape() {
            let count = shown.values.len() / shown.shape.floats();
            self.data().batch(0, 0, count, &mut shown.values, &mut [])?;
        }
        if let Shape::Point { dimension } = shown.shape {
            let mut next = shown.values.clone();
            next.rotate_left(dimension);
            for (i, (x, next)) in shown.values.iter_mut().zip(next).enumerate() {
                // Another share of the way for each, by the golden ratio.
                *x += ((i / dimension) as f32 * 0.618_034).fract() * (next - *x);
            }
        }
        let path = self.folder().path().join("forecast.png");
        let (seconds, ()) = timed(|| {
            self.shown();
            self.draw(&shown, &path)
        })?;
        let bytes = fs::metadata(&path).map_or(0, |file| file.len());
        // Should it stay, it is in nobody's way.
        let _ = fs::remove_file(path);
        Ok((seconds, bytes))
    }

    /// The seconds of a step, the mean of some: a training has slow steps, too.
    fn time_steps(&mut self, n: u64) -> Result<f64, TrainError> {
        self.fill_for(n)?;
        // The first one is compiled, and touches its memory for the first time.
        self.play().step(n);
        let (mut steps, begun) = (0, Instant::now());
        while steps < FEWEST || begun.elapsed() < TIMED_FOR {
            self.play().step(n);
            steps += 1;
        }
        Ok(begun.elapsed().as_secs_f64() / f64::from(steps))
    }
}

fn timed<T>(work: impl FnOnce() -> Result<T, TrainError>) -> Result<(f64, T), TrainError> {
    let start = Instant::now();
    let result = work()?;
    Ok((start.elapsed().as_secs_f64(), result))
}

/// Bytes of memory that this process holds, where the system is Linux.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}
