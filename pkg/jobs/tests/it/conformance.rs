//! The suite over PostgreSQL, SQLite and memory.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use underpin_jobs::Jobs;
use underpin_jobs::conformance::Harness;
use underpin_jobs::store::{MemoryJobStore, Store};

use crate::support::TestDatabase;

pub(crate) struct Memory(Arc<MemoryJobStore>);

#[async_trait]
impl Harness for Memory {
    async fn start() -> Self {
        Self(Arc::default())
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::<MemoryJobStore>::clone(&self.0)
    }

    async fn pass(&self, by: Duration) {
        self.0.advance(by);
    }
}

pub(crate) struct Postgres(TestDatabase, Jobs);

#[async_trait]
impl Harness for Postgres {
    async fn start() -> Self {
        let database = TestDatabase::postgres().await;
        let jobs = database.jobs().await;
        Self(database, jobs)
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(self.1.store())
    }

    async fn pass(&self, by: Duration) {
        let by = format!("interval '{} milliseconds'", by.as_millis());
        pass(&self.0, &by).await;
    }
}

pub(crate) struct Sqlite(TestDatabase, Jobs);

#[async_trait]
impl Harness for Sqlite {
    async fn start() -> Self {
        let database = TestDatabase::sqlite().await;
        let jobs = database.jobs().await;
        Self(database, jobs)
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(self.1.store())
    }

    async fn pass(&self, by: Duration) {
        pass(&self.0, &by.as_millis().to_string()).await;
    }
}

/// Moves everything into the past.
async fn pass(database: &TestDatabase, by: &str) {
    let text = format!(
        "UPDATE underpin_job SET due = due - {by}, rank = rank - {by}, lease_until = lease_until - {by}, \
         enqueued_at = enqueued_at - {by}; \
         UPDATE underpin_job_history SET ended_at = ended_at - {by}; \
         UPDATE underpin_job_unique SET until = until - {by}"
    );
    database.pool.batch(&text).await.unwrap();
}

mod memory {
    use super::Memory;

    underpin_jobs::conformance_tests!(Memory);
}

mod postgres {
    use super::Postgres;

    underpin_jobs::conformance_tests!(Postgres);
}

mod sqlite {
    use super::Sqlite;

    underpin_jobs::conformance_tests!(Sqlite);
}
