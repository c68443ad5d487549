#![allow(clippy::future_not_send, reason = "the runtime of a service builds it on the main thread")]

use std::sync::Arc;

use underpin_database::{Backend, Pool};
use underpin_errors::{Error, Kind};
use underpin_events::handler_fn_with;
use underpin_service::{Bus, Http, Rpc, Start, Store};
use underpin_store::{BucketSettings, KeyValue, RedisConnection, RedisStore, StoreSettings};

use crate::{
    OrmStorage, ProductCache, Products, Settings, SqlStorage, Storage, StorageKind, event, http, migrations,
    rpc,
};

/// Opens the components of the service, each with those that it stands on. They are stopped in the reverse order.
///
/// # Errors
/// A component cannot be opened; the error names the setting.
pub async fn build(start: &mut Start<Settings>) -> Result<(), Error> {
    let (settings, log) = (start.settings(), start.log());
    let database = underpin_service::database(&settings.database).migrate(migrations());
    let database = start.plugin(database).await?;
    let bus = start.plugin(Bus::open(&settings.events)).await?;
    let outbox = start.part(underpin_service::outbox(&database, &bus)).await?;
    let calls = start.plugin(Rpc::open(&bus.nats(), &settings.rpc)).await?;
    let store = start
        .plugin(Store::open(&bus.nats(), &buckets([ProductCache::level_two(), ProductCache::feeds()])))
        .await?;

    let storage = storage(settings.storage, &database)?;
    let level_two = level_two(start, &settings, &store).await?;
    // Buckets in this process have no other reader.
    let feeds = if store.is_embedded() { None } else { Some(named(&store, ProductCache::FEEDS)?) };
    let cache = ProductCache::new(Arc::clone(&storage), &settings.cache, level_two, feeds, Arc::clone(&log))?;
    start.traffic(bus.consumer(event::options(), handler_fn_with(cache.clone(), event::invalidate)));

    let products = Arc::new(Products::new(&database, storage, outbox, cache, Arc::clone(&log)));
    start.traffic(calls.service(rpc::service(&products)));
    let routes = http::router(products, &settings.http, start.gate(), log);
    start.traffic(Http::new(&settings.http, routes));
    Ok(())
}

fn storage(kind: StorageKind, database: &Pool) -> Result<Arc<dyn Storage>, Error> {
    match kind {
        StorageKind::Orm => Ok(Arc::new(OrmStorage::new(database))),
        StorageKind::Sql if database.backend() == Backend::Postgres => {
            Ok(Arc::new(SqlStorage::new(database)))
        }
        StorageKind::Sql => {
            let why = "storage = \"sql\" needs PostgreSQL: its statements are checked against that (see database.url)";
            Err(Error::new(Kind::FailedPrecondition, why))
        }
    }
}

/// The second level of the cache: in Valkey, else where the bus is.
async fn level_two(
    start: &mut Start<Settings>,
    settings: &Settings,
    store: &Store,
) -> Result<[Arc<dyn KeyValue>; 2], Error> {
    let Some(valkey) = settings.valkey() else { return named(store, ProductCache::LEVEL_TWO) };
    // It may be away: then the service is degraded and reads the database.
    let connection = RedisConnection::connect_lazy(valkey, start.log())?;
    start.observe(Arc::new(connection.clone()));
    let valkey = RedisStore::open(connection, &buckets([ProductCache::level_two()])).await?;
    let [products, pages] = ProductCache::LEVEL_TWO;
    Ok([Arc::new(valkey.key_value(products)?), Arc::new(valkey.key_value(pages)?)])
}

fn buckets<const N: usize>(buckets: [[BucketSettings; 2]; N]) -> StoreSettings {
    buckets.into_iter().flatten().fold(StoreSettings::default(), StoreSettings::bucket)
}

fn named(store: &Store, [first, second]: [&str; 2]) -> Result<[Arc<dyn KeyValue>; 2], Error> {
    Ok([store.key_value(first)?, store.key_value(second)?])
}
