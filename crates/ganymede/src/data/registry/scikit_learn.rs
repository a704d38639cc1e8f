//! The tables inside scikit-learn's wheel, and the names of their columns, which stand in its code, not in the files.

use super::{Entry, Route, X_Y, file};

const fn table(
    id: &'static str,
    title: &'static str,
    splits: &'static [(&'static str, u64)],
    classes: &'static [&'static str],
    files: &'static [super::PackageFile],
) -> Entry {
    Entry {
        id,
        title,
        licence: "BSD-3-Clause (package)",
        has: X_Y,
        shape: "table",
        splits,
        classes,
        route: Route::Pip {
            package: "scikit-learn",
            version: "1.7.2",
            files,
        },
    }
}

pub(super) const BREAST_CANCER: Entry = table(
    "breast-cancer",
    "569 biopsies, thirty measures of cell nuclei each, benign or malignant",
    &[("train", 455), ("test", 114)],
    &["malignant", "benign"],
    &[file(
        "sklearn/datasets/data/breast_cancer.csv",
        119_913,
        "fed3eb72d0575ef6192293f5093c6e801b1476b577d0386bf4455504522172ed",
    )],
);

pub(super) const IRIS: Entry = table(
    "iris",
    "150 flowers of three kinds, four measures each",
    &[("train", 120), ("test", 30)],
    &["setosa", "versicolor", "virginica"],
    &[file(
        "sklearn/datasets/data/iris.csv",
        2_734,
        "f13ffa8fdd56fd8e6c8d16d4081a3fbd3114bcd0aae4256c43205169cd9d1449",
    )],
);

pub(super) const WINE: Entry = table(
    "wine",
    "178 wines of three growers, thirteen measures each",
    &[("train", 142), ("test", 36)],
    &["class_0", "class_1", "class_2"],
    &[file(
        "sklearn/datasets/data/wine_data.csv",
        11_157,
        "10e8a802908b34f86e5da8ce962f3c806694bc98450a18f61851af59f324bede",
    )],
);

/// The names of the columns of a table; none where its file says them.
pub(crate) fn columns(id: &str) -> Vec<String> {
    let nucleus = [
        "radius",
        "texture",
        "perimeter",
        "area",
        "smoothness",
        "compactness",
        "concavity",
        "concave points",
        "symmetry",
        "fractal dimension",
    ];
    let mut names: Vec<String> = match id {
        "breast-cancer" => ["mean", "error of", "worst"]
            .iter()
            .flat_map(|which| nucleus.map(|measure| format!("{which} {measure}")))
            .collect(),
        "iris" => ["sepal length", "sepal width", "petal length", "petal width"]
            .map(String::from)
            .to_vec(),
        "wine" => [
            "alcohol",
            "malic acid",
            "ash",
            "alcalinity of ash",
            "magnesium",
            "total phenols",
            "flavanoids",
            "nonflavanoid phenols",
            "proanthocyanins",
            "colour intensity",
            "hue",
            "absorbance ratio",
            "proline",
        ]
        .map(String::from)
        .to_vec(),
        _ => return vec![],
    };
    names.push("class".to_owned());
    names
}
