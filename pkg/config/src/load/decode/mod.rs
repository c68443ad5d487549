//! From a tree of values to a type, with every problem in one run.
//!
//! [`driver`] decodes in passes until no new problem appears. A [`pass`] goes over the tree with [`amend`]ments from earlier
//! passes; its deserializer is [`de`], with [`access`] for the children of tables and lists and [`variant`] for enums, which
//! call each other because the types do. [`text`] says what untyped text means to a type that asks for it. [`search`] finds the
//! types of values that serde buffers, by what [`trace`] reports from below the buffer.

mod access;
mod amend;
mod de;
mod driver;
mod error;
mod input;
mod leak;
mod pass;
mod placeholder;
mod represent;
mod search;
mod text;
mod trace;
mod variant;

pub(crate) use self::driver::{Outcome, decode};
pub(crate) use self::error::Problem;
pub(crate) use self::leak::{leaf_name, leaks};
pub(crate) use self::trace::secret_begins;
