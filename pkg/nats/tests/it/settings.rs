use std::time::Duration;

use underpin_nats::{AuthSettings, NatsError, NatsSettings, ReconnectSettings, TlsSettings};

#[test]
fn every_range_is_checked_and_named() {
    let good = NatsSettings::default();
    good.check().unwrap();
    let (zero, long) = (Duration::ZERO, Duration::MAX);
    let auth = AuthSettings::default;
    let bad = [
        (good.clone().servers::<String>([]), "servers"),
        (good.clone().servers(["nats://a:4222", "no url at all"]), "servers.1"),
        (good.clone().connect_timeout(zero), "connect_timeout"),
        (good.clone().connect_timeout(long), "connect_timeout"),
        (good.clone().request_timeout(zero), "request_timeout"),
        (good.clone().request_timeout(long), "request_timeout"),
        (good.clone().ping_interval(long), "ping_interval"),
        (good.clone().reconnect(ReconnectSettings::new(zero, zero)), "reconnect.initial"),
        (good.clone().reconnect(ReconnectSettings::default().initial(long)), "reconnect.max"),
        (good.clone().reconnect(ReconnectSettings::default().max(long)), "reconnect.max"),
        (good.clone().auth(auth().user("ada")), "auth.password"),
        (good.clone().auth(auth().token("t".to_owned()).token_file("f")), "auth"),
        (
            good.clone().auth(auth().user("a").password("b".to_owned()).password_file("f")),
            "auth.password_file",
        ),
        (good.tls(TlsSettings::default().cert_file("c")), "tls.key_file"),
    ];
    for (settings, expected) in bad {
        match settings.check() {
            Err(NatsError::InvalidOption { option, .. }) => assert_eq!(option, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn settings_are_read_and_unknown_keys_refused() {
    let text = r#"{"servers":["nats://a"],"auth":{"token_file":"/run/t"},"reconnect":{"max":"9s"}}"#;
    let settings: NatsSettings = serde_json::from_str(text).unwrap();
    assert_eq!(settings.reconnect.max, Duration::from_secs(9));
    assert!(serde_json::from_str::<NatsSettings>(r#"{"server":"nats://a"}"#).is_err());
}
