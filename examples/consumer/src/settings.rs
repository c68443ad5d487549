use serde::Deserialize;
use underpin_config::{Checks, Config, ConfigError, ConfigExt, Secret, Validate};

/// The settings of the greeter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GreeterSettings {
    /// The greeting; `{}` is where the name goes.
    pub greeting: String,
    /// The token of the mailer.
    pub mailer_token: Secret<String>,
}

impl Validate for GreeterSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(self.greeting.contains("{}"), "greeting", "must have a {} for the name");
    }
}

/// The greeting alone, for code that looks up a key or two and has no type for its settings.
///
/// # Errors
/// When `greeting` is there and is no text.
pub fn greeting(config: &dyn Config) -> Result<String, ConfigError> {
    config.get_or("greeting", "Welcome, {}!".to_owned())
}
