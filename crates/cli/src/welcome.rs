//! `gany` alone: what can I do?
use crate::failure::Failure;
use crate::output::{COMMAND, DIM, STRONG, print};
use std::process::ExitCode;

pub(crate) fn run() -> Result<ExitCode, Failure> {
    print(&format!(
        "\
{STRONG}gany{STRONG:#} trains two networks against each other until one of them makes pictures like yours.

Start here:

  {COMMAND}gany train{COMMAND:#}
      watch it learn to make clothes, from nothing, in three minutes
  {COMMAND}gany train --data FOLDER --size 64{COMMAND:#}
      the same with the pictures in a folder of yours
  {COMMAND}gany models{COMMAND:#}
      every kind of GAN there is to try, and the idea of each

{DIM}Also: gany sample, gany data, gany bench. `gany --help` lists everything, `gany VERB --help` teaches one.{DIM:#}"
    ));
    Ok(ExitCode::SUCCESS)
}
