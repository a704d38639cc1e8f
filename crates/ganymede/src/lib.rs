//! Ganymede, the library: building blocks, games, systems, data and runs of generative adversarial networks.
//!
//! Layers, each of which imports from those above it in this list only: [`nn`], [`objectives`], [`penalties`],
//! [`optimisers`], [`data`], [`onnx`], [`metrics`], [`deepfake`] and [`provenance`]; [`games`]; [`models`]; [`doctor`]; [`lab`]; [`attacks`]; [`run`];
//! [`explore`], [`defences`]. [`studies`] needs none of
//! them but the [`section`]s of the zoo.

/// How a system is added; the page's code is run as a test.
#[doc = include_str!("../../../docs/adding-a-model.md")]
pub mod adding_a_model {}

pub mod attacks;
pub mod augment;
pub mod data;
pub mod deepfake;
pub mod defences;
pub mod doctor;
pub mod explore;
pub mod games;
pub mod lab;
pub mod layouts;
pub mod metrics;
pub mod models;
pub mod named;
pub mod nn;
pub mod objectives;
pub mod onnx;
pub mod optimisers;
pub mod penalties;
pub mod privacy;
pub mod provenance;
#[cfg(test)]
mod reference;
pub mod run;
pub mod section;
pub mod studies;
pub mod weights;

/// The engine that all of it runs on.
pub use gany_engine as engine;
