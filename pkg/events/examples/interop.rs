//! Events to the Python and JavaScript CloudEvents SDKs and back, over a real server. See `interop/README.md`.
#![allow(clippy::print_stdout, reason = "a program that reports what it found")]

use std::error::Error;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use underpin_events::jetstream::{ContentMode, JetStream, JetStreamSettings};
use underpin_events::{
    Event, EventPublisher, EventSubscriber, InvalidEvent, Outcome, SubscribeOptions, handler_fn,
};
use underpin_logger::NoopLogger;
use underpin_testkit::NatsServer;

type Anything = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Anything> {
    let mut arguments = std::env::args().skip(1);
    let (Some(python), Some(modules)) = (arguments.next(), arguments.next()) else {
        return Err("usage: interop <python> <folder with node_modules>".into());
    };
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop");
    let mut differences = 0;
    for (peer, program, script) in [("python", python.as_str(), "echo.py"), ("node", "node", "echo.mjs")] {
        differences += echo(peer, program, &scripts.join(script), Path::new(&modules)).await?;
    }
    if differences > 0 { Err(format!("{differences} differences").into()) } else { Ok(()) }
}

async fn echo(peer: &str, program: &str, script: &Path, folder: &Path) -> Result<usize, Anything> {
    let server = NatsServer::private().await;
    let structured = JetStreamSettings::new(server.url());
    let mut binary = structured.clone();
    binary.publish.mode = ContentMode::Binary;
    let sent = events()?;
    let (seen, mut echoes) = tokio::sync::mpsc::unbounded_channel();
    let handler = handler_fn(move |delivery| {
        let taken = seen.send(delivery.into_event());
        async move { if taken.is_ok() { Outcome::ack() } else { Outcome::retry("nobody listens") } }
    });
    let bus = JetStream::connect(&structured, Arc::new(NoopLogger)).await?;
    let _subscription =
        bus.subscribe(SubscribeOptions::new("echoes").types(["echo.>"]).concurrency(1), handler).await?;
    let mut differences = 0;
    for (mode, settings) in [("structured", structured), ("binary", binary)] {
        let bus = JetStream::connect(&settings, Arc::new(NoopLogger)).await?;
        for event in &sent {
            // The same event once in each mode: a replay, as far as the server is concerned.
            bus.publish(event.clone().into_builder().id(format!("{}-{mode}", event.id())).build()?).await?;
        }
        bus.close(Duration::from_secs(5)).await?;
    }
    let count = sent.len() * 2;
    let mut process = tokio::process::Command::new(program);
    process.arg(script).arg(server.url()).arg(count.to_string()).current_dir(folder).stdin(Stdio::null());
    if !process.status().await?.success() {
        return Err(format!("{peer}: the echo failed").into());
    }
    for mode in ["structured", "binary"] {
        for event in &sent {
            let echoed = tokio::time::timeout(Duration::from_secs(20), echoes.recv()).await?;
            let echoed = echoed.ok_or("the subscription ended")?;
            let expected = event.clone().into_builder().id(format!("{}-{mode}", event.id())).build()?;
            let found = compare(&expected, &echoed);
            println!(
                "{peer} {mode} {}: {}",
                event.ty(),
                if found.is_empty() { "same".to_owned() } else { found.join("; ") }
            );
            differences += found.len();
        }
    }
    Ok(differences)
}

fn events() -> Result<Vec<Event>, InvalidEvent> {
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
