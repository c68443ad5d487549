//! The peak memory of a put of 512 MiB that is made while it is read.

use std::fs;

use tokio::io::{AsyncReadExt, repeat};
use tokio::runtime::Runtime;

use crate::Done;
use crate::clients::{Ours, Theirs};

const SIZE: u64 = 512 * 1024 * 1024;

#[allow(clippy::print_stdout, reason = "printing is what a benchmark is for")]
pub(crate) fn run(runtime: &Runtime, ours: &Ours, theirs: &Theirs) -> Done<()> {
    for round in 1..=3 {
        let before = reset()?;
        runtime.block_on(theirs.put_from(repeat(7).take(SIZE)));
        let async_nats = peak()?.saturating_sub(before);
        let before = reset()?;
        runtime.block_on(ours.put_from(repeat(7).take(SIZE)));
        let underpin = peak()?.saturating_sub(before);
        println!(
            "peak memory of a put of 512 MiB, round {round}: async-nats {async_nats} KiB, underpin {underpin} KiB"
        );
    }
    Ok(())
}

/// Begins a new peak, and returns the memory in use in KiB.
fn reset() -> Done<u64> {
    fs::write("/proc/self/clear_refs", "5")?;
    field("VmRSS:")
}

fn peak() -> Done<u64> {
    field("VmHWM:")
}

fn field(name: &str) -> Done<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such field")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
