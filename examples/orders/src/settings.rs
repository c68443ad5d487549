//! The settings and their sources.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use underpin_config::schema::Reference;
use underpin_config::{ByteSize, Checks, Loader, Validate};
use underpin_database::DatabaseSettings;
use underpin_events::jetstream::JetStreamSettings;
use underpin_logger::LoggerSettings;
use underpin_service::{HttpSettings, LifecycleSettings, ServiceSettings, Telemetry, TelemetrySettings};

/// The default database.
const DATABASE: &str = "sqlite:data/orders.db";

/// Everything that can be set. The defaults run on a machine with nothing installed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    /// The HTTP surface.
    pub http: HttpSettings,
    /// The database; the SQLite file `data/orders.db` where no URL is set.
    pub database: DatabaseSettings,
    /// The bus: NATS where `servers` names some, otherwise in memory, with a journal beside the SQLite file.
    pub events: JetStreamSettings,
    /// The log.
    pub log: LoggerSettings,
    /// Start, stop, threads and the admin listener.
    pub service: LifecycleSettings,
    /// Metrics, and the export of spans and log records.
    pub telemetry: TelemetrySettings,
}

impl Settings {
    /// Reads `orders.toml`, `.env` and the environment, where they are.
    ///
    /// `DATABASE_URL`, `NATS_URL` and `LOG_LEVEL` work beside `ORDERS_DATABASE__URL` and so on.
    pub fn loader() -> Loader {
        Loader::new("ORDERS")
            .defaults(&Self::default())
            // A secret is not taken from the defaults above.
            .default_value("database.url", DATABASE)
            .optional_file("orders.toml")
            .optional_dotenv(".env")
            .bind("database.url", "DATABASE_URL")
            .bind("events.servers", "NATS_URL")
            .bind("log.level", "LOG_LEVEL")
    }
}

impl ServiceSettings for Settings {
    fn logger(&self) -> LoggerSettings {
        let log = self.log.clone();
        // The exporter starts later, and gets the records from before as well.
        if Telemetry::exports_logs(&self.telemetry) { log.exported() } else { log }
    }

    fn lifecycle(&self) -> LifecycleSettings {
        self.service.clone()
    }

    fn reference(loader: &Loader) -> Option<Reference> {
        Some(loader.reference::<Self>())
    }
}

impl Default for Settings {
    fn default() -> Self {
        let mut database = DatabaseSettings::new(DATABASE);
        database.application_name = "orders".to_owned();
        let mut events = JetStreamSettings::default();
        events.servers.clear();
        events.name = "orders".to_owned();
        Self {
            http: HttpSettings::default()
                .max_body(ByteSize::kib(64))
                .request_timeout(Duration::from_secs(10)),
            database,
            events,
            log: LoggerSettings::default().service("orders"),
            service: LifecycleSettings::default(),
            telemetry: TelemetrySettings::default(),
        }
    }
}

impl Validate for Settings {
    fn validate(&self, checks: &mut Checks) {
        checks.nested("http", &self.http);
        checks.nested("database", &self.database);
        if !self.events.servers.is_empty() {
            checks.nested("events", &self.events);
        }
        checks.nested("log", &self.log);
        checks.nested("service", &self.service);
        checks.nested("telemetry", &self.telemetry);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;

    const EXAMPLE: &str = include_str!("../../../.env.example");

    fn reference() -> Reference {
        Settings::reference(&Settings::loader()).unwrap()
    }

    /// Every variable with the prefix, and its default as text; a secret has none.
    fn variables() -> BTreeMap<String, String> {
        fn walk(name: &str, value: &Value, found: &mut BTreeMap<String, String>) {
            match value {
                Value::Object(members) => {
                    let mut below = |(key, value): (&String, &Value)| {
                        let separator = if name == "ORDERS" { "_" } else { "__" };
                        walk(&format!("{name}{separator}{}", key.to_uppercase()), value, found);
                    };
                    members.iter().for_each(&mut below);
                }
                Value::Null => drop(found.insert(name.to_owned(), String::new())),
                Value::String(text) if text == underpin_config::REDACTED => {
                    found.insert(name.to_owned(), String::new());
                }
                Value::String(text) => drop(found.insert(name.to_owned(), text.clone())),
                Value::Array(items) => {
                    let items: Vec<&str> = items.iter().map(|item| item.as_str().unwrap()).collect();
                    found.insert(name.to_owned(), items.join(","));
                }
                other => drop(found.insert(name.to_owned(), other.to_string())),
            }
        }
        let mut found = BTreeMap::new();
        walk("ORDERS", &serde_json::to_value(Settings::default()).unwrap(), &mut found);
        found
    }

    /// `.env.example`: each variable with its value, and whether a comment says what it is.
    fn example() -> BTreeMap<String, (String, bool)> {
        let (ours, _) = EXAMPLE.split_once("# ---- docker compose").unwrap();
        let lines: Vec<&str> = ours.lines().collect();
        let variable = |line: &str| {
            let (name, value) = line.strip_prefix('#')?.split_once('=')?;
            let is_name = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
            is_name.then(|| (name.to_owned(), value.to_owned()))
        };
        let explained = |index: usize| index > 0 && lines[index - 1].starts_with("# ");
        let found = lines.iter().enumerate().filter_map(|(index, line)| {
            variable(line).map(|(name, value)| (name, (value, explained(index))))
        });
        found.collect()
    }

    #[test]
    fn the_example_of_the_environment_names_every_variable_its_default_and_what_it_is() {
        let (mut settings, example) = (variables(), example());
        settings.insert("ORDERS_DATABASE__URL".to_owned(), DATABASE.to_owned());
        for (name, default) in [
            ("DATABASE_URL", DATABASE),
            ("NATS_URL", ""),
            ("LOG_LEVEL", "info"),
            ("ORDERS_PROFILE", ""),
            // A secret that is never written.
            ("ORDERS_SERVICE__ADMIN__TOKEN", ""),
            ("NO_COLOR", ""),
        ] {
            settings.insert(name.to_owned(), default.to_owned());
        }
        for (name, default) in &settings {
            assert_eq!(example.get(name), Some(&(default.clone(), true)), "{name} in .env.example");
        }
        let unknown: Vec<_> = example.keys().filter(|name| !settings.contains_key(*name)).collect();
        assert!(unknown.is_empty(), "no longer read: {unknown:?}");
    }

    #[test]
    fn the_reference_names_every_key_its_variable_its_default_and_what_it_is() {
        let markdown = reference().markdown();
        for (variable, default) in variables() {
            let row = markdown.lines().find(|row| row.contains(&format!("`{variable}`")));
            let row = row.unwrap_or_else(|| panic!("{variable} is not in the reference"));
            let row = row.replace("\\|", "/");
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let &["", _key, _variables, kind, shown, meaning, ""] = cells.as_slice() else { panic!("{row}") };
            let shown = shown.replace(['`', '"', '[', ']', ' '], "");
            assert_eq!(shown, default, "the default of {variable}: {row}");
            assert!(!matches!(kind, "" | "any"), "the type of {variable}: {row}");
            assert!(!meaning.is_empty() && !meaning.contains("[`"), "the meaning of {variable}: {row}");
        }
        for name in ["DATABASE_URL", "NATS_URL", "LOG_LEVEL"] {
            assert!(markdown.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn no_form_of_the_reference_shows_a_secret_or_its_mask() {
        let reference = reference();
        for text in [reference.markdown(), reference.toml(), reference.dotenv(), reference.json_schema()] {
            assert!(!text.contains(underpin_config::REDACTED) && !text.contains("sqlite:data"), "{text}");
        }
    }

    #[test]
    fn the_environment_of_the_reference_loads_with_every_default_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        let template = reference().dotenv();
        // Sections that a feature of another crate in the workspace may have compiled in. They are off by default, and their keys are set
        // together.
        let is_section = |line: &str| line.contains("_HTTP__TLS__") || line.contains("_LOG__ROTATION__");
        let is_set = |line: &&str| !line.starts_with("# ") && !line.ends_with('=') && !is_section(line);
        let set = template.lines().filter(is_set);
        let set: Vec<&str> = set.filter_map(|line| line.strip_prefix('#')).collect();
        assert!(set.len() > 40, "{template}");
        std::fs::write(&file, set.join("\n")).unwrap();
        let settings: Settings = Settings::loader().environment([("", ""); 0]).dotenv(&file).load().unwrap();
        assert_eq!(
            serde_json::to_value(&settings).unwrap(),
            serde_json::to_value(Settings::default()).unwrap()
        );
    }

    #[test]
    fn the_example_of_the_environment_loads_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        let lines: Vec<String> =
            example().into_iter().map(|(name, (value, _))| format!("{name}={value}")).collect();
        std::fs::write(&file, lines.join("\n")).unwrap();
        let settings: Settings = Settings::loader().environment([("", ""); 0]).dotenv(&file).load().unwrap();
        assert_eq!(
            serde_json::to_value(&settings).unwrap(),
            serde_json::to_value(Settings::default()).unwrap()
        );
        assert_eq!(settings.database.url.expose(), DATABASE);
        assert!(settings.events.servers.is_empty());
    }

    #[test]
    fn extremes_are_rejected_with_their_range() {
        for (key, value, rule) in [
            ("service.stop_within", "0s", "must be above zero and at most a day"),
            ("service.stop_within", "213503982334601d", "must be a duration of at most 36500d"),
            ("http.request_timeout", "0s", "must be 10 ms to a day"),
            ("http.request_timeout", "25h", "must be 10 ms to a day"),
            ("http.max_body", "0B", "must be 1 B to 1 GiB"),
            ("http.max_body", "15EiB", "must be 1 B to 1 GiB"),
        ] {
            let loader = Settings::loader().environment([("", ""); 0]).overrides([format!("{key}={value}")]);
            let refused = loader.load::<Settings>().unwrap_err().to_string();
            assert!(refused.contains(key) && refused.contains(rule), "{key}={value}: {refused}");
        }
    }

    #[test]
    fn well_known_names_work_beside_the_prefix() {
        let load = |variables: [(&str, &str); 3]| {
            Settings::loader().environment(variables).load::<Settings>().unwrap()
        };
        let settings = load([
            ("DATABASE_URL", "sqlite:x.db"),
            ("NATS_URL", "nats://a:1,nats://b:2"),
            ("LOG_LEVEL", "warn"),
        ]);
        assert_eq!(settings.database.url.expose(), "sqlite:x.db");
        assert_eq!(settings.events.servers.len(), 2);
        assert_eq!(settings.log.level, "warn");
        assert!(!format!("{settings:?}").contains("x.db"), "a URL may hold a password");
        let settings =
            load([("DATABASE_URL", "sqlite:x.db"), ("ORDERS_DATABASE__URL", "sqlite:y.db"), ("", "")]);
        assert_eq!(settings.database.url.expose(), "sqlite:y.db", "the prefix is more specific");
    }
}
