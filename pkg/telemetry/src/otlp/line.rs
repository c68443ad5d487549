//! A JSON line of the log, taken apart after the [data model](https://opentelemetry.io/docs/specs/otel/logs/data-model/) of OpenTelemetry.

use std::time::{Duration, SystemTime};

use opentelemetry::logs::{AnyValue, LogRecord, Severity};
use opentelemetry::{Key, SpanId, TraceFlags, TraceId};
use serde_json::{Map, Value};

/// Fills a record from a line. One that is not a JSON object becomes the body as it is.
pub(super) fn fill(record: &mut impl LogRecord, line: &[u8]) {
    record.set_observed_timestamp(SystemTime::now());
    let Ok(mut fields) = serde_json::from_slice::<Map<String, Value>>(line) else {
        record.set_body(String::from_utf8_lossy(line).into_owned().into());
        return;
    };
    let mut text = |key: &str| match fields.remove(key) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let (ts, level, msg) = (text("ts"), text("level"), text("msg"));
    let (trace_id, span_id) = (text("trace_id"), text("span_id"));
    // The resource has it.
    let _service = text("service");
    if let Some(nanos) = ts.as_deref().and_then(unix_nanos) {
        record.set_timestamp(SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos));
    }
    if let Some((number, name)) = level.as_deref().and_then(severity) {
        record.set_severity_number(number);
        record.set_severity_text(name);
    }
    record.set_body(msg.unwrap_or_default().into());
    let ids = trace_id.zip(span_id).map(|(trace, span)| (TraceId::from_hex(&trace), SpanId::from_hex(&span)));
    if let Some((Ok(trace), Ok(span))) = ids {
        record.set_trace_context(trace, span, Some(TraceFlags::SAMPLED));
    }
    for (key, value) in fields {
        if let Some(value) = any(value) {
            // The data model forbids an empty key.
            record.add_attribute(Key::from(if key.is_empty() { "_".to_owned() } else { key }), value);
        }
    }
}

fn any(value: Value) -> Option<AnyValue> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => AnyValue::Boolean(value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => AnyValue::Int(whole),
            // Beyond 63 bits: as text, so that nothing is rounded.
            _ if number.is_u64() => number.to_string().into(),
            (None, Some(float)) => AnyValue::Double(float),
            (None, None) => number.to_string().into(),
        },
        Value::String(text) => text.into(),
        Value::Array(values) => AnyValue::ListAny(Box::new(values.into_iter().filter_map(any).collect())),
        Value::Object(fields) => {
            let known = fields.into_iter().filter_map(|(key, value)| Some((Key::from(key), any(value)?)));
            AnyValue::Map(Box::new(known.collect()))
        }
    })
}

/// The first number of each range of the data model.
fn severity(level: &str) -> Option<(Severity, &'static str)> {
    Some(match level {
        "trace" => (Severity::Trace, "trace"),
        "debug" => (Severity::Debug, "debug"),
        "info" => (Severity::Info, "info"),
        "warn" => (Severity::Warn, "warn"),
        "error" => (Severity::Error, "error"),
        "fatal" => (Severity::Fatal, "fatal"),
        _ => return None,
    })
}

/// Nanoseconds since 1970 of `2026-11-30T07:00:00.123456Z`.
fn unix_nanos(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let fraction = text.get(20..)?.strip_suffix('Z')?;
    let nanos: u64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    // Days since 1970, by the civil calendar: years begin in March, so that the leap day is the last.
    let (year, month) = if month <= 2 { (year.checked_sub(1)?, month + 9) } else { (year, month - 3) };
    let days =
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day.checked_sub(1)?;
    let seconds = days.checked_sub(719_468)? * 86_400 + hour * 3600 + minute * 60 + second;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_line_is_read_as_it_was_written() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00.000000Z", 0),
            ("2000-02-29T12:00:00.000000Z", 951_825_600),
            ("2026-11-30T07:00:00.000000Z", 1_796_022_000),
            ("2100-03-01T00:00:00.000000Z", 4_107_542_400),
        ] {
            assert_eq!(unix_nanos(text), Some(seconds * 1_000_000_000), "{text}");
        }
        assert_eq!(unix_nanos("1970-01-01T00:00:00.25Z"), Some(250_000_000));
        for bad in
            ["", "1970-01-01", "1970-01-01T00:00:00", "xxxx-01-01T00:00:00.0Z", "1970-01-00T00:00:00.0Z"]
        {
            assert_eq!(unix_nanos(bad), None, "{bad}");
        }
    }
}
