/// What discovery can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Ping,
    Info,
    Stats,
}

impl Verb {
    pub(crate) const ALL: [Self; 3] = [Self::Ping, Self::Info, Self::Stats];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ping => "PING",
            Self::Info => "INFO",
            Self::Stats => "STATS",
        }
    }

    /// The subject for all services, for those of a name, or for one instance.
    pub(crate) fn subject(self, name: Option<&str>, id: Option<&str>) -> String {
        let mut subject = format!("$SRV.{}", self.name());
        for token in name.into_iter().chain(id) {
            subject.push('.');
            subject.push_str(token);
        }
        subject
    }

    /// The three subjects on which an instance answers.
    pub(crate) fn subjects(self, name: &str, id: &str) -> [String; 3] {
        [self.subject(None, None), self.subject(Some(name), None), self.subject(Some(name), Some(id))]
    }
}
