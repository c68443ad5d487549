//! What was reported of key-value buckets elsewhere, and must not happen here.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use underpin_errors::{HealthCheck, HealthStatus};
use underpin_logger::NoopLogger;
use underpin_store::{
    BucketSettings, Expect, JetStreamKeyValue, JetStreamStore, Key, KeyPattern, KeyValue, KeyValueExt,
    KeyValueLocks, KeyValueSessions, Locks, SessionLife, Sessions, Storage, StoreSettings, Ttl, WatchEvent,
    WatchOptions, WatchStart,
};
use underpin_testkit::{Fault, NatsServer, Proxy};

use crate::support::{LIMIT, connect, eventually, open, private};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_of_what_is_new_starts_over_when_the_bucket_forgot() {
    let server = NatsServer::private().await;
    let (proxy, direct) = (Proxy::to(server.url()).await, connect(server.url()).await);
    let bucket = BucketSettings::new("carts").key_ttl(true).marker_ttl(SECOND);
    let writer = open(&direct, bucket.clone()).await;
    let store = open(&connect(proxy.url()).await, bucket).await;
    writer.set("old", "x").await.unwrap();
    let mut watch = store.watch(WatchOptions::all().start(WatchStart::New)).await.unwrap();
    assert_eq!(timeout(LIMIT, watch.next()).await.unwrap().unwrap(), WatchEvent::Current);
    proxy.set(Fault::Cut);
    writer.set("new", "x").await.unwrap();
    writer.remove("old").await.unwrap();
    let forgotten = || async { writer.status().await.is_ok_and(|status| status.entries == 1) };
    eventually("the removal is forgotten", forgotten).await;
    tokio::time::sleep(SECOND).await;
    proxy.set(Fault::None);
    // What it does not know of any more may have been removed: the whole state follows.
    let mut events = Vec::new();
    while events.last() != Some(&WatchEvent::Current) {
        events.push(timeout(LIMIT, watch.next()).await.unwrap().unwrap());
    }
    assert_eq!(events.len(), 3, "{events:?}");
    assert_eq!(events.first(), Some(&WatchEvent::Reset));
    assert!(matches!(events.get(1), Some(WatchEvent::Changed(entry)) if entry.key.as_str() == "new"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_gets_more_entries_than_the_client_buffers() {
    // The client drops messages beyond 65,536 that wait in one subscription.
    const ENTRIES: usize = 70_000;
    let (server, store) = private(BucketSettings::new("carts").storage(Storage::Memory)).await;
    let client = connect(server.url()).await.client();
    // The server drops publishes without acknowledgements beyond 10,000 that wait.
    for first in (0..ENTRIES).step_by(5_000) {
        for number in first..first + 5_000 {
            client.publish(format!("$KV.carts.k.{number}"), "x".into()).await.unwrap();
        }
        client.flush().await.unwrap();
        let stored = first as u64 + 5_000;
        let all = || async { store.status().await.is_ok_and(|status| status.entries == stored) };
        eventually("all are stored", all).await;
    }
    let mut watch = store.watch(WatchOptions::all()).await.unwrap();
    // The server waits for a reader who does not read.
    tokio::time::sleep(SECOND).await;
    let mut seen = BTreeSet::new();
    loop {
        match timeout(LIMIT, watch.next()).await.unwrap().unwrap() {
            WatchEvent::Changed(entry) => assert!(seen.insert(entry.revision), "none twice"),
            WatchEvent::Current => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen.len(), ENTRIES);
    assert_eq!(store.all_keys(&KeyPattern::all()).await.unwrap().len(), ENTRIES);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_ends_although_entries_expire_during_it() {
    let (_server, store) = private(BucketSettings::new("carts").key_ttl(true).marker_ttl(SECOND)).await;
    let forever = Key::new("forever").unwrap();
    store.set(&forever, "x").await.unwrap();
    for round in 0..3 {
        for number in 0..300 {
            let ttl = Ttl::After(SECOND);
            store.create(format!("r{round}.{number}"), "x", ttl).await.unwrap();
        }
        let until = tokio::time::Instant::now() + SECOND * 3 / 2;
        while tokio::time::Instant::now() < until {
            let keys = timeout(LIMIT, store.all_keys(&KeyPattern::all())).await.expect("it ends").unwrap();
            assert!(keys.contains(&forever));
        }
    }
    let left = || async { store.status().await.is_ok_and(|status| status.entries == 1) };
    eventually("neither values nor markers are left", left).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_to_live_can_be_turned_on_later() {
    let server = NatsServer::private().await;
    let nats = connect(server.url()).await;
    let before = open(&nats, BucketSettings::new("carts")).await;
    before.set("old", "x").await.unwrap();
    let after = open(&nats, BucketSettings::new("carts").key_ttl(true)).await;
    after.create("new", "x", Ttl::After(SECOND)).await.unwrap();
    let mut watch = after.watch(WatchOptions::all().start(WatchStart::New)).await.unwrap();
    assert_eq!(timeout(LIMIT, watch.next()).await.unwrap().unwrap(), WatchEvent::Current);
    match timeout(LIMIT, watch.next()).await.unwrap().unwrap() {
        WatchEvent::Changed(entry) => assert!(!entry.is_put() && entry.key.as_str() == "new"),
        other => panic!("{other:?}"),
    }
    assert!(after.read("old").await.unwrap().is_some());
    let refused =
        before.put(&Key::new("old").unwrap(), "x".into(), Expect::Anything, Ttl::After(SECOND)).await;
    assert!(refused.is_err(), "its settings do not know of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_call_gives_its_answer_to_no_other() {
    const KEYS: usize = 50;
    let (_server, store) = private(BucketSettings::new("carts")).await;
    for number in 0..KEYS {
        store.set(format!("k.{number}"), number.to_string()).await.unwrap();
    }
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8 {
        let store = store.clone();
        tasks.spawn(async move {
            let mut cancelled = 0;
            for round in 0..400 {
                let number = (task * 7 + round) % KEYS;
                // Some end before their answer comes.
                let limit = Duration::from_micros((round as u64 * 37) % 400);
                match timeout(limit, store.read(format!("k.{number}"))).await {
                    Ok(found) => assert_eq!(found.unwrap().unwrap().value, number.to_string()),
                    Err(_) => cancelled += 1,
                }
            }
            cancelled
        });
    }
    let cancelled: usize = tasks.join_all().await.into_iter().sum();
    assert!(cancelled > 0, "none was cancelled");
    assert_eq!(store.read("k.1").await.unwrap().unwrap().value, "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_health_of_a_store_names_the_bucket_that_is_missing() {
    let server = NatsServer::private().await;
    let nats = connect(server.url()).await;
    let settings =
        StoreSettings::default().bucket(BucketSettings::new("carts")).bucket(BucketSettings::new("locks"));
    let store = JetStreamStore::open(nats.clone(), &settings, Arc::new(NoopLogger)).await.unwrap();
    assert_eq!(store.check().await.status, HealthStatus::Up);
    let until = tokio::time::Instant::now() + LIMIT;
    nats.request("$JS.API.STREAM.DELETE.KV_locks".into(), None, "".into(), until).await.unwrap();
    let health = store.check().await;
    assert_eq!(health.status, HealthStatus::Down);
    assert!(format!("{health:?}").contains("bucket locks is missing"), "{health:?}");
}

/// A server with one replica that is killed rebuilds its index from the blocks on the disk, in which removed entries still are; a marker that has expired
/// does not cover them (nats-server 8505). Their time to live does: no former holder of a lock comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_holder_of_a_lock_comes_back_after_a_kill() {
    let (server, store) = private(BucketSettings::new("locks").key_ttl(true).marker_ttl(SECOND)).await;
    let store = Arc::new(store);
    let locks = KeyValueLocks::new(Arc::clone(&store) as Arc<dyn KeyValue>);
    let (mut tokens, mut expiring) = (Vec::new(), Vec::new());
    for number in 0..20 {
        let lease =
            locks.try_acquire(&format!("released.{number}"), SECOND * 2).await.unwrap().expect("free");
        // Writes of one entry, of which the last is removed.
        tokens.push(lease.token());
        lease.release().await.unwrap();
        let key = format!("expired.{number}");
        let revision = store.create(&key, "1", Ttl::After(SECOND)).await.unwrap();
        store
            .put(&Key::new(&key).unwrap(), "2".into(), Expect::Revision(revision), Ttl::After(SECOND))
            .await
            .unwrap();
        expiring.push(key);
    }
    let forgotten = || async { store.status().await.is_ok_and(|status| status.entries == 0) };
    eventually("neither entries nor markers are left", forgotten).await;
    kill(&server, &store).await;
    for (number, before) in tokens.into_iter().enumerate() {
        let lease = locks.acquire(&format!("released.{number}"), SECOND * 2, SECOND * 10).await.unwrap();
        assert!(lease.is_held() && lease.token() > before, "{} after {before}", lease.token());
        lease.release().await.unwrap();
    }
    for key in expiring {
        assert!(store.read(&key).await.unwrap().is_none(), "{key} came back");
    }
}

/// The same in a bucket without times to live, where a removal is an entry that stays. What was forgotten may come back, as documented.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_removed_entry_comes_back_after_a_kill() {
    const KEYS: usize = 20;
    let key = |kind: &str, number: usize| Key::new(&format!("{kind}.{number}")).unwrap();
    let kinds = [
        ("deleted", None),
        ("purged", None),
        ("replaced", Some("5")),
        ("again", Some("5")),
        ("kept", Some("4")),
    ];
    for history in [1, 3] {
        let (server, store) = private(BucketSettings::new("carts").history(history)).await;
        for number in 0..KEYS {
            for (kind, _) in kinds {
                // More writes than the history keeps.
                for value in ["1", "2", "3", "4"] {
                    store.set(key(kind, number), value).await.unwrap();
                }
            }
            for kind in ["deleted", "again"] {
                store.remove(key(kind, number)).await.unwrap();
            }
            store.purge(&key("purged", number), Expect::Anything).await.unwrap();
            store.create(key("again", number), "5", Ttl::Bucket).await.unwrap();
            store.set(key("replaced", number), "5").await.unwrap();
        }
        let before = store.status().await.unwrap().last;
        kill(&server, &store).await;
        assert_eq!(store.status().await.unwrap().last, before, "revisions go on");
        for number in 0..KEYS {
            for (kind, expected) in kinds {
                let found = store.read(key(kind, number)).await.unwrap();
                let found = found.map(|entry| String::from_utf8(entry.value.to_vec()).unwrap());
                assert_eq!(found.as_deref(), expected, "{kind} {number}, history {history}");
            }
        }
    }
}

/// A marker that has expired covers no earlier value; that of a deletion is there again after the kill.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_session_that_was_destroyed_comes_back_after_a_kill() {
    let (server, store) = private(BucketSettings::new("sessions").key_ttl(true).marker_ttl(SECOND)).await;
    let sessions = KeyValueSessions::new(Arc::new(store.clone()));
    let (mut gone, mut kept) = (Vec::new(), Vec::new());
    for number in 0..10 {
        for list in [&mut gone, &mut kept] {
            let id = sessions.create("guest".into(), SessionLife::default()).await.unwrap();
            sessions.save(&id, "ada".into(), 1).await.unwrap();
            list.push(id);
        }
        for kind in ["deleted", "purged"] {
            store.set(format!("{kind}.{number}"), "for ever").await.unwrap();
        }
        store.remove(format!("deleted.{number}")).await.unwrap();
        store.purge(&Key::new(&format!("purged.{number}")).unwrap(), Expect::Anything).await.unwrap();
    }
    for id in &gone {
        sessions.destroy(id).await.unwrap();
    }
    let rotated = sessions.rotate(&kept[0]).await.unwrap().unwrap();
    gone.push(std::mem::replace(&mut kept[0], rotated));
    let forgotten = || async { store.status().await.is_ok_and(|status| status.entries == 10) };
    eventually("neither removed entries nor markers are left", forgotten).await;
    kill(&server, &store).await;
    for id in &gone {
        assert_eq!(sessions.load(id).await.unwrap(), None, "it came back");
    }
    for id in &kept {
        assert!(sessions.load(id).await.unwrap().is_some());
    }
    assert_eq!(store.all_keys(&KeyPattern::all()).await.unwrap().len(), kept.len());
}

/// Kills the server, which builds its index again.
async fn kill(server: &NatsServer, store: &JetStreamKeyValue) {
    server.kill().await;
    server.restart().await;
    eventually("it works again", || async { store.status().await.is_ok() }).await;
}
