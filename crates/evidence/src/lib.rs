//! What the evidence of the project and the tests of the command share.
pub mod kills;
