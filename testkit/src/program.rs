use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cache::{SYSTEM_CACHE, cache_folder, newest_first};
use crate::error::{Server, TestkitError};
use crate::user::ServerUser;
use crate::version::Version;

/// A server's programs on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Program {
    /// What it is.
    pub server: Server,
    /// What it says about itself.
    pub version: Version,
    /// The folder with `postgres` and `initdb`, with `nats-server`, with `pgbouncer`, with `valkey-server` or `redis-server`,
    /// or with `prometheus`.
    pub folder: PathBuf,
}

impl Program {
    /// Looks, in this order, at the variable `UNDERPIN_POSTGRES_BIN`, `UNDERPIN_NATS_SERVER`, `UNDERPIN_PGBOUNCER`,
    /// `UNDERPIN_VALKEY_SERVER` or `UNDERPIN_PROMETHEUS`, the PATH, the usual places of the distributions (newest version first), and [`cache_folder`].
    ///
    /// # Errors
    /// [`TestkitError::NotFound`] with each place that was looked at; [`TestkitError::Given`] when the variable is set
    /// and what it names cannot be used.
    pub fn find(server: Server) -> Result<Self, TestkitError> {
        let variable = match server {
            Server::Postgres => "UNDERPIN_POSTGRES_BIN",
            Server::Nats => "UNDERPIN_NATS_SERVER",
            Server::PgBouncer => "UNDERPIN_PGBOUNCER",
            Server::Valkey => "UNDERPIN_VALKEY_SERVER",
            Server::Prometheus => "UNDERPIN_PROMETHEUS",
        };
        if let Some(given) = env::var_os(variable).filter(|value| !value.is_empty()) {
            let given = PathBuf::from(given);
            let folder =
                if given.is_dir() { given } else { given.parent().map(Path::to_owned).unwrap_or_default() };
            return Self::at(server, folder).map_err(|reason| TestkitError::Given { variable, reason });
        }
        let (mut looked, mut seen) = (Vec::new(), Vec::new());
        for (place, folders) in places(server) {
            let before = looked.len();
            for folder in folders.into_iter().filter(|folder| binary_in(server, folder).is_some()) {
                if seen.contains(&folder) {
                    continue;
                }
                seen.push(folder.clone());
                match Self::at(server, folder) {
                    Ok(program) => return Ok(program),
                    Err(reason) => looked.push(reason),
                }
            }
            if looked.len() == before {
                looked.push(format!("{place}: nothing there"));
            }
        }
        Err(TestkitError::NotFound { server, looked })
    }

    /// Looks for a version, such as `2.10`, in [`cache_folder`], which `cargo xtask test` fills.
    ///
    /// # Errors
    /// [`TestkitError::NotFound`].
    pub fn find_version(server: Server, version: &str) -> Result<Self, TestkitError> {
        let (cache, system) = (cache_folder(), Path::new(SYSTEM_CACHE));
        let prefix = prefix(server);
        let wanted = format!("{prefix}{version}.");
        let is_wanted = |folder: &PathBuf| {
            folder.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(&wanted))
        };
        let folders = [cache.as_path(), system].into_iter().flat_map(|cache| newest_first(cache, prefix));
        let mut looked = vec![format!("the cache {}: nothing of version {version}", cache.display())];
        for folder in folders.filter(is_wanted) {
            match Self::at(server, folder) {
                Ok(program) => return Ok(program),
                Err(reason) => looked.push(reason),
            }
        }
        Err(TestkitError::NotFound { server, looked })
    }

    /// The program `name` in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The server itself: `postgres`, `nats-server`, `pgbouncer`, `valkey-server` or `redis-server`.
    pub fn binary(&self) -> PathBuf {
        binary_in(self.server, &self.folder).unwrap_or_default()
    }

    fn at(server: Server, folder: PathBuf) -> Result<Self, String> {
        let Some(file) = binary_in(server, &folder) else {
            let names = binaries(server).join(" or ");
            return Err(format!("{}: there is no {names}", folder.display()));
        };
        if server == Server::Postgres && !folder.join("initdb").is_file() {
            return Err(format!("{}: there is no initdb", folder.display()));
        }
        let version = version_of(server, &file).map_err(|reason| format!("{}: {reason}", file.display()))?;
        let (oldest, why) = server.oldest();
        if version < oldest {
            return Err(format!(
                "{}: {server} {version} is too old, at least {oldest} is needed: {why}",
                file.display()
            ));
        }
        // Where it really lies: distributions link /usr/bin to it.
        let real = file.canonicalize().ok().and_then(|file| file.parent().map(Path::to_owned));
        let real = real.filter(|real| binary_in(server, real).is_some());
        Ok(Self { server, version, folder: real.unwrap_or(folder) })
    }
}

impl std::fmt::Display for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} ({})", self.server, self.version, self.folder.display())
    }
}

/// The names of a server's program; the first that is there counts.
fn binaries(server: Server) -> &'static [&'static str] {
    match server {
        Server::Postgres => &["postgres"],
        Server::Nats => &["nats-server"],
        Server::PgBouncer => &["pgbouncer"],
        Server::Valkey => &["valkey-server", "redis-server"],
        Server::Prometheus => &["prometheus"],
    }
}

fn binary_in(server: Server, folder: &Path) -> Option<PathBuf> {
    binaries(server).iter().map(|name| folder.join(name)).find(|file| file.is_file())
}

/// How the folders of a server begin in the cache.
fn prefix(server: Server) -> &'static str {
    match server {
        Server::Postgres => "postgresql-",
        Server::Nats => "nats-server-",
        Server::PgBouncer => "pgbouncer-",
        Server::Valkey => "valkey-",
        Server::Prometheus => "prometheus-",
    }
}

/// Asks the program itself, as the user who will run it: that also shows whether that user can reach it.
fn version_of(server: Server, file: &Path) -> Result<Version, String> {
    let mut command = Command::new(file);
    command.arg("--version").current_dir("/").stdin(Stdio::null()).stderr(Stdio::piped());
    let user = ServerUser::for_root().filter(|_| matches!(server, Server::Postgres | Server::PgBouncer));
    if let Some(user) = &user {
        user.run(&mut command);
    }
    let output = command.output().map_err(|error| match &user {
        Some(user) => format!("the user {} cannot run it ({error})", user.name()),
        None => format!("cannot be run ({error})"),
    })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match Version::find_in(&text) {
        Some(version) if output.status.success() => Ok(version),
        _ => Err(format!(
            "--version failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

/// Where a server may lie: a name for people and the folders in the order of preference.
fn places(server: Server) -> Vec<(String, Vec<PathBuf>)> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
    let bin = |folder: PathBuf| folder.join("bin");
    let usual = match server {
        Server::Postgres => newest_first(Path::new("/usr/lib/postgresql"), "").into_iter().map(bin).collect(),
        Server::Nats | Server::PgBouncer | Server::Valkey | Server::Prometheus => {
            ["/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin"].map(PathBuf::from).to_vec()
        }
    };
    let cached = |cache: &Path| {
        let folders = newest_first(cache, prefix(server));
        if server == Server::Postgres { folders.into_iter().map(bin).collect() } else { folders }
    };
    let (cache, system) = (cache_folder(), Path::new(SYSTEM_CACHE));
    let usual_name = match server {
        Server::Postgres => "/usr/lib/postgresql/*/bin",
        Server::Nats | Server::PgBouncer | Server::Valkey | Server::Prometheus => {
            "/usr/local/bin, /usr/bin, /usr/local/sbin, /usr/sbin"
        }
    };
    let mut places = vec![
        ("PATH".to_owned(), on_path),
        (usual_name.to_owned(), usual),
        (format!("the cache {}", cache.display()), cached(&cache)),
    ];
    // What root fetched serves all users, unless a cache is set.
    if cache != system && env::var_os("UNDERPIN_CACHE").is_none() {
        places.push((format!("the cache {SYSTEM_CACHE}"), cached(system)));
    }
    places
}
