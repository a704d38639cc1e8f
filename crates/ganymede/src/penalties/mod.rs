//! What keeps a critic smooth: penalties on its gradient, and bounds on its weights.
pub mod gradient;
pub mod historical_average;
pub mod path_length;
pub mod weight_clip;
