//! Resampling through a low-pass filter, so that what is too fine for the coarser grid does not fold back as something coarse.
use gany_engine::{ConvOptions, Tensor};

/// A filter that is the same along rows and columns, of numbers that sum to 1; beyond a picture's border there are zeros
/// (Zhang 2019, "Making Convolutional Networks Shift-Invariant Again"; Karras et al. 2019, section 2).
#[derive(Clone, Debug)]
pub struct Fir {
    taps: Vec<f64>,
}

impl Fir {
    /// The filter of these taps, brought to sum 1: `[1, 3, 3, 1]` in StyleGAN, whose doubling is nearly bilinear.
    ///
    /// # Panics
    /// Where the number of taps is odd: a picture could not be halved about its middle.
    #[track_caller]
    pub fn new(taps: &[f64]) -> Fir {
        assert!(
            !taps.is_empty() && taps.len().is_multiple_of(2),
            "fir: {} taps are not an even number",
            taps.len()
        );
        let sum: f64 = taps.iter().sum();
        Fir {
            taps: taps.iter().map(|tap| tap / sum).collect(),
        }
    }

    /// Blurs pictures `[n, h, w, c]` that are widened by this many zeros on each side, to `[n, h + 2 padding - taps + 1, ..]`.
    pub fn blur(&self, x: &Tensor, padding: usize) -> Tensor {
        x.conv(&self.weight(x, 1.0), &Self::of_channels(x).padding(padding))
    }

    /// Halves the sides of pictures `[n, h, w, c]`.
    pub fn downsample(&self, x: &Tensor) -> Tensor {
        let options = Self::of_channels(x).padding(self.taps.len() / 2 - 1);
        x.conv(&self.weight(x, 1.0), &options.stride(2))
    }

    /// Doubles the sides of pictures `[n, h, w, c]`.
    pub fn upsample(&self, x: &Tensor) -> Tensor {
        let options = Self::of_channels(x).padding(self.taps.len() / 2 - 1);
        // Of four pixels of the doubled grid one is the picture's and three are zeros.
        x.conv_transpose(&self.weight(x, 4.0), &options.stride(2), 0)
    }

    fn of_channels(x: &Tensor) -> ConvOptions {
        ConvOptions::new().groups(x.extent(3))
    }

    /// `[taps, taps, 1, c]`
    fn weight(&self, x: &Tensor, gain: f64) -> Tensor {
        let (count, channels) = (self.taps.len(), x.extent(3));
        let pairs = self
            .taps
            .iter()
            .flat_map(|a| self.taps.iter().map(move |b| gain * a * b));
        let elements: Vec<f64> = pairs.flat_map(|tap| std::iter::repeat_n(tap, channels)).collect();
        Tensor::from_elements(x.dtype(), &[count, count, 1, channels], &elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gany_engine::DType;

    /// Along a line of two, doubling gives 3/4, 1, 1 and 3/4 of a constant, along one of one 3/4 and 3/4.
    #[test]
    fn values_by_hand() {
        let fir = Fir::new(&[1.0, 3.0, 3.0, 1.0]);
        let doubled = fir.upsample(&Tensor::full(DType::F64, &[1, 1, 2, 1], 16.0));
        assert_eq!(doubled.shape(), [1, 2, 4, 1]);
        assert_eq!(doubled.to_f64(), [9.0, 12.0, 12.0, 9.0, 9.0, 12.0, 12.0, 9.0]);
        // Six eighths of a constant are inside along either axis.
        let halved = fir.downsample(&Tensor::full(DType::F64, &[1, 2, 2, 2], 64.0));
        assert_eq!((halved.shape(), halved.to_f64()), (&[1, 1, 1, 2][..], vec![36.0, 36.0]));
        let blurred = fir.blur(&Tensor::from_f64(&[1, 1, 1, 1], &[64.0]), 3);
        assert_eq!(blurred.shape(), [1, 4, 4, 1]);
        assert_eq!(blurred.to_f64()[..8], [1.0, 3.0, 3.0, 1.0, 3.0, 9.0, 9.0, 3.0]);
    }

    #[test]
    fn two_taps_repeat_and_average() {
        let fir = Fir::new(&[1.0, 1.0]);
        let x = Tensor::from_f64(&[1, 2, 2, 2], &[1.0, 9.0, 2.0, 8.0, 3.0, 7.0, 6.0, 4.0]);
        assert_eq!(fir.upsample(&x).to_f64(), x.upsample_nearest(2).to_f64());
        assert_eq!(fir.downsample(&x).to_f64(), [3.0, 7.0]);
    }
}
