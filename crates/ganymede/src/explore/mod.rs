//! Looking into generators that are trained: where a picture lies in them, and what their units make.
//!
//! Everything here asks a [`Play`](crate::games::Play) and changes nothing of it.
pub mod dissection;
pub mod projection;
pub mod segmenter;
