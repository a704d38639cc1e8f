//! Memory: which result lies where, for how long, and what is computed in the place of what it is computed from.
use super::canonical::{Graph, Id};
use super::fuse::{Kernel, LoopKernel};
use crate::tensor::{ConvKind, Op};
use std::collections::HashMap;

/// Elements per cache line of the wider dtype: places start on lines whatever the dtype is.
const LINE: usize = 16;

/// Where a result lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// The memory of an input, from its start.
    Input(usize),
    /// The plan's own memory, from this element.
    Arena(usize),
}

/// A kernel, and the loop that runs over its result while that is in cache.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) kernel: Kernel,
    pub(crate) epilogue: Option<LoopKernel>,
    /// Elements of working memory that the unit needs while it runs.
    pub(crate) scratch_len: usize,
}

/// The places of everything.
pub(crate) struct Layout {
    pub(crate) places: HashMap<Id, Place>,
    /// For each unit, where its working memory starts.
    pub(crate) scratch: Vec<usize>,
    /// Results that could not be computed in the memory that wants them: (from, to, elements).
    pub(crate) copies: Vec<(Place, Place, usize)>,
    /// Where each output lies at last.
    pub(crate) outputs: Vec<Place>,
    pub(crate) arena_len: usize,
}

impl Unit {
    pub(crate) fn outputs(&self) -> impl Iterator<Item = Id> + '_ {
        self.kernel.outputs().iter().copied().chain(
            self.epilogue
                .iter()
                .flat_map(|epilogue| epilogue.outputs.iter().copied()),
        )
    }

    fn inputs(&self) -> impl Iterator<Item = Id> + '_ {
        self.kernel.inputs().chain(
            self.epilogue
                .iter()
                .flat_map(|epilogue| epilogue.inputs.iter().copied()),
        )
    }

    pub(super) fn loops(&self) -> impl Iterator<Item = &LoopKernel> {
        let main = match &self.kernel {
            Kernel::Loop(kernel) => Some(kernel),
            Kernel::Heavy { .. } => None,
        };
        main.into_iter().chain(&self.epilogue)
    }

    /// Whether every read of a node here is at the loop's own index, so that its memory can take a store of the loop.
    fn reads_in_place(&self, id: Id) -> bool {
        let is_operand =
            matches!(&self.kernel, Kernel::Heavy { arguments, .. } if arguments.iter().any(|(base, _)| *base == id));
        let mut loads = self
            .loops()
            .flat_map(|kernel| kernel.inputs.iter().zip(&kernel.body.loads))
            .filter(|(base, _)| **base == id);
        !is_operand && loads.all(|(_, view)| view.is_identity())
    }
}

/// Joins elementwise loops to the matrix products and convolutions whose results they read.
pub(crate) fn attach_epilogues(graph: &Graph, kernels: Vec<Kernel>) -> Vec<Unit> {
    let made_at: HashMap<Id, usize> = kernels
        .iter()
        .enumerate()
        .flat_map(|(at, kernel)| kernel.outputs().iter().map(move |&id| (id, at)))
        .collect();
    let mut kernels: Vec<Option<Kernel>> = kernels.into_iter().map(Some).collect();
    let mut units = Vec::new();
    for at in 0..kernels.len() {
        let Some(kernel) = kernels[at].take() else { continue };
        let mut epilogue = None;
        if let Kernel::Heavy { node, .. } = kernel
            && matches!(graph.nodes[node].op, Op::MatMul | Op::Conv(ConvKind::Forward, _))
        {
            let fits = |candidate: &Kernel| match candidate {
                Kernel::Loop(candidate) => {
                    let mut loads = candidate.inputs.iter().zip(&candidate.body.loads);
                    candidate.body.reductions.is_empty()
                        && candidate.body.numel == graph.nodes[node].numel()
                        && candidate.inputs.contains(&node)
                        && loads.all(|(base, view)| {
                            if *base == node {
                                view.is_identity()
                            } else {
                                made_at.get(base).is_none_or(|&made| made < at)
                            }
                        })
                }
                Kernel::Heavy { .. } => false,
            };
            if let Some(found) = (at + 1..kernels.len()).find(|&i| kernels[i].as_ref().is_some_and(fits))
                && let Some(Kernel::Loop(found)) = kernels[found].take()
            {
                epilogue = Some(found);
            }
        }
        units.push(Unit {
            kernel,
            epilogue,
            scratch_len: 0,
        });
    }
    units
}

struct Block {
    len: usize,
    first: usize,
    last: usize,
    offset: usize,
}

/// Gives every result a place.
pub(crate) fn lay_out(graph: &Graph, units: &[Unit], holders: &[Id]) -> Layout {
    let mut last_read: HashMap<Id, usize> = HashMap::new();
    for (at, unit) in units.iter().enumerate() {
        unit.inputs().for_each(|id| _ = last_read.insert(id, at));
    }
    // Results that somebody asks for after the last unit; donated ones are looked at when they are placed.
    let end = units.len();
    holders.iter().for_each(|&holder| _ = last_read.insert(holder, end));
    let input_nodes: HashMap<usize, Id> = graph
        .nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| node.op == Op::Input)
        .map(|(id, node)| (node.slot, id))
        .collect();
    let mut places: HashMap<Id, Place> = input_nodes
        .iter()
        .map(|(&slot, &id)| (id, Place::Input(slot)))
        .collect();
    let mut block_of: HashMap<Id, usize> = HashMap::new();
    let mut blocks: Vec<Block> = Vec::new();
    let mut taken = vec![];
    let mut scratch_blocks = Vec::new();
    for (at, unit) in units.iter().enumerate() {
        let mut reused = vec![];
        for id in unit.outputs() {
            let len = graph.nodes[id].numel();
            // Written by the unit itself at its own index, not by a fold of other elements.
            let is_store = unit
                .loops()
                .any(|kernel| kernel.outputs[..kernel.body.stores.len()].contains(&id));
            let donation = holders
                .iter()
                .zip(&graph.donations)
                .find_map(|(&holder, donation)| donation.filter(|_| holder == id));
            if let Some(slot) = donation
                && !taken.contains(&slot)
            {
                let free = input_nodes.get(&slot).is_none_or(|input| match last_read.get(input) {
                    Some(&read) if read == at => is_store && unit.reads_in_place(*input),
                    Some(&read) => read < at,
                    None => true,
                });
                if free {
                    taken.push(slot);
                    places.insert(id, Place::Input(slot));
                    continue;
                }
            }
            let last = last_read.get(&id).copied().unwrap_or(at);
            let dying = unit.inputs().find(|input| {
                let fits =
                    |block: &usize| blocks[*block].last == at && blocks[*block].len == len && !reused.contains(block);
                is_store
                    && last_read.get(input) == Some(&at)
                    && block_of.get(input).is_some_and(fits)
                    && unit.reads_in_place(*input)
            });
            let block = match dying {
                Some(input) => {
                    let block = block_of[&input];
                    blocks[block].last = last;
                    reused.push(block);
                    block
                }
                None => {
                    blocks.push(Block {
                        len,
                        first: at,
                        last,
                        offset: 0,
                    });
                    blocks.len() - 1
                }
            };
            block_of.insert(id, block);
        }
        blocks.push(Block {
            len: unit.scratch_len,
            first: at,
            last: at,
            offset: 0,
        });
        scratch_blocks.push(blocks.len() - 1);
    }
    // An output that nobody donates memory to may be one that was written into an input for another's sake.
    let own: Vec<Option<usize>> = holders
        .iter()
        .zip(&graph.donations)
        .map(|(holder, donation)| {
            (donation.is_none() && places.contains_key(holder)).then(|| {
                let len = graph.nodes[*holder].numel();
                blocks.push(Block {
                    len,
                    first: end,
                    last: end,
                    offset: 0,
                });
                blocks.len() - 1
            })
        })
        .collect();
    let arena_len = pack(&mut blocks);
    places.extend(
        block_of
            .iter()
            .map(|(&id, &block)| (id, Place::Arena(blocks[block].offset))),
    );
    let scratch = scratch_blocks.into_iter().map(|block| blocks[block].offset).collect();
    let wanted = holders.iter().zip(&graph.donations).zip(&own);
    let outputs: Vec<Place> = wanted
        .map(|((holder, donation), own)| match (donation, own) {
            (Some(slot), _) => Place::Input(*slot),
            (None, Some(block)) => Place::Arena(blocks[*block].offset),
            (None, None) => places[holder],
        })
        .collect();
    let moved = holders
        .iter()
        .zip(&outputs)
        .filter(|(holder, to)| places[holder] != **to);
    let copies = moved
        .map(|(holder, &to)| (places[holder], to, graph.nodes[*holder].numel()))
        .collect();
    Layout {
        places,
        scratch,
        copies,
        outputs,
        arena_len,
    }
}

/// Gives blocks that live at the same time different memory, the largest first, each at the lowest place that is free.
fn pack(blocks: &mut [Block]) -> usize {
    let mut order: Vec<usize> = (0..blocks.len()).filter(|&i| blocks[i].len > 0).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(blocks[i].len), blocks[i].first));
    let mut placed: Vec<usize> = Vec::new();
    let mut arena_len = 0;
    for i in order {
        let (first, last, len) = (blocks[i].first, blocks[i].last, blocks[i].len.next_multiple_of(LINE));
        // `placed` is sorted by offset, so the first gap that is wide enough is the lowest.
        let mut offset = 0;
        for &j in placed
            .iter()
            .filter(|&&j| blocks[j].first <= last && first <= blocks[j].last)
        {
            if blocks[j].offset >= offset + len {
                break;
            }
            offset = offset.max(blocks[j].offset + blocks[j].len.next_multiple_of(LINE));
        }
        blocks[i].offset = offset;
        arena_len = arena_len.max(offset + len);
        let position = placed.partition_point(|&j| blocks[j].offset < offset);
        placed.insert(position, i);
    }
    arena_len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_meet_in_time_do_not_meet_in_memory() {
        let block = |len, first, last| Block {
            len,
            first,
            last,
            offset: 0,
        };
        let mut blocks = vec![block(32, 0, 1), block(32, 2, 3), block(16, 1, 2), block(64, 3, 4)];
        let arena_len = pack(&mut blocks);
        for (i, a) in blocks.iter().enumerate() {
            for b in &blocks[..i] {
                let apart = a.offset + a.len <= b.offset || b.offset + b.len <= a.offset;
                assert!(apart || a.last < b.first || b.last < a.first);
            }
        }
        assert_eq!(arena_len, 96);
    }
}
