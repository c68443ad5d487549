//! What a service sees of the logger. Tests that need their own process are beside this folder.

#[cfg(test)]
mod trace_context;
