//! `gany`, the command.
fn main() {}
