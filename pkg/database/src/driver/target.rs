use std::fmt;

use sqlx::ConnectOptions as _;

use super::connection::Connection;
use crate::{
    Backend, Condition, DatabaseError,
    error::Stage,
    settings::{DatabaseSettings, DatabaseUrl},
};

/// Where and how connections are opened. Never printed: it holds the password.
#[derive(Clone)]
pub(crate) enum Target {
    #[cfg(feature = "postgres")]
    Postgres(sqlx::postgres::PgConnectOptions),
    #[cfg(feature = "sqlite")]
    Sqlite { options: sqlx::sqlite::SqliteConnectOptions, memory: bool },
}

impl Target {
    pub(crate) fn new(settings: &DatabaseSettings) -> Result<Self, DatabaseError> {
        let url = DatabaseUrl::parse(settings.url.expose()).map_err(|problem| {
            DatabaseError::said(Condition::Configuration, format!("the database URL {problem}"))
        })?;
        match url {
            #[cfg(feature = "postgres")]
            DatabaseUrl::Postgres(url) => Ok(Self::Postgres(super::postgres::options(&url, settings))),
            #[cfg(feature = "sqlite")]
            DatabaseUrl::Sqlite(url) => Ok(Self::Sqlite {
                memory: url.place == crate::settings::SqlitePlace::Memory,
                options: super::sqlite::options(&url, settings),
            }),
            #[cfg(not(all(feature = "postgres", feature = "sqlite")))]
            _ => Err(DatabaseError::said(
                Condition::Configuration,
                "the database URL names a backend that was not compiled in",
            )),
        }
    }

    pub(crate) fn backend(&self) -> Backend {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Backend::Postgres,
            #[cfg(feature = "sqlite")]
            Self::Sqlite { .. } => Backend::Sqlite,
        }
    }

    /// The data lives and dies with its only connection.
    pub(crate) fn is_memory(&self) -> bool {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => false,
            #[cfg(feature = "sqlite")]
            Self::Sqlite { memory, .. } => *memory,
        }
    }

    /// Opens one connection, without a limit on time.
    pub(crate) async fn open(&self) -> Result<Connection, DatabaseError> {
        let opened = match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(options) => {
                options.connect().await.map(|conn| Connection::Postgres { conn, identity: None })
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite { options, .. } => options.connect().await.map(Connection::Sqlite),
        };
        opened.map_err(|error| DatabaseError::sqlx(error, Stage::Before))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("backend", &self.backend()).finish_non_exhaustive()
    }
}
