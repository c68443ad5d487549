//! Events to the CloudEvents SDKs of Python and JavaScript and back, over a real server: see `interop/README.md`.
//!
//! The SDKs are installed once into the cache of the test kit. Without them, and without a way to get them, the tests fail and
//! say what is missing; `UNDERPIN_INTEROP=off` leaves them out, and says so.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use underpin_events::jetstream::{ContentMode, JetStream, JetStreamSettings};
use underpin_events::{
    Event, EventPublisher, EventSubscriber, InvalidEventError, Outcome, SubscribeOptions, handler_fn,
};
use underpin_logger::NoopLogger;
use underpin_testkit::{Interop, NatsServer};

/// The packages, by name and version, and what a folder with others must not be taken for.
const PYTHON: [&str; 2] = ["cloudevents==2.2.0", "nats-py==2.16.0"];
const NODE: [&str; 2] = ["cloudevents@10.0.0", "nats@2.29.3"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_sdk_reads_what_we_write_and_we_read_what_it_writes() {
    let Some(python) = Interop::python(&PYTHON) else { return };
    Box::pin(echo("python", &mut python.script(script("echo.py")))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_javascript_sdk_reads_what_we_write_and_we_read_what_it_writes() {
    let Some(node) = Interop::node(&NODE) else { return };
    Box::pin(echo("node", &mut node.script(script("echo.mjs")))).await;
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(name)
}

/// Publishes events in both modes, lets the SDK read each and write it back, and compares.
async fn echo(peer: &str, program: &mut Command) {
    let server = NatsServer::private().await;
    let structured = JetStreamSettings::new(server.url());
    let mut binary = structured.clone();
    binary.publish.mode = ContentMode::Binary;
    let sent = events().unwrap();
    let (seen, mut echoes) = tokio::sync::mpsc::unbounded_channel();
    let handler = handler_fn(move |delivery| {
        let taken = seen.send(delivery.into_event());
        async move { if taken.is_ok() { Outcome::ack() } else { Outcome::retry("the receiver is gone") } }
    });
    let bus = JetStream::connect(&structured, Arc::new(NoopLogger)).await.unwrap();
    let options = SubscribeOptions::new("echoes").types(["echo.>"]).concurrency(1);
    let _subscription = bus.subscribe(options, handler).await.unwrap();
    let mut expected = Vec::new();
    for (mode, settings) in [("structured", structured), ("binary", binary)] {
        let bus = JetStream::connect(&settings, Arc::new(NoopLogger)).await.unwrap();
        for event in &sent {
            // The same event once in each mode would be a repeat.
            let event = event.clone().into_builder().id(format!("{}-{mode}", event.id())).build().unwrap();
            bus.publish(event.clone()).await.unwrap();
            expected.push((mode, event));
        }
        bus.close(Duration::from_secs(5)).await.unwrap();
    }
    Interop::run(program.arg(server.url()).arg(expected.len().to_string()), peer);
    for (mode, event) in expected {
        let echoed = tokio::time::timeout(Duration::from_secs(20), echoes.recv()).await.unwrap().unwrap();
        let found = compare(&event, &echoed);
        assert!(found.is_empty(), "{peer} {mode} {}: {}", event.ty(), found.join("; "));
        println!("{peer} {mode} {}: same", event.ty());
    }
}

fn events() -> Result<Vec<Event>, InvalidEventError> {
    let time = time::macros::datetime!(2026-11-20 14:30:15.250 UTC);
    Ok(vec![
        Event::builder("interop.json", "/orders")
            .id("json")
            .time(time)
            .subject("naïve \"50%\" ☂")
            .organization_id("acme")
            .trace_parent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
            .data_schema("https://example.com/order.json")
            .json(&serde_json::json!({"total_cents": 700, "note": "a \"quoted\" line\n", "tags": [1, true, null]}))
            .build()?,
        Event::builder("interop.binary", "/scans")
            .id("binary")
            .time(time)
            .binary("application/octet-stream", vec![0, 159, 146, 150, 255])
            .build()?,
        Event::builder("interop.text", "/notes").id("text").time(time).text("text/plain", "plain ☂ text").build()?,
        Event::builder("interop.bare", "urn:example:bare").id("bare").time(time).build()?,
    ])
}

/// What differs. Other SDKs write times and JSON with other spaces and digits: those are compared by their value.
fn compare(sent: &Event, echoed: &Event) -> Vec<String> {
    let json = |event: &Event| event.json::<serde_json::Value>().ok();
    let bytes = |event: &Event| event.data().map(|data| data.as_bytes().to_vec()).unwrap_or_default();
    let data = bytes(sent) == bytes(echoed) || json(sent).is_some_and(|value| json(echoed) == Some(value));
    let extensions = |event: &Event| {
        event.extensions().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
    };
    [
        ("id", sent.id() == echoed.id()),
        ("source", sent.source() == echoed.source()),
        ("type", sent.ty() == echoed.ty()),
        ("subject", sent.subject() == echoed.subject()),
        ("time", sent.time() == echoed.time()),
        ("datacontenttype", sent.data().is_none() || sent.data_content_type() == echoed.data_content_type()),
        ("dataschema", sent.data_schema() == echoed.data_schema()),
        ("extensions", extensions(sent) == extensions(echoed)),
        ("data", data),
    ]
    .into_iter()
    .filter(|(_, same)| !same)
    .map(|(name, _)| format!("{name} differs: {sent:?} came back as {echoed:?}"))
    .collect()
}
