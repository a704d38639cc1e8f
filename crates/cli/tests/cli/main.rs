//! The command as a person runs it: the real binary, in a folder of its own, with everything it says written down here.
mod adversity;
mod attack;
mod bench;
mod doctor;
mod eval;
mod events;
mod explore;
mod import;
mod inversion;
mod messages;
mod place;
mod resume;
mod signals;
mod studio;
mod survive;
mod translate;
mod verbs;
