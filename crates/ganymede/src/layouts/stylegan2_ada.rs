//! The networks of StyleGAN2 as NVIDIA's `stylegan2-ada-pytorch` (and `stylegan3`, where it trains StyleGAN2) saves them: a
//! `network-snapshot-*.pkl` with the networks `G`, `D` and `G_ema`, or their state dicts in another file.
//!
//! Karras et al. 2020, "Training Generative Adversarial Networks with Limited Data", arXiv:2006.06676.
//!
//! Both sides store weights of unit variance and scale them where they serve: by `1 / sqrt(fan_in)`, in the mapping network
//! times its learning rate too. What differs:
//!
//! | theirs | ours |
//! |---|---|
//! | dense and discriminator layers: `sqrt(2) leaky(w x / sqrt(fan_in) + b)` | `leaky(sqrt(2) w x / sqrt(fan_in) + b')`, so b' = sqrt(2) b |
//! | the style is `a(w)`, whose bias begins at 1 | `1 + a(w)`, so the bias is 1 less |
//! | demodulation divides by `sqrt(sum (s w)^2 + 1e-8)` | w is scaled before, so 1e-8 counts fan_in times as much: nothing of note |
//! | the doubling convolution is a transposed one of `[c_out, c_in, 3, 3]` | of `[3, 3, c_out, c_in]` |
//! | `conv_clamp` | the setting `clamp` |
//! | a generator told a class c: the first layer of the mapping sees `[z, e(c)]` | e(c) is a constant for a chosen class, and joins the bias |
//!
//! Not taken over: noise drawn anew (`noise_mode='random'`) when sampling, ADA's augmentation, optimisers. A discriminator that
//! was built otherwise (of classes, without residuals) is left out, which is noted; a generator is refused.
use super::array::Array;
use super::error::{Misfit, Result};
use super::source::Source;
use super::{Choice, Layout, Network, as_average, channels_last, convolution, put};
use crate::data::Shape;
use std::collections::BTreeMap;
use std::f64::consts::SQRT_2;

pub(super) const LAYOUT: Layout = Layout {
    id: "stylegan2-ada",
    system: "stylegan",
    of: "StyleGAN2 (`network-snapshot-*.pkl` of stylegan2-ada-pytorch)",
    has_generator: |source| settled(source).is_some(),
    has_discriminator: |source| ["D.", ""].iter().any(|prefix| source.of(prefix).has("b4.out.weight")),
    read,
};

/// Where the generators of a file may lie: the averaged one, the trained one, the file's only one.
const GENERATORS: [&str; 3] = ["G_ema.", "G.", ""];

/// Most halvings of the sides: pictures of 2048 pixels.
const MOST_LEVELS: usize = 9;

/// Samples of ADA's usual groups, over which deviations are taken.
const GROUP: f64 = 4.0;

/// The generator that samples are made from.
fn settled(source: Source) -> Option<Source> {
    let mut all = GENERATORS.iter().map(|prefix| source.of(prefix));
    all.find(|source| source.has("synthesis.b4.const"))
}

/// The sizes that a generator is built in.
struct Sizes {
    z_dim: usize,
    w_dim: usize,
    mapping_layers: usize,
    /// Classes, and the extent of what they are embedded in.
    classes: Option<[usize; 2]>,
    /// Channels of the levels, the coarsest first.
    widths: Vec<usize>,
    /// Of the pictures.
    channels: usize,
}

impl Sizes {
    fn of(source: Source) -> Result<Sizes> {
        let [_, rows, columns] = source.extents("synthesis.b4.const")?;
        if [rows, columns] != [4, 4] {
            let got = format!("{rows} x {columns}");
            return Err(source.unlike("smallest grid of the generator", "4 x 4 pixels", &got));
        }
        let levels = levels(source)?;
        let widths = (0..=levels).map(|level| {
            let [width, ..]: [usize; 4] = source.extents(&format!("synthesis.b{}.conv1.weight", 4 << level))?;
            Ok(width)
        });
        let widths = widths.collect::<Result<Vec<usize>>>()?;
        let [channels, ..]: [usize; 4] = source.extents("synthesis.b4.torgb.weight")?;
        let [w_dim, inputs] = source.extents("mapping.fc0.weight")?;
        let classes = match source.has("mapping.embed.weight") {
            true => Some(
                source
                    .extents("mapping.embed.weight")
                    .map(|[to, classes]| [classes, to])?,
            ),
            false => None,
        };
        let z_dim = inputs.saturating_sub(classes.map_or(0, |[_, to]| to));
        if z_dim == 0 {
            return Err(source.unlike("latent vectors", "at least one number", "none"));
        }
        Ok(Sizes {
            z_dim,
            w_dim,
            mapping_layers: (0..)
                .take_while(|i| source.has(&format!("mapping.fc{i}.weight")))
                .count(),
            classes,
            widths,
            channels,
        })
    }

    fn levels(&self) -> usize {
        self.widths.len() - 1
    }
}

/// How often the sides are halved, if they are halved evenly and the network is one of skips.
fn levels(source: Source) -> Result<usize> {
    let of_block = |name: &str| name.strip_prefix("synthesis.b")?.split('.').next()?.parse().ok();
    let mut grids: Vec<usize> = source.names().filter_map(of_block).collect();
    grids.sort_unstable();
    grids.dedup();
    let is_even = grids.len() <= MOST_LEVELS + 1 && grids.iter().enumerate().all(|(level, side)| *side == 4 << level);
    if !is_even || grids.is_empty() {
        let got: Vec<String> = grids.iter().take(MOST_LEVELS + 2).map(usize::to_string).collect();
        let expected = format!("sides of 4, 8, 16 and so on, powers of two up to {}", 4 << MOST_LEVELS);
        return Err(source.unlike("grids of the generator", &expected, &got.join(", ")));
    }
    for side in grids.iter() {
        let at = |rest: &str| format!("synthesis.b{side}.{rest}");
        source.expect_text(&at("architecture"), "architecture of the generator", "skip")?;
        source.expect_text(&at("conv1.activation"), "activation of the generator", "lrelu")?;
        source.expect_text("mapping.fc0.activation", "activation of the mapping network", "lrelu")?;
        let filter = at("resample_filter");
        if source.has(&filter) && !is_usual(&source.take(&filter, &[4, 4])?) {
            return Err(source.unlike("filter of the generator", "that of [1, 3, 3, 1]", "another"));
        }
    }
    Ok(grids.len() - 1)
}

/// Whether a filter is that of `[1, 3, 3, 1]`.
fn is_usual(filter: &Array) -> bool {
    let taps = [1.0, 3.0, 3.0, 1.0];
    let expected = (0..16).map(|place| taps[place / 4] * taps[place % 4] / 64.0);
    expected
        .zip(filter.values())
        .all(|(expected, got): (f32, &f32)| (expected - got).abs() < 1e-6)
}

fn read(source: Source, choice: &Choice) -> Result<Network> {
    let settled = settled(source).expect("the layout was chosen by it");
    let trained = Some(source.of("G.")).filter(|source| source.has("synthesis.b4.const"));
    let sizes = Sizes::of(settled)?;
    let class = match (sizes.classes, choice.class) {
        (None, None) => None,
        (None, Some(_)) => return Err(source.unfit(Misfit::NoClasses)),
        (Some([classes, _]), Some(class)) if class < classes => Some(class),
        (Some([classes, _]), asked) => return Err(source.unfit(Misfit::Class { classes, asked })),
    };
    let [width, max_width] = settled.widths(&sizes.widths)?;
    let rate = settled.number("mapping.fc0.bias_gain").unwrap_or(0.01);
    let clamp = settled.number("synthesis.b4.conv1.conv_clamp").unwrap_or(0.0);
    let is_possible = |number: f64| number.is_finite() && number >= 0.0;
    if !is_possible(clamp) || !is_possible(rate) || rate == 0.0 {
        return Err(source.unlike(
            "constants of the generator",
            "positive numbers",
            &format!("{rate} and {clamp}"),
        ));
    }
    let mut tensors = generator(trained.unwrap_or(settled), &sizes, class)?;
    let average = match trained {
        Some(_) => generator(settled, &sizes, class)?,
        None => tensors.clone(),
    };
    tensors.extend(as_average(average));
    let mut notes = vec![];
    match discriminator(source.of("D."), &sizes) {
        Ok(found) => tensors.extend(found),
        Err(_) if source.of("D.").names().next().is_none() => {
            notes.push("The file has no discriminator: it is a new one.".to_owned());
        }
        Err(error) => notes.push(format!(
            "The discriminator is built otherwise and was left out, so it is a new one ({error})."
        )),
    }
    let group = source.number("D.b4.mbstd.group_size").unwrap_or(GROUP);
    if group != GROUP {
        notes.push(format!(
            "The discriminator compared groups of {group} pictures; here they are of {GROUP}."
        ));
    }
    if let Some(class) = class {
        notes.push(format!(
            "The generator had classes; this one makes class {class} alone."
        ));
    }
    let side = 4 << sizes.levels();
    let setting = |key: &str, value: String| (key.to_owned(), value);
    Ok(Network {
        settings: vec![
            setting("generation", "second".to_owned()),
            setting("z_dim", sizes.z_dim.to_string()),
            setting("w_dim", sizes.w_dim.to_string()),
            setting("mapping_layers", sizes.mapping_layers.to_string()),
            setting("mapping_learning_rate", rate.to_string()),
            setting("width", width.to_string()),
            setting("max_width", max_width.to_string()),
            setting("clamp", clamp.to_string()),
        ],
        sample: Shape::Picture {
            height: side,
            width: side,
            channels: sizes.channels,
        },
        step: 0,
        tensors,
        notes,
    })
}

fn generator(source: Source, sizes: &Sizes, class: Option<usize>) -> Result<BTreeMap<String, Array>> {
    let Sizes { w_dim, channels, .. } = *sizes;
    let mut tensors = mapping(source, sizes, class)?;
    tensors.insert("generator.mean_style".into(), source.take("mapping.w_avg", &[w_dim])?);
    let c = sizes.widths[0];
    let constant = source.take("synthesis.b4.const", &[c, 4, 4])?;
    let constant = constant.permuted(&[1, 2, 0]).reshaped(&[1, 4, 4, c]);
    tensors.insert("generator.synthesis.constant".into(), constant);
    // The style's affine function, under a layer of either side.
    let affine = |tensors: &mut BTreeMap<_, _>, ours: &str, theirs: &str, inputs: usize| -> Result<()> {
        let weight = source
            .take(&format!("{theirs}.affine.weight"), &[inputs, w_dim])?
            .transposed();
        let bias = source.take(&format!("{theirs}.affine.bias"), &[inputs])?.plus(-1.0);
        put(tensors, format!("{ours}.conv.affine"), weight, bias);
        Ok(())
    };
    for (level, &width) in sizes.widths.iter().enumerate() {
        let side = 4 << level;
        let before = level.checked_sub(1).map(|before| sizes.widths[before]);
        let layers = [before.map(|before| (0, before)), Some((1, width))];
        for (number, inputs) in layers.into_iter().flatten() {
            let (ours, theirs) = (
                format!("generator.synthesis.layer.{}", 2 * level + number),
                format!("synthesis.b{side}.conv{number}"),
            );
            let weight = source.take(&format!("{theirs}.weight"), &[width, inputs, 3, 3])?;
            let weight = match number {
                0 => weight.permuted(&[2, 3, 0, 1]),
                _ => convolution(&weight),
            };
            tensors.insert(format!("{ours}.conv.weight"), weight);
            affine(&mut tensors, &ours, &theirs, inputs)?;
            let bias = source.take(&format!("{theirs}.bias"), &[width])?;
            tensors.insert(format!("{ours}.bias"), bias);
            // A network without noise is one whose noise has no strength.
            let has_noise = source.has(&format!("{theirs}.noise_const"));
            let (noise, strength) = match has_noise {
                true => (
                    source.take(&format!("{theirs}.noise_const"), &[side, side])?,
                    source.take(&format!("{theirs}.noise_strength"), &[])?,
                ),
                false => (Array::zeros(&[side, side]), Array::zeros(&[])),
            };
            tensors.insert(format!("{ours}.noise"), noise.reshaped(&[side, side, 1]));
            tensors.insert(format!("{ours}.strength"), strength.reshaped(&[1]));
        }
        let (ours, theirs) = (
            format!("generator.synthesis.colours.{level}"),
            format!("synthesis.b{side}.torgb"),
        );
        let weight = source.take(&format!("{theirs}.weight"), &[channels, width, 1, 1])?;
        tensors.insert(format!("{ours}.conv.weight"), convolution(&weight));
        affine(&mut tensors, &ours, &theirs, width)?;
        let bias = source.take(&format!("{theirs}.bias"), &[channels])?;
        tensors.insert(format!("{ours}.bias"), bias);
    }
    Ok(tensors)
}

/// The mapping network, bound to a class where there are some.
fn mapping(source: Source, sizes: &Sizes, class: Option<usize>) -> Result<BTreeMap<String, Array>> {
    let (z_dim, w_dim) = (sizes.z_dim, sizes.w_dim);
    let mut tensors = BTreeMap::new();
    for i in 0..sizes.mapping_layers {
        let inputs = match (i, sizes.classes) {
            (0, classes) => z_dim + classes.map_or(0, |[_, to]| to),
            _ => w_dim,
        };
        let mut weight = source.take(&format!("mapping.fc{i}.weight"), &[w_dim, inputs])?;
        let mut bias = source.take(&format!("mapping.fc{i}.bias"), &[w_dim])?;
        if let (0, Some(class), Some([classes, to])) = (i, class, sizes.classes) {
            let e = embedded(source, class, classes, to)?;
            let [of_z, of_e] = weight.split(z_dim);
            let root = (inputs as f64).sqrt();
            let rows: Vec<f64> = of_e
                .values()
                .chunks(to)
                .map(|row| row.iter().zip(&e).map(|(w, e)| f64::from(*w) * e).sum::<f64>() / root)
                .collect();
            bias = bias.map(|place, bias| bias + rows[place]);
            weight = of_z.times((z_dim as f64).sqrt() / root);
        }
        // Of the sequence of layers the first is the normalisation, and every second one a rectifier.
        let ours = format!("generator.mapping.{}", 2 * i + 1);
        put(&mut tensors, ours, weight.transposed(), bias.times(SQRT_2));
    }
    Ok(tensors)
}

/// What the mapping network sees of a class: its column of the embedding, brought to unit mean square.
fn embedded(source: Source, class: usize, classes: usize, to: usize) -> Result<Vec<f64>> {
    let weight = source.take("mapping.embed.weight", &[to, classes])?;
    let bias = source.take("mapping.embed.bias", &[to])?;
    let column = weight.values().iter().skip(class).step_by(classes);
    let sums = column.zip(bias.values());
    let e: Vec<f64> = sums
        .map(|(w, b)| f64::from(*w) / (classes as f64).sqrt() + f64::from(*b))
        .collect();
    let mean_square = e.iter().map(|x| x * x).sum::<f64>() / to as f64;
    Ok(e.into_iter().map(|x| x / (mean_square + 1e-8).sqrt()).collect())
}

fn discriminator(source: Source, sizes: &Sizes) -> Result<BTreeMap<String, Array>> {
    let (widths, levels) = (&sizes.widths, sizes.levels());
    let mut tensors = BTreeMap::new();
    // A convolution with a rectifier behind it.
    let mut rectified = |ours: String, theirs: &str, [inputs, outputs, kernel]: [usize; 3]| -> Result<()> {
        let weight = source.take(&format!("{theirs}.weight"), &[outputs, inputs, kernel, kernel])?;
        let bias = source.take(&format!("{theirs}.bias"), &[outputs])?;
        put(&mut tensors, ours, convolution(&weight), bias.times(SQRT_2));
        Ok(())
    };
    let finest = format!("b{}.fromrgb", 4 << levels);
    rectified(
        "discriminator.colours.0".into(),
        &finest,
        [sizes.channels, widths[levels], 1],
    )?;
    for level in 1..=levels {
        let (here, below) = (widths[level], widths[level - 1]);
        let theirs = |name: &str| format!("b{}.{name}", 4 << level);
        let ours = |place: usize| format!("discriminator.block.{level}.{place}");
        rectified(ours(0), &theirs("conv0"), [here, here, 3])?;
        rectified(ours(3), &theirs("conv1"), [here, below, 3])?;
    }
    let c = widths[0];
    rectified("discriminator.last.1".into(), "b4.conv", [c + 1, c, 3])?;
    for level in 1..=levels {
        let shape = [widths[level - 1], widths[level], 1, 1];
        let shortcut = source.take(&format!("b{}.skip.weight", 4 << level), &shape)?;
        tensors.insert(
            format!("discriminator.shortcut.{level}.1.weight"),
            convolution(&shortcut),
        );
    }
    let weight = channels_last(&source.take("b4.fc.weight", &[c, c * 16])?.transposed(), c, 16);
    let bias = source.take("b4.fc.bias", &[c])?.times(SQRT_2);
    put(&mut tensors, "discriminator.last.4", weight, bias);
    let weight = source.take("b4.out.weight", &[1, c])?.transposed();
    put(
        &mut tensors,
        "discriminator.last.6",
        weight,
        source.take("b4.out.bias", &[1])?,
    );
    Ok(tensors)
}
