use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::Signal;

use crate::blocking::blocking;
use crate::error::TestkitError;
use crate::owned::OwnedServer;

/// A server that belongs to one test. Its methods wait on a thread for blocking work.
#[derive(Debug)]
pub(crate) struct PrivateServer(Arc<Mutex<OwnedServer>>);

impl PrivateServer {
    pub(crate) fn new(server: OwnedServer) -> Self {
        Self(Arc::new(Mutex::new(server)))
    }

    pub(crate) fn is_running(&self) -> bool {
        self.lock().is_running()
    }

    pub(crate) fn log(&self) -> String {
        self.lock().log()
    }

    /// SIGKILL; returns when it is gone.
    pub(crate) async fn kill(&self) {
        self.with(OwnedServer::kill).await;
    }

    /// An orderly end through `signal`; returns when it is gone.
    pub(crate) async fn stop(&self, signal: Signal) {
        self.with(move |server| server.stop(signal)).await;
    }

    /// Starts it on the same port and data, and stops it through `signal` before if it runs.
    pub(crate) async fn restart(&self, signal: Signal) -> Result<(), TestkitError> {
        let restarted = self.with(move |server| {
            server.stop(signal);
            server.start()
        });
        restarted.await
    }

    pub(crate) async fn pause(&self) {
        self.with(|server| server.pause()).await;
    }

    pub(crate) async fn resume(&self) {
        self.with(|server| server.resume()).await;
    }

    pub(crate) async fn signal_usr2(&self) {
        self.with(|server| server.signal_usr2()).await;
    }

    /// Ends the server and removes its data.
    pub(crate) fn close(&self) {
        self.lock().close();
    }

    fn lock(&self) -> MutexGuard<'_, OwnedServer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn with<T: Send + 'static>(&self, work: impl FnOnce(&mut OwnedServer) -> T + Send + 'static) -> T {
        let server = Arc::clone(&self.0);
        blocking(move || work(&mut server.lock().unwrap_or_else(PoisonError::into_inner))).await
    }
}
