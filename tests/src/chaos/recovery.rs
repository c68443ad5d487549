use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use underpin_database::{Executor, Pool, sql};
use underpin_errors::BoxError;

use super::bank::ACCOUNTS;
use super::fault::InjectedFault;

/// How long it took after the end of a fault until every account had an effect of a transfer that was booked after that end.
///
/// The whole path has worked again by then: booking, relay, broker, projection. Other faults may have begun meanwhile; their
/// time is in it.
#[derive(Debug, Clone)]
pub(crate) struct Recovery {
    pub(crate) fault: InjectedFault,
    pub(crate) took: Duration,
}

/// When transfers of one account were booked and took effect, in seconds since the epoch, in the order of their numbers.
type Times = Vec<(f64, f64)>;

/// The recovery of every fault after which each account has booked again, the longest first. The clock is that of the
/// machine, on which both the driver and PostgreSQL run.
pub(crate) async fn recoveries(database: &Pool, faults: &[InjectedFault]) -> Result<Vec<Recovery>, BoxError> {
    let text = "SELECT t.source, extract(epoch FROM t.booked_at)::float8, extract(epoch FROM x.applied_at)::float8 \
        FROM transfer t JOIN applied x ON x.transfer = t.id ORDER BY t.source, t.number";
    let mut accounts = BTreeMap::<i32, Times>::new();
    for row in database.query_all(sql(text, [])).await? {
        let times = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        accounts.entry(row.try_get_by_index(0)?).or_default().push(times);
    }
    let mut recoveries: Vec<Recovery> = faults
        .iter()
        .filter_map(|injected| {
            let healed = injected.healed.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
            let took = recovery(&accounts, healed)?;
            Some(Recovery { fault: *injected, took })
        })
        .collect();
    recoveries.sort_by_key(|recovery| std::cmp::Reverse(recovery.took));
    Ok(recoveries)
}

fn recovery(accounts: &BTreeMap<i32, Times>, healed: f64) -> Option<Duration> {
    let firsts = accounts.values().map(|times| {
        // Booked in the order of their numbers: the account's row is locked meanwhile.
        let first = times.partition_point(|(booked, _)| *booked < healed);
        times.get(first).map(|(_, applied)| *applied)
    });
    let last = firsts.collect::<Option<Vec<f64>>>()?.into_iter().fold(healed, f64::max);
    let complete = accounts.len() == usize::try_from(ACCOUNTS).ok()?;
    complete.then(|| Duration::from_secs_f64(last - healed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_account_tells_and_a_silent_one_leaves_it_open() {
        let mut accounts: BTreeMap<i32, Times> =
            (0..ACCOUNTS).map(|account| (account, vec![(1.0, 5.0), (2.5, 3.0), (9.0, 9.5)])).collect();
        accounts.insert(0, vec![(1.0, 5.0), (2.25, 6.0)]);
        assert_eq!(recovery(&accounts, 2.0), Some(Duration::from_secs(4)));
        assert_eq!(recovery(&accounts, 8.0), None);
    }
}
