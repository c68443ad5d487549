use std::sync::Arc;

use async_trait::async_trait;
use underpin_rpc::conformance::{Harness, Rpc};
use underpin_rpc::memory::MemoryRpc;

struct Memory(MemoryRpc);

#[async_trait]
impl Harness for Memory {
    async fn start() -> Self {
        Self(MemoryRpc::new())
    }

    async fn rpc(&self) -> Arc<dyn Rpc> {
        Arc::new(self.0.clone())
    }
}

underpin_rpc::conformance_tests!(Memory);
