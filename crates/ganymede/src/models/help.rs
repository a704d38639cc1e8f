//! What settings mean, by dotted key: the words of their own doc comments, which the build script takes in.
use super::configure::Settings;
use std::collections::BTreeMap;

/// A struct or enum whose fields are settings.
struct Described {
    module: &'static str,
    name: &'static str,
    /// Its type parameter, if it has one.
    parameter: &'static str,
    /// Whether its members are names to choose from, and no fields.
    is_choice: bool,
    /// Name, type and words of each.
    members: &'static [[&'static str; 3]],
    /// The names that an enum of structs is told apart by.
    variants: &'static [&'static str],
}

// What the source says: `DESCRIBED: &[Described]`.
include!(concat!(env!("OUT_DIR"), "/described.rs"));

/// What each of these settings means, of a type by its full name; those without words are left out.
pub(crate) fn of(type_name: &str, settings: &Settings) -> BTreeMap<String, String> {
    told(type_name, settings, words)
}

/// The names that can be chosen from, of each setting that is one of a few.
pub(crate) fn choices(type_name: &str, settings: &Settings) -> BTreeMap<String, Vec<&'static str>> {
    told(type_name, settings, names)
}

/// What is said of each setting of a type, and of the type of the rules that are flattened into it.
fn told<T>(
    type_name: &str,
    settings: &Settings,
    of: impl Fn(&Described, Option<&Described>, &str) -> Option<T>,
) -> BTreeMap<String, T> {
    let (path, argument) = type_name.split_once('<').unwrap_or((type_name, ""));
    let root = path.rsplit_once("::").and_then(|(module, name)| find(module, name));
    let argument = argument.trim_end_matches('>').rsplit_once("::");
    let rules = argument.and_then(|(module, name)| find(module, name));
    let one = |key: &String| Some((key.clone(), of(root?, rules, key)?));
    settings.keys().filter_map(one).collect()
}

fn names(root: &Described, rules: Option<&Described>, key: &str) -> Option<Vec<&'static str>> {
    let (first, rest) = key.split_once('.').unwrap_or((key, ""));
    let Some([_, kind, _]) = root.members.iter().find(|[name, ..]| *name == first) else {
        return match (rules, rest) {
            (Some(rules), _) => names(rules, None, key),
            (None, "") if first == "name" => Some(root.variants.to_vec()),
            _ => None,
        };
    };
    let inner = resolve(kind, root)?;
    match rest {
        "" => inner
            .is_choice
            .then(|| inner.members.iter().map(|[name, ..]| *name).collect()),
        rest => names(inner, None, rest),
    }
}

fn find(module: &str, name: &str) -> Option<&'static Described> {
    DESCRIBED.iter().find(|one| one.module == module && one.name == name)
}

/// The type of a field, as its struct's file calls it.
fn resolve(kind: &str, from: &Described) -> Option<&'static Described> {
    let kind = kind.rsplit('<').next().unwrap_or(kind).trim_end_matches('>');
    match kind.rsplit_once("::") {
        Some((module, name)) => {
            let ending = format!("::{module}");
            DESCRIBED
                .iter()
                .find(|one| one.name == name && one.module.ends_with(&ending))
        }
        None => find(from.module, kind).or_else(|| DESCRIBED.iter().find(|one| one.name == kind)),
    }
}

fn words(root: &Described, rules: Option<&Described>, key: &str) -> Option<String> {
    let (first, rest) = key.split_once('.').unwrap_or((key, ""));
    let member = |of: &Described| of.members.iter().find(|[name, ..]| *name == first).copied();
    let Some([_, kind, said]) = member(root) else {
        // A field of what is flattened into it.
        let inner = rules.filter(|_| !root.parameter.is_empty());
        return match (inner, first, rest) {
            (Some(rules), ..) => words(rules, None, key),
            // What a tagged enum is told apart by.
            (None, "name", "") => Some("Which one, by name.".to_owned()),
            _ => None,
        };
    };
    let said = plain(said);
    let inner = resolve(kind, root);
    if rest.is_empty() {
        let choices = inner.filter(|inner| inner.is_choice).map(|inner| {
            let names: Vec<String> = inner.members.iter().map(|[name, ..]| format!("`{name}`")).collect();
            format!(" One of {}.", names.join(", "))
        });
        return Some(said + &choices.unwrap_or_default());
    }
    let more = inner.and_then(|inner| words(inner, None, rest));
    Some(match more {
        Some(more) => format!("{said} {more}"),
        None => said,
    })
}

/// Words without the links that only pages of the library's own documents have.
fn plain(said: &str) -> String {
    let mut text = String::new();
    let mut rest = said;
    while let Some(at) = rest.find('[') {
        text += &rest[..at];
        rest = &rest[at + 1..];
        let is_link = rest.starts_with('`');
        let Some(end) = rest.find(']').filter(|_| is_link) else {
            text.push('[');
            continue;
        };
        text += &rest[..end];
        rest = &rest[end + 1..];
        if let Some(end) = rest.strip_prefix('(').and_then(|after| after.find(')')) {
            rest = &rest[end + 2..];
        }
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{find, registry};

    #[test]
    fn every_setting_of_every_system_says_what_it_means() {
        let mut silent = vec![];
        for entry in registry() {
            let help = entry.help();
            for key in entry.defaults().keys() {
                if help.get(key).is_none_or(|words| words.trim().is_empty()) {
                    silent.push(format!("{} {key}", entry.card.id));
                }
            }
        }
        assert!(silent.is_empty(), "without words: {silent:#?}");
    }

    #[test]
    fn what_can_be_chosen_is_what_is_taken() {
        let choices = find("gan").unwrap().choices();
        assert_eq!(choices["generator.name"], ["adam", "rmsprop", "sgd"]);
        assert_eq!(
            find("f_gan").unwrap().choices()["divergence"],
            crate::objectives::f_divergence::Divergence::NAMES
        );
        // Whatever stands there by default can be chosen, in every system.
        for entry in registry() {
            let defaults = entry.defaults();
            for (key, names) in entry.choices() {
                let preset = defaults[&key]
                    .as_str()
                    .unwrap_or_else(|| panic!("{} {key}", entry.card.id));
                assert!(
                    names.contains(&preset),
                    "{} {key}: {preset} of {names:?}",
                    entry.card.id
                );
            }
        }
    }

    #[test]
    fn words_are_those_of_the_field() {
        let of = |id: &str, key: &str| find(id).unwrap().help()[key].clone();
        assert_eq!(of("dcgan", "batch"), "Examples in a batch.");
        assert_eq!(
            of("dcgan", "generator.learning_rate"),
            "The generator's optimiser. Step size."
        );
        assert_eq!(
            of("dcgan", "generator.name"),
            "The generator's optimiser. Which one, by name."
        );
        assert_eq!(
            of("gan", "width"),
            "Units of each hidden layer, or channels of the outermost convolution."
        );
        let networks = "Which networks play. One of `auto`, `dense`, `convolutional`.";
        assert_eq!(of("gan", "networks"), networks);
        assert!(of("wgan_gp", "sided").contains("One of `"), "a setting of the rules");
    }

    #[test]
    fn links_are_only_words() {
        assert_eq!(
            plain("As [`Adam`](super::Adam) in [0, 1), see [`x`]."),
            "As `Adam` in [0, 1), see `x`."
        );
    }
}
