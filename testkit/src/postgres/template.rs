use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::data_dir;
use crate::error::{Context, Server, TestkitError};
use crate::port::random_text;
use crate::program::Program;
use crate::supervisor::in_own_session;
use crate::user::ServerUser;

/// The data of an empty cluster, which every server of a run copies: initdb takes the better part of a second of one
/// core, a copy some 50 ms.
#[derive(Debug)]
pub(crate) struct Template {
    data: PathBuf,
    /// Of the superuser `postgres`. Random, because everybody on the machine can reach the port of a server.
    pub(crate) password: String,
}

impl Template {
    /// The template of the run, made by the first process that asks.
    #[cfg(feature = "fixtures")]
    pub(crate) fn of_run(program: &Program, run: &crate::run::Locked<'_>) -> Result<Self, TestkitError> {
        Self::in_folder(program, &run.folder().join(format!("template-{}", program.version)))
    }

    /// The cluster in `<folder>/data`, made if it is not there.
    pub(crate) fn in_folder(program: &Program, folder: &Path) -> Result<Self, TestkitError> {
        // Written last, so that what a killed test left half done is made again.
        let done = folder.join("password");
        if let Ok(password) = std::fs::read_to_string(&done) {
            return Ok(Self { data: folder.join("data"), password });
        }
        let _half_done = std::fs::remove_dir_all(folder);
        std::fs::create_dir(folder).context(|| format!("cannot create {}", folder.display()))?;
        let user = ServerUser::for_root();
        if let Some(user) = &user {
            user.own(folder).context(|| format!("cannot give {} to {}", folder.display(), user.name()))?;
        }
        let password = random_text::<16>()?;
        initdb(program, folder, &password, user.as_ref())?;
        data_dir::write(&done, &password)?;
        Ok(Self { data: folder.join("data"), password })
    }

    /// Leaves the copying to the supervisor of the new server, which removes what a killed test leaves half done. With the port of a
    /// primary, the copy is its standby.
    pub(crate) fn copy_into(
        &self,
        folder: &Path,
        primary: Option<u16>,
        user: Option<&ServerUser>,
    ) -> Result<(), TestkitError> {
        let (file, data) = (folder.join("prepare"), folder.join("data"));
        let mut commands = format!("cp -R -p {} {}\n", quoted(&self.data), quoted(&data));
        if let Some(port) = primary {
            let from = format!("host=127.0.0.1 port={port} user=postgres password={}", self.password);
            let settings = quoted(&data.join("postgresql.auto.conf"));
            commands += &format!("echo \"primary_conninfo = '{from}'\" >> {settings}\n");
            commands += &format!(": > {}\n", quoted(&data.join("standby.signal")));
        }
        data_dir::write(&file, &commands)?;
        user.map_or(Ok(()), |user| user.own(&file)).context(|| format!("cannot give {} away", file.display()))
    }
}

/// Text in the language C, so that messages can be read by tests; UTF8, so that any text can be stored.
fn initdb(
    program: &Program,
    folder: &Path,
    password: &str,
    user: Option<&ServerUser>,
) -> Result<(), TestkitError> {
    let secret = folder.join("secret");
    data_dir::write(&secret, password)?;
    if let Some(user) = user {
        user.own(&secret).context(|| format!("cannot give {} away", secret.display()))?;
    }
    // A kill in the middle would leave its shared memory behind; left alone it ends by itself.
    let mut command = in_own_session(program.path("initdb"));
    command
        .arg("--pgdata")
        .arg(folder.join("data"))
        .arg("--pwfile")
        .arg(&secret)
        .args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"])
        .current_dir("/")
        .stdin(Stdio::null());
    if let Some(user) = user {
        user.run(&mut command);
    }
    let output = command.output().context(|| "cannot run initdb".to_owned())?;
    let _already_gone = std::fs::remove_file(&secret);
    if output.status.success() {
        let mode = Permissions::from_mode(0o700);
        return std::fs::set_permissions(folder, mode)
            .context(|| format!("cannot close {}", folder.display()));
    }
    let reason = format!("initdb failed ({})", output.status);
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(TestkitError::Start { server: Server::Postgres, reason, log })
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
