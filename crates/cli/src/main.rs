//! `gany`, the command: train, watch and sample generative adversarial networks.
//!
//! A file a verb. Nothing is computed here: the verbs say what the library's public API gives them, and what a run's
//! events say while it goes on.
mod attack;
mod bench;
mod classifier;
mod data;
mod detect;
mod doctor;
mod eval;
mod events;
mod explore;
mod failure;
mod harden;
mod import;
mod lab;
mod making;
mod models;
mod output;
mod picture;
mod pictures;
mod progress;
mod provenance;
mod sample;
mod serve;
mod signals;
mod studio;
mod swap;
mod train;
mod translate;
mod welcome;

use clap::{Parser, Subcommand};
use failure::Failure;
use ganymede::engine::OutOfMemory;
use std::process::ExitCode;
use std::time::Instant;

/// Train, watch and sample generative adversarial networks.
#[derive(Parser)]
#[command(name = "gany", version, max_term_width = 100, disable_help_subcommand = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
}

const EXAMPLES: &str = "\
Examples:
  gany train                                       DCGAN on clothes, three minutes
  gany train wgan_gp --data photos/ --size 64      your own pictures
  gany sample runs/dcgan-fashion-mnist -o new.png  new pictures from a run
  gany explore runs/dcgan-fashion-mnist path       walk from one of its pictures to the next
  gany eval runs/dcgan-fashion-mnist               how good its pictures are, in figures
  gany attack pgd cat.jpg --class strawberry       make a classifier see a strawberry in it
  gany harden train trades --data mnist            and one that is harder to fool
  gany studio                                      start and watch runs in the browser
  gany models dcgan                                what a system does, and its settings

`gany VERB --help` teaches a verb.";

#[derive(Subcommand)]
enum Verb {
    Train(Box<train::Args>),
    Import(import::Args),
    Sample(sample::Args),
    Translate(translate::Args),
    Explore(explore::Args),
    Attack(attack::Args),
    Swap(swap::Args),
    Harden(harden::Args),
    Detect(detect::Args),
    Provenance(provenance::Args),
    Eval(eval::Args),
    Events(events::Args),
    Doctor(doctor::Args),
    Models(models::Args),
    Lab(lab::Args),
    Data(data::Args),
    Studio(studio::Args),
    Serve(serve::Args),
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let started = Instant::now();
    failure::report_panics();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe is no reason to complain.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Failure::EXIT_CODE } else { 0 });
        }
    };
    let done = std::panic::catch_unwind(|| {
        failure::check_environment()?;
        match cli.verb {
            None => welcome::run(),
            Some(Verb::Train(args)) => train::run(*args),
            Some(Verb::Import(args)) => import::run(args),
            Some(Verb::Sample(args)) => sample::run(args),
            Some(Verb::Translate(args)) => translate::run(&args),
            Some(Verb::Explore(args)) => explore::run(&args),
            Some(Verb::Attack(args)) => attack::run(&args),
            Some(Verb::Swap(args)) => swap::run(args),
            Some(Verb::Harden(args)) => harden::run(&args),
            Some(Verb::Detect(args)) => detect::run(&args),
            Some(Verb::Provenance(args)) => provenance::run(&args),
            Some(Verb::Eval(args)) => eval::run(&args),
            Some(Verb::Events(args)) => events::run(&args),
            Some(Verb::Doctor(args)) => doctor::run(&args),
            Some(Verb::Models(args)) => models::run(&args),
            Some(Verb::Lab(args)) => lab::run(&args),
            Some(Verb::Data(args)) => data::run(args),
            Some(Verb::Studio(args)) => studio::run(args),
            Some(Verb::Serve(args)) => serve::run(args),
            Some(Verb::Bench(args)) => bench::run(args, started),
        }
    });
    match done {
        Ok(Ok(code)) => code,
        Ok(Err(failure)) => failure.show(),
        Err(panic) if panic.is::<OutOfMemory>() => ExitCode::from(Failure::EXIT_CODE),
        Err(_) => ExitCode::from(1),
    }
}
