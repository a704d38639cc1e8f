//! What asks a training to stop: Ctrl-C, a scheduler, a terminal that goes away. The first time it saves and ends, the
//! second time it ends at once.
use std::sync::OnceLock;

/// Why the training is to stop, once it is.
pub(crate) static STOP: OnceLock<String> = OnceLock::new();

const ANNOUNCEMENT: &str = "Saving after this step; Ctrl-C again quits at once.";

/// Exit code of a training that Ctrl-C has stopped, as shells have it, so that what follows `&&` is not done.
const STOPPED_BY_CTRL_C: u8 = 130;

#[cfg(unix)]
mod unix {
    use super::{ANNOUNCEMENT, STOP, STOPPED_BY_CTRL_C};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    /// The signals that ask for an end, and what they mean.
    const SIGNALS: [(i32, &str); 3] = [
        (SIGINT, "Ctrl-C"),
        (SIGTERM, "asked to end (SIGTERM)"),
        (SIGHUP, "its terminal was closed (SIGHUP)"),
    ];

    pub(crate) fn stop_on_signals(announce: impl Fn(&str) + Send + 'static) {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let heeded = SIGNALS.map(|(signal, _)| signal).into_iter();
        // Where no handler can be set, a signal ends the program at once, and the last checkpoint is there.
        let Ok(mut signals) = Signals::new(heeded.filter(|signal| !is_ignored(*signal, &status))) else {
            return;
        };
        std::thread::spawn(move || {
            for signal in signals.forever() {
                if STOP.set(meaning(signal).to_owned()).is_err() {
                    std::process::exit(128 + signal);
                }
                announce(ANNOUNCEMENT);
            }
        });
    }

    /// As shells have it: 128 and the signal's number.
    pub(crate) fn exit_code() -> u8 {
        let sent = SIGNALS
            .iter()
            .find(|(_, meaning)| STOP.get().is_some_and(|reason| reason == meaning));
        sent.map_or(STOPPED_BY_CTRL_C, |(signal, _)| 128 + *signal as u8)
    }

    fn meaning(signal: i32) -> &'static str {
        let known = SIGNALS.iter().find(|(number, _)| *number == signal);
        known.map_or("a signal", |(_, meaning)| meaning)
    }

    /// Whether whoever started the program had it ignore a signal, as `nohup` does: then it goes on being ignored. `status` is
    /// Linux's `/proc/self/status`.
    fn is_ignored(signal: i32, status: &str) -> bool {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_mask_of_ignored_signals_is_read() {
            // `grep SigIgn /proc/self/status` under `nohup`: SIGHUP is number 1, SIGPIPE 13.
            let status = "Name:\tgany\nSigIgn:\t0000000000001001\nSigCgt:\tffffffffffffffff\n";
            assert!(is_ignored(SIGHUP, status));
            assert!(!is_ignored(SIGINT, status) && !is_ignored(SIGTERM, status));
            assert!(!is_ignored(SIGHUP, ""), "where the system does not tell, none is");
        }
    }
}
#[cfg(unix)]
pub(crate) use unix::{exit_code, stop_on_signals};

#[cfg(not(unix))]
pub(crate) fn stop_on_signals(announce: impl Fn(&str) + Send + 'static) {
    let handler = move || {
        if STOP.set("Ctrl-C".to_owned()).is_err() {
            std::process::exit(STOPPED_BY_CTRL_C.into());
        }
        announce(ANNOUNCEMENT);
    };
    // Where no handler can be set, Ctrl-C ends the program at once, and the last checkpoint is there.
    let _ = ctrlc::set_handler(handler);
}

#[cfg(not(unix))]
pub(crate) fn exit_code() -> u8 {
    STOPPED_BY_CTRL_C
}
