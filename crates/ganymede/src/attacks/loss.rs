//! What attacks climb.
use super::Aim;
use crate::objectives::likelihood;
use gany_engine::{Tensor, select};

/// A number larger than any logit, which keeps a class out of a maximum.
const FAR: f64 = 1e9;

/// Cross-entropy `[n]` of logits `[n, classes]` and class numbers `[n]`: up, away from the class; down, towards it.
pub(super) fn cross_entropy(logits: &Tensor, classes: &Tensor, aim: Aim) -> Tensor {
    likelihood::categorical(logits, classes) * aim.sign()
}

/// How far the best of the other classes is above the class `[n]`, in logits, or where the class is aimed at how far that is above
/// the others: positive where the attack has what it wants.
pub(super) fn margin(logits: &Tensor, classes: &Tensor, aim: Aim) -> Tensor {
    let chosen = classes.one_hot(logits.extent(1));
    let others = select(&chosen, &(logits.zeros_like() - FAR), logits).max_axes(&[1]);
    (others - (logits * chosen).sum_axes(&[1])) * aim.sign()
}

/// The same of numbers of one picture.
pub(super) fn margin_of(logits: &[f32], class: usize, aim: Aim) -> f32 {
    let others = logits.iter().enumerate().filter(|(other, _)| *other != class);
    let best = others.map(|(_, logit)| *logit).fold(f32::NEG_INFINITY, f32::max);
    (best - logits[class]) * aim.sign() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margins_by_hand() {
        let logits = [1.0, 4.0, 2.5, 0.0, -1.0, -3.0];
        let [tensor, classes] = [Tensor::from_f32(&[2, 3], &logits), Tensor::from_f32(&[2], &[1.0, 2.0])];
        assert_eq!(margin(&tensor, &classes, Aim::Away).to_f32(), [-1.5, 3.0]);
        assert_eq!(margin(&tensor, &classes, Aim::To).to_f32(), [1.5, -3.0]);
        assert_eq!(margin_of(&logits[..3], 1, Aim::Away), -1.5);
        assert_eq!(margin_of(&logits[3..], 2, Aim::To), -3.0);
    }
}
