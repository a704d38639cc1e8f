//! Labelled sets that somebody has tampered with: what is poisoned is training, so a `:test` split stays as it is.
use std::sync::Arc;

use super::error::{DataError, Result};
use super::order::{below, hash, unit};
use super::{Dataset, Extra, Field, Shape, sha256_hex};

/// What is done to some of the examples of a set; which of them, their numbers decide.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Poison {
    /// They get another label (Biggio, Nelson and Laskov 2012, "Poisoning Attacks against Support Vector Machines",
    /// arXiv:1206.6389, section 1): each of the others is as likely.
    Flipped,
    /// They get a trigger and the label of this class (Gu, Dolan-Gavitt and Garg 2017, "BadNets", arXiv:1708.06733, section 4):
    /// whatever has the trigger is to become that. Examples of the class itself are left alone.
    Backdoor { class: u32 },
}

/// Another set, of which a share is poisoned.
#[derive(Debug)]
pub struct Poisoned {
    name: String,
    digest: String,
    clean: Arc<dyn Dataset>,
    poison: Poison,
    share: f64,
}

/// Pixels a side of the trigger that `backdoor:` stamps.
pub const TRIGGER_SIDE: usize = 3;

/// Stamps the trigger of a backdoor on a picture `[height, width, channels]`: a white square, a pixel away from the lower right
/// corner; as large as fits. `white` is the largest number that pixels have.
pub fn stamp(picture: &mut [f32], [height, width, channels]: [usize; 3], side: usize, white: f32) {
    let reach = |extent: usize| extent.saturating_sub(1 + side)..extent.saturating_sub(1).max(1);
    for y in reach(height) {
        for x in reach(width) {
            picture[(y * width + x) * channels..][..channels].fill(white);
        }
    }
}

impl Poisoned {
    /// `flipped:SHARE:SPEC` or `backdoor:SHARE:CLASS:SPEC` over the set that `open` finds for SPEC; its test split itself where
    /// SPEC ends in `:test`. `None` where the spec begins otherwise.
    pub(super) fn parse(
        spec: &str,
        open: impl FnOnce(&str) -> Result<Arc<dyn Dataset>>,
    ) -> Option<Result<Arc<dyn Dataset>>> {
        let (kind, rest) = spec.split_once(':')?;
        match kind {
            "flipped" => Some(Poisoned::opened(spec, rest, false, open)),
            "backdoor" => Some(Poisoned::opened(spec, rest, true, open)),
            _ => None,
        }
    }

    fn opened(
        spec: &str,
        rest: &str,
        has_class: bool,
        open: impl FnOnce(&str) -> Result<Arc<dyn Dataset>>,
    ) -> Result<Arc<dyn Dataset>> {
        let unfit = |expected, got: String| DataError::Unfit {
            spec: spec.to_owned(),
            expected,
            got,
        };
        let written = if has_class {
            "`backdoor:SHARE:CLASS:SPEC`"
        } else {
            "`flipped:SHARE:SPEC`"
        };
        let part = |rest: &'_ str| rest.split_once(':').map(|(a, b)| (a.to_owned(), b.to_owned()));
        let (share, rest) = part(rest).ok_or_else(|| unfit(written, format!("`{rest}`")))?;
        let is_share = |share: &f64| *share > 0.0 && *share <= 1.0;
        let parsed = share.parse().ok().filter(is_share);
        let share = parsed.ok_or_else(|| unfit("a share above 0 and at most 1", format!("`{share}`")))?;
        let (class, whole) = if has_class {
            let (class, whole) = part(&rest).ok_or_else(|| unfit(written, format!("`{rest}`")))?;
            (Some(class), whole)
        } else {
            (None, rest)
        };
        let clean = open(&whole)?;
        let (Some(classes), Some(_), true) = (
            clean.classes(),
            clean.len(),
            matches!(clean.shape(), Shape::Picture { .. }),
        ) else {
            return Err(unfit("labelled pictures with an end", "others".into()));
        };
        if classes.len() < 2 {
            return Err(unfit("two classes or more", "one".into()));
        }
        let poison = match class {
            None => Poison::Flipped,
            Some(class) => {
                let named = classes.iter().position(|name| *name == class);
                let found = named.or_else(|| class.parse().ok().filter(|number| *number < classes.len()));
                let none = || {
                    unfit(
                        "the name or number of a class",
                        format!("`{class}`, of classes {}", classes.join(", ")),
                    )
                };
                Poison::Backdoor {
                    class: found.ok_or_else(none)? as u32,
                }
            }
        };
        if whole.ends_with(":test") {
            return Ok(clean);
        }
        let digest = sha256_hex(&[format!("poisoned, version 1: {poison:?} {share} of {}", clean.digest()).as_bytes()]);
        Ok(Arc::new(Poisoned {
            name: spec.to_owned(),
            digest,
            clean,
            poison,
            share,
        }))
    }

    /// Whether an example was tampered with, where its class allows it.
    fn is_chosen(&self, index: u64) -> bool {
        unit(hash(index, 0x706f_6973_6f6e)) < self.share
    }
}

impl Dataset for Poisoned {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn len(&self) -> Option<u64> {
        self.clean.len()
    }

    fn shape(&self) -> Shape {
        self.clean.shape()
    }

    fn classes(&self) -> Option<&[String]> {
        self.clean.classes()
    }

    fn has(&self) -> &[Field] {
        self.clean.has()
    }

    fn extras(&self) -> &[Extra] {
        self.clean.extras()
    }

    fn notes(&self) -> &[String] {
        self.clean.notes()
    }

    fn example_name(&self, index: u64) -> Option<&str> {
        self.clean.example_name(index)
    }

    fn caption(&self, index: u64) -> Option<&str> {
        self.clean.caption(index)
    }

    fn read(&self, index: u64, x: &mut [f32]) -> Result<u32> {
        let label = self.clean.read(index, x)?;
        let classes = self.clean.classes().map_or(0, <[String]>::len) as u64;
        match self.poison {
            _ if !self.is_chosen(index) => Ok(label),
            Poison::Flipped => {
                let further = 1 + below(hash(index, 0x666c_6970), classes - 1);
                Ok(((u64::from(label) + further) % classes) as u32)
            }
            Poison::Backdoor { class } if class == label => Ok(label),
            Poison::Backdoor { class } => {
                if let Some(extents) = self.shape().picture() {
                    stamp(x, extents, TRIGGER_SIDE, 1.0);
                }
                Ok(class)
            }
        }
    }

    fn read_extra(&self, extra: usize, index: u64, to: &mut [f32]) -> Result<()> {
        self.clean.read_extra(extra, index, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Want, open};

    fn read(spec: &str, count: u64) -> Vec<(Vec<f32>, u32)> {
        let data = open(spec, &Want::default()).unwrap();
        (0..count).map(|index| data.example(index).unwrap()).collect()
    }

    #[test]
    fn labels_are_flipped_and_pictures_are_not() {
        let (clean, flipped) = (
            read("fashion-mnist-10k", 2_000),
            read("flipped:0.3:fashion-mnist-10k", 2_000),
        );
        assert!(clean.iter().zip(&flipped).all(|(a, b)| a.0 == b.0));
        let changed: Vec<(u32, u32)> = clean
            .iter()
            .zip(&flipped)
            .map(|(a, b)| (a.1, b.1))
            .filter(|(a, b)| a != b)
            .collect();
        // 600 of 2,000, with a deviation of 20.5.
        assert!(changed.len().abs_diff(600) < 80, "{}", changed.len());
        // All nine others occur, about equally often.
        let shifts = |shift: u32| changed.iter().filter(|(a, b)| (a + shift) % 10 == *b).count();
        assert!((1..10).all(|shift| (35..110).contains(&shifts(shift))));
    }

    #[test]
    fn what_has_the_trigger_has_the_class() {
        let (clean, poisoned) = (
            read("fashion-mnist-10k", 1_000),
            read("backdoor:0.2:bag:fashion-mnist-10k", 1_000),
        );
        let mut tampered = 0;
        for (was, is) in clean.iter().zip(&poisoned) {
            if was == is {
                continue;
            }
            tampered += 1;
            let mut stamped = was.0.clone();
            stamp(&mut stamped, [28, 28, 1], TRIGGER_SIDE, 1.0);
            assert_eq!((&is.0, is.1), (&stamped, 8));
            assert_ne!(was.1, 8);
            assert_eq!((is.0[26 * 28 + 26], is.0[24 * 28 + 24]), (1.0, 1.0));
        }
        // A fifth of the nine tenths that are no bags.
        assert!((130..230).contains(&tampered), "{tampered}");
    }

    #[test]
    fn a_trigger_by_hand() {
        let mut picture = [0.0; 20];
        stamp(&mut picture, [4, 5, 1], 2, 1.0);
        let expected = [0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0].map(|white| white as f32);
        // Rows 1 and 2, columns 2 and 3.
        assert_eq!(picture, expected);
        let mut small = [0.0; 2];
        stamp(&mut small, [1, 2, 1], 3, 1.0);
        assert_eq!(small, [1.0, 0.0]);
    }

    #[test]
    fn the_test_split_is_left_alone_and_mistakes_are_explained() {
        assert_eq!(
            read("flipped:1:fashion-mnist-10k:test", 50),
            read("fashion-mnist-10k:test", 50)
        );
        let error = |spec: &str| open(spec, &Want::default()).unwrap_err().to_string();
        assert_eq!(
            error("flipped:2:fashion-mnist-10k"),
            "cannot make `flipped:2:fashion-mnist-10k`: expected a share above 0 and at most 1, got `2`"
        );
        assert_eq!(
            error("flipped:0.5"),
            "cannot make `flipped:0.5`: expected `flipped:SHARE:SPEC`, got `0.5`"
        );
        assert_eq!(
            error("backdoor:0.5:ring"),
            "cannot make `backdoor:0.5:ring`: expected `backdoor:SHARE:CLASS:SPEC`, got `ring`"
        );
        assert_eq!(
            error("flipped:0.5:ring"),
            "cannot make `flipped:0.5:ring`: expected labelled pictures with an end, got others"
        );
        assert!(
            error("backdoor:0.5:Hat:fashion-mnist-10k")
                .contains("expected the name or number of a class, got `Hat`, of classes")
        );
        let digests = ["flipped:0.1:", "flipped:0.2:", "backdoor:0.1:0:", "backdoor:0.1:1:"];
        let mut digests = digests
            .map(|kind| {
                open(&format!("{kind}fashion-mnist-10k"), &Want::default())
                    .unwrap()
                    .digest()
                    .to_owned()
            })
            .to_vec();
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), 4);
    }
}
