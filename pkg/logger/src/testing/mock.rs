use std::time::Duration;

use crate::{Context, Entry, FinishedSpan, FlushError, Level, Logger, SpanSink};

mockall::mock! {
    /// A [`Logger`] with expectations, made by mockall.
    ///
    /// # Examples
    ///
    /// ```
    /// use underpin_logger::{Context, Level, info, testing::MockLogger};
    ///
    /// let mut log = MockLogger::new();
    /// log.expect_enabled().return_const(true);
    /// log.expect_log().withf(|e| e.level == Level::Info && e.msg == "order accepted").times(1).return_const(());
    /// info!(log, &Context::background(), "order accepted");
    /// ```
    #[derive(Debug)]
    pub Logger {}

    impl Logger for Logger {
        fn enabled(&self, level: Level, target: &str, ctx: &Context) -> bool;
        fn log<'a>(&self, entry: &Entry<'a>);
        fn flush(&self, deadline: Duration) -> Result<(), FlushError>;
    }
}

#[cfg(feature = "json")]
mockall::mock! {
    /// A [`Sink`](crate::sink::Sink) with expectations, made by mockall.
    #[derive(Debug)]
    pub Sink {}

    impl crate::sink::Sink for Sink {
        fn write(&self, level: Level, lines: &[u8]);
        fn flush(&self, deadline: Duration) -> Result<(), FlushError>;
        fn dropped(&self) -> u64;
        fn reopen(&self) -> std::io::Result<()>;
    }
}

mockall::mock! {
    /// A [`SpanSink`] with expectations, made by mockall.
    #[derive(Debug)]
    pub SpanSink {}

    impl SpanSink for SpanSink {
        fn end(&self, span: FinishedSpan);
        fn flush(&self, within: Duration) -> Result<(), FlushError>;
    }
}
