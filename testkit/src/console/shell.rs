//! One shell for all commands of a document, so that a variable of one is known to the next.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// What no command prints.
const END: &str = "\u{1}end of the output\u{1}";

/// A bash whose commands see this environment. Killed when dropped, with what the commands left in the background.
#[derive(Debug)]
pub(super) struct Shell {
    child: Child,
    lines: Receiver<String>,
}

impl Shell {
    pub(super) fn start(folder: &Path, environment: &[(String, String)]) -> Result<Self, String> {
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-s"]).current_dir(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let mut child = command.spawn().map_err(|error| format!("cannot run bash ({error}): install it"))?;
        let output = child.stdout.take().ok_or("bash has no output")?;
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let mut shell = Self { child, lines };
        // Without the progress meter that curl shows where its output is no terminal.
        shell.write("exec 2>&1\ncurl() { command curl --silent --show-error \"$@\"; }\n")?;
        Ok(shell)
    }

    /// Runs a command, and returns the lines that it printed.
    pub(super) fn run(&mut self, command: &str, limit: Duration) -> Result<Vec<String>, String> {
        self.write(&format!("{{ {command}\n}} </dev/null\nprintf '\\n{END}\\n'\n"))?;
        let start = Instant::now();
        let mut lines = Vec::new();
        loop {
            match self.lines.recv_timeout(limit.saturating_sub(start.elapsed())) {
                Ok(line) if line == END => break,
                // What bash says about a process of the background that was killed.
                Ok(line) if line.starts_with("bash: line ") && line.contains(" Killed ") => {}
                Ok(line) => lines.push(line.trim_end_matches('\r').to_owned()),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("still running after {limit:?}: {command}\n{}", lines.join("\n")));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(format!("the shell has ended: {command}\n{}", lines.join("\n")));
                }
            }
        }
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        Ok(lines)
    }

    fn write(&mut self, text: &str) -> Result<(), String> {
        let input = self.child.stdin.as_mut().ok_or("bash has no input")?;
        input.write_all(text.as_bytes()).map_err(|error| format!("bash has ended: {error}"))
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            let _gone = kill_process_group(group, Signal::KILL);
        }
        drop(self.child.wait());
    }
}
