//! A folder to run the command in.
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// An empty folder that is removed at the end.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

/// What a run of the command came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gany"));
        self.prepare(command.args(words(line)));
        command
    }

    fn prepare(&self, command: &mut Command) {
        command
            .current_dir(self.folder.path())
            .env("GANY_CACHE", self.path("cache"))
            .env_remove("GANY_ISA")
            // Tests hold levels of pictures against each other.
            .env("GANY_WATERMARK", "off")
            .stdin(Stdio::null());
    }

    /// A script in which `"$0" "$@"` is `gany` with these words, in a shell that `shell` starts.
    #[cfg(unix)]
    fn in_shell(&self, shell: &str, script: &str, line: &str) -> Command {
        let gany = self.command(line);
        let mut shell = words(shell).into_iter();
        let mut command = Command::new(shell.next().unwrap());
        command
            .args(shell)
            .args(["-c", script])
            .arg(gany.get_program())
            .args(gany.get_args());
        self.prepare(&mut command);
        command
    }

    /// Runs a script in which `"$0" "$@"` is `gany` with these words.
    #[cfg(unix)]
    pub(crate) fn script(&self, script: &str, line: &str) -> Ran {
        self.in_shell("sh", script, line).output().unwrap().into()
    }

    /// Runs such a script with mounts of its own, or nothing where the system does not let it.
    #[cfg(unix)]
    pub(crate) fn script_with_mounts(&self, script: &str, line: &str) -> Option<Ran> {
        let shell = "unshare --user --map-root-user --mount sh";
        let is_allowed = |ran: std::io::Result<Output>| ran.is_ok_and(|output| output.status.success());
        if !is_allowed(self.in_shell(shell, "mount -t tmpfs tmpfs .", "").output()) {
            eprintln!("SKIPPED: this system allows no mounts");
            return None;
        }
        Some(self.in_shell(shell, script, line).output().unwrap().into())
    }

    /// Starts such a script, to be talked to while it runs.
    #[cfg(unix)]
    pub(crate) fn start_in(&self, script: &str, line: &str) -> Child {
        let mut command = self.in_shell("sh", script, line);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs `gany` with these words; quotes hold words together.
    pub(crate) fn gany(&self, line: &str) -> Ran {
        self.command(line).output().unwrap().into()
    }

    pub(crate) fn gany_with(&self, variable: (&str, &str), line: &str) -> Ran {
        self.command(line).env(variable.0, variable.1).output().unwrap().into()
    }

    /// Starts `gany`, to be talked to while it runs.
    pub(crate) fn start(&self, line: &str) -> Child {
        let mut command = self.command(line);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Starts `gany` so that it heeds Ctrl-C and a closed terminal, also where the test itself is run in the background or by
    /// `nohup` and does not.
    pub(crate) fn start_heeding_signals(&self, line: &str) -> Child {
        if cfg!(target_os = "linux") {
            self.start_in("exec env --default-signal=INT,HUP \"$0\" \"$@\"", line)
        } else {
            self.start(line)
        }
    }

    /// Runs `gany` where it must do what it is told.
    pub(crate) fn does(&self, line: &str) -> String {
        let ran = self.gany(line);
        assert_eq!(ran.code, 0, "{line}\n{}", ran.err);
        ran.out
    }

    /// Runs `gany` where it must refuse with exactly this message, on standard error and without colours.
    #[track_caller]
    pub(crate) fn refuses(&self, line: &str, message: &str) {
        let ran = self.gany(line);
        assert_eq!(ran.err.trim_end(), message, "{line}");
        assert_eq!(ran.code, 2, "{line}");
    }

    pub(crate) fn write(&self, inside: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(inside);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(crate) fn read(&self, inside: impl AsRef<Path>) -> Vec<u8> {
        let path = self.folder.path().join(inside);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{error}: {}", path.display()))
    }

    /// The names in a folder, sorted.
    pub(crate) fn names(&self, inside: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(inside)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Writes so many different pictures with this side into a folder.
    pub(crate) fn pictures(&self, folder: &str, count: u32, side: u32) {
        std::fs::create_dir_all(self.path(folder)).unwrap();
        for i in 0..count {
            let level = |x: u32, y: u32| image::Luma([(x * 7 + y * 13 + i * 29) as u8]);
            let picture = image::GrayImage::from_fn(side, side, level);
            picture.save(self.path(&format!("{folder}/{i:03}.png"))).unwrap();
        }
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn words(line: &str) -> Vec<String> {
    let quoted = line.split('\'').enumerate();
    let parts = quoted.flat_map(|(i, part)| match i % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    parts.collect()
}
