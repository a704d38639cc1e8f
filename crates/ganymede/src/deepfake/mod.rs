//! Faces that move, and how to tell which are true. What is here is for teaching, for consenting people and for finding fakes.
pub mod detect;
pub mod faces;
