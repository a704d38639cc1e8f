//! `gany studio`: runs in the browser.
use crate::failure::Failure;
use crate::output::{DIM, STRONG, print};
use ::studio::{Address, Door, Studio, StudioError};
use ganymede::run::RunFolder;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Start, watch, compare and explore runs in the browser
///
/// Serves a page on this machine alone. A run that is started there is a process of its own: ending the studio does not end it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gany studio                         the runs in runs/
  gany studio experiments --port 0    another folder, any free port
  gany studio --listen 0.0.0.0        for other machines too, with a token that is shown once
  gany train --studio                 train, and watch it there")]
pub(crate) struct Args {
    /// The folder whose sub-folders are runs
    #[arg(default_value = "runs")]
    runs: PathBuf,
    #[command(flatten)]
    door: DoorArgs,
    /// Read the page's files from this folder instead, to work on them
    #[arg(long, value_name = "FOLDER", hide_short_help = true)]
    assets: Option<PathBuf>,
    /// End when no training goes on and no page was open for a minute
    #[arg(long)]
    until_idle: bool,
    /// Print the address as JSON
    #[arg(long)]
    json: bool,
}

/// Where something is served.
#[derive(clap::Args)]
pub(crate) struct DoorArgs {
    /// The port; 0 for any that is free
    #[arg(long, value_name = "N", default_value_t = 7878)]
    port: u16,
    /// The address; any but a loopback one needs a token, which is shown once
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// A name of this machine that browsers may call it by; may be given again
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
}

impl DoorArgs {
    pub(crate) fn door(self) -> Door {
        Door {
            address: self.listen,
            port: self.port,
            names: self.hosts,
        }
    }
}

impl From<StudioError> for Failure {
    fn from(error: StudioError) -> Failure {
        match error.hint() {
            Some(hint) => Failure::new(error.to_string(), hint),
            None => Failure::without_hint(error.to_string()),
        }
    }
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    if RunFolder::open(&args.runs).is_ok() {
        let parent = args.runs.parent().filter(|parent| !parent.as_os_str().is_empty());
        return Err(Failure::new(
            format!("expected a folder of runs, got a run: {}", args.runs.display()),
            format!(
                "name the folder above it: `gany studio {}`",
                parent.unwrap_or(".".as_ref()).display()
            ),
        ));
    }
    let studio = Studio {
        runs: args.runs,
        door: args.door.door(),
        assets: args.assets,
        program: std::env::current_exe().unwrap_or_else(|_| "gany".into()),
        until_idle: args.until_idle,
    };
    let is_json = args.json;
    studio.run(&mut |address| announce("studio", address, is_json))?;
    Ok(ExitCode::SUCCESS)
}

/// Says where something is served.
pub(crate) fn announce(what: &str, address: &Address, is_json: bool) {
    if is_json {
        // On one line, so that whoever started it can read it as soon as it is there.
        return print(&json!({ "address": address.to_string() }).to_string());
    }
    print(&format!(
        "{STRONG}{what}{STRONG:#}  {address}\n{DIM}Ctrl-C ends it.{DIM:#}"
    ));
    if address.token.is_some() {
        print(&format!(
            "{DIM}The token in this address is shown this once; whoever has it can start and delete runs.{DIM:#}"
        ));
    }
}

/// Opens a studio beside a run, as a process of its own that ends by itself; gives the address of the run's page.
pub(crate) fn beside(run: &Path) -> Result<String, Failure> {
    let failed = |reason: &str| {
        Failure::new(
            format!("cannot open a studio beside the run ({reason})"),
            "leave `--studio` away, and open one with `gany studio` in another terminal",
        )
    };
    let parent = run.parent().filter(|parent| !parent.as_os_str().is_empty());
    let program = std::env::current_exe().map_err(|error| failed(&error.to_string()))?;
    let mut command = Command::new(program);
    command
        .args(["studio", "--until-idle", "--json", "--port", "0", "--"])
        .arg(parent.unwrap_or(".".as_ref()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    // Ctrl-C is for the training.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(|error| failed(&error.to_string()))?;
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        let _ = BufReader::new(out).read_line(&mut line);
    }
    let said: Value = serde_json::from_str(&line).unwrap_or_default();
    let address = said["address"].as_str().ok_or_else(|| failed("it did not begin"))?;
    let name = run.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(format!("{address}#/runs/{name}"))
}
