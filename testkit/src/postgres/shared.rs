use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::error::{Server, TestkitError};
use crate::guardian::Life;
use crate::postgres::local;
use crate::postgres::template::Template;
use crate::process::ProcessId;
use crate::program::Program;
use crate::run::Run;
use crate::{place, record};

/// The server on which the databases of this run are created.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    /// A role that may create databases.
    pub(crate) url: String,
    /// Whether it was started by the test kit: then it disappears with the run.
    pub(crate) process: Option<ProcessId>,
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
            return Ok(Self { url, process: None });
        }
        let run = Run::current()?;
        let locked = run.lock()?;
        let state = locked.folder().join("postgres");
        if let Some(shared) = Self::read(&state).filter(Self::is_alive) {
            return Ok(shared);
        }
        let program = Program::find(Server::Postgres)?;
        let template = Template::of_run(&program, &locked)?;
        let cluster = local::start(&program, &template, Life::Of(locked.owner()), &[])?;
        if let Some(process) = cluster.server.process() {
            place::write(&state, &format!("{process} {}\n", cluster.url))?;
        }
        record::used(&format!("{program}, one server for the run"));
        Ok(Self { process: cluster.server.process(), url: cluster.url })
    }

    fn is_alive(&self) -> bool {
        self.process.is_none_or(ProcessId::is_alive)
    }

    fn read(state: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(state).ok()?;
        let (process, url) = text.trim().split_once(' ')?;
        Some(Self { url: url.to_owned(), process: Some(process.parse().ok()?) })
    }
}

/// `DATABASE_URL`, which must name a PostgreSQL if it is set: to use another server in silence would be a surprise.
fn given() -> Result<Option<String>, TestkitError> {
    let Some(url) = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty()) else { return Ok(None) };
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Some(url));
    }
    let reason = "it does not begin with postgres:// (unset it, and the test kit starts a server of its own)"
        .to_owned();
    Err(TestkitError::Given { variable: "DATABASE_URL", reason })
}
