use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// The answer to `$SRV.PING`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServicePing {
    /// `io.nats.micro.v1.ping_response`.
    #[serde(rename = "type")]
    pub ty: String,
    /// The name of the service.
    pub name: String,
    /// The id of the instance.
    pub id: String,
    /// The version of the service.
    pub version: String,
    /// Metadata of the service.
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: BTreeMap<String, String>,
}

/// The answer to `$SRV.INFO`: an instance with its endpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceInfo {
    /// `io.nats.micro.v1.info_response`.
    #[serde(rename = "type")]
    pub ty: String,
    /// The name of the service.
    pub name: String,
    /// The id of the instance.
    pub id: String,
    /// The version of the service.
    pub version: String,
    /// What the service is for.
    #[serde(default, deserialize_with = "null_is_default")]
    pub description: String,
    /// Metadata of the service.
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: BTreeMap<String, String>,
    /// Its endpoints.
    #[serde(default, deserialize_with = "null_is_default")]
    pub endpoints: Vec<EndpointInfo>,
}

/// An endpoint in [`ServiceInfo`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EndpointInfo {
    /// The name.
    pub name: String,
    /// The subject.
    pub subject: String,
    /// The queue group; empty when every instance gets every request.
    #[serde(default, deserialize_with = "null_is_default")]
    pub queue_group: String,
    /// Metadata of the endpoint.
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: BTreeMap<String, String>,
}

/// The answer to `$SRV.STATS`: the statistics of an instance since its start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceStats {
    /// `io.nats.micro.v1.stats_response`.
    #[serde(rename = "type")]
    pub ty: String,
    /// The name of the service.
    pub name: String,
    /// The id of the instance.
    pub id: String,
    /// The version of the service.
    pub version: String,
    /// Metadata of the service.
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: BTreeMap<String, String>,
    /// When the instance started, RFC 3339 in UTC.
    pub started: String,
    /// Its endpoints.
    #[serde(default, deserialize_with = "null_is_default")]
    pub endpoints: Vec<EndpointStats>,
}

/// An endpoint in [`ServiceStats`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EndpointStats {
    /// The name.
    pub name: String,
    /// The subject.
    pub subject: String,
    /// The queue group; empty when every instance gets every request.
    #[serde(default, deserialize_with = "null_is_default")]
    pub queue_group: String,
    /// Requests that arrived.
    pub num_requests: u64,
    /// Requests that were answered with an error.
    pub num_errors: u64,
    /// Status and public text of the last error, `404:no such order`; empty when there was none.
    #[serde(default, deserialize_with = "null_is_default")]
    pub last_error: String,
    /// The time that handlers took in all, in nanoseconds.
    pub processing_time: u64,
    /// The time that a request took on average, in nanoseconds.
    pub average_processing_time: u64,
    /// What a service adds. Ours: `in_flight`, `waiting`, `refused` (overload) and `expired` (not executed, too late).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
}

/// Services of other libraries write `null` for an empty map or list.
fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_of_other_libraries_are_read() {
        let info: ServiceInfo = serde_json::from_str(
            r#"{"type":"io.nats.micro.v1.info_response","name":"a","id":"1","version":"0.1.0","description":"",
                "metadata":null,"endpoints":[{"name":"b","subject":"b","queue_group":"q","metadata":null}],"extra":1}"#,
        )
        .unwrap();
        assert_eq!(info.endpoints[0].subject, "b");
        let stats: ServiceStats = serde_json::from_str(
            r#"{"type":"io.nats.micro.v1.stats_response","name":"a","id":"1","version":"0.1.0","metadata":{},
                "started":"2026-01-01T00:00:00Z","endpoints":[{"name":"b","subject":"b","queue_group":"q","num_requests":1,
                "num_errors":0,"last_error":"","processing_time":5,"average_processing_time":5}]}"#,
        )
        .unwrap();
        assert_eq!((stats.endpoints[0].num_requests, &stats.endpoints[0].data), (1, &None));
    }
}
