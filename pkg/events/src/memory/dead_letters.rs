use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryBus;
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
        let message_id = format!("replay:{id}:{}", event.message_id()).into();
        let target: Arc<str> = letter.subscription.as_str().into();
        let (receipt, woken) = {
            let mut state = self.inner().state();
            let receipt = state.append(&self.inner().settings, message_id, event, Some(target))?;
            state.remove_dead_letter(id);
            (receipt, state.take_woken())
        };
        woken.iter().for_each(|subscription| subscription.notify_one());
        self.inner().stored().await?;
        Ok(receipt)
    }

    async fn discard(&self, id: u64) -> Result<(), EventsError> {
        if self.inner().state().remove_dead_letter(id) { Ok(()) } else { Err(missing(id)) }
    }
}

fn missing(id: u64) -> EventsError {
    EventsError::NotFound { what: format!("dead letter {id}") }
}
