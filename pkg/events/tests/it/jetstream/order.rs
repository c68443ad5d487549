//! Order per key where deliveries were lost in flight: the server holds them for this process and gives them out again only
//! after `ack_wait`.

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{HandlerCounts, LIMIT, connect, event, eventually, options, settings};
use tokio::time::Instant;
use underpin_errors::HealthStatus;
use underpin_events::jetstream::JetStream;
use underpin_events::{
    DrainOutcome, Event, EventPublisher, EventSubscriber, Order, Outcome, SubscribeOptions, Subscription,
    handler_fn,
};
use underpin_testkit::{Direction, Fault, NatsServer, Proxy};

/// A subscription behind a proxy, and a client beside it.
struct Stage {
    _server: NatsServer,
    proxy: Proxy,
    /// Straight to the server.
    beside: JetStream,
    subscription: Arc<dyn Subscription>,
    seen: Arc<Mutex<Vec<usize>>>,
}

impl Stage {
    async fn new(options: SubscribeOptions) -> Self {
        let server = NatsServer::private().await;
        let (beside, proxy) = (connect(&settings(&server)).await, Proxy::to(server.url()).await);
        let mut behind = settings(&server);
        behind.servers = vec![proxy.url().to_owned().into()];
        let bus = connect(&behind).await;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let handler = handler_fn(move |delivery| {
            noted.lock().unwrap().push(delivery.event().json::<usize>().unwrap());
            async { Outcome::ack() }
        });
        let subscription = bus.subscribe(options, handler).await.unwrap();
        let stage = Self { _server: server, proxy, beside, subscription, seen };
        stage.publish(0..3).await;
        stage.handled(3).await;
        stage.server_has(0, 1..).await;
        stage
    }

    async fn publish(&self, numbers: Range<usize>) {
        for result in self.beside.publish_batch(numbers.map(event).collect()).await {
            result.unwrap();
        }
    }

    /// Waits until so many different events were handled.
    async fn handled(&self, count: usize) {
        let all = || async { self.first_deliveries().len() == count };
        eventually(LIMIT, &format!("{count} events are handled"), all).await;
    }

    /// Waits until so many events are unconfirmed, and so many requests open.
    async fn server_has(
        &self,
        unconfirmed: usize,
        requests: impl std::ops::RangeBounds<usize> + Send + Sync,
    ) {
        let stream = self.beside.jetstream().get_stream("EVENTS").await.unwrap();
        eventually(LIMIT, &format!("{unconfirmed} are unconfirmed"), || async {
            let info = stream.consumer_info("o").await.unwrap();
            info.num_ack_pending == unconfirmed && requests.contains(&info.num_waiting)
        })
        .await;
    }

    /// Loses three events in flight, then the connection or its answers.
    async fn lose_three(&self, then: Fault) {
        self.proxy.set(Fault::Discard(Direction::ToClient));
        self.publish(3..6).await;
        self.server_has(3, ..).await;
        self.proxy.set(then);
        self.server_has(3, ..1).await;
    }

    /// The events in the order in which they were first handled.
    fn first_deliveries(&self) -> Vec<usize> {
        let mut first = Vec::new();
        for number in self.seen.lock().unwrap().iter() {
            if !first.contains(number) {
                first.push(*number);
            }
        }
        first
    }
}

fn per_key(ack_wait: Duration) -> SubscribeOptions {
    options("o").order(Order::PerKey).ack_wait(ack_wait)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_keeps_its_order_when_its_connection_dies_with_events_in_flight() {
    let stage = Stage::new(per_key(Duration::from_secs(2))).await;
    stage.lose_three(Fault::Cut).await;
    stage.publish(6..9).await;
    stage.proxy.set(Fault::None);
    stage.handled(9).await;
    assert_eq!(stage.first_deliveries(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_keeps_its_order_when_a_request_ends_in_silence() {
    let stage = Stage::new(per_key(Duration::from_secs(2))).await;
    // The connection stays open and the server is silent: the request is abandoned.
    stage.lose_three(Fault::Discard(Direction::ToClient)).await;
    stage.publish(6..9).await;
    stage.proxy.set(Fault::None);
    stage.handled(9).await;
    assert_eq!(stage.first_deliveries(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_wait_shows_in_health_and_ends_with_a_drain() {
    let stage = Stage::new(per_key(LIMIT * 10)).await;
    stage.lose_three(Fault::Cut).await;
    stage.proxy.set(Fault::None);
    eventually(LIMIT, "health tells of the wait", || async {
        let health = stage.subscription.check().await;
        health.status == HealthStatus::Down && format!("{health:?}").contains("unconfirmed")
    })
    .await;
    let started = Instant::now();
    assert_eq!(stage.subscription.drain(LIMIT).await, DrainOutcome::Drained);
    assert!(started.elapsed() < Duration::from_secs(5), "drained after {:?}", started.elapsed());
    assert_eq!(stage.first_deliveries(), [0, 1, 2]);
}

/// What this process holds is unconfirmed as well, and no reason to wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_at_work_holds_up_no_other_key() {
    let server = NatsServer::private().await;
    let (beside, proxy) = (connect(&settings(&server)).await, Proxy::to(server.url()).await);
    let mut behind = settings(&server);
    behind.servers = vec![proxy.url().to_owned().into()];
    let seen = HandlerCounts::default();
    let noted = seen.clone();
    let handler = handler_fn(move |delivery| {
        let long = delivery.event().id() == "long";
        noted.add(delivery.event().id());
        async move { if long { std::future::pending().await } else { Outcome::ack() } }
    });
    let subscription = connect(&behind).await.subscribe(per_key(LIMIT * 10), handler).await.unwrap();
    // Some of these keys are in other lanes than the long one.
    let keyed = |id: &str, key: usize| {
        Event::builder("order.placed", "/s").id(id).subject(format!("{key}")).build().unwrap()
    };
    beside.publish(keyed("long", 0)).await.unwrap();
    eventually(LIMIT, "the long one begins", || async { seen.has("long") }).await;
    proxy.set(Fault::Cut);
    let down = || async { subscription.check().await.status == HealthStatus::Down };
    eventually(LIMIT, "the connection is lost", down).await;
    proxy.set(Fault::None);
    for key in 1..33 {
        beside.publish(keyed(&format!("short-{key}"), key)).await.unwrap();
    }
    eventually(Duration::from_secs(10), "others go on", || async { seen.distinct() > 1 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_order_nobody_waits() {
    let stage = Stage::new(options("o").ack_wait(LIMIT * 10)).await;
    stage.lose_three(Fault::Cut).await;
    stage.publish(6..9).await;
    stage.proxy.set(Fault::None);
    eventually(Duration::from_secs(10), "what is new arrives at once", || async {
        stage.first_deliveries() == [0, 1, 2, 6, 7, 8]
    })
    .await;
}
