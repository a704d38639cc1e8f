//! Channels into pixels.
use gany_engine::Tensor;

/// Sub-pixel convolution's last step (Shi et al. 2016, "Real-Time Single Image and Video Super-Resolution Using an Efficient
/// Sub-Pixel Convolutional Neural Network", equation 4): every `factor * factor` channels of a pixel become a block of
/// pixels, row by row.
///
/// # Shapes
/// x `[n, h, w, c factor^2]`; the result is `[n, h factor, w factor, c]`. Channel `(row factor + column) c + i` of a pixel
/// is channel i of its place in the block.
///
/// # Panics
/// Where `factor * factor` does not divide the channels.
#[track_caller]
pub fn pixel_shuffle(x: &Tensor, factor: usize) -> Tensor {
    let &[n, h, w, channels] = x.shape() else {
        panic!("pixel_shuffle: {:?} are not pictures", x.shape())
    };
    assert!(
        factor > 0 && channels.is_multiple_of(factor * factor),
        "pixel_shuffle: {channels} channels are not blocks of {factor}x{factor}"
    );
    let c = channels / (factor * factor);
    x.reshape(&[n, h, w, factor, factor, c])
        .permute(&[0, 1, 3, 2, 4, 5])
        .reshape(&[n, h * factor, w * factor, c])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_channels_become_blocks_of_pixels() {
        // Two pixels beside each other of four channels each.
        let x = Tensor::from_f64(&[1, 1, 2, 4], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        let y = pixel_shuffle(&x, 2);
        assert_eq!(y.shape(), [1, 2, 4, 1]);
        assert_eq!(y.to_f64(), [1.0, 2.0, 5.0, 6.0, 3.0, 4.0, 7.0, 8.0]);
    }

    #[test]
    #[should_panic(expected = "pixel_shuffle: 6 channels are not blocks of 2x2")]
    fn channels_must_be_blocks() {
        pixel_shuffle(&Tensor::from_f64(&[1, 1, 1, 6], &[0.0; 6]), 2);
    }
}
