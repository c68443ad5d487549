use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, SelectAll, select_all};
use tokio::time::{sleep, timeout};
use underpin_errors::BoxError;
use underpin_logger::{Context, Logger, debug};
use underpin_nats::Connection;
use underpin_nats::async_nats::Message;

use crate::deadline;
use crate::engine::Instance;
use crate::micro::Verb;

/// The wait between attempts to subscribe again.
const AGAIN: Duration = Duration::from_millis(100);

/// Answers `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS` for an instance.
pub(super) struct Discovery {
    pub(super) nats: Connection,
    pub(super) instance: Arc<Instance>,
    pub(super) log: Arc<dyn Logger>,
}

pub(super) type Questions = SelectAll<BoxStream<'static, (Verb, Message)>>;

impl Discovery {
    /// Every instance answers: these subscriptions have no queue group.
    pub(super) async fn subscribe(&self) -> Result<Questions, BoxError> {
        let client = self.nats.client();
        let mut subscribers = Vec::new();
        for verb in Verb::ALL {
            for subject in verb.subjects(&self.instance.name, &self.instance.id) {
                let subscriber = timeout(self.nats.request_timeout(), client.subscribe(subject)).await??;
                subscribers.push(subscriber.map(move |message| (verb, message)).boxed());
            }
        }
        Ok(select_all(subscribers))
    }

    /// Answers until the instance has ended. A failed answer ends nothing.
    pub(super) async fn run(self, questions: Questions) {
        tokio::select! {
            () = self.instance.signal.ended() => {}
            () = self.answer(questions) => {}
        }
    }

    async fn answer(&self, mut questions: Questions) {
        loop {
            while let Some((verb, question)) = questions.next().await {
                let Some(reply_to) = question.reply else { continue };
                let document = self.instance.document(verb);
                if let Err(failure) = self.nats.publish(reply_to, None, None, document).await {
                    debug!(self.log, &Context::background(), &failure, "rpc discovery could not answer");
                }
            }
            // The client was rebuilt or closed.
            loop {
                if self.nats.link().closed {
                    return;
                }
                let linked = self.nats.connected(deadline::after(self.nats.request_timeout())).await;
                if linked.is_ok()
                    && let Ok(next) = self.subscribe().await
                {
                    questions = next;
                    break;
                }
                sleep(AGAIN).await;
            }
        }
    }
}
