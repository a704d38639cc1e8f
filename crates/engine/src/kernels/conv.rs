//! The three convolutions (forward, with respect to the input, with respect to the weight) in up to three dimensions,
//! as matrix products whose packers gather windows on the way: no unfolded copy of the input ever exists.
//!
//! The input gradient is cut by the stride's residues: every pixel of one residue class sees the same taps, so each
//! class is a dense convolution of its own with stride 1.
use super::{
    arithmetic::Arithmetic,
    depthwise, fold,
    gemm::Gemm,
    grouped, image,
    micro::{Kernel, MAX_ROWS},
    phases::Phase,
    product::{self, Cut, Epilogue, MAX_BLOCK, Source},
    real::Real,
    scratch::Shared,
    windows::{Axis, Windows, count, split},
    winograd::{Kind, Winograd},
};
use std::any::TypeId;
use std::ops::Range;

/// The shape of a convolution; one- and two-dimensional ones have leading extents of 1.
///
/// Tensors are dense: x `[batch, input, c_in]`, w `[kernel, c_in / groups, c_out]`, y `[batch, output, c_out]`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Conv {
    /// Independent samples.
    pub batch: usize,
    /// Groups that channels are cut into; each output channel sees its own group of input channels.
    pub groups: usize,
    /// Channels of x, over all groups.
    pub c_in: usize,
    /// Channels of y, over all groups.
    pub c_out: usize,
    /// Depth, height and width of x.
    pub input: [usize; 3],
    /// Depth, height and width of y.
    pub output: [usize; 3],
    /// Depth, height and width of the window, in taps.
    pub kernel: [usize; 3],
    /// Pixels of x from one window to the next; at least 1.
    pub stride: [usize; 3],
    /// Pixels of x from one tap to the next; at least 1.
    pub dilation: [usize; 3],
    /// Zeros before x; those behind it follow from the output's extent, for whatever lies outside x reads as zero.
    pub padding: [usize; 3],
}

impl Conv {
    /// Rows, depth and columns of the one matrix product `y[m, n] = x[m, k] w[k, n]` that the convolution is, where each
    /// pixel of x belongs to exactly one window and one tap.
    fn as_product(&self) -> Option<[usize; 3]> {
        if self.groups != 1 || self.padding != [0; 3] {
            return None;
        }
        if self.kernel == [1; 3] && self.stride == [1; 3] && self.input == self.output {
            return Some([self.batch * count(self.input), self.c_in, self.c_out]);
        }
        let covers = (0..3).all(|i| self.kernel[i] == self.input[i] && (self.dilation[i] == 1 || self.kernel[i] == 1));
        (covers && self.output == [1; 3]).then(|| [self.batch, count(self.kernel) * self.c_in, self.c_out])
    }

    fn forward_product(&self) -> Option<Gemm> {
        self.as_product().map(|[m, k, n]| Gemm::dense(m, n, k))
    }

    fn input_product(&self) -> Option<Gemm> {
        self.as_product().map(|[m, k, n]| Gemm {
            b_strides: [1, n],
            ..Gemm::dense(m, k, n)
        })
    }

    fn weight_product(&self) -> Option<Gemm> {
        self.as_product().map(|[m, k, n]| Gemm {
            a_strides: [1, k],
            ..Gemm::dense(k, n, m)
        })
    }

    pub(super) fn group_in(&self) -> usize {
        self.c_in / self.groups.max(1)
    }

    pub(super) fn group_out(&self) -> usize {
        self.c_out / self.groups.max(1)
    }

    /// Windows of x, in the order of y's pixels.
    pub(super) fn windows(&self) -> Windows {
        let axes = std::array::from_fn(|i| Axis {
            extent: self.input[i],
            positions: self.output[i],
            step: self.stride[i],
            first: -(self.padding[i] as isize),
            taps: self.kernel[i],
            tap_step: self.dilation[i] as isize,
        });
        Windows::new(axes, self.batch, self.c_in, self.group_in())
    }

    fn forward_cut(&self) -> Cut {
        Cut::new(
            self.groups,
            self.batch * count(self.output),
            self.group_out(),
            count(self.kernel) * self.group_in(),
        )
    }

    /// The algorithm with fewer multiplications that serves this convolution best, if there is one for these elements.
    fn winograd<T: Real>(&self, kind: Kind, arithmetic: Arithmetic) -> Option<Winograd<'_>> {
        (TypeId::of::<T>() == TypeId::of::<f32>())
            .then(|| Winograd::of(self, kind, arithmetic))
            .flatten()
    }

    /// Elements of scratch for a kind, of which the direct way needs `direct`.
    fn scratch_len(&self, kind: Kind, direct: usize) -> usize {
        let algorithms = Arithmetic::all().filter_map(|arithmetic| Winograd::of(self, kind, arithmetic));
        algorithms
            .map(|winograd| winograd.scratch_len(kind))
            .fold(direct, usize::max)
    }

    fn input_cut(&self, phase: &Phase) -> Cut {
        Cut::new(
            self.groups,
            phase.windows.rows(),
            self.group_in(),
            phase.windows.columns(),
        )
    }

    fn weight_cut(&self) -> Cut {
        Cut::new(
            self.groups,
            count(self.kernel) * self.group_in(),
            self.group_out(),
            self.batch * count(self.output),
        )
    }

    /// Elements of scratch that [`Conv::forward`] needs.
    pub fn forward_scratch_len(&self) -> usize {
        if depthwise::serves(self) {
            return 0;
        }
        match self.forward_product() {
            Some(product) => product.scratch_len(),
            None if grouped::serves(self) => grouped::scratch_len(self, self.group_out()),
            None => {
                let direct = self.forward_cut().scratch_len(false).max(image::scratch_len(self));
                self.scratch_len(Kind::Forward, direct)
            }
        }
    }

    /// Elements of scratch that [`Conv::input_gradient`] needs.
    pub fn input_scratch_len(&self) -> usize {
        if depthwise::serves(self) {
            return 0;
        }
        match self.input_product() {
            Some(product) => product.scratch_len(),
            None if fold::serves(self) => fold::scratch_len(self),
            None if grouped::serves(self) => grouped::scratch_len(self, self.group_in()),
            None => {
                let phases = Phase::input(self).map(|phase| self.input_cut(&phase).scratch_len(false));
                self.scratch_len(Kind::Input, phases.max().unwrap_or(0))
            }
        }
    }

    /// Elements of scratch that [`Conv::weight_gradient`] needs.
    pub fn weight_scratch_len(&self) -> usize {
        if depthwise::serves(self) {
            return depthwise::weight_scratch_len(self);
        }
        match self.weight_product() {
            Some(product) => product.scratch_len(),
            None if grouped::serves(self) => grouped::weight_scratch_len(self),
            None => {
                let direct = self
                    .weight_cut()
                    .scratch_len(false)
                    .max(image::weight_scratch_len(self));
                self.scratch_len(Kind::Weight, direct)
            }
        }
    }

    /// Computes y from x and w. `epilogue` is called once for every finished range of whole pixels of y, on any thread;
    /// the ranges cover y and depend on the shape alone.
    ///
    /// # Safety
    /// x and w are readable and y is writable for the lengths of their shapes, `scratch` for
    /// [`Conv::forward_scratch_len`] elements from a 64-byte boundary; y and the scratch overlap nothing and nobody else
    /// touches them; the machine has the instruction set.
    pub unsafe fn forward<T: Real>(
        &self,
        arithmetic: Arithmetic,
        x: *const T,
        w: *const T,
        y: *mut T,
        scratch: *mut T,
        epilogue: Option<Epilogue>,
    ) {
        if let Some(product) = self.forward_product() {
            // SAFETY: the caller vouches for the pointers, whose lengths are those of the product.
            return unsafe { product.run(arithmetic, x, w, y, scratch, epilogue) };
        }
        if let Some(winograd) = self.winograd::<T>(Kind::Forward, arithmetic) {
            // SAFETY: the caller's contract is the same; T is f32.
            return unsafe { winograd.forward(x.cast(), w.cast(), y.cast(), scratch.cast(), epilogue) };
        }
        if depthwise::serves(self) {
            // SAFETY: the caller vouches for the pointers; every pixel of y has a window.
            return unsafe { depthwise::results_of(arithmetic.isa, &Phase::forward(self), x, w, y, epilogue) };
        }
        if grouped::serves(self) {
            // SAFETY: the caller vouches for the pointers; every pixel of y has a window.
            return unsafe { grouped::forward(arithmetic.isa, self, x, w, y, scratch, epilogue) };
        }
        if image::serves::<T>(self, arithmetic) {
            // SAFETY: the caller's contract is the same.
            return unsafe { image::forward(arithmetic.isa, self, x, w, y, scratch, epilogue) };
        }
        let source = Forward {
            conv: self,
            windows: self.windows(),
            x: Shared::read(x),
            w: Shared::read(w),
        };
        // The pixels of one group alone are never whole.
        let (inside, behind) = if self.groups == 1 {
            (epilogue, None)
        } else {
            (None, epilogue)
        };
        // SAFETY: the caller vouches for the pointers; groups write different channels.
        unsafe { product::product(arithmetic, &self.forward_cut(), false, &source, y, scratch, inside) };
        if let Some(epilogue) = behind {
            product::sweep(self.batch * count(self.output), self.c_out, epilogue);
        }
    }

    /// Computes the gradient with respect to x from the one with respect to y: the transposed convolution of dy and w.
    ///
    /// # Safety
    /// dy and w are readable and dx is writable for the lengths of their shapes, `scratch` for
    /// [`Conv::input_scratch_len`] elements from a 64-byte boundary; dx and the scratch overlap nothing and nobody else
    /// touches them; the machine has the instruction set.
    pub unsafe fn input_gradient<T: Real>(
        &self,
        arithmetic: Arithmetic,
        dy: *const T,
        w: *const T,
        dx: *mut T,
        scratch: *mut T,
    ) {
        if let Some(product) = self.input_product() {
            // SAFETY: the caller vouches for the pointers, whose lengths are those of the product.
            return unsafe { product.run(arithmetic, dy, w, dx, scratch, None) };
        }
        if let Some(winograd) = self.winograd::<T>(Kind::Input, arithmetic) {
            // SAFETY: the caller's contract is the same; T is f32.
            return unsafe { winograd.input_gradient(dy.cast(), w.cast(), dx.cast(), scratch.cast()) };
        }
        if fold::serves(self) {
            // In any precision without rounding: the product is the smaller part of folding.
            // SAFETY: the caller's contract is the same.
            return unsafe { fold::input_gradient(&Kernel::of(arithmetic.isa), self, dy, w, dx, scratch) };
        }
        if depthwise::serves(self) {
            for phase in Phase::input(self) {
                // SAFETY: the caller vouches for the pointers; phases write different pixels.
                unsafe { depthwise::results_of(arithmetic.isa, &phase, dy, w, dx, None) };
            }
            return;
        }
        if grouped::serves(self) {
            // SAFETY: the caller's contract is the same.
            return unsafe { grouped::input_gradient(arithmetic.isa, self, dy, w, dx, scratch) };
        }
        for phase in Phase::input(self) {
            let cut = self.input_cut(&phase);
            let source = Input {
                conv: self,
                phase,
                dy: Shared::read(dy),
                w: Shared::read(w),
            };
            // SAFETY: the caller vouches for the pointers; phases write different pixels.
            unsafe { product::product(arithmetic, &cut, false, &source, dx, scratch, None) };
        }
    }

    /// Computes the gradient with respect to w from x and the gradient with respect to y.
    ///
    /// # Safety
    /// x and dy are readable and dw is writable for the lengths of their shapes, `scratch` for
    /// [`Conv::weight_scratch_len`] elements from a 64-byte boundary; dw and the scratch overlap nothing and nobody else
    /// touches them; the machine has the instruction set.
    pub unsafe fn weight_gradient<T: Real>(
        &self,
        arithmetic: Arithmetic,
        x: *const T,
        dy: *const T,
        dw: *mut T,
        scratch: *mut T,
    ) {
        if let Some(product) = self.weight_product() {
            // SAFETY: the caller vouches for the pointers, whose lengths are those of the product.
            return unsafe { product.run(arithmetic, x, dy, dw, scratch, None) };
        }
        if let Some(winograd) = self.winograd::<T>(Kind::Weight, arithmetic) {
            // SAFETY: the caller's contract is the same; T is f32.
            return unsafe { winograd.weight_gradient(x.cast(), dy.cast(), dw.cast(), scratch.cast()) };
        }
        if depthwise::serves(self) {
            // SAFETY: the caller's contract is the same.
            return unsafe { depthwise::weight_gradient(arithmetic.isa, self, x, dy, dw, scratch) };
        }
        if grouped::serves(self) {
            // SAFETY: the caller's contract is the same.
            return unsafe { grouped::weight_gradient(arithmetic.isa, self, x, dy, dw, scratch) };
        }
        if image::serves_weight::<T>(self, arithmetic) {
            // SAFETY: the caller's contract is the same.
            return unsafe { image::weight_gradient(arithmetic.isa, self, x, dy, dw, scratch) };
        }
        let source = Weight {
            conv: self,
            windows: self.windows(),
            x: Shared::read(x),
            dy: Shared::read(dy),
        };
        // SAFETY: the caller vouches for the pointers; groups write different columns.
        unsafe { product::product(arithmetic, &self.weight_cut(), false, &source, dw, scratch, None) };
    }
}

struct Forward<'a, T> {
    conv: &'a Conv,
    windows: Windows,
    x: Shared<T>,
    w: Shared<T>,
}

impl<T: Real> Source<T> for Forward<'_, T> {
    unsafe fn pack_a(&self, kernel: &Kernel<T>, group: usize, rows: Range<usize>, depth: Range<usize>, out: *mut T) {
        // SAFETY: the caller vouches for x and the output.
        unsafe {
            let x = self.x.get().add(group * self.conv.group_in());
            self.windows.pack_positions(kernel, x, rows, depth, out);
        }
    }

    unsafe fn pack_b(
        &self,
        kernel: &Kernel<T>,
        group: usize,
        depth: Range<usize>,
        columns: Range<usize>,
        width: usize,
        out: *mut T,
    ) {
        let c_out = self.conv.c_out;
        // SAFETY: the caller vouches for w and the output.
        unsafe {
            let w = self
                .w
                .get()
                .add(depth.start * c_out + group * self.conv.group_out() + columns.start);
            product::pack_columns(kernel, w, [c_out, 1], depth.len(), columns.len(), width, out);
        }
    }

    fn has_runs(&self) -> bool {
        self.windows.run >= 8
    }

    fn has_even_runs(&self) -> bool {
        self.windows.run.is_multiple_of(2)
    }

    unsafe fn visit_runs(
        &self,
        group: usize,
        rows: Range<usize>,
        depth: Range<usize>,
        visit: &mut dyn FnMut(&[*const T; MAX_ROWS], usize, usize),
    ) {
        // SAFETY: the caller vouches for x.
        unsafe {
            self.windows
                .visit_rows(self.x.get().add(group * self.conv.group_in()), rows, depth, visit)
        }
    }

    fn offsets(&self, group: usize, rows: Range<usize>, out: &mut [usize; MAX_BLOCK]) {
        for (offset, row) in out.iter_mut().zip(rows) {
            *offset = row * self.conv.c_out + group * self.conv.group_out();
        }
    }
}

struct Input<'a, T> {
    conv: &'a Conv,
    phase: Phase,
    dy: Shared<T>,
    w: Shared<T>,
}

impl<T: Real> Source<T> for Input<'_, T> {
    unsafe fn pack_a(&self, kernel: &Kernel<T>, group: usize, rows: Range<usize>, depth: Range<usize>, out: *mut T) {
        // SAFETY: the caller vouches for dy and the output.
        unsafe {
            let dy = self.dy.get().add(group * self.conv.group_out());
            self.phase.windows.pack_positions(kernel, dy, rows, depth, out);
        }
    }

    unsafe fn pack_b(
        &self,
        kernel: &Kernel<T>,
        group: usize,
        depth: Range<usize>,
        columns: Range<usize>,
        width: usize,
        out: *mut T,
    ) {
        let (conv, channels) = (self.conv, self.conv.group_out());
        let taps = self.phase.windows.taps;
        let mut k = depth.start;
        while k < depth.end {
            let (t, channel) = (split(k / channels, taps), k % channels);
            let length = (channels - channel).min(depth.end - k);
            let tap = self.phase.tap(t);
            // SAFETY: the caller vouches for w and the output.
            unsafe {
                let row = tap * conv.group_in() + columns.start;
                let w = self.w.get().add(row * conv.c_out + group * channels + channel);
                let out = out.add((k - depth.start) * width);
                product::pack_columns(kernel, w, [1, conv.c_out], length, columns.len(), width, out);
            }
            k += length;
        }
    }

    fn has_runs(&self) -> bool {
        self.phase.windows.run >= 8
    }

    fn has_even_runs(&self) -> bool {
        self.phase.windows.run.is_multiple_of(2)
    }

    unsafe fn visit_runs(
        &self,
        group: usize,
        rows: Range<usize>,
        depth: Range<usize>,
        visit: &mut dyn FnMut(&[*const T; MAX_ROWS], usize, usize),
    ) {
        // SAFETY: the caller vouches for dy.
        unsafe {
            self.phase
                .windows
                .visit_rows(self.dy.get().add(group * self.conv.group_out()), rows, depth, visit)
        }
    }

    fn offsets(&self, group: usize, rows: Range<usize>, out: &mut [usize; MAX_BLOCK]) {
        self.phase.places(self.conv.c_in, rows.start, &mut out[..rows.len()]);
        for offset in &mut out[..rows.len()] {
            *offset += group * self.conv.group_in();
        }
    }
}

struct Weight<'a, T> {
    conv: &'a Conv,
    windows: Windows,
    x: Shared<T>,
    dy: Shared<T>,
}

impl<T: Real> Source<T> for Weight<'_, T> {
    unsafe fn pack_a(&self, kernel: &Kernel<T>, group: usize, rows: Range<usize>, depth: Range<usize>, out: *mut T) {
        // SAFETY: the caller vouches for x and the output.
        unsafe {
            let x = self.x.get().add(group * self.conv.group_in());
            self.windows.pack_columns(kernel, x, rows, depth, out);
        }
    }

    unsafe fn pack_b(
        &self,
        kernel: &Kernel<T>,
        group: usize,
        depth: Range<usize>,
        columns: Range<usize>,
        width: usize,
        out: *mut T,
    ) {
        let c_out = self.conv.c_out;
        // SAFETY: the caller vouches for dy and the output.
        unsafe {
            let dy = self
                .dy
                .get()
                .add(depth.start * c_out + group * self.conv.group_out() + columns.start);
            product::pack_columns(kernel, dy, [c_out, 1], depth.len(), columns.len(), width, out);
        }
    }

    fn has_runs(&self) -> bool {
        false
    }

    fn has_even_runs(&self) -> bool {
        false
    }

    unsafe fn visit_runs(
        &self,
        _: usize,
        _: Range<usize>,
        _: Range<usize>,
        _: &mut dyn FnMut(&[*const T; MAX_ROWS], usize, usize),
    ) {
        unreachable!("columns of windows have no runs");
    }

    fn offsets(&self, group: usize, rows: Range<usize>, out: &mut [usize; MAX_BLOCK]) {
        for (offset, row) in out.iter_mut().zip(rows) {
            *offset = row * self.conv.c_out + group * self.conv.group_out();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{arithmetic::Precision, bf16, isa::Isa};
    use proptest::prelude::*;
    use std::sync::Mutex;

    /// Small whole numbers, whose sums are exact in both types and any order.
    fn numbers<T: Real>(len: usize, seed: usize) -> Vec<T> {
        (0..len)
            .map(|i| T::from_f64((((i + seed) * 7919 + seed) % 17) as f64 - 8.0))
            .collect()
    }

    /// Calls `visit(x, w, y)` with the indices of every product of the definition.
    fn each_product(conv: &Conv, mut visit: impl FnMut(usize, usize, usize)) {
        let (group_in, group_out) = (conv.group_in(), conv.group_out());
        for sample in 0..conv.batch {
            for position in 0..count(conv.output) {
                for tap in 0..count(conv.kernel) {
                    let (q, t) = (split(position, conv.output), split(tap, conv.kernel));
                    let at: [usize; 3] = std::array::from_fn(|i| {
                        (q[i] * conv.stride[i] + t[i] * conv.dilation[i]).wrapping_sub(conv.padding[i])
                    });
                    if (0..3).any(|i| at[i] >= conv.input[i]) {
                        continue;
                    }
                    let pixel = ((sample * conv.input[0] + at[0]) * conv.input[1] + at[1]) * conv.input[2] + at[2];
                    for o in 0..conv.c_out {
                        for c in 0..group_in {
                            visit(
                                pixel * conv.c_in + o / group_out * group_in + c,
                                (tap * group_in + c) * conv.c_out + o,
                                (sample * count(conv.output) + position) * conv.c_out + o,
                            );
                        }
                    }
                }
            }
        }
    }

    fn check<T: Real>(conv: &Conv) {
        let x = numbers::<T>(conv.batch * count(conv.input) * conv.c_in, 1);
        let w = numbers::<T>(count(conv.kernel) * conv.group_in() * conv.c_out, 2);
        let dy = numbers::<T>(conv.batch * count(conv.output) * conv.c_out, 3);
        let (mut y, mut dx, mut dw) = (vec![T::ZERO; dy.len()], vec![T::ZERO; x.len()], vec![T::ZERO; w.len()]);
        each_product(conv, |i, j, k| {
            y[k] += x[i] * w[j];
            dx[i] += dy[k] * w[j];
            dw[j] += x[i] * dy[k];
        });
        let nan = T::from_f64(f64::NAN);
        for arithmetic in Arithmetic::available() {
            let lengths = [
                conv.forward_scratch_len(),
                conv.input_scratch_len(),
                conv.weight_scratch_len(),
            ];
            let mut scratch = vec![nan; lengths.iter().max().unwrap() + 16];
            let skip = scratch.as_ptr().align_offset(64);
            let scratch = scratch[skip..].as_mut_ptr();
            let (mut y2, mut dx2, mut dw2) = (vec![nan; y.len()], vec![nan; x.len()], vec![nan; w.len()]);
            let seen = Mutex::new(Vec::new());
            let out = Shared::new(y2.as_mut_ptr());
            let epilogue = |range: Range<usize>| {
                for i in range.clone() {
                    // SAFETY: the range is final and in bounds.
                    assert_eq!(unsafe { *out.get().add(i) }, y[i], "element {i} is not final");
                }
                seen.lock().unwrap().push(range);
            };
            // SAFETY: all buffers have the lengths that the shape asks for.
            unsafe {
                conv.forward(arithmetic, x.as_ptr(), w.as_ptr(), out.get(), scratch, Some(&epilogue));
                conv.input_gradient(arithmetic, dy.as_ptr(), w.as_ptr(), dx2.as_mut_ptr(), scratch);
                conv.weight_gradient(arithmetic, x.as_ptr(), dy.as_ptr(), dw2.as_mut_ptr(), scratch);
            }
            assert_eq!(y2, y, "forward, {arithmetic:?}, {conv:?}");
            assert_eq!(dx2, dx, "input gradient, {arithmetic:?}, {conv:?}");
            assert_eq!(dw2, dw, "weight gradient, {arithmetic:?}, {conv:?}");
            let mut seen = seen.into_inner().unwrap();
            seen.sort_by_key(|range| range.start);
            assert_eq!(
                seen.iter().flat_map(|range| range.clone()).collect::<Vec<_>>(),
                (0..y.len()).collect::<Vec<_>>()
            );
        }
    }

    /// A square two-dimensional convolution whose output extent follows from symmetric padding.
    #[allow(clippy::too_many_arguments, reason = "the columns of a table of cases")]
    fn square(
        batch: usize,
        c_in: usize,
        c_out: usize,
        size: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
        dilation: usize,
        groups: usize,
    ) -> Conv {
        let output = (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
        Conv {
            batch,
            groups,
            c_in,
            c_out,
            input: [1, size, size],
            output: [1, output, output],
            kernel: [1, kernel, kernel],
            stride: [1, stride, stride],
            dilation: [1, dilation, dilation],
            padding: [0, padding, padding],
        }
    }

    prop_compose! {
        fn any_conv()(
            batch in 0usize..3, groups in 1usize..4, group_in in 0usize..10, group_out in 0usize..10,
            dimensions in 1usize..4,
            axes in prop::collection::vec((0usize..8, 1usize..5, 1usize..4, 1usize..4, 0usize..4, 0usize..3), 3),
            wide in 0usize..4,
        ) -> Conv {
            let mut conv = Conv {
                batch, groups, c_in: groups * group_in, c_out: groups * group_out, input: [1; 3], output: [1; 3],
                kernel: [1; 3], stride: [1; 3], dilation: [1; 3], padding: [0; 3],
            };
            if wide == 0 {
                (conv.groups, conv.c_in, conv.c_out) = (1, 4 * conv.c_in + 1, 5 * conv.c_out + 1);
            }
            for (i, &(input, kernel, stride, dilation, padding, more)) in axes.iter().enumerate().skip(3 - dimensions) {
                let span = input + 2 * padding + more;
                let window = dilation * (kernel - 1) + 1;
                conv.input[i] = input;
                conv.kernel[i] = kernel;
                conv.stride[i] = stride;
                conv.dilation[i] = dilation;
                conv.padding[i] = padding;
                conv.output[i] = if span < window { 0 } else { (span - window) / stride + 1 };
            }
            conv
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn any_convolution(conv in any_conv()) {
            check::<f32>(&conv);
            check::<f64>(&conv);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]
        #[test]
        fn images_of_few_channels(mut conv in any_conv(), c_in in 1usize..5, c_out in 8usize..36, spread in 1usize..3) {
            let c_out = if spread == 1 { 16 * c_out.div_ceil(16) } else { c_out };
            (conv.groups, conv.c_in, conv.c_out) = (1, c_in, c_out);
            if conv.input[0] == 1 && spread == 1 && conv.kernel[2] > 1 {
                conv.dilation[2] = 1;
                let span = (conv.output[2].max(1) - 1) * conv.stride[2] + conv.kernel[2];
                conv.input[2] = span.saturating_sub(conv.padding[2]);
            }
            check::<f32>(&conv);
            check::<f64>(&conv);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]
        #[test]
        fn a_group_for_every_channel(mut conv in any_conv(), channels in 2usize..40) {
            (conv.groups, conv.c_in, conv.c_out) = (channels, channels, channels);
            assert!(depthwise::serves(&conv));
            check::<f32>(&conv);
            check::<f64>(&conv);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn many_narrow_groups(
            mut conv in any_conv(), groups in 2usize..9, group_in in 1usize..17, group_out in 2usize..17
        ) {
            (conv.groups, conv.c_in, conv.c_out) = (groups, groups * group_in, groups * group_out);
            assert!(grouped::serves(&conv) && !depthwise::serves(&conv));
            check::<f32>(&conv);
            check::<f64>(&conv);
        }
    }

    #[test]
    fn images_in_several_bands() {
        let arithmetic = Arithmetic {
            isa: Isa::Portable,
            precision: Precision::F32,
        };
        let long = Conv {
            input: [1, 1, 700],
            output: [1, 1, 176],
            kernel: [1, 1, 25],
            stride: [1, 1, 4],
            padding: [0, 0, 12],
            ..square(2, 1, 32, 1, 1, 1, 0, 1, 1)
        };
        for conv in [
            square(2, 3, 64, 37, 4, 2, 1, 1, 1),
            square(1, 3, 48, 40, 7, 1, 3, 1, 1),
            square(2, 4, 80, 33, 5, 3, 4, 1, 1),
            square(3, 1, 16, 28, 5, 1, 2, 1, 1),
            long,
        ] {
            assert!(image::serves::<f32>(&conv, arithmetic) && image::serves_weight::<f64>(&conv, arithmetic));
            check::<f32>(&conv);
            check::<f64>(&conv);
        }
    }

    #[test]
    fn narrow_groups_in_several_bands() {
        let long = Conv {
            input: [1, 1, 1500],
            output: [1, 1, 750],
            kernel: [1, 1, 9],
            stride: [1, 1, 2],
            padding: [0, 0, 4],
            ..square(2, 12, 24, 1, 1, 1, 0, 1, 4)
        };
        let deep = Conv {
            input: [5, 9, 11],
            output: [5, 9, 11],
            kernel: [3; 3],
            stride: [1; 3],
            padding: [1; 3],
            ..square(1, 6, 6, 1, 1, 1, 0, 1, 3)
        };
        for conv in [
            square(1, 16, 16, 61, 3, 1, 1, 1, 2),
            square(2, 64, 64, 33, 3, 1, 1, 1, 8),
            square(1, 64, 128, 40, 4, 2, 1, 1, 8),
            square(1, 600, 600, 5, 3, 1, 1, 1, 150),
            long,
            deep,
        ] {
            assert!(grouped::serves(&conv));
            check::<f32>(&conv);
            check::<f64>(&conv);
        }
    }

    #[test]
    fn bf16_convolves_rounded_operands() {
        for conv in [
            square(2, 5, 7, 9, 4, 2, 1, 1, 1),
            square(1, 33, 17, 6, 3, 1, 1, 1, 1),
            square(3, 8, 40, 8, 3, 1, 2, 2, 1),
            square(2, 40, 34, 7, 3, 1, 1, 1, 2),
            square(2, 19, 11, 5, 1, 1, 0, 1, 1),
            square(3, 6, 9, 4, 4, 1, 0, 1, 1),
        ] {
            let fill = |len: usize, step: f32| (0..len).map(|i| (i as f32 * step).sin()).collect::<Vec<f32>>();
            let x = fill(conv.batch * count(conv.input) * conv.c_in, 0.37);
            let w = fill(count(conv.kernel) * conv.group_in() * conv.c_out, 0.11);
            let dy = fill(conv.batch * count(conv.output) * conv.c_out, 0.73);
            let precise = |x: &f32| f64::from(f32::from_bits(bf16::rounded(*x) << 16));
            let [x64, w64, dy64] = [&x, &w, &dy].map(|from| from.iter().map(precise).collect::<Vec<_>>());
            let (mut y, mut dx, mut dw) = (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
            each_product(&conv, |i, j, k| {
                y[k] += x64[i] * w64[j];
                dx[i] += dy64[k] * w64[j];
                dw[j] += x64[i] * dy64[k];
            });
            for arithmetic in Arithmetic::available() {
                if arithmetic.precision == Precision::F32 {
                    continue;
                }
                let len = [
                    conv.forward_scratch_len(),
                    conv.input_scratch_len(),
                    conv.weight_scratch_len(),
                ];
                let mut scratch = vec![f32::NAN; len.iter().max().unwrap() + 16];
                let skip = scratch.as_ptr().align_offset(64);
                let scratch = scratch[skip..].as_mut_ptr();
                let (mut y2, mut dx2, mut dw2) = (
                    vec![f32::NAN; y.len()],
                    vec![f32::NAN; x.len()],
                    vec![f32::NAN; w.len()],
                );
                // SAFETY: all buffers have the lengths that the shape asks for.
                unsafe {
                    conv.forward(arithmetic, x.as_ptr(), w.as_ptr(), y2.as_mut_ptr(), scratch, None);
                    conv.input_gradient(arithmetic, dy.as_ptr(), w.as_ptr(), dx2.as_mut_ptr(), scratch);
                    conv.weight_gradient(arithmetic, x.as_ptr(), dy.as_ptr(), dw2.as_mut_ptr(), scratch);
                }
                for (name, found, wanted) in [("y", &y2, &y), ("dx", &dx2, &dx), ("dw", &dw2, &dw)] {
                    for (found, wanted) in found.iter().zip(wanted) {
                        // Sums of f32 are this good; an operand that is not rounded would add a thousandth.
                        let apart = (f64::from(*found) - wanted).abs();
                        assert!(apart < 1e-4, "{name}, {arithmetic:?}, {conv:?}: {found}, not {wanted}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_layers_of_gans() {
        for conv in [
            square(3, 3, 16, 16, 4, 2, 1, 1, 1),
            square(2, 16, 32, 8, 4, 2, 1, 1, 1),
            square(5, 70, 1, 4, 4, 1, 0, 1, 1),
            square(5, 10, 70, 1, 1, 1, 0, 1, 1),
            square(2, 3, 5, 12, 7, 1, 3, 1, 1),
            square(1, 8, 8, 12, 3, 1, 2, 2, 4),
            square(2, 12, 12, 9, 3, 1, 1, 1, 12),
            square(9, 1, 4, 28, 3, 1, 1, 1, 1),
            square(1, 600, 40, 3, 3, 1, 1, 1, 1),
        ] {
            check::<f32>(&conv);
            check::<f64>(&conv);
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        for conv in [
            square(8, 16, 64, 32, 4, 2, 1, 1, 1),
            square(8, 48, 48, 32, 3, 1, 1, 1, 48),
            square(8, 48, 24, 32, 3, 1, 1, 1, 6),
            square(8, 3, 48, 32, 4, 2, 1, 1, 1),
        ] {
            same_bits(&conv);
        }
    }

    fn same_bits(conv: &Conv) {
        let fill = |len: usize, step: f32| (0..len).map(|i| (i as f32 * step).sin()).collect::<Vec<f32>>();
        let x = fill(conv.batch * count(conv.input) * conv.c_in, 0.37);
        let w = fill(count(conv.kernel) * conv.group_in() * conv.c_out, 0.11);
        let dy = fill(conv.batch * count(conv.output) * conv.c_out, 0.73);
        let run = |precision, threads| {
            crate::pool::with_threads(threads, || {
                let len = conv
                    .forward_scratch_len()
                    .max(conv.input_scratch_len())
                    .max(conv.weight_scratch_len());
                let mut scratch = vec![0f32; len + 16];
                let skip = scratch.as_ptr().align_offset(64);
                let scratch = scratch[skip..].as_mut_ptr();
                let (mut y, mut dx, mut dw) = (vec![0f32; dy.len()], vec![0f32; x.len()], vec![0f32; w.len()]);
                // SAFETY: all buffers have the lengths that the shape asks for.
                unsafe {
                    let arithmetic = Arithmetic::current(precision);
                    conv.forward(arithmetic, x.as_ptr(), w.as_ptr(), y.as_mut_ptr(), scratch, None);
                    conv.input_gradient(arithmetic, dy.as_ptr(), w.as_ptr(), dx.as_mut_ptr(), scratch);
                    conv.weight_gradient(arithmetic, x.as_ptr(), dy.as_ptr(), dw.as_mut_ptr(), scratch);
                }
                [y, dx, dw].concat().iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            })
        };
        for precision in Precision::ALL {
            assert_eq!(run(precision, 1), run(precision, 3), "{precision:?}");
        }
    }
}
