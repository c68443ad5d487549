use opentelemetry::{
    InstrumentationScope,
    logs::{Logger as _, LoggerProvider as _},
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkError,
    logs::{LogBatch, LogExporter as _, SdkLogger, SdkLoggerProvider},
};

use super::{
    client::StatusProbe,
    line,
    sender::{Batches, Verdict},
};

/// Exports lines of the log as records.
pub(super) struct RecordBatches {
    exporter: opentelemetry_otlp::LogExporter,
    probe: StatusProbe,
    /// Makes empty records, and emits none.
    maker: SdkLogger,
    scope: InstrumentationScope,
}

impl RecordBatches {
    pub(super) fn new(
        mut exporter: opentelemetry_otlp::LogExporter,
        probe: StatusProbe,
        resource: &Resource,
    ) -> Self {
        exporter.set_resource(resource);
        let name = env!("CARGO_PKG_NAME");
        let maker = SdkLoggerProvider::builder().build().logger(name);
        let scope = InstrumentationScope::builder(name).with_version(env!("CARGO_PKG_VERSION")).build();
        Self { exporter, probe, maker, scope }
    }
}

impl Batches for RecordBatches {
    type Item = Box<[u8]>;

    async fn send(&self, lines: &[Box<[u8]>]) -> Verdict {
        let records: Vec<_> = lines
            .iter()
            .map(|line| {
                let mut record = self.maker.create_log_record();
                line::fill(&mut record, line);
                record
            })
            .collect();
        let scoped: Vec<_> = records.iter().map(|record| (record, &self.scope)).collect();
        self.probe.reset();
        let result: Result<(), OTelSdkError> = self.exporter.export(LogBatch::new(&scoped)).await;
        self.probe.verdict(result)
    }

    fn failure(&self) -> Option<String> {
        self.probe.failure()
    }
}
