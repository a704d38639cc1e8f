//! Networks grown progressively, as Facebook's `pytorch_GAN_zoo` saves them: a `.pth` or `.pt` with the state dicts `netG`,
//! `netD` and `avgG` and an object `config`.
//!
//! <https://github.com/facebookresearch/pytorch_GAN_zoo>, after Karras et al. 2018, arXiv:1710.10196.
//!
//! Both sides store weights of unit variance and scale them where they serve. Theirs multiplies what a layer gives, bias
//! included, by He's constant `h = sqrt(2 / fan_in)`, in every layer; ours multiplies the weight by `gain / sqrt(fan_in)`, with a
//! gain of sqrt(2) before a rectifier, of a quarter of that behind the latent vector, and of 1 elsewhere. So b' = h b, and
//! w' = (h sqrt(fan_in) / gain) w. What else differs:
//!
//! - The latent vector becomes channels of pixels there and pixels of channels here, and so do the critic's features on their
//!   way to dense layers.
//! - The channel of the minibatch's deviation is that of the unbiased variance there: in groups of 4 it is sqrt(4/3) as large,
//!   which its weights take up. A group is 4 neighbours there and every n/4-th example here. A critic that has no such channel
//!   is one whose channel has weights of 0, which begin to learn where it is trained further.
//! - Names: a layer's weight is `LAYER.module.weight`, in files of the project's first year `LAYER.weight`.
//!
//! The state is taken for that of the step behind all phases, each of one step: what is trained further is the whole network.
//! Refused: networks in the middle of a fade, of classes (AC-GAN), with a tanh behind the colours (the losses MSE and DCGAN).
use super::array::Array;
use super::error::{Misfit, Result};
use super::source::Source;
use super::{Choice, Layout, Network, as_average, channels_last, convolution, put};
use crate::data::Shape;
use std::collections::BTreeMap;
use std::f64::consts::SQRT_2;

pub(super) const LAYOUT: Layout = Layout {
    id: "gan-zoo",
    system: "progressive",
    of: "progressive growing (`.pth` of pytorch_GAN_zoo)",
    has_generator: |source| settled(source).is_some(),
    has_discriminator: |source| {
        let mut all = ["netD.", ""].iter().map(|prefix| source.of(prefix));
        all.any(|source| named(source, "decisionLayer").is_some())
    },
    read,
};

/// Most halvings of the sides: pictures of 2048 pixels.
const MOST_LEVELS: usize = 9;

/// The generator that samples are made from.
fn settled(source: Source) -> Option<Source> {
    let mut all = ["avgG.", "netG.", ""].iter().map(|prefix| source.of(prefix));
    all.find(|source| named(*source, "formatLayer").is_some() && named(*source, "toRGBLayers.0").is_some())
}

/// What the weight and the bias of a layer are called before `weight` and `bias`, if there is such a layer.
fn named(source: Source, layer: &str) -> Option<String> {
    let names = [format!("{layer}.module"), layer.to_owned()];
    names.into_iter().find(|name| source.has(&format!("{name}.weight")))
}

/// The sizes that both networks are built in.
struct Sizes {
    z_dim: usize,
    /// Channels of the levels, the coarsest first.
    widths: Vec<usize>,
    /// Of the pictures.
    channels: usize,
    /// Whether layers are multiplied by He's constant.
    is_equalised: bool,
}

impl Sizes {
    fn of(source: Source, is_equalised: bool) -> Result<Sizes> {
        let extents =
            |layer: &str| -> Result<[usize; 4]> { source.extents(&format!("{}.weight", name(source, layer))) };
        let [c, ..] = extents("groupScale0.0")?;
        let [channels, ..] = extents("toRGBLayers.0")?;
        let [_, z_dim] = source.extents(&format!("{}.weight", name(source, "formatLayer")))?;
        let levels = (0..).take_while(|level| named(source, &format!("scaleLayers.{level}.0")).is_some());
        let levels = levels.take(MOST_LEVELS + 1).count();
        if levels > MOST_LEVELS {
            let expected = format!("up to {} pixels", 4 << MOST_LEVELS);
            return Err(source.unlike("sides of the pictures", &expected, "more"));
        }
        let finer = (0..levels).map(|level| extents(&format!("scaleLayers.{level}.0")).map(|[width, ..]| width));
        let widths = std::iter::once(Ok(c)).chain(finer).collect::<Result<_>>()?;
        Ok(Sizes {
            z_dim,
            widths,
            channels,
            is_equalised,
        })
    }

    fn levels(&self) -> usize {
        self.widths.len() - 1
    }

    /// Weight and bias of a layer of PyTorch's shape, scaled as ours is that has this gain.
    fn layer(&self, source: Source, layer: &str, shape: &[usize], gain: f64) -> Result<[Array; 2]> {
        let name = name(source, layer);
        let fan_in = shape[1..].iter().product::<usize>() as f64;
        let he = if self.is_equalised { (2.0 / fan_in).sqrt() } else { 1.0 };
        let weight = source.take(&format!("{name}.weight"), shape)?;
        let bias = source.take(&format!("{name}.bias"), &shape[..1])?;
        Ok([weight.times(he * fan_in.sqrt() / gain), bias.times(he)])
    }

    /// The same of a convolution, its weight in our order of axes.
    fn convolution(
        &self,
        source: Source,
        layer: &str,
        [inputs, outputs, kernel]: [usize; 3],
        gain: f64,
    ) -> Result<[Array; 2]> {
        let [weight, bias] = self.layer(source, layer, &[outputs, inputs, kernel, kernel], gain)?;
        Ok([convolution(&weight), bias])
    }
}

/// As [`named`], and where there is no such layer what today's files would call it.
fn name(source: Source, layer: &str) -> String {
    named(source, layer).unwrap_or_else(|| format!("{layer}.module"))
}

fn read(source: Source, choice: &Choice) -> Result<Network> {
    if choice.class.is_some() {
        return Err(source.unfit(Misfit::NoClasses));
    }
    let config = source.of("config.");
    refuse_other_networks(config)?;
    let settled = settled(source).expect("the layout was chosen by it");
    let trained = Some(source.of("netG.")).filter(|source| named(*source, "formatLayer").is_some());
    let sizes = Sizes::of(settled, config.flag("equalizedlR").unwrap_or(true))?;
    let [width, max_width] = settled.widths(&sizes.widths)?;
    let mut tensors = generator(trained.unwrap_or(settled), &sizes)?;
    let average = match trained {
        Some(_) => generator(settled, &sizes)?,
        None => tensors.clone(),
    };
    tensors.extend(as_average(average));
    let mut notes = vec![];
    match critic(source.of("netD."), &sizes) {
        Ok(found) => tensors.extend(found),
        Err(_) if source.of("netD.").names().next().is_none() => {
            notes.push("The file has no critic: it is a new one.".to_owned());
        }
        Err(error) => notes.push(format!(
            "The critic is built otherwise and was left out, so it is a new one ({error})."
        )),
    }
    let side = 4 << sizes.levels();
    let setting = |key: &str, value: usize| (key.to_owned(), value.to_string());
    Ok(Network {
        settings: vec![
            setting("z_dim", sizes.z_dim),
            setting("width", width),
            setting("max_width", max_width),
            setting("images_per_phase", 0),
        ],
        sample: Shape::Picture {
            height: side,
            width: side,
            channels: sizes.channels,
        },
        step: 2 * sizes.levels() as u64,
        tensors,
        notes,
    })
}

/// Refuses what the settings of a file say that the system does not do.
fn refuse_other_networks(config: Source) -> Result<()> {
    if let Some(loss @ ("MSE" | "DCGAN")) = config.text("lossCriterion") {
        let expected = "`WGANGP` or `Logistic`, whose colours are what the last layer gives";
        return Err(config.unlike("loss of the networks", expected, &format!("`{loss}`")));
    }
    if let Some(slope) = config
        .number("leakyReluLeak")
        .filter(|slope| (slope - 0.2).abs() > 1e-6)
    {
        return Err(config.unlike("slope of the rectifiers", "0.2", &slope.to_string()));
    }
    if config.flag("perChannelNormalization") == Some(false) {
        return Err(config.unlike("normalisation of the generator", "that of pixels", "none"));
    }
    if let Some(classes) = config.number("categoryVectorDim").filter(|classes| *classes > 0.0) {
        let got = format!("{classes} numbers of classes beside it");
        return Err(config.unlike("latent vector", "noise alone", &got));
    }
    // Theirs is how much of the level before is left.
    match config.number("alpha") {
        Some(left) if left > 0.0 => Err(config.unfit(Misfit::Fading {
            percent: ((1.0 - left).clamp(0.0, 1.0) * 100.0).round() as u32,
        })),
        _ => Ok(()),
    }
}

fn generator(source: Source, sizes: &Sizes) -> Result<BTreeMap<String, Array>> {
    let mut tensors = BTreeMap::new();
    let c = sizes.widths[0];
    let shape = [16 * c, sizes.z_dim];
    let [weight, bias] = sizes.layer(source, "formatLayer", &shape, SQRT_2 / 4.0)?;
    let weight = channels_last(&weight, c, 16).transposed();
    // Places are those among layers that also normalise, double, rectify.
    put(&mut tensors, "generator.block.0.1", weight, channels_last(&bias, c, 16));
    let mut convolution = |ours: String, theirs: &str, shape, gain| -> Result<()> {
        let [weight, bias] = sizes.convolution(source, theirs, shape, gain)?;
        put(&mut tensors, ours, weight, bias);
        Ok(())
    };
    convolution("generator.block.0.5".into(), "groupScale0.0", [c, c, 3], SQRT_2)?;
    for (level, &width) in sizes.widths.iter().enumerate() {
        if level > 0 {
            let theirs = |number: usize| format!("scaleLayers.{}.{number}", level - 1);
            let ours = |place: usize| format!("generator.block.{level}.{place}");
            convolution(ours(1), &theirs(0), [sizes.widths[level - 1], width, 3], SQRT_2)?;
            convolution(ours(4), &theirs(1), [width, width, 3], SQRT_2)?;
        }
        let ours = format!("generator.colours.{level}.0");
        convolution(ours, &format!("toRGBLayers.{level}"), [width, sizes.channels, 1], 1.0)?;
    }
    Ok(tensors)
}

fn critic(source: Source, sizes: &Sizes) -> Result<BTreeMap<String, Array>> {
    let mut tensors = BTreeMap::new();
    let mut convolution = |ours: String, theirs: &str, shape| -> Result<()> {
        let [weight, bias] = sizes.convolution(source, theirs, shape, SQRT_2)?;
        put(&mut tensors, ours, weight, bias);
        Ok(())
    };
    for (level, &width) in sizes.widths.iter().enumerate() {
        let ours = format!("critic.colours.{level}.0");
        convolution(ours, &format!("fromRGBLayers.{level}"), [sizes.channels, width, 1])?;
        if level > 0 {
            let theirs = |number: usize| format!("scaleLayers.{}.{number}", level - 1);
            let ours = |place: usize| format!("critic.block.{level}.{place}");
            convolution(ours(0), &theirs(0), [width, width, 3])?;
            convolution(ours(2), &theirs(1), [width, sizes.widths[level - 1], 3])?;
        }
    }
    let c = sizes.widths[0];
    let [weight, bias] = beside_deviation(source, sizes, c)?;
    put(&mut tensors, "critic.block.0.1", weight, bias);
    let [weight, bias] = sizes.layer(source, "groupScaleZero.1", &[c, 16 * c], SQRT_2)?;
    put(
        &mut tensors,
        "critic.block.0.4",
        channels_last(&weight.transposed(), c, 16),
        bias,
    );
    let [weight, bias] = sizes.layer(source, "decisionLayer", &[1, c], 1.0)?;
    put(&mut tensors, "critic.block.0.6", weight.transposed(), bias);
    Ok(tensors)
}

/// The convolution that sees the channel of the minibatch's deviation behind the c others, if it sees it.
fn beside_deviation(source: Source, sizes: &Sizes, c: usize) -> Result<[Array; 2]> {
    let layer = "groupScaleZero.0";
    let extents: [usize; 4] = source.extents(&format!("{}.weight", name(source, layer)))?;
    let has_it = extents[1] == c + 1;
    let inputs = if has_it { c + 1 } else { c };
    let [weight, bias] = sizes.convolution(source, layer, [inputs, c, 3], SQRT_2)?;
    let of_taps = |tap: &[f32]| -> Vec<f32> {
        let (others, deviation) = tap.split_at(c * c);
        if has_it {
            let unbiased = (4.0 / 3.0_f32).sqrt();
            let deviation = deviation.iter().map(|w| w * unbiased);
            others.iter().copied().chain(deviation).collect()
        } else {
            // Ours divides by the root of one more input channel.
            let more = ((c + 1) as f32 / c as f32).sqrt();
            others.iter().map(|w| w * more).chain(vec![0.0; c]).collect()
        }
    };
    let values = weight.values().chunks(inputs * c).flat_map(of_taps).collect();
    Ok([Array::new(&[3, 3, c + 1, c], values), bias])
}
