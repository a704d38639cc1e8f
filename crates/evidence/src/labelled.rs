//! Real pictures with their labels, sets that are made of them, and what is measured with labels.
use crate::Result;
use crate::record::root;
use ganymede::data::{self, Want};
use ganymede::engine::{Buffer, DType, Program, Tensor, grad};
use ganymede::optimisers::{Adam, Optimiser};
use std::fs;

/// Pictures of one shape with their class numbers.
#[derive(Clone, Default)]
pub(crate) struct Labelled {
    /// `[n, floats]`, in [-1, 1].
    pub(crate) x: Vec<f32>,
    /// `[n]`
    pub(crate) y: Vec<u32>,
}

impl Labelled {
    /// The first `count` examples of a data set, all where there are fewer.
    pub(crate) fn read(spec: &str, count: u64) -> Result<Labelled> {
        let data = data::open(spec, &Want::default())?;
        let mut read = Labelled::default();
        for index in 0..count.min(data.len().unwrap_or(count)) {
            let (x, y) = data.example(index)?;
            read.x.extend(x);
            read.y.push(y);
        }
        Ok(read)
    }

    /// Numbers in a picture.
    pub(crate) fn floats(&self) -> usize {
        self.x.len() / self.y.len()
    }

    /// The pictures with their labels, one by one.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[f32], u32)> {
        self.x.chunks_exact(self.floats()).zip(self.y.iter().copied())
    }

    /// Those that are chosen by their number and label.
    pub(crate) fn only(&self, is_chosen: impl Fn(usize, u32) -> bool) -> Labelled {
        let mut chosen = Labelled::default();
        for (i, (x, y)) in self.iter().enumerate().filter(|(i, (_, y))| is_chosen(*i, *y)) {
            debug_assert_eq!(self.y[i], y);
            chosen.x.extend(x);
            chosen.y.push(y);
        }
        chosen
    }

    /// Writes grey pictures of `side` pixels as IDX files under `target/evidence/data` and gives the spec to train on them.
    pub(crate) fn write(&self, name: &str, side: u32) -> Result<String> {
        let folder = root().join("target/evidence/data").join(name);
        fs::create_dir_all(&folder)?;
        let header = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>();
        let count = self.y.len() as u32;
        let pixels = self.x.iter().map(|x| ((x + 1.0) * 127.5).round() as u8);
        let images = header(&[0x803, count, side, side]).into_iter().chain(pixels);
        fs::write(folder.join("train-images-idx3-ubyte"), images.collect::<Vec<u8>>())?;
        let labels = header(&[0x801, count])
            .into_iter()
            .chain(self.y.iter().map(|y| *y as u8));
        fs::write(folder.join("train-labels-idx1-ubyte"), labels.collect::<Vec<u8>>())?;
        Ok(folder.display().to_string())
    }
}

/// How a stroke on black lies, by the moments of its brightness.
pub(crate) struct Strokes {
    /// Columns that it leans to the right for every row that it goes down.
    pub(crate) slant: f64,
    /// Standard deviation of its columns, had it no slant; in pixels.
    pub(crate) width: f64,
    /// Its brightness, summed over pixels: from 0 to the number of pixels.
    pub(crate) ink: f64,
}

impl Strokes {
    /// Of a square picture.
    pub(crate) fn of(picture: &[f32]) -> Strokes {
        let side = picture.len().isqrt();
        let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
            let pixels = picture.iter().enumerate();
            pixels
                .map(|(i, x)| 0.5 * f64::from(x + 1.0) * of((i % side) as f64, (i / side) as f64))
                .sum()
        };
        let ink = sum(&|_, _| 1.0).max(1e-9);
        let (x, y) = (sum(&|x, _| x) / ink, sum(&|_, y| y) / ink);
        let moment = |of: &dyn Fn(f64, f64) -> f64| sum(&|column, row| of(column - x, row - y)) / ink;
        let [across, down, both] = [moment(&|x, _| x * x), moment(&|_, y| y * y), moment(&|x, y| x * y)];
        let slant = both / down.max(1e-9);
        Strokes {
            slant,
            width: (across - slant * both).max(0.0).sqrt(),
            ink,
        }
    }
}

/// The share of numbers that are the expected ones.
pub(crate) fn share(got: &[u32], expected: impl IntoIterator<Item = u32>) -> f64 {
    let right = got.iter().zip(expected).filter(|(got, expected)| **got == *expected);
    right.count() as f64 / got.len() as f64
}

/// The number of the largest in each row.
pub(crate) fn largest(rows: &[f32], columns: usize) -> Vec<u32> {
    let of_row = |row: &[f32]| (0..columns).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap_or(0) as u32;
    rows.chunks_exact(columns).map(of_row).collect()
}

/// The mean square difference of numbers.
pub(crate) fn square_error(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
    squares.sum::<f64>() / a.len() as f64
}

/// The share of features to which a linear probe that others have taught gives their class.
pub(crate) fn probe(train: (&[f32], &[u32]), test: (&[f32], &[u32]), classes: usize) -> f64 {
    share(&told(train, test.0, classes), test.1.iter().copied())
}

/// What a linear probe says of features: multinomial logistic regression on standardised features that learned from others.
pub(crate) fn told(train: (&[f32], &[u32]), test: &[f32], classes: usize) -> Vec<u32> {
    const UPDATES: usize = 300;
    let dimension = train.0.len() / train.1.len();
    let labels: Vec<f32> = train.1.iter().map(|y| *y as f32).collect();
    let x = Tensor::from_f32(&[labels.len(), dimension], train.0);
    let y = Tensor::from_f32(&[labels.len()], &labels);
    let x_test = Tensor::from_f32(&[test.len() / dimension, dimension], test);
    let mean = x.mean_axes_kept(&[0]);
    let scale = ((&x - &mean).square().mean_axes_kept(&[0]) + 1e-6).rsqrt();
    let standard = |x: &Tensor| (x - &mean) * &scale;
    let placeholder = |shape: &[usize]| Tensor::placeholder(DType::F32, shape);
    let inputs = [
        placeholder(&[dimension, classes]),
        placeholder(&[classes]),
        placeholder(&[]),
    ];
    let [w, b, t] = &inputs;
    let slots: Vec<Tensor> = [w, w, b, b].iter().map(|of| placeholder(of.shape())).collect();
    let logits = standard(&x).matmul(w) + b;
    let loss = -(logits.log_softmax(1) * y.one_hot(classes)).sum_axes(&[1]).mean();
    let gradients = grad(&loss, &[w, b]);
    let (adam, counted, rate) = (Adam::default(), t + 1.0, Tensor::full(DType::F32, &[], 0.05));
    let mut moved = slots.clone();
    let (of_w, of_b) = moved.split_at_mut(2);
    let better = [
        adam.update(w, &gradients[0], of_w, &counted, &rate),
        adam.update(b, &gradients[1], of_b, &counted, &rate),
        counted.clone(),
    ];
    let answer = (standard(&x_test).matmul(w) + b).argmax(1);
    let inputs = [inputs.to_vec(), slots].concat();
    let outputs = [vec![answer], better.to_vec(), moved].concat();
    let donations: Vec<_> = std::iter::once(None).chain((0..inputs.len()).map(Some)).collect();
    let mut program = Program::compile(&inputs, &outputs, &donations);
    let room = |tensor: &Tensor| Buffer::zeros(DType::F32, tensor.numel());
    let mut buffers: Vec<Buffer> = inputs.iter().map(room).collect();
    (0..=UPDATES).for_each(|_| program.run(&mut buffers));
    program.output(0).iter().map(|class| *class as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagonal_leans_by_a_column_a_row_and_has_no_width() {
        let diagonal: Vec<f32> = (0..36).map(|i| if i % 6 == i / 6 { 1.0 } else { -1.0 }).collect();
        let strokes = Strokes::of(&diagonal);
        assert!((strokes.slant - 1.0).abs() < 1e-12 && strokes.width < 1e-6 && (strokes.ink - 6.0).abs() < 1e-12);
    }

    #[test]
    fn a_probe_finds_what_is_linear_and_nothing_else() {
        let y: Vec<u32> = (0..200).map(|i| i % 2).collect();
        let noise = |i: usize| ((i * 7919) % 101) as f32 / 101.0;
        let told: Vec<f32> = y
            .iter()
            .enumerate()
            .flat_map(|(i, y)| [noise(i), *y as f32 + 0.5 * noise(i + 7)])
            .collect();
        assert_eq!(probe((&told, &y), (&told, &y), 2), 1.0);
        let untold: Vec<f32> = (0..400).map(|i| noise(i * 3)).collect();
        assert!(probe((&untold, &y), (&untold, &y), 2) < 0.75);
    }
}
