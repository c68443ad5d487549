use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::NatsError;

/// The state of the link to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkState {
    /// Whether there is a connection to a server.
    pub up: bool,
    /// Whether the connection was closed by its owner.
    pub closed: bool,
    /// How often the link was lost. Requests of an earlier epoch get no answer.
    pub epoch: u64,
    /// Whether the server has announced that it shuts down (lame duck mode).
    pub lame_duck: bool,
    /// How often the client was rebuilt because its task had ended.
    pub rebuilds: u64,
}

/// The link state, and who waits for it to change.
#[derive(Debug)]
pub(crate) struct Link {
    state: watch::Sender<LinkState>,
    /// What each call looks at, without the lock of the state: the epoch, whether it is closed, and whether it is up.
    word: AtomicU64,
}

const UP: u64 = 0b01;
const CLOSED: u64 = 0b10;

impl Link {
    pub(crate) fn new() -> Self {
        Self { state: watch::Sender::new(LinkState::default()), word: AtomicU64::new(0) }
    }

    pub(crate) fn state(&self) -> LinkState {
        *self.state.borrow()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<LinkState> {
        self.state.subscribe()
    }

    pub(crate) fn set_up(&self) {
        self.modify(|link| (link.up, link.lame_duck) = (true, false));
    }

    pub(crate) fn set_lost(&self) {
        self.modify(|link| {
            link.up = false;
            link.epoch += 1;
        });
    }

    pub(crate) fn set_lame_duck(&self) {
        self.modify(|link| link.lame_duck = true);
    }

    /// Nothing new is sent over a connection that is about to be replaced; `false` takes that back.
    pub(crate) fn set_moving(&self, moving: bool) {
        self.modify(|link| link.up = !moving);
    }

    pub(crate) fn set_rebuilt(&self) {
        self.modify(|link| {
            (link.up, link.lame_duck) = (true, false);
            link.rebuilds += 1;
        });
    }

    pub(crate) fn set_closed(&self) {
        self.modify(|link| (link.up, link.closed) = (false, true));
    }

    fn modify(&self, change: impl FnOnce(&mut LinkState)) {
        self.state.send_modify(|link| {
            change(link);
            let (up, closed) = (if link.up { UP } else { 0 }, if link.closed { CLOSED } else { 0 });
            self.word.store(link.epoch << 2 | closed | up, Ordering::SeqCst);
        });
    }

    /// The epoch of a link that is up.
    ///
    /// # Errors
    /// [`NatsError::Closed`] and [`NatsError::Disconnected`].
    pub(crate) fn epoch(&self) -> Result<u64, NatsError> {
        match self.word.load(Ordering::SeqCst) {
            word if word & CLOSED != 0 => Err(NatsError::Closed),
            word if word & UP == 0 => Err(NatsError::Disconnected),
            word => Ok(word >> 2),
        }
    }

    /// Whether the link of this epoch is neither lost nor closed.
    pub(crate) fn is_current(&self, epoch: u64) -> bool {
        let word = self.word.load(Ordering::SeqCst);
        word >> 2 == epoch && word & CLOSED == 0
    }

    /// Waits until the link is up, and returns its epoch.
    pub(crate) async fn connected(&self, until: Instant) -> Result<u64, NatsError> {
        if let Ok(epoch) = self.epoch() {
            return Ok(epoch);
        }
        // Boxed: every call would carry its size, and few wait.
        Box::pin(self.up(until)).await
    }

    async fn up(&self, until: Instant) -> Result<u64, NatsError> {
        let mut receiver = self.subscribe();
        let waited = timeout_at(until, receiver.wait_for(|link| link.up || link.closed)).await;
        match waited {
            Ok(Ok(link)) if !link.closed => Ok(link.epoch),
            Ok(_) => Err(NatsError::Closed),
            Err(_) => Err(NatsError::Disconnected),
        }
    }

    /// Waits until the link of this epoch is lost.
    pub(crate) async fn lost(&self, epoch: u64) {
        self.until(|link| link.epoch != epoch || link.closed).await;
    }

    /// Waits until the server is in lame duck mode, or is not any more.
    pub(crate) async fn lame_duck(&self, lame_duck: bool) {
        self.until(|link| link.lame_duck == lame_duck).await;
    }

    pub(crate) async fn closed(&self) {
        self.until(|link| link.closed).await;
    }

    async fn until(&self, reached: impl FnMut(&LinkState) -> bool) {
        drop(self.subscribe().wait_for(reached).await);
    }
}
