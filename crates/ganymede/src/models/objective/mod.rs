//! The game itself: objectives, all on the same two networks.
pub mod gan;
pub mod networks;
pub mod wgan;
pub mod wgan_gp;
