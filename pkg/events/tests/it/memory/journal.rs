//! The journal: what is read back after an orderly end, after kill -9, with a torn tail and with damage.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use underpin_errors::{HealthCheck, HealthStatus};
use underpin_events::conformance::{Recorder, eventually};
use underpin_events::memory::{JournalSettings, JournalSync, MemoryBus, MemorySettings};
use underpin_events::{
    DeadLetterQueue, Event, EventPublisher, EventSubscriber, EventsError, Outcome, StartPosition,
    SubscribeOptions, handler_fn,
};
use underpin_logger::NoopLogger;

use super::event;

const LIMIT: Duration = Duration::from_secs(30);

fn settings(path: &Path) -> MemorySettings {
    let mut settings = MemorySettings::default();
    settings.journal = Some(JournalSettings::new(path));
    settings
}

fn open(path: &Path) -> MemoryBus {
    MemoryBus::with_settings(settings(path), Arc::new(NoopLogger)).unwrap()
}

async fn publish(bus: &MemoryBus, numbers: std::ops::Range<usize>) {
    for result in bus.publish_batch(numbers.map(event).collect()).await {
        result.unwrap();
    }
}

#[tokio::test]
async fn a_bus_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.journal");
    let answers = |delivery: &underpin_events::Delivery| match delivery.event().id() {
        "3" => Outcome::dead_letter("three"),
        "4" => Outcome::dead_letter("four"),
        "5" => Outcome::retry_after(LIMIT * 100, "not before the restart"),
        _ => Outcome::ack(),
    };
    {
        let bus = open(&path);
        let subscription = bus
            .subscribe(
                SubscribeOptions::new("s"),
                handler_fn(move |delivery| {
                    let outcome = answers(&delivery);
                    async { outcome }
                }),
            )
            .await
            .unwrap();
        let late = SubscribeOptions::new("late").start(StartPosition::Next);
        publish(&bus, 0..10).await;
        let late = bus.subscribe(late, Recorder::acking().handler()).await.unwrap();
        eventually(LIMIT, "all but one are done", || async {
            subscription.lag().await.is_ok_and(|lag| (lag.waiting, lag.in_flight) == (0, 1))
        })
        .await;
        bus.discard(2).await.unwrap();
        let _ = (subscription.drain(LIMIT).await, late.drain(LIMIT).await);
        publish(&bus, 10..12).await;
        bus.flush(LIMIT).await.unwrap();
        bus.close();
    }
    let bus = open(&path);
    assert!(bus.publish(event(11)).await.unwrap().duplicate, "a message id was forgotten");
    assert_eq!(bus.publish(event(12)).await.unwrap().sequence, 13);
    let dead_letters = bus.list(0, 10).await.unwrap();
    assert_eq!(dead_letters.len(), 1);
    assert_eq!(
        (dead_letters[0].id, dead_letters[0].reason.as_str(), dead_letters[0].attempts),
        (1, "three", 1)
    );
    assert_eq!(dead_letters[0].event().unwrap().id(), "3");
    let (seen, late) = (Recorder::acking(), Recorder::acking());
    let _s = bus.subscribe(SubscribeOptions::new("s").concurrency(1), seen.handler()).await.unwrap();
    let _late = bus.subscribe(SubscribeOptions::new("late").concurrency(1), late.handler()).await.unwrap();
    let ids = |recorder: &Recorder| -> Vec<(String, u32)> {
        recorder.seen().iter().map(|seen| (seen.event.id().to_owned(), seen.attempt)).collect()
    };
    let pairs = |pairs: &[(&str, u32)]| -> Vec<(String, u32)> {
        pairs.iter().map(|(id, attempt)| ((*id).to_owned(), *attempt)).collect()
    };
    seen.wait_for(4, LIMIT).await;
    late.wait_for(3, LIMIT).await;
    assert_eq!(ids(&seen), pairs(&[("5", 2), ("10", 1), ("11", 1), ("12", 1)]));
    assert_eq!(ids(&late), pairs(&[("10", 1), ("11", 1), ("12", 1)]));
    bus.replay(1).await.unwrap();
    assert_eq!(seen.wait_for(5, LIMIT).await[4].event.id(), "3");
}

/// The journal is compacted when it has 16 MiB, here by a dead letter: twelve events of a megabyte, and then each once more.
#[tokio::test]
async fn the_dead_letter_that_starts_a_compaction_is_kept() {
    const EVENTS: usize = 12;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.journal");
    {
        let bus = open(&path);
        for n in 0..EVENTS {
            let large = Event::builder("order.placed", "/memory").id(n.to_string());
            bus.publish(large.text("text/plain", "x".repeat(1_048_000)).build().unwrap()).await.unwrap();
        }
        let handler = handler_fn(|_| async { Outcome::dead_letter("never") });
        let options = SubscribeOptions::new("s").start(StartPosition::Oldest);
        let subscription = bus.subscribe(options, handler).await.unwrap();
        eventually(LIMIT, "all are dead-lettered", || async {
            bus.list(0, 100).await.unwrap().len() == EVENTS
        })
        .await;
        let _ = subscription.drain(LIMIT).await;
    }
    assert_eq!(open(&path).list(0, 100).await.unwrap().len(), EVENTS);
}

/// Events that others wrote: whatever the bus takes, its next start can read.
#[tokio::test]
async fn every_event_that_can_be_published_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.journal");
    let named = |id: &str| Event::builder("order.placed", "/memory").id(id);
    let json = |id: &str, data: &str| {
        let text = format!(r#"{{"specversion":"1.0","id":"{id}","source":"a b","type":"t","data":{data}}}"#);
        Event::from_json(text.as_bytes()).unwrap()
    };
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let events = [
        named("text").text("text/plain", "\0\r\n{}\u{2028}\u{feff}").build().unwrap(),
        named("bytes").binary("x/y", (0..=255).collect::<Vec<u8>>()).build().unwrap(),
        named("empty").text("text/plain", "").build().unwrap(),
        named(&"i".repeat(100_000))
            .subject("\u{10fffd}".repeat(1000))
            .extension("x", "\"\\")
            .build()
            .unwrap(),
        json("number", "1e999999999999999999999"),
        json("surrogate", r#""\ud800\u0000""#),
        json("twice", r#"{"a":1,"a":2,"":null}"#),
        json("deep", &deep),
    ];
    {
        let bus = open(&path);
        for result in bus.publish_batch(events.to_vec()).await {
            result.unwrap();
        }
        let handler = handler_fn(|_| async { Outcome::dead_letter("\0 \u{1f600} \"") });
        let gives_up = bus.subscribe(SubscribeOptions::new("gives-up"), handler).await.unwrap();
        eventually(LIMIT, "all are dead-lettered", || async {
            bus.list(0, 100).await.unwrap().len() == events.len()
        })
        .await;
        let _ = gives_up.drain(LIMIT).await;
    }
    let bus = open(&path);
    let dead_letters = bus.list(0, 100).await.unwrap();
    assert!(dead_letters.iter().all(|dead_letter| dead_letter.reason == "\0 \u{1f600} \""));
    let seen = Recorder::acking();
    let _s = bus.subscribe(SubscribeOptions::new("s").concurrency(1), seen.handler()).await.unwrap();
    let seen = seen.wait_for(events.len(), LIMIT).await;
    for event in &events {
        assert!(seen.iter().any(|seen| seen.event == *event), "{}", event.id());
        assert!(
            dead_letters.iter().any(|dead_letter| dead_letter.event().unwrap() == *event),
            "{}",
            event.id()
        );
        // The message id is kept as well.
        assert!(bus.publish(event.clone()).await.unwrap().duplicate, "{}", event.id());
    }
}

#[tokio::test]
async fn one_process_has_it_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.journal");
    let first = open(&path);
    let error = MemoryBus::with_settings(settings(&path), Arc::new(NoopLogger)).expect_err("it is open");
    assert!(matches!(error, EventsError::Backend { .. }), "{error:?}");
    drop(first);
    open(&path);
}

#[tokio::test]
async fn a_torn_tail_is_cut_wherever_it_was_torn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.journal");
    {
        let bus = open(&path);
        publish(&bus, 0..2).await;
    }
    let whole = std::fs::read(&path).unwrap();
    for torn in 1..whole.len() {
        std::fs::write(&path, &whole[..torn]).unwrap();
        let bus = open(&path);
        let known: Vec<bool> = {
            let receipts = bus.publish_batch((0..3).map(event).collect()).await;
            receipts.into_iter().map(|receipt| receipt.unwrap().duplicate).collect()
        };
        // Events are there from the first on, or not at all, and the journal goes on behind them.
        assert!(
            known.is_sorted_by(|before, after| before >= after) && !known[2],
            "torn at {torn}: {known:?}"
        );
        drop(bus);
        let bus = open(&path);
        assert!(bus.publish(event(2)).await.unwrap().duplicate, "torn at {torn}");
    }
}

#[tokio::test]
async fn damage_is_told_and_nothing_is_thrown_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.journal");
    {
        let bus = open(&path);
        publish(&bus, 0..3).await;
    }
    let whole = std::fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    damaged[40] ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    let error = MemoryBus::with_settings(settings(&path), Arc::new(NoopLogger)).expect_err("damaged");
    assert!(underpin_errors::Report(&error).to_string().contains("damaged"), "{error:?}");
    assert_eq!(std::fs::read(&path).unwrap(), damaged);
    std::fs::write(&path, b"something else entirely").unwrap();
    MemoryBus::with_settings(settings(&path), Arc::new(NoopLogger)).expect_err("no journal");
    assert_eq!(std::fs::read(&path).unwrap(), b"something else entirely");
}

/// However a single byte changes, no acknowledged record is taken for the remains of a crash; the last one, which may be
/// just that, is cut.
#[tokio::test]
async fn a_changed_byte_before_the_last_record_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.journal");
    let mut ends = Vec::new();
    {
        let bus = open(&path);
        for n in 0..4 {
            publish(&bus, n..n + 1).await;
            ends.push(usize::try_from(std::fs::metadata(&path).unwrap().len()).unwrap());
        }
    }
    let whole = std::fs::read(&path).unwrap();
    let refused = |bytes: &[u8], what: &str| {
        std::fs::write(&path, bytes).unwrap();
        let error = MemoryBus::with_settings(settings(&path), Arc::new(NoopLogger)).expect_err(what);
        let text = underpin_errors::Report(&error).to_string();
        assert!(text.contains("damaged") || text.contains("not a journal of this version"), "{what}: {text}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "{what}: something was thrown away");
    };
    for at in 0..ends[2] {
        for flip in [0x01, 0xFF] {
            let mut damaged = whole.clone();
            damaged[at] ^= flip;
            refused(&damaged, &format!("byte {at} with {flip:#x}"));
        }
    }
    // Two that lie side by side, and all but the last.
    for damage in [ends[0]..ends[2], 8..ends[2]] {
        let mut damaged = whole.clone();
        damaged[damage.clone()].iter_mut().for_each(|byte| *byte ^= 0x5A);
        refused(&damaged, &format!("bytes {damage:?}"));
        damaged[damage.clone()].fill(0);
        refused(&damaged, &format!("zeros at {damage:?}"));
    }
    for at in ends[2]..whole.len() {
        let mut torn = whole.clone();
        torn[at] ^= 0x40;
        std::fs::write(&path, &torn).unwrap();
        drop(open(&path));
        assert_eq!(std::fs::read(&path).unwrap(), whole[..ends[2]], "byte {at}");
    }
}

/// A journal that only ever grew would fill the disk.
#[tokio::test]
async fn it_is_compacted_when_most_of_it_is_obsolete() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.journal");
    let mut small = settings(&path);
    small.max_events = 50;
    let bus = MemoryBus::with_settings(small, Arc::new(NoopLogger)).unwrap();
    let text = "x".repeat(64 * 1024);
    for n in 0..2000 {
        let event =
            Event::builder("order.placed", "/memory").id(n.to_string()).text("text/plain", text.as_str());
        bus.publish(event.build().unwrap()).await.unwrap();
    }
    let length = std::fs::metadata(&path).unwrap().len();
    assert!(length < 32 * 1024 * 1024, "125 MiB were written, {length} bytes are there");
    drop(bus);
    let bus = open(&path);
    assert!(bus.publish(event(0)).await.unwrap().duplicate, "an id whose event is gone was forgotten");
    let seen = Recorder::acking();
    let _s = bus.subscribe(SubscribeOptions::new("s"), seen.handler()).await.unwrap();
    let seen = seen.wait_for(50, LIMIT).await;
    let ids: BTreeSet<&str> = seen.iter().map(|seen| seen.event.id()).collect();
    assert_eq!(
        ids,
        (1950..2000).map(|n| n.to_string()).collect::<Vec<_>>().iter().map(String::as_str).collect()
    );
}

/// Where the process that is killed finds the journal.
const VICTIM: &str = "UNDERPIN_TEST_JOURNAL";

/// A process publishes and handles until it is killed with kill -9, five times over with one journal. Whatever it was
/// acknowledged is there afterwards, unless it was handled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_no_acknowledged_event() {
    if let Some(path) = std::env::var_os(VICTIM) {
        return victim(Path::new(&path)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.journal");
    let (mut acknowledged, mut handled) = (BTreeSet::new(), BTreeSet::new());
    for round in 1..=5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "memory::journal::kill_9_loses_no_acknowledged_event", "--nocapture"])
            .env(VICTIM, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut note = |line: String| match line.split_once(' ') {
            Some(("acknowledged", id)) => acknowledged.insert(id.to_owned()),
            Some(("handled", id)) => handled.insert(id.to_owned()),
            _ => false,
        };
        let mut count = 0;
        while count < 3000 {
            count += usize::from(note(lines.next().expect("it goes on until it is killed").unwrap()));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had said before it died. The last line may be torn.
        for line in lines.map_while(Result::ok) {
            note(line);
        }
        println!("round {round}: {} acknowledged, {} handled", acknowledged.len(), handled.len());
    }
    let bus = open(&path);
    let ids = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = Arc::clone(&ids);
    let handler = handler_fn(move |delivery| {
        seen.lock().unwrap().insert(delivery.event().id().to_owned());
        async { Outcome::ack() }
    });
    let subscription = bus.subscribe(SubscribeOptions::new("s"), handler).await.unwrap();
    eventually(LIMIT, "what is left is handled", || async {
        subscription.lag().await.is_ok_and(|lag| lag.is_zero())
    })
    .await;
    let again = ids.lock().unwrap().clone();
    let lost: Vec<&String> =
        acknowledged.iter().filter(|id| !handled.contains(*id) && !again.contains(*id)).collect();
    println!(
        "{} acknowledged, {} delivered after the last kill, {} lost",
        acknowledged.len(),
        again.len(),
        lost.len()
    );
    assert!(lost.is_empty(), "{lost:?}");
    assert!(again.len() < acknowledged.len() / 2, "what was acknowledged came again");
}

/// Publishes from several tasks and handles, and says so, until it is killed.
async fn victim(path: &Path) {
    let mut settings = settings(path);
    if let Some(journal) = &mut settings.journal {
        journal.sync = JournalSync::System;
    }
    let bus = MemoryBus::with_settings(settings, Arc::new(NoopLogger)).unwrap();
    let say = |word: &str, id: &str| {
        let mut out = std::io::stdout().lock();
        out.write_all(format!("{word} {id}\n").as_bytes()).unwrap();
        out.flush().unwrap();
    };
    let handler = handler_fn(move |delivery| {
        say("handled", delivery.event().id());
        async { Outcome::ack() }
    });
    let _subscription = bus.subscribe(SubscribeOptions::new("s"), handler).await.unwrap();
    let publishers = (0..4).map(|_| {
        let bus = bus.clone();
        tokio::spawn(async move {
            loop {
                let event = Event::builder("order.placed", "/victim").build().unwrap();
                let id = event.id().to_owned();
                bus.publish(event).await.unwrap();
                say("acknowledged", &id);
                tokio::task::yield_now().await;
            }
        })
    });
    let publishers: Vec<_> = publishers.collect();
    futures_util::future::join_all(publishers).await;
}

#[tokio::test]
async fn publishers_that_wait_for_the_disk_share_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.journal");
    let mut always = settings(&path);
    if let Some(journal) = &mut always.journal {
        journal.sync = JournalSync::Always;
    }
    let bus = MemoryBus::with_settings(always, Arc::new(NoopLogger)).unwrap();
    let publishes = (0..200).map(|n| {
        let bus = bus.clone();
        tokio::spawn(async move { bus.publish(event(n)).await.unwrap() })
    });
    for publish in publishes.collect::<Vec<_>>() {
        publish.await.unwrap();
    }
    assert_eq!(bus.check().await.status, HealthStatus::Up);
    drop(bus);
    let bus = open(&path);
    assert!(bus.publish(event(199)).await.unwrap().duplicate);
}
