//! Buckets with three replicas: stale followers, conflicts of writes in flight, and conflicts without a cause.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use underpin_nats::{Connection, async_nats::jetstream};
use underpin_store::{
    BucketSettings, Entry, JetStreamKeyValue, Key, KeyValue, KeyValueExt, Read, Revision, StoreError, Ttl,
};
use underpin_testkit::{NatsCluster, NatsServer};

use crate::support::{LIMIT, connect, eventually, open};

/// A cluster, a connection to each node, and a bucket with three replicas through each.
struct Replicated {
    cluster: NatsCluster,
    connections: Vec<Connection>,
    stores: Vec<JetStreamKeyValue>,
}

impl Replicated {
    async fn start(history: u64) -> Self {
        Self::with(BucketSettings::new("carts").history(history)).await
    }

    async fn with(settings: BucketSettings) -> Self {
        let cluster = NatsCluster::start().await;
        let mut connections = Vec::new();
        for node in cluster.nodes() {
            connections.push(connect(node.url()).await);
        }
        let settings = settings.replicas(3);
        let mut stores = Vec::new();
        for connection in &connections {
            stores.push(open(connection, settings.clone()).await);
        }
        Self { cluster, connections, stores }
    }

    /// The number of the node that leads the bucket.
    async fn leader(&self) -> usize {
        let stream = jetstream::new(self.connections[0].client()).get_stream("KV_carts").await.unwrap();
        let cluster = stream.cached_info().cluster.clone().expect("a cluster");
        let name = cluster.leader.expect("a leader");
        name.trim_start_matches('n').parse().unwrap()
    }

    fn node(&self, number: usize) -> &NatsServer {
        &self.cluster.nodes()[number]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_of_the_leader_sees_every_acknowledged_write_and_a_follower_catches_up() {
    let replicated = Replicated::start(1).await;
    let leader = replicated.leader().await;
    let (follower, writer) = ((leader + 1) % 3, &replicated.stores[leader]);
    let key = Key::new("count").unwrap();
    let mut last = Revision::default();
    for round in 0..5 {
        replicated.node(follower).pause().await;
        for number in 0..20 {
            last = writer.set(&key, format!("{round}.{number}")).await.unwrap();
            let through = &replicated.stores[(follower + 1 + number % 2) % 3];
            assert_eq!(through.read(&key).await.unwrap().unwrap().revision, last);
        }
        replicated.node(follower).resume().await;
        // It may know nothing of the last writes, and answers for the leader nevertheless, or not at all.
        match replicated.stores[follower].read(&key).await {
            Ok(found) => assert_eq!(found.unwrap().revision, last),
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
    }
    eventually("every replica has the last write", async || {
        let reads = replicated.stores.iter().map(|store| store.get(&key, Read::Any));
        let found = join_all(reads).await;
        found
            .into_iter()
            .all(|found| found.is_ok_and(|entry| entry.is_some_and(|entry| entry.revision == last)))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_of_one_key_in_flight_at_once_are_conflicts_and_none_is_lost() {
    let replicated = Replicated::start(1).await;
    let mut creators = JoinSet::new();
    for creator in 0..30 {
        let store = replicated.stores[creator % 3].clone();
        creators.spawn(async move { store.create("lock", creator.to_string(), Ttl::Bucket).await });
    }
    let created = creators.join_all().await;
    assert_eq!(created.iter().filter(|created| created.is_ok()).count(), 1, "{created:?}");
    assert!(
        created.iter().all(|created| created.as_ref().err().is_none_or(StoreError::is_conflict)),
        "{created:?}"
    );

    let mut writers = JoinSet::new();
    for writer in 0..12 {
        let store = replicated.stores[writer % 3].clone();
        writers.spawn(async move {
            let mut counted = 0_u64;
            for _ in 0..10 {
                match store.modify("count", |count: Option<u64>| count.unwrap_or(0) + 1).await {
                    Ok(_) => counted += 1,
                    // Others won each time: this task wrote nothing.
                    Err(error) => assert!(error.is_conflict(), "{error:?}"),
                }
            }
            counted
        });
    }
    let counted: u64 = writers.join_all().await.into_iter().sum();
    let (stored, _) = replicated.stores[0].read_json::<u64>("count").await.unwrap().unwrap();
    assert!(stored == counted && counted >= 12, "{stored} of {counted}");
}

/// Writes 1, 2, 3 and so on to a key without other writers, and returns how many conflicts there were.
async fn count_up(store: JetStreamKeyValue, key: Key, to: u64) -> u64 {
    let (mut conflicts, mut revision) = (0, Revision::default());
    let mut number = 1;
    while number <= to {
        match store.update(&key, number.to_string(), revision).await {
            Ok(written) => (revision, number) = (written, number + 1),
            Err(error) if error.is_conflict() || error.is_retryable() => {
                conflicts += u64::from(error.is_conflict());
                // Either this write arrived, or the one before is the last still.
                let last = latest(&store, &key).await;
                revision = last.as_ref().map_or(Revision::default(), |entry| entry.revision);
                let value = last.map_or(0, |entry| String::from_utf8_lossy(&entry.value).parse().unwrap());
                assert!(value == number || value == number - 1, "{value} while writing {number}");
                number = value + 1;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    conflicts
}

async fn latest(store: &JetStreamKeyValue, key: &Key) -> Option<Entry> {
    loop {
        match store.read(key).await {
            Ok(found) => return found,
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_writer_loses_and_repeats_nothing_under_load_and_a_change_of_leaders() {
    const TO: u64 = 60;
    let replicated = Replicated::start(64).await;
    let leader = replicated.leader().await;
    let mut writers = JoinSet::new();
    let keys: Vec<_> = (0..6).map(|number| Key::new(&format!("counter.{number}")).unwrap()).collect();
    for (number, key) in keys.iter().enumerate() {
        writers.spawn(count_up(replicated.stores[number % 3].clone(), key.clone(), TO));
    }
    let watched = Arc::new(replicated.stores[(leader + 1) % 3].clone());
    eventually("half is written", async || {
        watched.read(&keys[0]).await.is_ok_and(|entry| {
            entry.is_some_and(|entry| String::from_utf8_lossy(&entry.value).parse::<u64>().unwrap() >= TO / 2)
        })
    })
    .await;
    replicated.node(leader).kill().await;
    eventually("another leader", async || watched.read(&keys[0]).await.is_ok()).await;
    replicated.node(leader).restart().await;
    let conflicts: u64 = writers.join_all().await.into_iter().sum();
    println!("{conflicts} conflicts of writers that were alone");
    replicated.cluster.ready().await;
    for key in &keys {
        let history = watched.history(key).await.unwrap();
        let values: Vec<u64> =
            history.iter().map(|entry| String::from_utf8_lossy(&entry.value).parse().unwrap()).collect();
        assert_eq!(values, (1..=TO).collect::<Vec<_>>(), "{key}");
    }
}

/// Creates a key as soon as it is free.
async fn take_over(store: JetStreamKeyValue, key: Key, candidate: usize) -> Option<usize> {
    loop {
        match store.create(&key, candidate.to_string(), Ttl::After(Duration::from_secs(3))).await {
            Ok(_) => return Some(candidate),
            Err(StoreError::Exists { .. }) => {
                // Somebody else has taken over, or the entry of the candidate that is gone is there still.
                let value = latest(&store, &key).await.map(|entry| entry.value);
                if value.is_some_and(|value| value != "gone") {
                    return None;
                }
            }
            Err(error) => assert!(error.is_conflict() || error.is_retryable(), "{error:?}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Replicas that disagree about an expiry would leave candidates stuck (nats-server 3653).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_replica_forgets_an_expired_entry_and_candidates_take_over_when_a_leader_dies() {
    const SECOND: Duration = Duration::from_secs(1);
    let replicated = Replicated::with(BucketSettings::new("carts").key_ttl(true).marker_ttl(SECOND)).await;
    let leader = replicated.leader().await;
    let alive = [(leader + 1) % 3, (leader + 2) % 3];
    let keys: Vec<_> = (0..10).map(|number| Key::new(&format!("leader.{number}")).unwrap()).collect();
    for key in &keys {
        replicated.stores[alive[0]].create(key, "gone", Ttl::After(SECOND * 3)).await.unwrap();
    }
    // Before they expire: the next leader has to end them.
    replicated.node(leader).kill().await;
    let mut candidates = JoinSet::new();
    for key in &keys {
        for node in alive {
            candidates.spawn(take_over(replicated.stores[node].clone(), key.clone(), node));
        }
    }
    let took = timeout(LIMIT, candidates.join_all()).await.expect("the candidates are not stuck");
    assert_eq!(took.iter().flatten().count(), keys.len(), "one for each key: {took:?}");
    replicated.node(leader).restart().await;
    replicated.cluster.ready().await;
    let live = async || {
        let mut live = 0;
        for store in &replicated.stores {
            for key in &keys {
                for _ in 0..5 {
                    live += usize::from(!matches!(store.get(key, Read::Any).await, Ok(None)));
                }
            }
        }
        live
    };
    eventually("every replica forgets", async || live().await == 0).await;
    assert_eq!(live().await, 0, "a replica had it still");
    for store in &replicated.stores {
        assert!(store.read(&keys[0]).await.unwrap().is_none());
    }
    replicated.stores[leader].create(&keys[0], "again", Ttl::After(SECOND)).await.expect("it is free");
}
