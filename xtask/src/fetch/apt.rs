//! Packages of Debian and Ubuntu: installed as root, only unpacked otherwise.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use underpin_testkit::{Server, Version};

use crate::fetch::cache::{Draft, executable};
use crate::shell::{Done, on_path, output};

/// Installs a package, which needs root.
pub(crate) fn install(package: &str) -> Done {
    if !on_path("apt-get") {
        return Err("there is no apt-get".to_owned());
    }
    if !is_root() {
        return Err(format!("apt-get install {package} needs root"));
    }
    let install = || {
        let mut command = Command::new("apt-get");
        command.args(["install", "--yes", "--no-install-recommends", package]);
        output(command.env("DEBIAN_FRONTEND", "noninteractive"))
    };
    // A fresh image has no lists, an old one has lists that are out of date.
    install().or_else(|_| output(Command::new("apt-get").arg("update")).and_then(|_| install())).map(|_| ())
}

/// Installs the nats-server of the distribution if it is new enough: Debian 12 has 2.9, which is not.
pub(crate) fn install_nats() -> Done {
    let (oldest, _) = Server::Nats.oldest();
    let mut policy = Command::new("apt-cache");
    let policy = output(policy.args(["policy", "nats-server"]).env("LC_ALL", "C"))?;
    let candidate = policy.lines().find_map(|line| Version::find_in(line.trim().strip_prefix("Candidate:")?));
    match candidate {
        Some(version) if version >= oldest => install("nats-server"),
        Some(version) => Err(format!("the distribution has {version}, at least {oldest} is needed")),
        None => Err("the distribution has none".to_owned()),
    }
}

/// Fetches a package with what it needs and this machine lacks, and unpacks it all into a folder, which needs no root.
/// `apt-get` verifies it against the keys of the distribution.
pub(crate) fn unpack(package: &str, folder: &Path) -> Done<PathBuf> {
    let apt = Apt::in_folder(folder)?;
    let simulate = ["install", "--simulate", "--no-install-recommends", package];
    let plan = output(apt.get().args(simulate).env("LC_ALL", "C"))?;
    apt.unpack(&to_install(&plan))
}

/// `apt-get` with lists of its own in a folder: those of an image are often missing, and only root may fetch them.
struct Apt<'f> {
    folder: &'f Path,
}

impl<'f> Apt<'f> {
    fn in_folder(folder: &'f Path) -> Done<Self> {
        if !on_path("apt-get") {
            return Err("there is no apt-get".to_owned());
        }
        for path in ["root", "lists/partial", "cache/archives/partial"].map(|path| folder.join(path)) {
            fs::create_dir_all(&path)
                .map_err(|error| format!("cannot create {}: {error}", path.display()))?;
        }
        let apt = Self { folder };
        output(apt.get().arg("update"))?;
        Ok(apt)
    }

    fn get(&self) -> Command {
        let mut command = Command::new("apt-get");
        let lists = format!("Dir::State::lists={}", self.folder.join("lists").display());
        let cache = format!("Dir::Cache={}", self.folder.join("cache").display());
        command.args(["-o", &lists, "-o", &cache]).current_dir(self.folder);
        command
    }

    /// The root of the packages' files.
    fn unpack(&self, packages: &[&str]) -> Done<PathBuf> {
        let root = self.folder.join("root");
        output(self.get().arg("download").args(packages))?;
        for file in fs::read_dir(self.folder).map_err(|error| error.to_string())?.filter_map(Result::ok) {
            if file.path().extension().is_some_and(|extension| extension == "deb") {
                output(Command::new("dpkg-deb").arg("--extract").arg(file.path()).arg(&root))?;
            }
        }
        Ok(root)
    }
}

/// Puts an unpacked pgbouncer into the cache, with a script that finds the libraries beside it.
pub(crate) fn unpack_pgbouncer() -> Done {
    let draft = Draft::new()?;
    let root = unpack("pgbouncer", draft.download())?;
    let package = draft.package();
    let cannot = |error: std::io::Error| format!("the package of pgbouncer is not as expected: {error}");
    fs::rename(root, package.join("root")).map_err(cannot)?;
    let libraries = format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let text = format!(
        "#!/bin/sh\nroot=$(dirname \"$0\")/root\n\
         LD_LIBRARY_PATH=$root/{libraries}:$root/lib:$LD_LIBRARY_PATH exec \"$root/usr/sbin/pgbouncer\" \"$@\"\n"
    );
    let script = package.join("pgbouncer");
    fs::write(&script, text).map_err(cannot)?;
    executable(std::slice::from_ref(&script))?;
    let version = output(Command::new(&script).arg("--version"))?;
    let version = Version::find_in(&version).ok_or("pgbouncer does not print its version")?;
    draft.keep(&format!("pgbouncer-{version}"))
}

/// Unpacks Prometheus and its checker of rules, which need no library.
pub(crate) fn unpack_prometheus() -> Done {
    let draft = Draft::new()?;
    let root = Apt::in_folder(draft.download())?.unpack(&["prometheus"])?;
    place(&root, &draft.package(), &["prometheus", "promtool"])?;
    let version = output(Command::new(draft.package().join("prometheus")).arg("--version"))?;
    let version = Version::find_in(&version).ok_or("prometheus does not print its version")?;
    draft.keep(&format!("prometheus-{version}"))
}

/// Unpacks the checker of Alertmanager's configuration, which needs no library.
pub(crate) fn unpack_amtool() -> Done {
    let draft = Draft::new()?;
    let root = Apt::in_folder(draft.download())?.unpack(&["prometheus-alertmanager"])?;
    place(&root, &draft.package(), &["amtool"])?;
    draft.keep("amtool")
}

/// Moves programs of an unpacked package.
fn place(root: &Path, package: &Path, programs: &[&str]) -> Done {
    for program in programs {
        let moved = fs::rename(root.join("usr/bin").join(program), package.join(program));
        moved.map_err(|error| format!("the package of {program} is not as expected: {error}"))?;
    }
    Ok(())
}

/// The names in the lines `Inst python3-pip (23.0.1 ...)` of a simulation.
fn to_install(plan: &str) -> Vec<&str> {
    plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next()).collect()
}

fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|uid| uid.trim() == "0")
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_what_a_simulation_would_install() {
        let plan = "Reading package lists...\nInst python3-wheel (0.38.4-2 Debian:12.11/stable [all])\n\
                    Inst python3-pip (23.0.1 Debian:12.11/stable [all])\nConf python3-wheel (0.38.4-2 [all])\n";
        assert_eq!(super::to_install(plan), ["python3-wheel", "python3-pip"]);
    }
}
