//! The store below `tower-sessions`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tower_sessions_core::session::{Id, Record};
use tower_sessions_core::session_store::SessionStore;
use underpin_store::{BucketSettings, KeyPattern, KeyValueExt, MemoryKeyValue, TowerSessionStore};

fn record(lasts: Duration) -> Record {
    let data = [("user".to_owned(), "ada".into())].into();
    Record { id: Id::default(), data, expiry_date: (SystemTime::now() + lasts).into() }
}

#[tokio::test]
async fn records_are_kept_under_a_hash_until_they_expire() {
    let bucket = MemoryKeyValue::new(BucketSettings::new("sessions").key_ttl(true)).unwrap();
    let store = TowerSessionStore::new(Arc::new(bucket.clone()));
    let mut record = record(Duration::from_secs(3600));
    store.create(&mut record).await.unwrap();
    let loaded = store.load(&record.id).await.unwrap().unwrap();
    assert_eq!((loaded.id, &loaded.data, loaded.expiry_date), (record.id, &record.data, record.expiry_date));
    // An id that exists is not taken over.
    let mut other = Record { data: Default::default(), ..record.clone() };
    store.create(&mut other).await.unwrap();
    assert_ne!(other.id, record.id);
    for key in bucket.all_keys(&KeyPattern::all()).await.unwrap() {
        let entry = bucket.read(&key).await.unwrap().unwrap();
        let stored = format!("{key} {}", String::from_utf8_lossy(&entry.value));
        assert!(!stored.contains(&record.id.to_string()) && !stored.contains(&record.id.0.to_string()));
    }
    record.data.insert("cart".to_owned(), 7.into());
    store.save(&record).await.unwrap();
    assert_eq!(store.load(&record.id).await.unwrap().unwrap().data, record.data);
    store.delete(&record.id).await.unwrap();
    assert!(store.load(&record.id).await.unwrap().is_none());
    // A request that is still running does not undo the logout.
    store.save(&record).await.unwrap();
    assert!(store.load(&record.id).await.unwrap().is_none());
    record.expiry_date = (SystemTime::now() - Duration::from_secs(1)).into();
    store.create(&mut record).await.unwrap();
    assert!(store.load(&record.id).await.unwrap().is_none(), "it is over");
}
