//! Clients in other languages, for tests of a wire format.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cache::cache_folder;

const REMEDY: &str = "these tests need python3 (3.10 or newer, with venv and pip), node (20 or newer) and npm, and their package \
                      registries once; UNDERPIN_INTEROP=off leaves them out";

/// Packages of Python or Node in the cache of the test kit, and the program that runs scripts with them.
///
/// They are installed once for each set of packages. `UNDERPIN_INTEROP=off` leaves such tests out, and says so.
///
/// ```no_run
/// use underpin_testkit::Interop;
///
/// let Some(python) = Interop::python(&["nats-py==2.16.0"]) else { return };
/// Interop::run(python.script("interop/peer.py").arg("nats://127.0.0.1:4222"), "the peer");
/// ```
#[derive(Debug, Clone)]
pub struct Interop {
    folder: PathBuf,
    program: PathBuf,
}

impl Interop {
    /// Python with these packages, each as `name==version`; `None` when interop is off.
    ///
    /// # Panics
    /// When they cannot be installed; the message says what is needed.
    pub fn python(packages: &[&str]) -> Option<Self> {
        let folder = installed("python", packages, |folder| {
            Self::run(Command::new("python3").args(["-m", "venv"]).arg(folder), "python3 with venv");
            let mut pip = Command::new(folder.join("bin/pip"));
            Self::run(pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(packages), "pip");
            Ok(())
        })?;
        Some(Self { program: folder.join("bin/python"), folder })
    }

    /// Node with these packages, each as `name@version`; `None` when interop is off.
    ///
    /// # Panics
    /// When they cannot be installed; the message says what is needed.
    pub fn node(packages: &[&str]) -> Option<Self> {
        let folder = installed("node", packages, |folder| {
            fs::create_dir_all(folder)?;
            let mut npm = Command::new("npm");
            npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
                .arg(folder)
                .args(packages);
            Self::run(&mut npm, "npm");
            Ok(())
        })?;
        Some(Self { folder, program: "node".into() })
    }

    /// The command that runs a script, in the folder of the packages.
    pub fn script(&self, script: impl AsRef<Path>) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(script.as_ref()).current_dir(&self.folder);
        command
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it cannot be run or fails; the message has what it wrote, and what is needed.
    #[expect(clippy::panic, reason = "this fails the test that asked")]
    pub fn run(command: &mut Command, what: &str) {
        match command.stdin(Stdio::null()).output() {
            Ok(output) if output.status.success() => {}
            Ok(output) => panic!("{what} failed: {}\n{REMEDY}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => panic!("{what}: {error}\n{REMEDY}"),
        }
    }
}

#[expect(clippy::panic, reason = "a test that gets no packages fails; it never skips by itself")]
#[expect(clippy::print_stdout, reason = "what was left out is said")]
fn installed(
    language: &str,
    packages: &[&str],
    install: impl FnOnce(&Path) -> io::Result<()>,
) -> Option<PathBuf> {
    if std::env::var("UNDERPIN_INTEROP").is_ok_and(|value| value == "off") {
        println!("interop with {language} left out: UNDERPIN_INTEROP=off");
        return None;
    }
    let folder = install_once(language, packages, install);
    Some(folder.unwrap_or_else(|error| panic!("cannot install {}: {error}", packages.join(", "))))
}

/// The folder with the packages, complete.
fn install_once(
    language: &str,
    packages: &[&str],
    install: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<PathBuf> {
    let cache = cache_folder();
    fs::create_dir_all(&cache)?;
    let folder =
        cache.join(format!("interop-{language}-{}", packages.join("-").replace(['=', '@', '/'], "")));
    // Several test runs may want it at the same time.
    let lock = File::create(cache.join(format!("interop-{language}.lock")))?;
    lock.lock()?;
    let complete = folder.join("complete");
    if !complete.exists() {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        install(&folder)?;
        File::create(complete)?;
    }
    Ok(folder)
}
