//! One run reports every problem, each with its key, its variable and its place, and never with a value.
#![allow(dead_code, reason = "fields that are only decoded")]

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;
use tempfile::TempDir;
use underpin_config::{ByteSize, Checks, ConfigExt, IssueKind, Loader, Secret, Validate};

#[derive(Debug, Deserialize)]
struct Settings {
    name: String,
    server: Server,
    database: Database,
    #[serde(default)]
    replicas: Vec<Replica>,
    limits: Limits,
}

#[derive(Debug, Deserialize)]
struct Server {
    address: IpAddr,
    port: u16,
    tls: bool,
}

#[derive(Debug, Deserialize)]
struct Database {
    url: Secret<String>,
    max_connections: u32,
    #[serde(default)]
    min_connections: u32,
}

#[derive(Debug, Deserialize)]
struct Replica {
    port: u16,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Limits {
    #[serde(with = "underpin_config::duration")]
    timeout: Duration,
    body: ByteSize,
    level: Level,
    workers: u16,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Low,
    High,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(1), body: ByteSize::mib(1), level: Level::Low, workers: 1 }
    }
}

impl Validate for Settings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(!self.name.is_empty(), "name", "must not be empty");
        checks.nested("database", &self.database);
        checks.ensure(self.limits.workers > 0, "limits.workers", "must be at least 1");
    }
}

impl Validate for Database {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(
            self.min_connections <= self.max_connections,
            "min_connections",
            "must not exceed the maximum",
        );
    }
}

const FILE: &str = r#"name = ""
nmae = "typo"

[server]
address = "10.0.0.300"
port = "eighty"
tls = true

[database]
max_connections = 70000000000

[[replicas]]
port = 1

[[replicas]]
port = -1

[limits]
timeout = "5"
"#;

#[test]
fn one_run_reports_every_problem() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("app.toml");
    std::fs::write(&file, FILE).unwrap();
    let environment = [
        ("APP_SERVER__TLS", "maybe"),
        ("APP_SERVER__PROT", "8080"),
        ("APP_LIMITS__BODY", "huge"),
        ("APP_LIMITS__LEVEL", "middle"),
        ("APP_LIMITS__WORKERS", "0"),
    ];
    let error = Loader::new("APP").file(&file).environment(environment).load::<Settings>().unwrap_err();
    let at = |line: usize| format!("{}:{line}", file.display());
    let expected = [
        "the configuration has 13 problems".to_owned(),
        format!("- `database.max_connections` must be an integer from 0 to 4294967295 ({}; environment variable APP_DATABASE__MAX_CONNECTIONS)", at(10)),
        format!("- `database.url` is missing ({}; environment variable APP_DATABASE__URL)", at(9)),
        "- `limits.body` must be a size in bytes, such as 4096, \"64KiB\" or \"1.5GB\" (APP_LIMITS__BODY in the environment)".to_owned(),
        "- `limits.level` must be one of `low`, `high` (APP_LIMITS__LEVEL in the environment)".to_owned(),
        format!("- `limits.timeout` must be a duration with units, such as \"500ms\", \"5m\" or \"1h30m\" ({}; environment variable APP_LIMITS__TIMEOUT)", at(19)),
        "- `limits.workers` must be at least 1 (APP_LIMITS__WORKERS in the environment)".to_owned(),
        format!("- `name` must not be empty ({}; environment variable APP_NAME)", at(1)),
        format!("- `nmae` is no known key; did you mean `name`? ({}; environment variable APP_NMAE)", at(2)),
        format!("- `replicas.1.port` must be an integer from 0 to 65535 ({}; environment variable APP_REPLICAS__1__PORT)", at(16)),
        format!("- `server.address` is refused: invalid IP address syntax ({}; environment variable APP_SERVER__ADDRESS)", at(5)),
        format!("- `server.port` must be an integer from 0 to 65535, not text ({}; environment variable APP_SERVER__PORT)", at(6)),
        "- `server.prot` is no known key; did you mean `port`? (APP_SERVER__PROT in the environment)".to_owned(),
        "- `server.tls` must be a boolean (true, yes, on, 1 or false, no, off, 0) (APP_SERVER__TLS in the environment)".to_owned(),
    ];
    assert_eq!(error.to_string().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_check_that_depends_on_a_broken_value_is_not_reported() {
    // The maximum is missing, so the comparison with the minimum has no meaning.
    let environment = [("APP_MIN_CONNECTIONS", "10"), ("APP_URL", "x")];
    let error = Loader::new("APP").environment(environment).load::<Database>().unwrap_err();
    assert_eq!(
        error.issues().iter().map(|issue| (issue.kind(), issue.key())).collect::<Vec<_>>(),
        [(IssueKind::Missing, "max_connections")]
    );
}

#[test]
fn a_problem_of_a_source_does_not_hide_the_problems_of_keys() {
    let directory = TempDir::new().unwrap();
    let dotenv = directory.path().join(".env");
    std::fs::write(&dotenv, "APP_MAX_CONNECTIONS=many\nthis is no assignment\n").unwrap();
    let loader = Loader::new("APP").dotenv(&dotenv).environment([("APP_URL", "x"), ("APP_URRL", "y")]);
    let error = loader.overrides(["novalue"]).load::<Database>().unwrap_err();
    let kinds: Vec<IssueKind> = error.issues().iter().map(underpin_config::Issue::kind).collect();
    assert_eq!(
        kinds,
        [IssueKind::Syntax, IssueKind::Syntax, IssueKind::WrongType, IssueKind::Unknown],
        "{error}"
    );
    assert!(error.to_string().contains(".env:2: is no line of the form NAME=value"), "{error}");
    assert!(error.to_string().contains(".env:1"), "{error}");
}

#[test]
fn keys_of_a_file_that_cannot_be_read_are_not_called_missing() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("app.toml");
    std::fs::write(&file, "url = \"x\nmax_connections = 3\n").unwrap();
    let loader = Loader::new("APP").file(&file).environment([("APP_MIN_CONNECTIONS", "none")]);
    let error = loader.load::<Database>().unwrap_err();
    assert!(error.issues().iter().all(|issue| issue.kind() != IssueKind::Missing), "{error}");
    assert!(error.to_string().contains("app.toml:1: is not valid TOML"), "{error}");
    assert!(error.to_string().contains("APP_MIN_CONNECTIONS"), "{error}");
}

#[test]
fn unknown_keys_are_found_without_deny_unknown_fields_and_inside_lists() {
    #[derive(Debug, Deserialize)]
    struct Outer {
        items: Vec<Inner>,
    }
    #[derive(Debug, Deserialize)]
    struct Inner {
        port: u16,
    }
    impl Validate for Outer {}
    let environment =
        [("APP_ITEMS__0__PORT", "1"), ("APP_ITEMS__0__PROT", "1"), ("APP_OTHER__DEEP__KEY", "1")];
    let error = Loader::new("APP").environment(environment).load::<Outer>().unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`items.0.prot` is no known key; did you mean `port`?"), "{text}");
    assert!(text.contains("`other` is no known key (APP_OTHER__DEEP__KEY in the environment)"), "{text}");
}

#[test]
fn a_map_may_hold_any_key_and_reports_each_bad_value() {
    #[derive(Debug, Deserialize)]
    struct Outer {
        ports: HashMap<String, u16>,
    }
    impl Validate for Outer {}
    let environment = [("APP_PORTS__A", "1"), ("APP_PORTS__B", "x"), ("APP_PORTS__C", "y")];
    let error = Loader::new("APP").environment(environment).load::<Outer>().unwrap_err();
    let keys: Vec<&str> = error.issues().iter().map(underpin_config::Issue::key).collect();
    assert_eq!(keys, ["ports.b", "ports.c"]);
}

#[test]
fn a_refusal_of_a_whole_block_is_reported_once_and_after_its_fields() {
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "RawRange")]
    struct Range;
    #[derive(Debug, Deserialize)]
    struct RawRange {
        low: u8,
        high: u8,
    }
    impl TryFrom<RawRange> for Range {
        type Error = &'static str;
        fn try_from(raw: RawRange) -> Result<Self, Self::Error> {
            if raw.low < raw.high { Ok(Self) } else { Err("the lower bound must be below the upper one") }
        }
    }
    #[derive(Debug, Deserialize)]
    struct Outer {
        range: Range,
        port: u16,
    }
    impl Validate for Outer {}
    let load = |low: &str, high: &str| {
        let environment = [("APP_RANGE__LOW", low), ("APP_RANGE__HIGH", high), ("APP_PORT", "x")];
        Loader::new("APP").environment(environment).load::<Outer>().unwrap_err().to_string()
    };
    let refused = load("200", "100");
    assert!(refused.contains("`range` is refused: the lower bound must be below the upper one"), "{refused}");
    assert!(refused.contains("`port` must be"), "the neighbour is still looked at: {refused}");
    let mistyped = load("200", "x");
    assert!(mistyped.contains("`range.high` must be") && !mistyped.contains("`range` is"), "{mistyped}");
}

#[test]
fn an_error_becomes_an_internal_error_of_a_service() {
    let error = Loader::new("APP").environment([("APP_PORT", "x")]).load::<Database>().unwrap_err();
    let error = underpin_errors::Error::from(error);
    assert_eq!(error.kind(), underpin_errors::Kind::Internal);
    assert!(!error.public_message().contains("APP_"), "{}", error.public_message());
}

#[test]
fn a_dynamic_get_reports_like_a_typed_one() {
    let snapshot =
        Loader::new("APP").environment([("APP_A__PORT", "x"), ("APP_A__TLS", "y")]).snapshot().unwrap();
    let error = snapshot.get::<Server>("a").unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`a.address` is missing (environment variable APP_A__ADDRESS)"), "{text}");
    assert!(
        text.contains("`a.port` must be an integer from 0 to 65535 (APP_A__PORT in the environment)"),
        "{text}"
    );
    assert!(text.contains("`a.tls`"), "{text}");
    let error = snapshot.get_or("a.port", 3u16).unwrap_err();
    assert!(error.to_string().contains("`a.port`"), "a mistyped value never turns into the default");
}

#[test]
fn fifty_problems_are_found_in_one_run() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("app.toml");
    let text: String = (0..50).map(|n| format!("[[replicas]]\nport = \"p{n}\"\n")).collect();
    std::fs::write(&file, text).unwrap();
    #[derive(Debug, Deserialize)]
    struct Many {
        replicas: Vec<Replica>,
    }
    impl Validate for Many {}
    let error = Loader::new("APP").file(file).environment([("", ""); 0]).load::<Many>().unwrap_err();
    assert_eq!(error.issues().len(), 50);
}
