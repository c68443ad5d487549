//! Our own parser, because the parsers below repeat the password in their errors.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use percent_encoding::percent_decode_str;
use underpin_config::Secret;

use super::TlsMode;

/// Where the database is.
#[derive(Debug, Clone)]
pub(crate) enum DatabaseUrl {
    Postgres(
        #[cfg_attr(
            not(feature = "postgres"),
            allow(dead_code, reason = "parsed to say that it was not compiled in")
        )]
        PostgresUrl,
    ),
    Sqlite(SqliteUrl),
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
    #[cfg_attr(
        not(feature = "sqlite"),
        allow(dead_code, reason = "parsed to say that it was not compiled in")
    )]
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

/// What is wrong with a URL. Holds no part of it but the name of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlProblem {
    message: &'static str,
    parameter: Option<String>,
}

impl UrlProblem {
    const fn new(message: &'static str) -> Self {
        Self { message, parameter: None }
    }

    /// Constant, as the checks of settings want it.
    pub(crate) fn message(&self) -> &'static str {
        self.message
    }
}

impl fmt::Display for UrlProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.parameter {
            Some(name) => write!(
                f,
                "has the parameter `{name}`, which is not known here; use the settings beside the URL"
            ),
            None => f.write_str(self.message),
        }
    }
}

impl DatabaseUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, UrlProblem> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(UrlProblem::new("must be a URL that starts with `postgres:` or `sqlite:`"));
        };
        match scheme {
            "postgres" | "postgresql" => {
                let rest = rest
                    .strip_prefix("//")
                    .ok_or(UrlProblem::new("must go on with `//` after the scheme"))?;
                PostgresUrl::parse(rest).map(Self::Postgres)
            }
            "sqlite" => SqliteUrl::parse(rest).map(Self::Sqlite),
            _ => Err(UrlProblem::new("must start with `postgres:` or `sqlite:`")),
        }
    }
}

impl PostgresUrl {
    fn parse(rest: &str) -> Result<Self, UrlProblem> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        if rest.contains('#') || query.contains('#') {
            return Err(UrlProblem::new("must have no fragment (write `#` as `%23`)"));
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
            // With a question mark in the password, what follows it is no parameter.
            let key = if query.contains('@') { "" } else { key };
            url.set(key, decode(value)?)?;
        }
        Ok(url)
    }

    fn set(&mut self, key: &str, value: String) -> Result<(), UrlProblem> {
        match key {
            "sslmode" | "ssl-mode" => {
                let mode = TlsMode::from_sslmode(&value);
                self.tls = Some(mode.ok_or(UrlProblem::new(
                    "must name `sslmode` as disable, prefer, require, verify-ca or verify-full",
                ))?);
            }
            "host" => self.endpoint = endpoint(&value),
            "port" => {
                self.port = value.parse().map_err(|_| UrlProblem::new("must have a port from 1 to 65535"))?;
            }
            "user" => self.user = some(value),
            "password" => self.password = some(value).map(Secret::new),
            "dbname" => self.database = some(value),
            "application_name" => self.application_name = some(value),
            _ => return Err(unknown_parameter(key)),
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
                _ => return Err(UrlProblem::new("may only carry `mode=ro`, `rw`, `rwc` or `memory`")),
            }
        }
        let literal = path;
        let path = decode(path)?;
        if memory {
            return Ok(Self { place: SqlitePlace::Memory, mode });
        }
        if path.is_empty() {
            return Err(UrlProblem::new("must name a file, or `sqlite::memory:`"));
        }
        if path != literal && (literal.to_ascii_lowercase().contains("%2f") || exists(literal)) {
            return Err(UrlProblem::new(
                "has a percent sign that can be read in two ways; write `%25` for one in the name of a file",
            ));
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
        Some(port) => port.parse().map_err(|_| UrlProblem::new("must have a port from 1 to 65535"))?,
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
    match percent_decode_str(text).decode_utf8() {
        Ok(decoded) if decoded.contains('\0') => Err(UrlProblem::new("must not hold NUL")),
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(UrlProblem::new("must be UTF-8 once its percent signs are decoded")),
    }
}

macro_rules! known_elsewhere {
    ($key:expr, $($name:literal),+) => {
        match $key {
            $($name => concat!("has the parameter `", $name, "`, which is not known here; use the settings beside the URL"),)+
            _ => "has a parameter that is not known here; use the settings beside the URL",
        }
    };
}

/// Names the parameter where it looks like one: a password with a question mark in it must not show.
fn unknown_parameter(key: &str) -> UrlProblem {
    // Those of libpq, of other drivers and of hosting providers.
    let message = known_elsewhere!(
        key,
        "channel_binding",
        "client_encoding",
        "connect_timeout",
        "connection_limit",
        "fallback_application_name",
        "gssencmode",
        "hostaddr",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "krbsrvname",
        "load_balance_hosts",
        "max_connections",
        "options",
        "passfile",
        "pgbouncer",
        "pool_timeout",
        "requirepeer",
        "require_auth",
        "schema",
        "search_path",
        "service",
        "sslcert",
        "sslcompression",
        "sslcrl",
        "sslkey",
        "sslnegotiation",
        "sslpassword",
        "sslrootcert",
        "sslsni",
        "statement-cache-capacity",
        "statement_cache_size",
        "statement_timeout",
        "target_session_attrs",
        "tcp_user_timeout",
        "timezone"
    );
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
    let is_shown = !key.is_empty() && key.len() <= 40 && key.chars().all(is_name);
    UrlProblem { message, parameter: is_shown.then(|| key.to_owned()) }
}

/// Whether the path as it is written, percent signs and all, leads to a file or into a folder that exists.
fn exists(literal: &str) -> bool {
    let path = Path::new(literal);
    let folder = path.parent().filter(|folder| folder.to_string_lossy().contains('%'));
    path.exists() || folder.is_some_and(Path::exists)
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests;
