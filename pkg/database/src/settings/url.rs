//! Our own parser, because the parsers below repeat the password in their errors.

use std::{borrow::Cow, path::PathBuf};

use percent_encoding::percent_decode_str;
use underpin_config::Secret;

use super::TlsMode;

/// Where the database is.
#[derive(Debug, Clone)]
pub(crate) enum DatabaseUrl {
    Postgres(
        #[cfg_attr(
            not(feature = "postgres"),
            expect(dead_code, reason = "parsed to say that it was not compiled in")
        )]
        PostgresUrl,
    ),
    Sqlite(
        #[cfg_attr(
            not(feature = "sqlite"),
            expect(dead_code, reason = "parsed to say that it was not compiled in")
        )]
        SqliteUrl,
    ),
}

/// `postgres://user:password@host:port/database?sslmode=...&application_name=...`; `host=/path` names a socket folder.
#[derive(Debug, Clone)]
pub(crate) struct PostgresUrl {
    pub(crate) endpoint: Endpoint,
    pub(crate) port: u16,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret<String>>,
    pub(crate) database: Option<String>,
    pub(crate) tls: Option<TlsMode>,
    pub(crate) application_name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Host(String),
    Socket(PathBuf),
}

/// `sqlite:path?mode=ro|rw|rwc|memory` or `sqlite::memory:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SqliteUrl {
    pub(crate) place: SqlitePlace,
    pub(crate) mode: SqliteMode,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SqlitePlace {
    Memory,
    File(PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SqliteMode {
    ReadOnly,
    ReadWrite,
    CreateIfMissing,
}

/// What is wrong with a URL. Holds no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UrlProblem(&'static str);

impl UrlProblem {
    pub(crate) const fn message(self) -> &'static str {
        self.0
    }
}

impl DatabaseUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, UrlProblem> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(UrlProblem("must be a URL that starts with `postgres:` or `sqlite:`"));
        };
        match scheme {
            "postgres" | "postgresql" => {
                let rest =
                    rest.strip_prefix("//").ok_or(UrlProblem("must go on with `//` after the scheme"))?;
                PostgresUrl::parse(rest).map(Self::Postgres)
            }
            "sqlite" => SqliteUrl::parse(rest).map(Self::Sqlite),
            _ => Err(UrlProblem("must start with `postgres:` or `sqlite:`")),
        }
    }
}

impl PostgresUrl {
    fn parse(rest: &str) -> Result<Self, UrlProblem> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        if rest.contains('#') || query.contains('#') {
            return Err(UrlProblem("must have no fragment (write `#` as `%23`)"));
        }
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, address) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        let (host, port) = split_port(address)?;
        let mut url = Self {
            endpoint: endpoint(&decode(host)?),
            port,
            user: some(decode(user)?),
            password: some(decode(password)?).map(Secret::new),
            database: some(decode(database)?),
            tls: None,
            application_name: None,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            url.set(key, decode(value)?)?;
        }
        Ok(url)
    }

    fn set(&mut self, key: &str, value: String) -> Result<(), UrlProblem> {
        match key {
            "sslmode" | "ssl-mode" => {
                let mode = TlsMode::from_sslmode(&value);
                self.tls = Some(mode.ok_or(UrlProblem(
                    "must name `sslmode` as disable, prefer, require, verify-ca or verify-full",
                ))?);
            }
            "host" => self.endpoint = endpoint(&value),
            "port" => {
                self.port = value.parse().map_err(|_| UrlProblem("must have a port from 1 to 65535"))?;
            }
            "user" => self.user = some(value),
            "password" => self.password = some(value).map(Secret::new),
            "dbname" => self.database = some(value),
            "application_name" => self.application_name = some(value),
            _ => {
                return Err(UrlProblem(
                    "has a parameter that is not known here; use the settings beside the URL",
                ));
            }
        }
        Ok(())
    }
}

impl SqliteUrl {
    fn parse(rest: &str) -> Result<Self, UrlProblem> {
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut mode = SqliteMode::CreateIfMissing;
        let mut memory = path == ":memory:";
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair {
                "mode=ro" => mode = SqliteMode::ReadOnly,
                "mode=rw" => mode = SqliteMode::ReadWrite,
                "mode=rwc" => mode = SqliteMode::CreateIfMissing,
                "mode=memory" => memory = true,
                _ => return Err(UrlProblem("may only carry `mode=ro`, `rw`, `rwc` or `memory`")),
            }
        }
        let path = decode(path)?;
        if memory {
            return Ok(Self { place: SqlitePlace::Memory, mode });
        }
        if path.is_empty() {
            return Err(UrlProblem("must name a file, or `sqlite::memory:`"));
        }
        Ok(Self { place: SqlitePlace::File(PathBuf::from(path)), mode })
    }
}

fn split_port(address: &str) -> Result<(&str, u16), UrlProblem> {
    let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => match address.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    let port = match port {
        None | Some("") => 5432,
        Some(port) => port.parse().map_err(|_| UrlProblem("must have a port from 1 to 65535"))?,
    };
    Ok((host, port))
}

fn endpoint(host: &str) -> Endpoint {
    match host {
        "" => Endpoint::Host("localhost".to_owned()),
        socket if socket.starts_with('/') => Endpoint::Socket(PathBuf::from(socket)),
        host => Endpoint::Host(host.to_owned()),
    }
}

fn decode(text: &str) -> Result<String, UrlProblem> {
    percent_decode_str(text)
        .decode_utf8()
        .map(Cow::into_owned)
        .map_err(|_| UrlProblem("must be UTF-8 once its percent signs are decoded"))
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
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
                "has a parameter that is not known here; use the settings beside the URL",
            ),
            ("sqlite:", "must name a file, or `sqlite::memory:`"),
        ] {
            assert_eq!(DatabaseUrl::parse(text).unwrap_err().message(), message, "{text}");
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
}
