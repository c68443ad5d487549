use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use tokio::sync::oneshot;

use super::entry::PooledConnection;

/// The idle connections, and the callers that wait for one.
#[derive(Default)]
pub(super) struct IdleQueue {
    inner: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    /// The most recently used last: surplus connections age at the front.
    entries: VecDeque<PooledConnection>,
    /// Callers that hold a permit and may not open a connection yet; the first has waited for longest.
    waiters: VecDeque<oneshot::Sender<PooledConnection>>,
    closed: bool,
}

impl IdleQueue {
    /// Hands a connection to the caller that has waited for longest, or keeps it. Gives it back once the queue is closed.
    pub(super) fn put(&self, mut entry: PooledConnection) -> Result<(), PooledConnection> {
        let mut idle = self.lock();
        if idle.closed {
            return Err(entry);
        }
        while let Some(first) = idle.waiters.pop_front() {
            match first.send(entry) {
                Ok(()) => return Ok(()),
                // The caller is gone, or was served otherwise.
                Err(back) => entry = back,
            }
        }
        idle.entries.push_back(entry);
        Ok(())
    }

    /// The most recently used connection.
    pub(super) fn pop(&self) -> Option<PooledConnection> {
        self.lock().entries.pop_back()
    }

    /// A connection now, or a future of the next one that comes back.
    pub(super) fn pop_or_wait(self: &Arc<Self>) -> Result<PooledConnection, IdleWaiter> {
        let mut idle = self.lock();
        if let Some(entry) = idle.entries.pop_back() {
            return Ok(entry);
        }
        // A caller that was served otherwise leaves its sender behind; while the server is away nothing else removes it.
        idle.waiters.retain(|caller| !caller.is_closed());
        let (sender, receiver) = oneshot::channel();
        idle.waiters.push_back(sender);
        Err(IdleWaiter { receiver, queue: Arc::clone(self) })
    }

    pub(super) fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Removes the connections that `is_removed` selects, least recently used first.
    pub(super) fn remove(
        &self,
        mut is_removed: impl FnMut(&PooledConnection) -> bool,
    ) -> Vec<PooledConnection> {
        let mut idle = self.lock();
        let (mut removed, mut kept) = (Vec::new(), VecDeque::with_capacity(idle.entries.len()));
        for entry in idle.entries.drain(..) {
            if is_removed(&entry) { removed.push(entry) } else { kept.push_back(entry) }
        }
        idle.entries = kept;
        removed
    }

    /// Rejects what comes back from now on, and returns what is idle.
    pub(super) fn close(&self) -> VecDeque<PooledConnection> {
        let mut idle = self.lock();
        idle.closed = true;
        std::mem::take(&mut idle.entries)
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for a connection to come back. One that arrives too late goes back to the queue.
pub(super) struct IdleWaiter {
    receiver: oneshot::Receiver<PooledConnection>,
    queue: Arc<IdleQueue>,
}

impl Future for IdleWaiter {
    type Output = PooledConnection;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<PooledConnection> {
        if self.receiver.is_terminated() {
            return Poll::Pending;
        }
        match Pin::new(&mut self.receiver).poll(cx) {
            Poll::Ready(Ok(entry)) => Poll::Ready(entry),
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for IdleWaiter {
    fn drop(&mut self) {
        self.receiver.close();
        if let Ok(entry) = self.receiver.try_recv() {
            // A queue that was closed meanwhile refuses it: dropped, it closes its socket.
            drop(self.queue.put(entry));
        }
    }
}
