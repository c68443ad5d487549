//! Rows that no producer of ours writes.

use underpin_database::{Executor, sql};
use underpin_events::Event;
use underpin_outbox::{OutboxSettings, RelayDrain};

use crate::support::{LIMIT, Recorder, TestDatabase, drained, enqueue, event, outbox, quick, relay, until};

on_both! {
    async fn a_row_that_is_no_event_stalls_no_other(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        let long = "[".repeat(100_000);
        let envelopes = ["", "null", "{}", "\"text\"", "{\"specversion\":\"1.0\"}", long.as_str()];
        for (number, envelope) in envelopes.into_iter().enumerate() {
            let insert = "INSERT INTO underpin_outbox (lane, key, envelope) VALUES ($1, $2, $3)";
            let binds = [3_i16.into(), format!("malformed-{number}").into(), envelope.into()];
            database.pool.execute(sql(insert, binds)).await.unwrap();
        }
        let relay = relay(&outbox, &database, &publisher, quick());
        let others: Vec<Event> = (0..32).map(|key| event(&format!("k{key}"), 0)).collect();
        enqueue(&outbox, &database.pool, &others).await;
        until("they are in quarantine", || async {
            outbox.quarantined(&database.pool, None, 10).await.unwrap().len() == 6
        }).await;
        drained(&outbox, &database.pool).await;
        assert_eq!(publisher.len(), 32);
        for row in outbox.quarantined(&database.pool, None, 10).await.unwrap() {
            assert!(row.event().is_err() && !row.reason.is_empty() && row.reason.len() < 5_000);
            assert!(outbox.discard(&database.pool, row.row).await.unwrap());
        }
        assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
    }
}

/// SQLite keeps bytes in a text column.
#[tokio::test]
async fn bytes_in_place_of_text_stall_no_relay_and_no_list() {
    let database = TestDatabase::sqlite().await;
    let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
    // The second is an event but for one byte that is not UTF-8.
    let event_bytes = event("bytes", 1).to_json().to_vec();
    let mut broken = event_bytes.clone();
    let place = broken.iter().position(|byte| *byte == b'b').unwrap();
    broken[place] = 0xff;
    for bytes in [vec![0xff, 0xfe], broken, event_bytes] {
        let insert = "INSERT INTO underpin_outbox (lane, key, envelope) VALUES (3, 'bytes', $1)";
        database.pool.execute(sql(insert, [bytes.into()])).await.unwrap();
    }
    let relay = relay(&outbox, &database, &publisher, quick());
    enqueue(&outbox, &database.pool, &[event("good", 1)]).await;
    drained(&outbox, &database.pool).await;
    assert_eq!((publisher.numbers("good"), publisher.numbers("bytes")), (vec![1], vec![1]));
    let held = outbox.quarantined(&database.pool, None, 10).await.unwrap();
    assert_eq!(held.len(), 2);
    assert!(held.iter().all(|row| row.event().is_err() && row.envelope.starts_with('\u{fffd}')));
    assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
}
