//! TensorFlow's "same" padding where a stride of 2 makes it uneven.
use gany_engine::{PadMode, Tensor};

/// Zeros below and right of pictures: the pixel by which TensorFlow pads them more there than above and left.
///
/// # Shapes
/// x `[n, h, w, c]`; the result is `[n, h + 1, w + 1, c]`.
pub(crate) fn far_border(x: &Tensor) -> Tensor {
    x.pad(1, 0, 1, PadMode::Zero).pad(2, 0, 1, PadMode::Zero)
}
