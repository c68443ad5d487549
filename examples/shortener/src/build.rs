#![allow(clippy::future_not_send, reason = "the runtime of a service builds it on the main thread")]

use std::sync::Arc;

use underpin_errors::{Error, ResultExt as _};
use underpin_logger::{Context, warn};
use underpin_service::{Bus, Http, Rpc, Start, Store};
use underpin_store::{MemoryRateLimiter, RateLimiter, RedisConnection, RedisRateLimiter};

use crate::click::{ClickConsumer, Clicks};
use crate::http::{self, App};
use crate::limit::Limits;
use crate::link::{LINKS, Links};
use crate::shortener::Shortener;
use crate::{Settings, api, tables};

/// How many clients the limiter in memory counts at once.
const CLIENTS: usize = 100_000;

/// Opens the components of the service, each with those that it stands on. They are stopped in the reverse order.
///
/// # Errors
/// A component cannot be opened; the error names the setting.
pub async fn build(start: &mut Start<Settings>) -> Result<(), Error> {
    let (settings, log) = (start.settings(), start.log());
    let database = underpin_service::database(&settings.database).migrate(tables::migrations());
    let database = start.plugin(database).await?;
    let bus = start.plugin(Bus::open(&settings.events)).await?;
    let outbox = start.part(underpin_service::outbox(&database, &bus)).await?;
    let store = start.plugin(Store::open(&bus.nats(), &settings.store)).await?;
    let rpc = start.plugin(Rpc::open(&bus.nats(), &settings.rpc)).await?;

    let links = Links::new(store.key_value(LINKS)?, &settings.links)?;
    let clicks = Clicks::new(bus.publisher(), Arc::clone(&log));
    let shortener = Arc::new(Shortener::new(&settings.links, links, clicks, &database, outbox));
    let limits = Limits::new(limiter(start, bus.is_embedded())?, &settings.limits);
    start.traffic(bus.consumer(ClickConsumer::options(), ClickConsumer::new(&database, Arc::clone(&log))));
    start.traffic(rpc.service(api::service(&shortener, &limits)));

    let app = App { shortener, gate: start.gate(), log };
    let routes = http::router(Arc::new(app), &limits, &settings.http);
    start.traffic(Http::new(&settings.http, routes));
    Ok(())
}

/// Where takes are counted: in Valkey or Redis, which the processes share, or in this one.
fn limiter(start: &mut Start<Settings>, is_alone: bool) -> Result<Arc<dyn RateLimiter>, Error> {
    let (settings, log) = (start.settings(), start.log());
    if settings.redis.url.expose().is_empty() {
        if !is_alone {
            let ctx = Context::background();
            warn!(log, &ctx, "each process counts for itself: set redis.url (VALKEY_URL) for limits of all");
        }
        return Ok(Arc::new(MemoryRateLimiter::new(CLIENTS)));
    }
    // Lazy: a limiter that is away degrades the service and does not keep it from starting.
    let redis = RedisConnection::connect_lazy(&settings.redis, log).context("set up the limiter")?;
    start.observe(Arc::new(redis.clone()));
    Ok(Arc::new(RedisRateLimiter::new(redis)))
}
