use std::future::Future;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use underpin_benches::GoPeer;

use crate::latency::Latencies;
use crate::{BURST, POOL, ROWS};

/// How the queries arrive.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As many tasks as connections, each of which asks one after the other.
    Closed,
    /// A task for each query, all at once.
    Burst,
}

impl Shape {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Burst => "burst",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Closed => "closed loop of 25 tasks",
            Self::Burst => "10,000 tasks at once",
        }
    }

    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Closed => "query",
            Self::Burst => "burst",
        }
    }
}

/// Puts a contender to work.
#[derive(Clone, Copy)]
pub(crate) struct Load<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) shape: Shape,
    pub(crate) latencies: &'a Latencies,
}

impl Load<'_> {
    /// Runs the queries (or bursts of them) and says how long they took, all together.
    pub(crate) fn time<D, F>(
        self,
        name: &'static str,
        db: &D,
        work: impl Fn(D, i32) -> F + Copy + Send + 'static,
        times: u64,
    ) -> Duration
    where
        D: Clone + Send + 'static,
        F: Future<Output = i64> + Send,
    {
        let mut latencies = Vec::new();
        let took = match self.shape {
            Shape::Closed => self.run(db, work, POOL.into(), times, &mut latencies),
            Shape::Burst => (0..times).map(|_| self.run(db, work, BURST, BURST, &mut latencies)).sum(),
        };
        self.latencies.note(name, latencies);
        took
    }

    /// The same by a program in Go.
    pub(crate) fn peer(self, name: &'static str, go: &GoPeer, work: &str, times: u64) -> Duration {
        let shape = self.shape.name();
        let took = go.run(&format!("{work}-{shape}"), times);
        let of_all = |share: u64| go.run("latency-permille", share);
        self.latencies.note_shares(name, of_all(500), of_all(990));
        took
    }

    fn run<D, F>(
        self,
        db: &D,
        work: impl Fn(D, i32) -> F + Copy + Send + 'static,
        tasks: u64,
        queries: u64,
        latencies: &mut Vec<Duration>,
    ) -> Duration
    where
        D: Clone + Send + 'static,
        F: Future<Output = i64> + Send,
    {
        let tasks = tasks.min(queries).max(1);
        let (each, rest) = (queries / tasks, queries % tasks);
        self.runtime.block_on(async move {
            let start = Instant::now();
            let mut running = Vec::with_capacity(usize::try_from(tasks).unwrap_or_default());
            for task in 0..tasks {
                let db = db.clone();
                let count = each + u64::from(task < rest);
                running.push(tokio::spawn(async move {
                    let mut took = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
                    for turn in 0..count {
                        let (id, asked) = (key(task, turn), Instant::now());
                        let balance = work(db.clone(), id).await;
                        took.push(asked.elapsed());
                        assert_eq!(balance, i64::from(id) * 7, "the row's own balance");
                    }
                    took
                }));
            }
            let mut ended = Vec::with_capacity(running.len());
            for task in running {
                match task.await {
                    Ok(took) => ended.push(took),
                    Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
                }
            }
            let all = start.elapsed();
            latencies.extend(ended.into_iter().flatten());
            all
        })
    }
}

/// One query after the other, and how long they took.
pub(crate) fn one_by_one(runtime: &Runtime, times: u64, work: impl AsyncFn(i32) -> i64) -> Duration {
    runtime.block_on(async {
        let start = Instant::now();
        for turn in 0..times {
            let id = key(0, turn);
            assert_eq!(work(id).await, i64::from(id) * 7, "the row's own balance");
        }
        start.elapsed()
    })
}

/// Spreads the queries over the table (the multiplier of `SplitMix64`). The peers in Go do the same.
fn key(task: u64, turn: u64) -> i32 {
    let mixed = (task << 32 | turn).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    i32::try_from(mixed % ROWS + 1).unwrap_or(1)
}
