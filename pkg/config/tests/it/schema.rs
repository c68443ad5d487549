//! The reference of a settings type agrees with what the loader does.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use underpin_config::schema::{DurationText, Entry, Reference};
use underpin_config::{ByteSize, Loader, Secret, Validate};

/// A service.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// What the service calls itself.
    ///
    /// It appears in logs | traces.
    name: String,
    /// Where it listens.
    server: Server,
    /// The database.
    database: Database,
    /// Only with TLS.
    tls: Option<Tls>,
    level: Level,
    backend: Backend,
    /// Other services.
    peers: Vec<Peer>,
    tags: Vec<String>,
    quotas: BTreeMap<String, u8>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Server {
    host: String,
    /// The port.
    port: u16,
    #[serde(with = "underpin_config::duration")]
    #[schemars(with = "DurationText")]
    timeout: Duration,
    #[serde(with = "underpin_config::duration::option")]
    #[schemars(with = "Option<DurationText>")]
    idle: Option<Duration>,
    body: ByteSize,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Database {
    /// Where the database is.
    url: Secret<String>,
    max_connections: u32,
    /// Where copies of it are.
    replicas: Vec<Secret<String>>,
}

/// Certificates.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tls {
    certificate: String,
    key: Secret<String>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Peer {
    /// Its address.
    host: String,
    weight: i64,
}

/// How much to log.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Level {
    Info,
    Debug,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Backend {
    Memory,
    File { path: String },
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "a \"quoted\" name".into(),
            server: Server::default(),
            database: Database::default(),
            tls: None,
            level: Level::Info,
            backend: Backend::Memory,
            peers: Vec::new(),
            tags: vec!["a".into(), "b".into()],
            quotas: BTreeMap::new(),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        let timeout = Duration::from_secs(5);
        Self { host: "127.0.0.1".into(), port: 3000, timeout, idle: None, body: ByteSize::mib(2) }
    }
}

impl Default for Database {
    fn default() -> Self {
        let replicas = vec!["replica-secret-marker".into()];
        Self { url: Secret::new("default-secret-marker".into()), max_connections: 25, replicas }
    }
}

impl Validate for Settings {}

fn reference() -> Reference {
    Loader::new("APP").bind("database.url", "DATABASE_URL").reference::<Settings>()
}

fn entry<'r>(reference: &'r Reference, key: &str) -> &'r Entry {
    reference
        .entries()
        .iter()
        .find(|entry| entry.key() == key)
        .unwrap_or_else(|| panic!("{key} is not described"))
}

#[test]
fn every_key_is_described_with_its_variable_type_and_default() {
    let reference = reference();
    let of = |key: &str| {
        let entry = entry(&reference, key);
        (entry.variables().join(" "), entry.kind().to_owned(), entry.is_required(), entry.is_secret())
    };
    let plain = |variable: &str, kind: &str| (variable.to_owned(), kind.to_owned(), false, false);
    assert_eq!(of("server.port"), plain("APP_SERVER__PORT", "integer, 0 to 65535"));
    assert_eq!(of("server.timeout"), plain("APP_SERVER__TIMEOUT", "duration"));
    assert_eq!(of("server.idle"), plain("APP_SERVER__IDLE", "duration"));
    assert_eq!(of("server.body"), plain("APP_SERVER__BODY", "byte size"));
    assert_eq!(of("level"), plain("APP_LEVEL", "one of `info`, `debug`"));
    assert_eq!(of("backend"), plain("APP_BACKEND", "one of `memory`, `file`"));
    assert_eq!(of("backend.file.path").0, "APP_BACKEND__FILE__PATH");
    assert_eq!(of("tags"), plain("APP_TAGS", "list of text"));
    assert_eq!(of("peers.<n>.host").0, "APP_PEERS__<N>__HOST");
    assert_eq!(of("quotas.<name>"), plain("APP_QUOTAS__<NAME>", "integer, 0 to 255"));
    let url = ("APP_DATABASE__URL DATABASE_URL".to_owned(), "text, secret".to_owned(), false, true);
    assert_eq!(of("database.url"), url);
    let replicas = ("APP_DATABASE__REPLICAS".to_owned(), "list of text, secret".to_owned(), false, true);
    assert_eq!(of("database.replicas"), replicas, "a list of secrets is a secret");
    assert_eq!(
        entry(&reference, "level").docs(),
        "How much to log.",
        "the type speaks where the field is silent"
    );
    assert_eq!(entry(&reference, "server").docs(), "Where it listens.");
}

#[test]
fn the_markdown_is_one_row_a_key() {
    let markdown = reference().markdown();
    assert!(
        markdown
            .contains("| `server.port` | `APP_SERVER__PORT` | integer, 0 to 65535 | `3000` | The port. |\n")
    );
    assert!(
        markdown.contains("What the service calls itself. It appears in logs \\| traces. |\n"),
        "{markdown}"
    );
    let columns = |line: &str| line.replace("\\|", "").matches('|').count();
    assert!(markdown.lines().all(|line| columns(line) == 6), "{markdown}");
}

#[test]
fn no_form_shows_a_default_secret_or_its_mask() {
    let reference = reference();
    for text in [reference.markdown(), reference.toml(), reference.dotenv(), reference.json_schema()] {
        assert!(!text.contains("marker") && !text.contains("[redacted]"), "{text}");
    }
}

/// The template with every line that has a value uncommented.
fn uncommented(template: &str, keep: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    for line in template.lines() {
        let is_comment = line.starts_with("# ") || line == "#";
        let line = if !is_comment && keep(line) { line.strip_prefix('#').unwrap_or(line) } else { line };
        writeln!(text, "{line}").unwrap();
    }
    text
}

fn same_as_default(settings: &Settings) {
    let json = |settings: &Settings| serde_json::to_value(settings).unwrap();
    assert_eq!(json(settings), json(&Settings::default()));
}

#[test]
fn the_template_loads_as_it_is_and_with_every_default_uncommented() {
    let template = reference().toml();
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("app.toml");
    let load = || Loader::new("APP").file(&file).environment([("", ""); 0]).load::<Settings>().unwrap();
    std::fs::write(&file, &template).unwrap();
    same_as_default(&load());
    // Below the first optional table only what belongs to it follows, so the defaults end there.
    let with_defaults = uncommented(&template, |line| {
        line.starts_with('#') && line.contains(" = ") && !line.ends_with("...")
    });
    std::fs::write(&file, &with_defaults).unwrap();
    same_as_default(&load());
    assert!(with_defaults.contains("\nport = 3000\n"), "{with_defaults}");
}

#[test]
fn an_optional_table_of_the_template_can_be_filled_in() {
    let template = reference().toml();
    assert!(template.contains("#[tls]\n"), "{template}");
    assert!(template.contains("#[[peers]]\n"), "{template}");
    assert!(template.contains("#[backend.file]\n"), "{template}");
    let filled = template
        .replace("#[tls]", "[tls]")
        .replace("#certificate = ...", "certificate = \"c\"")
        .replace("#key = ...", "key = \"k\"")
        .replace("#[[peers]]", "[[peers]]")
        .replacen("#weight = ...", "weight = 3", 1);
    let filled = filled.replace("# (text)\n#host = ...", "host = \"h\"");
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("app.toml");
    std::fs::write(&file, &filled).unwrap();
    let settings: Settings = Loader::new("APP").file(&file).environment([("", ""); 0]).load().unwrap();
    assert_eq!((settings.tls.unwrap().certificate.as_str(), settings.peers[0].weight), ("c", 3));
}

#[test]
fn the_dotenv_template_loads_with_every_default_uncommented() {
    let template = reference().dotenv();
    assert!(template.contains("# Where the database is.\n"), "{template}");
    assert!(template.contains("#DATABASE_URL=\n"), "the variable of its own is the one to show: {template}");
    let directory = TempDir::new().unwrap();
    let file = directory.path().join(".env");
    std::fs::write(&file, uncommented(&template, |line| line.starts_with('#') && !line.ends_with('=')))
        .unwrap();
    let loader =
        Loader::new("APP").bind("database.url", "DATABASE_URL").dotenv(&file).environment([("", ""); 0]);
    same_as_default(&loader.load::<Settings>().unwrap());
}

#[test]
fn the_json_schema_says_what_an_editor_needs() {
    let schema: serde_json::Value = serde_json::from_str(&reference().json_schema()).unwrap();
    assert_eq!(schema["properties"]["name"]["type"], "string");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["$defs"]["Server"]["properties"]["timeout"]["type"], "string");
    assert_eq!(schema["$defs"]["Database"]["properties"]["url"]["writeOnly"], true);
}

#[test]
fn a_required_key_says_so_and_a_recursive_type_ends() {
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only described")]
    struct Node {
        /// Must be given.
        name: String,
        child: Option<Box<Node>>,
    }
    let reference = Loader::new("APP").reference::<Node>();
    assert!(entry(&reference, "name").is_required());
    assert!(reference.markdown().contains("| `name` | `APP_NAME` | text | required | Must be given. |"));
    assert!(reference.entries().len() < 10);
}

#[test]
fn a_block_without_a_schema_is_described_by_its_default() {
    #[derive(Serialize)]
    struct Foreign {
        url: Secret<String>,
        retries: u8,
        nested: Inner,
    }
    #[derive(Serialize)]
    struct Inner {
        verbose: bool,
        note: Option<String>,
    }
    #[derive(Serialize, JsonSchema)]
    #[serde(default)]
    struct Whole {
        /// Where orders are kept.
        #[schemars(with = "serde_json::Value")]
        store: Foreign,
    }
    impl Default for Whole {
        fn default() -> Self {
            let nested = Inner { verbose: true, note: None };
            Self { store: Foreign { url: "marker".into(), retries: 3, nested } }
        }
    }
    let reference = Loader::new("APP").reference::<Whole>();
    let row =
        |key: &str| (entry(&reference, key).kind().to_owned(), entry(&reference, key).variables().join(" "));
    assert_eq!(row("store.url"), ("text, secret".to_owned(), "APP_STORE__URL".to_owned()));
    assert_eq!(row("store.retries"), ("number".to_owned(), "APP_STORE__RETRIES".to_owned()));
    assert_eq!(row("store.nested.verbose"), ("boolean".to_owned(), "APP_STORE__NESTED__VERBOSE".to_owned()));
    assert_eq!(row("store.nested.note").0, "any");
    let texts = [reference.markdown(), reference.toml(), reference.dotenv(), reference.json_schema()];
    assert!(texts.iter().all(|text| !text.contains("marker") && !text.contains("[redacted]")));
    assert!(reference.toml().contains("# Where orders are kept.\n[store]\n"), "{}", reference.toml());
}
