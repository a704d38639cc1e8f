//! Faces that move, and how to tell which are true. What is here is for teaching, for consenting people and for finding fakes.
pub mod alignment;
pub mod blending;
pub mod colour;
pub mod cutting;
pub mod detect;
pub mod faces;
pub mod finding;
pub mod mask;
pub mod plane;
pub mod steadying;
pub mod swapping;
