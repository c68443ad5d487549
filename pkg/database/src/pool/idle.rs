use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use tokio::sync::oneshot;

use super::{core::Core, slot::Slot};

/// What is unused, and who waits for it.
#[derive(Default)]
pub(super) struct Idle {
    /// The most recently used last: what is surplus ages at the front.
    pub(super) slots: VecDeque<Slot>,
    /// Callers who have a seat and wait for their turn to open a connection; the first has waited for longest.
    wanted: VecDeque<oneshot::Sender<Slot>>,
}

impl Idle {
    /// Gives a connection to the one who has waited for longest, or keeps it.
    pub(super) fn put(&mut self, mut slot: Slot) {
        while let Some(first) = self.wanted.pop_front() {
            match first.send(slot) {
                Ok(()) => return,
                // Gone, or served otherwise.
                Err(back) => slot = back,
            }
        }
        self.slots.push_back(slot);
    }

    /// A connection now, or the wish for the next one that comes back.
    pub(super) fn take_or_want(&mut self, core: &Arc<Core>) -> Result<Slot, Wish> {
        if let Some(slot) = self.slots.pop_back() {
            return Ok(slot);
        }
        // Whoever was served otherwise leaves its end behind; while the server is away nothing else would clear them.
        self.wanted.retain(|caller| !caller.is_closed());
        let (sender, receiver) = oneshot::channel();
        self.wanted.push_back(sender);
        Err(Wish { receiver, core: Arc::clone(core) })
    }
}

/// A place in the line of those who wait for a connection to come back. What comes too late goes back to the pool.
pub(super) struct Wish {
    receiver: oneshot::Receiver<Slot>,
    core: Arc<Core>,
}

impl Future for Wish {
    type Output = Slot;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Slot> {
        if self.receiver.is_terminated() {
            return Poll::Pending;
        }
        match Pin::new(&mut self.receiver).poll(cx) {
            Poll::Ready(Ok(slot)) => Poll::Ready(slot),
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Wish {
    fn drop(&mut self) {
        self.receiver.close();
        if let Ok(slot) = self.receiver.try_recv() {
            self.core.put_idle(slot, Instant::now());
        }
    }
}
