//! Enums of choices that people write as kebab-case names.

/// A name that none of the choices has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: expected one of {}, got `{got}`", expected.join(", "))]
pub struct UnknownName {
    /// What was being chosen.
    pub what: &'static str,
    /// All names there are.
    pub expected: &'static [&'static str],
    /// The name that was given.
    pub got: String,
}

/// Declares an enum without fields whose variants are printed, parsed and stored by name.
macro_rules! named_enum {
    ($(#[$meta:meta])* $what:literal $type:ident { $($(#[$variant_meta:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $type {
            $($(#[$variant_meta])* #[serde(rename = $name)] $variant,)+
        }

        impl $type {
            /// All choices.
            pub const ALL: &'static [$type] = &[$($type::$variant),+];

            /// The names of all choices, in the same order.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The name of this choice.
            pub fn name(self) -> &'static str {
                match self {
                    $($type::$variant => $name,)+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::named::UnknownName;

            fn from_str(name: &str) -> std::result::Result<Self, Self::Err> {
                let found = Self::ALL.iter().find(|choice| choice.name() == name);
                found.copied().ok_or_else(|| $crate::named::UnknownName {
                    what: $what,
                    expected: Self::NAMES,
                    got: name.to_owned(),
                })
            }
        }
    };
}
pub(crate) use named_enum;
