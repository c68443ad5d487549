use std::cell::RefCell;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A contender that is a program in Go, from the folder `benches/peers`.
///
/// The program reads lines `name times` from its standard input, does the named work that many times, and answers each
/// line with the nanoseconds that took. So it takes its turns in a [`Comparison`](crate::Comparison) like everybody else:
///
/// ```no_run
/// # use underpin_benches::{Comparison, GoPeer};
/// let comparison = Comparison::new("one record", "record");
/// let go = GoPeer::build("logger", &[]).unwrap();
/// let comparison = match &go {
///     Some(go) => comparison.timed("zerolog", |times| go.run("zerolog", times)),
///     None => comparison,
/// };
/// ```
#[derive(Debug)]
pub struct GoPeer {
    name: String,
    process: RefCell<Process>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl GoPeer {
    /// Builds `benches/peers/NAME/main.go` and starts it with these arguments; `None`, and a line on standard error that
    /// names the packages, where there is no Go toolchain.
    ///
    /// The libraries come from Debian's packages, so nothing is downloaded and the versions are the same for everybody.
    ///
    /// # Errors
    /// When the program does not build or start.
    #[allow(clippy::print_stderr, reason = "a benchmark says which contender it leaves out")]
    pub fn build(name: &str, arguments: &[&str]) -> Result<Option<Self>, Box<dyn Error>> {
        if Command::new("go").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            eprintln!(
                "The Go peers of {name} are left out: no go on the PATH. On Debian: apt-get install {PACKAGES}"
            );
            return Ok(None);
        }
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let program = program_folder(here).join(format!("peer-{name}"));
        let source = here.join("peers").join(name);
        let built = Command::new("go")
            .args(["build", "-o"])
            .arg(&program)
            .arg(".")
            .current_dir(&source)
            .env("GO111MODULE", "off")
            .env("GOPATH", "/usr/share/gocode")
            .status()?;
        if !built.success() {
            return Err(format!("{} does not build ({built}); it needs: {PACKAGES}", source.display()).into());
        }
        let mut child =
            Command::new(&program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let questions = child.stdin.take().ok_or("no standard input")?;
        let answers = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let process = RefCell::new(Process { child, questions, answers });
        Ok(Some(Self { name: name.to_owned(), process }))
    }

    /// Lets the program do the named work that many times, and returns how long it says it took.
    ///
    /// # Panics
    /// When the program has ended or answers with something else than a number: a benchmark without its contender
    /// measures nothing.
    #[allow(clippy::panic, reason = "documented")]
    pub fn run(&self, work: &str, times: u64) -> Duration {
        match self.process.borrow_mut().ask(work, times) {
            Ok(nanos) => Duration::from_nanos(nanos),
            Err(error) => panic!("the peer {} failed at {work}: {error}", self.name),
        }
    }
}

impl Process {
    fn ask(&mut self, work: &str, times: u64) -> Result<u64, Box<dyn Error>> {
        writeln!(self.questions, "{work} {times}")?;
        self.questions.flush()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        answer.trim().parse().map_err(|_| format!("it answered {answer:?} instead of nanoseconds").into())
    }
}

/// The program is killed and awaited; it has nothing to lose.
impl Drop for Process {
    fn drop(&mut self) {
        // Ended already is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What the peers are built from, on Debian.
const PACKAGES: &str = "golang-go golang-github-rs-zerolog-dev golang-go.uber-zap-dev golang-github-jackc-pgx-v4-dev \
                        golang-github-jinzhu-gorm-dev golang-github-nats-io-go-nats-dev";

fn program_folder(here: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| here.join("../target"), PathBuf::from);
    target.join("peers")
}
