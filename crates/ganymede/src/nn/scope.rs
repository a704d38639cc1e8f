//! The named state tree: where layers declare their tensors, and the handles by which they read them.
use crate::nn::{Init, Stage};
use gany_engine::{DType, Tensor};
use std::fmt::{Debug, Display};
use std::sync::{Arc, Mutex, PoisonError};

/// A named tensor of the state tree. Layers hold handles; a game rebinds them to the values of the moment while it
/// traces a step. Cloning shares the value.
#[derive(Clone)]
pub struct Parameter(Arc<Shared>);

struct Shared {
    name: String,
    is_trainable: bool,
    shape: Vec<usize>,
    dtype: DType,
    value: Mutex<Tensor>,
}

impl Parameter {
    fn new(name: String, is_trainable: bool, value: Tensor) -> Parameter {
        Parameter(Arc::new(Shared {
            name,
            is_trainable,
            shape: value.shape().to_vec(),
            dtype: value.dtype(),
            value: Mutex::new(value),
        }))
    }

    /// The full path, such as `generator.0.weight`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether an optimiser updates it; running statistics and spectral vectors are not trainable.
    pub fn is_trainable(&self) -> bool {
        self.0.is_trainable
    }

    /// The extents, which never change.
    pub fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    /// The value of the moment; the same node until the next `set`, so it can be named to `grad`.
    pub fn get(&self) -> Tensor {
        self.0.value.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Binds the handle to another value.
    ///
    /// # Panics
    /// Where the value's shape or dtype is not that of the declaration.
    #[track_caller]
    pub fn set(&self, value: Tensor) {
        assert!(
            value.shape() == self.shape() && value.dtype() == self.0.dtype,
            "parameter {}: {:?} of {:?} given for {:?} of {:?}",
            self.name(),
            value.dtype(),
            value.shape(),
            self.0.dtype,
            self.shape()
        );
        *self.0.value.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

impl Debug for Parameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Parameter({}, {:?})", self.name(), self.shape())
    }
}

/// Where layers declare their parameters: a path of names, a seed, and the list of all that was declared so far, which
/// all sub-scopes share.
#[derive(Clone)]
pub struct Scope {
    path: String,
    dtype: DType,
    seed: u64,
    is_frozen: bool,
    declared: Arc<Mutex<Vec<Parameter>>>,
    stage: Stage,
}

impl Scope {
    /// The root of an empty tree. Initial values are a pure function of `seed` and the full name of each parameter.
    pub fn new(dtype: DType, seed: u64) -> Scope {
        Scope {
            path: String::new(),
            dtype,
            seed,
            is_frozen: false,
            declared: Arc::default(),
            stage: Stage::new(dtype),
        }
    }

    /// The scope one name further down.
    pub fn at(&self, name: impl Display) -> Scope {
        Scope {
            path: self.full_name(&name),
            ..self.clone()
        }
    }

    /// This scope for a network that no player trains, but that belongs to the state: a copy of another one that stays
    /// behind.
    pub fn frozen(&self) -> Scope {
        Scope {
            is_frozen: true,
            ..self.clone()
        }
    }

    /// Binds every tensor under this scope to the value that the one of the same name under `other` has now.
    ///
    /// # Panics
    /// Where the two hold other names or shapes.
    #[track_caller]
    pub fn follow(&self, other: &Scope) {
        let (copies, originals) = (self.parameters(), other.parameters());
        assert_eq!(
            copies.len(),
            originals.len(),
            "follow: {self:?} is no copy of {other:?}"
        );
        for (copy, original) in copies.iter().zip(&originals) {
            let rest = &copy.name()[self.path.len()..];
            assert_eq!(
                rest,
                &original.name()[other.path.len()..],
                "follow: {self:?} is no copy of {other:?}"
            );
            copy.set(original.get());
        }
    }

    /// Declares a trainable tensor, drawn by `init`; one that no optimiser updates in a [`frozen`](Scope::frozen) scope.
    ///
    /// # Panics
    /// Where the full name is declared already.
    #[track_caller]
    pub fn parameter(&self, name: impl Display, shape: &[usize], init: Init) -> Parameter {
        self.declare(&name, !self.is_frozen, shape, init)
    }

    /// Declares a tensor that no optimiser updates, with the same number everywhere at first.
    ///
    /// # Panics
    /// Where the full name is declared already.
    #[track_caller]
    pub fn buffer(&self, name: impl Display, shape: &[usize], value: f64) -> Parameter {
        self.declare(&name, false, shape, Init::Constant(value))
    }

    /// Declares a tensor that no optimiser updates, drawn by `init` (the vectors of spectral normalisation).
    ///
    /// # Panics
    /// Where the full name is declared already.
    #[track_caller]
    pub fn random_buffer(&self, name: impl Display, shape: &[usize], init: Init) -> Parameter {
        self.declare(&name, false, shape, init)
    }

    /// Everything that was declared at or under this path, in order of declaration.
    pub fn parameters(&self) -> Vec<Parameter> {
        let declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        let is_under = |parameter: &&Parameter| {
            let rest = parameter.name().strip_prefix(self.path.as_str());
            self.path.is_empty() || rest.is_some_and(|rest| rest.starts_with('.'))
        };
        declared.iter().filter(is_under).cloned().collect()
    }

    /// Where the game stands, for networks that change as training goes on; all scopes of a tree share it.
    pub fn stage(&self) -> Stage {
        self.stage.clone()
    }

    /// What the elements of all parameters are.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The names from the root to here, joined by dots; empty at the root.
    pub fn path(&self) -> &str {
        &self.path
    }

    fn full_name(&self, name: &impl Display) -> String {
        if self.path.is_empty() {
            name.to_string()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    #[track_caller]
    fn declare(&self, name: &impl Display, is_trainable: bool, shape: &[usize], init: Init) -> Parameter {
        let name = self.full_name(name);
        let elements = init.draw(shape, self.seed, &name);
        let value = Tensor::from_elements(self.dtype, shape, &elements);
        let mut declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(
            declared.iter().all(|other| other.name() != name),
            "parameter {name} is declared twice"
        );
        let parameter = Parameter::new(name, is_trainable, value);
        declared.push(parameter.clone());
        parameter
    }
}

impl Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scope({:?}, seed {})", self.path, self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal() -> Init {
        Init::Normal { mean: 0.0, std: 1.0 }
    }

    #[test]
    fn parameters_are_listed_by_path_in_order_of_declaration() {
        let scope = Scope::new(DType::F32, 0);
        let generator = scope.at("generator");
        let weight = generator.at(0).parameter("weight", &[2, 3], Init::Zeros);
        scope.at("generator_b").parameter("weight", &[1], Init::Zeros);
        let mean = generator.at(1).buffer("running_mean", &[3], 0.5);
        assert_eq!(weight.name(), "generator.0.weight");
        assert_eq!((weight.is_trainable(), mean.is_trainable()), (true, false));
        assert_eq!(mean.get().to_f64(), [0.5; 3]);
        let names = |scope: &Scope| {
            scope
                .parameters()
                .iter()
                .map(|p| p.name().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&generator), ["generator.0.weight", "generator.1.running_mean"]);
        assert_eq!(names(&scope).len(), 3);
    }

    #[test]
    fn values_depend_on_seed_and_name_only() {
        let draw = |seed: u64, names: &[&str]| {
            let scope = Scope::new(DType::F64, seed);
            let all: Vec<Parameter> = names.iter().map(|name| scope.parameter(name, &[4], normal())).collect();
            all.iter().map(|p| p.get().to_f64()).collect::<Vec<_>>()
        };
        let (forth, back) = (draw(7, &["a", "b"]), draw(7, &["b", "a"]));
        assert_eq!(forth[0], back[1]);
        assert_eq!(forth[1], back[0]);
        assert_ne!(forth[0], forth[1]);
        assert_ne!(forth, draw(8, &["a", "b"]));
    }

    #[test]
    fn handles_share_what_is_set() {
        let parameter = Scope::new(DType::F64, 0).parameter("w", &[2], Init::Zeros);
        let handle = parameter.clone();
        parameter.set(Tensor::from_f64(&[2], &[1.0, 2.0]));
        assert_eq!(handle.get().to_f64(), [1.0, 2.0]);
    }

    #[test]
    fn a_frozen_copy_follows() {
        let scope = Scope::new(DType::F64, 0);
        let (source, copy) = (scope.at("source"), scope.at("copy").frozen());
        let weight = source.at(0).parameter("weight", &[2], normal());
        let frozen = copy.at(0).parameter("weight", &[2], normal());
        assert!(!frozen.is_trainable() && weight.get().to_f64() != frozen.get().to_f64());
        copy.follow(&source);
        assert_eq!(weight.get().to_f64(), frozen.get().to_f64());
    }

    #[test]
    #[should_panic(expected = "parameter a.w is declared twice")]
    fn a_name_is_declared_once() {
        let scope = Scope::new(DType::F32, 0).at("a");
        scope.parameter("w", &[1], Init::Zeros);
        scope.buffer("w", &[1], 0.0);
    }

    #[test]
    #[should_panic(expected = "parameter w: F32 of [3] given for F32 of [2]")]
    fn another_shape_is_refused() {
        let parameter = Scope::new(DType::F32, 0).parameter("w", &[2], Init::Zeros);
        parameter.set(Tensor::full(DType::F32, &[3], 0.0));
    }
}
