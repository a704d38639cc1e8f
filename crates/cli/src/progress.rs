//! What a training shows while it goes on: a bar and pictures in a terminal, plain lines elsewhere, JSON for programs.
use crate::output::{DIM, WARNING, clock, grouped, try_print};
use crate::picture::{Grid, Screen};
use ganymede::run::{Event, Length};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::{BTreeMap, VecDeque};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Without a terminal, a line is written this often.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shares of the way after which a sample grid is shown; the last one is shown at the end.
const SHOW_AFTER: [f64; 3] = [0.1, 0.3, 0.6];

/// Seconds of training over which speed is measured.
const RATE_OVER: f64 = 5.0;

/// How much of the last shown value stays in the next one: single steps jump too much to be read.
const SMOOTHING: f64 = 0.9;

/// Where the words go.
enum Voice {
    Bar(ProgressBar),
    Lines { last: Option<Instant> },
    Json,
}

/// A reader of a run's events that shows them.
pub(crate) struct Progress {
    voice: Voice,
    length: Length,
    folder: PathBuf,
    grid: Grid,
    screen: Option<Screen>,
    /// Share of the way gone, from 0 to 1.
    share: f64,
    shown_pictures: usize,
    /// The step of the grid that was shown last.
    shown_step: u64,
    /// Seconds of training and examples seen, at the latest steps.
    recent: VecDeque<(f64, u64)>,
    scalars: BTreeMap<String, f64>,
    /// The latest of what the ending tells.
    pub(crate) seconds: f64,
    pub(crate) images: u64,
    pub(crate) step: u64,
    pub(crate) latest_sample: Option<(u64, String)>,
}

impl Progress {
    pub(crate) fn new(length: Length, folder: PathBuf, grid: Grid, is_json: bool) -> Progress {
        let has_bar = std::io::stderr().is_terminal();
        let voice = match (is_json, has_bar) {
            (true, _) => Voice::Json,
            (false, true) => Voice::Bar(bar()),
            (false, false) => Voice::Lines { last: None },
        };
        let shows_pictures = !is_json && has_bar && std::io::stdout().is_terminal();
        Progress {
            voice,
            length,
            folder,
            grid,
            screen: Screen::detect(|name| std::env::var(name).ok()).filter(|_| shows_pictures),
            share: 0.0,
            shown_pictures: 0,
            shown_step: 0,
            recent: VecDeque::new(),
            scalars: BTreeMap::new(),
            seconds: 0.0,
            images: 0,
            step: 0,
            latest_sample: None,
        }
    }

    /// A handle with which another thread can say that the run is about to stop.
    pub(crate) fn bar(&self) -> Option<ProgressBar> {
        match &self.voice {
            Voice::Bar(bar) => Some(bar.clone()),
            Voice::Lines { .. } | Voice::Json => None,
        }
    }

    /// Shows an event.
    pub(crate) fn see(&mut self, event: &Event) {
        if let Voice::Json = self.voice {
            // A reader that has gone away does not end the training.
            let _ = try_print(&serde_json::to_string(event).expect("an event is plain"));
        }
        match event {
            Event::Step {
                step,
                seconds,
                images,
                scalars,
            } => {
                (self.step, self.seconds, self.images) = (*step, *seconds, *images);
                self.measure(scalars);
                self.show_step();
            }
            Event::Sample { step, path } => {
                self.latest_sample = Some((*step, path.clone()));
                let reached = SHOW_AFTER.iter().filter(|share| self.share >= **share).count();
                if reached > self.shown_pictures {
                    self.shown_pictures = reached;
                    self.show_picture(*step, path);
                }
            }
            Event::Metric { step, figures, best } => self.say(&measured(*step, figures, *best)),
            Event::Warning { message, .. } => self.say(&warning(message)),
            Event::Alarm { .. } | Event::Healed { .. } => {
                if let Some(text) = crate::doctor::told(event) {
                    self.say(&text);
                }
            }
            Event::Started { .. } | Event::Resumed { .. } | Event::Checkpoint { .. } | Event::Stopped { .. } => {}
            Event::Finished { .. } => {
                if let Some((step, path)) = self.latest_sample.clone() {
                    self.show_picture(step, &path);
                }
            }
        }
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        if let Voice::Bar(bar) = &self.voice {
            bar.finish_and_clear();
        }
    }

    fn measure(&mut self, scalars: &BTreeMap<String, f64>) {
        for (name, &value) in scalars {
            let shown = self.scalars.entry(name.clone()).or_insert(value);
            *shown = SMOOTHING * *shown + (1.0 - SMOOTHING) * value;
        }
        self.share = match self.length {
            Length::Steps(steps) => self.step as f64 / steps.max(1) as f64,
            Length::Seconds(seconds) => self.seconds / seconds,
        };
        self.share = self.share.clamp(0.0, 1.0);
        self.recent.push_back((self.seconds, self.images));
        while self.recent.len() > 2 && self.recent[1].0 < self.seconds - RATE_OVER {
            self.recent.pop_front();
        }
    }

    /// Examples a second, once that is known.
    fn rate(&self) -> Option<f64> {
        let (&(before, had), &(now, has)) = (self.recent.front()?, self.recent.back()?);
        (now > before).then(|| (has - had) as f64 / (now - before))
    }

    fn seconds_left(&self) -> Option<f64> {
        match self.length {
            Length::Seconds(seconds) => Some((seconds - self.seconds).max(0.0)),
            Length::Steps(steps) => {
                let per_step = self.images as f64 / self.step.max(1) as f64;
                Some(steps.saturating_sub(self.step) as f64 * per_step / self.rate()?)
            }
        }
    }

    fn pace(&self) -> String {
        let of = match self.length {
            Length::Steps(steps) => format!(" of {}", grouped(steps)),
            Length::Seconds(_) => String::new(),
        };
        let left = self
            .seconds_left()
            .map_or_else(String::new, |left| format!("{} left  ", clock(left)));
        let rate = self.rate().map_or_else(String::new, |rate| {
            format!("  {} images/s", grouped(rate.round() as u64))
        });
        format!("{left}step {}{of}{rate}", grouped(self.step))
    }

    fn show_step(&mut self) {
        let (pace, state, percent) = (self.pace(), spoken(&self.scalars), self.share * 100.0);
        match &mut self.voice {
            Voice::Json => {}
            Voice::Bar(bar) => {
                bar.set_position((self.share * bar.length().unwrap_or(0) as f64) as u64);
                bar.set_prefix(pace);
                bar.set_message(state);
            }
            Voice::Lines { last } => {
                if last.is_none_or(|last| last.elapsed() >= LINE_EVERY) {
                    *last = Some(Instant::now());
                    let _ = writeln!(anstream::stderr(), "{percent:>3.0}%  {pace}  {state}");
                }
            }
        }
    }

    fn show_picture(&mut self, step: u64, path: &str) {
        let Some(screen) = self.screen else { return };
        if step == self.shown_step {
            return;
        }
        self.shown_step = step;
        let columns = terminal_size::terminal_size().map_or(80, |(width, _)| width.0.into());
        if let Some(text) = screen.draw(&self.folder.join(path), &self.grid, columns) {
            let at = format!(
                "  {DIM}samples after step {}, {}{DIM:#}",
                grouped(step),
                clock(self.seconds)
            );
            self.say(&format!("{at}\n{text}"));
        }
    }

    /// Words that stay, above the bar.
    fn say(&self, text: &str) {
        match &self.voice {
            Voice::Json => {}
            Voice::Bar(bar) => bar.suspend(|| _ = try_print(text)),
            Voice::Lines { .. } => _ = writeln!(anstream::stderr(), "{text}"),
        }
    }
}

/// A warning as a person sees it.
pub(crate) fn warning(message: &str) -> String {
    format!("{WARNING}warning:{WARNING:#} {message}")
}

/// Figures of a step, the best so far marked.
fn measured(step: u64, figures: &BTreeMap<String, f64>, best: bool) -> String {
    // Levels of a figure, such as `swd.32x32`, stay in the events and in the report.
    let shown = figures.iter().filter(|(name, _)| !name.contains('.'));
    let shown: Vec<String> = shown.map(|(name, value)| format!("{name} {value:.3}")).collect();
    let mark = if best { "  (best so far, kept)" } else { "" };
    format!("{DIM}step {}: {}{mark}{DIM:#}", grouped(step), shown.join("  "))
}

/// A bar for work with so many parts, whose `prefix` and `msg` say how far it is.
pub(crate) fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(10_000), ProgressDrawTarget::stderr_with_hz(8));
    let template = "  {bar:32.cyan/black.bright} {percent:>3}%  {prefix}\n  {msg}";
    let style = ProgressStyle::with_template(template).expect("a sound template");
    bar.set_style(style.progress_chars("\u{2501}\u{2578}\u{2500}"));
    bar.set_prefix("planning the first step");
    bar.tick();
    bar
}

/// The scalars of a step in words: losses, then how the discriminator or the critic does.
fn spoken(scalars: &BTreeMap<String, f64>) -> String {
    let mut parts = vec![];
    let losses: Vec<String> = scalars
        .iter()
        .filter_map(|(name, value)| Some(format!("{} {value:.2}", name.strip_prefix("loss.")?)))
        .collect();
    if !losses.is_empty() {
        parts.push(format!("loss: {}", losses.join(", ")));
    }
    if let (Some(real), Some(fake)) = (scalars.get("accuracy.real"), scalars.get("accuracy.fake")) {
        let percent = |share: &f64| format!("{:.0}%", share * 100.0);
        parts.push(format!(
            "discriminator right on real {}, on fake {}",
            percent(real),
            percent(fake)
        ));
    }
    if let Some(gap) = scalars.get("critic.gap") {
        parts.push(format!("critic's gap {gap:.2}"));
    }
    parts.join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_put_into_words() {
        let scalars = |pairs: &[(&str, f64)]| pairs.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
        let of_gan = scalars(&[
            ("accuracy.fake", 0.91),
            ("accuracy.real", 0.844),
            ("loss.discriminator", 0.6213),
            ("loss.generator", 1.85),
            ("probability.real", 0.7),
        ]);
        assert_eq!(
            spoken(&of_gan),
            "loss: discriminator 0.62, generator 1.85  discriminator right on real 84%, on fake 91%"
        );
        let of_wgan = scalars(&[("critic.gap", 1.5), ("loss.critic", -1.25), ("loss.generator", 0.0)]);
        assert_eq!(
            spoken(&of_wgan),
            "loss: critic -1.25, generator 0.00  critic's gap 1.50"
        );
    }

    #[test]
    fn what_is_left_follows_from_steps_or_time() {
        let grid = || Grid {
            columns: 8,
            aspect: 1.0,
        };
        let step = |step, seconds| Event::Step {
            step,
            seconds,
            images: step * 64,
            scalars: BTreeMap::new(),
        };
        let mut by_steps = Progress::new(Length::Steps(1000), PathBuf::new(), grid(), true);
        by_steps.recent.push_back((0.0, 0));
        by_steps.measure(&BTreeMap::new());
        if let Event::Step {
            step, seconds, images, ..
        } = step(100, 4.0)
        {
            (by_steps.step, by_steps.seconds, by_steps.images) = (step, seconds, images);
        }
        by_steps.measure(&BTreeMap::new());
        assert_eq!(by_steps.pace(), "0:36 left  step 100 of 1,000  1,600 images/s");
        let mut by_time = Progress::new(Length::Seconds(180.0), PathBuf::new(), grid(), true);
        (by_time.step, by_time.seconds, by_time.images) = (1500, 60.0, 96_000);
        by_time.measure(&BTreeMap::new());
        assert_eq!(by_time.pace(), "2:00 left  step 1,500");
        assert!((by_time.share - 1.0 / 3.0).abs() < 1e-12);
    }
}
