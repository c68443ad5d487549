//! A service inside of the test that uses what the orders service does not: jobs and cron, the store and locks, calls over NATS. Its metrics
//! answer the queries that the orders service has no series for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::{Router, routing::get};
use metrics::counter;
use serde::{Deserialize, Serialize};
use underpin_database::DatabaseSettings;
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_jobs::cron::{CronEntry, Schedule};
use underpin_jobs::{Enqueue, Job, JobOptions, JobOutcome, JobRun, Jobs, Workers, typed_job};
use underpin_logger::{Context, NoopLogger};
use underpin_nats::{Connection, NatsSettings};
use underpin_rpc::nats::NatsRpc;
use underpin_rpc::{Call, CallerExt as _, Host as _, Method, RpcSettings, Running, Service};
use underpin_service::http::standard;
use underpin_service::testing::TestService;
use underpin_service::{Http, HttpSettings, OnEnd, RestartPolicy, Start, Stop, TelemetrySettings};
use underpin_store::{
    BucketSettings, Cache, CacheSettings, JetStreamStore, KeyValue, KeyValueExt as _, KeyValueLocks,
    Locks as _, StoreSettings, Ttl,
};

const DOUBLE: Method<u32, u32> = Method::new("math", "double").idempotent();

/// The most series of one metric; one has more.
const SERIES: usize = 200;

#[derive(Serialize, Deserialize)]
struct Work {
    fails: bool,
}

impl Job for Work {
    const KIND: &'static str = "work";

    fn options() -> JobOptions {
        JobOptions::default().attempts(1)
    }
}

/// Each second.
struct Always;

impl Schedule for Always {
    fn next_after(&self, unix_seconds: i64) -> Option<i64> {
        Some(unix_seconds + 1)
    }

    fn describe(&self) -> String {
        "each second".to_owned()
    }
}

/// Runs the fixture around `body`, which gets the address of its `/metrics`.
pub(crate) async fn run(nats: &str, body: impl AsyncFnOnce(SocketAddr)) {
    let settings = NatsSettings::new(nats);
    let ended = TestService::new(settings)
        .run(build, async |service| body(service.address("http").unwrap()).await)
        .await;
    assert!(matches!(ended, underpin_service::Ended::Clean { .. }), "{ended:?}");
}

async fn build(start: &mut Start<NatsSettings>) -> Result<(), Error> {
    let mut settings = TelemetrySettings::default();
    settings.metrics.series_per_metric = SERIES;
    settings.metrics.upkeep = Duration::from_secs(1);
    let metrics = start.plugin(underpin_service::telemetry(&settings)).await?;
    let metrics = metrics.metrics().expect("no other test of this process has a recorder").clone();

    let database = DatabaseSettings::new("sqlite::memory:");
    let database = start.plugin(underpin_service::database(&database)).await?;
    let jobs = start.plugin(underpin_service::jobs(&database)).await?;
    let work = typed_job(async |work: Work, _: JobRun| {
        Ok(if work.fails { JobOutcome::dead("as it was asked to") } else { JobOutcome::Done })
    });
    let tick = CronEntry::with_schedule("tick", Arc::new(Always), &Work { fails: false });
    start.traffic(underpin_service::workers(Workers::builder(&jobs).on(work).queue("default", 2).cron(tick)));

    let nats = Connection::connect(&start.settings(), Arc::new(NoopLogger)).await;
    let nats = nats.wrap_err(Kind::Unavailable, "connect to NATS")?;
    let buckets = StoreSettings::default().bucket(BucketSettings::new("fixture").key_ttl(true));
    let store = JetStreamStore::open(nats.clone(), &buckets, Arc::new(NoopLogger)).await.unwrap();
    let bucket: Arc<dyn KeyValue> = Arc::new(store.key_value("fixture").unwrap());
    let rpc = NatsRpc::new(nats, RpcSettings::default(), Arc::new(NoopLogger)).unwrap();
    let double = Service::new("math", "1.0.0").on(&DOUBLE, |n, _: Call| async move { Ok::<_, Error>(n * 2) });
    let served = rpc.serve(double).await.unwrap();

    start.supervise("load", OnEnd::EndService, move |stop| {
        load(stop, jobs.clone(), Arc::clone(&bucket), rpc.clone(), Arc::clone(&served))
    });
    let has_panicked = Arc::new(AtomicBool::new(false));
    start.supervise("panics once", OnEnd::Restart(RestartPolicy::default()), move |stop| {
        let first = !has_panicked.swap(true, Ordering::SeqCst);
        async move {
            assert!(!first, "on purpose");
            stop.requested().await;
            Ok(())
        }
    });

    let http = HttpSettings::default().port(0);
    let routes = Router::new().route("/metrics", get(move || async move { metrics.render() }));
    start.traffic(Http::new(&http, standard(routes, &http, start.log())));
    Ok(())
}

/// Uses everything, again and again.
async fn load(
    stop: Stop,
    jobs: Jobs,
    bucket: Arc<dyn KeyValue>,
    rpc: NatsRpc,
    _served: Arc<dyn Running>,
) -> Result<(), Error> {
    let locks = KeyValueLocks::new(Arc::clone(&bucket));
    let lengths = Cache::<String, usize>::builder(CacheSettings::default()).name("lengths");
    let lengths = lengths.loading(|key| async move { Ok(Some(key.len())) })?;
    let (ctx, mut turn) = (Context::background(), 0_usize);
    while !stop.is_requested() {
        turn += 1;
        (0..SERIES / 4).for_each(|path| {
            counter!("fixture_requests_total", "path" => (path * turn).to_string()).increment(1);
        });
        // NATS is killed during the test: what fails then is counted, which is what it is for.
        let _failed =
            jobs.enqueue_committed(&Work { fails: turn.is_multiple_of(8) }, Enqueue::default()).await;
        let _failed = bucket.set("key", turn.to_string()).await;
        let _exists = bucket.create("key", "x", Ttl::Bucket).await;
        let _loaded = lengths.get(&turn.to_string()).await;
        if let Ok(lease) = locks.acquire("lock", Duration::from_secs(3), Duration::from_secs(1)).await {
            let _failed = lease.release().await;
        }
        let _failed = rpc.ask(&DOUBLE, &ctx, &21).await;
        stop.run(tokio::time::sleep(Duration::from_millis(200))).await;
    }
    Ok(())
}
