//! The parts of a convolution's result whose elements all see the same taps: y is one, x's gradient is cut by the
//! stride's residues, so that each part is a dense convolution of its own with stride 1.
use super::{
    conv::Conv,
    windows::{Axis, Windows, count, split},
};

/// One part of a result: position `q` is pixel `residues + steps * q` and sees taps `first_tap + tap_steps * t`.
pub(super) struct Phase {
    /// What the positions read.
    pub(super) windows: Windows,
    /// Depth, height and width of the whole result.
    extents: [usize; 3],
    residues: [usize; 3],
    /// Pixels of the result from one position to the next.
    pub(super) steps: [usize; 3],
    first_tap: [usize; 3],
    tap_steps: [isize; 3],
    /// Taps of the convolution.
    kernel: [usize; 3],
}

impl Phase {
    /// The pixels of y.
    pub(super) fn forward(conv: &Conv) -> Phase {
        Phase {
            windows: conv.windows(),
            extents: conv.output,
            residues: [0; 3],
            steps: [1; 3],
            first_tap: [0; 3],
            tap_steps: [1; 3],
            kernel: conv.kernel,
        }
    }

    /// The residue classes of x's pixels under the stride, which read the gradient of y.
    pub(super) fn input(conv: &Conv) -> impl Iterator<Item = Phase> + '_ {
        (0..count(conv.stride)).map(|number| {
            let residues = split(number, conv.stride);
            let mut first_tap = [0; 3];
            let mut tap_steps = [0; 3];
            let axes = std::array::from_fn(|i| {
                let (residue, stride, dilation) = (residues[i], conv.stride[i], conv.dilation[i]);
                let hits = |tap: &usize| {
                    (residue + conv.padding[i])
                        .abs_diff(tap * dilation)
                        .is_multiple_of(stride)
                };
                let mut taps = (0..conv.kernel[i]).filter(hits);
                let first = taps.next();
                let step = taps.next().map_or(stride, |second| second - first.unwrap_or(0));
                let hit_taps = first.map_or(0, |first| 1 + (conv.kernel[i] - 1 - first) / step);
                // Taps are numbered backwards, so that the pixels of dy they read ascend.
                let last = first.unwrap_or(0) + hit_taps.saturating_sub(1) * step;
                (first_tap[i], tap_steps[i]) = (last, -(step as isize));
                Axis {
                    extent: conv.output[i],
                    positions: conv.input[i].saturating_sub(residue).div_ceil(stride),
                    step: 1,
                    first: ((residue + conv.padding[i]) as isize - (last * dilation) as isize)
                        .div_euclid(stride as isize),
                    taps: hit_taps,
                    tap_step: (step * dilation / stride) as isize,
                }
            });
            Phase {
                windows: Windows::new(axes, conv.batch, conv.c_out, conv.group_out()),
                extents: conv.input,
                residues,
                steps: conv.stride,
                first_tap,
                tap_steps,
                kernel: conv.kernel,
            }
        })
    }

    /// The number in w of a tap of this part.
    pub(super) fn tap(&self, t: [usize; 3]) -> usize {
        let [d, h, w] =
            std::array::from_fn(|i| self.first_tap[i].wrapping_add_signed(self.tap_steps[i] * t[i] as isize));
        (d * self.kernel[1] + h) * self.kernel[2] + w
    }

    /// The number in the result of a position's pixel.
    pub(super) fn pixel(&self, sample: usize, q: [usize; 3]) -> usize {
        let at: [usize; 3] = std::array::from_fn(|i| self.residues[i] + self.steps[i] * q[i]);
        ((sample * self.extents[0] + at[0]) * self.extents[1] + at[1]) * self.extents[2] + at[2]
    }

    /// Where the pixels of the positions from `first` on start, in a result of so many channels.
    pub(super) fn places(&self, channels: usize, first: usize, out: &mut [usize]) {
        let positions = self.windows.positions;
        let image = count(positions).max(1);
        let (mut sample, mut q) = (first / image, split(first % image, positions));
        for offset in out {
            *offset = self.pixel(sample, q) * channels;
            q[2] += 1;
            if q[2] == positions[2] {
                (q[2], q[1]) = (0, q[1] + 1);
                if q[1] == positions[1] {
                    (q[1], q[0]) = (0, q[0] + 1);
                    if q[0] == positions[0] {
                        (q[0], sample) = (0, sample + 1);
                    }
                }
            }
        }
    }
}
