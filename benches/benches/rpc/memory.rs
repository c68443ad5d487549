//! The bus in memory, beside the cheapest way to ask another task.

use std::time::Instant;

use bytes::Bytes;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use underpin_benches::Comparison;
use underpin_logger::Context;
use underpin_rpc::memory::MemoryRpc;
use underpin_rpc::{Caller, Host, Request};

use crate::echo::{self, Done};

const BODY: Bytes = Bytes::from_static(&[b'x'; 100]);

#[allow(clippy::panic, reason = "a benchmark whose call fails measures nothing")]
pub(crate) fn run(runtime: &Runtime) -> Done<()> {
    let rpc = MemoryRpc::new();
    let _guard = runtime.enter();
    let _running = runtime.block_on(rpc.serve(echo::service()))?;
    let (questions, mut asked) = mpsc::unbounded_channel::<(Bytes, oneshot::Sender<Bytes>)>();
    runtime.spawn(async move {
        while let Some((question, answer)) = asked.recv().await {
            drop(answer.send(question));
        }
    });
    Comparison::new("call in memory with 100 bytes, one after the other", "call")
        .timed("mpsc and oneshot", |times| {
            runtime.block_on(async {
                let start = Instant::now();
                for _ in 0..times {
                    let (sender, answer) = oneshot::channel();
                    if questions.send((BODY, sender)).is_err() || answer.await.is_err() {
                        panic!("no answer");
                    }
                }
                start.elapsed()
            })
        })
        .timed("underpin", |times| {
            runtime.block_on(async {
                let start = Instant::now();
                for _ in 0..times {
                    if let Err(error) =
                        rpc.call(Request::new("ours.echo", BODY, &Context::background())).await
                    {
                        panic!("call: {error}");
                    }
                }
                start.elapsed()
            })
        })
        .print();
    Ok(())
}
