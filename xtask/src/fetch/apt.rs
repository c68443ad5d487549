//! Packages of Debian and Ubuntu: installed as root, only unpacked otherwise.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use underpin_testkit::{Server, Version};

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

/// Fetches packages and unpacks them into a folder, which needs no root. `apt-get` verifies them against the keys of the
/// distribution.
pub(crate) fn unpack(packages: &[&str], folder: &Path) -> Done<PathBuf> {
    if !on_path("apt-get") {
        return Err("there is no apt-get".to_owned());
    }
    fs::create_dir_all(folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    output(Command::new("apt-get").arg("download").args(packages).current_dir(folder))?;
    let files = fs::read_dir(folder).map_err(|error| error.to_string())?;
    for file in files.filter_map(Result::ok).map(|entry| entry.path()) {
        if file.extension().is_some_and(|extension| extension == "deb") {
            output(Command::new("dpkg-deb").arg("--extract").arg(&file).arg(folder))?;
        }
    }
    Ok(folder.to_owned())
}

fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|uid| uid.trim() == "0")
}
