//! Lists.

use std::sync::Arc;

use super::fixture::{name, small_chunks};
use super::harness::ObjectsHarness;
use crate::{ListObjects, ObjectExpect, ObjectsExt};

/// Names are listed by prefix, in order and in pages.
pub async fn objects_are_listed_by_prefix_and_in_pages(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    for number in 0..25 {
        objects.put_bytes(format!("reports/{number:02}"), format!("{number}")).await.expect("stored");
    }
    objects.put_bytes("other", "x").await.expect("stored");
    assert!(objects.delete(&name("reports/13"), ObjectExpect::Anything).await.expect("deleted"));
    let mut options = ListObjects::default().prefix("reports/").limit(10);
    let mut listed = Vec::new();
    loop {
        let page = objects.list(options.clone()).await.expect("listed");
        assert!(page.objects.len() <= 10);
        listed.extend(page.objects.iter().map(|info| (info.name.to_string(), info.size)));
        match page.next {
            Some(next) => options = options.after(next),
            None => break,
        }
    }
    let expected: Vec<_> = (0..25)
        .filter(|number| *number != 13)
        .map(|number| (format!("reports/{number:02}"), if number < 10 { 1 } else { 2 }))
        .collect();
    assert_eq!(listed, expected);
    assert_eq!(objects.names("reports/1").await.expect("listed").len(), 9);
    assert!(objects.names("none").await.expect("listed").is_empty());
}

/// A bucket whose objects are all deleted has an empty list, as has an empty one.
pub async fn nothing_is_listed_as_nothing(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    assert!(objects.names("").await.expect("listed").is_empty());
    for text in ["a", "b"] {
        objects.put_bytes(text, "x").await.expect("stored");
        assert!(objects.delete(&name(text), ObjectExpect::Anything).await.expect("deleted"));
    }
    assert!(objects.names("").await.expect("listed").is_empty());
}

/// What is there during the whole list is listed, whatever others write meanwhile.
pub async fn a_list_is_complete_while_others_write(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    for number in 0..50 {
        objects.put_bytes(format!("kept/{number}"), "x").await.expect("stored");
    }
    let writer = tokio::spawn({
        let objects = Arc::clone(&objects);
        async move {
            for round in 0..50 {
                let text = format!("passing/{}", round % 5);
                objects.put_bytes(&text, "y").await.expect("stored");
                objects.delete(&name(&text), ObjectExpect::Anything).await.expect("deleted");
            }
        }
    });
    while !writer.is_finished() {
        assert_eq!(objects.names("kept/").await.expect("listed").len(), 50);
    }
    writer.await.expect("no panic");
}
