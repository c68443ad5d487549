//! Runs the commands of a document and compares what they print.

mod compare;
mod document;
mod shell;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use compare::{Bindings, IsId, bind, matches};
use document::{Item, Step, items, with_outputs};
use shell::Shell;

use crate::port::free_port;
use crate::service::ServiceProcess;
use crate::service::process::{listening_on, name_of};

/// Runs the `console` blocks of a Markdown document, or a tour, in one shell, and compares each output with the documented one.
///
/// ```text
/// $ curl localhost:8080/orders -d '{"customer":"ada"}'
/// {"id":"01a22aaf-b9a0-71b5-b765-27ed1930fcc2","customer":"ada","placed_at":"2026-11-30T04:21:29.120Z"}
/// ```
///
/// UUIDs and words of [`id`](Self::id) may differ, but one value stands for one documented value, in later commands as well. Times of RFC 3339 and
/// the number behind `_ms":` are not compared. A line `...` stands for any number of lines. A `curl` that only reads is repeated until it prints
/// what is documented, for at most half a minute. With `UNDERPIN_BLESS=1` the document is changed to what was printed.
///
/// ```no_run
/// use underpin_testkit::Console;
///
/// # let address = "127.0.0.1:15000";
/// Console::open("README.md").replace("localhost:8080", address).run().unwrap_or_else(|error| panic!("{error}"));
/// ```
pub struct Console {
    path: PathBuf,
    folder: PathBuf,
    environment: Vec<(String, String)>,
    replacements: Vec<(String, String)>,
    is_id: Box<IsId>,
    show: fn(&str),
}

/// Where a documented service is.
const DOCUMENTED: &str = "localhost:8080";

/// How long a command may take, and how long one that reads is repeated.
const COMMAND: Duration = Duration::from_secs(120);
const REPEAT: Duration = Duration::from_secs(30);

impl Console {
    /// The document at this path; its commands run in the same folder.
    pub fn open(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Self {
            folder: folder.unwrap_or(Path::new(".")).to_owned(),
            path,
            environment: Vec::new(),
            replacements: Vec::new(),
            is_id: Box::new(|_| false),
            show: |_| {},
        }
    }

    /// A document that starts a service itself, with `cargo run -q -p NAME`, and asks it at `localhost:8080`: here it is this binary,
    /// whose file is named like the package, on a free port, and the commands run in this folder.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn of_binary(
        path: impl Into<PathBuf>,
        binary: &str,
        folder: impl Into<PathBuf>,
    ) -> Result<Self, String> {
        let port = free_port().map_err(|error| error.to_string())?.to_string();
        let console = Self::open(path)
            .folder(folder)
            .replace(format!("cargo run -q -p {}", name_of(binary)), binary)
            .replace(DOCUMENTED, format!("127.0.0.1:{port}"));
        let settings = listening_on(binary, &port);
        Ok(settings.into_iter().fold(console, |console, (name, value)| console.env(name, value)))
    }

    /// A document that asks a service at `localhost:8080`: here it is this one.
    pub fn of_service(path: impl Into<PathBuf>, service: &ServiceProcess) -> Self {
        Self::open(path).replace(DOCUMENTED, &service.address)
    }

    /// Runs the commands in this folder.
    #[must_use]
    pub fn folder(self, folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), ..self }
    }

    /// Adds a variable to the environment of the commands.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Uses another text in commands, and the documented one in outputs: `localhost:8080` and the address of this run.
    #[must_use]
    pub fn replace(mut self, documented: impl Into<String>, actual: impl Into<String>) -> Self {
        self.replacements.push((documented.into(), actual.into()));
        self
    }

    /// Words that are ids beside UUIDs: they consist of letters, digits, `-` and `_`.
    #[must_use]
    pub fn id(self, is_id: impl Fn(&str) -> bool + 'static) -> Self {
        Self { is_id: Box::new(is_id), ..self }
    }

    /// Hands each note, command and output to `show` as it comes.
    #[must_use]
    pub fn show(self, show: fn(&str)) -> Self {
        Self { show, ..self }
    }

    /// Runs all commands. Stops at the first one that prints something else.
    ///
    /// # Errors
    /// The line of the document, the command, and both outputs.
    pub fn run(self) -> Result<(), String> {
        let text = std::fs::read_to_string(&self.path)
            .map_err(|error| format!("cannot read {}: {error}", self.path.display()))?;
        let is_markdown = self.path.extension().is_some_and(|extension| extension == "md");
        let bless = std::env::var("UNDERPIN_BLESS").is_ok_and(|value| value == "1");
        let mut shell = Shell::start(&self.folder, &self.environment)?;
        let (mut bindings, mut changed, mut commands) = (Bindings::new(), Vec::new(), 0);
        for item in items(&text, is_markdown) {
            let step = match item {
                Item::Step(step) => step,
                Item::Note(note) => {
                    (self.show)(&format!("# {note}"));
                    continue;
                }
            };
            commands += 1;
            let repeat = if bless { Duration::from_secs(3) } else { REPEAT };
            let (same, output) = self.step(&mut shell, &step, &mut bindings, repeat)?;
            if !same && !bless {
                let (path, line) = (self.path.display(), step.line);
                let (documented, printed) = (step.output.join("\n"), output.join("\n"));
                return Err(format!(
                    "{path}:{line}: $ {}\ndocumented:\n{documented}\nprinted:\n{printed}",
                    step.command
                ));
            }
            if !same {
                changed.push((step, output));
            }
        }
        if commands == 0 {
            return Err(format!("{} has no command", self.path.display()));
        }
        if changed.is_empty() {
            return Ok(());
        }
        std::fs::write(&self.path, with_outputs(&text, &changed))
            .map_err(|error| format!("cannot write {}: {error}", self.path.display()))
    }

    fn step(
        &self,
        shell: &mut Shell,
        step: &Step,
        bindings: &mut Bindings,
        repeat: Duration,
    ) -> Result<(bool, Vec<String>), String> {
        let given = bind(&step.command, bindings);
        let command = self.replacements.iter().fold(given, |text, (from, to)| text.replace(from, to));
        (self.show)(&format!("$ {}", step.command));
        let start = Instant::now();
        loop {
            let printed = shell.run(&command, COMMAND)?;
            let printed: Vec<String> = printed
                .into_iter()
                .map(|line| self.replacements.iter().fold(line, |line, (from, to)| line.replace(to, from)))
                .collect();
            let same = matches(&step.output, &printed, &*self.is_id, bindings);
            if same || !only_reads(&step.command) || start.elapsed() >= repeat {
                printed.iter().for_each(|line| (self.show)(line));
                return Ok((same, printed));
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}

/// Whether a command is a GET that changes nothing, so that it may be repeated.
fn only_reads(command: &str) -> bool {
    let writes = [
        "-d",
        "-X",
        "-T",
        "-F",
        "-o",
        "-i",
        "--data",
        "--json",
        "--request",
        "--upload-file",
        "--form",
        "|",
        ";",
        "&&",
    ];
    let mut words = command.split_whitespace();
    words.next() == Some("curl") && !words.any(|word| writes.contains(&word))
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("README.md");
        std::fs::write(&path, format!("```console\n{text}\n```\n")).unwrap();
        (folder, path)
    }

    #[test]
    fn one_shell_runs_all_commands() {
        let text = "$ name=ada\n$ echo \"hello $name\"\nhello ada\n$ sleep 600 &\n$ echo $HOST\ndocumented:1";
        let (_folder, path) = document(text);
        Console::open(path).env("HOST", "actual:2").replace("documented:1", "actual:2").run().unwrap();
    }

    #[test]
    fn another_output_is_reported_with_its_line() {
        let (_folder, path) = document("$ echo one\none\n$ echo two\n2");
        let error = Console::open(path).run().unwrap_err();
        assert!(error.contains("README.md:4: $ echo two") && error.contains("printed:\ntwo"), "{error}");
        let (_folder, path) = document("");
        assert!(Console::open(path).run().unwrap_err().contains("has no command"));
    }
}
