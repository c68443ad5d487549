/// Runs the blocking core on a thread where it may block, and waits for it.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        // The task is not cancelled, so it panicked: the panic goes on here.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
