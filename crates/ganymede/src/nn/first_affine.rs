//! What codes are turned into first, noted while a forward pass is written down.
use gany_engine::Tensor;
use std::cell::RefCell;

/// Names of layers and values.
type Noted = Vec<(String, Tensor)>;

#[derive(Default)]
struct Notes {
    /// What the first rectifier is given.
    rectified: Option<(String, Tensor)>,
    /// Affine functions of styles.
    styles: Noted,
}

thread_local! {
    static NOTES: RefCell<Option<Notes>> = const { RefCell::new(None) };
}

/// Runs `body` and notes on this thread what codes are turned into first, by an affine function: the styles of every modulated
/// convolution and adaptive normalisation, `[n, channels]` each, or, where there are none, what the first rectifier of a
/// [`Sequential`](super::Sequential) is given, if there is one.
pub fn observing_first_affine<R>(body: impl FnOnce() -> R) -> (R, Noted) {
    struct Restore(Option<Notes>);
    impl Drop for Restore {
        fn drop(&mut self) {
            NOTES.set(self.0.take());
        }
    }
    let _restore = Restore(NOTES.replace(Some(Notes::default())));
    let result = body();
    let Notes { rectified, styles } = NOTES.take().unwrap_or_default();
    let noted = if styles.is_empty() {
        rectified.into_iter().collect()
    } else {
        styles
    };
    (result, noted)
}

/// Notes what a rectifier is given, where somebody observes and it is the first.
pub(super) fn note_rectified(name: impl FnOnce() -> String, value: &Tensor) {
    NOTES.with_borrow_mut(|notes| {
        if let Some(notes) = notes {
            notes.rectified.get_or_insert_with(|| (name(), value.clone()));
        }
    });
}

/// Notes an affine function of a style, `[n, channels]`, where somebody observes.
pub(super) fn note_style(name: &str, value: &Tensor) {
    NOTES.with_borrow_mut(|notes| {
        if let Some(notes) = notes {
            notes.styles.push((name.to_owned(), value.clone()));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Activation, AdaIn, Layer, Scope, Sequential};
    use gany_engine::DType;

    /// Of 2 x - 1, then a rectifier, then as much again, the first affine function is 2 x - 1; where there are styles, it is
    /// theirs.
    #[test]
    fn the_first_affine_function_is_noted() {
        let scope = Scope::new(DType::F64, 0).at("generator");
        let network = Sequential::new(&scope)
            .push(|x: &Tensor| x * 2.0 - 1.0)
            .push(Activation::Relu)
            .push(|x: &Tensor| x * 2.0 - 1.0)
            .push(Activation::Relu);
        let x = Tensor::from_f64(&[1, 2], &[0.0, 1.0]);
        let (_, noted) = observing_first_affine(|| network.forward(&x));
        assert_eq!(noted.len(), 1);
        assert_eq!(
            (noted[0].0.as_str(), noted[0].1.to_f64()),
            ("generator.1", vec![-1.0, 1.0])
        );
        let adain = AdaIn::declare(&scope.at("style"), 2, 1);
        let picture = Tensor::full(DType::F64, &[1, 2, 2, 1], 1.0);
        let (_, noted) = observing_first_affine(|| adain.forward(&picture, &network.forward(&x)));
        assert_eq!(noted.len(), 1);
        assert_eq!(
            (noted[0].0.as_str(), noted[0].1.shape()),
            ("generator.style", &[1, 2][..])
        );
    }
}
