//! Uploads that end in the middle.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use underpin_testkit::eventually_blocking;

use crate::support::{begin_upload, names, path_of, start, stored, upload};

const LIMIT: Duration = Duration::from_secs(60);
const MIB: usize = 1024 * 1024;

/// Sends half of an upload, and waits until some of it is on the disk.
fn half(stream: &mut TcpStream, folder: &std::path::Path) {
    let piece = vec![b'x'; MIB];
    for _ in 0..40 {
        stream.write_all(&piece).unwrap();
    }
    eventually_blocking(LIMIT, "a part is written", || stored(folder).iter().any(|(_, size)| *size > 0));
}

#[test]
fn an_upload_that_is_aborted_half_way_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // Longer than the upload takes, and soon enough for the sweeper to be waited for.
    let variables = [("FILES_HTTP__REQUEST_TIMEOUT", "15s"), ("FILES_UPLOADS__ABANDONED_AFTER", "16s")];
    let service = start(folder.path(), &variables);
    let mut stream = begin_upload(&service, "aborted", 80 * MIB);
    half(&mut stream, folder.path());
    assert!(names(&service).is_empty());
    drop(stream);
    eventually_blocking(LIMIT, "its data is removed", || stored(folder.path()).is_empty());
    assert!(names(&service).is_empty());
    let swept = service.log.wait_for("the sweep of its row", |line| line["msg"] == "files swept");
    assert_eq!(swept["removed"], 1);
    service.stop();
}

#[test]
fn a_kill_in_the_middle_of_uploads_loses_none_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let mut stream = begin_upload(&service, "cut", 80 * MIB);
    half(&mut stream, folder.path());
    let acknowledged: Mutex<Vec<(Value, String)>> = Mutex::default();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (service, acknowledged) = (&service, &acknowledged);
            scope.spawn(move || {
                for number in 0..10 {
                    let data = format!("{worker}-{number} ").repeat(100 * (number + 1));
                    let file = upload(service, &format!("f-{worker}-{number}"), "text/plain", &data);
                    acknowledged.lock().unwrap().push((file, data));
                }
            });
        }
    });
    service.kill();
    drop(stream);

    let service = start(folder.path(), &[]);
    let acknowledged = acknowledged.into_inner().unwrap();
    for (file, data) in &acknowledged {
        assert_eq!(service.get(&path_of(file)).body, *data);
    }
    assert_eq!(names(&service).len(), acknowledged.len());
    assert!(!names(&service).contains(&"cut".to_owned()));
    service.stop();
}
