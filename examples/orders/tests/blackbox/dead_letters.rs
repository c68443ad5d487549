//! `orders dead-letters`: what an operator sees and does, with the service at work beside it.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use underpin_events::jetstream::{JetStream, JetStreamSettings};
use underpin_events::{Event, EventPublisher};
use underpin_logger::NoopLogger;
use underpin_testkit::NatsServer;

use super::BINARY;
use super::support::{LIMIT, Service, command, pause};

/// Runs `orders dead-letters` with these arguments; returns its exit code, what it printed and what it complained of.
fn dead_letters(folder: &Path, url: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut process = command(BINARY, folder, &[("NATS_URL", url)]);
    let output = process.arg("dead-letters").args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Lists until there is one dead letter, and returns its id and its line.
fn the_one(folder: &Path, url: &str) -> (String, String) {
    let start = Instant::now();
    loop {
        let (code, listed, complaint) = dead_letters(folder, url, &["list"]);
        assert_eq!((code, complaint.as_str()), (Some(0), ""));
        let lines: Vec<&str> = listed.lines().skip(1).collect();
        if let [line] = lines.as_slice() {
            return (line.split('\t').next().unwrap().to_owned(), (*line).to_owned());
        }
        assert!(start.elapsed() < LIMIT, "one dead letter, not {listed}");
        pause();
    }
}

#[test]
fn dead_letters_are_listed_inspected_replayed_and_discarded() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(NatsServer::private());
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(BINARY, folder.path(), &[("NATS_URL", server.url())]);
    // An event that the consumer cannot read.
    runtime.block_on(async {
        let bus =
            JetStream::connect(&JetStreamSettings::new(server.url()), Arc::new(NoopLogger)).await.unwrap();
        let event =
            Event::builder("order.placed", "/elsewhere").id("e-1").json(&"not an order").build().unwrap();
        bus.publish(event).await.unwrap();
    });

    let (id, line) = the_one(folder.path(), server.url());
    assert!(line.contains("\torder-stats\torder.placed\t1\t"), "{line}");

    let (code, shown, _) = dead_letters(folder.path(), server.url(), &["inspect", &id]);
    assert_eq!(code, Some(0));
    for part in ["subscription: order-stats\n", "attempts: 1\n", "reason: ", "\"id\":\"e-1\"", "not an order"]
    {
        assert!(shown.contains(part), "{part} in {shown}");
    }

    // Nothing was repaired, so the replay ends where it began, as another dead letter.
    let (code, said, _) = dead_letters(folder.path(), server.url(), &["replay", &id]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with(&format!("replayed dead letter {id}, stored at ")), "{said}");
    let (again, _) = the_one(folder.path(), server.url());
    assert_ne!(again, id);

    let (code, said, _) = dead_letters(folder.path(), server.url(), &["discard", &again]);
    assert_eq!((code, said), (Some(0), format!("discarded dead letter {again}\n")));
    let (_, listed, _) = dead_letters(folder.path(), server.url(), &["list"]);
    assert_eq!(listed.lines().count(), 1, "{listed}");
    for gone in ["inspect", "replay", "discard"] {
        let (code, said, complaint) = dead_letters(folder.path(), server.url(), &[gone, &again]);
        assert_eq!((code, said.as_str()), (Some(1), ""), "{gone}");
        assert!(complaint.contains(&format!("dead letter {again} not found")), "{complaint}");
    }
    service.stop();
}

#[test]
fn without_nats_it_says_where_the_dead_letters_are() {
    let folder = tempfile::tempdir().unwrap();
    let output = command(BINARY, folder.path(), &[]).args(["dead-letters", "list"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(
        complaint.contains("in the process of the service") && complaint.contains("NATS_URL"),
        "{complaint}"
    );
}
