use crate::container;
use crate::error::{Server, TestkitError};
use crate::program::Program;

/// Where a server that the test kit starts comes from.
#[derive(Debug)]
pub(crate) enum Source {
    Local(Program),
    Container,
}

const VARIABLE: &str = "UNDERPIN_SERVERS";

impl Source {
    /// A local binary, else a container; `UNDERPIN_SERVERS` restricts it to one of them (`local`, `container`).
    pub(crate) fn find(server: Server) -> Result<Self, TestkitError> {
        let wanted = std::env::var(VARIABLE).unwrap_or_default();
        match wanted.as_str() {
            "container" => container::engine().map(|()| Self::Container),
            "local" => Program::find(server).map(Self::Local),
            "" => match Program::find(server) {
                Ok(program) => Ok(Self::Local(program)),
                Err(missing @ TestkitError::NotFound { .. }) => match container::engine() {
                    Ok(()) => Ok(Self::Container),
                    Err(reason) => Err(missing.and_no_container(&reason)),
                },
                Err(error) => Err(error),
            },
            _ => {
                let reason = format!("{wanted:?} is neither local nor container");
                Err(TestkitError::Given { variable: VARIABLE, reason })
            }
        }
    }
}
