//! The same components over JetStream: what the last consumer wrote, and a server that is gone.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::Instant;
use underpin_database::{DatabaseExt as _, DatabaseSettings, Pool, TxOptions, connect};
use underpin_errors::{HealthStatus, Report};
use underpin_events::jetstream::JetStreamSettings;
use underpin_events::{Delivery, Event, EventHandler, Outcome, SubscribeOptions};
use underpin_logger::NoopLogger;
use underpin_outbox::{Outbox, OutboxError};
use underpin_service::testing::TestService;
use underpin_service::{Bus, Ended, LifecycleSettings};
use underpin_testkit::{NatsServer, eventually};

const LIMIT: Duration = Duration::from_secs(60);

async fn enqueue(database: &Pool, outbox: &Outbox, ty: &str) -> Result<(), OutboxError> {
    let event = &Event::builder(ty, "/test").subject("42").build().unwrap();
    database.transaction(TxOptions::default(), |tx| async move { outbox.enqueue(&tx, event).await }).await
}

/// Is at work when the service stops, and writes an event before it ends.
struct Slow {
    database: Pool,
    outbox: Outbox,
    began: Arc<Notify>,
}

#[async_trait]
impl EventHandler for Slow {
    async fn handle(&self, _: Delivery) -> Outcome {
        self.began.notify_one();
        tokio::time::sleep(Duration::from_millis(300)).await;
        match enqueue(&self.database, &self.outbox, "step.two").await {
            Ok(()) => Outcome::ack(),
            Err(error) => Outcome::retry(Report(&error).to_string()),
        }
    }
}

fn at(folder: &tempfile::TempDir) -> DatabaseSettings {
    DatabaseSettings::new(format!("sqlite:{}", folder.path().join("test.db").display()))
}

async fn waiting(settings: &DatabaseSettings) -> u64 {
    let pool = connect(settings, Arc::new(NoopLogger)).await.unwrap();
    let lag = Outbox::default().lag(&pool).await.unwrap();
    pool.close(LIMIT).await;
    lag.waiting
}

#[tokio::test(flavor = "multi_thread")]
async fn the_closing_relay_publishes_what_the_last_consumer_wrote() {
    let (server, folder) = (NatsServer::private().await, tempfile::tempdir().unwrap());
    let events = JetStreamSettings::new(server.url());
    let (began, handle) = (Arc::new(Notify::new()), Mutex::new(None));
    let signal = Arc::clone(&began);
    let ended = TestService::new(at(&folder))
        .lifecycle(LifecycleSettings::default().stop_within(LIMIT))
        .run(
            async |start| {
                let settings = start.settings();
                let database = start.plugin(underpin_service::database(&settings)).await?;
                let bus = start.plugin(Bus::open(&events)).await?;
                assert!(bus.jetstream().is_some() && !bus.is_embedded());
                let outbox = start.part(underpin_service::outbox(&database, &bus)).await?;
                let slow = Slow { database: database.clone(), outbox: outbox.clone(), began: signal };
                start.traffic(bus.consumer(SubscribeOptions::new("slow").types(["step.one"]), slow));
                *handle.lock().unwrap() = Some((database, outbox));
                Ok(())
            },
            async |_| {
                let (database, outbox) = handle.lock().unwrap().clone().unwrap();
                enqueue(&database, &outbox, "step.one").await.unwrap();
                tokio::time::timeout(LIMIT, began.notified()).await.unwrap();
            },
        )
        .await;
    assert!(matches!(&ended, Ended::Clean { cut } if cut.is_empty()), "{ended:?}");
    drop(handle);
    assert_eq!(waiting(&at(&folder)).await, 0, "the second event is in JetStream");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_degrades_the_service_and_does_not_hold_up_its_stop() {
    let (server, folder) = (NatsServer::private().await, tempfile::tempdir().unwrap());
    let events = JetStreamSettings::new(server.url());
    let handle = Mutex::new(None);
    let asked = Mutex::new(None);
    let ended = TestService::new(at(&folder))
        .lifecycle(LifecycleSettings::default().stop_within(LIMIT))
        .run(
            async |start| {
                let settings = start.settings();
                let database = start.plugin(underpin_service::database(&settings)).await?;
                let bus = start.plugin(Bus::open(&events)).await?;
                let outbox = start.part(underpin_service::outbox(&database, &bus)).await?;
                *handle.lock().unwrap() = Some((database, outbox));
                Ok(())
            },
            async |service| {
                let (database, outbox) = handle.lock().unwrap().clone().unwrap();
                server.kill().await;
                enqueue(&database, &outbox, "step.one").await.unwrap();
                eventually(LIMIT, "the bus is down", || async {
                    let health = service.health().await;
                    health.status == HealthStatus::Degraded
                        && health.components["events"].status == HealthStatus::Down
                })
                .await;
                *asked.lock().unwrap() = Some(Instant::now());
            },
        )
        .await;
    assert!(matches!(&ended, Ended::Clean { .. }), "{ended:?}");
    let took = asked.lock().unwrap().unwrap().elapsed();
    assert!(took < LIMIT / 2, "it gives up long before its limit: {took:?}");
    drop(handle);
    assert_eq!(waiting(&at(&folder)).await, 1, "the event waits in the outbox");
}
