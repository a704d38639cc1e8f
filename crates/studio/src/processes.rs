//! Starting, stopping and resuming runs: each is a process of its own, in a group of its own, which goes on whatever becomes
//! of the studio.
use crate::hub::held;
use crate::shelf::free;
use ganymede::run::RunFolder;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The program that trains, and where its runs go.
#[derive(Debug)]
pub(crate) struct Processes {
    program: PathBuf,
    runs: PathBuf,
    /// Held while a name is chosen and its folder appears.
    starting: Mutex<()>,
}

/// What is to be trained.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) system: String,
    pub(crate) data: String,
    /// The flags beside: `--minutes=3`, `--set=width=32`.
    pub(crate) flags: Vec<String>,
    /// The folder's name, where one was chosen.
    pub(crate) name: Option<String>,
}

/// How long a run may take to begin or to say what is wrong: data may have to be read first.
const BEGINNING: Duration = Duration::from_secs(20);
/// The most that is shown of what a process said last, in bytes.
const LAST_WORDS: usize = 4 << 10;

impl Processes {
    pub(crate) fn new(program: PathBuf, runs: &Path) -> Processes {
        Processes {
            program,
            runs: runs.to_owned(),
            starting: Mutex::default(),
        }
    }

    /// Starts a run and waits until its folder is there; gives its name, or what the process said instead.
    pub(crate) fn start(&self, wanted: &Wanted) -> Result<String, String> {
        let starting = held(&self.starting);
        let own = ganymede::run::folder::name_for(&wanted.system, &wanted.data);
        let name = free(&self.runs, wanted.name.as_deref().unwrap_or(&own));
        let folder = self.runs.join(&name);
        let mut arguments = vec![
            "train".to_owned(),
            format!("--data={}", wanted.data),
            format!("--out={}", folder.to_string_lossy()),
        ];
        arguments.extend(wanted.flags.iter().cloned());
        arguments.extend(["--json".to_owned(), "--".to_owned(), wanted.system.clone()]);
        let child = self.spawn(&name, &arguments)?;
        self.begins(child, &name, || RunFolder::open(&folder).is_ok())?;
        drop(starting);
        Ok(name)
    }

    /// Goes on with a run, with flags such as `--steps=2000`.
    pub(crate) fn resume(&self, name: &str, flags: &[String]) -> Result<(), String> {
        let folder = self.runs.join(name);
        let mut arguments = vec!["train".to_owned(), format!("--resume={}", folder.to_string_lossy())];
        arguments.extend(flags.iter().cloned());
        arguments.push("--json".to_owned());
        let child = self.spawn(name, &arguments)?;
        let is_writing = || RunFolder::open(&folder).is_ok_and(|folder| folder.writer().is_some());
        self.begins(child, name, is_writing)
    }

    fn log(&self, name: &str) -> PathBuf {
        self.runs.join(".studio/logs").join(format!("{name}.log"))
    }

    fn spawn(&self, name: &str, arguments: &[String]) -> Result<Child, String> {
        let log = self.log(name);
        let opened = log
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| File::create(&log));
        let log = opened.map_err(|error| format!("the run's log cannot be made ({error})"))?;
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command
            .spawn()
            .map_err(|error| format!("the training cannot be started ({error})"))
    }

    /// Waits until a process has begun, or ended without having; from then on a thread waits for its end.
    fn begins(&self, mut child: Child, name: &str, has_begun: impl Fn() -> bool) -> Result<(), String> {
        let asked = Instant::now();
        while !has_begun() {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(_)) => return Err(self.last_words(name)),
                _ if asked.elapsed() > BEGINNING => break,
                _ => std::thread::sleep(Duration::from_millis(30)),
            }
        }
        // What is never waited for stays in the system's list of processes.
        std::thread::spawn(move || child.wait());
        Ok(())
    }

    /// What a run's process said last on standard error.
    fn last_words(&self, name: &str) -> String {
        let text = fs::read(self.log(name)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[text.len().saturating_sub(LAST_WORDS)..]).into_owned();
        match text.trim() {
            "" => "the training ended without a word".to_owned(),
            said => said.strip_prefix("error: ").unwrap_or(said).to_owned(),
        }
    }

    /// Asks the process that writes a run to save and end, as Ctrl-C does.
    pub(crate) fn stop(&self, name: &str) -> Result<(), String> {
        let folder = RunFolder::open(self.runs.join(name)).map_err(|error| error.to_string())?;
        match folder.writer() {
            None => Err(format!("`{name}` is not being trained")),
            Some(None) => Err(format!("the process that trains `{name}` is not known")),
            Some(Some(process)) => interrupt(process).map_err(|error| format!("`{name}` cannot be stopped ({error})")),
        }
    }
}

#[cfg(unix)]
fn interrupt(process: u32) -> io::Result<()> {
    use rustix::process::{Pid, Signal, kill_process};
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    let process = process.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    Ok(kill_process(process, Signal::INT)?)
}

#[cfg(not(unix))]
fn interrupt(_: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A program that does what a shell script says.
    fn program(folder: &Path, script: &str) -> PathBuf {
        let path = folder.join("gany");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn wanted() -> Wanted {
        Wanted {
            system: "dcgan".into(),
            data: "a b; touch pwned".into(),
            flags: vec!["--steps=5".into()],
            name: None,
        }
    }

    #[test]
    fn a_run_is_given_its_words_one_by_one() {
        let there = tempfile::tempdir().unwrap();
        let runs = there.path().join("runs");
        let script = "for w in \"$@\"; do case $w in --out=*) out=${w#--out=};; esac; done\n\
            mkdir -p \"$out\"; printf '%s\\n' \"$@\" > \"$out/words\"; echo {} > \"$out/config.json\"";
        let processes = Processes::new(program(there.path(), script), &runs);
        assert_eq!(processes.start(&wanted()).unwrap(), "dcgan-a-b-touch-pwned");
        let folder = runs.join("dcgan-a-b-touch-pwned");
        let words = fs::read_to_string(folder.join("words")).unwrap();
        let expected = format!(
            "train\n--data=a b; touch pwned\n--out={}\n--steps=5\n--json\n--\ndcgan\n",
            folder.display()
        );
        assert_eq!(words, expected);
        assert_eq!(processes.start(&wanted()).unwrap(), "dcgan-a-b-touch-pwned-2");
    }

    #[test]
    fn what_goes_wrong_is_said_in_the_programs_words() {
        let there = tempfile::tempdir().unwrap();
        let script = "printf 'error: there is no data set\\n\\nhint: look again\\n' >&2; exit 2";
        let processes = Processes::new(program(there.path(), script), &there.path().join("runs"));
        let said = processes.start(&wanted()).unwrap_err();
        assert_eq!(said, "there is no data set\n\nhint: look again");
        let nobody = processes.stop("dcgan").unwrap_err();
        assert!(nobody.contains("no run"), "{nobody}");
    }
}
