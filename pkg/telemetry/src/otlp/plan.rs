//! What is exported where: the settings, and the `OTEL_*` variables for what they leave open.

use std::{path::PathBuf, time::Duration};

use underpin_logger::Sampler;

use super::env::Env;
use crate::{OtlpProtocol, OtlpSettings, SamplerName, TelemetryError};

/// A signal of OpenTelemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignalKind {
    Traces,
    Logs,
}

impl SignalKind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
        }
    }

    const fn variable(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Logs => "LOGS",
        }
    }
}

/// Where one signal goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) kind: SignalKind,
    pub(super) protocol: OtlpProtocol,
    /// With its path, for HTTP.
    pub(super) endpoint: String,
    /// Root certificates instead of those of the system.
    pub(super) ca_file: Option<PathBuf>,
    pub(super) timeout: Duration,
}

/// What is to be exported.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    pub(super) traces: Option<Target>,
    pub(super) logs: Option<Target>,
    pub(super) sampler: Sampler,
}

impl Plan {
    pub(super) fn new(settings: &OtlpSettings, env: &Env<'_>) -> Result<Self, TelemetryError> {
        let ratio = settings.ratio.map_or_else(|| env.ratio(), |ratio| Ok(Some(ratio)))?.unwrap_or(1.0);
        let sampler = match settings.sampler {
            Some(sampler) => sampler,
            None => env.sampler()?.unwrap_or_else(SamplerName::default),
        };
        let of = |kind| if env.is_disabled() { Ok(None) } else { target(kind, settings, env) };
        let traces = if settings.traces { of(SignalKind::Traces)? } else { None };
        let logs = if settings.logs { of(SignalKind::Logs)? } else { None };
        Ok(Self { traces, logs, sampler: sampler.sampler(ratio) })
    }

    /// From the variables of the process.
    pub(super) fn of_process(settings: &OtlpSettings) -> Result<Self, TelemetryError> {
        Self::new(settings, &Env(&|name| std::env::var(name).ok()))
    }
}

/// Whether log records are exported.
pub(crate) fn exports_logs(settings: &OtlpSettings) -> bool {
    Plan::of_process(settings).is_ok_and(|plan| plan.logs.is_some())
}

fn target(
    kind: SignalKind,
    settings: &OtlpSettings,
    env: &Env<'_>,
) -> Result<Option<Target>, TelemetryError> {
    let variable = kind.variable();
    if env.is_off(variable) {
        return Ok(None);
    }
    let protocol = match settings.protocol {
        Some(protocol) => protocol,
        None => env.protocol(variable)?.unwrap_or(OtlpProtocol::HttpProtobuf),
    };
    let with_path = |base: &str| match protocol {
        OtlpProtocol::Grpc => base.to_owned(),
        OtlpProtocol::HttpProtobuf => format!("{}/v1/{}", base.trim_end_matches('/'), kind.name()),
    };
    // The address for one signal is taken as it is, that for all gets the path of the signal.
    let specific = env.get(&format!("OTEL_EXPORTER_OTLP_{variable}_ENDPOINT"));
    let endpoint = match settings.endpoint.as_str() {
        "" => specific.or_else(|| env.get("OTEL_EXPORTER_OTLP_ENDPOINT").map(|base| with_path(&base))),
        base => Some(with_path(base)),
    };
    let Some(endpoint) = endpoint else { return Ok(None) };
    if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
        let (name, reason) = ("otlp.endpoint", "must begin with `http://` or `https://`");
        return Err(TelemetryError::Setting { name, reason });
    }
    let timeout =
        if settings.timeout == OtlpSettings::default().timeout { env.timeout(variable)? } else { None };
    let timeout = timeout.unwrap_or(settings.timeout);
    let ca_file = settings.ca_file.clone();
    let ca_file = ca_file.or_else(|| env.of_signal(variable, "CERTIFICATE").map(PathBuf::from));
    Ok(Some(Target { kind, protocol, endpoint, ca_file, timeout }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(settings: &OtlpSettings, variables: &[(&str, &str)]) -> Result<Plan, TelemetryError> {
        let known =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Plan::new(settings, &Env(&known))
    }

    fn endpoints(settings: &OtlpSettings, variables: &[(&str, &str)]) -> [Option<String>; 2] {
        let plan = plan(settings, variables).unwrap();
        [plan.traces, plan.logs].map(|target| target.map(|target| target.endpoint))
    }

    #[test]
    fn the_path_is_appended_once_to_an_address_for_all_signals() {
        let some = |text: &str| Some(text.to_owned());
        let none = OtlpSettings::default();
        let all = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/")];
        let expected = [some("http://c:4318/v1/traces"), some("http://c:4318/v1/logs")];
        assert_eq!(endpoints(&none, &all), expected);
        assert_eq!(endpoints(&none.clone().endpoint("http://c:4318"), &[]), expected);
        let one = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t/custom")];
        assert_eq!(endpoints(&none, &one), [some("http://t/custom"), None]);
        let grpc = [all[0], ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
        assert_eq!(endpoints(&none, &grpc), [some("http://c:4318/"), some("http://c:4318/")]);
        assert_eq!(endpoints(&none, &[]), [None, None]);
    }

    #[test]
    fn variables_turn_signals_off_and_choose_the_sampler() {
        let settings = OtlpSettings::default().endpoint("http://c");
        assert_eq!(endpoints(&settings, &[("OTEL_SDK_DISABLED", "TRUE")]), [None, None]);
        assert_eq!(endpoints(&settings, &[("OTEL_LOGS_EXPORTER", "none")])[1], None);
        let sampler =
            [("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.25")];
        assert_eq!(plan(&settings, &sampler).unwrap().sampler, Sampler::ratio(0.25).parent_based());
        let stays = settings.clone().sampler(SamplerName::AlwaysOff, 1.0);
        assert_eq!(plan(&stays, &sampler).unwrap().sampler, Sampler::always_off());
        let timeout = [("OTEL_EXPORTER_OTLP_TIMEOUT", "1500")];
        let traces = plan(&settings, &timeout).unwrap().traces.unwrap();
        assert_eq!(traces.timeout, Duration::from_millis(1500));
        let authority = [("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem")];
        let of = |settings: &OtlpSettings| plan(settings, &authority).unwrap().traces.unwrap().ca_file;
        assert_eq!(of(&settings), Some(PathBuf::from("/ca.pem")));
        assert_eq!(of(&settings.clone().ca_file("/own.pem")), Some(PathBuf::from("/own.pem")));
    }

    #[test]
    fn what_no_variable_may_say_is_refused_by_name() {
        let settings = OtlpSettings::default().endpoint("http://c");
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ] {
            assert!(plan(&settings, &[(name, value)]).unwrap_err().to_string().contains(name));
        }
        assert!(plan(&OtlpSettings::default().endpoint("c:4318"), &[]).is_err());
    }
}
