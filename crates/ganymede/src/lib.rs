//! Ganymede, the library: building blocks, games, systems, data and runs of generative adversarial networks.

pub mod data;
