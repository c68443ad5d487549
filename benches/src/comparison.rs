use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::{Row, Table};

/// Contenders that do the same work, measured in turns. The first one is the reference: its ratio is 1.
pub struct Comparison<'a> {
    title: String,
    unit: String,
    contenders: Vec<Contender<'a>>,
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How many rounds each contender runs.
    pub rounds: usize,
    /// How long one round of one contender takes, about.
    pub round: Duration,
}

/// Reads `BENCH_ROUNDS` and `BENCH_ROUND_MS`; 15 rounds of 100 ms where they are not set.
impl Default for Effort {
    fn default() -> Self {
        let number = |name: &str, default: u64| {
            std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default).max(1)
        };
        Self {
            rounds: usize::try_from(number("BENCH_ROUNDS", 15)).unwrap_or(15),
            round: Duration::from_millis(number("BENCH_ROUND_MS", 100)),
        }
    }
}

struct Contender<'a> {
    name: String,
    /// Does the work that many times and says how long it took.
    work: Box<dyn FnMut(u64) -> Duration + 'a>,
}

impl<'a> Comparison<'a> {
    /// A comparison whose table says what is measured (`title`) and what one operation is (`unit`).
    pub fn new(title: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { title: title.into(), unit: unit.into(), contenders: Vec::new() }
    }

    /// Adds a contender whose work is one call of a function.
    #[must_use]
    pub fn contender<T>(self, name: impl Into<String>, mut work: impl FnMut() -> T + 'a) -> Self {
        self.timed(name, move |times| {
            let start = Instant::now();
            for _ in 0..times {
                black_box(work());
            }
            start.elapsed()
        })
    }

    /// Adds a contender that does its work the given number of times and returns how long that took. For work that
    /// needs a set-up outside the clock, or that runs many operations at once.
    #[must_use]
    pub fn timed(mut self, name: impl Into<String>, work: impl FnMut(u64) -> Duration + 'a) -> Self {
        self.contenders.push(Contender { name: name.into(), work: Box::new(work) });
        self
    }

    /// Measures, prints the table to standard output, and adds it to the file named by `BENCH_RECORD`.
    ///
    /// # Panics
    /// When that file cannot be written.
    #[allow(clippy::print_stdout, reason = "printing the table is what a benchmark is for")]
    pub fn print(self) {
        let table = self.run(Effort::default());
        println!("{table}");
        table.record();
    }

    /// Measures: calibrates each contender to one round, then lets them take turns, each round starting with another.
    pub fn run(mut self, effort: Effort) -> Table {
        let times: Vec<u64> =
            self.contenders.iter_mut().map(|contender| calibrate(contender, effort.round)).collect();
        let count = self.contenders.len();
        let mut samples = vec![Vec::with_capacity(effort.rounds); count];
        for round in 0..effort.rounds {
            for turn in 0..count {
                let index = (round + turn) % count;
                if let (Some(contender), Some(&times), Some(samples)) =
                    (self.contenders.get_mut(index), times.get(index), samples.get_mut(index))
                {
                    samples.push(nanos_each((contender.work)(times), times));
                }
            }
        }
        let reference = samples.first().cloned().unwrap_or_default();
        let rows = self.contenders.iter().zip(samples);
        let rows = rows.map(|(contender, samples)| Row::of(contender.name.as_str(), samples, &reference));
        Table { title: self.title, unit: self.unit, rows: rows.collect() }
    }
}

/// Finds how often the work fits into one round; what it runs on the way is the warm-up.
fn calibrate(contender: &mut Contender<'_>, round: Duration) -> u64 {
    let mut times = 1u64;
    loop {
        let took = (contender.work)(times);
        if took >= round / 2 || times >= MOST {
            let scale = round.as_secs_f64() / took.as_secs_f64().max(1e-9);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by clamp")]
            let fitted = (times as f64 * scale).clamp(1.0, MOST as f64) as u64;
            return fitted;
        }
        times = times.saturating_mul(4).min(MOST);
    }
}

const MOST: u64 = 1 << 32;

fn nanos_each(took: Duration, times: u64) -> f64 {
    took.as_secs_f64() * 1e9 / times as f64
}

impl std::fmt::Debug for Comparison<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.contenders.iter().map(|contender| contender.name.as_str()).collect();
        f.debug_struct("Comparison").field("title", &self.title).field("contenders", &names).finish()
    }
}
