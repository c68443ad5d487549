use std::str::FromStr;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};

use crate::error::TestkitError;

/// One connection of a role that may create databases.
#[derive(Debug)]
pub(crate) struct Admin {
    connection: PgConnection,
}

impl Admin {
    pub(crate) async fn connect(url: &str) -> Result<Self, TestkitError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|source| sql("cannot read the URL of the server", source))?;
        let options = options.application_name("underpin-testkit").disable_statement_logging();
        let limit = Duration::from_secs(30);
        let connection = tokio::time::timeout(limit, options.connect())
            .await
            .unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
            .map_err(|source| sql("cannot connect to the server", source))?;
        Ok(Self { connection })
    }

    /// `15.18 (Debian 15.18-0+deb12u1)`.
    pub(crate) async fn version(&mut self) -> Result<String, TestkitError> {
        let row = sqlx::query("SHOW server_version").fetch_one(&mut self.connection).await;
        row.and_then(|row| row.try_get(0)).map_err(|source| sql("cannot ask for the version", source))
    }

    /// Creates an empty database. `quick` copies the files of the template, which costs two checkpoints: cheap on a
    /// server that does not sync, dear on any other.
    pub(crate) async fn create(&mut self, name: &str, quick: bool) -> Result<(), TestkitError> {
        let new_enough = self.connection.server_version_num().is_some_and(|version| version >= 150_000);
        let strategy = if quick && new_enough { " STRATEGY FILE_COPY" } else { "" };
        let statement = format!("CREATE DATABASE \"{name}\" TEMPLATE template0{strategy}");
        self.run(statement).await.map_err(|source| {
            let may_not =
                source.as_database_error().and_then(DatabaseError::code).is_some_and(|code| code == "42501");
            if may_not {
                let reason =
                    "its role may not create databases (ALTER ROLE ... CREATEDB allows it)".to_owned();
                TestkitError::Given { variable: "DATABASE_URL", reason }
            } else {
                sql("cannot create a database", source)
            }
        })
    }

    /// Drops a database, also while connections to it are open.
    pub(crate) async fn drop_database(&mut self, name: &str) -> Result<(), TestkitError> {
        let statement = format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)");
        self.run(statement).await.map_err(|source| sql("cannot drop the database", source))
    }

    /// Drops what killed tests left behind on a server that outlives them: databases of the test kit that are older than
    /// `age` and have no connection.
    pub(crate) async fn sweep(&mut self, age: Duration) -> Result<(), TestkitError> {
        // The name carries the second of its birth: underpin_test_<seconds>_<random>.
        let statement = "SELECT datname FROM pg_database WHERE datname ~ '^underpin_test_[0-9]{1,12}_[0-9a-f]+$' \
            AND split_part(datname, '_', 3)::bigint < extract(epoch FROM now()) - $1 \
            AND datname NOT IN (SELECT datname FROM pg_stat_activity WHERE datname IS NOT NULL)";
        let seconds = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        let rows = sqlx::query(statement).bind(seconds).fetch_all(&mut self.connection).await;
        for row in rows.map_err(|source| sql("cannot look for old databases", source))? {
            let name: String =
                row.try_get(0).map_err(|source| sql("cannot read the name of a database", source))?;
            // Another test process may be faster, or the database another role's: it is only a courtesy.
            let _not_ours = self.run(format!("DROP DATABASE IF EXISTS \"{name}\"")).await;
        }
        Ok(())
    }

    pub(crate) async fn close(self) {
        // The server drops a connection that is not closed politely all the same.
        let _closed = self.connection.close().await;
    }

    async fn run(&mut self, statement: String) -> Result<(), sqlx::Error> {
        // Names are made by the test kit from digits and letters; identifiers cannot be bound.
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut self.connection).await.map(|_| ())
    }
}

fn sql(context: &str, source: sqlx::Error) -> TestkitError {
    TestkitError::Sql { context: context.to_owned(), source }
}
