//! What the rectifiers of networks give: read, or replaced, while a forward pass is written down.
use gany_engine::Tensor;
use std::cell::RefCell;
use std::rc::Rc;

/// Is handed what a layer gives, by the name of the layer, and says what goes on instead.
type Observer = Box<dyn FnMut(&str, Tensor) -> Tensor>;

thread_local! {
    static OBSERVER: RefCell<Option<Observer>> = const { RefCell::new(None) };
}

/// Runs `body` while on this thread what every rectifier gives is what `change` makes of it; it is handed the name of the layer
/// and its value, in order. `change` must not run networks itself.
pub fn intervening<R>(change: impl FnMut(&str, Tensor) -> Tensor + 'static, body: impl FnOnce() -> R) -> R {
    struct Restore(Option<Observer>);
    impl Drop for Restore {
        fn drop(&mut self) {
            OBSERVER.set(self.0.take());
        }
    }
    let _restore = Restore(OBSERVER.replace(Some(Box::new(change))));
    body()
}

/// Runs `body` and notes on this thread what every rectifier gives, by the name of the layer, in order.
pub fn observing<R>(body: impl FnOnce() -> R) -> (R, Vec<(String, Tensor)>) {
    let noted = Rc::new(RefCell::new(vec![]));
    let list = Rc::clone(&noted);
    let note = move |name: &str, value: Tensor| {
        list.borrow_mut().push((name.to_owned(), value.clone()));
        value
    };
    let result = intervening(note, body);
    (result, noted.take())
}

/// What goes on of what a rectifier gives: the same, unless somebody intervenes. A [`Sequential`](super::Sequential) asks this
/// of its rectifiers; who puts layers together otherwise asks it too.
pub fn observed(name: impl FnOnce() -> String, value: Tensor) -> Tensor {
    OBSERVER.with_borrow_mut(|observer| match observer {
        Some(observer) => observer(&name(), value),
        None => value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Activation, Layer, Scope, Sequential, dense};
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
}
