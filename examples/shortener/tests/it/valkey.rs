//! Limits that processes share in Valkey.

use std::time::{Duration, Instant};

use underpin_testkit::{ServiceProcess, ValkeyServer, eventually_blocking};

use crate::{shorten, start};

/// A test lies within one window: what a window lets through at its end is another test.
const HOUR: (&str, &str) = ("SHORTENER_LIMITS__CREATE__WINDOW", "1h");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_at_once_over_two_processes_50_pass() {
    let valkey = ValkeyServer::private().await;
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let variables = [("VALKEY_URL", valkey.url()), HOUR, ("SHORTENER_REDIS__REQUEST_TIMEOUT", "60s")];
    let services = folders.each_ref().map(|folder| start(folder.path(), &variables));
    let (begin, mut passed, mut refused) = (std::sync::Barrier::new(200), 0, 0);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..200)
            .map(|number| {
                let (service, begin) = (services.get(number % 2).unwrap(), &begin);
                scope.spawn(move || {
                    begin.wait();
                    shorten(service, &format!("code-{number}"))
                })
            })
            .collect();
        for thread in threads {
            let reply = thread.join().unwrap();
            if reply.status == 201 {
                passed += 1;
            } else {
                assert_eq!((reply.status, &reply.json()["code"]), (429, &"RESOURCE_EXHAUSTED".into()));
                refused += 1;
            }
        }
    });
    assert_eq!((passed, refused), (50, 150));
    services.into_iter().for_each(|service| drop(service.stop()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_valkey_requests_pass_or_are_refused_as_set() {
    let valkey = ValkeyServer::private().await;
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let variables = [("VALKEY_URL", valkey.url()), HOUR, ("SHORTENER_LIMITS__CREATE__LIMIT", "1")];
    let open = start(folders[0].path(), &variables);
    let closed = [&variables[..], &[("SHORTENER_LIMITS__ON_FAILURE", "refuse")]].concat();
    let closed = start(folders[1].path(), &closed);
    assert_eq!(shorten(&open, "first").status, 201);
    assert_eq!(shorten(&closed, "second").status, 429, "they share the count");

    valkey.kill().await;
    assert_eq!(shorten(&open, "third").status, 201);
    let refused = shorten(&closed, "fourth");
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    // Degraded is ready: one that is restarted now comes up.
    let late = start(folders[2].path(), &variables);
    assert_eq!(shorten(&late, "fifth").status, 201);
    assert_eq!(late.get("/health/ready").status, 200);

    valkey.restart().await;
    let limited = |service: &ServiceProcess, code: &str| {
        let mut number = 0;
        eventually_blocking(ServiceProcess::LIMIT, "it counts again", || {
            number += 1;
            shorten(service, &format!("{code}-{number}")).status == 429
        });
    };
    limited(&open, "sixth");
    limited(&closed, "seventh");
    limited(&late, "eighth");

    // One that hangs holds a request up for two timeouts of 250 ms, one for each limit.
    valkey.pause().await;
    let began = Instant::now();
    assert_eq!(shorten(&open, "ninth").status, 201);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    valkey.resume().await;
    for service in [open, closed, late] {
        service.stop();
    }
}
