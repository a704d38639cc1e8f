//! The report of a run: one page that opens from disk, needs no network, and explains what it shows.
//!
//! It is made from the run's files alone, so that it can be made again at any time, also while the run goes on. Pictures
//! are inside the page, charts are drawn by a script inside the page, and a content security policy forbids it to load
//! anything else. `report.html#selftest` makes the page use itself and write down what came of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use serde_json::Value;

use super::atomic;
use super::error::Result;
use super::events::{Event, EventLog, read_events};
use super::folder::{Provenance, RunFolder, Settings, inside};

/// How a group of scalars, those with one prefix, is charted and explained.
struct Group {
    prefix: &'static str,
    title: &'static str,
    unit: &'static str,
    /// The axis where it does not follow from the values.
    range: Option<[f64; 2]>,
    percent: bool,
    /// Whether its lines are noisy; schedules are not.
    noisy: bool,
    /// A value worth a dotted line.
    reference: Option<f64>,
    about: &'static str,
    healthy: &'static str,
    trouble: &'static str,
}

const LOSSES: Group = Group {
    prefix: "loss",
    title: "Losses",
    unit: "what each player minimises",
    range: None,
    percent: false,
    noisy: true,
    reference: None,
    about: "The players pull against each other, so a falling curve is not progress by itself and neither should end \
            at zero.",
    healthy: "both curves find a band early and wobble in it, while the pictures go on getting better.",
    trouble: "the discriminator's loss sinks to zero and the generator's climbs without end: the generator no longer \
              learns. Jumps that grow, or gaps, mean that training diverges.",
};

/// The groups that are known, in the order of their charts. Others follow, explained by nobody.
const GROUPS: &[Group] = &[
    LOSSES,
    Group {
        prefix: "accuracy",
        title: "How often the discriminator is right",
        unit: "share of pictures judged correctly",
        range: Some([0.0, 1.0]),
        percent: true,
        noisy: true,
        reference: Some(0.5),
        about: "On real pictures and on generated ones. At the dotted line, one half, it only guesses.",
        healthy: "both stay between one half and about 90\u{a0}%, and sink slowly as the fakes become harder to tell.",
        trouble: "both stick at 100\u{a0}%: the discriminator has won, and its opponent gets no useful hint. Wide swings in \
                  turn: the players chase each other, often around samples that all look alike (collapse).",
    },
    Group {
        prefix: "probability",
        title: "D(x) and D(G(z))",
        unit: "probability of being real, by the discriminator's judgement",
        range: Some([0.0, 1.0]),
        percent: false,
        noisy: true,
        reference: Some(0.5),
        about: "D(x) is the mean for real pictures, D(G(z)) for generated ones. In theory the game ends with both at one \
                half.",
        healthy: "D(x) stays above D(G(z)), and the gap between them narrows.",
        trouble: "D(x) near 1 with D(G(z)) near 0 from early on: the discriminator is too strong. A sudden drop of the gap \
                  followed by a rebound often marks a collapse.",
    },
    Group {
        prefix: "critic",
        title: "The critic's gap",
        unit: "mean score of real minus mean score of generated pictures",
        range: None,
        percent: false,
        noisy: true,
        reference: Some(0.0),
        about: "A Wasserstein critic does not judge true or false: the gap estimates, up to a factor, how far apart real \
                and generated pictures are.",
        healthy: "it shoots up while the critic learns to see, then falls slowly, and pictures improve as it falls.",
        trouble: "it grows without end (the critic is not held in check: raise the penalty or lower its learning rate), or \
                  hovers around zero while samples are still poor (the critic is too weak: train it more often).",
    },
    Group {
        prefix: "gradient_norm",
        title: "Gradient norm",
        unit: "length of the gradient with respect to the pictures",
        range: None,
        percent: false,
        noisy: true,
        reference: Some(1.0),
        about: "How steep the critic is between real and generated pictures. A gradient penalty pulls this towards the \
                dotted line at 1.",
        healthy: "it comes close to 1 early and stays there.",
        trouble: "far above 1, the critic is too steep and its gap means little; near 0, it is flat and teaches nothing.",
    },
    Group {
        prefix: "fd",
        title: "Frechet distance",
        unit: "distance between the features of samples and of real pictures",
        range: None,
        percent: false,
        noisy: false,
        reference: None,
        about: "How far samples are from real pictures, as a feature network sees them. Of 1,000 samples it is too large by a constant, so read its course.",
        healthy: "it falls quickly, then slowly, and levels off.",
        trouble: "it rises again: the state called `best` is from before.",
    },
    Group {
        prefix: "kid",
        title: "Kernel distance",
        unit: "squared distance between the features of samples and of real pictures",
        range: None,
        percent: false,
        noisy: false,
        reference: None,
        about: "How far samples are from real pictures, as a feature network sees them; 0 is none.",
        healthy: "it falls and levels off.",
        trouble: "it rises again: the state called `best` is from before.",
    },
    Group {
        prefix: "w1",
        title: "Wasserstein distance",
        unit: "how far points must be moved to become real ones",
        range: None,
        percent: false,
        noisy: false,
        reference: None,
        about: "The least mean way on which samples can be carried to real points.",
        healthy: "it falls to about what two sets of real points have.",
        trouble: "it stays high, or jumps as modes are lost and found.",
    },
    Group {
        prefix: "fidelity",
        title: "Fidelity and variety",
        unit: "share",
        range: Some([0.0, 1.0]),
        percent: false,
        noisy: false,
        reference: None,
        about: "Precision and density: do samples lie where real pictures do? Recall and coverage: do they lie everywhere there?",
        healthy: "all four rise.",
        trouble: "precision rises while recall and coverage fall: fewer kinds of pictures, a collapse.",
    },
    Group {
        prefix: "swd",
        title: "Sliced Wasserstein distance",
        unit: "times 1,000, for each size of details",
        range: None,
        percent: false,
        noisy: false,
        reference: None,
        about: "Whether details of every size are distributed as in real pictures.",
        healthy: "all levels fall, coarse ones first.",
        trouble: "the finest level stays high: samples are blurred or have a pattern.",
    },
    Group {
        prefix: "ms-ssim",
        title: "Likeness of samples",
        unit: "MS-SSIM between pairs of samples",
        range: None,
        percent: false,
        noisy: false,
        reference: None,
        about: "How alike samples are to each other.",
        healthy: "it comes to where real pictures are and stays there.",
        trouble: "it climbs towards 1: all samples look alike, a collapse.",
    },
    Group {
        prefix: "modes",
        title: "Modes",
        unit: "modes with a sample near by",
        range: None,
        percent: false,
        noisy: false,
        reference: None,
        about: "How many of the known modes samples hit.",
        healthy: "it climbs to all of them.",
        trouble: "it falls or swings: modes are lost.",
    },
    Group {
        prefix: "samples",
        title: "Samples beside the data",
        unit: "in units of the distance between two examples",
        range: None,
        percent: false,
        noisy: false,
        reference: Some(1.0),
        about: "The doctor's looks: how far apart samples are (spread), how far from the data (distance), how near to single examples (nearest), what share of known modes they have.",
        healthy: "spread rises to about 1 while the distance falls towards 0.",
        trouble: "a spread that stays low is collapse; a nearest that sinks well below 1 means copies.",
    },
    Group {
        prefix: "judged",
        title: "What the judge says",
        unit: "mean logit or score",
        range: None,
        percent: false,
        noisy: false,
        reference: None,
        about: "The doctor's looks: of training examples (real), of samples (fake), and of real examples that training never sees (held out).",
        healthy: "real and held out stay together, some way above fake.",
        trouble: "held out sinks to fake: the training examples are known by heart. A gap that grows and grows: the generator cannot catch up.",
    },
    Group {
        prefix: "gradient",
        title: "Lengths of the gradients",
        unit: "of each player's loss by its weights",
        range: None,
        percent: false,
        noisy: false,
        reference: None,
        about: "The doctor's looks: how much each player still has to learn from.",
        healthy: "both find a size and keep it within a factor of ten or so.",
        trouble: "one sinks towards nothing, or grows by powers of ten.",
    },
    Group {
        prefix: "update",
        title: "Lengths of the updates",
        unit: "over the length of the weights",
        range: None,
        percent: false,
        noisy: false,
        reference: None,
        about: "The doctor's looks: how much of its weights a player changes in one move.",
        healthy: "between one in a thousand and one in a hundred.",
        trouble: "above 0.015 the learning rate is too high for anything learned to last.",
    },
    Group {
        prefix: "learning_rate",
        title: "Learning rates",
        unit: "size of the updates",
        range: None,
        percent: false,
        noisy: false,
        reference: None,
        about: "What the schedule gave each player. A kink in another chart at a step where this one changes is no accident.",
        healthy: "",
        trouble: "",
    },
];

/// The losses of a game with a critic are read in another way.
const CRITIC_LOSSES: Group = Group {
    about: "The critic's loss is minus its gap, plus penalties. The generator's is minus the score that its pictures get: \
            only its changes mean something, not where its zero lies.",
    healthy: "the critic's loss drops early and then rises slowly towards zero, while the generator's drifts.",
    trouble: "either falls or climbs without end, or swings ever more widely: training diverges.",
    ..LOSSES
};

/// Scalars whose name in the legend is not simply the rest of their dotted name.
const LABELS: &[(&str, &str)] = &[
    ("accuracy.real", "on real"),
    ("accuracy.fake", "on generated"),
    ("probability.real", "D(x), real"),
    ("probability.fake", "D(G(z)), generated"),
];

/// Colours belong to players: blue judges or is real, orange makes or is made. Others take the ones that are left.
const COLOURS: &[(&str, usize)] = &[
    ("discriminator", 0),
    ("critic", 0),
    ("real", 0),
    ("gap", 0),
    ("generator", 1),
    ("fake", 1),
];
const COLOUR_COUNT: usize = 6;

/// Points of a line; more are joined to means with a band from the least to the largest value.
const POINTS: usize = 600;

/// Sample grids on the page: at most this many, and at most this many bytes of PNG, evenly over the run.
const FRAMES: usize = 60;
const FRAME_BYTES: u64 = 24 << 20;

/// Writes `report.html` into the run's folder, in the place of an older one, and returns its path.
///
/// # Errors
/// Those of [`report_html`], and [`RunError::Io`](super::RunError::Io) for the page itself.
pub fn write_report(folder: &RunFolder) -> Result<PathBuf> {
    write(folder, &read_events(&folder.events_file())?)
}

/// Writes `report.html` as it will be once the run has said its last word.
pub(super) fn write_last_report(folder: &RunFolder, last: &Event) -> Result<PathBuf> {
    let mut log = read_events(&folder.events_file())?;
    log.events.push(last.clone());
    write(folder, &log)
}

fn write(folder: &RunFolder, log: &EventLog) -> Result<PathBuf> {
    let (path, page) = (folder.report_file(), html(folder, log)?);
    atomic::replace(&path, |writer| writer.write_all(page.as_bytes()))?;
    Ok(path)
}

/// The report as text: one HTML page with everything in it.
///
/// # Errors
/// [`RunError::Io`](super::RunError::Io), [`RunError::Json`](super::RunError::Json) and
/// [`RunError::Event`](super::RunError::Event) where settings, provenance or events cannot be read. A sample grid that is
/// missing is left out.
pub fn report_html(folder: &RunFolder) -> Result<String> {
    html(folder, &read_events(&folder.events_file())?)
}

fn html(folder: &RunFolder, log: &EventLog) -> Result<String> {
    let (settings, provenance) = (folder.read_settings()?, folder.read_provenance()?);
    let story = Story::of(log);
    let samples = samples(folder, &story);
    let charts = charts(&story);
    Ok(page(&settings, &provenance, &story, &samples, &charts))
}

/// What the events tell, put in order.
#[derive(Default)]
struct Story {
    title: String,
    idea: String,
    planned: Option<u64>,
    /// Step, seconds and images of every step event.
    steps: Vec<(u64, f64, u64)>,
    scalars: BTreeMap<String, Vec<(u64, f64)>>,
    samples: BTreeMap<u64, String>,
    warnings: Vec<(Option<u64>, String)>,
    resumed: Vec<u64>,
    end: Option<Event>,
}

impl Story {
    fn of(log: &EventLog) -> Self {
        let mut story = Story {
            title: "A run".into(),
            ..Story::default()
        };
        for event in &log.events {
            story.end = None;
            match event {
                Event::Started { title, idea, steps, .. } => {
                    (story.title, story.idea, story.planned) = (title.clone(), idea.clone(), *steps);
                }
                Event::Resumed { step, .. } => story.resumed.push(*step),
                Event::Step {
                    step,
                    seconds,
                    images,
                    scalars,
                } => {
                    story.steps.push((*step, *seconds, *images));
                    for (name, value) in scalars {
                        story.scalars.entry(name.clone()).or_default().push((*step, *value));
                    }
                }
                Event::Sample { step, path } => {
                    story.samples.insert(*step, path.clone());
                }
                Event::Metric { step, figures, .. } => {
                    for (name, value) in figures {
                        let points = story.scalars.entry(figure_name(name)).or_default();
                        points.push((*step, *value));
                    }
                }
                Event::Warning { step, message } => story.warnings.push((Some(*step), message.clone())),
                Event::Alarm {
                    step,
                    name,
                    meaning,
                    cure,
                    ..
                } => story
                    .warnings
                    .push((Some(*step), format!("{name}: {meaning}. To try: {cure}."))),
                Event::Healed {
                    step,
                    alarm,
                    raised_at,
                    settings,
                } => {
                    let changed: Vec<String> = settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
                    let changed = changed.join(", ");
                    let message = format!("healed of {alarm}, raised at step {raised_at}: goes on with {changed}");
                    story.warnings.push((Some(*step), message));
                }
                Event::Stopped { .. } | Event::Finished { .. } => story.end = Some(event.clone()),
                Event::Checkpoint { .. } => {}
            }
        }
        if log.torn.is_some() {
            let message = "The last line of events.jsonl is incomplete and was left out. Resuming the run removes it.";
            story.warnings.push((None, message.into()));
        }
        story
    }

    /// Seconds and images at the last step event that is not after `step`.
    fn clock(&self, step: u64) -> Option<(f64, u64)> {
        let after = self.steps.partition_point(|(other, ..)| *other <= step);
        self.steps[..after]
            .last()
            .map(|&(_, seconds, images)| (seconds, images))
    }
}

/// A sample grid on the page.
#[derive(Serialize)]
struct Sample {
    step: u64,
    images: Option<u64>,
    seconds: Option<f64>,
    src: String,
}

/// The sample grids, as many as the page can hold. The last one is always among them.
fn samples(folder: &RunFolder, story: &Story) -> Vec<Sample> {
    let files: Vec<(u64, PathBuf, u64)> = story
        .samples
        .iter()
        .filter_map(|(step, path)| {
            let path = inside(folder.path(), path)?;
            let size = fs::metadata(&path).ok()?.len();
            Some((*step, path, size))
        })
        .collect();
    let bytes = files.iter().map(|file| file.2).sum::<u64>().max(1);
    let affordable = (files.len() as u64).saturating_mul(FRAME_BYTES) / bytes;
    let count = files.len().min(FRAMES).min(affordable.max(1) as usize);
    let chosen = (1..=count).map(|n| match count {
        1 => files.len() - 1,
        _ => (n - 1) * (files.len() - 1) / (count - 1),
    });
    chosen
        .filter_map(|index| {
            let (step, path, _) = &files[index];
            let png = fs::read(path)
                .ok()
                .filter(|bytes| bytes.starts_with(b"\x89PNG\r\n\x1a\n"))?;
            let clock = story.clock(*step).or((*step == 0).then_some((0.0, 0)));
            Some(Sample {
                step: *step,
                images: clock.map(|(_, images)| images),
                seconds: clock.map(|(seconds, _)| seconds),
                src: format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png)),
            })
        })
        .collect()
}

/// A chart, as the page's script draws it.
#[derive(Serialize)]
struct Chart {
    id: String,
    title: String,
    range: Option<[f64; 2]>,
    percent: bool,
    smooth: bool,
    reference: Option<f64>,
    series: Vec<Series>,
    #[serde(skip)]
    group: Option<&'static Group>,
}

/// A line of a chart. Values that are not finite are gaps.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Series {
    label: String,
    colour: usize,
    step: Vec<u64>,
    mean: Vec<Option<f64>>,
    low: Option<Vec<Option<f64>>>,
    high: Option<Vec<Option<f64>>>,
    /// How many values were not finite, and the first step where one was not.
    bad: usize,
    bad_first: Option<u64>,
}

/// One chart per group of scalars: known ones in the order of [`GROUPS`], then the others by name.
fn charts(story: &Story) -> Vec<Chart> {
    let mut groups: BTreeMap<(usize, &str), Vec<&str>> = BTreeMap::new();
    for name in story.scalars.keys() {
        let prefix = name.split_once('.').map_or(name.as_str(), |(prefix, _)| prefix);
        let known = GROUPS
            .iter()
            .position(|group| group.prefix == prefix)
            .unwrap_or(GROUPS.len());
        groups.entry((known, prefix)).or_default().push(name);
    }
    let chart = |(number, ((known, prefix), names)): (usize, ((usize, &str), Vec<&str>))| {
        let with_critic = prefix == LOSSES.prefix && names.contains(&"loss.critic");
        let group = if with_critic {
            Some(&CRITIC_LOSSES)
        } else {
            GROUPS.get(known)
        };
        let mut series: Vec<Series> = names.iter().map(|name| line(name, &story.scalars[*name])).collect();
        colour(&mut series, &names);
        // Discriminator and real first, generator and generated second, in every chart.
        series.sort_by_key(|series| series.colour);
        Chart {
            id: number.to_string(),
            title: group.map_or_else(|| in_words(prefix), |group| group.title.to_owned()),
            range: group.and_then(|group| group.range),
            percent: group.is_some_and(|group| group.percent),
            smooth: group.is_none_or(|group| group.noisy),
            reference: group.and_then(|group| group.reference),
            series,
            group,
        }
    };
    groups.into_iter().enumerate().map(chart).collect()
}

/// The scalar that a figure is drawn as: those that belong together have one chart.
fn figure_name(figure: &str) -> String {
    let fidelity = ["precision", "recall", "density", "coverage"];
    if fidelity.contains(&figure) {
        format!("fidelity.{figure}")
    } else {
        figure.to_owned()
    }
}

/// `spectral_norm` -> `Spectral norm`.
fn in_words(name: &str) -> String {
    let words = name.replace(['_', '.'], " ");
    let mut letters = words.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn colour(series: &mut [Series], names: &[&str]) {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let wanted = |name: &str| {
        COLOURS
            .iter()
            .find(|(player, _)| *player == last(name))
            .map(|(_, colour)| *colour)
    };
    let mut taken = [false; COLOUR_COUNT];
    for (series, name) in series.iter_mut().zip(names) {
        series.colour = usize::MAX;
        if let Some(colour) = wanted(name).filter(|colour| !taken[*colour]) {
            (series.colour, taken[colour]) = (colour, true);
        }
    }
    for (number, series) in series
        .iter_mut()
        .enumerate()
        .filter(|(_, series)| series.colour == usize::MAX)
    {
        let colour = taken.iter().position(|taken| !taken).unwrap_or(number % COLOUR_COUNT);
        (series.colour, taken[colour]) = (colour, true);
    }
}

fn line(name: &str, points: &[(u64, f64)]) -> Series {
    let rest = name.split_once('.').map_or(name, |(_, rest)| rest);
    let label = LABELS
        .iter()
        .find(|(scalar, _)| *scalar == name)
        .map_or(rest, |(_, label)| label);
    let mut bad = points.iter().filter(|(_, value)| !value.is_finite());
    let mut series = Series {
        label: label.replace('_', " "),
        ..Series::default()
    };
    series.bad_first = bad.next().map(|(step, _)| *step);
    series.bad = series.bad_first.map_or(0, |_| 1 + bad.count());
    if points.len() <= POINTS {
        series.step = points.iter().map(|(step, _)| *step).collect();
        series.mean = points.iter().map(|(_, value)| short(*value)).collect();
        return series;
    }
    let (mut low, mut high) = (Vec::new(), Vec::new());
    for n in 0..POINTS {
        let bucket = &points[n * points.len() / POINTS..(n + 1) * points.len() / POINTS];
        let finite: Vec<f64> = bucket
            .iter()
            .map(|(_, value)| *value)
            .filter(|value| value.is_finite())
            .collect();
        let mean = finite.iter().map(|value| value / finite.len() as f64).sum::<f64>();
        series.step.push(bucket[bucket.len() - 1].0);
        series.mean.push(if finite.is_empty() { None } else { short(mean) });
        low.push(short(finite.iter().copied().fold(f64::INFINITY, f64::min)));
        high.push(short(finite.iter().copied().fold(f64::NEG_INFINITY, f64::max)));
    }
    (series.low, series.high) = (Some(low), Some(high));
    series
}

/// A value to six digits, which is more than a chart can show; nothing for one that is not finite.
fn short(value: f64) -> Option<f64> {
    value
        .is_finite()
        .then(|| format!("{value:.5e}").parse().unwrap_or(value))
}

/// What the script gets.
#[derive(Serialize)]
struct Drawn<'a> {
    first: u64,
    last: u64,
    samples: &'a [Sample],
    charts: &'a [Chart],
}

const CSS: &str = include_str!("report/report.css");
const SCRIPT: &str = include_str!("report/report.js");
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      base-uri 'none'; form-action 'none'";

fn page(settings: &Settings, provenance: &Provenance, story: &Story, samples: &[Sample], charts: &[Chart]) -> String {
    let title = escape(&story.title);
    let (first, last) = (
        story.steps.first().map_or(0, |step| step.0),
        story.steps.last().map_or(0, |step| step.0),
    );
    let drawn = serde_json::to_string(&Drawn {
        first,
        last,
        samples,
        charts,
    });
    // Inside a script element only `<` could end it.
    let drawn = drawn
        .expect("numbers and texts have a JSON form")
        .replace('<', "\\u003c");
    format!(
        "<!doctype html>\n\
         <html lang=\"en\">\n\
         <head>\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"generator\" content=\"Ganymede {version}\">\n\
         <title>{title}: training report</title>\n\
         <style>\n{CSS}</style>\n\
         </head>\n\
         <body>\n{header}<main>\n{pictures}{warnings}{charts}{repeat}\
         <div class=\"tables\">\n{settings}{origin}</div>\n</main>\n\
         <footer>The samples on this page are synthetic: no camera took them. The page needs no network and loads \
         nothing.</footer>\n\
         <script type=\"application/json\" id=\"run\">{drawn}</script>\n\
         <script>\n{SCRIPT}</script>\n\
         </body>\n\
         </html>\n",
        version = escape(&provenance.ganymede),
        header = header(provenance, story),
        pictures = pictures(samples, story),
        warnings = warnings(story),
        charts = chart_section(charts),
        repeat = repeat(provenance),
        settings = settings_section(settings),
        origin = origin(provenance, story),
    )
}

/// A moon with a band of blue and orange: the two players.
const MOON: &str = "<svg viewBox=\"0 0 24 24\" aria-hidden=\"true\"><circle cx=\"12\" cy=\"12\" r=\"10\" \
                    style=\"fill:var(--s0)\"/><path d=\"M12 2a10 10 0 0 1 0 20a14 14 0 0 0 0-20z\" \
                    style=\"fill:var(--s1)\"/></svg>";

fn header(provenance: &Provenance, story: &Story) -> String {
    let (steps, seconds, images) = story.steps.last().copied().unwrap_or_default();
    let (class, status) = match &story.end {
        Some(Event::Finished { .. }) => ("finished", "Finished".to_owned()),
        Some(Event::Stopped { step, reason }) => {
            ("stopped", format!("Stopped after step {}: {reason}", grouped(*step)))
        }
        _ => ("going", "Was still going on when this page was made".to_owned()),
    };
    let planned = story.planned.filter(|planned| *planned != steps);
    let rate = if seconds > 0.0 { images as f64 / seconds } else { 0.0 };
    let machine = &provenance.machine;
    let facts = [
        fact(
            "Steps",
            &grouped(steps),
            planned.map(|planned| format!("of {} planned", grouped(planned))),
        ),
        fact("Images seen", &grouped(images), None),
        fact("Training time", &duration(seconds), resumptions(story)),
        fact("Images per second", &rate_text(rate), None),
        fact("Seed", &provenance.seed.to_string(), None),
        fact("Data", &provenance.data.name, None),
    ];
    let accelerator = machine
        .accelerator
        .as_ref()
        .map(|name| format!("{name} · "))
        .unwrap_or_default();
    let cores = if machine.cores == 1 { "core" } else { "cores" };
    let machine = format!(
        "{accelerator}{} · {} {cores} · {} · {}",
        machine.cpu, machine.cores, machine.instruction_set, machine.os
    );
    format!(
        "<header class=\"top\">\n\
         <div class=\"brand\">{MOON}<span>Ganymede training report</span><span class=\"grow\"></span>\
         <button class=\"plain\" type=\"button\" id=\"theme\" aria-label=\"Change between light and dark\">Dark</button></div>\n\
         <h1>{title}</h1>\n\
         <p class=\"idea\">{idea}</p>\n\
         <p class=\"status {class}\">{status}</p>\n\
         <dl class=\"facts\">{facts}<div class=\"wide\"><dt>Machine</dt><dd>{machine}</dd></div></dl>\n\
         </header>\n",
        title = escape(&story.title),
        idea = escape(&story.idea),
        status = escape(&status),
        facts = facts.concat(),
        machine = escape(&machine),
    )
}

fn fact(name: &str, value: &str, small: Option<String>) -> String {
    let small = small
        .map(|text| format!("<small>{}</small>", escape(&text)))
        .unwrap_or_default();
    let class = if value.len() > 10 { " class=\"word\"" } else { "" };
    format!(
        "<div><dt>{}</dt><dd{class}>{}{small}</dd></div>",
        escape(name),
        escape(value)
    )
}

fn resumptions(story: &Story) -> Option<String> {
    match story.resumed.len() {
        0 => None,
        1 => Some(format!("resumed once, at step {}", grouped(story.resumed[0]))),
        times => Some(format!("resumed {times} times")),
    }
}

fn pictures(samples: &[Sample], story: &Story) -> String {
    let Some(last) = samples.last() else {
        return "<section aria-labelledby=\"made\"><div class=\"title\"><h2 id=\"made\">What it makes</h2></div>\
                <p class=\"card empty\">No samples were drawn yet.</p></section>\n"
            .into();
    };
    let step = grouped(last.step);
    let images = last
        .images
        .map(|images| format!("{} images seen", grouped(images)))
        .unwrap_or_default();
    let seconds = last
        .seconds
        .map(|seconds| format!("{} of training", duration(seconds)))
        .unwrap_or_default();
    let controls = format!(
        "<div class=\"player\"><button class=\"plain\" type=\"button\" id=\"play\">Play</button>\
         <input type=\"range\" id=\"slider\" min=\"0\" max=\"{end}\" step=\"1\" value=\"{end}\" \
         aria-label=\"Samples over the course of training\"></div>\n<div class=\"film\"></div>\n",
        end = samples.len() - 1
    );
    let (controls, invitation) = match samples.len() {
        1 => (String::new(), ""),
        _ => (controls, "Drag the slider to watch it learn."),
    };
    let left_out = match story.samples.len().saturating_sub(samples.len()) {
        0 => String::new(),
        _ => {
            let (shown, all) = (samples.len(), story.samples.len());
            format!(
                "<p class=\"aside\">{shown} of {all} sample grids are on this page; all are in the run's folder.</p>\n"
            )
        }
    };
    format!(
        "<section aria-labelledby=\"made\">\n\
         <div class=\"title\"><h2 id=\"made\">What it makes</h2><p>{invitation}</p></div>\n\
         <div class=\"card stage{alone}\">\n\
         <div class=\"well\"><img class=\"now\" alt=\"Grid of generated samples after step {step}\" src=\"{src}\"></div>\n\
         <div class=\"beside\"><p class=\"when\"><strong id=\"when-step\">Step {step}</strong><span id=\"when-images\">{images}</span>\
         <span id=\"when-time\">{seconds}</span></p>\n\
         {controls}{left_out}</div></div>\n</section>\n",
        alone = if samples.len() == 1 { " alone" } else { "" },
        src = last.src,
    )
}

fn warnings(story: &Story) -> String {
    if story.warnings.is_empty() {
        return String::new();
    }
    let item = |(step, message): &(Option<u64>, String)| {
        let step = step.map_or_else(|| "The record".to_owned(), |step| format!("Step {}", grouped(step)));
        format!("<li><b>{step}</b><span>{}</span></li>\n", escape(message))
    };
    format!(
        "<section aria-labelledby=\"warned\">\n<div class=\"title\"><h2 id=\"warned\">Warnings</h2></div>\n\
         <ul class=\"card warnings\">\n{}</ul>\n</section>\n",
        story.warnings.iter().map(item).collect::<String>()
    )
}

fn chart_section(charts: &[Chart]) -> String {
    if charts.is_empty() {
        return "<section aria-labelledby=\"learned\"><div class=\"title\"><h2 id=\"learned\">How it learned</h2></div>\
                <p class=\"card empty\">Nothing was measured yet.</p></section>\n"
            .into();
    }
    let figure = |chart: &Chart| {
        let (unit, read) = chart
            .group
            .map_or(("", String::new()), |group| (group.unit, how_to_read(group)));
        format!(
            "<figure class=\"card chart\" id=\"chart-{id}\">\n\
             <figcaption><h3>{title}</h3><p class=\"unit\">{unit}</p></figcaption>\n\
             <div class=\"legend\"></div>\n<div class=\"plot\"><noscript>Charts need JavaScript.</noscript></div>\n\
             <p class=\"notes\"></p>\n{read}</figure>\n",
            id = chart.id,
            title = escape(&chart.title),
        )
    };
    let many = charts
        .iter()
        .flat_map(|chart| &chart.series)
        .any(|series| series.mean.len() > 80);
    format!(
        "<section aria-labelledby=\"learned\">\n\
         <div class=\"title\"><h2 id=\"learned\">How it learned</h2>\
         <p>Point at a chart to read values; click to see the samples of that step.</p><span class=\"grow\"></span>\
         <label class=\"switch\"><input type=\"checkbox\" id=\"smooth\"{}> Smooth the lines</label></div>\n\
         <div class=\"charts\">\n{}</div>\n</section>\n",
        if many { " checked" } else { "" },
        charts.iter().map(figure).collect::<String>()
    )
}

fn how_to_read(group: &Group) -> String {
    let part = |class: &str, name: &str, text: &str| match text {
        "" => String::new(),
        text => format!("<p class=\"{class}\"><b>{name}:</b> {}</p>", escape(text)),
    };
    format!(
        "<div class=\"read\"><p>{}</p>{}{}</div>\n",
        escape(group.about),
        part("healthy", "Healthy", group.healthy),
        part("trouble", "Trouble", group.trouble)
    )
}

fn repeat(provenance: &Provenance) -> String {
    let command = provenance
        .command
        .iter()
        .map(|word| shell_word(word))
        .collect::<Vec<_>>()
        .join(" ");
    format!(
        "<section aria-labelledby=\"repeat\">\n<div class=\"title\"><h2 id=\"repeat\">Do it again</h2></div>\n\
         <div class=\"card command\"><pre id=\"command\">{}</pre>\
         <button class=\"plain\" type=\"button\" id=\"copy\">Copy</button></div>\n\
         <p class=\"aside\">With Ganymede {} and the same data. Every random number follows from the seed, {}.</p>\n\
         </section>\n",
        escape(&command),
        escape(&provenance.ganymede),
        provenance.seed
    )
}

/// The settings, those with a common prefix together.
fn settings_section(settings: &Settings) -> String {
    let mut rows = String::new();
    let mut above = "";
    let (single, grouped): (Vec<_>, Vec<_>) = settings.iter().partition(|(key, _)| !key.contains('.'));
    for (key, value) in single.into_iter().chain(grouped) {
        let (prefix, rest) = key.split_once('.').unwrap_or(("", key));
        if prefix != above {
            let _ = writeln!(
                rows,
                "<tr><th scope=\"rowgroup\" colspan=\"2\">{}</th></tr>",
                escape(prefix)
            );
            above = prefix;
        }
        let value = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        rows += &row(rest, &value);
    }
    table_section("settings", "Settings", &rows)
}

fn origin(provenance: &Provenance, story: &Story) -> String {
    let Provenance {
        ganymede,
        commit,
        seed,
        data,
        weights,
        machine,
        started_at,
        ..
    } = provenance;
    let mut rows = vec![
        ("Ganymede", ganymede.clone()),
        ("Commit", commit.clone()),
        ("Started", started_at.replace('T', " ").replace('Z', " UTC")),
        ("Seed", seed.to_string()),
        ("Data", data.name.clone()),
        ("Digest of the data", data.digest.clone()),
        ("Processor", machine.cpu.clone()),
        ("Cores", machine.cores.to_string()),
        ("Instruction set", machine.instruction_set.clone()),
        ("Operating system", machine.os.clone()),
    ];
    if let Some(weights) = weights {
        rows.push(("First weights", format!("{} ({})", weights.file, weights.layout)));
        rows.push(("Digest of the first weights", weights.digest.clone()));
    }
    rows.extend(machine.accelerator.iter().map(|name| ("Accelerator", name.clone())));
    if !story.resumed.is_empty() {
        let steps: Vec<String> = story.resumed.iter().map(|step| grouped(*step)).collect();
        rows.push(("Resumed at step", steps.join(", ")));
    }
    let rows: String = rows.iter().map(|(name, value)| row(name, value)).collect();
    table_section("origin", "Where it comes from", &rows)
}

fn table_section(id: &str, title: &str, rows: &str) -> String {
    format!(
        "<section aria-labelledby=\"{id}\"><div class=\"title\"><h2 id=\"{id}\">{title}</h2></div>\n\
         <div class=\"card\"><table>\n{rows}</table></div></section>\n"
    )
}

fn row(name: &str, value: &str) -> String {
    format!(
        "<tr><th scope=\"row\">{}</th><td class=\"value\">{}</td></tr>\n",
        escape(name),
        escape(value)
    )
}

/// A text as HTML shows it, in elements and in quoted attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// A word of a command, quoted where a POSIX shell would take it for more than a word.
fn shell_word(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,+@%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// `1234567` -> `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn rate_text(rate: f64) -> String {
    if rate >= 100.0 {
        grouped(rate.round() as u64)
    } else {
        format!("{rate:.1}")
    }
}

/// The same words as the script's `duration`.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5_400.0 => format!("{:.1} min", s / 60.0),
        s => format!("{} h {} min", (s / 3_600.0).floor(), (s % 3_600.0 / 60.0).round()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::events::EventWriter;
    use super::super::folder::{DataSource, Machine};
    use super::*;
    use serde_json::json;

    const NASTY: &str = "<script>alert('1')</script>&\"";

    /// A short run whose every text tries to break the page.
    fn run(events: &[Event]) -> (tempfile::TempDir, RunFolder) {
        let there = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(there.path().join("run")).unwrap();
        folder
            .write_settings(&[(format!("a.{NASTY}"), json!(NASTY)), ("batch".into(), json!(64))].into())
            .unwrap();
        let machine = Machine {
            cpu: NASTY.into(),
            cores: 2,
            instruction_set: NASTY.into(),
            os: NASTY.into(),
            accelerator: Some(NASTY.into()),
        };
        let provenance = Provenance {
            ganymede: "0.1.0".into(),
            commit: NASTY.into(),
            command: vec!["gany".into(), "train".into(), NASTY.into()],
            seed: u64::MAX,
            weights: None,
            data: DataSource {
                name: NASTY.into(),
                digest: NASTY.into(),
            },
            machine,
            started_at: "2026-05-04T03:02:01Z".into(),
        };
        folder.write_provenance(&provenance).unwrap();
        let mut writer = EventWriter::create(&folder).unwrap();
        events.iter().for_each(|event| writer.append(event).unwrap());
        (there, folder)
    }

    fn step(step: u64, scalars: &[(&str, f64)]) -> Event {
        let scalars = scalars
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect();
        Event::Step {
            step,
            seconds: step as f64 / 4.0,
            images: step * 64,
            scalars,
        }
    }

    fn started() -> Event {
        let text = || NASTY.to_owned();
        Event::Started {
            system: text(),
            title: text(),
            idea: text(),
            steps: Some(2_000),
            at: text(),
        }
    }

    #[test]
    fn no_text_breaks_out_of_its_place_and_nothing_is_loaded() {
        let (_there, folder) = run(&[
            started(),
            step(1, &[(NASTY, 1.0), ("loss.generator", f64::NAN)]),
            Event::Sample {
                step: 1,
                path: NASTY.into(),
            },
            Event::Warning {
                step: 1,
                message: NASTY.into(),
            },
            Event::Stopped {
                step: 1,
                reason: NASTY.into(),
            },
        ]);
        let path = write_report(&folder).unwrap();
        let page = fs::read_to_string(path).unwrap();
        assert_eq!(
            page.matches("<script").count(),
            2,
            "the data and the script, nothing that was smuggled in"
        );
        assert_eq!(page.matches("</script>").count(), 2);
        assert!(!page.contains("alert('1')</script>"));
        for loading in [
            "src=\"http",
            "href=",
            "@import",
            "url(http",
            "<link",
            "<iframe",
            "fetch(",
            "XMLHttpRequest",
        ] {
            assert!(!page.contains(loading), "{loading}");
        }
        let addresses = page.matches("://").count();
        assert_eq!(
            addresses, 1,
            "the name space of SVG is the only address on the page, and it is never loaded"
        );
    }

    #[test]
    fn a_run_that_said_nothing_yet_has_a_report() {
        let (_there, folder) = run(&[]);
        let page = report_html(&folder).unwrap();
        assert!(page.contains("No samples were drawn yet") && page.contains("Nothing was measured yet"));
    }

    #[test]
    fn facts_are_those_of_the_last_step() {
        let (_there, folder) = run(&[
            started(),
            step(1, &[]),
            Event::Resumed {
                step: 1,
                at: "t".into(),
            },
            step(1_000, &[]),
            Event::Finished { step: 1_000 },
        ]);
        let page = report_html(&folder).unwrap();
        for fact in [
            "<dd>1,000<small>of 2,000 planned</small></dd>",
            "<dd>64,000</dd>",
            "<dd>4.2 min<small>resumed once, at step 1</small></dd>",
            "<dd>256</dd>",
            "<dd class=\"word\">18446744073709551615</dd>",
            "<p class=\"status finished\">Finished</p>",
            "<td class=\"value\">2026-05-04 03:02:01 UTC</td>",
        ] {
            assert!(page.contains(fact), "{fact}");
        }
    }

    #[test]
    fn a_torn_record_is_told() {
        let (_there, folder) = run(&[started()]);
        let mut text = fs::read_to_string(folder.events_file()).unwrap();
        text.push_str("{\"event\":\"st");
        fs::write(folder.events_file(), text).unwrap();
        assert!(report_html(&folder).unwrap().contains("is incomplete and was left out"));
    }

    #[test]
    fn charts_come_in_the_order_of_the_table_and_players_keep_their_colours() {
        let scalars = [
            ("zeta", 1.0),
            ("balance.k", 0.1),
            ("accuracy.real", 0.9),
            ("accuracy.fake", 0.8),
            ("loss.generator", 1.0),
            ("loss.discriminator", 1.0),
            ("loss.generator_b", 1.0),
        ];
        let events = [step(1, &scalars)];
        let story = Story::of(&EventLog {
            events: events.into(),
            torn: None,
            end: 0,
        });
        let told: Vec<(String, Vec<(String, usize)>)> = charts(&story)
            .into_iter()
            .map(|chart| {
                (
                    chart.title,
                    chart.series.into_iter().map(|s| (s.label, s.colour)).collect(),
                )
            })
            .collect();
        let lines = |lines: &[(&str, usize)]| {
            lines
                .iter()
                .map(|(label, c)| ((*label).to_owned(), *c))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            told,
            [
                (
                    "Losses".into(),
                    lines(&[("discriminator", 0), ("generator", 1), ("generator b", 2)])
                ),
                (
                    "How often the discriminator is right".into(),
                    lines(&[("on real", 0), ("on generated", 1)])
                ),
                ("Balance".into(), lines(&[("k", 0)])),
                ("Zeta".into(), lines(&[("zeta", 0)])),
            ]
        );
    }

    #[test]
    fn a_critic_s_losses_are_explained_as_such() {
        let about = |name| {
            let events = vec![step(1, &[(name, 1.0)])];
            let charts = charts(&Story::of(&EventLog {
                events,
                torn: None,
                end: 0,
            }));
            charts[0].group.unwrap().about
        };
        assert_eq!(about("loss.critic"), CRITIC_LOSSES.about);
        assert_eq!(about("loss.discriminator"), LOSSES.about);
    }

    #[test]
    fn long_lines_become_means_within_a_band() {
        let points: Vec<(u64, f64)> = (1..=6_000).map(|n| (n, (n % 10) as f64)).collect();
        let series = line("loss.generator", &points);
        assert_eq!(series.step.len(), POINTS);
        assert_eq!((series.step[0], series.step[599]), (10, 6_000));
        assert!(series.mean.iter().all(|mean| *mean == Some(4.5)));
        assert!(series.low.unwrap().iter().all(|low| *low == Some(0.0)));
        assert!(series.high.unwrap().iter().all(|high| *high == Some(9.0)));
    }

    #[test]
    fn values_that_are_not_finite_are_gaps_and_counted() {
        let short = line("loss.generator", &[(1, 0.5), (2, f64::NAN), (3, f64::INFINITY)]);
        assert_eq!(
            (short.mean, short.bad, short.bad_first),
            (vec![Some(0.5), None, None], 2, Some(2))
        );
        let long: Vec<(u64, f64)> = (1..=1_200).map(|n| (n, if n > 600 { f64::NAN } else { 1.0 })).collect();
        let long = line("loss.generator", &long);
        assert_eq!(
            (long.mean[299], long.mean[300], long.bad, long.bad_first),
            (Some(1.0), None, 600, Some(601))
        );
        assert_eq!((long.low.unwrap()[300], long.high.unwrap()[300]), (None, None));
    }

    #[test]
    fn sample_grids_are_thinned_and_never_read_from_elsewhere() {
        let sample = |step| Event::Sample {
            step,
            path: RunFolder::sample_name(step),
        };
        let mut events: Vec<Event> = (0..200).map(sample).collect();
        events.push(Event::Sample {
            step: 200,
            path: "../outside.png".into(),
        });
        events.push(Event::Sample {
            step: 201,
            path: "samples/missing.png".into(),
        });
        let (there, folder) = run(&events);
        let png = b"\x89PNG\r\n\x1a\n...";
        fs::write(there.path().join("outside.png"), png).unwrap();
        (0..200).for_each(|step| fs::write(folder.sample_file(step), png).unwrap());
        let story = Story::of(&read_events(&folder.events_file()).unwrap());
        let found = samples(&folder, &story);
        assert_eq!((found.len(), found[0].step, found[FRAMES - 1].step), (FRAMES, 0, 199));
        assert!(found.is_sorted_by(|a, b| a.step < b.step));
        assert!(found[0].src.starts_with("data:image/png;base64,iVBORw0KGgo"));
    }

    #[test]
    fn commands_survive_a_shell() {
        let words = ["gany", "--set", "optimiser.lr=1e-4", "my runs/a", "it's", ""].map(shell_word);
        assert_eq!(
            words.join(" "),
            r"gany --set optimiser.lr=1e-4 'my runs/a' 'it'\''s' ''"
        );
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [0.5, 89.0, 180.0, 7_500.0].map(duration),
            ["0.5 s", "89 s", "3.0 min", "2 h 5 min"]
        );
        assert_eq!(short(1.0 / 3.0), Some(0.333333));
        assert_eq!(in_words("spectral_norm"), "Spectral norm");
    }
}
