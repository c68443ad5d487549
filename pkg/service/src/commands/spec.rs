/// How a command is written on the command line: its name, its actions and their arguments. A service declares its commands with
/// [`Service::command`](crate::Service::command), so that the help and the check of arguments need no component.
///
/// # Examples
/// ```
/// use underpin_service::commands::{ActionSpec, CommandSpec};
///
/// let spec = CommandSpec::new("search", "Look after the search index")
///     .action(ActionSpec::new("rebuild", "Write the whole index again").optional("SINCE", "Only what is newer"));
/// assert_eq!(spec.name(), "search");
/// ```
#[derive(Clone, Debug)]
pub struct CommandSpec {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) actions: Vec<ActionSpec>,
    pub(crate) arguments: Vec<ArgumentSpec>,
}

/// One action of a command, such as `replay`.
#[derive(Clone, Debug)]
pub struct ActionSpec {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) arguments: Vec<ArgumentSpec>,
}

/// An argument by its place.
#[derive(Clone, Debug)]
pub struct ArgumentSpec {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) required: bool,
}

impl CommandSpec {
    /// A command and one line of help.
    pub fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, about, actions: Vec::new(), arguments: Vec::new() }
    }

    /// Adds an action. A command with actions is never called without one.
    #[must_use]
    pub fn action(mut self, action: ActionSpec) -> Self {
        self.actions.push(action);
        self
    }

    /// An argument of a command without actions that must be given.
    #[must_use]
    pub fn required(mut self, name: &'static str, about: &'static str) -> Self {
        self.arguments.push(ArgumentSpec { name, about, required: true });
        self
    }

    /// An argument of a command without actions that may be left out; after the required ones.
    #[must_use]
    pub fn optional(mut self, name: &'static str, about: &'static str) -> Self {
        self.arguments.push(ArgumentSpec { name, about, required: false });
        self
    }

    /// The name on the command line.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl ActionSpec {
    /// An action and one line of help.
    pub fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, about, arguments: Vec::new() }
    }

    /// An argument that must be given.
    #[must_use]
    pub fn required(mut self, name: &'static str, about: &'static str) -> Self {
        self.arguments.push(ArgumentSpec { name, about, required: true });
        self
    }

    /// An argument that may be left out; after the required ones.
    #[must_use]
    pub fn optional(mut self, name: &'static str, about: &'static str) -> Self {
        self.arguments.push(ArgumentSpec { name, about, required: false });
        self
    }
}
