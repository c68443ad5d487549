use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::error::{Context, TestkitError};
use crate::process::ProcessId;
use crate::user::ServerUser;

/// The folder under which every server of this user keeps its data: `underpin-testkit-<uid>-<pid namespace>` in
/// [`temporary`].
///
/// The pid namespace is part of the name because containers may share `/tmp`, and a process identity means nothing outside
/// its own.
pub(crate) fn base() -> Result<PathBuf, TestkitError> {
    let uid = rustix::process::geteuid();
    let namespace = fs::metadata("/proc/self/ns/pid").map_or(0, |file| file.ino());
    let base = temporary(uid.is_root()).join(format!("underpin-testkit-{}-{namespace}", uid.as_raw()));
    match fs::create_dir(&base) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(error).context(|| format!("cannot create {}", base.display()));
        }
        _ => {}
    }
    // Another user may have created it first: all users may write to the parent.
    let found = fs::symlink_metadata(&base).context(|| format!("cannot read {}", base.display()))?;
    if !found.is_dir() || found.uid() != uid.as_raw() {
        return Err(io::Error::from(io::ErrorKind::PermissionDenied))
            .context(|| format!("{} belongs to another user: remove it or set TMPDIR", base.display()));
    }
    close_to_others(&base)?;
    Ok(base)
}

/// Only the owner may look inside; root lets the user of PostgreSQL pass through. Whatever the umask says.
fn close_to_others(folder: &Path) -> Result<(), TestkitError> {
    let mode = if rustix::process::geteuid().is_root() { 0o711 } else { 0o700 };
    fs::set_permissions(folder, Permissions::from_mode(mode))
        .context(|| format!("cannot set the mode of {}", folder.display()))
}

/// `TMPDIR` if set; else `/dev/shm` where it is roomy, because a new database is a thousand small files, which cost
/// milliseconds in memory and on some disks a second; else `/tmp`. As root it must be a place that everybody can reach.
fn temporary(root: bool) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let roomy = || {
        rustix::fs::statvfs(memory).is_ok_and(|found| found.f_bavail.saturating_mul(found.f_frsize) >= ROOMY)
    };
    let open = |path: &Path| fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o001 != 0);
    match std::env::var_os("TMPDIR").map(PathBuf::from).filter(|path| path.is_absolute()) {
        Some(chosen) if !root || chosen.ancestors().all(open) => chosen,
        None if roomy() => memory.to_owned(),
        _ => PathBuf::from("/tmp"),
    }
}

/// 2 GiB: a server with a few databases needs some 100 MB. A container has 64 MB of `/dev/shm` unless told otherwise.
const ROOMY: u64 = 2 << 30;

/// A new folder for one server, in a parent for its kind: both belong to the user that runs the server, because its
/// supervisor, which removes the folder, is that user too. The name says whose life it follows, so that [`sweep`] can tell.
pub(crate) fn new_folder(
    base: &Path,
    kind: &str,
    owner: ProcessId,
    user: Option<&ServerUser>,
) -> Result<PathBuf, TestkitError> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // Root's substitute user changes when a package of the distribution brings `postgres`.
    let parent = base.join(user.map_or_else(|| kind.to_owned(), |user| format!("{kind}-{}", user.uid())));
    let folder = parent.join(format!("{owner}.{}-{count}", std::process::id()));
    for path in [&parent, &folder] {
        let made = match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && *path == parent => Ok(()),
            other => other,
        };
        // Also for a parent that exists: the process that created it may have been killed before this.
        made.and_then(|()| user.map_or(Ok(()), |user| user.own(path)))
            .context(|| format!("cannot create {}", path.display()))?;
    }
    Ok(folder)
}

/// The folder of what the test processes of one run share.
pub(crate) fn run_folder(base: &Path, owner: ProcessId) -> Result<PathBuf, TestkitError> {
    let parent = base.join("run");
    let folder = parent.join(format!("{owner}.run"));
    fs::create_dir_all(&folder).context(|| format!("cannot create {}", folder.display()))?;
    close_to_others(&parent)?;
    close_to_others(&folder)?;
    Ok(folder)
}

/// Writes a file that its owner alone may read, whole or not at all: a test process may be killed at any time.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), TestkitError> {
    let draft = path.with_extension("draft");
    let mut options = File::options();
    let opened = options.create(true).truncate(true).write(true).mode(0o600).open(&draft);
    opened
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&draft, path))
        .context(|| format!("cannot write {}", path.display()))
}

/// Takes the lock `name` in `folder`; it is released when the file is dropped, also by a kill.
pub(crate) fn lock(folder: &Path, name: &str) -> Result<File, TestkitError> {
    let path = folder.join(name);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.context(|| format!("cannot open {}", path.display()))?;
    file.lock().context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

/// Removes what killed owners left behind when their supervisor was killed too: first the server, then its folder.
pub(crate) fn sweep(base: &Path) {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let is_alive = |text: &str| text.trim().parse::<ProcessId>().is_ok_and(ProcessId::is_alive);
    for entry in entries(base).flat_map(|kind| entries(&kind.path())) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(owner) = name.split('.').next().and_then(|text| text.parse::<ProcessId>().ok()) else {
            continue;
        };
        // A supervisor that lives is about to do the same, and tidier.
        let guarded = fs::read_to_string(entry.path().join("supervisor")).is_ok_and(|text| is_alive(&text));
        if !owner.is_alive() && !guarded {
            end_server_in(&entry.path());
            // Another process that sweeps may be faster.
            let _already_gone = fs::remove_dir_all(entry.path());
        }
    }
}

fn end_server_in(folder: &Path) {
    if let Ok(name) = fs::read_to_string(folder.join("container")) {
        let mut docker = Command::new("docker");
        docker.args(["rm", "--force", "--volumes", &name]).stdout(Stdio::null()).stderr(Stdio::null());
        let _already_gone = docker.status();
    }
    let pid = fs::read_to_string(folder.join("pid")).ok();
    let server =
        pid.and_then(|text| text.trim().parse::<ProcessId>().ok()).filter(|server| server.is_alive());
    for process in server.iter().flat_map(|server| server.family()) {
        process.signal(Signal::KILL);
        process.wait_gone(Duration::from_secs(5));
    }
    // A PostgreSQL that was killed leaves a System V segment; its number is the last word of line 7.
    let notes = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
    if let Some(segment) = notes.lines().nth(6).and_then(|line| line.split_whitespace().last()) {
        let _already_gone = Command::new("ipcrm").args(["-m", segment]).stderr(Stdio::null()).status();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeping_takes_the_dead_and_leaves_the_living() {
        let base = tempfile::tempdir().unwrap();
        let mut child = Command::new("true").spawn().unwrap();
        let dead = ProcessId::of(child.id());
        child.wait().unwrap();
        let dead = dead.map_or("4194303-1".to_owned(), |id| id.to_string());
        let living = new_folder(base.path(), "nats", ProcessId::current(), None).unwrap();
        let stale = base.path().join("nats").join(format!("{dead}.1-0"));
        let other = base.path().join("nats").join("notes");
        for folder in [&stale, &other] {
            fs::create_dir(folder).unwrap();
        }
        sweep(base.path());
        assert!(living.exists() && other.exists() && !stale.exists());
    }
}
