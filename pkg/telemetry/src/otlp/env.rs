use std::time::Duration;

use crate::{OtlpProtocol, SamplerName, TelemetryError};

/// The `OTEL_*` variables, or others in tests. An empty one counts as not set, as the specification asks.
pub(super) struct Env<'e>(pub(super) &'e dyn Fn(&str) -> Option<String>);

impl Env<'_> {
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// The value for one signal, or else that for all.
    pub(super) fn of_signal(&self, signal: &str, name: &str) -> Option<String> {
        let specific = self.get(&format!("OTEL_EXPORTER_OTLP_{signal}_{name}"));
        specific.or_else(|| self.get(&format!("OTEL_EXPORTER_OTLP_{name}")))
    }

    pub(super) fn is_disabled(&self) -> bool {
        self.get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Whether `OTEL_TRACES_EXPORTER` or `OTEL_LOGS_EXPORTER` turns the signal off.
    pub(super) fn is_off(&self, signal: &str) -> bool {
        self.get(&format!("OTEL_{signal}_EXPORTER")).is_some_and(|value| value == "none")
    }

    pub(super) fn protocol(&self, signal: &str) -> Result<Option<OtlpProtocol>, TelemetryError> {
        match self.of_signal(signal, "PROTOCOL").as_deref() {
            None => Ok(None),
            Some("grpc") => Ok(Some(OtlpProtocol::Grpc)),
            Some("http/protobuf") => Ok(Some(OtlpProtocol::HttpProtobuf)),
            Some(_) => Err(invalid("OTEL_EXPORTER_OTLP_PROTOCOL", "must be `grpc` or `http/protobuf`")),
        }
    }

    pub(super) fn timeout(&self, signal: &str) -> Result<Option<Duration>, TelemetryError> {
        let Some(text) = self.of_signal(signal, "TIMEOUT") else { return Ok(None) };
        let millis =
            text.parse().map_err(|_| invalid("OTEL_EXPORTER_OTLP_TIMEOUT", "must be milliseconds"))?;
        Ok(Some(Duration::from_millis(millis)))
    }

    pub(super) fn sampler(&self) -> Result<Option<SamplerName>, TelemetryError> {
        let Some(name) = self.get("OTEL_TRACES_SAMPLER") else { return Ok(None) };
        let known = SamplerName::parse(&name);
        known.map(Some).ok_or_else(|| invalid("OTEL_TRACES_SAMPLER", "must be the name of a sampler"))
    }

    pub(super) fn ratio(&self) -> Result<Option<f64>, TelemetryError> {
        let Some(text) = self.get("OTEL_TRACES_SAMPLER_ARG") else { return Ok(None) };
        match text.parse() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(Some(ratio)),
            _ => Err(invalid("OTEL_TRACES_SAMPLER_ARG", "must be a number from 0 to 1")),
        }
    }
}

fn invalid(name: &'static str, reason: &'static str) -> TelemetryError {
    TelemetryError::Setting { name, reason }
}
