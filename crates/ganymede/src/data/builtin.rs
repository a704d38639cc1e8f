//! The pictures inside the program: the 10,000 test images of Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017, MIT licence).

use std::path::Path;

use super::error::Result;
use super::idx::{self, Idx};
use super::pictures::Pictures;
use super::shaping::Want;

const IMAGES: &[u8] = include_bytes!("../../../../assets/fashion-mnist/t10k-images-idx3-ubyte.gz");
const LABELS: &[u8] = include_bytes!("../../../../assets/fashion-mnist/t10k-labels-idx1-ubyte.gz");

/// The ten classes of Fashion-MNIST, by class number.
pub const FASHION_MNIST_CLASSES: [&str; 10] = [
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
];

/// The built-in pictures, 28x28 grey by nature, shaped as wanted; `name` is what they are called in reports.
///
/// # Errors
/// [`DataError::ImpossibleShape`](super::DataError::ImpossibleShape) for a wanted shape that cannot be made.
pub fn fashion_mnist_10k(name: &str, want: &Want) -> Result<Pictures> {
    let parse = |bytes, path| Idx::parse(bytes, Path::new(path));
    let images = parse(IMAGES, "built-in images")?;
    let labels = parse(LABELS, "built-in labels")?;
    idx::assemble(
        name,
        (images, Path::new("built-in images")),
        Some((&labels, Path::new("built-in labels"))),
        Some(&FASHION_MNIST_CLASSES),
        want,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, Shape};

    #[test]
    fn ten_thousand_pictures_a_thousand_a_class() {
        let data = fashion_mnist_10k("fashion-mnist-10k", &Want::default()).unwrap();
        assert_eq!(data.len(), Some(10_000));
        assert_eq!(
            data.shape(),
            Shape::Picture {
                height: 28,
                width: 28,
                channels: 1
            }
        );
        assert_eq!(
            data.digest(),
            "c9aed4f87f987d6139b7c5ae20361e87891cb26baa8c4af814e8803bc480cec3"
        );
        let mut counts = [0; 10];
        let mut x = vec![0.0; 784];
        for i in 0..10_000 {
            counts[data.read(i, &mut x).unwrap() as usize] += 1;
        }
        assert_eq!(counts, [1000; 10]);
        // The first picture of the published test file is an ankle boot.
        assert_eq!(data.read(0, &mut x).unwrap(), 9);
    }

    #[test]
    fn it_takes_any_shape() {
        let data = fashion_mnist_10k("f", &Want::picture(32, 48, 3)).unwrap();
        let (x, _) = data.example(17).unwrap();
        assert_eq!(x.len(), 32 * 48 * 3);
        assert!(x.iter().all(|v| (-1.0..=1.0).contains(v)));
        assert!(x.chunks(3).all(|p| p[0] == p[1] && p[1] == p[2]));
    }
}
