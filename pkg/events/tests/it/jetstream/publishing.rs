//! The hazards of publishing (facts of the events crate, 1 to 7 and 14), each on a real server unless it says otherwise.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{LIMIT, connect, event, eventually, settings, within};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;
use underpin_config::{ByteSize, Secret};
use underpin_errors::{HealthCheck, HealthStatus, Report};
use underpin_events::jetstream::{
    Change, ContentMode, JetStream, JetStreamSettings, Storage, TopologyMode, WhenFull,
};
use underpin_events::{
    DeadLetterQueue, Event, EventPublisher, EventSubscriber, EventsError, Outcome, SubscribeOptions,
    handler_fn,
};
use underpin_logger::NoopLogger;
use underpin_testkit::NatsServer;

async fn refused(settings: &JetStreamSettings) -> EventsError {
    JetStream::connect(settings, Arc::new(NoopLogger)).await.expect_err("must be refused")
}

/// A server that says only what it is, and then nothing.
async fn server_that_says(info: &'static str) -> JetStreamSettings {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(format!("INFO {info}\r\nPONG\r\n").as_bytes()).await.unwrap();
            open.push(stream);
        }
    });
    let mut settings = JetStreamSettings::new(format!("nats://{address}"));
    settings.connect_timeout = Duration::from_secs(2);
    settings
}

#[tokio::test]
async fn hazard_1_a_missing_stream_is_told_from_jetstream_being_off() {
    let server = NatsServer::private().await;
    let bus = connect(&settings(&server)).await;
    bus.jetstream().delete_stream("EVENTS").await.unwrap();
    let error = bus.publish(event(1)).await.expect_err("no stream");
    assert!(
        matches!(&error, EventsError::NoStream { subject } if subject == "events.order.placed"),
        "{error:?}"
    );
    assert!(!error.is_ambiguous());

    let off = server_that_says(
        r#"{"server_id":"x","version":"2.12.0","headers":true,"max_payload":1048576,"jetstream":false}"#,
    );
    assert!(matches!(refused(&off.await).await, EventsError::JetStreamDisabled));
}

#[tokio::test]
async fn hazard_1_an_account_without_jetstream_is_told() {
    let config = "accounts { A { users = [{user: a, password: secret}] }, B { jetstream: enabled, users = [{user: b, password: secret}] } }";
    let server = NatsServer::private_with(config).await;
    let mut settings = settings(&server);
    settings.auth.user = Some("a".to_owned());
    settings.auth.password = Some(Secret::from("secret"));
    let error = refused(&settings).await;
    assert!(matches!(error, EventsError::JetStreamDisabled), "{error:?}");
    settings.auth.user = Some("b".to_owned());
    connect(&settings).await.publish(event(1)).await.unwrap();
}

#[tokio::test]
async fn hazard_1_a_core_subscriber_in_place_of_a_stream_is_no_success() {
    let server = NatsServer::private().await;
    let mut settings = settings(&server);
    settings.publish.timeout = Duration::from_millis(900);
    settings.publish.ack_timeout = Duration::from_millis(400);
    let bus = connect(&settings).await;
    bus.jetstream().delete_stream("EVENTS").await.unwrap();
    let _mute = bus.client().subscribe("events.>").await.unwrap();
    bus.client().flush().await.unwrap();
    let started = Instant::now();
    let error = bus.publish(event(1)).await.expect_err("no stream stores it");
    assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
    assert!(error.is_ambiguous() && error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn hazard_2_limits_of_server_and_stream_are_told_apart() {
    let server = NatsServer::private().await;
    let mut settings = settings(&server);
    settings.stream.max_message_size = Some(ByteSize::kib(2));
    settings.stream.max_messages = Some(3);
    settings.stream.when_full = WhenFull::Refuse;
    let bus = connect(&settings).await;
    let large = |size: usize| Event::builder("a", "/s").text("text/plain", "x".repeat(size)).build().unwrap();
    for size in [4 * 1024, 2 * 1024 * 1024] {
        let error = bus.publish(large(size)).await.expect_err("too large");
        assert!(matches!(error, EventsError::TooLarge { .. }), "{size}: {error:?}");
    }
    for n in 0..3 {
        bus.publish(event(n)).await.unwrap();
    }
    let error = bus.publish(event(3)).await.expect_err("full");
    assert!(matches!(error, EventsError::StreamFull), "{error:?}");
    assert!(error.is_retryable() && !error.is_ambiguous());
}

#[tokio::test]
async fn hazard_3_lost_acks_share_one_absolute_deadline() {
    let server = NatsServer::private().await;
    let mut settings = settings(&server);
    settings.publish.timeout = Duration::from_millis(1500);
    settings.publish.ack_timeout = Duration::from_millis(400);
    let bus = connect(&settings).await;
    server.pause().await;
    let started = Instant::now();
    let results = bus.publish_batch((0..200).map(event).collect()).await;
    let took = started.elapsed();
    server.resume().await;
    assert!(took < Duration::from_millis(2500), "200 lost acks took {took:?}");
    assert!(results.iter().all(|result| result.as_ref().is_err_and(EventsError::is_ambiguous)));
}

#[tokio::test]
async fn hazard_4_failed_but_stored_is_not_stored_twice() {
    let server = NatsServer::private().await;
    let mut settings = settings(&server);
    settings.publish.timeout = Duration::from_secs(8);
    settings.publish.ack_timeout = Duration::from_millis(300);
    let bus = connect(&settings).await;
    // The first attempts wait in the socket of the frozen server, unanswered; the second follow them.
    server.pause().await;
    let publishing = tokio::spawn({
        let bus = bus.clone();
        async move { bus.publish_batch((0..512).map(event).collect()).await }
    });
    let sent = || bus.client().statistics().out_messages.load(std::sync::atomic::Ordering::Relaxed);
    eventually(LIMIT, "every event is sent twice", || async { sent() >= 1024 }).await;
    server.resume().await;
    let results = within(LIMIT, "the batch ends", publishing).await.unwrap();
    let failed: Vec<usize> = (0..512).filter(|n| results[*n].is_err()).collect();
    // The caller's own retry, with the same ids.
    for n in failed {
        bus.publish(event(n)).await.unwrap();
    }
    let info = bus.jetstream().get_stream("EVENTS").await.unwrap().cached_info().clone();
    assert_eq!(info.state.messages, 512, "blind retries made duplicates");
}

#[tokio::test]
async fn hazard_5_nothing_hangs_while_the_server_is_down() {
    let server = NatsServer::private().await;
    let mut settings = settings(&server);
    settings.publish.timeout = Duration::from_millis(1000);
    settings.publish.ack_timeout = Duration::from_millis(400);
    settings.request_timeout = Duration::from_millis(1000);
    let bus = connect(&settings).await;
    let subscription =
        bus.subscribe(SubscribeOptions::new("s"), handler_fn(|_| async { Outcome::ack() })).await.unwrap();
    server.kill().await;
    let limit = Duration::from_millis(4000);
    // More than the 2048 commands that the client queues.
    let batch = within(limit, "a batch", bus.publish_batch((0..5000).map(event).collect())).await;
    assert!(batch.iter().all(|result| result.as_ref().is_err_and(EventsError::is_retryable)));
    let error = within(limit, "a publish", bus.publish(event(1))).await.expect_err("down");
    assert!(matches!(error, EventsError::Disconnected) && !error.is_ambiguous(), "{error:?}");
    within(limit, "flush", bus.flush(Duration::from_millis(500))).await.expect_err("down");
    within(limit, "lag", subscription.lag()).await.expect_err("down");
    within(limit, "list", bus.list(0, 1)).await.expect_err("down");
    within(limit, "plan", bus.plan()).await.expect_err("down");
    let second = bus.subscribe(SubscribeOptions::new("t"), handler_fn(|_| async { Outcome::ack() }));
    assert!(within(limit, "subscribe", second).await.is_err());
    assert_eq!(within(limit, "health", bus.check()).await.status, HealthStatus::Down);
    let _ = within(limit, "drain", subscription.drain(Duration::from_secs(2))).await;
    let closed = within(limit * 2, "close", bus.close(Duration::from_millis(500))).await;
    assert!(closed.is_err() || bus.publish(event(1)).await.is_err());
}

#[tokio::test]
async fn hazard_5_publishing_goes_on_when_the_server_is_back() {
    let server = NatsServer::private().await;
    let bus = connect(&settings(&server)).await;
    server.kill().await;
    let publishing = tokio::spawn({
        let bus = bus.clone();
        async move { bus.publish(event(1)).await }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.restart().await;
    within(LIMIT, "the publish ends", publishing).await.unwrap().expect("stored after the restart");
    eventually(LIMIT, "health is up", || async { bus.check().await.status == HealthStatus::Up }).await;
}

#[tokio::test]
async fn hazard_6_connect_is_bounded_and_never_ok_without_a_server() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let mut nobody = JetStreamSettings::new(format!("nats://user:hunter2@{address}"));
    nobody.connect_timeout = Duration::from_millis(700);
    let started = Instant::now();
    let error = refused(&nobody).await;
    assert!(matches!(error, EventsError::Connect { .. }) && error.is_retryable(), "{error:?}");
    assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());

    // A peer that accepts and stays silent.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut mute = JetStreamSettings::new(format!("nats://{}", silent.local_addr().unwrap()));
    mute.connect_timeout = Duration::from_millis(700);
    let started = Instant::now();
    assert!(matches!(refused(&mute).await, EventsError::Connect { .. }));
    assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
}

#[tokio::test]
async fn hazard_6_connect_waits_for_a_server_that_comes_up_later() {
    let server = NatsServer::private().await;
    server.kill().await;
    let mut patient = settings(&server);
    patient.connect_timeout = Duration::from_secs(15);
    let connecting = tokio::spawn(async move { JetStream::connect(&patient, Arc::new(NoopLogger)).await });
    tokio::time::sleep(Duration::from_millis(700)).await;
    server.restart().await;
    within(LIMIT, "it connects", connecting)
        .await
        .unwrap()
        .expect("connected")
        .publish(event(1))
        .await
        .unwrap();
}

#[tokio::test]
async fn several_servers_are_tried() {
    let server = NatsServer::private().await;
    let mut several = settings(&server);
    several.servers.insert(0, "nats://127.0.0.1:1".into());
    connect(&several).await.publish(event(1)).await.unwrap();
}

#[tokio::test]
async fn secrets_appear_in_no_error_and_no_debug_text() {
    let server = NatsServer::private_with("authorization { token: right-token-7f3 }").await;
    let mut wrong = settings(&server);
    wrong.servers.push(Secret::new(format!("nats://joe:url-password-1c2@{}", &server.url()[7..])));
    wrong.auth.token = Some(Secret::from("wrong-token-9d1"));
    let started = Instant::now();
    let error = refused(&wrong).await;
    assert!(matches!(error, EventsError::Unauthorized(_)), "{error:?}");
    assert!(
        !error.is_retryable() && started.elapsed() < Duration::from_secs(4),
        "wrong credentials are not tried again"
    );
    let mut bad_url = settings(&server);
    bad_url.servers = vec![Secret::from("http://joe:url-password-1c2@host")];
    let texts = [
        format!("{error:?} {}", Report(&error)),
        format!("{:?}", refused(&bad_url).await),
        format!("{wrong:?}"),
        serde_json::to_string(&wrong).unwrap(),
    ];
    for text in texts {
        assert!(!text.contains("7f3") && !text.contains("9d1") && !text.contains("1c2"), "{text}");
    }
    wrong.servers.pop();
    wrong.auth.token = Some(Secret::from("right-token-7f3"));
    let bus = connect(&wrong).await;
    assert!(!format!("{bus:?}").contains("7f3"));
    bus.publish(event(1)).await.unwrap();
}

#[tokio::test]
async fn hazard_14_a_server_that_is_too_old_is_refused() {
    let old = server_that_says(
        r#"{"server_id":"x","version":"2.9.10","headers":true,"max_payload":1048576,"jetstream":true}"#,
    );
    match refused(&old.await).await {
        EventsError::ServerTooOld { found, required, .. } => {
            assert_eq!((found.as_str(), required), ("2.9.10", "2.10.0"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn hazard_14_drift_is_reported_field_by_field_and_repaired_on_request() {
    let server = NatsServer::private().await;
    let first = connect(&settings(&server)).await;
    assert!(first.plan().await.unwrap().is_empty());

    let mut changed = settings(&server);
    changed.stream.max_age = Duration::from_secs(3600);
    changed.stream.max_messages = Some(5000);
    changed.topology = TopologyMode::Verify;
    let error = refused(&changed).await;
    let EventsError::Drift { differences } = &error else { panic!("{error:?}") };
    let text = differences.join("\n");
    assert_eq!(differences.len(), 2, "{text}");
    assert!(text.contains("stream EVENTS: max_messages is -1, declared 5000"), "{text}");
    assert!(text.contains("max_age"), "{text}");

    changed.topology = TopologyMode::Apply;
    let second = connect(&changed).await;
    assert!(second.plan().await.unwrap().is_empty());
    second.verify().await.unwrap();
    let plan = first.plan().await.unwrap();
    assert!(
        matches!(&plan.changes[..], [Change::UpdateStream { name, differences }] if name == "EVENTS" && differences.len() == 2)
    );
    // What was not declared belongs to the operator and stays.
    let mut config = second.jetstream().get_stream("EVENTS").await.unwrap().cached_info().config.clone();
    config.metadata.insert("owner".to_owned(), "ops".to_owned());
    second.jetstream().update_stream(config).await.unwrap();
    assert_eq!(first.apply().await.unwrap().changes.len(), 1);
    let config = second.jetstream().get_stream("EVENTS").await.unwrap().cached_info().config.clone();
    assert_eq!((config.max_messages, config.metadata.get("owner").map(String::as_str)), (-1, Some("ops")));
}

#[tokio::test]
async fn hazard_14_what_cannot_be_changed_stays_a_drift() {
    let server = NatsServer::private().await;
    connect(&settings(&server)).await;
    let mut memory = settings(&server);
    memory.stream.storage = Storage::Memory;
    let error = refused(&memory).await;
    assert!(
        matches!(&error, EventsError::Drift { differences } if differences.join(" ").contains("storage")),
        "{error:?}"
    );
}

#[tokio::test]
async fn hazard_14_a_consumer_that_differs_is_changed_or_refused() {
    let server = NatsServer::private().await;
    let ack = || handler_fn(|_| async { Outcome::ack() });
    let bus = connect(&settings(&server)).await;
    let named = |wait| SubscribeOptions::new("c").ack_wait(Duration::from_secs(wait));
    let first = bus.subscribe(named(5), ack()).await.unwrap();
    let _ = first.drain(LIMIT).await;

    let mut verify = settings(&server);
    verify.topology = TopologyMode::Verify;
    let strict = connect(&verify).await;
    let error = strict.subscribe(named(7), ack()).await.err().expect("refused");
    assert!(
        matches!(&error, EventsError::Drift { differences } if differences.join(" ").contains("ack_wait")),
        "{error:?}"
    );
    let error = strict.subscribe(SubscribeOptions::new("missing"), ack()).await.err().expect("refused");
    assert!(matches!(error, EventsError::NotFound { .. }), "{error:?}");
    let same = strict.subscribe(named(5), ack()).await.unwrap();
    let _ = same.drain(LIMIT).await;

    let changed = bus.subscribe(named(7), ack()).await.unwrap();
    let consumer = bus.jetstream().get_stream("EVENTS").await.unwrap().consumer_info("c").await.unwrap();
    assert_eq!(consumer.config.ack_wait, Duration::from_secs(7));
    let _ = changed.drain(LIMIT).await;
}

#[tokio::test]
async fn binary_mode_is_read_by_every_subscription() {
    let server = NatsServer::private().await;
    let mut binary = settings(&server);
    binary.publish.mode = ContentMode::Binary;
    let (writer, reader) = (connect(&binary).await, connect(&settings(&server)).await);
    let (seen, mut events) = tokio::sync::mpsc::unbounded_channel();
    let handler = handler_fn(move |delivery| {
        seen.send(delivery.into_event()).unwrap();
        async { Outcome::ack() }
    });
    let _subscription = reader.subscribe(SubscribeOptions::new("b"), handler).await.unwrap();
    let sent = Event::builder("order.placed", "/orders").subject("naïve \"50%\"").json(&7).build().unwrap();
    writer.publish(sent.clone()).await.unwrap();
    assert_eq!(within(LIMIT, "it arrives", events.recv()).await.unwrap(), sent);
    let stored = reader.jetstream().get_stream("EVENTS").await.unwrap().get_raw_message(1).await.unwrap();
    assert_eq!(
        (&stored.payload[..], stored.headers.get("ce-type").unwrap().as_str()),
        (&b"7"[..], "order.placed")
    );
}
