use std::fmt;
use std::path::Path;
use std::process::Command;
use std::str::FromStr;

use rustix::process::{Pid, Signal, kill_process};

use crate::wait::wait_until;
use std::time::Duration;

/// A process, told apart from a later one with the same number by its start time.
///
/// `kill(pid, 0)` cannot serve here: it gives EPERM for a server that runs as another user, and it is happy with a
/// number that was used again. The start time is field 22 of `/proc/<pid>/stat` (proc(5)), in ticks since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProcessId {
    pid: u32,
    started: u64,
}

impl ProcessId {
    /// The running process.
    pub fn current() -> Self {
        let pid = std::process::id();
        Self::of(pid).unwrap_or(Self { pid, started: 0 })
    }

    /// The process with this number, if it lives. A zombie does not.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = Stat::read(pid)?;
        stat.is_alive().then_some(Self { pid, started: stat.started })
    }

    /// The number of the process.
    pub fn pid(self) -> u32 {
        self.pid
    }

    /// Ticks since boot at which the process started.
    pub fn started(self) -> u64 {
        self.started
    }

    /// Whether exactly this process still lives.
    pub fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends `signal` if exactly this process still lives.
    pub fn signal(self, signal: Signal) {
        if let (true, Some(pid)) = (self.is_alive(), Pid::from_raw(self.pid.cast_signed())) {
            // ESRCH in the instant between the two lines means: it is gone, which is what was wanted.
            let _gone = kill_process(pid, signal);
        }
    }

    /// Waits until this process is gone; false when it still lives after `limit`.
    pub fn wait_gone(self, limit: Duration) -> bool {
        wait_until(limit, || (!self.is_alive()).then_some(())).is_some()
    }

    /// This process and its descendants, parents first.
    pub fn family(self) -> Vec<Self> {
        let parents: Vec<_> =
            all().into_iter().filter_map(|pid| Some((pid, Stat::read(pid)?.parent))).collect();
        let mut family = vec![self];
        let mut next = 0;
        while let Some(parent) = family.get(next).copied() {
            let children = parents.iter().filter(|(_, of)| *of == parent.pid);
            family.extend(children.filter_map(|(pid, _)| Self::of(*pid)));
            next += 1;
        }
        family
    }

    /// Whether this process is stopped (SIGSTOP) and not yet continued.
    pub fn is_stopped(self) -> bool {
        Stat::read(self.pid).is_some_and(|stat| stat.started == self.started && stat.state == 'T')
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.pid, self.started)
    }
}

/// The text is not `<pid>-<start time>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a process identity")]
pub struct ParseProcessIdError;

impl FromStr for ProcessId {
    type Err = ParseProcessIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (pid, started) = text.split_once('-').ok_or(ParseProcessIdError)?;
        let pid = pid.parse().map_err(|_| ParseProcessIdError)?;
        let started = started.parse().map_err(|_| ParseProcessIdError)?;
        Ok(Self { pid, started })
    }
}

/// What `/proc/<pid>/stat` says.
#[derive(Debug)]
pub(crate) struct Stat {
    pub(crate) name: String,
    pub(crate) parent: u32,
    state: char,
    started: u64,
}

impl Stat {
    pub(crate) fn read(pid: u32) -> Option<Self> {
        match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(line) => Self::parse(&line),
            Err(_) if Path::new("/proc/self/stat").exists() => None,
            Err(_) => Self::from_ps(pid),
        }
    }

    /// On a system without `/proc`, such as macOS. It gives no start time.
    fn from_ps(pid: u32) -> Option<Self> {
        let output = Command::new("ps").args(["-o", "ppid=,stat=,comm=", "-p", &pid.to_string()]).output();
        Self::parse_ps(&String::from_utf8_lossy(&output.ok()?.stdout))
    }

    /// `4711 Ss /usr/bin/cargo`.
    fn parse_ps(line: &str) -> Option<Self> {
        let (parent, rest) = line.trim().split_once(' ')?;
        let (state, command) = rest.trim_start().split_once(' ')?;
        let name = Path::new(command.trim()).file_name()?.to_string_lossy().into_owned();
        let (parent, state) = (parent.parse().ok()?, state.chars().next()?);
        Some(Self { name, parent, state, started: 0 })
    }

    /// `4711 (cargo) S 1 ...`: the name stands in parentheses and may itself contain spaces and parentheses.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (before, after) = line.rsplit_once(')')?;
        let (_, name) = before.split_once('(')?;
        let mut fields = after.split_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        let started = fields.nth(17)?.parse().ok()?;
        Some(Self { name: name.to_owned(), parent, state, started })
    }

    fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x')
    }
}

fn all() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = Stat::parse("7 (a) b (c) S 3 7 7 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 88123 2 3").unwrap();
        assert_eq!((stat.name.as_str(), stat.parent, stat.state, stat.started), ("a) b (c", 3, 'S', 88123));
    }

    #[test]
    fn reads_what_ps_prints_where_there_is_no_proc() {
        let stat = Stat::parse_ps(" 4711 Ss+  /opt/ada/.cargo/bin/cargo\n").unwrap();
        assert_eq!((stat.name.as_str(), stat.parent, stat.state), ("cargo", 4711, 'S'));
        let own = Stat::from_ps(std::process::id()).unwrap();
        assert_eq!(own.parent, Stat::read(std::process::id()).unwrap().parent);
        assert!(Stat::parse_ps("").is_none());
    }

    #[test]
    fn an_identity_survives_its_text_and_names_one_process_only() {
        let me = ProcessId::current();
        assert_eq!(me.to_string().parse(), Ok(me));
        assert!(me.is_alive());
        assert!(!ProcessId { started: me.started() + 1, ..me }.is_alive());
    }

    #[test]
    fn a_zombie_counts_as_gone() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let id = ProcessId::of(child.id()).unwrap();
        assert!(ProcessId::current().family().contains(&id));
        id.signal(Signal::KILL);
        // Not reaped yet: `child.wait()` comes later.
        assert!(id.wait_gone(Duration::from_secs(10)));
        child.wait().unwrap();
    }
}
