//! Links: taken once, until they expire.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use underpin_testkit::ServiceProcess;

use crate::{shorten, start};

#[test]
fn a_link_redirects_and_says_how_long() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[("SHORTENER_LINKS__PUBLIC_URL", "https://sho.rt/")]);
    let body = json!({"url": "https://example.org/page?a=b#c", "ttl_seconds": 3600});
    let stored = service.post("/api/v1/shorten", &[("host", "evil.example")], &body);
    assert_eq!(stored.status, 201, "{stored:?}");
    let link = stored.json();
    let code = link["short_code"].as_str().unwrap();
    assert_eq!(code.len(), 7, "{link}");
    // Not from the header `Host`, which a caller writes.
    assert_eq!(link["short_url"], format!("https://sho.rt/{code}"));
    assert_eq!(stored.header("location"), link["short_url"].as_str());
    let redirect = service.get(&format!("/{code}"));
    assert_eq!((redirect.status, redirect.header("location")), (302, Some("https://example.org/page?a=b#c")));
    assert_eq!(redirect.header("cache-control"), Some("no-store"));
    service.get("/nothing").problem(404, "LINK_NOT_FOUND");
    service.stop();
}

#[test]
fn of_many_that_want_a_code_one_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let mut statuses: BTreeMap<u16, u32> = BTreeMap::new();
    std::thread::scope(|scope| {
        let want = |number| {
            let body = json!({"url": format!("https://example.org/{number}"), "short_code": "wanted"});
            service.post("/api/v1/shorten", &[], &body).status
        };
        let threads: Vec<_> = (0..20).map(|number| scope.spawn(move || want(number))).collect();
        for thread in threads {
            *statuses.entry(thread.join().unwrap()).or_default() += 1;
        }
    });
    assert_eq!(statuses, [(201, 1), (409, 19)].into());
    let body = json!({"url": "https://example.net", "short_code": "wanted"});
    service.post("/api/v1/shorten", &[], &body).problem(409, "CODE_TAKEN");
    service.stop();
}

#[test]
fn a_repeat_is_the_same_link_and_one_event() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let (first, again) = (shorten(&service, "same"), shorten(&service, "same"));
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(first.json(), again.json());
    assert_eq!(shorten(&service, "other").status, 201);
    let today = |service: &ServiceProcess| service.get("/api/v1/stats").json()["today"].clone();
    service.get_until("/api/v1/stats", |reply| reply.json()["today"]["links"] == 2);
    assert_eq!(today(&service), json!({"links": 2, "clicks": 0}));
    service.stop();
}

#[test]
fn an_expired_link_is_gone_and_its_code_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let link = |url: &str, seconds: u64| {
        let body = json!({"url": url, "short_code": "brief", "ttl_seconds": seconds});
        service.post("/api/v1/shorten", &[], &body)
    };
    assert_eq!(link("https://example.org/1", 2).status, 201);
    assert_eq!(service.get("/brief").status, 302);
    let gone = service.get_until("/brief", |reply| reply.status != 302);
    gone.problem(404, "LINK_NOT_FOUND");
    // Its clicks are known still.
    let stats = service.get_until("/api/v1/stats/brief", |reply| reply.json()["clicks"] != 0).json();
    assert_eq!((&stats["active"], &stats["original_url"]), (&json!(false), &json!("https://example.org/1")));
    // Another link, which begins at zero.
    assert_eq!(link("https://example.org/2", 3600).status, 201);
    let stats = service.get("/api/v1/stats/brief").json();
    assert_eq!((&stats["active"], &stats["clicks"]), (&json!(true), &json!(0)), "{stats}");
    assert_eq!(service.get("/brief").header("location"), Some("https://example.org/2"));
    service.stop();
}

#[test]
fn what_is_no_link_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let refused = |body: &Value, code: &str| {
        service.post("/api/v1/shorten", &[], body).problem(400, code);
    };
    refused(&json!({"url": "javascript:alert(1)"}), "INVALID_URL");
    refused(&json!({"url": "http://localhost:8080/abcd"}), "OWN_ADDRESS");
    refused(&json!({"url": "https://example.org", "short_code": "docs"}), "INVALID_CODE");
    refused(&json!({"url": "https://example.org", "ttl_seconds": 0}), "INVALID_TTL");
    refused(&json!({"url": "https://example.org", "ttl_seconds": 31_536_001}), "INVALID_TTL");
    service.stop();
}
