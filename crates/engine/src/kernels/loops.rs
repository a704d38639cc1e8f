//! Fused elementwise chains and reductions: an interpreter over blocks that stay in the first-level cache.
//!
//! A [`Loop`] is a small program in single-assignment form that runs once per element of its operands. Compiled, it runs one
//! step at a time over blocks of about a thousand elements, so every operand is read and every result written once, however
//! long the chain is. Work is cut by shapes alone and reductions have a fixed tree: any number of threads gives the same bits.
mod plan;
mod run;
mod shorten;
#[cfg(test)]
mod tests;
mod view;

pub use crate::view::View;
pub use run::CompiledLoop;

/// A value: the number of the step that makes it.
pub type Value = u16;

/// Functions of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unary {
    /// -x.
    Neg,
    /// |x|.
    Abs,
    /// -1, 0 or 1.
    Sign,
    /// e^x.
    Exp,
    /// The natural logarithm.
    Log,
    /// The square root.
    Sqrt,
    /// 1 / sqrt(x).
    Rsqrt,
    /// 1 / x.
    Recip,
    /// x * x.
    Square,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e^-x).
    Sigmoid,
    /// log(1 + e^x).
    Softplus,
    /// The sine, of radians.
    Sin,
    /// The cosine, of radians.
    Cos,
    /// The largest integer that is not larger.
    Floor,
    /// max(x, 0); NaN stays NaN.
    Relu,
}

/// Functions of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// a + b.
    Add,
    /// a - b.
    Sub,
    /// a * b.
    Mul,
    /// a / b.
    Div,
    /// The larger; NaN where either is.
    Max,
    /// The smaller; NaN where either is.
    Min,
    /// a^b.
    Pow,
    /// a < b, as 0 or 1.
    Lt,
    /// a <= b, as 0 or 1.
    Le,
    /// a == b, as 0 or 1.
    Eq,
}

/// Functions of three values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ternary {
    /// b where a is not 0, else c.
    Select,
    /// a * b + c, rounded once where the instruction set can.
    MulAdd,
    /// b where a is positive, else b * c: a leaky rectifier of slope c, and its gradient.
    Gate,
}

/// One step of a loop; it refers to earlier steps only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// The element of one of the loop's loads.
    Load(u16),
    /// A constant.
    Const(f64),
    /// The flat index of the element.
    Index,
    /// A function of one value.
    Unary(Unary, Value),
    /// A function of two values.
    Binary(Binary, Value, Value),
    /// A function of three values.
    Ternary(Ternary, Value, Value, Value),
}

/// How elements are folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReduceKind {
    /// The sum; 0 of nothing.
    Sum,
    /// The largest, NaN where any is; minus infinity of nothing.
    Max,
    /// The smallest, NaN where any is; plus infinity of nothing.
    Min,
}

/// A fold of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reduction {
    /// How.
    pub kind: ReduceKind,
    /// Of what.
    pub value: Value,
}

/// Which of the elements are folded together: flat index = (outer index * extent + r) * inner + inner index, and r is folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReduceSpec {
    /// Elements before the folded dimension.
    pub outer: usize,
    /// Length of the folded dimension.
    pub extent: usize,
    /// Elements after the folded dimension.
    pub inner: usize,
}

/// A program that runs once for each of `numel` elements.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loop {
    /// How many elements.
    pub numel: usize,
    /// How each input is read.
    pub loads: Vec<View>,
    /// The program.
    pub steps: Vec<Step>,
    /// The values that are written out, `numel` each.
    pub stores: Vec<Value>,
    /// What the reductions fold; needed where there are any.
    pub reduce: Option<ReduceSpec>,
    /// The values that are folded, `[outer, inner]` each.
    pub reductions: Vec<Reduction>,
}

impl Loop {
    /// Collapses the views, drops what no result needs, assigns registers and cuts the work.
    ///
    /// # Panics
    /// Where the loop is malformed: a step that refers to itself or a later one, a view or a reduction of another length.
    pub fn compile(&self) -> CompiledLoop {
        CompiledLoop {
            plan: plan::compile(self),
        }
    }
}
