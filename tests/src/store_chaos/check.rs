//! The promises, against what the workers told and what the bucket holds.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use underpin_errors::BoxError;
use underpin_nats::Connection;
use underpin_store::{JetStreamKeyValue, KeyPattern, KeyValueExt};

use super::client::QUOTA;
use super::ledger::{Ledger, Numbers};
use super::worker::DATA;

/// What the bucket holds.
pub(super) async fn entries(data: &JetStreamKeyValue) -> Result<BTreeMap<String, String>, BoxError> {
    let mut entries = BTreeMap::new();
    for key in data.all_keys(&KeyPattern::all()).await? {
        let entry = data.read(&key).await?.ok_or("a key went away")?;
        entries.insert(key.to_string(), String::from_utf8_lossy(&entry.value).into_owned());
    }
    Ok(entries)
}

/// How many consumers the watched bucket has.
pub(super) async fn consumers(nats: &Connection) -> Result<u64, BoxError> {
    let until = tokio::time::Instant::now() + Duration::from_secs(5);
    let subject = format!("$JS.API.STREAM.INFO.KV_{DATA}");
    let answer = nats.request(subject.into(), None, "".into(), until).await?;
    let info: Value = serde_json::from_slice(&answer.payload)?;
    Ok(info.pointer("/state/consumer_count").and_then(Value::as_u64).ok_or("no count")?)
}

/// Every promise that was broken.
pub(super) fn violations(
    ledger: &Ledger,
    entries: &BTreeMap<String, String>,
    lasted: Duration,
) -> Vec<String> {
    let mut found = ledger.broken.clone();
    found.extend(ledger.overlaps());
    for (key, numbers) in &ledger.numbers {
        let value = entries.get(key).and_then(|value| value.parse().ok()).unwrap_or(0);
        found.extend(if key.starts_with("count.") {
            counted(key, numbers, value)
        } else {
            registered(key, numbers, value)
        });
    }
    for (watcher, state) in &ledger.states {
        let differs = |key: &&String| state.get(*key) != entries.get(*key);
        if let Some(key) = entries.keys().chain(state.keys()).find(differs) {
            let (knows, is) = (state.get(key), entries.get(key));
            found.push(format!("{watcher} knows {knows:?} of {key}, and it is {is:?}"));
        }
    }
    let windows = lasted.as_secs_f64() / QUOTA.window.as_secs_f64();
    let most = f64::from(QUOTA.limit) * (windows + 2.0);
    if ledger.taken as f64 > most {
        found.push(format!("{} were taken from a limit of {most:.0}", ledger.taken));
    }
    found
}

fn counted(key: &str, numbers: &Numbers, value: u64) -> Option<String> {
    let (least, open) = (numbers.written.len() as u64, numbers.open.len() as u64);
    let fits = (least..=least + open).contains(&value);
    (!fits).then(|| format!("{key} is {value}: {least} increments were acknowledged, {open} not answered"))
}

fn registered(key: &str, numbers: &Numbers, value: u64) -> Option<String> {
    let last = numbers.written.iter().copied().max().unwrap_or(0);
    if value < last {
        return Some(format!("{key} is {value}: the acknowledged {last} is lost"));
    }
    let known = value == last || numbers.open.contains(&value);
    (!known).then(|| format!("{key} is {value}, which was refused or never written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_and_invented_writes_are_found() {
        let numbers = || Numbers { written: vec![1, 2, 4], refused: vec![5], open: vec![6] };
        for (value, is_broken) in [(2, true), (3, false), (4, false), (5, true)] {
            assert_eq!(counted("count.0", &numbers(), value).is_some(), is_broken, "{value}");
        }
        for (value, is_broken) in [(2, true), (4, false), (5, true), (6, false)] {
            assert_eq!(registered("register.0", &numbers(), value).is_some(), is_broken, "{value}");
        }
    }

    #[test]
    fn a_watcher_that_missed_something_is_found() {
        let mut ledger = Ledger::default();
        let entries = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        ledger.states.insert("watcher-1".to_owned(), entries.clone());
        assert!(violations(&ledger, &entries, Duration::from_secs(1)).is_empty());
        ledger.states.insert("watcher-2".to_owned(), BTreeMap::new());
        assert_eq!(violations(&ledger, &entries, Duration::from_secs(1)).len(), 1);
        ledger.taken = 1000;
        assert_eq!(violations(&ledger, &entries, Duration::from_secs(1)).len(), 2);
    }
}
