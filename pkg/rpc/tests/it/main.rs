//! Tests of underpin-rpc through its public interface.
