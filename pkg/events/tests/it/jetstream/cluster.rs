//! A cluster of three on the loopback interface loses the leader of the stream under load.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{HandlerCounts, LIMIT, connect, event, eventually, options, settings};
use tokio::time::Instant;
use underpin_events::jetstream::{JetStream, JetStreamSettings};
use underpin_events::{EventPublisher, EventSubscriber};
use underpin_logger::NoopLogger;
use underpin_testkit::NatsServer;

async fn cluster() -> Vec<NatsServer> {
    // Held together until all are known, so that no two are the same.
    let free: Vec<_> = (0..3).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<u16> = free.iter().map(|socket| socket.local_addr().unwrap().port()).collect();
    drop(free);
    let routes: Vec<String> = ports.iter().map(|port| format!("\"nats-route://127.0.0.1:{port}\"")).collect();
    let start = ports.iter().enumerate().map(|(n, port)| {
        let routes = routes.join(", ");
        let config = format!(
            "server_name: n{n}\ncluster {{ name: C, listen: \"127.0.0.1:{port}\", routes: [{routes}] }}"
        );
        async move { NatsServer::private_with(&config).await }
    });
    futures_util::future::join_all(start).await
}

async fn accepts(settings: &JetStreamSettings) -> bool {
    JetStream::connect(settings, Arc::new(NoopLogger)).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_loses_its_leader_loses_no_event() {
    let servers = cluster().await;
    let mut clustered = settings(&servers[0]);
    clustered.servers = servers.iter().map(|server| server.url().into()).collect();
    clustered.stream.replicas = 3;
    clustered.publish.timeout = Duration::from_secs(15);
    // The cluster has to agree on a leader before it takes streams.
    eventually(LIMIT * 2, "the cluster takes streams", || Box::pin(accepts(&clustered))).await;
    let bus = connect(&clustered).await;
    let counts = HandlerCounts::default();
    let subscription = bus.subscribe(options("c"), counts.handler()).await.unwrap();

    let mut acknowledged = Vec::new();
    let (mut next, mut failed) = (0, 0);
    let mut killed: Option<Instant> = None;
    let mut heard = None;
    let until = Instant::now() + Duration::from_secs(12);
    // On a busy machine the leader may be killed late, or the first event after that be.
    let undecided = |killed: Option<Instant>, heard: Option<Duration>| {
        heard.is_none() && killed.is_none_or(|killed| killed.elapsed() < LIMIT)
    };
    while Instant::now() < until || undecided(killed, heard) {
        let batch: Vec<_> = (next..next + 16).map(event).collect();
        let ids: Vec<String> = batch.iter().map(|event| event.id().to_owned()).collect();
        next += 16;
        for (id, result) in ids.into_iter().zip(bus.publish_batch(batch).await) {
            match result {
                Ok(_) => acknowledged.push(id),
                Err(_) => failed += 1,
            }
        }
        if killed.is_none() && acknowledged.len() > 200 {
            let info = bus.jetstream().get_stream("EVENTS").await.unwrap().cached_info().clone();
            let leader = info.cluster.and_then(|cluster| cluster.leader).expect("a leader");
            let index: usize = leader[1..].parse().unwrap();
            servers[index].kill().await;
            killed = Some(Instant::now());
        } else if let Some(killed) = killed
            && heard.is_none()
            && acknowledged.last().is_some_and(|id| counts.has(id))
        {
            heard = Some(killed.elapsed());
        }
    }
    eventually(LIMIT, "every acknowledged event arrives", || async {
        counts.missing(&acknowledged).is_empty()
    })
    .await;
    eventually(LIMIT, "everything is confirmed", || async {
        subscription.lag().await.is_ok_and(|lag| lag.is_zero())
    })
    .await;
    println!(
        "leader lost: {} acknowledged, {failed} failed, {} deliveries, 0 lost, heard again after {heard:?}",
        acknowledged.len(),
        counts.total()
    );
    assert!(heard.is_some_and(|after| after < Duration::from_secs(10)), "deaf for {heard:?}");
}
