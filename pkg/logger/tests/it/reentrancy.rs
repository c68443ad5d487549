//! Code of the user that comes back to the logger while the logger runs it: no call waits for itself.

use std::{
    io::{self, Write},
    sync::{Arc, OnceLock, mpsc},
    thread,
    time::Duration,
};

use underpin_logger::{
    Context, FlushError, JsonFormat, Logger as _, SlogLogger, error, info,
    sink::{BufferedSink, DirectSink, MemorySink, Output, Sink, TeeSink},
};

const LIMIT: Duration = Duration::from_secs(30);

/// Runs the work in a thread, which a deadlock would keep for ever.
fn within_limit(work: impl FnOnce() + Send + 'static) {
    let (sender, ended) = mpsc::channel();
    let thread = thread::spawn(move || {
        work();
        sender.send(()).unwrap();
    });
    match ended.recv_timeout(LIMIT) {
        Ok(()) => thread.join().unwrap(),
        Err(mpsc::RecvTimeoutError::Disconnected) => panic!("{:?}", thread.join()),
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("a call waits for itself"),
    }
}

/// An output that uses the logger that writes to it.
struct Nosy {
    log: Arc<OnceLock<SlogLogger>>,
    seen: mpsc::Sender<(bool, bool)>,
}

impl Write for Nosy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(log) = self.log.get() {
            error!(log, &Context::background(), &io::Error::other("x"), "from inside");
            let refused = matches!(log.flush(Duration::MAX), Err(FlushError::Sink(_)));
            self.seen.send((refused, log.reopen().is_err())).unwrap();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_output_that_logs_flushes_and_reopens_its_own_logger_does_not_wait_for_itself() {
    type MakeSink = fn(Output) -> Arc<dyn Sink>;
    let makers: [MakeSink; 2] =
        [|output| Arc::new(DirectSink::new(output)), |output| Arc::new(BufferedSink::new(output).unwrap())];
    for make in makers {
        within_limit(move || {
            let (sender, seen) = mpsc::channel();
            let log = Arc::new(OnceLock::new());
            let sink = make(Output::writer(Nosy { log: Arc::clone(&log), seen: sender }));
            let logger = SlogLogger::json(JsonFormat::new()).shared_sink(sink).build();
            log.set(logger.clone()).unwrap();
            info!(logger, &Context::background(), "outside");
            logger.flush(LIMIT).unwrap();
            assert_eq!(seen.try_iter().next(), Some((true, true)));
            assert!(logger.dropped() >= 1, "the record from inside is counted");
        });
    }
}

#[test]
fn a_flush_without_a_deadline_returns_when_all_is_written() {
    within_limit(|| {
        let memory = MemorySink::new();
        let sinks =
            TeeSink::new().and(BufferedSink::new(Output::writer(io::sink())).unwrap()).and(memory.clone());
        let log = SlogLogger::json(JsonFormat::new()).sink(sinks).build();
        info!(log, &Context::background(), "written");
        log.flush(Duration::MAX).unwrap();
        assert_eq!(memory.lines().len(), 1);
    });
}
