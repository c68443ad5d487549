//! slog's feature `dynamic-keys`, which any crate of a graph may enable for all of it, makes `slog::Key` another type.
//! Here it is on, while the workspace and the template are built without.

use slog::{KV, Key, Record, Serializer, info, o};
use underpin_logger::{Context, JsonDrain, LevelRules, RequestId, SlogLogger, error, sink::MemorySink};

/// A pair whose key is made at run time, as only this feature allows.
struct Header(&'static str, &'static str);

impl KV for Header {
    fn serialize(&self, _: &Record<'_>, out: &mut dyn Serializer) -> slog::Result {
        out.emit_str(Key::from(format!("http.request.header.{}", self.0)), self.1)?;
        out.emit_u64(Key::from(self.0.to_owned()), self.1.len() as u64)
    }
}

#[test]
fn keys_made_at_run_time_are_written_redacted_and_kept_from_forging() {
    let sink = MemorySink::new();
    let log = slog::Logger::root(JsonDrain::new(sink.clone()), o!(Header("accept", "text/html")));
    info!(log, "asked"; Header("authorization", "Bearer hunter2"), Header("level", "fatal"), "path" => "/");
    let line = sink.text();
    for part in [
        r#""level":"info""#,
        r#""http.request.header.authorization":"[redacted]""#,
        r#""authorization":"[redacted]""#,
        r#""http.request.header.level":"fatal","level_":5"#,
        r#""http.request.header.accept":"text/html","accept":9"#,
        r#""path":"/""#,
    ] {
        assert!(line.contains(part), "no {part} in {line}");
    }
}

#[test]
fn entries_pass_through_slog_with_their_keys() {
    let sink = MemorySink::new();
    let slog = slog::Logger::root(JsonDrain::new(sink.clone()), o!());
    let log = SlogLogger::from_slog(slog, LevelRules::default());
    let ctx = Context::new(RequestId::generate());
    error!(log, &ctx, &std::io::Error::other("disk full"), "order lost", order_id = 7, password = "hunter2");
    let line = sink.text();
    for part in
        [r#""error":["disk full"]"#, r#""order_id":7"#, r#""password":"[redacted]""#, r#""request_id_":""#]
    {
        assert!(line.contains(part), "no {part} in {line}");
    }
}
