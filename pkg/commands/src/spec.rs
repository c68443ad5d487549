/// How a command is written on the command line: its name, its actions and their arguments. A service declares its commands with
/// `Service::command` of `underpin-service`, so that the help and the check of arguments need no component.
///
/// # Examples
/// ```
/// use underpin_commands::CommandSpec;
///
/// let index = CommandSpec::new("index", "Look after the search index")
///     .action("rebuild [SINCE]", "Write it again, or only what is newer")
///     .action("remove ID", "Remove a document");
/// let recount = CommandSpec::new("recount [SINCE]", "Count everything again");
/// assert_eq!((index.name(), recount.name()), ("index", "recount"));
/// ```
#[derive(Clone, Debug)]
pub struct CommandSpec {
    pub(crate) usage: Usage,
    pub(crate) actions: Vec<Usage>,
}

impl CommandSpec {
    /// A command and one line of help. `usage` is the name and, for a command without actions, its arguments: `ID` must be given, `[ID]` may
    /// be left out and comes last.
    pub fn new(usage: &'static str, about: &'static str) -> Self {
        Self { usage: Usage::new(usage, about), actions: Vec::new() }
    }

    /// Adds an action and one line of help. `usage` is its name and its arguments. A command with actions is never called without one.
    #[must_use]
    pub fn action(mut self, usage: &'static str, about: &'static str) -> Self {
        self.actions.push(Usage::new(usage, about));
        self
    }

    /// The name on the command line.
    pub fn name(&self) -> &'static str {
        self.usage.name
    }
}

/// A name, its arguments and one line of help.
#[derive(Clone, Debug)]
pub(crate) struct Usage {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// The names of the arguments, and whether each is required.
    pub(crate) arguments: Vec<(&'static str, bool)>,
}

impl Usage {
    fn new(usage: &'static str, about: &'static str) -> Self {
        let (name, arguments) = usage.split_once(' ').unwrap_or((usage, ""));
        let argument = |word: &'static str| {
            let optional = word.strip_prefix('[').and_then(|word| word.strip_suffix(']'));
            optional.map_or((word, true), |word| (word, false))
        };
        Self { name, about, arguments: arguments.split_whitespace().map(argument).collect() }
    }
}
