//! What goes through networks at their rectifiers and styles: read, or replaced, while a forward pass is written down.
use gany_engine::Tensor;
use std::cell::RefCell;
use std::rc::Rc;

/// Where in a network an observer is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// What a rectifier is given.
    BeforeRectifier,
    /// What a rectifier gives.
    Rectifier,
    /// An affine function of a style.
    Style,
}

/// Is handed what goes through a place, by the name of the layer, and says what goes on instead.
type Observer = Box<dyn FnMut(Place, &str, Tensor) -> Tensor>;

/// Names of layers and values.
type Noted = Vec<(String, Tensor)>;

thread_local! {
    static OBSERVER: RefCell<Option<Observer>> = const { RefCell::new(None) };
}

fn with_observer<R>(observer: impl FnMut(Place, &str, Tensor) -> Tensor + 'static, body: impl FnOnce() -> R) -> R {
    struct Restore(Option<Observer>);
    impl Drop for Restore {
        fn drop(&mut self) {
            OBSERVER.set(self.0.take());
        }
    }
    let _restore = Restore(OBSERVER.replace(Some(Box::new(observer))));
    body()
}

/// Runs `body` while on this thread what every rectifier gives is what `change` makes of it; it is handed the name of the layer
/// and its value, in order. `change` must not run networks itself.
pub fn intervening<R>(mut change: impl FnMut(&str, Tensor) -> Tensor + 'static, body: impl FnOnce() -> R) -> R {
    let observer = move |place, name: &str, value| match place {
        Place::Rectifier => change(name, value),
        _ => value,
    };
    with_observer(observer, body)
}

/// Runs `body` and notes on this thread what goes through all places that are wanted, in order.
fn noting<R>(wanted: &'static [Place], body: impl FnOnce() -> R) -> (R, Vec<(Place, String, Tensor)>) {
    let noted = Rc::new(RefCell::new(vec![]));
    let list = Rc::clone(&noted);
    let note = move |place, name: &str, value: Tensor| {
        if wanted.contains(&place) {
            list.borrow_mut().push((place, name.to_owned(), value.clone()));
        }
        value
    };
    let result = with_observer(note, body);
    (result, noted.take())
}

/// Runs `body` and notes on this thread what every rectifier gives, by the name of the layer, in order.
pub fn observing<R>(body: impl FnOnce() -> R) -> (R, Noted) {
    let (result, noted) = noting(&[Place::Rectifier], body);
    (result, noted.into_iter().map(named).collect())
}

/// Runs `body` and notes on this thread what codes are turned into first, by an affine function: the styles of every modulated
/// convolution and adaptive normalisation, `[n, channels]` each, or, where there are none, what the first rectifier of a
/// [`Sequential`](super::Sequential) is given, if there is one.
pub fn observing_first_affine<R>(body: impl FnOnce() -> R) -> (R, Noted) {
    let (result, noted) = noting(&[Place::BeforeRectifier, Place::Style], body);
    let (styles, rectified): (Vec<_>, Vec<_>) = noted.into_iter().partition(|(place, ..)| *place == Place::Style);
    let first = match styles.len() {
        0 => rectified.into_iter().take(1).collect(),
        _ => styles,
    };
    (result, first.into_iter().map(named).collect())
}

fn named((_, name, value): (Place, String, Tensor)) -> (String, Tensor) {
    (name, value)
}

fn passed(place: Place, name: impl FnOnce() -> String, value: Tensor) -> Tensor {
    OBSERVER.with_borrow_mut(|observer| match observer {
        Some(observer) => observer(place, &name(), value),
        None => value,
    })
}

/// What goes on of what a rectifier gives: the same, unless somebody intervenes. A [`Sequential`](super::Sequential) asks this
/// of its rectifiers; who puts layers together otherwise asks it too.
pub fn observed(name: impl FnOnce() -> String, value: Tensor) -> Tensor {
    passed(Place::Rectifier, name, value)
}

/// What a rectifier of a [`Sequential`](super::Sequential) is given.
pub(super) fn before_rectifier(name: impl FnOnce() -> String, value: Tensor) -> Tensor {
    passed(Place::BeforeRectifier, name, value)
}

/// An affine function of a style, `[n, channels]`.
pub(super) fn of_style(name: &str, value: Tensor) -> Tensor {
    passed(Place::Style, || name.to_owned(), value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Activation, AdaIn, Layer, Scope, Sequential, dense};
    use gany_engine::DType;

    #[test]
    fn rectifiers_are_noted_by_name_and_only_while_observed() {
        let scope = Scope::new(DType::F64, 0).at("generator");
        let network = Sequential::new(&scope)
            .push(dense(2, 3))
            .push(Activation::Relu)
            .push(dense(3, 1))
            .push(Activation::Tanh);
        let x = Tensor::full(DType::F64, &[4, 2], 1.0);
        let (inner, outer) = observing(|| observing(|| network.forward(&x)).1);
        assert_eq!(inner.len(), 1);
        assert_eq!((inner[0].0.as_str(), inner[0].1.shape()), ("generator.1", &[4, 3][..]));
        assert!(outer.is_empty(), "the inner observer took it");
        network.forward(&x);
        assert!(observing(|| ()).1.is_empty());
    }

    #[test]
    fn what_is_put_in_for_a_rectifier_goes_on() {
        let network = Sequential::new(&Scope::new(DType::F64, 0).at("generator"))
            .push(Activation::Relu)
            .push(|x: &Tensor| x + 1.0)
            .push(Activation::Relu);
        let x = Tensor::from_f64(&[1, 2], &[-3.0, 4.0]);
        let tenfold = |name: &str, value: Tensor| if name == "generator.0" { value * 10.0 } else { value };
        assert_eq!(intervening(tenfold, || network.forward(&x)).to_f64(), [1.0, 41.0]);
        assert_eq!(network.forward(&x).to_f64(), [1.0, 5.0]);
    }

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
