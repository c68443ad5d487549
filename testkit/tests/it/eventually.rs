//! Waiting for a condition, with a limit.

use std::cell::Cell;
use std::time::Duration;

use underpin_testkit::{eventually, eventually_blocking, poll};

const LIMIT: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(20);

#[tokio::test]
async fn asks_until_the_answer_is_yes() {
    let asked = Cell::new(0);
    let third = || {
        asked.set(asked.get() + 1);
        asked.get() % 3 == 0
    };
    eventually(LIMIT, "the third time", async || third()).await;
    assert_eq!(asked.get(), 3);
    eventually_blocking(LIMIT, "the sixth time", third);
    assert_eq!(asked.get(), 6);
    assert_eq!(poll(LIMIT, async || Some(7)).await, Some(7));
}

#[tokio::test]
async fn the_limit_ends_a_condition_that_does_not_return() {
    assert_eq!(poll(SHORT, async || std::future::pending::<Option<()>>().await).await, None);
}

#[tokio::test]
async fn a_failure_names_the_condition_and_the_line_that_waits() {
    let line = line!() + 1;
    let wait = tokio::spawn(eventually(SHORT, "it rains", async || false));
    let panic = wait.await.unwrap_err().into_panic();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains(&format!("eventually.rs:{line}")) && text.contains("it rains"), "{text}");

    let line = line!() + 1;
    let wait = std::panic::catch_unwind(|| eventually_blocking(SHORT, "it snows", || false));
    let text = wait.unwrap_err().downcast::<String>().unwrap();
    assert!(text.contains(&format!("eventually.rs:{line}")) && text.contains("it snows"), "{text}");
}
