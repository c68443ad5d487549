use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The user that PostgreSQL runs as when the tests run as root, which PostgreSQL refuses: `postgres` or `nobody`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerUser {
    name: String,
    uid: u32,
    gid: u32,
}

impl ServerUser {
    /// `None` for a plain user, who runs the servers as himself.
    pub(crate) fn for_root() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let known = ["postgres", "nobody"].into_iter().find_map(|name| Self::parse(&passwd, name));
        // 65534 is nobody by convention, also where no file says so.
        Some(known.unwrap_or_else(|| Self { name: "nobody".to_owned(), uid: 65534, gid: 65534 }))
    }

    /// A line of passwd(5): `name:password:uid:gid:...`.
    fn parse(passwd: &str, name: &str) -> Option<Self> {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let found = fields.next().filter(|found| *found == name)?;
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            Some(Self { name: found.to_owned(), uid, gid })
        })
    }

    pub(crate) fn uid(&self) -> u32 {
        self.uid
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Makes `command` run as this user, without root's supplementary groups (the standard library drops them).
    pub(crate) fn run(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    pub(crate) fn own(&self, path: &Path) -> io::Result<()> {
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))
    }
}

#[cfg(test)]
mod tests {
    use super::ServerUser;

    #[test]
    fn reads_a_line_of_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\npostgres2:x:9:9::/:\npostgres:x:112:119:PG:/var/lib:/bin/bash\n";
        let user = ServerUser::parse(passwd, "postgres").unwrap();
        assert_eq!((user.uid, user.gid), (112, 119));
        assert_eq!(ServerUser::parse(passwd, "nobody"), None);
    }
}
