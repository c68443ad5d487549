//! Tests of underpin-jobs through its public interface.
