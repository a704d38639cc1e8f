//! Picture to picture.
pub mod adda;
pub mod cogan;
pub mod cyclegan;
pub mod defog;
pub mod networks;
pub mod pix2pix;
pub mod pool;
