//! Structured logging behind one small trait: JSON lines over slog, request context on every line.
