//! Both implementations keep one contract, on each database that they are for.

use std::sync::Arc;

use catalog::{Action, AuditEntry, OrmStorage, Product, SqlStorage, Storage, Updated};
use futures_util::future::join_all;
use time::OffsetDateTime;
use underpin_database::{Connections as _, DatabaseError, DatabaseExt as _, Pool, TxOptions};
use underpin_logger::Context;
use uuid::Uuid;

use crate::support::{postgres, sqlite, tea};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_orm_on_sqlite() {
    let (database, _folder) = sqlite().await;
    conforms(&database, Arc::new(OrmStorage::new(&database))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_orm_on_postgres() {
    let (database, _server) = postgres().await;
    conforms(&database, Arc::new(OrmStorage::new(&database))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checked_sql_on_postgres() {
    let (database, _server) = postgres().await;
    conforms(&database, Arc::new(SqlStorage::new(&database))).await;
}

async fn conforms(database: &Pool, storage: Arc<dyn Storage>) {
    what_is_written_is_read(database, &*storage).await;
    one_of_two_with_the_same_version_wins(database, &*storage).await;
    updates_without_a_version_lose_none(database, &*storage).await;
    a_rollback_leaves_nothing(database, &*storage).await;
    pages_go_from_new_to_old(database, &*storage).await;
}

async fn insert(database: &Pool, storage: &dyn Storage, price_cents: i64) -> Product {
    let product = &Product::new(&tea(price_cents));
    let insert = |tx| async move { storage.insert(&tx, product).await };
    database.transaction(TxOptions::default(), insert).await.unwrap();
    product.clone()
}

async fn update(
    database: &Pool,
    storage: &dyn Storage,
    id: Uuid,
    price: i64,
    version: Option<i64>,
) -> Updated {
    let change = &match version {
        Some(version) => tea(price).of_version(version),
        None => tea(price),
    };
    let update = |tx| async move { storage.update(&tx, id, change, OffsetDateTime::UNIX_EPOCH).await };
    database.transaction(TxOptions::default(), update).await.unwrap()
}

async fn what_is_written_is_read(database: &Pool, storage: &dyn Storage) {
    let ctx = &Context::background();
    let product = insert(database, storage, 350).await;
    assert_eq!(storage.get(ctx, product.id).await.unwrap(), Some(product.clone()));
    let changed =
        Product { price_cents: 400, version: 2, updated_at: OffsetDateTime::UNIX_EPOCH, ..product.clone() };
    assert_eq!(update(database, storage, product.id, 400, Some(1)).await, Updated::Done(changed.clone()));
    assert_eq!(storage.get(ctx, product.id).await.unwrap(), Some(changed.clone()));

    let entries = [(Action::Created, product), (Action::Updated, changed.clone())];
    let entries = entries.map(|(action, product)| AuditEntry::new(action, product, ctx));
    for entry in &entries {
        let record = |tx| async move { storage.record(&tx, entry).await };
        database.transaction(TxOptions::default(), record).await.unwrap();
    }
    let [first, second] = entries;
    let twice = |tx| async {
        let tx = tx;
        storage.record(&tx, &first).await
    };
    let twice = database.transaction(TxOptions::default(), twice).await.unwrap_err();
    assert!(twice.is_unique_violation(), "{twice:?}");
    let delete = |tx| async move { storage.delete(&tx, changed.id).await };
    assert_eq!(database.transaction(TxOptions::default(), delete).await.unwrap(), Some(changed.clone()));
    assert_eq!(database.transaction(TxOptions::default(), delete).await.unwrap(), None);
    assert_eq!(storage.get(ctx, changed.id).await.unwrap(), None);
    assert_eq!(update(database, storage, changed.id, 1, None).await, Updated::Missing);
    // The trail outlives the product.
    assert_eq!(storage.history(ctx, changed.id, i64::MAX, 1).await.unwrap(), [second]);
    assert_eq!(storage.history(ctx, changed.id, 2, 10).await.unwrap(), [first]);
}

async fn one_of_two_with_the_same_version_wins(database: &Pool, storage: &dyn Storage) {
    let id = insert(database, storage, 0).await.id;
    let updates = (1..=8).map(|price| update(database, storage, id, price, Some(1)));
    let outcomes = join_all(updates).await;
    let won: Vec<_> = outcomes.iter().filter(|outcome| matches!(outcome, Updated::Done(_))).collect();
    assert_eq!(won.len(), 1, "{outcomes:?}");
    assert!(outcomes.iter().filter(|o| !won.contains(o)).all(|o| *o == Updated::Stale { version: 2 }));
}

async fn updates_without_a_version_lose_none(database: &Pool, storage: &dyn Storage) {
    let id = insert(database, storage, 0).await.id;
    let outcomes = join_all((1..=8).map(|price| update(database, storage, id, price, None))).await;
    let mut versions: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| match outcome {
            Updated::Done(product) => product.version,
            other => panic!("{other:?}"),
        })
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, (2..=9).collect::<Vec<_>>(), "each has its own version");
}

async fn a_rollback_leaves_nothing(database: &Pool, storage: &dyn Storage) {
    let (ctx, product) = (&Context::background(), Product::new(&tea(1)));
    let tx = database.begin(TxOptions::default()).await.unwrap();
    storage.insert(&tx, &product).await.unwrap();
    storage.record(&tx, &AuditEntry::new(Action::Created, product.clone(), ctx)).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(storage.get(ctx, product.id).await.unwrap(), None);
    assert_eq!(storage.history(ctx, product.id, i64::MAX, 1).await.unwrap(), []);
}

async fn pages_go_from_new_to_old(database: &Pool, storage: &dyn Storage) {
    let ctx = &Context::background();
    let mut inserted = Vec::new();
    for price in 0..5 {
        inserted.insert(0, insert(database, storage, price).await);
    }
    let page = storage.list(ctx, 3, None).await.unwrap();
    assert_eq!(page, inserted[..3]);
    let next = storage.list(ctx, 2, Some(page[2].id)).await.unwrap();
    assert_eq!(next, inserted[3..]);
    let all: Result<_, DatabaseError> = storage.list(ctx, 100, Some(Uuid::nil())).await;
    assert_eq!(all.unwrap(), []);
}
