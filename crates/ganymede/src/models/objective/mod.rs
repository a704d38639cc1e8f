//! The game itself: objectives, all on the same two networks.
pub mod began;
pub mod dragan;
pub mod ebgan;
pub mod encoders;
pub mod f_gan;
pub mod gan;
pub mod gan_r1r2;
pub mod geometric_gan;
pub mod hinge;
pub mod improved_gan;
pub mod lsgan;
pub mod networks;
pub mod sngan;
pub mod two_player;
pub mod wgan;
pub mod wgan_gp;
