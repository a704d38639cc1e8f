//! Plans compute what the graph means: thousands of random graphs against an evaluation element by element, with outputs
//! in the program's memory and in the inputs', run again and again on changing inputs.
mod draw;
mod instruction_sets;
use draw::Draw;
use gany_engine::{Buffer, ConvOptions, DType, PadMode, Program, Tensor, concat, evaluate, grad, reference, select};

/// Larger tensors are summed up before anything else is done with them.
const MOST_ELEMENTS: usize = 300;

/// A graph being made at random.
struct Growth<'a> {
    draw: Draw,
    inputs: &'a [Tensor],
    pool: Vec<Tensor>,
}

impl Growth<'_> {
    fn any(&mut self) -> Tensor {
        // The latest ones more often, so that chains grow long.
        let from = if self.draw.once_in(2) {
            self.pool.len().saturating_sub(3)
        } else {
            0
        };
        self.pool[self.draw.between(from, self.pool.len() - 1)].clone()
    }

    fn number(&mut self) -> f64 {
        (self.draw.number() * 8.0).round() / 4.0
    }

    /// A tensor of this shape: one that has it, or another one bent into it.
    fn of_shape(&mut self, shape: &[usize]) -> Tensor {
        let fitting: Vec<&Tensor> = self.pool.iter().filter(|t| t.shape() == shape).collect();
        if !fitting.is_empty() && !self.draw.once_in(4) {
            return (*self.draw.choice(&fitting)).clone();
        }
        let (x, numel) = (self.any(), shape.iter().product::<usize>());
        if x.numel() == numel {
            return x.reshape(shape);
        }
        let flat = x.reshape(&[x.numel()]);
        if x.numel() > numel {
            return flat.slice(0, x.numel() - numel, x.numel()).reshape(shape);
        }
        if self.draw.once_in(2) && !shape.is_empty() {
            // Repeat along an axis.
            let axis = self.draw.below(shape.len());
            let mut narrow = shape.to_vec();
            narrow[axis] = 1;
            return self.of_shape_without_repeats(&narrow).broadcast_to(shape);
        }
        flat.mean().broadcast_to(shape)
    }

    fn of_shape_without_repeats(&mut self, shape: &[usize]) -> Tensor {
        let (x, numel) = (self.any(), shape.iter().product::<usize>());
        let flat = x.reshape(&[x.numel()]);
        if x.numel() < numel {
            flat.mean().broadcast_to(shape)
        } else {
            flat.slice(0, 0, numel).reshape(shape)
        }
    }

    fn some_input(&mut self) -> Tensor {
        self.draw.choice(self.inputs).clone()
    }

    fn unary(&mut self, x: &Tensor) -> Tensor {
        match self.draw.below(17) {
            0 => -x,
            1 => x.abs(),
            2 => x.tanh(),
            3 => x.sigmoid(),
            4 => x.softplus(),
            5 => x.sin(),
            6 => x.relu(),
            7 => x.leaky_relu(0.2),
            8 => x.square() * 0.25,
            9 => (x.square() + 1.0).sqrt(),
            10 => (x.square() + 1.0).rsqrt(),
            11 => (x.square() + 1.0).log(),
            12 => x.clamp(-1.0, 2.0).exp(),
            13 => x.detach(),
            14 => x * self.number() + self.number(),
            15 => (x.abs() + 1.0).powf(1.5),
            _ => self.number() - x,
        }
    }

    fn binary(&mut self, a: &Tensor, b: &Tensor) -> Tensor {
        match self.draw.below(8) {
            0 | 1 => a + b,
            2 => a - b,
            3 => a * b * 0.5,
            4 => a / (b.square() + 1.0),
            5 => a.maximum(b),
            6 => a.minimum(b),
            _ => {
                let condition = self.some_input();
                // Compare given numbers only: what has been computed differs in its last bit.
                let condition = condition.reshape(&[condition.numel()]).slice(0, 0, 1).positive();
                select(&condition.reshape(&[]), a, b)
            }
        }
    }

    /// The same elements in another order, or some of them.
    fn view(&mut self, x: &Tensor) -> Tensor {
        let rank = x.rank();
        if rank == 0 {
            return x.reshape(&[1, 1]);
        }
        let axis = self.draw.below(rank);
        match self.draw.below(9) {
            0 | 1 => x.permute(&self.draw.order(rank)),
            2 => {
                let (start, step) = (self.draw.below(x.extent(axis)), self.draw.between(1, 2));
                let count = self.draw.between(1, (x.extent(axis) - 1 - start) / step + 1);
                x.slice_step(axis, start, count, step as isize)
            }
            3 => x.flip(axis),
            4 => x.flip(axis).permute(&self.draw.order(rank)).flip(0),
            5 => x.reshape(&[x.numel()]),
            6 => {
                // Split an axis in two, or join it with the next.
                let mut shape = x.shape().to_vec();
                match (2..=shape[axis]).find(|divisor| shape[axis] % divisor == 0) {
                    Some(divisor) if rank < 5 => {
                        shape[axis] /= divisor;
                        shape.insert(axis + 1, divisor);
                    }
                    _ if axis + 1 < rank => {
                        let next = shape.remove(axis + 1);
                        shape[axis] *= next;
                    }
                    _ => shape.insert(0, 1),
                }
                x.reshape(&shape)
            }
            7 if rank < 5 => {
                let mut shape = x.shape().to_vec();
                shape.insert(axis, 1);
                let narrow = x.reshape(&shape);
                shape[axis] = self.draw.between(1, 3);
                narrow.broadcast_to(&shape)
            }
            _ => x.transpose_if_wide(),
        }
    }

    fn reduce(&mut self, x: &Tensor) -> Tensor {
        if x.rank() == 0 {
            return x.clone();
        }
        let axes = self.draw.axes(x.rank());
        match self.draw.below(7) {
            0 => x.sum_axes(&axes) * 0.25,
            1 => x.mean_axes_kept(&axes),
            2 => x.max_axes(&axes),
            3 => x.min_axes(&axes),
            4 => x.softmax(axes[0]),
            5 => x.logsumexp(axes[0]),
            _ => {
                let centred = x - x.mean_axes_kept(&axes);
                &centred * (centred.square().mean_axes_kept(&axes) + 0.1).rsqrt()
            }
        }
    }

    fn product(&mut self, x: &Tensor) -> Tensor {
        let [m, k, n] = [0; 3].map(|_| self.draw.between(1, 6));
        let batch = self.draw.between(1, 3);
        let product = match self.draw.below(5) {
            0 => self.of_shape(&[m, k]).matmul(&self.of_shape(&[k, n])),
            1 => self
                .of_shape(&[k, m])
                .transpose()
                .matmul(&self.of_shape(&[n, k]).transpose().flip(0)),
            2 => self.of_shape(&[batch, m, k]).matmul(&self.of_shape(&[k, n])),
            3 => self.of_shape(&[m, k]).matmul(&self.of_shape(&[batch, k, n])),
            _ if x.rank() >= 2 => {
                let columns = x.extent(x.rank() - 1);
                x.matmul(&self.of_shape(&[columns, n]))
            }
            _ => self.of_shape(&[batch, m, k]).matmul(&self.of_shape(&[batch, k, n])),
        };
        self.with_epilogue(&(product * 0.3))
    }

    fn convolution(&mut self) -> Tensor {
        let axes = self.draw.between(1, 2);
        let groups = self.draw.between(1, 2);
        let mut shape = vec![self.draw.between(1, 2)];
        shape.extend((0..axes).map(|_| self.draw.between(3, 5)));
        shape.push(groups * self.draw.between(1, 2));
        let mut weight = vec![self.draw.between(1, 3); axes];
        let out = groups * self.draw.between(1, 2);
        weight.extend([shape[axes + 1] / groups, out]);
        let options = ConvOptions::new()
            .stride(self.draw.between(1, 2))
            .padding(self.draw.below(2))
            .groups(groups);
        let (x, w) = (self.of_shape(&shape), self.of_shape(&weight));
        let y = x.conv(&w, &options);
        if self.draw.once_in(3) {
            return y.conv_transpose(&w, &options, 0) * 0.1;
        }
        self.with_epilogue(&y)
    }

    /// A bias, an activation, sometimes a second branch: what is fused to a product.
    fn with_epilogue(&mut self, y: &Tensor) -> Tensor {
        let bias = self.of_shape(&[y.extent(y.rank() - 1)]);
        let mut y = y + bias;
        if self.draw.once_in(2) {
            y = self.unary(&y);
        }
        if self.draw.once_in(3) {
            y = self.of_shape(y.shape()) + y;
        }
        y
    }

    fn move_rows(&mut self, x: &Tensor) -> Tensor {
        if x.rank() == 0 {
            return x.reshape(&[1]);
        }
        let axis = self.draw.below(x.rank());
        match self.draw.below(5) {
            0 => {
                let parts = [self.view(x), x.clone(), self.unary(x)];
                let fitting = parts.into_iter().filter(|part| part.shape() == x.shape());
                concat(&fitting.collect::<Vec<_>>(), axis)
            }
            1 => x.pad(axis, self.draw.below(3), self.draw.below(3), PadMode::Zero),
            2 => {
                let most = x.extent(axis) - 1;
                let mode = *self.draw.choice(&[PadMode::Reflect, PadMode::Replicate]);
                x.pad(axis, self.draw.between(0, most), self.draw.between(0, most), mode)
            }
            3 => {
                let picks = self.draw.between(1, 5);
                let rows: Vec<f64> = (0..picks).map(|_| self.draw.below(x.extent(0)) as f64).collect();
                x.gather(&Tensor::from_elements(x.dtype(), &[picks], &rows))
            }
            _ => {
                let rows = self.draw.between(1, 4);
                let to: Vec<f64> = (0..x.extent(0)).map(|_| self.draw.below(rows) as f64).collect();
                x.scatter_add(&Tensor::from_elements(x.dtype(), &[to.len()], &to), rows)
            }
        }
    }

    fn gradients(&mut self) {
        let x = self.any();
        let weight = self.of_shape(x.shape()).detach();
        let loss = (x.sin() * weight).sum();
        let wrt: Vec<&Tensor> = self.inputs.iter().collect();
        let gradients = grad(&loss, &wrt);
        self.pool.extend(gradients.iter().map(|g| g.clamp(-100.0, 100.0)));
    }

    fn grow(&mut self, with_gradients: bool) {
        let x = self.any();
        if x.numel() > MOST_ELEMENTS || x.rank() > 6 {
            let mean = x.mean();
            return self.pool.push(mean);
        }
        let grown = match self.draw.below(16) {
            0..=3 => self.unary(&x),
            4..=6 => {
                let y = self.of_shape(x.shape());
                self.binary(&x, &y)
            }
            7..=9 => self.view(&x),
            10 | 11 => self.reduce(&x),
            12 => self.product(&x),
            13 => self.convolution(),
            14 => self.move_rows(&x),
            _ if with_gradients && self.draw.once_in(2) => return self.gradients(),
            _ => x.argmax_of_input(&self.some_input()),
        };
        self.pool.push(grown);
    }
}

/// Small helpers that only random graphs need.
trait Odd {
    fn transpose_if_wide(&self) -> Tensor;
    fn argmax_of_input(&self, input: &Tensor) -> Tensor;
}

impl Odd for Tensor {
    fn transpose_if_wide(&self) -> Tensor {
        if self.rank() >= 2 {
            self.transpose()
        } else {
            self.flip(0)
        }
    }

    /// This tensor times the position of an input's largest element.
    fn argmax_of_input(&self, input: &Tensor) -> Tensor {
        self * input.reshape(&[input.numel()]).argmax(0) * 0.1
            + Tensor::arange(self.dtype(), self.numel()).reshape(self.shape()) * 0.01
    }
}

/// A random graph's outputs, and which input's memory each of them takes.
fn random_graph(seed: u64, inputs: &[Tensor], with_gradients: bool) -> (Vec<Tensor>, Vec<Option<usize>>) {
    let mut growth = Growth {
        draw: Draw(seed),
        inputs,
        pool: inputs.to_vec(),
    };
    for _ in 0..growth.draw.between(2, 14) {
        growth.grow(with_gradients);
    }
    let (mut outputs, mut donations) = (vec![growth.pool[growth.pool.len() - 1].clone()], vec![None]);
    for _ in 0..growth.draw.below(4) {
        outputs.push(growth.any());
        donations.push(None);
    }
    for slot in 0..inputs.len() {
        if growth.draw.once_in(2) {
            continue;
        }
        // Whatever has the shape, an update of the input in place, or an input of the same shape.
        let shape = inputs[slot].shape();
        let update = match growth.draw.below(4) {
            0 => growth.of_shape(shape),
            1 => inputs
                .iter()
                .rev()
                .find(|input| input.shape() == shape)
                .expect("at least itself")
                .clone(),
            2 => &inputs[slot] + growth.of_shape(shape) * 0.1,
            _ => {
                let moved = inputs[slot].reshape(&[inputs[slot].numel()]).flip(0).reshape(shape);
                moved * 0.5 + growth.of_shape(shape)
            }
        };
        outputs.push(update);
        donations.push(Some(slot));
    }
    (outputs, donations)
}

fn compare(what: &str, wanted: &[f64], found: &[f64], tolerance: f64) {
    assert_eq!(wanted.len(), found.len(), "{what}");
    let scale = 1.0
        + wanted
            .iter()
            .filter(|x| x.is_finite())
            .fold(0.0f64, |most, x| most.max(x.abs()));
    for (i, (x, y)) in wanted.iter().zip(found).enumerate() {
        let same = x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= tolerance * scale;
        assert!(same, "{what}: element {i} is {y}, should be {x}");
    }
}

fn buffer(dtype: DType, elements: &[f64]) -> Buffer {
    match dtype {
        DType::F64 => Buffer::from_f64(elements),
        DType::F32 => Buffer::from_f32(&elements.iter().map(|&x| x as f32).collect::<Vec<_>>()),
    }
}

/// Runs a graph three times in a row, as a program that keeps its state in its inputs, against fresh evaluations.
fn check(
    name: &str,
    dtype: DType,
    shapes: &[Vec<usize>],
    first: Vec<Vec<f64>>,
    tolerance: f64,
    graph: impl Fn(&[Tensor]) -> (Vec<Tensor>, Vec<Option<usize>>),
) {
    let mut values = first;
    let placeholders: Vec<Tensor> = shapes.iter().map(|shape| Tensor::placeholder(dtype, shape)).collect();
    let (outputs, donations) = graph(&placeholders);
    let mut program = Program::compile(&placeholders, &outputs, &donations);
    let mut buffers: Vec<Buffer> = values.iter().map(|v| buffer(dtype, v)).collect();
    for run in 0..3 {
        let inputs: Vec<Tensor> = shapes
            .iter()
            .zip(&values)
            .map(|(shape, v)| Tensor::from_elements(dtype, shape, v))
            .collect();
        let (outputs, _) = graph(&inputs);
        let wanted: Vec<Vec<f64>> = outputs.iter().map(reference::evaluate).collect();
        program.run(&mut buffers);
        for (i, wanted) in wanted.iter().enumerate() {
            let found = match donations[i] {
                Some(slot) => buffers[slot].to_f64(),
                None => program.output_f64(i),
            };
            compare(&format!("{name}, run {run}, output {i}"), wanted, &found, tolerance);
        }
        if run == 0 {
            evaluate(&outputs.iter().collect::<Vec<_>>());
            for (i, wanted) in wanted.iter().enumerate() {
                compare(
                    &format!("{name}, evaluated, output {i}"),
                    wanted,
                    &outputs[i].to_f64(),
                    tolerance,
                );
            }
        }
        for (slot, value) in values.iter_mut().enumerate() {
            let now = buffers[slot].to_f64();
            let is_tame = now.iter().all(|x| x.abs() < 8.0);
            if donations.contains(&Some(slot)) && is_tame {
                *value = now;
            } else if donations.contains(&Some(slot)) {
                // Feedback has grown beyond what can be compared: start anew.
                value.iter_mut().for_each(|x| *x = 0.5 - *x);
                buffers[slot] = buffer(dtype, value);
            } else {
                assert!(same_bits(value, &now), "{name}, run {run}: input {slot} has changed");
                value.iter_mut().for_each(|x| *x = (*x * 0.75 + 0.125).clamp(-4.0, 4.0));
                if dtype == DType::F32 {
                    value.iter_mut().for_each(|x| *x = f64::from(*x as f32));
                }
                buffers[slot] = buffer(dtype, value);
            }
        }
    }
}

fn same_bits(a: &[f64], b: &[f64]) -> bool {
    a.iter().map(|x| x.to_bits()).eq(b.iter().map(|x| x.to_bits()))
}

fn check_random(seed: u64, dtype: DType, tolerance: f64, with_gradients: bool) {
    let mut draw = Draw(seed);
    let count = draw.between(2, 4);
    let mut shapes: Vec<Vec<usize>> = vec![];
    for i in 0..count {
        let rank = draw.below(5);
        let shape = if i > 0 && draw.once_in(2) {
            shapes[0].clone()
        } else {
            draw.shape(rank, 5)
        };
        shapes.push(shape);
    }
    let values = shapes.iter().map(|shape| draw.numbers(shape.iter().product()));
    let values = values
        .map(|v| v.into_iter().map(|x| (x * 64.0).round() / 32.0 + 1.0 / 128.0).collect())
        .collect();
    let name = format!("graph {seed}");
    check(&name, dtype, &shapes, values, tolerance, |inputs| {
        random_graph(draw.0 ^ seed, inputs, with_gradients)
    });
}

#[test]
fn random_graphs_in_f64() {
    (0..2500).for_each(|seed| check_random(seed, DType::F64, 1e-8, true));
}

#[test]
fn random_graphs_in_f32() {
    (10_000..11_000).for_each(|seed| check_random(seed, DType::F32, 2e-3, false));
}

/// A graph over inputs of one shape, whose donations are written beside its outputs.
fn check_donations(
    name: &str,
    count: usize,
    shape: &[usize],
    graph: impl Fn(&[Tensor]) -> Vec<(Tensor, Option<usize>)>,
) {
    let numel = shape.iter().product::<usize>();
    let values = (0..count)
        .map(|k| {
            (0..numel)
                .map(|i| ((i * 7 + k * 13) % 11) as f64 * 0.25 - 1.0)
                .collect()
        })
        .collect();
    check(
        name,
        DType::F64,
        &vec![shape.to_vec(); count],
        values,
        1e-10,
        |inputs| graph(inputs).into_iter().unzip(),
    );
}

#[test]
fn donated_memory() {
    for shape in [&[1usize, 1][..], &[3, 4], &[1, 7], &[70, 40]] {
        let check = |name, count, graph: &dyn Fn(&[Tensor]) -> Vec<(Tensor, Option<usize>)>| {
            check_donations(&format!("{name} of {shape:?}"), count, shape, graph)
        };
        check("in place", 1, &|x| vec![(&x[0] * 2.0 + 1.0, Some(0))]);
        check("swap", 2, &|x| vec![(x[1].clone(), Some(0)), (x[0].clone(), Some(1))]);
        check("swap with sums", 2, &|x| {
            vec![(&x[1] + 1.0, Some(0)), (&x[0] + 2.0, Some(1))]
        });
        check("rotation", 3, &|x| {
            vec![
                (x[1].clone(), Some(0)),
                (x[2].clone(), Some(1)),
                (x[0].clone(), Some(2)),
            ]
        });
        check("swap of views", 2, &|x| {
            vec![(x[1].flip(1), Some(0)), (x[0].flip(0).permute(&[0, 1]), Some(1))]
        });
        check("unchanged", 2, &|x| {
            vec![(x[0].clone(), Some(0)), (&x[0] + &x[1], None)]
        });
        check("unchanged under another shape", 1, &|x| {
            vec![
                (x[0].reshape(&[x[0].numel()]).reshape(x[0].shape()), Some(0)),
                (x[0].transpose(), None),
            ]
        });
        check("an input as it is", 1, &|x| {
            vec![(x[0].clone(), None), (x[0].flip(0).flip(0), None)]
        });
        check("an input kept and changed", 1, &|x| {
            vec![(x[0].clone(), None), (&x[0] + 1.0, Some(0))]
        });
        check("a result kept and donated", 1, &|x| {
            let y = x[0].square() + 1.0;
            vec![(y.clone(), None), (y.clone(), Some(0)), (y.reshape(&[y.numel()]), None)]
        });
        check("a result donated twice", 3, &|x| {
            let y = &x[0] * 0.5 + &x[1];
            vec![(y.clone(), Some(0)), (y.clone(), Some(1)), (&x[2] + &y, Some(2))]
        });
        check("read after the donated output is made", 2, &|x| {
            let y = &x[0] * 2.0;
            let later = (y.sum() + x[0].flip(1).sin()).flip(0) * &x[1];
            vec![(y, Some(0)), (later, None)]
        });
        check("read shifted", 1, &|x| vec![(x[0].flip(1) + &x[0], Some(0))]);
        check("read turned", 1, &|x| {
            let turned = x[0].transpose().reshape(x[0].shape());
            vec![(&x[0] + turned, Some(0))]
        });
        check("read as a sum of rows", 1, &|x| {
            vec![(&x[0] - x[0].mean_axes_kept(&[0]), Some(0))]
        });
        check("read by a later product", 2, &|x| {
            let y = &x[0] + &x[1];
            vec![(y.clone(), Some(0)), (x[0].transpose().matmul(&x[1]), None)]
        });
        check("written by a product's epilogue", 2, &|x| {
            let product = x[0].matmul(&x[0].transpose()).matmul(&x[1]);
            vec![(product * 0.01 + &x[1], Some(1)), (x[0].clone(), Some(0))]
        });
        check("written by the epilogue of a product of itself", 2, &|x| {
            let product = x[0].matmul(&x[1].transpose()).matmul(&x[0]);
            vec![(product * 0.01 + &x[0], Some(0)), (&x[1] * 0.9, Some(1))]
        });
        check("states that depend on one another", 3, &|x| {
            let mean = &x[1] * 0.9 + &x[0] * 0.1;
            let variance = &x[2] * 0.99 + x[0].square() * 0.01;
            let weight = &x[0] - &mean / (variance.abs().sqrt() + 1e-3);
            vec![(weight, Some(0)), (mean, Some(1)), (variance, Some(2))]
        });
        check("a fold into an input", 1, &|x| {
            vec![(x[0].sum_axes_kept(&[0]).broadcast_to(x[0].shape()) * 0.1, Some(0))]
        });
    }
    check_donations("a fold of an input's own shape", 2, &[1, 1], |x| {
        vec![(&x[0] + x[1].sum(), Some(0))]
    });
    check_donations("a fold in the memory of what it folds", 2, &[6], |x| {
        let folded = (x[0].reshape(&[6, 1]) * x[1].reshape(&[1, 6])).sum_axes(&[1]);
        vec![(folded * 0.1, Some(0)), (x[1].clone(), Some(1))]
    });
}

#[test]
#[should_panic(expected = "donated twice")]
fn one_input_is_not_donated_to_two_outputs() {
    let x = Tensor::placeholder(DType::F32, &[2]);
    Program::compile(std::slice::from_ref(&x), &[&x + 1.0, &x + 2.0], &[Some(0), Some(0)]);
}

#[test]
fn a_view_whose_base_gets_memory_later() {
    let x = Tensor::from_f64(&[4, 3, 2], &(0..24).map(f64::from).collect::<Vec<_>>());
    let turned = x.permute(&[2, 0, 1]);
    let back = turned.permute(&[1, 2, 0]);
    // Both are wanted in row-major order; first the view of the view, which x holds as it is, then the view between.
    let outputs = [concat(&[back.clone(), back], 0), concat(&[turned.clone(), turned], 0)];
    evaluate(&outputs.iter().collect::<Vec<_>>());
    outputs
        .iter()
        .for_each(|y| assert_eq!(y.to_f64(), reference::evaluate(y)));
}

#[test]
fn operands_of_products_run_anyhow() {
    let mut draw = Draw(1);
    let (a, b) = (draw.tensor(&[5, 4]), draw.tensor(&[4, 6]));
    let row = draw.tensor(&[1, 4]);
    for y in [
        a.flip(0).matmul(&b),
        a.flip(1).matmul(&b.flip(0)),
        a.matmul(&b.flip(1)),
        a.slice_step(0, 4, 3, -2).matmul(&b.slice_step(1, 1, 2, 3)),
        row.flip(0).matmul(&b),
        row.broadcast_to(&[7, 4]).matmul(&b),
        a.matmul(&row.transpose().broadcast_to(&[4, 3])),
        a.reshape(&[5, 2, 2])
            .permute(&[1, 0, 2])
            .reshape(&[2, 5, 2])
            .matmul(&b.slice(0, 0, 2)),
        a.slice(1, 0, 0).matmul(&b.slice(0, 0, 0)) + 1.0,
    ] {
        compare("a product", &reference::evaluate(&y), &y.to_f64(), 1e-12);
    }
}

#[test]
fn loops_wider_than_the_executor() {
    let mut draw = Draw(2);
    let many: Vec<Tensor> = (0..300).map(|_| draw.tensor(&[7])).collect();
    let sum = many.iter().skip(1).fold(many[0].clone(), |sum, x| sum + x);
    compare("a long sum", &reference::evaluate(&sum), &sum.to_f64(), 1e-12);
    let pairs: Vec<Tensor> = many.windows(2).map(|pair| (&pair[0] * &pair[1]).exp()).collect();
    let (all, total) = (
        concat(&pairs, 0),
        pairs.iter().skip(1).fold(pairs[0].clone(), |sum, x| sum * 0.5 + x),
    );
    evaluate(&[&all, &total]);
    compare("many results", &reference::evaluate(&all), &all.to_f64(), 1e-12);
    compare("their sum", &reference::evaluate(&total), &total.to_f64(), 1e-12);
    let x = draw.tensor(&[50]);
    let scaled: Vec<Tensor> = (0..300).map(|k| (&x * f64::from(k)).tanh()).collect();
    evaluate(&scaled.iter().collect::<Vec<_>>());
    scaled
        .iter()
        .for_each(|y| compare("results of one input", &reference::evaluate(y), &y.to_f64(), 1e-12));
}

#[test]
fn tensors_without_elements() {
    let empty = Tensor::from_f64(&[0, 3], &[]);
    assert_eq!(empty.sum_axes(&[0]).to_f64(), [0.0; 3]);
    assert_eq!(empty.sum().to_f64(), [0.0]);
    assert_eq!(empty.max_axes(&[0]).to_f64(), [f64::NEG_INFINITY; 3]);
    assert_eq!((empty.reshape(&[3, 0]).transpose().exp() + 1.0).to_f64(), []);
    let three = Tensor::from_f64(&[1, 3], &[1.0, 2.0, 3.0]);
    assert_eq!(
        concat(&[empty.clone(), three.clone(), empty.clone()], 0).to_f64(),
        [1.0, 2.0, 3.0]
    );
    assert_eq!(empty.transpose().matmul(&three.slice(0, 0, 0)).to_f64(), [0.0; 9]);
    assert_eq!(empty.matmul(&three.transpose()).to_f64(), []);
    let gradients = grad(&(empty.square().sum() + three.square().sum()), &[&empty, &three]);
    assert_eq!(gradients[0].to_f64(), []);
    assert_eq!(gradients[1].to_f64(), [2.0, 4.0, 6.0]);
    assert_eq!(empty.pad(0, 1, 0, PadMode::Zero).to_f64(), [0.0; 3]);
    assert_eq!(three.gather(&Tensor::from_f64(&[0], &[])).to_f64(), []);
}

#[test]
fn not_a_number_passes() {
    let nan = f64::NAN;
    for dtype in [DType::F32, DType::F64] {
        // Long enough for full vectors and for what is left over.
        for at in [0, 1, 8, 36] {
            let mut elements: Vec<f64> = (0..37).map(|i| f64::from(i) - 18.5).collect();
            elements[at] = nan;
            let x = Tensor::from_elements(dtype, &[37], &elements);
            let y = Tensor::from_elements(dtype, &[37], &vec![0.25; 37]);
            let only_there = [
                x.relu(),
                x.leaky_relu(0.2),
                x.maximum(&y),
                y.maximum(&x),
                x.minimum(&y),
                y.minimum(&x),
            ];
            evaluate(&only_there.iter().collect::<Vec<_>>());
            for result in only_there {
                let found = result.to_f64();
                assert!(
                    found.iter().enumerate().all(|(i, x)| x.is_nan() == (i == at)),
                    "{result:?}: {found:?}"
                );
            }
            for result in [
                x.sum(),
                x.max_axes(&[0]),
                x.min_axes(&[0]),
                x.mean(),
                x.logsumexp(0),
                x.norm(0),
            ] {
                assert!(result.to_f64()[0].is_nan(), "{result:?} hides a NaN at {at}");
            }
            assert_eq!(x.argmax(0).to_f64(), [at as f64]);
            assert_eq!(reference::evaluate(&x.argmax(0)), [at as f64]);
            assert_eq!(x.lt(&y).to_f64()[at], 0.0);
            assert_eq!(select(&x, &y, &(&y * 2.0)).to_f64()[at], 0.25);
        }
        let wide = Tensor::from_elements(dtype, &[3, 2], &[1.0, nan, 2.0, 0.0, -1.0, 5.0]);
        let largest = wide.max_axes(&[0]).to_f64();
        assert!(largest[0] == 2.0 && largest[1].is_nan());
    }
}

#[test]
fn infinities_stay() {
    let x = Tensor::from_f64(&[3], &[f64::INFINITY, f64::NEG_INFINITY, 1.0]);
    assert_eq!(x.max_axes(&[0]).to_f64(), [f64::INFINITY]);
    assert_eq!(x.exp().to_f64()[..2], [f64::INFINITY, 0.0]);
    assert_eq!(x.sigmoid().to_f64()[..2], [1.0, 0.0]);
    assert_eq!(x.tanh().to_f64()[..2], [1.0, -1.0]);
    assert_eq!(x.softplus().to_f64()[..2], [f64::INFINITY, 0.0]);
}

#[test]
fn a_chain_of_a_hundred_thousand_nodes_is_dropped() {
    let mut x = Tensor::full(DType::F32, &[2], 1.0);
    (0..100_000).for_each(|_| x = x.sin());
    drop(x);
}

#[test]
fn captured_values_are_read_not_written() {
    let kept = Tensor::from_f64(&[3], &[1.0, 2.0, 3.0]);
    let x = Tensor::placeholder(DType::F64, &[3]);
    let mut program = Program::compile(std::slice::from_ref(&x), &[&x + &kept, &kept * 2.0], &[Some(0), None]);
    let mut buffers = [Buffer::from_f64(&[0.0; 3])];
    (0..3).for_each(|_| program.run(&mut buffers));
    assert_eq!(buffers[0].as_f64(), [3.0, 6.0, 9.0]);
    assert_eq!(program.output_f64(1), [2.0, 4.0, 6.0]);
    assert_eq!(kept.to_f64(), [1.0, 2.0, 3.0]);
}

#[test]
#[should_panic(expected = "is not among the inputs")]
fn a_missing_placeholder_is_named() {
    let x = Tensor::placeholder(DType::F32, &[2]);
    Program::compile(&[], &[&x + 1.0], &[None]);
}

#[test]
fn on_every_instruction_set() {
    instruction_sets::run_the_others();
}
