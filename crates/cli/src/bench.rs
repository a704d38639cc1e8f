//! `gany bench`: what this machine can do, and how fast training is on it.
mod child;
mod growth;
mod measure;
mod network;
mod odd;
mod ops;
mod peer;
mod plot;
mod sample;
mod step;

use crate::failure::Failure;
use crate::output::{STRONG, aligned, print, print_json};
use ganymede::engine::kernels::isa::Isa;
use ganymede::engine::{Precision, kernels::peak, pool};
use ganymede::run::Machine;
use serde_json::json;
use std::process::ExitCode;
use std::time::Instant;

/// Measure this machine, or what training does on it
#[derive(clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  gany bench                                what this machine can do, at most and really
  gany bench step dcgan --profile           a training step, and where its time goes
  gany bench sample dcgan                   pictures from a generator
  gany bench ops --only dcgan               single convolutions and matrix products
  gany bench odd --only u_net               batches, sizes and networks that nobody tunes for
  gany bench growth dcgan --plot growth.svg a step with ever larger batches, widths and pictures
  gany bench step dcgan --peer .peers/bin/python
                                            beside PyTorch, in one sitting; so do `sample`, `ops` and `odd`"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Threads to compute with [default: one a core]
    #[arg(long, value_name = "N", value_parser = crate::train::threads)]
    threads: Option<usize>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum What {
    Step(step::Args),
    Sample(sample::Args),
    Ops(ops::Args),
    Odd(odd::Args),
    Growth(growth::Args),
}

/// Rows of the square matrices whose product is timed.
const PRODUCT_SIDE: usize = 2048;

/// `started` is when the program began.
pub(crate) fn run(args: Args, started: Instant) -> Result<ExitCode, Failure> {
    match &args.what {
        Some(What::Step(args)) => step::run(args, started),
        Some(What::Sample(args)) => sample::run(args),
        Some(What::Ops(args)) => ops::run(args),
        Some(What::Odd(args)) => odd::run(args),
        Some(What::Growth(args)) => growth::run(args),
        None => machine(&args),
    }
}

fn machine(args: &Args) -> Result<ExitCode, Failure> {
    if let Some(threads) = args.threads {
        pool::set_threads(threads);
    }
    let machine = Machine::this(Isa::current().name());
    let (fma, copy) = (peak::multiply_add_gflops(), peak::copy_gbytes_per_s());
    let product = peak::product_gflops(PRODUCT_SIDE, Precision::F32);
    // The most there is, and what a product makes of it; emulation would say nothing about the machine.
    let bf16 = peak::bf16_multiply_add_gflops().map(|most| (most, peak::product_gflops(PRODUCT_SIDE, Precision::Bf16)));
    if args.json {
        print_json(&json!({
            "cpu": machine.cpu,
            "cores": machine.cores,
            "threads": pool::threads(),
            "instruction_set": machine.instruction_set,
            "multiply_add_gflops": fma,
            "copy_gbytes_per_s": copy,
            "product_gflops": product,
            "product_share": product / fma,
            "bf16_multiply_add_gflops": bf16.map(|(most, _)| most),
            "bf16_product_gflops": bf16.map(|(_, product)| product),
            "bf16_product_share": bf16.map(|(most, product)| product / most),
        }));
    } else {
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let most = |most: f64| format!("{most:.0} GFLOP/s, the most there is");
        let share = |product: f64, most: f64| {
            let percent = product / most * 100.0;
            format!("{product:.0} GFLOP/s, {percent:.0}% of it ({PRODUCT_SIDE}^3)")
        };
        let mut rows = vec![
            row("cores", machine.cores.to_string()),
            row("threads", pool::threads().to_string()),
            row("instruction set", machine.instruction_set),
            row("multiply-add", most(fma)),
            row("matrix product", share(product, fma)),
        ];
        if let Some((fastest, product)) = bf16 {
            rows.push(row("multiply-add, bf16", most(fastest)));
            rows.push(row("matrix product, bf16", share(product, fastest)));
        }
        rows.push(row("memory copy", format!("{copy:.1} GB/s, read and written")));
        print(&format!("{STRONG}{}{STRONG:#}\n{}", machine.cpu, aligned(&rows)));
    }
    Ok(ExitCode::SUCCESS)
}
