//! A cluster keeps what it acknowledged while one of its nodes is away.

use std::time::Duration;

use async_nats::ServerAddr;
use async_nats::jetstream::{self, stream};
use underpin_testkit::{NatsCluster, eventually};

#[tokio::test]
async fn a_stream_with_three_replicas_survives_a_node() {
    let cluster = NatsCluster::start().await;
    let addresses: Vec<ServerAddr> = cluster.urls().iter().map(|url| url.parse().unwrap()).collect();
    let client = async_nats::connect(addresses).await.unwrap();
    let jetstream = jetstream::new(client);
    let settings = stream::Config {
        name: "ORDERS".into(),
        subjects: vec!["orders.>".into()],
        num_replicas: 3,
        ..Default::default()
    };
    jetstream.create_stream(settings).await.unwrap();
    jetstream.publish("orders.placed", "tea".into()).await.unwrap().await.unwrap();
    for node in cluster.nodes() {
        node.kill().await;
        eventually(Duration::from_secs(60), "two nodes have a leader", async || {
            let sent = jetstream.publish("orders.placed", "milk".into()).await;
            match sent {
                Ok(sent) => sent.await.is_ok(),
                Err(_) => false,
            }
        })
        .await;
        node.restart().await;
        cluster.ready().await;
    }
    let info = jetstream.get_stream("ORDERS").await.unwrap().cached_info().clone();
    assert!(info.state.messages >= 4, "{:?}", info.state);
    assert_eq!(info.cluster.unwrap().replicas.len(), 2);
}
