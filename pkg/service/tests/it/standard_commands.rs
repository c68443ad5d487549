//! `migrate`, `dead-letters` and `outbox` through the command line, over SQLite and the bus in memory.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use underpin_database::migrate::{Migration, Migrations};
use underpin_database::{DatabaseExt as _, DatabaseSettings, Pool, TxOptions, connect};
use underpin_errors::Error;
use underpin_events::memory::MemoryBus;
use underpin_events::{
    DeadLetterQueue as _, Event, EventPublisher as _, EventSubscriber as _, Outcome, SubscribeOptions,
    handler_fn,
};
use underpin_logger::NoopLogger;
use underpin_outbox::{Inbox, Outbox};
use underpin_service::commands::{DeadLettersCommand, MigrateCommand, Offer, OutboxCommand};
use underpin_service::testing::{CommandResult, run_command};
use underpin_service::{Deadline, Opened, Opening, Plugin, Start, Stopped, part_fn};
use underpin_testkit::eventually;

use crate::commands::{Settings, service};

fn migrations() -> Migrations {
    Migrations::new("app")
        .step(Migration::new("0001_note", "CREATE TABLE note (id INTEGER)").down("DROP TABLE note"))
        .step(Migration::new("0002_tag", "CREATE TABLE tag (id INTEGER)").down("DROP TABLE tag"))
        .seed("INSERT INTO note VALUES (1)")
}

async fn open(file: &Path) -> Pool {
    let settings = DatabaseSettings::new(format!("sqlite:{}", file.display()));
    connect(&settings, Arc::new(NoopLogger)).await.unwrap()
}

/// What the adapters of the crate do: open, offer, close.
struct Tables<'a>(&'a Path);

impl Plugin for Tables<'_> {
    type Handle = Pool;

    async fn open(self, at: &Opening) -> Result<Opened<Pool>, Error> {
        let pool = open(self.0).await;
        let migrate =
            MigrateCommand::new(pool.clone(), migrations()).tables(Outbox::default(), Inbox::default());
        at.commands.offer(Offer::new("migrate", migrate));
        at.commands.offer(Offer::new("outbox", OutboxCommand::new(pool.clone(), Outbox::default())));
        let closing = pool.clone();
        let component = part_fn("database", move |deadline: Deadline| {
            let pool = closing.clone();
            async move {
                pool.close(deadline.left()).await;
                Stopped::Clean
            }
        });
        Ok(Opened::new(pool, component))
    }
}

fn on_tables(file: &Path, arguments: &[&str]) -> CommandResult {
    run_command(service(arguments), async |start: &mut Start<Settings>| {
        start.plugin(Tables(file)).await?;
        Ok(())
    })
}

fn output(result: &CommandResult) -> &str {
    assert_eq!((result.code, result.stderr.as_str()), (0, ""), "{result:?}");
    &result.stdout
}

#[test]
fn migrate_goes_up_and_down_and_tells_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let run = |action: &[&str]| on_tables(&file, &[&["migrate"], action].concat());
    assert_eq!(output(&run(&["status"])), "pending\t0001_note\npending\t0002_tag\n");
    assert_eq!(output(&run(&["up"])), "up\t0001_note\nup\t0002_tag\n");
    assert_eq!(output(&run(&["up"])), "up\tnothing to do\n");
    assert_eq!(output(&run(&["down"])), "down\t0002_tag\n");
    let status = run(&["status"]);
    assert!(output(&status).starts_with("applied\t0001_note\t"), "{status:?}");
    assert!(output(&status).ends_with("\npending\t0002_tag\n"), "{status:?}");
    assert_eq!(output(&run(&["seed"])), "seed\tdone\n");
    assert_eq!(output(&run(&["fresh"])), "fresh\t0001_note\nfresh\t0002_tag\n");
    assert_eq!(output(&run(&["down", "2"])), "down\t0002_tag\ndown\t0001_note\n");
    let failed = run(&["seed"]);
    assert_eq!((failed.code, failed.stdout.as_str()), (1, ""), "no table to seed: {failed:?}");
    assert!(failed.stderr.starts_with("app: run the seeds"), "{failed:?}");
    assert_eq!(run(&["down", "some"]).code, 2);
}

#[test]
fn outbox_lists_replays_and_discards_what_is_in_quarantine() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let run = |action: &[&str]| on_tables(&file, &[&["outbox"], action].concat());
    assert_eq!(on_tables(&file, &["migrate", "up"]).code, 0);
    blocking(async {
        let (pool, outbox) = (open(&file).await, Outbox::default());
        for key in ["1", "2"] {
            let event = Event::builder("order.placed", "/orders").subject(key).build().unwrap();
            let (outbox, event) = (&outbox, &event);
            let enqueue = |tx| async move { outbox.enqueue(&tx, event).await };
            pool.transaction(TxOptions::default(), enqueue).await.unwrap();
        }
        for row in [1, 2] {
            assert!(outbox.quarantine(&pool, row, "too\tlarge").await.unwrap(), "row {row}");
        }
        pool.close(Duration::from_secs(5)).await;
    });
    let list = run(&["quarantined"]);
    assert_eq!(
        output(&list),
        "ROW\tKEY\tATTEMPTS\tTYPE\tREASON\n1\t1\t0\torder.placed\ttoo large\n2\t2\t0\torder.placed\ttoo large\n"
    );
    assert_eq!(output(&run(&["quarantined", "1"])).lines().count(), 2, "only row 2 below the head");
    assert!(output(&run(&["status"])).ends_with("quarantined\t2\n"));
    assert_eq!(output(&run(&["replay", "1"])), "replayed row 1\n");
    assert_eq!(output(&run(&["discard", "2"])), "discarded row 2\n");
    let again = run(&["discard", "2"]);
    assert_eq!((again.code, again.stderr.as_str()), (1, "app: row 2 is not in quarantine\n"));
    let status = run(&["status"]);
    assert!(output(&status).starts_with("waiting\t1\noldest\t"), "{status:?}");
    assert!(output(&status).ends_with("blocked keys\t1\nquarantined\t0\n"), "{status:?}");
}

#[test]
fn dead_letters_are_listed_shown_replayed_and_discarded() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let bus = MemoryBus::new();
    let mailer = runtime.block_on(async {
        let handler = handler_fn(|_| async { Outcome::dead_letter("no such\u{1b}[2Jcustomer") });
        let mailer = bus.subscribe(SubscribeOptions::new("mailer"), handler).await.unwrap();
        for key in ["1", "2"] {
            let event = Event::builder("order.placed", "/orders").subject(key).build().unwrap();
            bus.publish(event).await.unwrap();
        }
        let limit = Duration::from_secs(30);
        eventually(limit, "two dead letters", async || bus.list(0, 10).await.unwrap().len() == 2).await;
        mailer
    });
    let run = |action: &[&str]| {
        run_command(service(&[&["dead-letters"], action].concat()), async |start: &mut Start<Settings>| {
            start.command("dead-letters", DeadLettersCommand::new(Arc::new(bus.clone())));
            Ok(())
        })
    };
    let list = run(&["list"]);
    let lines: Vec<&str> = output(&list).lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "ID\tTIME\tSUBSCRIPTION\tTYPE\tATTEMPTS\tREASON"));
    assert!(lines[1].starts_with("1\t20") && lines[1].contains("Z\tmailer\torder.placed\t1\tno such [2J"));
    assert_eq!(output(&run(&["list", "1"])).lines().count(), 2);
    let shown = run(&["inspect", "1"]);
    for part in [
        "subscription: mailer\n",
        "type: order.placed\n",
        "reason: no such [2Jcustomer\n",
        "\"subject\":\"1\"",
    ] {
        assert!(output(&shown).contains(part), "{part}: {shown:?}");
    }
    assert_eq!(output(&run(&["discard", "2"])), "discarded dead letter 2\n");
    let gone = run(&["inspect", "2"]);
    assert_eq!((gone.code, gone.stdout.as_str()), (1, ""), "{gone:?}");
    assert!(output(&run(&["replay", "1"])).starts_with("replayed dead letter 1, stored at "));
    assert_eq!(run(&["replay", "x"]).code, 2);
    let _ = runtime.block_on(mailer.drain(Duration::from_secs(5)));
}

/// A runtime for what a test does between two commands.
fn blocking(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
}
