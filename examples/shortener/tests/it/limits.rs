//! Limits over HTTP, counted in memory.

use underpin_testkit::ServiceProcess;

use crate::{shorten, start};

/// Whole windows of the test lie in one.
const HOUR: (&str, &str) = ("SHORTENER_LIMITS__CREATE__WINDOW", "1h");

fn forwarded(service: &ServiceProcess, code: &str, addresses: &str) -> u16 {
    let body = serde_json::json!({"url": "https://example.org", "short_code": code});
    service.post("/api/v1/shorten", &[("x-forwarded-for", addresses)], &body).status
}

#[test]
fn a_client_is_told_what_is_left_and_when_to_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let origin = ("SHORTENER_HTTP__CORS__ORIGINS", "https://a.example");
    let service = start(folder.path(), &[HOUR, ("SHORTENER_LIMITS__CREATE__LIMIT", "1"), origin]);
    let passed = shorten(&service, "first");
    assert_eq!(passed.status, 201);
    let told: Vec<&str> = passed
        .headers
        .iter()
        .filter(|(name, _)| name == "ratelimit")
        .map(|(_, told)| told.as_str())
        .collect();
    assert!(told.iter().any(|told| told.starts_with("\"create\";r=0;t=")), "{told:?}");
    assert!(told.iter().any(|told| told.starts_with("\"global\";r=599")), "{told:?}");
    // A browser asks before it sends; that takes nothing.
    let preflight =
        [("origin", "https://a.example"), ("access-control-request-method", "POST"), ("content-type", "")];
    for _ in 0..3 {
        assert_eq!(service.send("OPTIONS", "/api/v1/shorten", &preflight, "").status, 204);
    }
    let body = serde_json::json!({"url": "https://example.org", "short_code": "second"});
    let refused = service.post("/api/v1/shorten", &[("origin", "https://a.example")], &body);
    assert_eq!((refused.status, &refused.json()["code"]), (429, &"RESOURCE_EXHAUSTED".into()));
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() > 60, "{refused:?}");
    // A page can read why.
    assert_eq!(refused.header("access-control-allow-origin"), Some("https://a.example"));
    // Other operations have their own limits.
    assert_eq!(service.get("/first").status, 302);
    service.stop();
}

#[test]
fn a_forged_forwarding_header_is_no_other_client() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[HOUR, ("SHORTENER_LIMITS__CREATE__LIMIT", "2")]);
    let statuses: Vec<u16> =
        (0..4).map(|n| forwarded(&service, &format!("code{n}"), &format!("203.0.113.{n}"))).collect();
    assert_eq!(statuses, [201, 201, 429, 429]);
    service.stop();
}

#[test]
fn behind_a_proxy_its_last_entry_is_the_client() {
    let folder = tempfile::tempdir().unwrap();
    let one_proxy = ("SHORTENER_LIMITS__TRUSTED_HOPS", "1");
    let variables =
        [HOUR, ("SHORTENER_LIMITS__CREATE__LIMIT", "1"), one_proxy, ("SHORTENER_LIMITS__GLOBAL__LIMIT", "3")];
    let service = start(folder.path(), &variables);
    assert_eq!(forwarded(&service, "code1", "203.0.113.1"), 201);
    // What stands before the entry of the proxy was written by the client.
    assert_eq!(forwarded(&service, "code2", "203.0.113.2, 203.0.113.1"), 429);
    assert_eq!(forwarded(&service, "code3", "203.0.113.3"), 201);
    // Of the limit of all, the refused request took nothing: one is left.
    assert_eq!(forwarded(&service, "code4", "203.0.113.4"), 201);
    assert_eq!(forwarded(&service, "code5", "203.0.113.5"), 429);
    service.stop();
}
