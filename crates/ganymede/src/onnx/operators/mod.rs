//! ONNX's operators, written with the engine's. A file a kind, each with a table of the names that it knows; what they mean is said in
//! <https://onnx.ai/onnx/operators>. Whatever does not fit is said before the engine is asked, which would panic.
mod normalisation;
mod pointwise;
mod products;
mod reductions;
mod selection;
mod shapes;
mod windows;

use super::call::Operator;
use super::messages::{Attribute, Node};

/// Names and what computes them.
type Table = &'static [(&'static str, Operator)];

const TABLES: [Table; 7] = [
    normalisation::OPERATORS,
    pointwise::OPERATORS,
    products::OPERATORS,
    reductions::OPERATORS,
    selection::OPERATORS,
    shapes::OPERATORS,
    windows::OPERATORS,
];

/// The operator of this name.
pub(super) fn find(name: &str) -> Option<Operator> {
    let mut rows = TABLES.into_iter().flatten();
    rows.find(|(known, _)| *known == name).map(|(_, operator)| *operator)
}

/// The order in which a node likes its second input to lie, of so many axes: weights are laid so once.
pub(super) fn weight_order(node: &Node, rank: usize) -> Option<Vec<usize>> {
    match node.operator.as_str() {
        "Conv" if rank > 2 => Some(windows::kernel_order(rank)),
        "Gemm" if rank == 2 && matches!(node.attributes.get("transB"), Some(Attribute::Whole(1))) => Some(vec![1, 0]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_operator_is_written_twice() {
        let mut names: Vec<&str> = TABLES.into_iter().flatten().map(|(name, _)| *name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
