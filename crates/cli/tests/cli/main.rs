//! The command as a person runs it: the real binary, in a folder of its own, with everything it says written down here.
mod bench;
mod doctor;
mod messages;
mod place;
mod resume;
mod verbs;
