use std::sync::Arc;
use std::time::Duration;

use underpin_logger::NoopLogger;
use underpin_nats::{Connection, NatsSettings, ReconnectSettings};
use underpin_objects::{BucketObjects, JetStreamObjects, ObjectBucketSettings, ObjectsSettings};

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A connection with short limits, so that a fault is over soon.
pub(crate) async fn connect(url: &str) -> Connection {
    let settings = NatsSettings::new(url)
        .connect_timeout(Duration::from_secs(10))
        .request_timeout(Duration::from_secs(5))
        .ping_interval(Duration::from_millis(500))
        .reconnect(ReconnectSettings::new(Duration::from_millis(20), Duration::from_millis(200)));
    Connection::connect(&settings, Arc::new(NoopLogger)).await.expect("connected")
}

/// A bucket on a server.
pub(crate) async fn open_objects(nats: &Connection, bucket: ObjectBucketSettings) -> BucketObjects {
    let (name, settings) = (bucket.name.clone(), ObjectsSettings::default().bucket(bucket));
    let buckets =
        JetStreamObjects::open(nats.clone(), &settings, Arc::new(NoopLogger)).await.expect("opened");
    buckets.bucket(&name).expect("a bucket")
}

/// Waits until something holds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, ask: impl FnMut() -> F) {
    underpin_testkit::eventually(LIMIT, what, ask).await;
}
