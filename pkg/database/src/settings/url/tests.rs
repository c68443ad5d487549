use proptest::prelude::*;

use super::*;

fn postgres(text: &str) -> PostgresUrl {
    match DatabaseUrl::parse(text).unwrap() {
        DatabaseUrl::Postgres(url) => url,
        DatabaseUrl::Sqlite(url) => panic!("{url:?}"),
    }
}

fn sqlite(text: &str) -> SqliteUrl {
    match DatabaseUrl::parse(text).unwrap() {
        DatabaseUrl::Sqlite(url) => url,
        DatabaseUrl::Postgres(url) => panic!("{url:?}"),
    }
}

#[test]
fn a_postgres_url_in_full() {
    let url =
        postgres("postgresql://a%40b:p%3Ass%2F@db:6432/or%64ers?sslmode=verify-full&application_name=x");
    assert_eq!(url.endpoint, Endpoint::Host("db".into()));
    assert_eq!((url.port, url.user.as_deref()), (6432, Some("a@b")));
    assert_eq!(url.password.unwrap().expose(), "p:ss/");
    assert_eq!(url.database.as_deref(), Some("orders"));
    assert_eq!(url.tls, Some(TlsMode::VerifyFull));
    assert_eq!(url.application_name.as_deref(), Some("x"));
}

#[test]
fn what_is_missing_is_left_to_the_server_or_has_its_usual_value() {
    let url = postgres("postgres://");
    assert_eq!((url.endpoint, url.port), (Endpoint::Host("localhost".into()), 5432));
    assert!(url.user.is_none() && url.password.is_none() && url.database.is_none());
    assert_eq!(postgres("postgres://[::1]:99/x").endpoint, Endpoint::Host("::1".into()));
    assert_eq!(postgres("postgres:///x?host=/run/pg").endpoint, Endpoint::Socket("/run/pg".into()));
    assert_eq!(postgres("postgres://%2Frun%2Fpg/x").endpoint, Endpoint::Socket("/run/pg".into()));
}

#[test]
fn an_at_sign_in_the_password_belongs_to_the_password() {
    let url = postgres("postgres://u:a@b@host/x");
    assert_eq!(url.password.unwrap().expose(), "a@b");
    assert_eq!(url.endpoint, Endpoint::Host("host".into()));
}

#[test]
fn sqlite_urls_name_a_file_or_memory() {
    let file = |path: &str, mode| SqliteUrl { place: SqlitePlace::File(path.into()), mode };
    assert_eq!(sqlite("sqlite:orders.db"), file("orders.db", SqliteMode::CreateIfMissing));
    assert_eq!(sqlite("sqlite:///tmp/a%20b.db?mode=ro"), file("/tmp/a b.db", SqliteMode::ReadOnly));
    assert_eq!(sqlite("sqlite::memory:").place, SqlitePlace::Memory);
    assert_eq!(sqlite("sqlite://:memory:").place, SqlitePlace::Memory);
    assert_eq!(sqlite("sqlite:x?mode=memory").place, SqlitePlace::Memory);
}

#[test]
fn what_is_wrong_is_said() {
    for (text, message) in [
        ("", "must be a URL that starts with `postgres:` or `sqlite:`"),
        ("mysql://x", "must start with `postgres:` or `sqlite:`"),
        ("postgres://h:99999/x", "must have a port from 1 to 65535"),
        (
            "postgres://h/x?sslmode=always",
            "must name `sslmode` as disable, prefer, require, verify-ca or verify-full",
        ),
        (
            "postgres://h/x?frobnicate=1",
            "has the parameter `frobnicate`, which is not known here; use the settings beside the URL",
        ),
        (
            "postgres://u?word=1@h/x",
            "has a parameter that is not known here; use the settings beside the URL",
        ),
        ("postgres://u%00:p@h/x", "must not hold NUL"),
        (
            "sqlite:a%2Fb/c.db",
            "has a percent sign that can be read in two ways; write `%25` for one in the name of a file",
        ),
        ("sqlite:", "must name a file, or `sqlite::memory:`"),
    ] {
        assert_eq!(DatabaseUrl::parse(text).unwrap_err().to_string(), message, "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*") {
        drop(DatabaseUrl::parse(&text));
    }

    #[test]
    fn no_postgres_url_panics(text in "postgres://[a-z0-9:@/?&=%\\[\\]#]{0,60}") {
        drop(DatabaseUrl::parse(&text));
    }

    #[test]
    fn any_password_comes_back_once_encoded_and_is_never_shown(password in "\\PC{1,40}") {
        let encoded = percent_encoding::utf8_percent_encode(&password, percent_encoding::NON_ALPHANUMERIC);
        let marked = format!("postgres://u:marker-5c1{encoded}@h/x");
        let url = postgres(&marked);
        let expected = format!("marker-5c1{password}");
        prop_assert_eq!(url.password.as_ref().map(|secret| secret.expose().as_str()), Some(expected.as_str()));
        let shown = format!("{url:?}");
        prop_assert!(!shown.contains("marker-5c1"));
    }
}
