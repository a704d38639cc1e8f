//! Figures that carry their protocol: what was measured, against what, on how many, through which network. Two figures of
//! unlike protocol are not comparable, and comparing them is refused.
use super::estimate::Interval;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Which values of a quantity are good.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// The lower the better.
    Lower,
    /// The higher the better.
    Higher,
    /// The nearer to this the better.
    Near(f64),
    /// The nearer to what real examples give the better.
    LikeReal,
}

/// A measured number with everything that it depends on but the samples themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured, such as `fd`.
    pub metric: String,
    /// The number.
    #[serde(with = "number")]
    pub value: f64,
    /// Where the true value lies with 95 % confidence, where that is known.
    pub interval: Option<Interval>,
    /// What real examples give in the place of samples, where that was measured.
    pub real: Option<f64>,
    /// Which values are good.
    pub better: Better,
    /// How it was measured.
    pub protocol: Protocol,
}

/// How a figure was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Protocol {
    /// Metric and version of its arithmetic, such as `fd 1`.
    pub definition: String,
    /// The real examples.
    pub reference: Reference,
    /// How many samples.
    pub samples: usize,
    /// Rows, columns and channels of a picture, or the coordinates of a point.
    pub shape: Vec<usize>,
    /// The network whose features were compared, where one was.
    pub features: Option<Features>,
    /// What samples, and all that the metric draws, follow from.
    pub seed: u64,
    /// What else the metric was told, such as `k`.
    pub parameters: BTreeMap<String, Value>,
}

/// The real examples of a figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// The data set, with its split.
    pub data: String,
    /// Digest of its content.
    pub digest: String,
    /// How its pictures were shaped.
    pub shaping: Value,
    /// How many examples were taken.
    pub count: usize,
}

/// The network of a figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Features {
    /// Its name, such as `effnet-lite0`.
    pub network: String,
    /// Digest of its weights.
    pub digest: String,
    /// How pictures were brought to its size.
    pub resize: String,
}

/// A field in which two protocols differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The dotted name, such as `reference.count`.
    pub field: String,
    /// What the first has there, as JSON.
    pub first: Option<Value>,
    /// What the second has there.
    pub second: Option<Value>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |value: &Option<Value>| match value {
            // Digests are told apart by their first letters.
            Some(Value::String(text)) if text.len() > 40 => format!("{}...", text.chars().take(19).collect::<String>()),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => "nothing".to_owned(),
        };
        write!(f, "{}: {} and {}", self.field, shown(&self.first), shown(&self.second))
    }
}

/// Two figures that say nothing about each other.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("figures of unlike protocol cannot be compared: {metric}: {}", differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct Unlike {
    /// What was measured.
    pub metric: String,
    /// Every field that differs, at least one.
    pub differences: Vec<Difference>,
}

impl Unlike {
    /// The way out.
    pub fn hint(&self) -> String {
        "measure both in the same way, as in `gany eval A B -n 5000 --against DATA`".into()
    }
}

/// Two figures of one protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What was measured.
    pub metric: String,
    /// The two numbers.
    pub values: [f64; 2],
    /// Which is better, 0 or 1, where the intervals do not overlap; `None` where chance may explain the difference, or no
    /// intervals are known.
    pub better: Option<usize>,
}

impl Figure {
    /// Its name with the network, as papers write it: `fd(clf)`.
    pub fn name(&self) -> String {
        match &self.protocol.features {
            Some(features) => format!("{}({})", self.metric, features.network),
            None => self.metric.clone(),
        }
    }

    /// How far its value is from what is good; lower is better for every metric.
    pub fn shortfall(&self) -> f64 {
        match self.better {
            Better::Lower => self.value,
            Better::Higher => -self.value,
            Better::Near(target) => (self.value - target).abs(),
            Better::LikeReal => (self.value - self.real.unwrap_or(0.0)).abs(),
        }
    }

    /// Compares with a figure of the same protocol.
    ///
    /// # Errors
    /// [`Unlike`] with every field in which the protocols differ.
    pub fn compare(&self, other: &Figure) -> Result<Comparison, Unlike> {
        let differences = self.protocol.differences(&other.protocol);
        if !differences.is_empty() {
            return Err(Unlike {
                metric: self.metric.clone(),
                differences,
            });
        }
        let is_apart = match (&self.interval, &other.interval) {
            (Some(a), Some(b)) => a.high < b.low || b.high < a.low,
            _ => false,
        };
        let better = usize::from(other.shortfall() < self.shortfall());
        Ok(Comparison {
            metric: self.metric.clone(),
            values: [self.value, other.value],
            better: is_apart.then_some(better),
        })
    }
}

impl Protocol {
    /// Every field in which it differs from another.
    pub fn differences(&self, other: &Protocol) -> Vec<Difference> {
        let flat = |protocol: &Protocol| {
            let mut fields = BTreeMap::new();
            flatten("", serde_json::to_value(protocol).expect("a plain value"), &mut fields);
            fields
        };
        let (first, second) = (flat(self), flat(other));
        let fields: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
        fields
            .into_iter()
            .filter(|field| first.get(*field) != second.get(*field))
            .map(|field| Difference {
                field: field.clone(),
                first: first.get(field).cloned(),
                second: second.get(field).cloned(),
            })
            .collect()
    }
}

fn flatten(name: &str, value: Value, fields: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(inside) => {
            for (key, value) in inside {
                let dotted = if name.is_empty() { key } else { format!("{name}.{key}") };
                flatten(&dotted, value, fields);
            }
        }
        Value::Null => {}
        value => _ = fields.insert(name.to_owned(), value),
    }
}

/// JSON has no infinities: a number that is not finite is written as its name.
mod number {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(value: &f64, s: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() {
            s.serialize_f64(*value)
        } else {
            s.collect_str(value)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f64),
            Name(String),
        }
        match Written::deserialize(d)? {
            Written::Number(value) => Ok(value),
            Written::Name(name) => name.parse().map_err(D::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn figure(value: f64, half: f64) -> Figure {
        Figure {
            metric: "fd".into(),
            value,
            interval: Some(Interval {
                low: value - half,
                high: value + half,
                method: "delta method".into(),
            }),
            real: None,
            better: Better::Lower,
            protocol: Protocol {
                definition: "fd 1".into(),
                reference: Reference {
                    data: "mnist:train".into(),
                    digest: format!("sha256:{}", "0123456789abcdef".repeat(4)),
                    shaping: json!({"size": [28, 28]}),
                    count: 5000,
                },
                samples: 5000,
                shape: vec![28, 28, 1],
                features: Some(Features {
                    network: "clf".into(),
                    digest: "ab".into(),
                    resize: "none".into(),
                }),
                seed: 0,
                parameters: [("k".to_owned(), json!(5))].into(),
            },
        }
    }

    #[test]
    fn unlike_protocols_are_refused_by_name() {
        let (a, mut b) = (figure(3.0, 0.5), figure(2.0, 0.2));
        b.protocol.reference.digest = format!("sha256:{}", "fedcba9876543210".repeat(4));
        b.protocol.reference.count = 100;
        b.protocol.features = None;
        b.protocol.parameters.clear();
        assert_eq!(
            a.compare(&b).unwrap_err().to_string(),
            "figures of unlike protocol cannot be compared: fd: features.digest: ab and nothing; \
             features.network: clf and nothing; features.resize: none and nothing; parameters.k: 5 and nothing; \
             reference.count: 5000 and 100; reference.digest: sha256:0123456789ab... and sha256:fedcba987654..."
        );
        let mut c = figure(1.0, 0.1);
        c.protocol.definition = "fd 2".into();
        assert_eq!(a.compare(&c).unwrap_err().differences[0].field, "definition");
    }

    #[test]
    fn the_better_one_is_named_where_it_is_clear() {
        assert_eq!(figure(3.0, 0.5).compare(&figure(2.0, 0.2)).unwrap().better, Some(1));
        assert_eq!(figure(1.0, 0.5).compare(&figure(2.0, 0.2)).unwrap().better, Some(0));
        assert_eq!(figure(3.0, 0.9).compare(&figure(2.0, 0.2)).unwrap().better, None);
        let like = |better, value, real| {
            Figure {
                better,
                real,
                ..figure(value, 0.1)
            }
            .shortfall()
        };
        assert_eq!(like(Better::Higher, 2.0, None), -2.0);
        assert_eq!(like(Better::Near(0.5), 0.75, None), 0.25);
        assert_eq!(like(Better::LikeReal, 0.25, Some(1.0)), 0.75);
    }

    #[test]
    fn figures_come_back_from_json_whatever_their_value() {
        for value in [0.1, f64::INFINITY, f64::NEG_INFINITY] {
            let written = serde_json::to_string(&Figure {
                interval: None,
                ..figure(value, 0.0)
            })
            .unwrap();
            assert_eq!(serde_json::from_str::<Figure>(&written).unwrap().value, value);
        }
        assert_eq!(figure(1.0, 0.0).name(), "fd(clf)");
    }
}
