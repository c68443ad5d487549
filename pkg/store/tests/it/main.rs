//! Tests of underpin-store through its public interface.
