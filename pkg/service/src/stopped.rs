/// How a component stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stopped {
    /// All work was finished.
    Clean,
    /// Work was cut off at the deadline.
    Cut {
        /// What was left, such as `"2 requests"`. It is logged; no secrets.
        left: String,
    },
}

impl Stopped {
    /// Work was cut off.
    pub fn cut(left: impl Into<String>) -> Self {
        Self::Cut { left: left.into() }
    }
}
