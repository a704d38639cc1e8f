//! The tests of an executable again, in a process for every other instruction set of this machine: it is chosen once per
//! process.
use gany_engine::kernels::isa::Isa;
use std::process::Command;

/// Runs this test executable once for every instruction set but the current one. Does nothing where `GANY_ISA` is set, as
/// it is in those runs.
pub(crate) fn run_the_others() {
    if std::env::var_os("GANY_ISA").is_some() {
        return;
    }
    let executable = std::env::current_exe().expect("a path");
    for isa in Isa::available().into_iter().filter(|isa| *isa != Isa::current()) {
        let run = Command::new(&executable)
            .env("GANY_ISA", isa.name())
            .output()
            .expect("tests start");
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success(), "with GANY_ISA={}:\n{said}", isa.name());
        assert!(
            said.contains(" passed"),
            "with GANY_ISA={} nothing ran:\n{said}",
            isa.name()
        );
    }
}
