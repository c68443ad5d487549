//! The logic around the database, on mocks: what happens when it has no room.

use std::sync::Arc;

use service::{Counter, Note, NoteAdded};
use underpin_database::Condition;
use underpin_database::testing::{MockDatabase, error};
use underpin_events::{Delivery, EventHandler, Outcome};
use underpin_logger::testing::CaptureLogger;
use underpin_logger::{Context, Level, RequestId};
use underpin_outbox::Inbox;

#[tokio::test]
async fn a_note_that_cannot_be_counted_comes_again_and_the_log_says_why() {
    let mut database = MockDatabase::new();
    database.expect_begin().times(1).returning(|_| Err(error(Condition::Saturated)));
    let log = CaptureLogger::new();
    let counter =
        Counter { database: Arc::new(database), inbox: Inbox::default(), log: Arc::new(log.clone()) };

    let ctx = Context::new(RequestId::parse("req-1").unwrap());
    let event = NoteAdded::event(&Note::new("hello".to_owned()).unwrap(), &ctx).unwrap();
    let outcome = counter.handle(Delivery::new(event)).await;

    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
    assert_eq!(log.assert_logged(Level::Warn, "note not counted yet").request_id(), Some("req-1"));
}
