//! How unlike two persons two faces are, as a term of a loss.
use super::identity::{Identity, SIDE};
use crate::metrics::features::FeaturesError;
use crate::nn::stretch;
use gany_engine::{Tensor, concat};

/// The network of identities as a function of tensors.
pub struct Likeness(Identity);

impl Likeness {
    /// With the weights that were fetched.
    ///
    /// # Errors
    /// [`FeaturesError`]: they were not fetched, or are damaged.
    pub fn open() -> Result<Likeness, FeaturesError> {
        Ok(Likeness(Identity::fetched()?))
    }

    /// The square of the distance between the identities of faces that lie over one another, `[n]`: below about 0.36 for two of
    /// one person.
    ///
    /// # Shapes
    /// x and y `[n, h, w, c]` in [-1, 1], c 1 or 3.
    pub fn between(&self, x: &Tensor, y: &Tensor) -> Tensor {
        (self.identities(x) - self.identities(y)).square().sum_axes(&[1])
    }

    /// Identities `[n, IDENTITY]` of faces `[n, h, w, c]` in [-1, 1], c 1 or 3: near for pictures of one person.
    pub fn identities(&self, x: &Tensor) -> Tensor {
        let coloured = match x.extent(3) {
            1 => concat(&[x.clone(), x.clone(), x.clone()], 3),
            _ => x.clone(),
        };
        let bytes = (stretch(&coloured, [SIDE, SIDE]) + 1.0) * 127.5;
        self.0.forward(&super::centred(&bytes))
    }
}
