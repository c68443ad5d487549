use std::cell::RefCell;
use std::time::Duration;

use underpin_benches::{Effort, Row, Table};

/// How long single queries took, from asking for a connection to the row, a round at a time. Each contender measures its
/// own: two readings of the clock around each query.
#[derive(Default)]
pub(crate) struct Latencies(RefCell<Vec<Contender>>);

struct Contender {
    name: String,
    rounds: Vec<Shares>,
}

#[derive(Clone, Copy)]
struct Shares {
    p50: f64,
    p99: f64,
}

impl Latencies {
    pub(crate) fn note(&self, name: &str, mut round: Vec<Duration>) {
        round.sort_unstable();
        let last = round.len().saturating_sub(1);
        let at = |permille: usize| round.get(last * permille / 1000).copied().unwrap_or_default();
        self.note_shares(name, at(500), at(990));
    }

    pub(crate) fn note_shares(&self, name: &str, p50: Duration, p99: Duration) {
        let nanos = |time: Duration| time.as_secs_f64() * 1e9;
        let shares = Shares { p50: nanos(p50), p99: nanos(p99) };
        let mut all = self.0.borrow_mut();
        match all.iter_mut().find(|contender| contender.name == name) {
            Some(contender) => contender.rounds.push(shares),
            None => all.push(Contender { name: name.to_owned(), rounds: vec![shares] }),
        }
    }

    /// Two tables as a comparison makes them: the median over the rounds, and the ratio to the first contender's figure in
    /// the same round. What was noted before the rounds, while the contenders warmed up, does not count.
    #[allow(clippy::print_stdout, reason = "printing the table is what a benchmark is for")]
    pub(crate) fn print(&self, title: &str) {
        for (share, of) in [("median", p50 as fn(&Shares) -> f64), ("99th percentile", p99)] {
            let table = self.table(format!("{title}: {share} of the latency"), of);
            println!("{table}");
            table.record();
        }
    }

    fn table(&self, title: String, of: fn(&Shares) -> f64) -> Table {
        let rounds = Effort::default().rounds;
        let all = self.0.borrow();
        let figures = |contender: &Contender| -> Vec<f64> {
            contender.rounds.iter().skip(contender.rounds.len().saturating_sub(rounds)).map(of).collect()
        };
        let reference = all.first().map(figures).unwrap_or_default();
        let rows =
            all.iter().map(|contender| Row::of(contender.name.as_str(), figures(contender), &reference));
        Table { title, unit: "query".to_owned(), rows: rows.collect() }
    }
}

fn p50(shares: &Shares) -> f64 {
    shares.p50
}

fn p99(shares: &Shares) -> f64 {
    shares.p99
}
