//! A classifier for which attacks have closed forms: two classes on either side of a plane.
use super::{Aim, Target, Task};
use gany_engine::Tensor;

/// The plane's normal vector, over pictures of 2 x 3 grey pixels.
pub(crate) const NORMAL: [f64; 6] = [0.5, -1.0, 2.0, 0.25, -0.75, 0.125];

/// Where the plane is: pictures on it have `NORMAL x = OFFSET`.
pub(crate) const OFFSET: f64 = 0.6625;

/// How much the second class is above the first: `NORMAL x - OFFSET`.
pub(crate) fn margin(picture: &[f32]) -> f64 {
    let product = |(w, x): (&f64, &f32)| w * f64::from(*x);
    NORMAL.iter().zip(picture).map(product).sum::<f64>() - OFFSET
}

/// The classifier.
pub(crate) fn target() -> Target {
    let weights: Vec<f32> = NORMAL.iter().flat_map(|w| [0.0, *w as f32]).collect();
    Target::new(
        "plane",
        [2, 3, 1],
        ["below", "above"].map(str::to_owned).to_vec(),
        move |x| {
            let product = x.flatten_from(1).matmul(&Tensor::from_f32(&[6, 2], &weights));
            product - Tensor::from_f32(&[1, 2], &[0.0, OFFSET as f32])
        },
    )
}

/// Two grey pictures, 0.1 and 0.11 below the plane in logits.
pub(crate) fn task() -> Task {
    // The sum of the normal vector is 1.125: half of it is 0.5625.
    let pictures = [0.5_f32; 12]
        .iter()
        .enumerate()
        .map(|(i, x)| if i == 6 { x - 0.02 } else { *x });
    Task {
        pictures: pictures.collect(),
        classes: vec![0; 2],
        aim: Aim::Away,
        seed: 0,
    }
}
