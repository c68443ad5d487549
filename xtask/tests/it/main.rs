//! The tasks, run as a program.

#[cfg(test)]
mod up_down;
