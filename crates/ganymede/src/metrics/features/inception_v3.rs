//! Inception-v3, as FID and the Inception score use it: TensorFlow's network of 2015-12-05.
//!
//! Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision", arXiv:1512.00567, table 1. That graph
//! differs from the paper's and from torchvision's: average pooling does not count what lies outside, the last module pools
//! maxima, and there are 1,008 classes.
//!
//! Weights: `pt_inception-2015-12-05-6726825d.pth`, the state dict of `pytorch-fid` and `torch-fidelity`, which the user has to
//! have. StyleGAN's and `clean-fid`'s `inception-2015-12-05.pt` is a TorchScript program with the same numbers under other
//! names; it is recognised and refused. Features are the 2,048 means of the last module; the logits are without the last layer's
//! bias, which the Inception score has never had. Pictures are brought to 299 x 299 pixels and scaled as `(x - 128) / 128`.
use super::loading::{Layout, Loader};
use super::pooling::{Border, average_pool, max_pool};
use super::resize::Resize;
use super::{About, Network};
use crate::nn::{Conv, Dense, Layer, conv, dense};
use crate::weights::{Weights, WeightsError};
use gany_engine::{Tensor, concat};

/// Numbers in a feature vector.
const FEATURES: usize = 2048;

/// A convolution, batch normalisation and ReLU.
struct Unit(Conv);

impl Layer for Unit {
    fn forward(&self, x: &Tensor) -> Tensor {
        self.0.forward(x).relu()
    }
}

/// Units one after another.
struct Branch(Vec<Unit>);

impl Layer for Branch {
    fn forward(&self, x: &Tensor) -> Tensor {
        self.0.iter().fold(x.clone(), |x, unit| unit.forward(&x))
    }
}

/// Branches side by side, whose channels are joined; what a module ends with says how it pools.
struct Module {
    branches: Vec<Branch>,
    /// In the last modules a branch forks into a 1 x 3 and a 3 x 1 unit.
    forks: Vec<(Branch, [Unit; 2])>,
    pool: Pool,
}

enum Pool {
    /// Means of 3 x 3, then a 1 x 1 unit.
    Average(Unit),
    /// Maxima of 3 x 3, then a 1 x 1 unit.
    Max(Unit),
    /// Maxima of 3 x 3 of every other pixel.
    Halve,
}

struct InceptionV3 {
    /// Maxima of every other pixel are taken behind each.
    stem: [Branch; 2],
    modules: Vec<Module>,
    classifier: Dense,
}

/// The network with the weights of a file, by one protocol or another of resizing.
///
/// # Errors
/// [`WeightsError`] where a tensor is missing or of another shape.
pub fn open(weights: &Weights, resize: Resize) -> Result<Network, WeightsError> {
    let network = InceptionV3::load(weights)?;
    let about = About {
        name: match resize {
            Resize::BilinearTensorFlow1 => "inception-v3",
            Resize::BicubicAntialiased => "inception-v3-clean",
        },
        digest: weights.digest().to_owned(),
        resize,
        side: 299,
    };
    Ok(Network::compile(about, |x| network.forward(x)))
}

/// A unit of a branch: its name, channels, taps, stride and padding.
type Row<'a> = (&'a str, usize, [usize; 2], usize, [usize; 2]);

/// A unit of 1 x 1.
fn one(name: &str, channels: usize) -> Row<'_> {
    (name, channels, [1, 1], 1, [0, 0])
}

/// A unit that keeps the extents.
fn same(name: &str, channels: usize, taps: [usize; 2]) -> Row<'_> {
    (name, channels, taps, 1, taps.map(|t| t / 2))
}

/// A unit of 3 x 3 that leaves the border out.
fn valid(name: &str, channels: usize, stride: usize) -> Row<'_> {
    (name, channels, [3, 3], stride, [0, 0])
}

impl InceptionV3 {
    fn load(weights: &Weights) -> Result<Self, WeightsError> {
        let loader = Loader {
            weights,
            layout: Layout::Torch,
            epsilon: 1e-3,
        };
        let stem = |c_in, rows: &[Row]| branch(&loader, "", c_in, rows);
        Ok(InceptionV3 {
            stem: [
                stem(3, &[
                    valid("Conv2d_1a_3x3", 32, 2),
                    valid("Conv2d_2a_3x3", 32, 1),
                    same("Conv2d_2b_3x3", 64, [3, 3]),
                ])?,
                stem(64, &[one("Conv2d_3b_1x1", 80), valid("Conv2d_4a_3x3", 192, 1)])?,
            ],
            modules: vec![
                Module::a(&loader, "Mixed_5b.", 192, 32)?,
                Module::a(&loader, "Mixed_5c.", 256, 64)?,
                Module::a(&loader, "Mixed_5d.", 288, 64)?,
                Module::b(&loader, "Mixed_6a.", 288)?,
                Module::c(&loader, "Mixed_6b.", 128)?,
                Module::c(&loader, "Mixed_6c.", 160)?,
                Module::c(&loader, "Mixed_6d.", 160)?,
                Module::c(&loader, "Mixed_6e.", 192)?,
                Module::d(&loader, "Mixed_7a.")?,
                Module::e(&loader, "Mixed_7b.", 1280, Pool::Average)?,
                Module::e(&loader, "Mixed_7c.", FEATURES, Pool::Max)?,
            ],
            classifier: loader.dense(dense(FEATURES, 1008).bias(false), "fc.weight", "")?,
        })
    }

    /// Features `[n, 2048]` and logits `[n, 1008]` of pictures `[n, 299, 299, 3]` in [0, 255].
    fn forward(&self, x: &Tensor) -> [Tensor; 2] {
        let mut h = (x - 128.0) / 128.0;
        for part in &self.stem {
            h = max_pool(&part.forward(&h), 2, Border::Valid);
        }
        for module in &self.modules {
            h = module.forward(&h);
        }
        let features = h.mean_axes(&[1, 2]);
        let logits = self.classifier.forward(&features);
        [features, logits]
    }
}

/// Units one after another whose names begin with a prefix.
fn branch(loader: &Loader, prefix: &str, mut c_in: usize, rows: &[Row]) -> Result<Branch, WeightsError> {
    let mut units = vec![];
    for &(name, channels, taps, stride, padding) in rows {
        let config = conv(c_in, channels, taps).stride(stride).padding(padding);
        let name = format!("{prefix}{name}");
        units.push(Unit(loader.conv_norm(config, &format!("{name}.conv.weight"), &format!("{name}.bn"))?));
        c_in = channels;
    }
    Ok(Branch(units))
}

fn unit(loader: &Loader, prefix: &str, c_in: usize, row: Row) -> Result<Unit, WeightsError> {
    let mut branch = branch(loader, prefix, c_in, &[row])?;
    Ok(branch.0.remove(0))
}

impl Module {
    fn new(branches: Vec<Branch>, pool: Pool) -> Module {
        Module {
            branches,
            forks: vec![],
            pool,
        }
    }

    /// 35 x 35 pixels (the paper's figure 5).
    fn a(loader: &Loader, at: &str, c_in: usize, pooled: usize) -> Result<Module, WeightsError> {
        let branch = |rows: &[Row]| branch(loader, at, c_in, rows);
        let branches = vec![
            branch(&[one("branch1x1", 64)])?,
            branch(&[one("branch5x5_1", 48), same("branch5x5_2", 64, [5, 5])])?,
            branch(&[
                one("branch3x3dbl_1", 64),
                same("branch3x3dbl_2", 96, [3, 3]),
                same("branch3x3dbl_3", 96, [3, 3]),
            ])?,
        ];
        Ok(Module::new(branches, Pool::Average(unit(loader, at, c_in, one("branch_pool", pooled))?)))
    }

    /// 35 x 35 to 17 x 17 pixels (figure 10).
    fn b(loader: &Loader, at: &str, c_in: usize) -> Result<Module, WeightsError> {
        let branch = |rows: &[Row]| branch(loader, at, c_in, rows);
        let branches = vec![
            branch(&[valid("branch3x3", 384, 2)])?,
            branch(&[
                one("branch3x3dbl_1", 64),
                same("branch3x3dbl_2", 96, [3, 3]),
                valid("branch3x3dbl_3", 96, 2),
            ])?,
        ];
        Ok(Module::new(branches, Pool::Halve))
    }

    /// 17 x 17 pixels, windows of 7 x 7 as 1 x 7 and 7 x 1 (figure 6).
    fn c(loader: &Loader, at: &str, narrow: usize) -> Result<Module, WeightsError> {
        let branch = |rows: &[Row]| branch(loader, at, 768, rows);
        let (wide, high) = ([1, 7], [7, 1]);
        let branches = vec![
            branch(&[one("branch1x1", 192)])?,
            branch(&[
                one("branch7x7_1", narrow),
                same("branch7x7_2", narrow, wide),
                same("branch7x7_3", 192, high),
            ])?,
            branch(&[
                one("branch7x7dbl_1", narrow),
                same("branch7x7dbl_2", narrow, high),
                same("branch7x7dbl_3", narrow, wide),
                same("branch7x7dbl_4", narrow, high),
                same("branch7x7dbl_5", 192, wide),
            ])?,
        ];
        Ok(Module::new(branches, Pool::Average(unit(loader, at, 768, one("branch_pool", 192))?)))
    }

    /// 17 x 17 to 8 x 8 pixels.
    fn d(loader: &Loader, at: &str) -> Result<Module, WeightsError> {
        let branch = |rows: &[Row]| branch(loader, at, 768, rows);
        let branches = vec![
            branch(&[one("branch3x3_1", 192), valid("branch3x3_2", 320, 2)])?,
            branch(&[
                one("branch7x7x3_1", 192),
                same("branch7x7x3_2", 192, [1, 7]),
                same("branch7x7x3_3", 192, [7, 1]),
                valid("branch7x7x3_4", 192, 2),
            ])?,
        ];
        Ok(Module::new(branches, Pool::Halve))
    }

    /// 8 x 8 pixels (figure 7).
    fn e(loader: &Loader, at: &str, c_in: usize, pool: fn(Unit) -> Pool) -> Result<Module, WeightsError> {
        let branch = |rows: &[Row]| branch(loader, at, c_in, rows);
        let fork = |name: &str, c_in| -> Result<[Unit; 2], WeightsError> {
            let part = |end: &str, taps| unit(loader, at, c_in, same(&format!("{name}{end}"), 384, taps));
            Ok([part("a", [1, 3])?, part("b", [3, 1])?])
        };
        Ok(Module {
            branches: vec![branch(&[one("branch1x1", 320)])?],
            forks: vec![
                (branch(&[one("branch3x3_1", 384)])?, fork("branch3x3_2", 384)?),
                (
                    branch(&[one("branch3x3dbl_1", 448), same("branch3x3dbl_2", 384, [3, 3])])?,
                    fork("branch3x3dbl_3", 384)?,
                ),
            ],
            pool: pool(unit(loader, at, c_in, one("branch_pool", 192))?),
        })
    }
}

impl Layer for Module {
    fn forward(&self, x: &Tensor) -> Tensor {
        let mut parts: Vec<Tensor> = self.branches.iter().map(|branch| branch.forward(x)).collect();
        for (stem, fork) in &self.forks {
            let h = stem.forward(x);
            parts.extend(fork.iter().map(|unit| unit.forward(&h)));
        }
        parts.push(match &self.pool {
            // A mean of 1 x 1 convolutions is the 1 x 1 convolution of the mean, with fewer channels to take means of.
            Pool::Average(unit) => average_pool(&unit.0.forward(x)).relu(),
            Pool::Max(unit) => unit.forward(&max_pool(x, 1, Border::Same)),
            Pool::Halve => max_pool(x, 2, Border::Valid),
        });
        concat(&parts, 3)
    }
}
