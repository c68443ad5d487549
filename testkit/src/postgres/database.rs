use std::sync::Once;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::blocking::blocking;
use crate::error::{TestkitError, or_fail};
use crate::port::random_text;
use crate::postgres::admin::Admin;
use crate::postgres::shared::{Origin, Shared};
use crate::record;
use crate::url::UrlParts;

/// A fresh, empty database that disappears with the value.
///
/// All databases of a run lie on one server: the one of `DATABASE_URL`, or one that the first test starts and that ends
/// with the outermost cargo. Encoding UTF8, template `template0`, time zone UTC.
///
/// ```
/// # async fn run() {
/// use underpin_testkit::PostgresDatabase;
///
/// let database = PostgresDatabase::fresh().await;
/// assert!(database.url().starts_with("postgres"));
/// # }
/// ```
#[derive(Debug)]
pub struct PostgresDatabase {
    name: String,
    url: String,
    server: Shared,
}

/// No test takes that long.
const STALE: Duration = Duration::from_secs(6 * 60 * 60);

impl PostgresDatabase {
    /// Creates one; some 30 ms, and a second for the first of a run.
    ///
    /// # Panics
    /// When no server can be had; the message names every remedy.
    pub async fn fresh() -> Self {
        or_fail(Self::try_fresh().await)
    }

    /// Creates one.
    ///
    /// # Errors
    /// [`TestkitError::NotFound`] without a server; [`TestkitError::Given`] when the role of `DATABASE_URL` may not
    /// create databases; [`TestkitError::Start`], [`TestkitError::Io`] and [`TestkitError::Sql`] as they say.
    ///
    /// # Cancel safety
    /// A database whose creation was under way may stay behind until its server ends.
    pub async fn try_fresh() -> Result<Self, TestkitError> {
        let server = blocking(Shared::get).await?;
        let given = server.origin == Origin::Given;
        let mut admin = Admin::connect(&server.url).await?;
        let name = new_name()?;
        admin.create(&name, !given).await?;
        if given {
            static SWEPT: Once = Once::new();
            let mut first = false;
            SWEPT.call_once(|| first = true);
            if first {
                admin.sweep(STALE).await?;
            }
            record::used(&format!("PostgreSQL {} (DATABASE_URL)", admin.version().await?));
        }
        admin.close().await;
        let url = with_database(&server.url, &name);
        Ok(Self { name, url, server })
    }

    /// `postgres://role:password@host:port/database`, with what else `DATABASE_URL` carried.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for PostgresDatabase {
    /// Drops the database and waits for it, also when a connection to it is still open.
    ///
    /// In a new thread, because this may run inside a runtime or while one shuts down.
    fn drop(&mut self) {
        let (url, name) = (self.server.url.clone(), std::mem::take(&mut self.name));
        let dropped = std::thread::spawn(move || drop_database(&url, &name)).join();
        if let Ok(Err(error)) = dropped {
            note(&error);
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "a destructor cannot return an error; the harness shows it if the test fails"
)]
fn note(error: &TestkitError) {
    eprintln!("underpin-testkit: {}", error.explain());
}

fn drop_database(url: &str, name: &str) -> Result<(), TestkitError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime
        .map_err(|source| TestkitError::Io { context: "cannot build a runtime".to_owned(), source })?;
    runtime.block_on(async {
        let work = async {
            let mut admin = Admin::connect(url).await?;
            admin.drop_database(name).await?;
            admin.close().await;
            Ok(())
        };
        tokio::time::timeout(Duration::from_secs(10), work).await.unwrap_or_else(|elapsed| {
            Err(TestkitError::Io { context: format!("cannot drop {name}"), source: elapsed.into() })
        })
    })
}

/// `underpin_test_<seconds>_<random>`: unique, and old ones can be told on a server that outlives the run.
fn new_name() -> Result<String, TestkitError> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Ok(format!("underpin_test_{seconds}_{}", random_text::<6>()?))
}

/// Replaces the path of the URL and keeps its parameters.
fn with_database(url: &str, name: &str) -> String {
    let UrlParts { before, host, after } = UrlParts::of(url);
    let parameters = after.find('?').and_then(|at| after.get(at..)).unwrap_or_default();
    format!("{before}{host}/{name}{parameters}")
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn only_the_database_of_the_url_changes() {
        for (url, expected) in [
            ("postgres://u:p@h:5432/app", "postgres://u:p@h:5432/new"),
            ("postgres://u:p@h", "postgres://u:p@h/new"),
            ("postgres://u@h/?sslmode=disable", "postgres://u@h/new?sslmode=disable"),
            ("postgresql:///app?host=/run/pg", "postgresql:///new?host=/run/pg"),
        ] {
            assert_eq!(with_database(url, "new"), expected);
        }
    }
}
