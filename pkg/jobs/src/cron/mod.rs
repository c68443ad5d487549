//! Jobs on a schedule, without a leader.
//!
//! Each process computes the ticks of its entries from the clock of the database. The first to insert the row of a tick
//! inserts its job, in the same statement; the others do nothing. Whatever becomes of a process, a tick fires once; what was
//! missed follows the policy of the entry ([`Missed`]).
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use underpin_jobs::Job;
//! use underpin_jobs::cron::{CronEntry, CronSchedule, Missed, Schedule};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Report;
//!
//! impl Job for Report { const KIND: &'static str = "report"; }
//!
//! let entry = CronEntry::new("nightly-report", "30 2 * * MON-FRI", &Report).zone("Europe/Berlin").missed(Missed::Skip);
//!
//! // The last Sunday of March 2030: there is no 02:30.
//! let schedule = CronSchedule::parse("30 2 * * *", "Europe/Berlin").unwrap();
//! let midnight = 1_901_142_000; // 2030-03-30T23:00:00Z
//! assert_eq!(schedule.next_after(midnight), Some(1_901_149_200)); // 2030-03-31T01:00:00Z, 03:00 in Berlin
//! # drop(entry);
//! ```
//!
//! # Patterns
//!
//! Five fields (minute, hour, day of the month, month, day of the week) or six with seconds in front. A field is `*`, a value,
//! a range `a-b`, each with a step `/n`, or a list of these. Months and days have English names of three letters; 0 and 7 are
//! Sunday. `L` is the last day of the month, `MON#2` the second Monday. If both days are restricted, one of them is enough, as
//! in every cron. `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly` work.
//!
//! # Daylight saving time
//!
//! | pattern | clocks go forward | clocks go back |
//! |---|---|---|
//! | fixed time: neither seconds, minute nor hour has a `*` | a time in the gap fires at the first instant after it; several times fire once | a time that comes twice fires the first time |
//! | interval: one of them has a `*` | times in the gap do not exist | times that come twice fire twice: intervals follow elapsed time |

mod due;
mod entry;
mod pattern;
mod schedule;
mod scheduler;

pub use entry::{CronEntry, Missed};
pub use schedule::{CronSchedule, Schedule};
pub(crate) use scheduler::Scheduler;
