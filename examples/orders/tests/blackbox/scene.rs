//! What every test of a whole orders service begins with: a database, a NATS server, and a place for files.

use tokio::runtime::Runtime;
use underpin_testkit::{NatsServer, PostgresDatabase, PostgresServer};

use crate::BINARY;
use crate::support::Service;

/// Ends in this order, after the services that use it.
pub(crate) struct Scene<D> {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) nats: NatsServer,
    pub(crate) database: D,
    pub(crate) url: String,
    runtime: Runtime,
}

impl Scene<PostgresDatabase> {
    /// A database on a PostgreSQL that other tests use, too.
    pub(crate) fn set() -> Self {
        let runtime = Runtime::new().unwrap();
        let database = runtime.block_on(PostgresDatabase::fresh());
        let url = database.url().to_owned();
        Self::with(runtime, database, url)
    }
}

impl Scene<PostgresServer> {
    /// A PostgreSQL of its own, which may be killed.
    pub(crate) fn set_with_a_server() -> Self {
        let runtime = Runtime::new().unwrap();
        let database = runtime.block_on(PostgresServer::private());
        let url = database.url().to_owned();
        Self::with(runtime, database, url)
    }
}

impl<D> Scene<D> {
    fn with(runtime: Runtime, database: D, url: String) -> Self {
        let nats = runtime.block_on(NatsServer::private());
        Self { folder: tempfile::tempdir().unwrap(), nats, database, url, runtime }
    }

    /// Starts a service and waits until it listens.
    pub(crate) fn start(&self) -> Service {
        self.start_with(&[])
    }

    /// The same with further variables.
    pub(crate) fn start_with(&self, more: &[(&str, &str)]) -> Service {
        Service::start(BINARY, self.folder.path(), &[&self.variables(), more].concat())
    }

    /// The variables that name its servers.
    pub(crate) fn variables(&self) -> [(&str, &str); 2] {
        [("DATABASE_URL", &self.url), ("NATS_URL", self.nats.url())]
    }

    /// Waits for something that a server is told to do.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}
