//! The outbox beside its limits: what PostgreSQL deletes and NATS stores, and what a plain insert costs.
//!
//! `cargo bench -p underpin-benches --bench outbox -- limits waiting enqueue latency` runs the parts that are named, and all of them
//! without a name. `OUTBOX_WAITING` sets the large backlog of `waiting`, 1,000,000 rows otherwise. The servers keep their
//! files below `TMPDIR`, or in memory: keep 15 GB free for 10,000,000 rows.

#[path = "outbox/enqueue.rs"]
mod enqueue;
#[path = "outbox/latency.rs"]
mod latency;
#[path = "outbox/limits.rs"]
mod limits;
#[path = "outbox/stage.rs"]
mod stage;
#[path = "outbox/waiting.rs"]
mod waiting;

use std::error::Error;

use tokio::runtime::Runtime;
use underpin_benches::Table;

type Done<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Done {
    type Part = (&'static str, fn(&Runtime) -> Done);
    const PARTS: [Part; 4] = [
        ("limits", limits::measure),
        ("waiting", waiting::measure),
        ("enqueue", enqueue::measure),
        ("latency", latency::measure),
    ];
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let _entered = runtime.enter();
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if let Some(unknown) = named.iter().find(|name| PARTS.iter().all(|(part, _)| part != name)) {
        return Err(format!("no part `{unknown}`: limits, waiting, enqueue or latency").into());
    }
    for (name, measure) in PARTS {
        if named.is_empty() || named.iter().any(|chosen| chosen == name) {
            measure(&runtime)?;
        }
    }
    Ok(())
}

#[allow(clippy::print_stdout, reason = "printing the table is what a benchmark is for")]
fn print(table: &Table) {
    println!("{table}");
    table.record();
}
