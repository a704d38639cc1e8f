//! Twenty steps of a dense GAN, a DCGAN and a WGAN-GP follow PyTorch's (`reference/trajectories`): losses and weights.
//!
//! A whole step - both players, their gradients, the gradient penalty, Adam - is one program that updates weights and
//! optimiser state in place.
mod instruction_sets;
use gany_engine::{Buffer, ConvOptions, DType, Precision, Program, Tensor, grad};
use safetensors::SafeTensors;
use serde_json::Value;
use std::collections::BTreeMap;

/// What PyTorch started from, and where it went.
struct Reference {
    about: Value,
    arrays: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
}

impl Reference {
    fn load(system: &str) -> Reference {
        let path = format!("{}/../../reference/trajectories/{system}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(format!("{path}.json")).expect("the trajectory is there");
        let bytes = std::fs::read(format!("{path}.safetensors")).expect("the weights are there");
        let file = SafeTensors::deserialize(&bytes).expect("safetensors");
        let arrays = file.tensors().into_iter().map(|(name, view)| {
            let elements = match view.dtype() {
                safetensors::Dtype::F32 => view
                    .data()
                    .as_chunks()
                    .0
                    .iter()
                    .map(|&b| f32::from_le_bytes(b).into())
                    .collect(),
                safetensors::Dtype::F64 => view
                    .data()
                    .as_chunks()
                    .0
                    .iter()
                    .map(|&b| f64::from_le_bytes(b))
                    .collect(),
                other => panic!("{name} is {other:?}"),
            };
            (name, (view.shape().to_vec(), elements))
        });
        Reference {
            about: serde_json::from_str(&text).expect("JSON"),
            arrays: arrays.collect(),
        }
    }

    fn number(&self, path: &[&str]) -> f64 {
        let value = path.iter().fold(&self.about, |value, key| &value[key]);
        value.as_f64().unwrap_or_else(|| panic!("{path:?} is no number"))
    }

    fn layers(&self, player: &str) -> &[Value] {
        self.about["players"][player].as_array().expect("layers")
    }

    /// The names of a player's weights, each `PLAYER.INDEX.weight` or `.bias`.
    fn weights_of(&self, player: &str) -> Vec<String> {
        let starts = |name: &&String| name.starts_with(&format!("{player}."));
        self.arrays.keys().filter(starts).cloned().collect()
    }
}

type Weights = BTreeMap<String, Tensor>;

fn forward(player: &str, layers: &[Value], weights: &Weights, x: &Tensor) -> Tensor {
    layers.iter().enumerate().fold(x.clone(), |x, (index, layer)| {
        let weight = |part: &str| &weights[&format!("{player}.{index}.{part}")];
        let number = |name: &str| layer[name].as_f64().expect("a number");
        let options = || {
            ConvOptions::new()
                .stride(number("stride") as usize)
                .padding(number("padding") as usize)
        };
        match layer["kind"].as_str() {
            Some("dense") => x.matmul(weight("weight")) + weight("bias"),
            Some("conv") => x.conv(weight("weight"), &options()),
            Some("conv_transpose") => x.conv_transpose(weight("weight"), &options(), 0),
            Some("batch_norm") => {
                let centred = &x - x.mean_axes_kept(&[0, 1, 2]);
                let variance = centred.square().mean_axes_kept(&[0, 1, 2]);
                centred * (variance + number("eps")).rsqrt() * weight("weight") + weight("bias")
            }
            Some("leaky_relu") => x.leaky_relu(number("slope")),
            Some("relu") => x.relu(),
            Some("tanh") => x.tanh(),
            other => panic!("a layer of kind {other:?}"),
        }
    })
}

/// A program's inputs and outputs while they are collected.
struct Step<'a> {
    reference: &'a Reference,
    dtype: DType,
    inputs: Vec<Tensor>,
    first: Vec<Buffer>,
    outputs: Vec<Tensor>,
    donations: Vec<Option<usize>>,
}

impl Step<'_> {
    fn input(&mut self, shape: &[usize], first: &[f64]) -> Tensor {
        let tensor = Tensor::placeholder(self.dtype, shape);
        self.inputs.push(tensor.clone());
        self.first.push(buffer(self.dtype, first));
        tensor
    }

    fn output(&mut self, tensor: &Tensor, donation: Option<usize>) {
        self.outputs.push(tensor.clone());
        self.donations.push(donation);
    }

    /// Weights and, after each, the two moments of Adam.
    fn player(&mut self, player: &str) -> Weights {
        let mut weights = Weights::new();
        for name in self.reference.weights_of(player) {
            let (shape, elements) = &self.reference.arrays[&name];
            weights.insert(name, self.input(shape, elements));
            (0..2).for_each(|_| _ = self.input(shape, &vec![0.0; elements.len()]));
        }
        weights
    }

    /// Moves weights down the slope of a loss; `scales` is `[rate / (1 - beta1^t), 1 / sqrt(1 - beta2^t)]`.
    fn adam(&mut self, loss: &Tensor, weights: &Weights, scales: &Tensor) -> Weights {
        let [beta1, beta2, eps] = ["beta1", "beta2", "eps"].map(|name| self.reference.number(&["adam", name]));
        let [rate, spread] = [0, 1].map(|i| scales.slice(0, i, i + 1).reshape(&[]));
        let gradients = grad(loss, &weights.values().collect::<Vec<_>>());
        let mut moved = Weights::new();
        for ((name, weight), g) in weights.iter().zip(gradients) {
            let slot = self
                .inputs
                .iter()
                .position(|input| std::ptr::eq(input.shape(), weight.shape()))
                .expect("an input");
            let [mean, variance] = [1, 2].map(|k| self.inputs[slot + k].clone());
            let mean = mean * beta1 + &g * (1.0 - beta1);
            let variance = variance * beta2 + g.square() * (1.0 - beta2);
            let weight = weight - &rate * &mean / (variance.sqrt() * &spread + eps);
            for (k, state) in [&weight, &mean, &variance].into_iter().enumerate() {
                self.output(state, Some(slot + k));
            }
            moved.insert(name.clone(), weight);
        }
        moved
    }
}

fn buffer(dtype: DType, elements: &[f64]) -> Buffer {
    match dtype {
        DType::F64 => Buffer::from_f64(elements),
        DType::F32 => Buffer::from_f32(&elements.iter().map(|&x| x as f32).collect::<Vec<_>>()),
    }
}

/// Twenty steps next to PyTorch's of the same dtype, with products in a precision of their own.
fn follow(system: &str, dtype: DType, precision: Precision, tolerance: f64) {
    let name_of_dtype = match dtype {
        DType::F32 => "float32",
        DType::F64 => "float64",
    };
    let reference = Reference::load(system);
    let second = if system == "wgan_gp" { "critic" } else { "discriminator" };
    let is_dense = system == "gan";
    let mut step = Step {
        reference: &reference,
        dtype,
        inputs: vec![],
        first: vec![],
        outputs: vec![],
        donations: vec![],
    };
    let generator = step.player("generator");
    let discriminator = step.player(second);
    let batches = ["data.x", "data.z", "data.eps"]
        .into_iter()
        .filter_map(|name| reference.arrays.get(name));
    let batches: Vec<_> = batches.collect();
    let first_batch = step.inputs.len();
    let data: Vec<Tensor> = batches
        .iter()
        .map(|(shape, elements)| step.input(&shape[1..], &elements[..elements.len() / shape[0]]))
        .collect();
    let scales = step.input(&[2], &[0.0; 2]);

    let (x, z) = (&data[0], &data[1]);
    let batch = x.extent(0);
    let z = if is_dense {
        z.clone()
    } else {
        z.reshape(&[batch, 1, 1, z.extent(1)])
    };
    let fake = forward("generator", reference.layers("generator"), &generator, &z).reshape(x.shape());
    let logits = |weights: &Weights, x: &Tensor| {
        let x = if is_dense { x.flatten_from(1) } else { x.clone() };
        forward(second, reference.layers(second), weights, &x).reshape(&[batch])
    };
    let (said_of_real, said_of_fake) = (logits(&discriminator, x), logits(&discriminator, &fake.detach()));
    let mut names = vec!["loss_d", "loss_g"];
    let loss_d = if system == "wgan_gp" {
        let eps = data[2].reshape(&[batch, 1, 1, 1]);
        let mix = &eps * x + (1.0 - &eps) * fake.detach();
        let slope = &grad(&logits(&discriminator, &mix).sum(), &[&mix])[0];
        let penalty = (slope.flatten_from(1).norm(1) - 1.0).square().mean();
        step.output(&penalty, None);
        names.insert(0, "penalty");
        said_of_fake.mean() - said_of_real.mean() + penalty * reference.number(&["penalty_weight"])
    } else {
        (-said_of_real).softplus().mean() + said_of_fake.softplus().mean()
    };
    step.output(&loss_d, None);
    let discriminator = step.adam(&loss_d, &discriminator, &scales);
    let said_of_fake = logits(&discriminator, &fake);
    let loss_g = if system == "wgan_gp" {
        -said_of_fake.mean()
    } else {
        (-said_of_fake).softplus().mean()
    };
    let at = names.len() - 1;
    step.outputs.insert(at, loss_g.clone());
    step.donations.insert(at, None);
    step.adam(&loss_g, &generator, &scales);

    let mut program = Program::compile_in(precision, &step.inputs, &step.outputs, &step.donations);
    let mut buffers = step.first;
    let [rate, beta1, beta2] = ["lr", "beta1", "beta2"].map(|name| reference.number(&["adam", name]));
    for t in 0..reference.number(&["steps"]) as usize {
        for (k, (shape, elements)) in batches.iter().enumerate() {
            let len = elements.len() / shape[0];
            buffers[first_batch + k] = buffer(dtype, &elements[t * len..][..len]);
        }
        let corrections = [beta1, beta2].map(|beta| 1.0 - beta.powi(t as i32 + 1));
        let scales = [rate / corrections[0], 1.0 / corrections[1].sqrt()];
        *buffers.last_mut().expect("the scales") = buffer(dtype, &scales);
        program.run(&mut buffers);
        for (output, name) in names.iter().enumerate() {
            let wanted = reference.about["scalars"][name_of_dtype][name][t]
                .as_f64()
                .expect("a loss");
            let found = program.output_f64(output)[0];
            let apart = ((found - wanted) / wanted).abs();
            assert!(
                apart < tolerance,
                "{system}, step {t}: {name} is {found}, PyTorch's is {wanted}"
            );
        }
    }
    for (name, slot) in reference
        .weights_of("generator")
        .iter()
        .chain(&reference.weights_of(second))
        .zip((0..).step_by(3))
    {
        if let Some((_, wanted)) = reference.arrays.get(&format!("final.{name_of_dtype}.{name}")) {
            let largest = wanted.iter().fold(0.0f64, |most, x| most.max(x.abs()));
            for (found, wanted) in buffers[slot].to_f64().iter().zip(wanted) {
                assert!(
                    (found - wanted).abs() < tolerance * largest,
                    "{system}: {name} holds {found}, PyTorch's {wanted}"
                );
            }
        }
    }
}

#[test]
fn gan_in_f32() {
    follow("gan", DType::F32, Precision::F32, 1e-4);
}

#[test]
fn gan_in_f64() {
    follow("gan", DType::F64, Precision::F32, 1e-9);
}

#[test]
fn dcgan_in_f32() {
    follow("dcgan", DType::F32, Precision::F32, 1e-4);
}

#[test]
fn dcgan_with_products_in_bf16() {
    follow("dcgan", DType::F32, Precision::Bf16, 0.02);
}

#[test]
fn wgan_gp_with_products_in_bf16() {
    follow("wgan_gp", DType::F32, Precision::Bf16, 0.02);
}

#[test]
fn dcgan_in_f64() {
    follow("dcgan", DType::F64, Precision::F32, 1e-9);
}

#[test]
fn wgan_gp_in_f32() {
    follow("wgan_gp", DType::F32, Precision::F32, 1e-4);
}

#[test]
fn wgan_gp_in_f64() {
    follow("wgan_gp", DType::F64, Precision::F32, 1e-9);
}

#[test]
fn on_every_instruction_set() {
    instruction_sets::run_the_others();
}
