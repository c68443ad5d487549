/// On which side of a call a span stands: the span kinds of OpenTelemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpanKind {
    /// Handles a request of a remote caller.
    Server,
    /// Sends a request and waits for the answer.
    Client,
    /// Hands a message over, to be processed later.
    Producer,
    /// Processes a message.
    Consumer,
    /// An operation inside of the process.
    Internal,
}
