use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::error::{Server, TestkitError};
use crate::postgres::template::Template;
use crate::postgres::{container, local};
use crate::process::ProcessId;
use crate::run::{Locked, Run};
use crate::source::Source;
use crate::supervisor::Lifetime;
use crate::{data_dir, record};

/// The server on which the databases of this run are created.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    /// A role that may create databases.
    pub(crate) url: String,
    pub(crate) origin: Origin,
}

/// Where the server of a run comes from. What is not given disappears with the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `DATABASE_URL`.
    Given,
    /// A local binary.
    Local(ProcessId),
    /// A container.
    Container,
}

impl Shared {
    /// The server of this run: `DATABASE_URL` if set, else one local server that the first test process starts.
    pub(crate) fn get() -> Result<Self, TestkitError> {
        // Held while the server starts, so that the tests of this process start one server and not eight.
        static FOUND: Mutex<Option<Shared>> = Mutex::new(None);
        let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
        match &*found {
            Some(shared) if shared.is_alive() => Ok(shared.clone()),
            _ => Ok(found.insert(Self::find()?).clone()),
        }
    }

    fn find() -> Result<Self, TestkitError> {
        if let Some(url) = given()? {
            return Ok(Self { url, origin: Origin::Given });
        }
        let run = Run::current()?;
        let locked = run.lock()?;
        let state = locked.folder().join("postgres");
        if let Some(shared) = Self::read(&state).filter(Self::is_alive) {
            return Ok(shared);
        }
        let shared = Self::start(&locked)?;
        data_dir::write(&state, &shared.to_text())?;
        Ok(shared)
    }

    fn start(run: &Locked<'_>) -> Result<Self, TestkitError> {
        let program = match Source::find(Server::Postgres)? {
            Source::Local(program) => program,
            Source::Container => {
                let cluster = container::start(Lifetime::Of(run.owner()), &[])?;
                record::used("PostgreSQL in a container, one server for the run");
                return Ok(Self { url: cluster.url, origin: Origin::Container });
            }
        };
        let template = Template::of_run(&program, run)?;
        let cluster = local::start(&program, &template, Lifetime::Of(run.owner()), &[])?;
        let process = cluster.server.process().ok_or_else(|| TestkitError::Start {
            server: Server::Postgres,
            reason: "it ended at once".to_owned(),
            log: String::new(),
        })?;
        record::used(&format!("{program}, one server for the run"));
        Ok(Self { url: cluster.url, origin: Origin::Local(process) })
    }

    /// What is not a process of ours is not ours to watch: a connection shows whether it is there.
    fn is_alive(&self) -> bool {
        self.process().is_none_or(ProcessId::is_alive)
    }

    fn process(&self) -> Option<ProcessId> {
        if let Origin::Local(process) = self.origin { Some(process) } else { None }
    }

    /// What the other test processes of the run read: `<process> <url>`.
    fn to_text(&self) -> String {
        let process = self.process().map_or_else(|| "elsewhere".to_owned(), |process| process.to_string());
        format!("{process} {}\n", self.url)
    }

    fn read(state: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(state).ok()?;
        let (process, url) = text.trim().split_once(' ')?;
        if process == "elsewhere" {
            return Some(Self { url: url.to_owned(), origin: Origin::Container });
        }
        Some(Self { url: url.to_owned(), origin: Origin::Local(process.parse().ok()?) })
    }
}

/// `DATABASE_URL`, which must name a PostgreSQL if it is set: to use another server in silence would be a surprise.
fn given() -> Result<Option<String>, TestkitError> {
    let Some(url) = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty()) else { return Ok(None) };
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Some(url));
    }
    let reason = "it does not begin with postgres:// (unset it, and the test kit starts a server)".to_owned();
    Err(TestkitError::Given { variable: "DATABASE_URL", reason })
}
