use std::io;

use slog::Drain as _;
use underpin_benches::GoPeer;
use underpin_logger::sink::MemorySink;

use super::{
    Failure, context, logger, our_record, slog_context, slog_json, slog_record, subscriber, tracing_record,
};

/// How long the record is in everybody's notation: `288 bytes`.
pub(super) struct Sizes {
    pub(super) zerolog: String,
    pub(super) zap: String,
    pub(super) slog: String,
    pub(super) tracing: String,
    pub(super) underpin: String,
}

impl Sizes {
    pub(super) fn measure(go: Option<&GoPeer>) -> Result<Self, Failure> {
        let peer = |name: &str| go.map_or(0, |go| go.run(name, 1).as_nanos() as usize);
        let file = tempfile::NamedTempFile::new()?;
        let written = || io::Result::Ok(file.as_file().metadata()?.len() as usize);
        slog_record(&slog::Logger::root(slog_json(Box::new(file.reopen()?)).fuse(), slog_context()));
        let slog = written()?;
        file.as_file().set_len(0)?;
        let subscriber = tracing::Dispatch::new(subscriber(Box::new(file.reopen()?)));
        tracing::dispatcher::with_default(&subscriber, tracing_record);
        let tracing = written()?;
        let sink = MemorySink::new();
        our_record(&logger(sink.clone()), &context());
        let bytes = |count: usize| format!("{count} bytes");
        Ok(Self {
            zerolog: bytes(peer("zerolog-bytes")),
            zap: bytes(peer("zap-bytes")),
            slog: bytes(slog),
            tracing: bytes(tracing),
            underpin: bytes(sink.text().len()),
        })
    }
}
