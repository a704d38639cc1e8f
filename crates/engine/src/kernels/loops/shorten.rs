//! Fewer steps for the same values: products in sums become multiply-adds, and leaky rectifiers and their gradients one
//! step each.
use super::plan::operands;
use super::{Binary, Loop, Reduction, Step, Ternary, Value};

impl Loop {
    /// The same loop with fewer steps, and none that no result needs. Sums are added up in another order, and products in
    /// them are not rounded.
    pub(crate) fn shortened(&self) -> Loop {
        let results = || self.stores.iter().chain(self.reductions.iter().map(|r| &r.value));
        let mut uses = vec![0; self.steps.len()];
        results().for_each(|&value| uses[usize::from(value)] += 1);
        for (i, &step) in self.steps.iter().enumerate().rev() {
            let (values, count) = operands(step);
            if uses[i] > 0 {
                values[..count].iter().for_each(|&value| uses[usize::from(value)] += 1);
            }
        }
        let mut shortening = Shortening {
            old: &self.steps,
            uses,
            new: vec![],
            moved: vec![None; self.steps.len()],
        };
        Loop {
            numel: self.numel,
            loads: self.loads.clone(),
            stores: self.stores.iter().map(|&value| shortening.value(value)).collect(),
            reduce: self.reduce,
            reductions: self
                .reductions
                .iter()
                .map(|&Reduction { kind, value }| Reduction {
                    kind,
                    value: shortening.value(value),
                })
                .collect(),
            steps: shortening.new,
        }
    }
}

struct Shortening<'a> {
    old: &'a [Step],
    /// How often results, and steps that they need, refer to a step.
    uses: Vec<usize>,
    new: Vec<Step>,
    /// Which new step makes the value of an old one.
    moved: Vec<Option<Value>>,
}

impl Shortening<'_> {
    fn step(&self, value: Value) -> Step {
        self.old[usize::from(value)]
    }

    fn push(&mut self, step: Step) -> Value {
        self.new.push(step);
        (self.new.len() - 1) as Value
    }

    /// The new step for an old one, written now where there is none yet.
    fn value(&mut self, old: Value) -> Value {
        if let Some(new) = self.moved[usize::from(old)] {
            return new;
        }
        let new = match self.step(old) {
            Step::Binary(Binary::Add, ..) => self.sum(old),
            Step::Binary(Binary::Mul, ..) if self.gate(old).is_some() => {
                let [a, b, c] = self.gate(old).expect("just seen").map(|value| self.value(value));
                self.push(Step::Ternary(Ternary::Gate, a, b, c))
            }
            Step::Unary(op, a) => {
                let a = self.value(a);
                self.push(Step::Unary(op, a))
            }
            Step::Binary(op, a, b) => {
                let [a, b] = [a, b].map(|value| self.value(value));
                self.push(Step::Binary(op, a, b))
            }
            Step::Ternary(op, a, b, c) => {
                let [a, b, c] = [a, b, c].map(|value| self.value(value));
                self.push(Step::Ternary(op, a, b, c))
            }
            step @ (Step::Load(_) | Step::Const(_) | Step::Index) => self.push(step),
        };
        self.moved[usize::from(old)] = Some(new);
        new
    }

    /// A sum: first what is no product, then the products, each added as it is made.
    fn sum(&mut self, old: Value) -> Value {
        let mut terms = vec![];
        self.collect_terms(old, &mut terms);
        let (products, others): (Vec<Value>, Vec<Value>) =
            terms.iter().partition(|&&term| self.factors(term).is_some());
        let mut parts = others.into_iter().chain(products);
        let first = parts.next().expect("a sum has terms");
        let mut sum = self.value(first);
        for part in parts {
            sum = match self.factors(part) {
                Some(factors) => {
                    let [a, b] = factors.map(|value| self.value(value));
                    self.push(Step::Ternary(Ternary::MulAdd, a, b, sum))
                }
                None => {
                    let part = self.value(part);
                    self.push(Step::Binary(Binary::Add, sum, part))
                }
            };
        }
        sum
    }

    /// What is added up in the end, looking through sums that nothing else needs.
    fn collect_terms(&self, sum: Value, terms: &mut Vec<Value>) {
        let Step::Binary(Binary::Add, a, b) = self.step(sum) else {
            unreachable!("called for sums")
        };
        for part in [a, b] {
            if self.uses[usize::from(part)] == 1 && matches!(self.step(part), Step::Binary(Binary::Add, ..)) {
                self.collect_terms(part, terms);
            } else {
                terms.push(part);
            }
        }
    }

    /// The factors of a product that nothing but one sum needs.
    fn factors(&self, value: Value) -> Option<[Value; 2]> {
        match self.step(value) {
            Step::Binary(Binary::Mul, a, b) if self.uses[usize::from(value)] == 1 && self.gate(value).is_none() => {
                Some([a, b])
            }
            _ => None,
        }
    }

    /// Of a product with the slope of a leaky rectifier, 1 where x is positive, else a constant: x, the other factor and the
    /// constant.
    fn gate(&self, product: Value) -> Option<[Value; 3]> {
        let Step::Binary(Binary::Mul, a, b) = self.step(product) else {
            return None;
        };
        [(a, b), (b, a)].into_iter().find_map(|(factor, slope)| {
            let Step::Ternary(Ternary::Select, is_positive, one, below) = self.step(slope) else {
                return None;
            };
            let Step::Binary(Binary::Lt, zero, x) = self.step(is_positive) else {
                return None;
            };
            let is_slope = self.step(zero) == Step::Const(0.0)
                && self.step(one) == Step::Const(1.0)
                && matches!(self.step(below), Step::Const(_));
            is_slope.then_some([x, factor, below])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::View;
    use super::*;

    fn program(loads: usize, steps: &[Step], stores: &[Value]) -> Loop {
        let loaded = (0..loads).map(|load| Step::Load(load as u16));
        Loop {
            numel: 4,
            loads: vec![View::identity(4); loads],
            steps: loaded.chain(steps.iter().copied()).collect(),
            stores: stores.to_vec(),
            ..Loop::default()
        }
    }

    fn add(a: Value, b: Value) -> Step {
        Step::Binary(Binary::Add, a, b)
    }

    fn mul(a: Value, b: Value) -> Step {
        Step::Binary(Binary::Mul, a, b)
    }

    #[test]
    fn a_sum_of_products_is_a_chain_of_multiply_adds() {
        // (a b + c d) + e
        let long = program(5, &[mul(0, 1), mul(2, 3), add(5, 6), add(7, 4)], &[8]);
        let e_then_products = [
            Step::Load(4),
            Step::Load(0),
            Step::Load(1),
            Step::Ternary(Ternary::MulAdd, 1, 2, 0),
            Step::Load(2),
            Step::Load(3),
            Step::Ternary(Ternary::MulAdd, 4, 5, 3),
        ];
        assert_eq!(long.shortened().steps, e_then_products);
    }

    #[test]
    fn what_others_need_stays() {
        // a b is stored too, and so is a b + c.
        let long = program(4, &[mul(0, 1), add(4, 2), add(5, 3)], &[4, 5, 6]);
        let short = long.shortened();
        assert_eq!(short.steps.len(), 7);
        assert_eq!(short.stores, [2, 4, 6]);
    }

    #[test]
    fn the_gradient_of_a_leaky_rectifier_is_one_step() {
        let slope = Step::Ternary(Ternary::Select, 3, 4, 5);
        let is_positive = Step::Binary(Binary::Lt, 2, 0);
        let [zero, one, below] = [0.0, 1.0, 0.2].map(Step::Const);
        let long = program(2, &[zero, is_positive, one, below, slope, mul(1, 6), add(7, 0)], &[8]);
        let short = long.shortened();
        let gated = [
            Step::Load(0),
            Step::Load(1),
            below,
            Step::Ternary(Ternary::Gate, 0, 1, 2),
            add(3, 0),
        ];
        // Nothing of the sum is a product any more.
        assert_eq!(short.steps, gated);
    }

    #[test]
    fn what_no_result_needs_is_gone() {
        assert_eq!(
            program(2, &[mul(0, 1), add(0, 1)], &[0]).shortened().steps,
            [Step::Load(0)]
        );
    }
}
