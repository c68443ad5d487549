//! From a tree of values to a type, with every problem in one run.
//!
//! [`driver`] decodes in passes until no new problem appears. A [`pass`] goes over the tree with the changes ([`amend`]) that
//! earlier passes made necessary. Its [`deserializer`] reads one value ([`de`]), with [`access`] for the children of tables and
//! lists and [`variant`] for enums; [`text`] says what untyped text means to a type that asks for it.
//!
//! [`search`] finds the types of values that serde buffers, by what [`trace`] reports from below the buffer: each refusal is a
//! choice of [`steps`], and [`represent`] knows the forms that a type accepts. [`doubt`] lists the values that may hold a secret
//! because they were not decoded by their type.

mod access;
mod amend;
mod de;
mod deserializer;
mod doubt;
mod driver;
mod error;
mod input;
mod leak;
mod pass;
mod placeholder;
mod represent;
mod search;
mod steps;
mod text;
mod trace;
mod variant;

pub(crate) use self::driver::{Outcome, decode};
pub(crate) use self::error::Problem;
pub(crate) use self::leak::{leaf_name, leaks};
pub(crate) use self::trace::secret_begins;
