//! Reads while others write.

use std::sync::Arc;

use futures_util::StreamExt;
use tokio::time::timeout;

use super::fixture::{CHUNK, bytes, name, nothing_left, small_chunks};
use super::harness::ObjectsHarness;
use crate::{GetObject, ObjectExpect, ObjectsExt, StoreError};

/// Each of ten readers of an object that is replaced again and again reads one whole version, or an error.
pub async fn a_reader_gets_one_version_or_an_error(harness: &impl ObjectsHarness) {
    let objects = small_chunks(harness).await;
    // The size tells the version.
    let version = |round: usize| bytes(CHUNK * 4 + round);
    objects.put_bytes("a", version(0)).await.expect("stored");
    let readers: Vec<_> = (0..10)
        .map(|_| {
            let objects = Arc::clone(&objects);
            tokio::spawn(async move {
                let (mut whole, mut told) = (0, 0);
                while whole + told < 20 {
                    let reader = objects.get(&name("a"), GetObject::default()).await.expect("opened");
                    let reader = reader.expect("an object");
                    let size = reader.info().size;
                    match reader.read_all(usize::MAX).await {
                        Ok(data) => {
                            assert!(data == bytes(size as usize), "a mixture");
                            whole += 1;
                        }
                        Err(StoreError::Replaced) => told += 1,
                        Err(error) => panic!("{error:?}"),
                    }
                }
            })
        })
        .collect();
    for round in 1..20 {
        objects.put_bytes("a", version(round)).await.expect("replaced");
    }
    for reader in readers {
        reader.await.expect("no panic");
    }
    nothing_left(harness, &objects).await;
}

/// A reader whose object is replaced or deleted in the middle gets an error, or reads the rest of what it began.
pub async fn a_replacement_in_the_middle_is_reported(harness: &impl ObjectsHarness) {
    let capabilities = harness.capabilities();
    let objects = small_chunks(harness).await;
    for deletes in [false, true] {
        let data = bytes(CHUNK * 64);
        objects.put_bytes("a", data.clone()).await.expect("stored");
        let mut reader = objects.get(&name("a"), GetObject::default()).await.expect("opened").expect("there");
        let first = reader.next().await.expect("a chunk").expect("a chunk");
        match deletes {
            true => assert!(objects.delete(&name("a"), ObjectExpect::Anything).await.expect("deleted")),
            false => drop(objects.put_bytes("a", "other").await.expect("replaced")),
        }
        let rest = timeout(capabilities.patience, reader.read_all(usize::MAX)).await.expect("told in time");
        match rest {
            Err(StoreError::Replaced) => {}
            Ok(rest) if !capabilities.replacement_ends_reads => {
                assert!([first, rest].concat() == data, "a mixture");
            }
            other => panic!("{:?}", other.map(|rest| rest.len())),
        }
    }
}
