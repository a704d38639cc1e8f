//! Ganymede, the library: building blocks, games, systems, data and runs of generative adversarial networks.

pub mod named;
pub mod nn;
pub mod objectives;
pub mod optimisers;
pub mod penalties;
#[cfg(test)]
mod reference;
