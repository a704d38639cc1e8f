//! What the rectifiers of networks give, noted while a forward pass is written down.
use gany_engine::Tensor;
use std::cell::RefCell;

/// Names of layers and what they give.
type Noted = Vec<(String, Tensor)>;

thread_local! {
    static NOTED: RefCell<Option<Noted>> = const { RefCell::new(None) };
}

/// Runs `body` and notes on this thread what every rectifier of a [`Sequential`](super::Sequential) gives, by the name of
/// the layer, in order.
pub fn observing<R>(body: impl FnOnce() -> R) -> (R, Vec<(String, Tensor)>) {
    struct Restore(Option<Noted>);
    impl Drop for Restore {
        fn drop(&mut self) {
            NOTED.set(self.0.take());
        }
    }
    let _restore = Restore(NOTED.replace(Some(vec![])));
    let result = body();
    (result, NOTED.take().unwrap_or_default())
}

/// Notes what a layer gives, where somebody observes.
pub(super) fn note(name: impl FnOnce() -> String, value: &Tensor) {
    NOTED.with_borrow_mut(|noted| {
        if let Some(noted) = noted {
            noted.push((name(), value.clone()));
        }
    });
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
}
