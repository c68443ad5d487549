//! Settings out of range name themselves.

use std::time::Duration;

use underpin_store::{RedisSettings, StoreError};

#[test]
fn settings_that_do_not_fit_are_refused() {
    let good = RedisSettings::new("redis://cache.internal:6379/1");
    assert!(good.check().is_ok() && RedisSettings::default().check().is_ok());
    for (bad, option) in [
        (RedisSettings::new("cache"), "url"),
        (RedisSettings::new("nats://cache"), "url"),
        (good.clone().prefix("a:b"), "prefix"),
        (good.clone().prefix(""), "prefix"),
        (good.clone().connect_timeout(Duration::ZERO), "connect_timeout"),
        (good.clone().request_timeout(Duration::from_secs(100_000)), "request_timeout"),
        (RedisSettings::new("rediss://cache").cert_file("cert.pem"), "key_file"),
        (good.clone().ca_file("ca.pem"), "url"),
    ] {
        match bad.check() {
            Err(StoreError::InvalidOption { option: found, .. }) => assert_eq!(found, option),
            other => panic!("{option}: {other:?}"),
        }
    }
}

#[test]
fn no_password_is_written_out() {
    let settings = RedisSettings::new("redis://ada:lovelace@cache.internal").password("analytical");
    let written = format!("{settings:?} {}", serde_json::to_string(&settings).unwrap());
    assert!(!written.contains("lovelace") && !written.contains("analytical"), "{written}");
}
