//! Jobs beside other queues on the same PostgreSQL: burning down, enqueuing, claims before a long history; idle workers, and a snapshot
//! that is held.
//!
//! `cargo bench -p underpin-benches --bench jobs -- throughput enqueue history idle` runs the parts that are named, and those four
//! without a name; `snapshot` runs for ten minutes where it is named. `JOBS_COUNT` (20,000), `JOBS_ROUNDS` (5), `JOBS_HISTORY`
//! (10,000,000), `JOBS_SNAPSHOT` (600 seconds) set the sizes. The server keeps its files below `TMPDIR`, or in memory: keep 5 GB free.

mod enqueue;
mod history;
mod idle;
mod peers;
mod snapshot;
mod stage;
mod throughput;

use std::error::Error;

use tokio::runtime::Runtime;
use underpin_benches::{Row, Table};

type Done<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Done {
    type Part = (&'static str, fn(&Runtime) -> Done);
    const PARTS: [Part; 5] = [
        ("throughput", throughput::measure),
        ("enqueue", enqueue::measure),
        ("history", history::measure),
        ("idle", idle::measure),
        ("snapshot", snapshot::measure),
    ];
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let _entered = runtime.enter();
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if let Some(unknown) = named.iter().find(|name| PARTS.iter().all(|(part, _)| part != name)) {
        return Err(format!("no part `{unknown}`: throughput, enqueue, history, idle or snapshot").into());
    }
    for (name, measure) in PARTS {
        if named.iter().any(|chosen| chosen == name) || (named.is_empty() && name != "snapshot") {
            measure(&runtime)?;
        }
    }
    Ok(())
}

/// A number from the environment.
fn number(name: &str, default: u64) -> Done<u64> {
    std::env::var(name).map_or(Ok(default), |text| Ok(text.replace('_', "").parse()?))
}

/// A contender: its name, and the nanoseconds that one operation took in a round.
type Contender<'a> = (&'static str, Box<dyn FnMut() -> Done<f64> + 'a>);

/// Lets the contenders take turns, each round starting with another, with as much work as they choose. The first one is the reference.
#[allow(clippy::print_stdout, reason = "printing the table is what a benchmark is for")]
fn compare(title: &str, unit: &str, rounds: u64, mut contenders: Vec<Contender<'_>>) -> Done {
    let mut samples = vec![Vec::new(); contenders.len()];
    let (count, rounds) = (contenders.len(), usize::try_from(rounds)?);
    for round in 0..rounds {
        for turn in 0..count {
            let index = (round + turn) % count;
            if let (Some((_, work)), Some(samples)) = (contenders.get_mut(index), samples.get_mut(index)) {
                samples.push(work()?);
            }
        }
    }
    let reference = samples.first().cloned().unwrap_or_default();
    let rows = contenders.iter().zip(samples).map(|((name, _), samples)| Row::of(*name, samples, &reference));
    let table = Table { title: title.to_owned(), unit: unit.to_owned(), rows: rows.collect() };
    println!("{table}");
    table.record();
    Ok(())
}
