//! JSON lines as an OTLP `ExportLogsServiceRequest`, after the
//! [JSON mapping](https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding) and the
//! [data model](https://opentelemetry.io/docs/specs/otel/logs/data-model/) of OpenTelemetry.

use serde_json::{Map, Value, json};

/// The request for a batch of lines. A line that is not a JSON object becomes a record whose body is the line.
pub(super) fn request(lines: &[u8]) -> Vec<u8> {
    let mut service = None;
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let records: Vec<Value> = lines
        .map(|line| match serde_json::from_slice::<Map<String, Value>>(line) {
            Ok(mut fields) => {
                service = fields.remove("service").or(service.take());
                record(fields)
            }
            Err(_) => json!({"body": {"stringValue": String::from_utf8_lossy(line)}}),
        })
        .collect();
    let resource: Vec<Value> = service.iter().map(|name| attribute("service.name", name)).collect();
    let request = json!({
        "resourceLogs": [{
            "resource": {"attributes": resource},
            "scopeLogs": [{"scope": {"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")}, "logRecords": records}]
        }]
    });
    request.to_string().into_bytes()
}

fn record(mut fields: Map<String, Value>) -> Value {
    let mut text = |key: &str| match fields.remove(key) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let (ts, level, msg) = (text("ts"), text("level"), text("msg"));
    let (trace_id, span_id) = (text("trace_id"), text("span_id"));
    let mut record = Map::new();
    if let Some(nanos) = ts.as_deref().and_then(unix_nanos) {
        record.insert("timeUnixNano".to_owned(), json!(nanos.to_string()));
    }
    if let Some(level) = level {
        record.insert("severityNumber".to_owned(), json!(severity(&level)));
        record.insert("severityText".to_owned(), json!(level));
    }
    record.insert("body".to_owned(), json!({"stringValue": msg.unwrap_or_default()}));
    for (key, id) in [("traceId", trace_id), ("spanId", span_id)] {
        if let Some(id) = id {
            record.insert(key.to_owned(), json!(id));
        }
    }
    let attributes: Vec<Value> = fields.iter().map(|(key, value)| attribute(key, value)).collect();
    record.insert("attributes".to_owned(), json!(attributes));
    Value::Object(record)
}

/// The data model forbids an empty key.
fn attribute(key: &str, value: &Value) -> Value {
    let key = if key.is_empty() { "_" } else { key };
    json!({"key": key, "value": any_value(value)})
}

fn any_value(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(value) => json!({"boolValue": value}),
        // 64-bit integers are texts in the mapping, so that no reader rounds them.
        Value::Number(number) => match number.as_i64() {
            Some(whole) => json!({"intValue": whole.to_string()}),
            None if number.is_u64() => json!({"stringValue": number.to_string()}),
            None => json!({"doubleValue": number}),
        },
        Value::String(text) => json!({"stringValue": text}),
        Value::Array(values) => {
            json!({"arrayValue": {"values": values.iter().map(any_value).collect::<Vec<_>>()}})
        }
        Value::Object(fields) => {
            let values: Vec<Value> = fields.iter().map(|(key, value)| attribute(key, value)).collect();
            json!({"kvlistValue": {"values": values}})
        }
    }
}

/// The first number of each range of the data model.
fn severity(level: &str) -> u8 {
    match level {
        "trace" => 1,
        "debug" => 5,
        "info" => 9,
        "warn" => 13,
        "error" => 17,
        "fatal" => 21,
        _ => 0,
    }
}

/// The time of a line, `2026-11-20T14:53:09.123456Z`, since the Unix epoch; the days algorithm is Howard Hinnant's
/// [`days_from_civil`](https://howardhinnant.github.io/date_algorithms.html).
fn unix_nanos(ts: &str) -> Option<u64> {
    let number = |start: usize, end: usize| ts.get(start..end)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second, micros) = (number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 26)?);
    let shifted_year = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, year_of_era) = (shifted_year / 400, shifted_year % 400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day.checked_sub(1)?;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = (era * 146_097 + day_of_era).checked_sub(719_468)?;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    seconds.checked_mul(1_000_000)?.checked_add(micros)?.checked_mul(1000)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::stream::json::TimestampCache;

    proptest! {
        #[test]
        fn the_time_of_a_line_is_read_as_it_was_written(micros in 0_u64..4_102_444_800_000_000) {
            let mut second = TimestampCache::new();
            let (date, fraction) = second.render(Duration::from_micros(micros));
            let text = String::from_utf8([date, &fraction].concat()).unwrap();
            prop_assert_eq!(unix_nanos(&text), Some(micros * 1000));
        }

        #[test]
        fn no_key_of_an_attribute_is_empty(key in "[a-z]{0,2}", inner in "[a-z]{0,2}") {
            let line = json!({"msg": "m", key.as_str(): {inner.as_str(): 1}}).to_string();
            let request: Value = serde_json::from_slice(&request(line.as_bytes())).unwrap();
            prop_assert!(!request.to_string().contains("\"key\":\"\""), "{}", request);
        }

        #[test]
        fn any_bytes_make_a_request(lines in any::<Vec<u8>>()) {
            let request: Value = serde_json::from_slice(&request(&lines)).unwrap();
            prop_assert!(request["resourceLogs"][0]["scopeLogs"][0]["logRecords"].is_array());
        }
    }
}
