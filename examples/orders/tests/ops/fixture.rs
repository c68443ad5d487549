//! A service inside of the test that uses what the orders service does not, and that has the failures which the orders service does not have: jobs
//! and cron, the store and locks, objects, calls over NATS. Its metrics answer the queries that the orders service has no series for.

mod exporters;
mod jobs;
mod objects;
mod outage;
mod rpc;
mod store;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::{Router, routing::get};
use metrics::counter;
use tokio::sync::Notify;
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_logger::NoopLogger;
use underpin_nats::{Connection, NatsSettings};
use underpin_service::http::standard;
use underpin_service::testing::TestService;
use underpin_service::{Http, HttpSettings, OnEnd, RestartPolicy, Start, Stop, TelemetrySettings};

pub(crate) use exporters::EXPORTERS;

use crate::support::LIMIT;

/// The most series of one metric; one has more.
const SERIES: usize = 200;
/// Between two rounds of the load.
const PAUSE: Duration = Duration::from_millis(200);

/// The servers that it shares with the orders service.
pub(crate) struct Servers {
    pub(crate) database: String,
    pub(crate) nats: String,
}

/// What a fixture is built of.
struct Plan {
    servers: Servers,
    /// Its own outage is over.
    recovered: Arc<Notify>,
}

/// Runs the fixture around `body`, which gets the address of its `/metrics`.
pub(crate) async fn run(servers: Servers, body: impl AsyncFnOnce(SocketAddr)) {
    let recovered = Arc::new(Notify::new());
    let ended = TestService::new(Plan { servers, recovered: Arc::clone(&recovered) })
        .run(build, async |service| {
            body(service.address("http").unwrap()).await;
            tokio::time::timeout(LIMIT, recovered.notified()).await.expect("the outage has an end");
        })
        .await;
    assert!(matches!(ended, underpin_service::Ended::Clean { .. }), "{ended:?}");
}

async fn build(start: &mut Start<Plan>) -> Result<(), Error> {
    let mut settings = TelemetrySettings::default();
    settings.metrics.series_per_metric = SERIES;
    settings.metrics.upkeep = Duration::from_secs(1);
    let metrics = start.plugin(underpin_service::telemetry(&settings)).await?;
    let metrics = metrics.metrics().expect("no other test of this process has a recorder").clone();

    let jobs = jobs::open(start).await?;
    let nats =
        Connection::connect(&NatsSettings::new(&start.settings().servers.nats), Arc::new(NoopLogger)).await;
    let nats = nats.wrap_err(Kind::Unavailable, "connect to NATS")?;
    let bucket = store::open(&nats).await;
    let files = objects::open(&nats).await;
    let calls = rpc::serve(nats).await;
    start.supervise("jobs", OnEnd::EndService, move |stop| jobs::load(stop, jobs.clone()));
    start.supervise("objects", OnEnd::EndService, move |stop| objects::load(stop, files.clone()));
    start.supervise("store", OnEnd::EndService, move |stop| store::load(stop, Arc::clone(&bucket)));
    start.supervise("calls", OnEnd::EndService, move |stop| rpc::load(stop, calls.clone()));
    start.supervise("series", OnEnd::EndService, series);
    start.supervise("losses of jobs", OnEnd::EndService, jobs::lose);
    let recovered = Arc::clone(&start.settings().recovered);
    start.supervise("outage", OnEnd::EndService, move |stop| outage::run(stop, Arc::clone(&recovered)));
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
    let own = Router::new().route("/metrics", get(move || async move { metrics.render() }));
    let routes = EXPORTERS.iter().fold(own, |routes, exporter| {
        routes.route(&exporter.path(), get(move || async move { exporter.metrics }))
    });
    start.traffic(Http::new(&http, standard(routes, &http, start.log())));
    Ok(())
}

/// More and more series of one metric.
async fn series(stop: Stop) -> Result<(), Error> {
    let mut turn = 0_usize;
    while !stop.is_requested() {
        turn += 1;
        (0..SERIES / 4).for_each(|path| {
            counter!("fixture_requests_total", "path" => (path * turn).to_string()).increment(1);
        });
        stop.run(tokio::time::sleep(PAUSE)).await;
    }
    Ok(())
}
