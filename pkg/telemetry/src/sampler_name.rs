use serde::{Deserialize, Serialize};
use underpin_logger::Sampler;

/// Which traces are recorded, by the names of `OTEL_TRACES_SAMPLER`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SamplerName {
    /// All of them.
    AlwaysOn,
    /// None of them.
    AlwaysOff,
    /// A share of them, whatever the caller decided.
    #[serde(rename = "traceidratio")]
    TraceIdRatio,
    /// Those that the caller records, and all that start here.
    #[default]
    #[serde(rename = "parentbased_always_on")]
    ParentBasedAlwaysOn,
    /// Those that the caller records.
    #[serde(rename = "parentbased_always_off")]
    ParentBasedAlwaysOff,
    /// Those that the caller records, and a share of those that start here.
    #[serde(rename = "parentbased_traceidratio")]
    ParentBasedTraceIdRatio,
}

impl SamplerName {
    /// The sampler of this name, if there is one.
    #[cfg(feature = "otlp")]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "always_on" => Self::AlwaysOn,
            "always_off" => Self::AlwaysOff,
            "traceidratio" => Self::TraceIdRatio,
            "parentbased_always_on" => Self::ParentBasedAlwaysOn,
            "parentbased_always_off" => Self::ParentBasedAlwaysOff,
            "parentbased_traceidratio" => Self::ParentBasedTraceIdRatio,
            _ => return None,
        })
    }

    /// The sampler, with its ratio where it has one.
    pub fn sampler(self, ratio: f64) -> Sampler {
        match self {
            Self::AlwaysOn => Sampler::always_on(),
            Self::AlwaysOff => Sampler::always_off(),
            Self::TraceIdRatio => Sampler::ratio(ratio),
            Self::ParentBasedAlwaysOn => Sampler::always_on().parent_based(),
            Self::ParentBasedAlwaysOff => Sampler::always_off().parent_based(),
            Self::ParentBasedTraceIdRatio => Sampler::ratio(ratio).parent_based(),
        }
    }
}
