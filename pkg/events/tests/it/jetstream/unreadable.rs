//! Stored messages that the NATS client cannot read: each ends its connection or its task at every delivery.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use underpin_errors::{HealthCheck, HealthStatus};
use underpin_events::jetstream::JetStream;
use underpin_events::{
    DeadLetter, DeadLetterQueue, EventPublisher, EventSubscriber, Order, SubscribeOptions, Subscription,
};
use underpin_logger::testing::CaptureLogger;
use underpin_testkit::NatsServer;

use crate::support::{HandlerCounts, LIMIT, connect, event, eventually, options, settings};

const BARE_CR: &[u8] = b"NATS/1.0\r\nA: b\rc\r\n\r\n";

/// Header blocks that the client refuses; the first ends its task.
const UNREADABLE: &[(&str, &[u8])] = &[
    ("bare CR", BARE_CR),
    ("bare CR in a folded line", b"NATS/1.0\r\nA: b\r\n c\rd\r\n\r\n"),
    ("bare CR in the middle of many", b"NATS/1.0\r\nA: b\r\nC: d\re\r\nF: g\r\n\r\n"),
    ("byte 0xff in a value", b"NATS/1.0\r\nA: \xff\r\n\r\n"),
    ("byte 0xff in a name", b"NATS/1.0\r\n\xff: b\r\n\r\n"),
    ("cut UTF-8", b"NATS/1.0\r\nA: \xc3\r\n\r\n"),
    ("space in a name", b"NATS/1.0\r\nA B: c\r\n\r\n"),
    ("UTF-8 in a name", "NATS/1.0\r\n\u{e9}: c\r\n\r\n".as_bytes()),
    ("no colon", b"NATS/1.0\r\nabc\r\n\r\n"),
    ("version 2", b"NATS/2.0\r\nA: b\r\n\r\n"),
    ("no version", b"A: b\r\n\r\n"),
    ("lower case version", b"nats/1.0\r\nA: b\r\n\r\n"),
    ("byte order mark", b"\xef\xbb\xbfNATS/1.0\r\nA: b\r\n\r\n"),
];

/// Stores a message as a client without any check would.
async fn store_raw(server: &NatsServer, subject: &[u8], headers: &[u8], payload: &[u8]) {
    let mut socket = TcpStream::connect(server.url().trim_start_matches("nats://")).await.unwrap();
    let mut bytes = b"CONNECT {\"headers\":true,\"verbose\":false}\r\nSUB R 1\r\nHPUB ".to_vec();
    bytes.extend(subject);
    bytes.extend(format!(" R {} {}\r\n", headers.len(), headers.len() + payload.len()).into_bytes());
    bytes.extend(headers.iter().chain(payload).chain(b"\r\n"));
    socket.write_all(&bytes).await.unwrap();
    let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
    while !answer.windows(5).any(|window| window == b"\"seq\"") {
        let length = socket.read(&mut buffer).await.unwrap();
        assert_ne!(length, 0, "not stored: {}", String::from_utf8_lossy(&answer));
        answer.extend(&buffer[..length]);
    }
}

async fn bus(server: &NatsServer) -> (JetStream, CaptureLogger) {
    let log = CaptureLogger::new();
    let bus = JetStream::connect(&settings(server), Arc::new(log.clone())).await.expect("connected");
    (bus, log)
}

async fn dead_letters(bus: &JetStream, count: usize) -> Vec<DeadLetter> {
    eventually(LIMIT, "the dead letters", || async {
        bus.list(0, 100).await.is_ok_and(|found| found.len() >= count)
    })
    .await;
    bus.list(0, 100).await.unwrap()
}

async fn all_handled(subscription: &dyn Subscription, counts: &HandlerCounts, events: usize) {
    eventually(LIMIT, "every event is handled", || async { counts.distinct() == events }).await;
    eventually(LIMIT, "nothing is left", || async {
        subscription.lag().await.is_ok_and(|lag| lag.is_zero())
    })
    .await;
    eventually(LIMIT, "healthy", || async { subscription.check().await.status == HealthStatus::Up }).await;
}

#[tokio::test]
async fn each_becomes_a_dead_letter_with_its_bytes_and_the_events_behind_it_arrive() {
    let server = NatsServer::private().await;
    let (bus, log) = bus(&server).await;
    let counts = HandlerCounts::default();
    let subscription = bus.subscribe(options("projection"), counts.handler()).await.unwrap();
    for (n, (name, headers)) in UNREADABLE.iter().enumerate() {
        let payload = format!("{{\"not\": {n}");
        store_raw(&server, b"events.order.placed", headers, payload.as_bytes()).await;
        bus.publish(event(n)).await.unwrap();
        let found = dead_letters(&bus, n + 1).await;
        let last = found.last().unwrap();
        assert_eq!(last.raw_headers.as_ref().map(Bytes::as_ref), Some(*headers), "{name}");
        assert_eq!(last.payload, payload, "{name}");
        assert_eq!((last.subscription.as_str(), last.ty.as_str()), ("projection", "order.placed"), "{name}");
        assert!(last.reason.starts_with("unreadable: "), "{name}: {}", last.reason);
        let named = format!("sequence=\"{}\"", last.sequence);
        eventually(LIMIT, "the record names the sequence", || async { log.to_string().contains(&named) })
            .await;
    }
    all_handled(&*subscription, &counts, UNREADABLE.len()).await;
    assert_eq!(bus.list(0, 100).await.unwrap().len(), UNREADABLE.len(), "each once");
    let details = subscription.check().await.details;
    assert_eq!(details["quarantined"], UNREADABLE.len());
    assert_eq!(bus.check().await.status, HealthStatus::Up);
}

async fn is_skipped_with(options: SubscribeOptions) {
    let server = NatsServer::private().await;
    let (bus, _log) = bus(&server).await;
    let half = 300;
    for result in bus.publish_batch((0..half).map(event).collect()).await {
        result.unwrap();
    }
    store_raw(&server, b"events.order.placed", BARE_CR, b"{}").await;
    store_raw(&server, b"events.order.placed", UNREADABLE[3].1, b"{}").await;
    for result in bus.publish_batch((half..2 * half).map(event).collect()).await {
        result.unwrap();
    }
    // All of it waits when the subscription begins, so that every request is filled.
    let counts = HandlerCounts::default();
    let subscription = bus.subscribe(options, counts.handler()).await.unwrap();
    let found = dead_letters(&bus, 2).await;
    assert_eq!(found.iter().map(|found| found.sequence).collect::<Vec<_>>(), [301, 302]);
    all_handled(&*subscription, &counts, 2 * half).await;
}

#[tokio::test]
async fn with_a_full_window_and_no_order() {
    is_skipped_with(options("none").concurrency(64)).await;
}

#[tokio::test]
async fn with_order_per_key() {
    is_skipped_with(options("keys").order(Order::PerKey)).await;
}

#[tokio::test]
async fn with_strict_order() {
    is_skipped_with(options("strict").order(Order::Strict)).await;
}

#[tokio::test]
async fn one_that_an_earlier_process_left_unconfirmed() {
    let server = NatsServer::private().await;
    let (first, _log) = bus(&server).await;
    let subscription =
        first.subscribe(options("projection"), HandlerCounts::default().handler()).await.unwrap();
    let _ = subscription.drain(LIMIT).await;
    store_raw(&server, b"events.order.placed", BARE_CR, b"{}").await;
    // A client of another kind takes it and dies.
    let mut socket = TcpStream::connect(server.url().trim_start_matches("nats://")).await.unwrap();
    let pull = b"CONNECT {\"headers\":true,\"verbose\":false}\r\nSUB R 1\r\nPUB $JS.API.CONSUMER.MSG.NEXT.EVENTS.projection R 1\r\n1\r\n";
    socket.write_all(pull).await.unwrap();
    eventually(LIMIT, "it is delivered", || async {
        subscription.lag().await.is_ok_and(|lag| lag.in_flight == 1)
    })
    .await;
    drop(socket);

    let counts = HandlerCounts::default();
    let again = first.subscribe(options("projection").ack_wait(Duration::from_secs(20)), counts.handler());
    let again = again.await.unwrap();
    // At once, and not when it is delivered again.
    let found = tokio::time::timeout(Duration::from_secs(10), dead_letters(&first, 1)).await.unwrap();
    assert_eq!(found[0].sequence, 1);
    first.publish(event(1)).await.unwrap();
    all_handled(&*again, &counts, 1).await;
    assert_eq!(first.connection().link().rebuilds, 0);
}

#[tokio::test]
async fn every_subscription_gives_it_up_and_a_replay_is_legible() {
    let server = NatsServer::private().await;
    let (bus, _log) = bus(&server).await;
    let (a, b) = (HandlerCounts::default(), HandlerCounts::default());
    let first = bus.subscribe(options("first"), a.handler()).await.unwrap();
    let second = bus.subscribe(options("second"), b.handler()).await.unwrap();
    store_raw(&server, b"events.order.placed", BARE_CR, &event(7).to_json()).await;
    let mut found = dead_letters(&bus, 2).await;
    found.sort_by(|one, other| one.subscription.cmp(&other.subscription));
    let names: Vec<_> = found.iter().map(|found| found.subscription.as_str()).collect();
    assert_eq!(names, ["first", "second"]);
    bus.replay(found[0].id).await.unwrap();
    all_handled(&*first, &a, 1).await;
    all_handled(&*second, &b, 0).await;
    assert_eq!(bus.list(0, 10).await.unwrap().len(), 1);
}

/// The rest of the service over the same connection goes on.
#[tokio::test]
async fn publishing_goes_on_meanwhile() {
    let server = NatsServer::private().await;
    let (bus, _log) = bus(&server).await;
    let counts = HandlerCounts::default();
    let subscription = bus.subscribe(options("projection"), counts.handler()).await.unwrap();
    let publishing = async {
        for n in 0..200 {
            bus.publish(event(n)).await.unwrap();
            for result in bus.publish_batch((0..5).map(|k| event(1000 + n * 5 + k)).collect()).await {
                result.unwrap();
            }
        }
    };
    let poisoning = async {
        for _ in 0..3 {
            store_raw(&server, b"events.order.placed", BARE_CR, b"{}").await;
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    };
    tokio::join!(publishing, poisoning);
    all_handled(&*subscription, &counts, 1200).await;
    assert_eq!(dead_letters(&bus, 3).await.len(), 3);
}

/// A status line that a publisher wrote is no answer to a request: such a message is one like any other.
#[tokio::test]
async fn a_stored_status_line_is_no_word_of_the_server() {
    let server = NatsServer::private().await;
    let bus = connect(&settings(&server)).await;
    let counts = HandlerCounts::default();
    let subscription = bus.subscribe(options("projection"), counts.handler()).await.unwrap();
    for (n, status) in
        ["404 No Messages", "409 Consumer Deleted", "503", "100 Idle Heartbeat", "408 Request Timeout"]
            .into_iter()
            .enumerate()
    {
        // Newer servers store the block without the status, older ones with it.
        let headers = format!("NATS/1.0 {status}\r\nA: b\r\n\r\n");
        store_raw(&server, b"events.order.placed", headers.as_bytes(), &event(n).to_json()).await;
    }
    all_handled(&*subscription, &counts, 5).await;
    assert_eq!(subscription.check().await.details["recoveries"], 0);
}

#[tokio::test]
async fn a_subject_that_is_not_utf8_is_skipped_too() {
    let server = NatsServer::private().await;
    let (bus, _log) = bus(&server).await;
    let counts = HandlerCounts::default();
    let subscription = bus.subscribe(options("projection"), counts.handler()).await.unwrap();
    for subject in [&b"events.order.\xff"[..], "events.order.a\u{2003}b".as_bytes()] {
        store_raw(&server, subject, b"NATS/1.0\r\nA: b\r\n\r\n", b"{}").await;
    }
    bus.publish(event(1)).await.unwrap();
    all_handled(&*subscription, &counts, 1).await;
    assert_eq!(dead_letters(&bus, 2).await.len(), 2);
}

#[tokio::test]
async fn a_service_that_may_not_read_the_stream_goes_on_all_the_same() {
    let permissions = "{ publish: { deny: [\"$JS.API.STREAM.MSG.GET.>\"] } }";
    let server = NatsServer::private_with(&format!(
        "authorization {{ users: [ {{ user: svc, password: pw, permissions: {permissions} }} ] }}"
    ))
    .await;
    let mut settings = settings(&server);
    (settings.auth.user, settings.auth.password) = (Some("svc".to_owned()), Some("pw".into()));
    let bus = connect(&settings).await;
    let counts = HandlerCounts::default();
    let subscription = bus.subscribe(options("projection"), counts.handler()).await.unwrap();
    bus.publish(event(1)).await.unwrap();
    eventually(LIMIT, "the first", || async { counts.distinct() == 1 }).await;
    server.kill().await;
    server.restart().await;
    bus.publish(event(2)).await.unwrap();
    all_handled(&*subscription, &counts, 2).await;
}

/// Unusual header blocks that the client reads: their events are like any other.
#[tokio::test]
async fn an_odd_header_block_that_is_readable_stops_nothing() {
    let lines: String = (0..900).map(|n| format!("H-{n}: {n}\r\n")).collect();
    let many = format!("NATS/1.0\r\n{lines}\r\n");
    let blocks: [(&str, &[u8]); 7] = [
        ("no headers", b"NATS/1.0\r\n\r\n"),
        ("900 headers", many.as_bytes()),
        ("NUL in a value", b"NATS/1.0\r\nA: b\0c\r\n\r\n"),
        ("folded line", b"NATS/1.0\r\nA: b\r\n c\r\n\r\n"),
        ("no final empty line", b"NATS/1.0\r\nA: b\r\n"),
        ("cut in a value", b"NATS/1.0\r\nA: b"),
        ("empty value", b"NATS/1.0\r\nA:\r\n\r\n"),
    ];
    let server = NatsServer::private().await;
    let (bus, _log) = bus(&server).await;
    let counts = HandlerCounts::default();
    let subscription = bus.subscribe(options("projection"), counts.handler()).await.unwrap();
    for (n, (name, block)) in (0_u64..).zip(blocks) {
        let (odd, next) =
            (event(usize::try_from(2 * n).unwrap()), event(usize::try_from(2 * n + 1).unwrap()));
        store_raw(&server, b"events.order.placed", block, &odd.to_json()).await;
        bus.publish(next.clone()).await.unwrap();
        eventually(LIMIT, &format!("{name}: handled or dead-lettered, and the next one handled"), || async {
            let dead_letters = bus.list(0, 100).await.unwrap_or_default();
            let dead_lettered = dead_letters.iter().any(|found| found.sequence == 2 * n + 1);
            counts.has(odd.id()) != dead_lettered && counts.has(next.id())
        })
        .await;
    }
    all_handled(&*subscription, &counts, 2 * blocks.len() - bus.list(0, 100).await.unwrap().len()).await;
    assert_eq!(subscription.check().await.details["recoveries"], 0, "the connection stays");
    assert_eq!(bus.connection().link().rebuilds, 0);
}
