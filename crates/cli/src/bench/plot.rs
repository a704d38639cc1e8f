//! Charts with two logarithmic axes, as an SVG picture that any browser shows.
use std::fmt::Write;

/// A chart of a few lines.
pub(crate) struct Chart {
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) lines: Vec<Line>,
}

pub(crate) struct Line {
    pub(crate) label: &'static str,
    pub(crate) look: Look,
    /// Points with a number that is not above 0 have no place on these axes.
    pub(crate) points: Vec<(f64, f64)>,
}

#[derive(Clone, Copy)]
pub(crate) enum Look {
    /// What was found: dots on a full line.
    Measured,
    /// What it cannot be less than.
    Bound,
    /// Another such bound.
    OtherBound,
}

impl Look {
    /// Colour, and the pattern of the line.
    fn style(self) -> (&'static str, &'static str) {
        match self {
            Look::Measured => ("#1f5fbf", "none"),
            Look::Bound => ("#c4500c", "7 4"),
            Look::OtherBound => ("#555", "2 3"),
        }
    }
}

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 360.0;
/// Left, right, top and bottom of a chart's frame, for what is written around it.
const MARGINS: [f64; 4] = [64.0, 18.0, 82.0, 48.0];
/// Where the names of the lines begin, and how far they are apart.
const LEGEND: [f64; 2] = [34.0, 17.0];
const COLUMNS: usize = 2;
const TITLE: f64 = 40.0;

/// One picture of all charts, two beside each other.
pub(crate) fn svg(title: &str, charts: &[Chart]) -> String {
    let rows = charts.len().div_ceil(COLUMNS);
    let (width, height) = (WIDTH * COLUMNS as f64, TITLE + HEIGHT * rows as f64);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"16\">{title}</text>\n"
    );
    for (i, chart) in charts.iter().enumerate() {
        let (left, top) = (WIDTH * (i % COLUMNS) as f64, TITLE + HEIGHT * (i / COLUMNS) as f64);
        let _ = writeln!(text, "<g transform=\"translate({left} {top})\">\n{}</g>", draw(chart));
    }
    text + "</svg>\n"
}

/// From numbers to places along an axis.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn over(numbers: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Axis {
        let (low, high) = (numbers.clone().fold(f64::MAX, f64::min), numbers.fold(0.0, f64::max));
        // Some room on either side, and a width where there is one number only.
        Axis {
            low: (low / 1.25).ln(),
            high: (high * 1.25).ln(),
            from,
            to,
        }
    }

    fn at(&self, number: f64) -> f64 {
        self.from + (number.ln() - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// Round numbers within the axis: powers of ten, and more between them where these are few.
    fn ticks(&self) -> Vec<f64> {
        let decades = (self.low / 10_f64.ln()).floor() as i32..=(self.high / 10_f64.ln()).ceil() as i32;
        let within = |steps: &[f64]| -> Vec<f64> {
            let numbers = decades
                .clone()
                .flat_map(|decade| steps.iter().map(move |step| step * 10_f64.powi(decade)));
            numbers
                .filter(|number| (self.low..=self.high).contains(&number.ln()))
                .collect()
        };
        let tens = within(&[1.0]);
        if tens.len() >= 3 {
            tens
        } else {
            within(&[1.0, 2.0, 5.0])
        }
    }
}

fn draw(chart: &Chart) -> String {
    let [left, right, top, bottom] = [MARGINS[0], WIDTH - MARGINS[1], MARGINS[2], HEIGHT - MARGINS[3]];
    let lines: Vec<(&Line, Vec<(f64, f64)>)> = chart
        .lines
        .iter()
        .map(|line| {
            let shown = line.points.iter().filter(|(x, y)| *x > 0.0 && *y > 0.0);
            (line, shown.copied().collect())
        })
        .collect();
    let points = || lines.iter().flat_map(|(_, points)| points);
    if points().next().is_none() {
        return format!(
            "<text x=\"{left}\" y=\"{}\">{}: nothing measured</text>\n",
            top + 20.0,
            chart.y
        );
    }
    let x_axis = Axis::over(points().map(|point| point.0), left, right);
    let y_axis = Axis::over(points().map(|point| point.1), bottom, top);
    let mut text = String::new();
    let mut add = |what: String| text += &(what + "\n");
    for y in y_axis.ticks() {
        let at = y_axis.at(y);
        add(format!("<path d=\"M{left} {at:.1}H{right}\" stroke=\"#ddd\"/>"));
        add(format!(
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{y}</text>",
            left - 6.0,
            at + 4.0
        ));
    }
    // What was asked for is what the axis names.
    let mut asked: Vec<f64> = points().map(|point| point.0).collect();
    asked.sort_by(f64::total_cmp);
    asked.dedup();
    for x in asked {
        let at = x_axis.at(x);
        add(format!("<path d=\"M{at:.1} {bottom}v5\" stroke=\"#333\"/>"));
        add(format!(
            "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{x}</text>",
            bottom + 18.0
        ));
    }
    add(format!(
        "<path d=\"M{left} {top}V{bottom}H{right}\" fill=\"none\" stroke=\"#333\"/>"
    ));
    add(format!(
        "<text x=\"{right}\" y=\"{}\" text-anchor=\"end\">{}</text>",
        bottom + 36.0,
        chart.x
    ));
    add(format!(
        "<text x=\"{left}\" y=\"16\" font-weight=\"bold\">{}</text>",
        chart.y
    ));
    for (i, (line, points)) in lines.iter().enumerate() {
        let (colour, dashes) = line.look.style();
        let place = |(x, y): &(f64, f64)| format!("{:.1} {:.1}", x_axis.at(*x), y_axis.at(*y));
        let places: Vec<String> = points.iter().map(place).collect();
        let stroke = format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"");
        if !places.is_empty() {
            add(format!("<path d=\"M{}\" {stroke}/>", places.join("L")));
        }
        if let Look::Measured = line.look {
            for (x, y) in points {
                let (x_at, y_at) = (x_axis.at(*x), y_axis.at(*y));
                add(format!(
                    "<circle cx=\"{x_at:.1}\" cy=\"{y_at:.1}\" r=\"3.5\" fill=\"{colour}\"><title>{x}: {y}</title></circle>"
                ));
            }
        }
        let y = LEGEND[0] + LEGEND[1] * i as f64;
        add(format!("<path d=\"M{left} {y}h26\" {stroke}/>"));
        add(format!(
            "<text x=\"{}\" y=\"{}\">{}</text>",
            left + 32.0,
            y + 4.0,
            line.label
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ratios_are_equal_distances() {
        let axis = Axis::over([1.0, 100.0].into_iter(), 0.0, 300.0);
        let [one, ten, hundred] = [1.0, 10.0, 100.0].map(|x| axis.at(x));
        assert!((ten - one - (hundred - ten)).abs() < 1e-9);
        assert!(one > 0.0 && hundred < 300.0);
        assert_eq!(axis.ticks(), [1.0, 10.0, 100.0]);
        assert_eq!(Axis::over([3.0, 8.0].into_iter(), 0.0, 1.0).ticks(), [5.0, 10.0]);
    }

    #[test]
    fn only_points_above_zero_are_drawn() {
        let line = |points: &[(f64, f64)]| Line {
            label: "step",
            look: Look::Measured,
            points: points.to_vec(),
        };
        let chart = |points| Chart {
            x: "batch".into(),
            y: "ms".into(),
            lines: vec![line(points)],
        };
        let picture = svg("growth", &[chart(&[(1.0, 2.0), (4.0, 8.0), (16.0, 0.0)]), chart(&[])]);
        assert_eq!(picture.matches("<circle").count(), 2, "{picture}");
        assert!(picture.contains("ms: nothing measured"), "{picture}");
        assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
    }
}
