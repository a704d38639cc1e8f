//! What a plan costs at least: counted from its instructions, not measured.
use super::canonical::{Graph, Id};
use super::fuse::Kernel;
use super::memory::{Place, Unit};
use super::{Instruction, Plan, Work};
use std::collections::HashMap;
use std::iter::Sum;

/// Work that follows from shapes alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Multiply-adds of matrix products and convolutions, two operations each. Taps that fall on padding count, as they do
    /// everywhere else.
    pub multiply_adds: u64,
    /// Bytes of every operand and every result, once for each instruction: what goes through memory where no cache keeps
    /// anything from one instruction to the next.
    pub bytes: u64,
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Cost>>(costs: I) -> Cost {
        costs.fold(Cost::default(), |sum, cost| Cost {
            multiply_adds: sum.multiply_adds + cost.multiply_adds,
            bytes: sum.bytes + cost.bytes,
        })
    }
}

impl Plan {
    /// What one run costs.
    pub(crate) fn cost(&self) -> Cost {
        let cost = |instruction: &Instruction| Cost {
            multiply_adds: multiply_adds(&instruction.work),
            bytes: (instruction.elements * self.dtype.bytes()) as u64,
        };
        self.instructions.iter().map(cost).sum()
    }
}

fn multiply_adds(work: &Work) -> u64 {
    let product = |extents: &[usize]| extents.iter().product::<usize>() as u64;
    match work {
        Work::MatMul { gemm, .. } => product(&[gemm.batch, gemm.m, gemm.n, gemm.k]),
        // The same for all three sisters: each pairs every pixel of y with every tap.
        Work::Conv { conv, .. } => {
            let (pixels, taps) = (product(&conv.output), product(&conv.kernel));
            let channels = product(&[conv.c_in / conv.groups.max(1), conv.c_out]);
            conv.batch as u64 * pixels * taps * channels
        }
        _ => 0,
    }
}

impl Unit {
    /// Elements that the unit reads and writes, each once: what it reads of its own results is still in cache, and results
    /// in one place are written there in one pass.
    pub(super) fn elements(&self, graph: &Graph, results: &[(Place, usize, Id)]) -> usize {
        let mut read: HashMap<Id, usize> = HashMap::new();
        let loads = self
            .loops()
            .flat_map(|kernel| kernel.inputs.iter().copied().zip(&kernel.body.loads));
        let arguments = match &self.kernel {
            Kernel::Heavy { arguments, .. } => &arguments[..],
            Kernel::Loop(_) => &[],
        };
        for (id, view) in loads.chain(arguments.iter().map(|(id, view)| (*id, view))) {
            if results.iter().all(|(_, _, own)| *own != id) {
                let extents = view.shape.iter().zip(&view.strides);
                *read.entry(id).or_default() += extents
                    .filter(|(_, stride)| **stride != 0)
                    .map(|(extent, _)| extent)
                    .product::<usize>();
            }
        }
        let read: usize = read
            .into_iter()
            .map(|(id, count)| count.min(graph.nodes[id].numel()))
            .sum();
        let written: HashMap<Place, usize> = results.iter().map(|&(place, len, _)| (place, len)).collect();
        read + written.into_values().sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConvOptions, DType, Program, Tensor};

    fn cost(inputs: &[Tensor], output: &Tensor) -> Cost {
        Program::compile(inputs, std::slice::from_ref(output), &[None]).cost()
    }

    fn placeholder(shape: &[usize]) -> Tensor {
        Tensor::placeholder(DType::F32, shape)
    }

    #[test]
    fn a_dense_layer_reads_its_operands_and_writes_its_result() {
        let inputs = [placeholder(&[64, 100]), placeholder(&[100, 32]), placeholder(&[32])];
        let [x, w, b] = &inputs;
        assert_eq!(
            cost(&inputs, &(x.matmul(w) + b).relu()),
            Cost {
                multiply_adds: 64 * 100 * 32,
                // The product is made where the layer's result is made from it.
                bytes: 4 * (64 * 100 + 100 * 32 + 32 + 64 * 32),
            }
        );
    }

    #[test]
    fn convolutions_count_every_tap_of_every_window() {
        let inputs = [placeholder(&[2, 8, 8, 6]), placeholder(&[4, 4, 3, 10])];
        let [x, w] = &inputs;
        let y = x.conv(w, &ConvOptions::new().stride(2).padding(1).groups(2));
        let expected = Cost {
            multiply_adds: 2 * 4 * 4 * 4 * 4 * 3 * 10,
            bytes: 4 * (2 * 8 * 8 * 6 + 4 * 4 * 3 * 10 + 2 * 4 * 4 * 10),
        };
        assert_eq!(cost(&inputs, &y), expected);
    }

    #[test]
    fn what_is_repeated_or_cut_off_is_read_once_or_not_at_all() {
        let inputs = [placeholder(&[10, 7]), placeholder(&[7])];
        let [x, row] = &inputs;
        let y = (x.slice(0, 0, 4) + row) * row;
        let expected = Cost {
            multiply_adds: 0,
            bytes: 4 * (4 * 7 + 7 + 4 * 7),
        };
        assert_eq!(cost(&inputs, &y), expected);
    }
}
