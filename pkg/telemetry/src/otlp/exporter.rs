use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use tokio::sync::Notify;
use underpin_logger::{
    Context, FinishedSpan, FlushError, Logger, SpanSinkGuard, info, install_span_sink, sink::DeferredSink,
};

use super::{
    build,
    plan::{Plan, SignalKind},
    queue::Queue,
    records::RecordBatches,
    sinks::{LineQueue, SpanQueue, mark_this_thread},
    spans::SpanBatches,
    worker::Worker,
};
use crate::{OtlpSettings, ServiceIdentity, TelemetryError, recorder::dropped};

/// The thread that exports, and the queues in front of it.
pub(crate) struct Exporter {
    spans: Option<Arc<Queue<FinishedSpan>>>,
    lines: Option<Arc<Queue<Box<[u8]>>>>,
    /// Ends the thread, whatever it is doing.
    cut: Arc<Notify>,
    running: Mutex<Option<Running>>,
}

struct Running {
    thread: JoinHandle<()>,
    /// Closed when the thread has ended.
    ended: mpsc::Receiver<()>,
    /// `None` where another sink was installed before.
    span_sink: Option<SpanSinkGuard>,
    log_sink: Option<DeferredSink>,
}

/// The two ends of the pipeline, made on the thread because their clients belong to its runtime.
struct Signals {
    spans: Option<SpanBatches>,
    records: Option<RecordBatches>,
}

impl Exporter {
    /// `None` where there is nothing to export.
    pub(crate) fn start(
        settings: &OtlpSettings,
        identity: &ServiceIdentity,
        log: &Arc<dyn Logger>,
    ) -> Result<Option<Self>, TelemetryError> {
        let plan = Plan::of_process(settings)?;
        if plan.traces.is_none() && plan.logs.is_none() {
            return Ok(None);
        }
        let spans = plan.traces.is_some().then(|| Arc::new(Queue::new(settings.span_queue)));
        let lines = plan.logs.is_some().then(|| Arc::new(Queue::new(settings.log_buffer.as_usize())));
        let (cut, sampler) = (Arc::new(Notify::new()), plan.sampler);
        let work = Work {
            settings: settings.clone(),
            resource: resource(identity),
            plan,
            spans: spans.clone(),
            lines: lines.clone(),
            cut: Arc::clone(&cut),
            log: Arc::clone(log),
        };
        let (built, is_built) = mpsc::channel();
        let (alive, ended) = mpsc::channel::<()>();
        let run = move || {
            work.run(&built);
            drop(alive);
        };
        let spawned = thread::Builder::new().name("telemetry".to_owned()).spawn(run);
        let thread = spawned.map_err(TelemetryError::Thread)?;
        // The thread answers at once, or has ended by a panic.
        is_built.recv().unwrap_or(Ok(()))?;
        let span_sink = spans.as_ref().and_then(|queue| {
            let installed = install_span_sink(Arc::new(SpanQueue(Arc::clone(queue))), sampler);
            if installed.is_err() {
                info!(log, &Context::background(), "another span sink is installed and stays");
            }
            installed.ok()
        });
        let log_sink = lines.as_ref().and_then(|queue| {
            let sink = DeferredSink::of_process()?;
            sink.attach(Arc::new(LineQueue::new(Arc::clone(queue))));
            Some(sink)
        });
        let running = Mutex::new(Some(Running { thread, ended, span_sink, log_sink }));
        Ok(Some(Self { spans, lines, cut, running }))
    }

    pub(crate) fn flush(&self, within: Duration) -> Result<(), FlushError> {
        let began = Instant::now();
        let spans = self.spans.as_ref().map_or(Ok(()), |queue| queue.flush(within));
        let left = within.saturating_sub(began.elapsed());
        spans.and(self.lines.as_ref().map_or(Ok(()), |queue| queue.flush(left)))
    }

    /// Takes nothing more, exports what is there within the time, and ends the thread.
    pub(crate) fn stop(&self, within: Duration) -> Result<(), FlushError> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { thread, ended, span_sink, log_sink }) = running else { return Ok(()) };
        let began = Instant::now();
        // Open spans end in the queue until it is closed.
        drop(span_sink);
        if let Some(sink) = log_sink {
            sink.detach();
        }
        let flushed = self.flush(within);
        self.spans.iter().for_each(|queue| queue.close());
        self.lines.iter().for_each(|queue| queue.close());
        if flushed.is_err() {
            self.cut.notify_one();
        }
        // It ends as soon as its queues are empty, or is cut.
        let left = within.saturating_sub(began.elapsed()).max(Duration::from_millis(200));
        if ended.recv_timeout(left) == Err(mpsc::RecvTimeoutError::Timeout) {
            self.cut.notify_one();
        } else {
            let _ended = thread.join();
        }
        for (kind, lost) in [
            (SignalKind::Traces, self.spans.as_ref().map(|queue| queue.clear())),
            (SignalKind::Logs, self.lines.as_ref().map(|queue| queue.clear())),
        ] {
            dropped(kind.name(), "stopped").increment(lost.unwrap_or(0));
        }
        flushed
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // Whoever did not stop it wants no wait.
        let _late = self.stop(Duration::ZERO);
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

/// What the thread does.
struct Work {
    settings: OtlpSettings,
    resource: Resource,
    plan: Plan,
    spans: Option<Arc<Queue<FinishedSpan>>>,
    lines: Option<Arc<Queue<Box<[u8]>>>>,
    cut: Arc<Notify>,
    log: Arc<dyn Logger>,
}

impl Work {
    fn run(self, built: &mpsc::Sender<Result<(), TelemetryError>>) {
        mark_this_thread();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .on_thread_start(mark_this_thread)
            .max_blocking_threads(2)
            .thread_name("telemetry-blocking")
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                // The receiver is gone if the start was cancelled.
                let _given_up = built.send(Err(TelemetryError::Thread(error)));
                return;
            }
        };
        let cut = Arc::clone(&self.cut);
        runtime.block_on(async {
            let signals = match self.signals() {
                Ok(signals) => signals,
                Err(error) => {
                    let _given_up = built.send(Err(error));
                    return;
                }
            };
            if built.send(Ok(())).is_ok() {
                tokio::select! {
                    () = self.export(signals) => {}
                    () = cut.notified() => {}
                }
            }
        });
        runtime.shutdown_timeout(Duration::from_millis(10));
    }

    fn signals(&self) -> Result<Signals, TelemetryError> {
        let spans = match &self.plan.traces {
            Some(target) => {
                let (exporter, probe) = build::spans(target, &self.settings)?;
                Some(SpanBatches::new(exporter, probe, &self.resource))
            }
            None => None,
        };
        let records = match &self.plan.logs {
            Some(target) => {
                let (exporter, probe) = build::logs(target, &self.settings)?;
                Some(RecordBatches::new(exporter, probe, &self.resource))
            }
            None => None,
        };
        Ok(Signals { spans, records })
    }

    /// Both signals side by side: one that waits for its collector holds up no other.
    async fn export(self, signals: Signals) {
        let Self { settings, spans, lines, log, .. } = self;
        let (interval, give_up_after) = (settings.interval, settings.give_up_after);
        let spans = spans.zip(signals.spans).map(|(queue, batches)| {
            let (kind, log) = (SignalKind::Traces, Arc::clone(&log));
            Worker { kind, queue, batches, interval, give_up_after, log, is_failing: false }.run()
        });
        let records = lines.zip(signals.records).map(|(queue, batches)| {
            Worker { kind: SignalKind::Logs, queue, batches, interval, give_up_after, log, is_failing: false }
                .run()
        });
        tokio::join!(maybe(spans), maybe(records));
    }
}

async fn maybe(work: Option<impl Future<Output = ()>>) {
    if let Some(work) = work {
        work.await;
    }
}

/// Who speaks. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` are read by the SDK, and win over the service's own name.
fn resource(identity: &ServiceIdentity) -> Resource {
    let named = std::env::var("OTEL_SERVICE_NAME").is_ok_and(|name| !name.is_empty());
    let known = [
        ("service.name", if named { "" } else { &identity.name }),
        ("service.version", &identity.version),
        ("service.instance.id", &identity.instance),
    ];
    let known = known.into_iter().filter(|(_, value)| !value.is_empty());
    Resource::builder()
        .with_attributes(known.map(|(key, value)| KeyValue::new(key, value.to_owned())).collect::<Vec<_>>())
        .build()
}
