//! The child's side.

use std::path::PathBuf;

use serde::Deserialize;
use underpin_config::{Checks, Loader, Validate};
use underpin_logger::{LogFormat, LoggerSettings};
use underpin_service::{LifecycleSettings, Metadata, Service, ServiceSettings};

use super::scenarios;

/// The variable that makes this process a child; its value says what it does.
pub(crate) const SCENARIO: &str = "UNDERPIN_SERVICE_TEST_SCENARIO";

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Settings {
    level: String,
    pub(super) count: u32,
    service: LifecycleSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self { level: "info".to_owned(), count: 0, service: LifecycleSettings::default() }
    }
}

impl Validate for Settings {
    fn live_keys(&self) -> &'static [&'static str] {
        &["count"]
    }

    fn validate(&self, checks: &mut Checks) {
        checks.ensure(self.count < 100, "count", "must be below 100");
        checks.nested("service", &self.service);
    }
}

impl ServiceSettings for Settings {
    fn logger(&self) -> LoggerSettings {
        LoggerSettings::default().format(LogFormat::Json).level(self.level.clone())
    }

    fn lifecycle(&self) -> LifecycleSettings {
        self.service.clone()
    }
}

/// Where the child keeps its files.
pub(super) fn folder() -> PathBuf {
    std::env::var_os("SERVICE_FOLDER").unwrap().into()
}

/// Serves when this process is a child. In the process of the tests it proves that a child would find its scenario.
#[test]
#[allow(clippy::exit, reason = "its exit code is what the parent looks at")]
fn service_of_a_child() {
    let Ok(scenario) = std::env::var(SCENARIO) else {
        assert!(scenarios::find("idle").is_some() && scenarios::find("no such").is_none());
        return;
    };
    let run = scenarios::find(&scenario).unwrap();
    let loader = Loader::new("SERVICE_TEST").file(super::running::settings_file(&folder()));
    let service = Service::new(Metadata::new("child", "1.0.0"), loader).arguments(["serve"]);
    std::process::exit(run(service).into());
}
