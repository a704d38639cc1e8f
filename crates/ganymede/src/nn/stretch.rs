//! Pictures at other extents, by linear interpolation.
use gany_engine::Tensor;

/// Pictures at any extents: each number lies linearly between the two nearest pixels along either axis, centres of pixels on
/// centres of pixels; beyond the outermost ones it is theirs. Nothing is averaged where a picture shrinks.
///
/// # Shapes
/// x `[n, h, w, c]`; the result is `[n, height, width, c]`.
pub fn stretch(x: &Tensor, [height, width]: [usize; 2]) -> Tensor {
    let rows = |x: &Tensor, extent: usize| {
        let &[n, h, w, c] = x.shape() else {
            panic!("stretch: {:?} are not pictures", x.shape())
        };
        let weights = Tensor::from_elements(x.dtype(), &[extent, h], &shares(h, extent));
        let stretched = weights.matmul(&x.reshape(&[n, h, w * c])).reshape(&[n, extent, w, c]);
        stretched.permute(&[0, 2, 1, 3])
    };
    rows(&rows(x, height), width)
}

/// `[to, from]`: how much each of `from` pixels counts for each of `to`.
fn shares(from: usize, to: usize) -> Vec<f64> {
    let mut shares = vec![0.0; to * from];
    for (i, shares) in shares.chunks_exact_mut(from).enumerate() {
        let place = ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, (from - 1) as f64);
        let low = (place as usize).min(from.saturating_sub(2));
        let along = place - low as f64;
        shares[low] += 1.0 - along;
        shares[(low + 1).min(from - 1)] += along;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_lie_between_their_neighbours() {
        let x = Tensor::from_f64(&[1, 2, 2, 1], &[0.0, 4.0, 8.0, 12.0]);
        assert_eq!(stretch(&x, [2, 2]).to_f64(), [0.0, 4.0, 8.0, 12.0]);
        // A row's places are -1/4, 1/4, 3/4 and 5/4 of the way.
        assert_eq!(stretch(&x, [1, 4]).to_f64(), [4.0, 5.0, 7.0, 8.0]);
        assert_eq!(stretch(&x, [4, 1]).to_f64(), [2.0, 4.0, 8.0, 10.0]);
        let point = Tensor::from_f64(&[1, 1, 1, 2], &[3.0, 5.0]);
        assert_eq!(stretch(&point, [2, 1]).to_f64(), [3.0, 5.0, 3.0, 5.0]);
    }
}
