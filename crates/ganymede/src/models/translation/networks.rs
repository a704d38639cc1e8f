//! The networks of this chapter: pictures in, pictures (or judgements of patches) out, any size.
use crate::data::{Field, Shape};
use crate::models::Given;
use crate::nn::{Activation, Init, Layer, Norm, Scope, Sequential, conv, conv_transpose, instance_norm, residual};
use gany_engine::{PadMode, Tensor, concat};

/// Height, width and channels of pictures.
pub type Extents = [usize; 3];

/// The extents of the two pictures of an example.
///
/// # Panics
/// Where an example is not two pictures.
pub fn pair(given: &Given) -> [Extents; 2] {
    let extra = given.extras.iter().find(|extra| extra.field == Field::XB);
    let second = extra.and_then(|extra| Extents::try_from(&extra.shape[..]).ok());
    [picture(given), second.expect("checked: examples are pairs of pictures")]
}

/// The extents of the picture of an example.
///
/// # Panics
/// Where an example is none.
pub fn picture(given: &Given) -> Extents {
    match given.sample {
        Shape::Picture {
            height,
            width,
            channels,
        } => [height, width, channels],
        _ => panic!("checked: examples are pictures"),
    }
}

/// Whether the two pictures of an example lie over one another.
///
/// # Errors
/// Where they do not, in words.
pub fn same_sides(given: &Given) -> Result<(), String> {
    let [[height, width, _], [height_b, width_b, _]] = pair(given);
    if [height, width] == [height_b, width_b] {
        return Ok(());
    }
    Err(format!(
        "expected pairs of one size, got {width}x{height} and {width_b}x{height_b}; `--size` brings both to one"
    ))
}

/// Pictures whose sides are multiples of `multiple`, by repeating their right and lower border.
pub fn padded(x: &Tensor, multiple: usize) -> Tensor {
    [1, 2].into_iter().fold(x.clone(), |x, axis| {
        let missing = x.extent(axis).next_multiple_of(multiple) - x.extent(axis);
        x.pad(axis, 0, missing, PadMode::Replicate)
    })
}

/// The upper left `height x width` of pictures.
pub fn cropped(x: &Tensor, [height, width]: [usize; 2]) -> Tensor {
    x.slice(1, 0, height).slice(2, 0, width)
}

/// pix2pix's U-Net (Isola et al. 2017, section 6.1.1): halves the picture to a pixel, doubles it back, and hands every
/// resolution over to its mirror image.
///
/// `C64-C128-C256-C512-..` down and the same up, 4 x 4 windows of stride 2; LeakyReLU 0.2 down, ReLU up; nothing at the end.
/// Instance normalisation, which is what the paper's batch normalisation is in its batches of 1, but not on the outermost
/// layers, nor on the innermost, where it would leave nothing. The paper's dropout, its only noise, is left out: what is made
/// is a function of the picture.
pub struct UNet {
    down: Vec<Sequential>,
    up: Vec<Sequential>,
}

/// What the number of channels is multiplied by on a level, and on all that are deeper.
const WIDEST: usize = 8;

/// A U-Net for pictures of `height x width` and `c_in` channels; `width` channels next to the picture.
///
/// # Shapes
/// `[n, height, width, c_in]` to `[n, height, width, c_out]`.
pub fn unet(scope: &Scope, [height, columns, c_in]: Extents, c_out: usize, width: usize) -> UNet {
    let levels = height.min(columns).max(2).ilog2().min(8) as usize;
    let channels = |level: usize| width * (1 << level).min(WIDEST);
    let down = |level: usize| {
        let from = if level == 0 { c_in } else { channels(level - 1) };
        let is_outer = level == 0 || level + 1 == levels;
        let window = conv(from, channels(level), [4, 4])
            .stride(2)
            .padding(1)
            .init(Init::DCGAN);
        let layers = Sequential::new(&scope.at("down").at(level));
        let layers = match level {
            0 => layers,
            _ => layers.push(Activation::LeakyRelu(0.2)),
        };
        if is_outer {
            layers.push(window)
        } else {
            layers.push(window.bias(false)).push(instance_norm(channels(level)))
        }
    };
    let up = |level: usize| {
        // From the deeper level, and beside it what was handed over.
        let from = channels(level) * if level + 1 == levels { 1 } else { 2 };
        let to = if level == 0 { c_out } else { channels(level - 1) };
        let window = conv_transpose(from, to, [4, 4]).stride(2).padding(1).init(Init::DCGAN);
        let layers = Sequential::new(&scope.at("up").at(level)).push(Activation::Relu);
        match level {
            0 => layers.push(window),
            _ => layers.push(window.bias(false)).push(instance_norm(to)),
        }
    };
    UNet {
        down: (0..levels).map(down).collect(),
        up: (0..levels).map(up).collect(),
    }
}

impl Layer for UNet {
    fn forward(&self, x: &Tensor) -> Tensor {
        let sides = [x.extent(1), x.extent(2)];
        let mut handed_over = vec![padded(x, 1 << self.down.len())];
        for down in &self.down {
            let last = handed_over.last().expect("the picture");
            handed_over.push(down.forward(last));
        }
        let deepest = handed_over.pop().expect("the deepest level");
        let y = self.up.iter().enumerate().rev().fold(deepest, |y, (level, up)| {
            let y = up.forward(&y);
            match level {
                0 => y,
                _ => concat(&[y, handed_over[level].clone()], 3),
            }
        });
        cropped(&y, sides)
    }
}

/// A discriminator that judges patches (Isola et al. 2017, section 3.2.2): `C64-C128-C256-C512` of 4 x 4 windows, the first
/// `levels` of stride 2 as long as both sides stay at least 4; LeakyReLU 0.2; instance normalisation on all but the first.
/// With 3 levels a judgement sees 70 x 70 pixels.
///
/// # Shapes
/// `[n, height, width, channels]` to logits `[n, height', width', 1]`, one a patch.
pub fn patch_discriminator(
    scope: &Scope,
    [height, columns, channels]: Extents,
    width: usize,
    levels: usize,
) -> Sequential {
    let least = |level: usize| height.min(columns) >> level;
    let levels = (1..=levels).take_while(|level| least(*level) >= 4).count();
    let window = |from, to| conv(from, to, [4, 4]).padding(1).init(Init::DCGAN);
    let mut c = width;
    let mut layers = Sequential::new(scope)
        .push(window(channels, c).stride(if levels == 0 { 1 } else { 2 }))
        .push(Activation::LeakyRelu(0.2));
    for level in 1..=levels {
        let wider = width * (1 << level).min(WIDEST);
        layers = layers
            .push(window(c, wider).stride(if level < levels { 2 } else { 1 }).bias(false))
            .push(instance_norm(wider))
            .push(Activation::LeakyRelu(0.2));
        c = wider;
    }
    layers.push(window(c, 1))
}

/// CycleGAN's generator (Zhu et al. 2017, section 7.2, after Johnson et al. 2016): `c7s1-64, d128, d256, R256 x blocks, u128,
/// u64, c7s1-3`, with instance normalisation and ReLU, tanh at the end. Its residual blocks are [`residual`]'s, which
/// normalise before their convolutions and not behind; borders are repeated, not mirrored.
///
/// # Shapes
/// `[n, height, width, c_in]` to `[n, height, width, c_out]`.
pub fn residual_generator(
    scope: &Scope,
    [height, columns, c_in]: Extents,
    c_out: usize,
    width: usize,
    blocks: usize,
) -> Sequential {
    let wide = |from, to| conv(from, to, [7, 7]).init(Init::DCGAN);
    let bordered = |x: &Tensor| {
        [1, 2]
            .into_iter()
            .fold(x.clone(), |x, axis| x.pad(axis, 3, 3, PadMode::Replicate))
    };
    let mut layers = Sequential::new(scope)
        .push(|x: &Tensor| padded(x, 4))
        .push(bordered)
        .push(wide(c_in, width).bias(false))
        .push(instance_norm(width))
        .push(Activation::Relu);
    for c in [width, 2 * width] {
        layers = layers
            .push(
                conv(c, 2 * c, [3, 3])
                    .stride(2)
                    .padding(1)
                    .bias(false)
                    .init(Init::DCGAN),
            )
            .push(instance_norm(2 * c))
            .push(Activation::Relu);
    }
    for _ in 0..blocks {
        layers = layers.push(residual(4 * width, 4 * width).norm(Norm::Instance).init(Init::DCGAN));
    }
    for c in [4 * width, 2 * width] {
        let doubled = conv_transpose(c, c / 2, [3, 3]).stride(2).padding(1).output_padding(1);
        layers = layers
            .push(doubled.bias(false).init(Init::DCGAN))
            .push(instance_norm(c / 2))
            .push(Activation::Relu);
    }
    layers
        .push(bordered)
        .push(wide(width, c_out))
        .push(move |x: &Tensor| cropped(x, [height, columns]))
        .push(Activation::Tanh)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::data::{Extra, Field, Shape};
    use crate::models::Given;
    use gany_engine::DType;

    /// Pairs of pictures of these heights, widths and channels.
    pub(in crate::models::translation) fn of_pairs(
        [height, width, channels]: [usize; 3],
        second: [usize; 3],
        classes: Option<usize>,
    ) -> Given {
        let sample = Shape::Picture {
            height,
            width,
            channels,
        };
        let extra = Extra {
            field: Field::XB,
            shape: second.to_vec(),
        };
        Given {
            extras: vec![extra],
            ..Given::of(sample, classes)
        }
    }

    fn picture(shape: [usize; 4]) -> Tensor {
        let count: usize = shape.iter().product();
        let elements: Vec<f64> = (0..count).map(|i| ((i * 37) % 41) as f64 / 20.0 - 1.0).collect();
        Tensor::from_f64(&shape, &elements)
    }

    #[test]
    fn networks_take_any_size() {
        for (height, width) in [(16, 12), (28, 28), (9, 33)] {
            let x = picture([2, height, width, 3]);
            let scope = Scope::new(DType::F64, 0);
            let unet = unet(&scope.at("unet"), [height, width, 3], 2, 2);
            assert_eq!(unet.forward(&x).shape(), [2, height, width, 2]);
            let network = residual_generator(&scope.at("residual"), [height, width, 3], 2, 2, 1);
            assert_eq!(network.forward(&x).shape(), [2, height, width, 2]);
            let patches = patch_discriminator(&scope.at("patches"), [height, width, 3], 2, 3).forward(&x);
            assert_eq!((patches.rank(), patches.extent(0), patches.extent(3)), (4, 2, 1));
            assert!(patches.numel() > 2, "more than one patch: {:?}", patches.shape());
        }
    }

    /// 96 pixels become 48, 24 and 12 of them, then 11 and 10.
    #[test]
    fn the_papers_three_levels_leave_ten_by_ten_patches() {
        let scope = Scope::new(DType::F64, 0);
        let network = patch_discriminator(&scope, [96, 96, 1], 1, 3);
        assert_eq!(network.forward(&picture([1, 96, 96, 1])).shape(), [1, 10, 10, 1]);
    }

    /// Without the skips nothing of a pixel gets past a bottleneck of one pixel that says nothing.
    #[test]
    fn a_unet_hands_details_over() {
        let scope = Scope::new(DType::F64, 3);
        let network = unet(&scope, [8, 8, 1], 1, 2);
        let inner = scope.at("up").at(2);
        inner.parameters().iter().for_each(|p| p.set(p.get().zeros_like()));
        let (x, other) = (picture([1, 8, 8, 1]), picture([1, 8, 8, 1]) * -1.0);
        assert_ne!(network.forward(&x).to_f64(), network.forward(&other).to_f64());
    }
}
