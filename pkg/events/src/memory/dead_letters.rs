use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use super::bus::MemoryBus;
use super::log::Replay;
use crate::{DeadLetter, DeadLetterQueue, EventsError, PublishReceipt};

#[async_trait]
impl DeadLetterQueue for MemoryBus {
    async fn list(&self, after: u64, limit: usize) -> Result<Vec<DeadLetter>, EventsError> {
        let state = self.inner().state();
        Ok(state
            .dead_letters
            .range(after.saturating_add(1)..)
            .take(limit)
            .map(|(_, letter)| letter.clone())
            .collect())
    }

    async fn inspect(&self, id: u64) -> Result<DeadLetter, EventsError> {
        self.inner().state().dead_letters.get(&id).cloned().ok_or_else(|| missing(id))
    }

    async fn replay(&self, id: u64) -> Result<PublishReceipt, EventsError> {
        let letter = self.inspect(id).await?;
        let event = Arc::new(letter.event()?);
        let replay =
            Replay { prefix: format!("replay:{id}:"), only_for: letter.subscription.as_str().into() };
        let (appended, woken) = {
            let mut state = self.inner().state();
            let appended =
                state.append(&self.inner().settings, Instant::now(), event, Some(replay), |_| {})?;
            state.remove_dead_letter(id);
            (appended, state.take_woken())
        };
        woken.iter().for_each(|subscription| subscription.notify_one());
        self.inner().sync(false).await?;
        Ok(appended.receipt)
    }

    async fn discard(&self, id: u64) -> Result<(), EventsError> {
        if self.inner().state().remove_dead_letter(id) { Ok(()) } else { Err(missing(id)) }
    }
}

fn missing(id: u64) -> EventsError {
    EventsError::NotFound { what: format!("dead letter {id}") }
}
