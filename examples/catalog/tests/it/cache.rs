//! No reader puts an old value back, and many readers make one query.

use std::sync::Arc;

use catalog::{PageQuery, ProductCache, Products, Storage};
use futures_util::future::join_all;
use tempfile::TempDir;
use underpin_database::Pool;
use underpin_logger::{Context, Logger, NoopLogger};
use underpin_outbox::Outbox;
use underpin_store::{
    BucketSettings, CacheSettings, KeyValue, MemoryKeyValue, RedisConnection, RedisSettings, RedisStore,
    StoreSettings,
};
use underpin_testkit::{ValkeyServer, eventually};

use crate::held::HeldStorage;
use crate::support::{LIMIT, sqlite, tea};

/// Of products, and of pages.
type Buckets = [Arc<dyn KeyValue>; 2];

/// An instance over these buckets, as another process would be, and the storage below it.
fn instance(database: &Pool, level_two: &Buckets, feeds: Option<&Buckets>) -> (Products, Arc<HeldStorage>) {
    let held = Arc::new(HeldStorage::new(database));
    let storage: Arc<dyn Storage> = Arc::<HeldStorage>::clone(&held);
    let (settings, log): (_, Arc<dyn Logger>) = (CacheSettings::default(), Arc::new(NoopLogger));
    let (level_two, feeds) = (level_two.clone(), feeds.cloned());
    let cache =
        ProductCache::new(Arc::clone(&storage), &settings, level_two, feeds, Arc::clone(&log)).unwrap();
    (Products::new(database, storage, Outbox::default(), cache, log), held)
}

async fn database() -> (Pool, TempDir) {
    let (database, folder) = sqlite().await;
    Outbox::default().migrate(&database).await.unwrap();
    (database, folder)
}

fn memory(buckets: [BucketSettings; 2]) -> Buckets {
    buckets.map(|bucket| Arc::new(MemoryKeyValue::new(bucket).unwrap()) as Arc<dyn KeyValue>)
}

async fn valkey(server: &ValkeyServer) -> Buckets {
    let settings = RedisSettings::new(server.url());
    let connection = RedisConnection::connect(&settings, Arc::new(NoopLogger)).await.unwrap();
    let buckets = ProductCache::level_two().into_iter().fold(StoreSettings::default(), StoreSettings::bucket);
    let store = RedisStore::open(connection, &buckets).await.unwrap();
    ProductCache::LEVEL_TWO.map(|name| Arc::new(store.key_value(name).unwrap()) as Arc<dyn KeyValue>)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_loaded_an_old_value_does_not_put_it_back_into_memory() {
    an_old_value_is_not_put_back(memory(ProductCache::level_two())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_loaded_an_old_value_does_not_put_it_back_into_valkey() {
    let server = ValkeyServer::private().await;
    an_old_value_is_not_put_back(valkey(&server).await).await;
}

async fn an_old_value_is_not_put_back(level_two: Buckets) {
    let ctx = &Context::background();
    let (database, _folder) = database().await;
    let feeds = memory(ProductCache::feeds());
    let (one, storage) = instance(&database, &level_two, Some(&feeds));
    let (two, _) = instance(&database, &level_two, Some(&feeds));
    // The writer is the reader's own process, and then another one.
    for (writer, limit) in [(&one, 1), (&two, 2)] {
        let id = &writer.create(ctx, &tea(1)).await.unwrap().id.to_string();
        storage.hold();
        let (old, ()) = tokio::join!(one.get(ctx, id), async {
            storage.has_read().await;
            writer.update(ctx, id, &tea(2)).await.unwrap();
            storage.release();
        });
        assert_eq!(old.unwrap().product.price_cents, 1, "it asked before the update");
        for reader in [&one, &two, &one, &two] {
            assert_eq!(reader.get(ctx, id).await.unwrap().product.price_cents, 2);
        }
        let kept = || async { one.get(ctx, id).await.unwrap().from_cache };
        eventually(LIMIT, "the new value is kept", kept).await;

        // The same with a page.
        storage.hold();
        let page = &PageQuery::new(limit, None);
        let (old, ()) = tokio::join!(one.list(ctx, page), async {
            storage.has_read().await;
            writer.update(ctx, id, &tea(3)).await.unwrap();
            storage.release();
        });
        assert_eq!(old.unwrap().products[0].price_cents, 2);
        assert_eq!(writer.list(ctx, page).await.unwrap().products[0].price_cents, 3);
        for reader in [&one, &two] {
            let hears = || async { reader.list(ctx, page).await.unwrap().products[0].price_cents == 3 };
            eventually(LIMIT, "it hears of the update", hears).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_readers_of_a_cold_product_make_one_query() {
    let ctx = &Context::background();
    let (database, _folder) = database().await;
    let (products, storage) = instance(&database, &memory(ProductCache::level_two()), None);
    let id = products.create(ctx, &tea(1)).await.unwrap().id.to_string();
    storage.hold();
    let readers = join_all((0..50).map(|_| products.get(ctx, &id)));
    let (found, ()) = tokio::join!(readers, async {
        storage.has_read().await;
        storage.release();
    });
    let loaded = found.into_iter().filter(|found| !found.as_ref().unwrap().from_cache).count();
    assert_eq!((loaded, storage.reads()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_exist_is_kept_until_it_does() {
    let ctx = &Context::background();
    let (database, _folder) = database().await;
    let (products, storage) = instance(&database, &memory(ProductCache::level_two()), None);
    let unknown = uuid::Uuid::now_v7().to_string();
    for _ in 0..3 {
        assert_eq!(products.get(ctx, &unknown).await.unwrap_err().error_code(), "PRODUCT_NOT_FOUND");
    }
    assert_eq!(storage.reads(), 1);
    assert!(products.list(ctx, &PageQuery::default()).await.unwrap().products.is_empty());
    let created = products.create(ctx, &tea(1)).await.unwrap();
    let listed = products.list(ctx, &PageQuery::default()).await.unwrap();
    assert_eq!((&listed.products, listed.from_cache), (&vec![created.clone()], false));
    let id = created.id.to_string();
    assert_eq!(products.get(ctx, &id).await.unwrap().product, created);
    products.delete(ctx, &id).await.unwrap();
    assert_eq!(products.get(ctx, &id).await.unwrap_err().error_code(), "PRODUCT_NOT_FOUND");
}
