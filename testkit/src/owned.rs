use rustix::process::Signal;

use crate::container::Container;
use crate::error::TestkitError;
use crate::process::ProcessId;
use crate::server::LocalServer;

/// A server that was started here: a process, or a container.
#[derive(Debug)]
pub(crate) enum OwnedServer {
    Process(LocalServer),
    Container(Container),
}

impl OwnedServer {
    pub(crate) fn port(&self) -> u16 {
        match self {
            Self::Process(server) => server.port(),
            Self::Container(container) => container.port(),
        }
    }

    /// `None` for a container.
    pub(crate) fn process(&self) -> Option<ProcessId> {
        if let Self::Process(server) = self { server.process() } else { None }
    }

    pub(crate) fn log(&self) -> String {
        match self {
            Self::Process(server) => server.log(),
            Self::Container(container) => container.log(),
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        match self {
            Self::Process(server) => server.is_running(),
            Self::Container(container) => container.is_running(),
        }
    }

    /// SIGKILL for the server and its children; returns when they are gone.
    pub(crate) fn kill(&mut self) {
        match self {
            Self::Process(server) => server.kill(),
            Self::Container(container) => container.end("KILL"),
        }
    }

    /// An orderly end through `signal`.
    pub(crate) fn stop(&mut self, signal: Signal) {
        match self {
            Self::Process(server) => server.stop(signal),
            Self::Container(container) => container.end(if signal == Signal::INT { "INT" } else { "TERM" }),
        }
    }

    /// Starts it again on the same port and data; does nothing when it runs.
    pub(crate) fn start(&mut self) -> Result<(), TestkitError> {
        match self {
            Self::Process(server) => server.start(),
            Self::Container(container) => container.start(),
        }
    }

    /// Sends SIGUSR2 and does not wait for its effect.
    pub(crate) fn signal_usr2(&self) {
        match self {
            Self::Process(server) => server.signal(Signal::USR2),
            Self::Container(container) => container.signal("USR2"),
        }
    }

    /// Stops every process, so that connections stay open and get no answer.
    pub(crate) fn pause(&self) {
        match self {
            Self::Process(server) => server.pause(),
            Self::Container(container) => container.pause(),
        }
    }

    pub(crate) fn resume(&self) {
        match self {
            Self::Process(server) => server.resume(),
            Self::Container(container) => container.resume(),
        }
    }

    /// Ends the server and removes its data.
    pub(crate) fn close(&mut self) {
        match self {
            Self::Process(server) => server.close(),
            Self::Container(container) => container.close(),
        }
    }
}
