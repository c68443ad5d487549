//! Pool, bus, outbox and consumers as components, on SQLite and the bus in memory.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use underpin_database::migrate::{Migration, Migrations};
use underpin_database::{
    DatabaseError, DatabaseExt as _, DatabaseSettings, Executor as _, Pool, TxOptions, connect, sql,
};
use underpin_errors::{HealthStatus, Report};
use underpin_events::{Delivery, Event, EventHandler, Outcome, SubscribeOptions};
use underpin_logger::testing::CaptureLogger;
use underpin_logger::{Level, NoopLogger};
use underpin_outbox::{Inbox, Outbox, OutboxError};
use underpin_service::testing::TestService;
use underpin_service::{Bus, Component, Deadline, Ended, LifecycleSettings, Start, Stopped};

/// One row for each event that was handled.
fn tables() -> Migrations {
    Migrations::new("test").step(Migration::new("0001_seen", "CREATE TABLE seen (step TEXT, id TEXT)"))
}

/// Writes a row for each event, and for `follow` an event in the same transaction.
struct Step {
    name: &'static str,
    follow: Option<&'static str>,
    database: Pool,
    outbox: Outbox,
}

#[async_trait]
impl EventHandler for Step {
    async fn handle(&self, delivery: Delivery) -> Outcome {
        let (id, event) = (delivery.event().subject().unwrap_or_default(), delivery.event());
        let write = |tx| async move {
            tx_execute(&tx, self.name, id).await?;
            if let Some(follow) = self.follow {
                let next = Event::builder(follow, "/test").subject(id).build().unwrap();
                self.outbox.enqueue(&tx, &next).await?;
            }
            Ok::<_, OutboxError>(())
        };
        match Inbox::default().once(&self.database, self.name, event, write).await {
            Ok(_) => Outcome::ack(),
            Err(error) => Outcome::retry(Report(&error).to_string()),
        }
    }
}

async fn tx_execute(tx: &underpin_database::Transaction, step: &str, id: &str) -> Result<(), OutboxError> {
    let insert = tx.execute(sql("INSERT INTO seen VALUES ($1, $2)", [step.into(), id.into()])).await;
    insert.map(drop).map_err(|source: DatabaseError| OutboxError::Database { operation: "write", source })
}

async fn enqueue(database: &Pool, outbox: &Outbox, id: &str) {
    let event = &Event::builder("step.one", "/test").subject(id).build().unwrap();
    let write = |tx| async move { outbox.enqueue(&tx, event).await };
    database.transaction::<_, OutboxError, _, _>(TxOptions::default(), write).await.unwrap();
}

/// Traffic that is asked to stop and writes its last event a moment later, as a request in flight does.
struct LateWriter {
    database: Pool,
    outbox: Outbox,
}

#[async_trait]
impl Component for LateWriter {
    fn name(&self) -> &str {
        "http"
    }

    async fn stop(&self, _: Deadline) -> Stopped {
        tokio::time::sleep(Duration::from_millis(200)).await;
        enqueue(&self.database, &self.outbox, "late").await;
        Stopped::Clean
    }
}

async fn build(
    start: &mut Start<DatabaseSettings>,
    handle: &Mutex<Option<(Pool, Outbox)>>,
) -> Result<(), underpin_errors::Error> {
    let settings = start.settings();
    let database = start.plugin(underpin_service::database(&settings).migrate(tables())).await?;
    let bus = start.plugin(Bus::embedded()).await?;
    let outbox = start.part(underpin_service::outbox(&database, &bus)).await?;
    for (name, ty, follow) in [("one", "step.one", Some("step.two")), ("two", "step.two", None)] {
        let step = Step { name, follow, database: database.clone(), outbox: outbox.clone() };
        start.traffic(bus.consumer(SubscribeOptions::new(name).types([ty]), step));
    }
    start.traffic(LateWriter { database: database.clone(), outbox: outbox.clone() });
    *handle.lock().unwrap() = Some((database, outbox));
    Ok(())
}

fn at(file: &Path) -> DatabaseSettings {
    DatabaseSettings::new(format!("sqlite:{}", file.display()))
}

/// The rows of a step, once the service has ended.
async fn seen(file: &Path, step: &str) -> Vec<String> {
    let pool = connect(&at(file), Arc::new(NoopLogger)).await.unwrap();
    let rows =
        pool.query_all(sql("SELECT id FROM seen WHERE step = $1 ORDER BY id", [step.into()])).await.unwrap();
    let ids = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    pool.close(Duration::from_secs(10)).await;
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_what_requests_wrote_last_and_what_consumers_wrote_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data/test.db");
    let log = CaptureLogger::new();
    let handle = Mutex::new(None);
    let ended = TestService::new(at(&file))
        .lifecycle(LifecycleSettings::default().stop_within(Duration::from_secs(60)))
        .log(Arc::new(log.clone()))
        .run(
            async |start| build(start, &handle).await,
            async |service| {
                let (database, outbox) = handle.lock().unwrap().take().unwrap();
                for id in 0..20 {
                    enqueue(&database, &outbox, &format!("{id:02}")).await;
                }
                let health = service.health().await;
                for component in ["database", "events", "outbox", "one", "two"] {
                    assert_eq!(health.components[component].status, HealthStatus::Up, "{component}");
                }
            },
        )
        .await;
    assert!(matches!(&ended, Ended::Clean { cut } if cut.is_empty()), "{ended:?}");
    let drained = log.assert_logged(Level::Info, "events drained");
    let left = [drained.tag("events_in_outbox"), drained.tag("events_on_bus")];
    assert_eq!((drained.tag("drained"), left), (Some("true"), [Some("0"), Some("0")]), "{log}");
    let all: Vec<String> = (0..20).map(|id| format!("{id:02}")).chain(["late".to_owned()]).collect();
    assert_eq!((seen(&file, "one").await, seen(&file, "two").await), (all.clone(), all));
    assert!(file.with_extension("db.events").exists(), "the journal lies beside the file");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stop_has_no_time_for_is_finished_by_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.db");
    let handle = Mutex::new(None);
    let short = LifecycleSettings::default().stop_within(Duration::from_millis(300));
    let ended = TestService::new(at(&file))
        .lifecycle(short)
        .run(
            async |start| build(start, &handle).await,
            async |_| {
                let (database, outbox) = handle.lock().unwrap().clone().unwrap();
                for id in 0..200 {
                    enqueue(&database, &outbox, &format!("{id:03}")).await;
                }
            },
        )
        .await;
    assert!(matches!(ended, Ended::Clean { .. }), "{ended:?}");
    drop(handle);

    let handle = Mutex::new(None);
    let ended = TestService::new(at(&file))
        .lifecycle(LifecycleSettings::default().stop_within(Duration::from_secs(60)))
        .run(async |start| build(start, &handle).await, async |_| ())
        .await;
    assert!(matches!(ended, Ended::Clean { .. }), "{ended:?}");
    let (one, two) = (seen(&file, "one").await, seen(&file, "two").await);
    let firsts: Vec<String> = (0..200).map(|id| format!("{id:03}")).collect();
    let without_late = |ids: &[String]| ids.iter().filter(|id| *id != "late").cloned().collect::<Vec<_>>();
    assert_eq!((without_late(&one), without_late(&two)), (firsts.clone(), firsts));
    assert_eq!(one, two);
}

#[tokio::test]
async fn a_bus_in_memory_without_a_place_for_its_journal_is_refused() {
    let ended = TestService::new(())
        .run(
            async |start| {
                start.plugin(Bus::embedded()).await?;
                Ok(())
            },
            async |_| panic!("it starts"),
        )
        .await;
    let Ended::Failed { error, .. } = ended else { panic!("{ended:?}") };
    assert!(error.report().to_string().contains("open the database before the bus"), "{error:?}");
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_names_its_setting() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data"), "a file where a folder should be").unwrap();
    let ended = TestService::new(at(&folder.path().join("data/test.db")))
        .run(
            async |start| {
                let settings = start.settings();
                start.plugin(underpin_service::database(&settings)).await.map(drop)
            },
            async |_| panic!("it starts"),
        )
        .await;
    let Ended::Failed { error, .. } = ended else { panic!("{ended:?}") };
    let text = error.report().to_string();
    assert!(text.contains("DATABASE_URL") && text.contains("data"), "{text}");
}
