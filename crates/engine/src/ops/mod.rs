//! What can be done with tensors. Every method checks shapes where it is called and names itself in the message.
mod linear;
mod pointwise;
mod random;
mod reduce;
mod shape;

pub use linear::ConvOptions;
pub use pointwise::select;
pub use random::Key;
pub use shape::{PadMode, concat};
