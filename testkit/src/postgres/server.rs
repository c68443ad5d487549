use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::Signal;

use crate::blocking::blocking;
use crate::error::{Server, TestkitError, or_fail};
use crate::postgres::container;
use crate::postgres::local::{self, Cluster};
use crate::postgres::template::Template;
use crate::process::ProcessId;
use crate::program::Program;
use crate::record;
use crate::run::Run;
use crate::source::Source;
use crate::supervisor::Lifetime;

/// A private PostgreSQL that a test may kill, restart and pause. Port and data stay.
///
/// It runs from local binaries or in a container, also when `DATABASE_URL` is set: the server of that URL is not ours to
/// kill. It ends with the value, and also when the test process is killed. About a second to start.
///
/// ```
/// # async fn run() {
/// use underpin_testkit::PostgresServer;
///
/// let server = PostgresServer::private().await;
/// server.kill().await;
/// server.start().await;
/// # }
/// ```
#[derive(Debug)]
pub struct PostgresServer {
    url: String,
    cluster: Arc<Mutex<Cluster>>,
}

impl PostgresServer {
    /// Starts one.
    ///
    /// # Panics
    /// When there are no local binaries and no container engine; the message names every remedy.
    pub async fn private() -> Self {
        or_fail(Self::try_private(&[]).await)
    }

    /// Starts one with settings of `postgresql.conf`, for example `&[("log_statement", "all")]`.
    ///
    /// # Panics
    /// Like [`private`](Self::private), and when the server refuses a setting.
    pub async fn private_with(settings: &[(&str, &str)]) -> Self {
        or_fail(Self::try_private(settings).await)
    }

    /// Starts one with settings of `postgresql.conf`.
    ///
    /// # Errors
    /// [`TestkitError::NotFound`] without local binaries and container engine, [`TestkitError::Start`] when it does not come up.
    pub async fn try_private(settings: &[(&str, &str)]) -> Result<Self, TestkitError> {
        let settings: Vec<_> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let cluster = blocking(move || {
            let settings: Vec<_> =
                settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let program = match Source::find(Server::Postgres)? {
                Source::Local(program) => program,
                Source::Container => {
                    let cluster = container::start(Lifetime::ThisProcess, &settings)?;
                    record::used("PostgreSQL in a container, private");
                    return Ok(cluster);
                }
            };
            let template = Template::of_run(&program, &Run::current()?.lock()?)?;
            let cluster = local::start(&program, &template, Lifetime::ThisProcess, &settings)?;
            record::used(&format!("{program}, private"));
            Ok(cluster)
        })
        .await?;
        Ok(Self::new(cluster))
    }

    /// Starts a primary and its hot standby: a second server that follows the first by streaming replication and refuses writes.
    ///
    /// Replication is asynchronous: the standby shows a commit a moment later. `pg_wal_replay_pause()` on it makes the moment longer. Local
    /// binaries only.
    ///
    /// # Panics
    /// When there are no local binaries; the message names every remedy.
    pub async fn with_standby() -> (Self, Self) {
        or_fail(Self::try_with_standby().await)
    }

    /// Starts a primary and its hot standby.
    ///
    /// # Errors
    /// [`TestkitError::NotFound`] without local binaries, [`TestkitError::Start`] when one does not come up.
    pub async fn try_with_standby() -> Result<(Self, Self), TestkitError> {
        let [primary, standby] = blocking(|| {
            let program = Program::find(Server::Postgres)?;
            let template = Template::of_run(&program, &Run::current()?.lock()?)?;
            let clusters = local::start_with_standby(&program, &template, Lifetime::ThisProcess)?;
            record::used(&format!("{program}, private, with a standby"));
            Ok::<_, TestkitError>(clusters)
        })
        .await?;
        Ok((Self::new(primary), Self::new(standby)))
    }

    fn new(cluster: Cluster) -> Self {
        Self { url: cluster.url.clone(), cluster: Arc::new(Mutex::new(cluster)) }
    }

    /// The URL of its superuser and its database `postgres`; the same after a restart.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port on the loopback interface; the same after a restart.
    pub fn port(&self) -> u16 {
        self.lock().server.port()
    }

    /// Its processes, the main one first; none for a server in a container.
    pub fn processes(&self) -> Vec<ProcessId> {
        self.lock().server.process().map(ProcessId::family).unwrap_or_default()
    }

    /// Whether its process lives, paused or not.
    pub fn is_running(&self) -> bool {
        self.lock().server.is_running()
    }

    /// What the server has written to its log so far.
    pub fn log(&self) -> String {
        self.lock().server.log()
    }

    /// SIGKILL for the server and every backend; returns when they are gone. What was committed survives.
    pub async fn kill(&self) {
        self.with(|cluster| cluster.server.kill()).await;
    }

    /// A fast shutdown (SIGINT): clients are disconnected with a message; returns when it is gone.
    pub async fn stop(&self) {
        self.with(|cluster| cluster.server.stop(Signal::INT)).await;
    }

    /// Starts it again after [`kill`](Self::kill) or [`stop`](Self::stop); returns when it accepts connections.
    ///
    /// # Panics
    /// When it does not come up; the message shows its log.
    pub async fn start(&self) {
        or_fail(self.with(|cluster| cluster.server.start()).await);
    }

    /// [`stop`](Self::stop) and [`start`](Self::start).
    ///
    /// # Panics
    /// When it does not come up; the message shows its log.
    pub async fn restart(&self) {
        self.stop().await;
        self.start().await;
    }

    /// SIGSTOP for the server and every backend: connections stay open and get no answer.
    pub async fn pause(&self) {
        self.with(|cluster| cluster.server.pause()).await;
    }

    /// Goes on after [`pause`](Self::pause).
    pub async fn resume(&self) {
        self.with(|cluster| cluster.server.resume()).await;
    }

    fn lock(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn with<T: Send + 'static>(&self, work: impl FnOnce(&mut Cluster) -> T + Send + 'static) -> T {
        let cluster = Arc::clone(&self.cluster);
        blocking(move || work(&mut cluster.lock().unwrap_or_else(PoisonError::into_inner))).await
    }
}

impl Drop for PostgresServer {
    /// Stops the server and removes its folder; some 50 ms.
    fn drop(&mut self) {
        self.lock().server.close();
    }
}
