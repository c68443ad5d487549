//! Side-by-side measurements against peers, printed as ratios.
//!
//! Absolute times mean little on a shared machine, so every number here is measured beside its peers in the same run:
//! the contenders of a [`Comparison`] take turns in short rounds, in an order that changes with each round, and what
//! is reported is the median of the ratios of adjacent rounds. `cargo bench -p underpin-benches` prints one Markdown
//! table a comparison, and adds each as one line of JSON to the file that `BENCH_RECORD` names, when it names one.
//! Peers written in Go join through [`GoPeer`].
//!
//! ```
//! use std::time::Duration;
//! use underpin_benches::{Comparison, Effort};
//!
//! let table = Comparison::new("adding numbers", "sum")
//!     .contender("iterator", || std::hint::black_box((0..100u64).sum::<u64>()))
//!     .contender("loop", || {
//!         let mut sum = 0u64;
//!         for n in 0..100u64 {
//!             sum += std::hint::black_box(n);
//!         }
//!         sum
//!     })
//!     .run(Effort { rounds: 3, round: Duration::from_millis(1) });
//! assert_eq!(table.rows.len(), 2);
//! assert_eq!(table.rows[0].ratio, 1.0);
//! ```

mod comparison;
mod peer;
mod placement;
mod report;
mod stats;

pub use comparison::{Comparison, Effort};
pub use peer::GoPeer;
pub use placement::Placement;
pub use report::{Row, Table};
