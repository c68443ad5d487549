//! `orders dead-letters`: what an operator sees and does, with the service at work beside it.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use underpin_database::{DatabaseExt as _, DatabaseSettings, TxOptions, connect};
use underpin_events::jetstream::{JetStream, JetStreamSettings};
use underpin_events::{Event, EventPublisher};
use underpin_logger::NoopLogger;
use underpin_outbox::{Outbox, OutboxError};
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

/// Places an event that the consumer cannot read into the outbox of a stopped service.
fn enqueue_unreadable(folder: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let file = folder.join("data/orders.db");
        let settings = DatabaseSettings::new(format!("sqlite:{}", file.display()));
        let pool = connect(&settings, Arc::new(NoopLogger)).await.unwrap();
        let (outbox, event) = (
            &Outbox::default(),
            &Event::builder("order.placed", "/elsewhere").id("e-1").json(&"not an order").build().unwrap(),
        );
        let write = |tx| async move { outbox.enqueue(&tx, event).await };
        pool.transaction::<_, OutboxError, _, _>(TxOptions::default(), write).await.unwrap();
        pool.close(LIMIT).await;
    });
}

#[test]
fn without_nats_they_are_in_the_journal_which_a_running_service_reads_for_the_command() {
    let folder = tempfile::tempdir().unwrap();
    Service::start(BINARY, folder.path(), &[]).stop();
    enqueue_unreadable(folder.path());

    // The service runs: the command asks its admin listener.
    let service = Service::start(BINARY, folder.path(), &[]);
    let admin = [("ORDERS_SERVICE__ADMIN__ADDRESS", service.admin.as_str())];
    let dead_letters = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut process = command(BINARY, folder.path(), variables);
        let output = process.arg("dead-letters").args(arguments).stdin(Stdio::null()).output().unwrap();
        let (out, complaint) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {out}{complaint}");
        out
    };
    let start = Instant::now();
    let listed = loop {
        let listed = dead_letters(&admin, &["list"]);
        if listed.lines().count() == 2 {
            break listed;
        }
        assert!(start.elapsed() < LIMIT, "one dead letter, not {listed}");
        pause();
    };
    assert!(listed.contains("\torder-stats\torder.placed\t1\t"), "{listed}");
    service.stop();

    // It does not: the command opens the journal itself.
    let without_time =
        |listed: &str| listed.split('\t').filter(|part| !part.starts_with("20")).collect::<String>();
    assert_eq!(without_time(&dead_letters(&[], &["list"])), without_time(&listed));
    assert!(dead_letters(&[], &["inspect", "1"]).contains("not an order"));
    assert_eq!(dead_letters(&[], &["discard", "1"]), "discarded dead letter 1\n");
    assert_eq!(dead_letters(&[], &["list"]).lines().count(), 1);
}

#[test]
fn those_of_a_bus_without_a_journal_are_in_the_process_of_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let memory = [("DATABASE_URL", "sqlite::memory:")];
    let output = command(BINARY, folder.path(), &memory).args(["dead-letters", "list"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(
        complaint.contains("in the process of the service") && complaint.contains("NATS_URL"),
        "{complaint}"
    );
}
