//! Ticks of cron entries.

use super::harness::{Harness, claim_all, job};
use crate::store::Tick;

async fn registered(harness: &impl Harness) -> i64 {
    let store = harness.store();
    store.register("nightly", "v1").await.unwrap();
    store.schedules().await.unwrap().1[0].last_tick
}

/// However many ask, in whatever order; an older tick does not fire after a newer one.
pub async fn a_tick_fires_once(harness: &impl Harness) {
    let start = registered(harness).await;
    let fires = (0..8).map(|_| {
        let store = harness.store();
        tokio::spawn(async move {
            store.fire(&Tick::new("nightly", "v1", start + 60), &job("tick")).await.unwrap()
        })
    });
    let fired = futures_util::future::join_all(fires).await;
    assert_eq!(fired.into_iter().filter(|fired| *fired.as_ref().unwrap()).count(), 1);
    let store = harness.store();
    assert!(!store.fire(&Tick::new("nightly", "v1", start + 30), &job("older")).await.unwrap());
    assert!(!store.fire(&Tick::new("nightly", "v1", start), &job("at the start")).await.unwrap());
    assert!(store.skip(&Tick::new("nightly", "v1", start + 90)).await.unwrap());
    assert!(!store.fire(&Tick::new("nightly", "v1", start + 90), &job("passed over")).await.unwrap());
    assert!(store.fire(&Tick::new("nightly", "v1", start + 120), &job("next")).await.unwrap());
    assert_eq!(claim_all(&*store).await, ["tick", "next"]);
    let (now_ms, entries) = store.schedules().await.unwrap();
    assert_eq!((entries.len(), entries[0].last_tick), (1, start + 120));
    assert!((now_ms / 1000 - start).abs() < 600);
}

/// Nor does one that was removed.
pub async fn paused_and_foreign_entries_do_not_fire(harness: &impl Harness) {
    let start = registered(harness).await;
    let store = harness.store();
    let tick = Tick::new("nightly", "v1", start + 60);
    assert!(store.set_schedule_paused("nightly", true).await.unwrap());
    assert!(!store.fire(&tick, &job("paused")).await.unwrap() && !store.skip(&tick).await.unwrap());
    assert!(store.schedules().await.unwrap().1[0].paused);
    assert!(store.set_schedule_paused("nightly", false).await.unwrap());
    assert!(!store.fire(&Tick::new("nightly", "v2", start + 60), &job("foreign")).await.unwrap());
    assert!(!store.fire(&Tick::new("daily", "v1", start + 60), &job("unknown")).await.unwrap());
    assert!(store.remove_schedule("nightly").await.unwrap());
    assert!(!store.fire(&tick, &job("removed")).await.unwrap());
    assert!(!store.remove_schedule("nightly").await.unwrap());
    assert!(!store.set_schedule_paused("nightly", true).await.unwrap());
    assert!(claim_all(&*store).await.is_empty());
}

/// From now on, so that a changed schedule catches up with nothing; the same schedule changes nothing.
pub async fn a_new_schedule_begins_again(harness: &impl Harness) {
    let start = registered(harness).await;
    let store = harness.store();
    assert!(store.fire(&Tick::new("nightly", "v1", start + 5000), &job("a")).await.unwrap());
    store.set_schedule_paused("nightly", true).await.unwrap();
    store.register("nightly", "v1").await.unwrap();
    assert_eq!(store.schedules().await.unwrap().1[0].last_tick, start + 5000);
    store.register("nightly", "v2").await.unwrap();
    let entry = store.schedules().await.unwrap().1.remove(0);
    assert_eq!(entry.schedule, "v2");
    assert!(entry.last_tick >= start + 5000 && entry.paused, "the pause stays");
}
