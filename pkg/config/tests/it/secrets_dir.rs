//! Secrets directories as Docker and Kubernetes mount them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tempfile::TempDir;
use underpin_config::{Config, ConfigError, ConfigExt, Loader, Origin, Snapshot};

fn load(root: &Path) -> Result<Snapshot, ConfigError> {
    Loader::new("APP").environment([("", ""); 0]).secrets_dir(root).snapshot()
}

fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// What the kubelet does: a new hidden generation, links in the root, and `..data` swapped in one rename.
fn kubernetes(root: &Path, generation: &str, files: &[(&str, &str)]) {
    let hidden = root.join(format!("..{generation}"));
    for (name, content) in files {
        write(&hidden.join(name), content);
        let top = name.split('/').next().unwrap();
        if !root.join(top).is_symlink() {
            symlink(format!("..data/{top}"), root.join(top)).unwrap();
        }
    }
    symlink(format!("..{generation}"), root.join("..data_tmp")).unwrap();
    fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
}

#[test]
fn plain_files_nest_by_underscores_dots_and_directories() {
    let root = TempDir::new().unwrap();
    write(&root.path().join("api_key"), "k1\n");
    write(&root.path().join("database__password"), "p1");
    write(&root.path().join("tls.cert"), "line 1\nline 2\n\n");
    write(&root.path().join("events/nats/token"), "t1\r\n");
    write(&root.path().join("APP_MAIL__PASSWORD"), "m1");
    write(&root.path().join(".hidden"), "x");
    let snapshot = load(root.path()).unwrap();
    assert_eq!(snapshot.string("api_key").unwrap(), "k1");
    assert_eq!(snapshot.string("database.password").unwrap(), "p1");
    assert_eq!(snapshot.string("tls.cert").unwrap(), "line 1\nline 2\n", "one newline is removed, not all");
    assert_eq!(snapshot.string("events.nats.token").unwrap(), "t1");
    assert_eq!(snapshot.string("mail.password").unwrap(), "m1");
    assert!(!snapshot.explain().to_string().contains("hidden"));
    let Some(Origin::SecretFile { path }) = snapshot.origin("database.password") else {
        panic!("no secret file")
    };
    assert_eq!(*path, *root.path().join("database__password"));
}

#[test]
fn a_kubernetes_mount_is_read_through_its_data_link() {
    let root = TempDir::new().unwrap();
    kubernetes(root.path(), "2026_01", &[("password", "one\n"), ("database/url", "u1")]);
    let snapshot = load(root.path()).unwrap();
    assert_eq!(snapshot.string("password").unwrap(), "one");
    assert_eq!(snapshot.string("database.url").unwrap(), "u1");
    kubernetes(root.path(), "2026_02", &[("password", "two\n"), ("database/url", "u2")]);
    let snapshot = load(root.path()).unwrap();
    assert_eq!(
        (snapshot.string("password").unwrap(), snapshot.string("database.url").unwrap()),
        ("two".into(), "u2".into())
    );
}

#[test]
fn generations_never_mix_while_the_mount_is_swapped() {
    let root = TempDir::new().unwrap();
    kubernetes(root.path(), "g0", &[("a", "0"), ("b", "0")]);
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let path = root.path().to_owned();
    let writer = std::thread::spawn(move || {
        let mut generation = 1;
        while !stopped.load(Ordering::Relaxed) {
            let text = generation.to_string();
            kubernetes(&path, &format!("g{generation}"), &[("a", &text), ("b", &text)]);
            generation += 1;
        }
    });
    for _ in 0..300 {
        let snapshot = load(root.path()).unwrap();
        assert_eq!(snapshot.string("a").unwrap(), snapshot.string("b").unwrap());
    }
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
}

#[test]
fn a_link_that_leaves_the_root_is_refused() {
    let outside = TempDir::new().unwrap();
    write(&outside.path().join("shadow"), "not-yours-marker");
    let links = [("file", outside.path().join("shadow")), ("directory", outside.path().to_owned())];
    for (name, target) in links {
        let root = TempDir::new().unwrap();
        symlink(target, root.path().join(name)).unwrap();
        let error = load(root.path()).unwrap_err().to_string();
        assert!(error.contains("points outside of the secrets directory"), "{error}");
        assert!(error.contains(name) && !error.contains("marker"), "{error}");
    }
    let root = TempDir::new().unwrap();
    symlink(outside.path(), root.path().join("..data")).unwrap();
    assert!(load(root.path()).unwrap_err().to_string().contains("`..data` points outside"));
    let sibling = TempDir::new().unwrap();
    let inner = sibling.path().join("secrets");
    write(&sibling.path().join("secrets-other/x"), "marker");
    fs::create_dir(&inner).unwrap();
    symlink("../secrets-other/x", inner.join("x")).unwrap();
    assert!(load(&inner).is_err(), "a sibling whose name starts alike is outside as well");
}

#[test]
fn a_root_that_is_itself_a_link_is_fine() {
    let place = TempDir::new().unwrap();
    write(&place.path().join("real/token"), "t");
    symlink("real", place.path().join("link")).unwrap();
    assert_eq!(load(&place.path().join("link")).unwrap().string("token").unwrap(), "t");
}

#[test]
fn a_link_in_a_circle_ends() {
    let root = TempDir::new().unwrap();
    write(&root.path().join("a/token"), "t");
    symlink("..", root.path().join("a/up")).unwrap();
    let error = load(root.path()).unwrap_err().to_string();
    assert!(error.contains("nested too deeply"), "{error}");
}

#[test]
fn a_file_over_the_cap_is_refused() {
    let root = TempDir::new().unwrap();
    write(&root.path().join("ok"), vec![b'x'; 1 << 20]);
    assert_eq!(load(root.path()).unwrap().string("ok").unwrap().len(), 1 << 20);
    write(&root.path().join("big"), vec![b'x'; (1 << 20) + 1]);
    assert!(load(root.path()).unwrap_err().to_string().contains("big: is larger than 1048576 bytes"));
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let root = TempDir::new().unwrap();
    write(&root.path().join("key"), [0xff, 0xfe, 0x00]);
    assert!(load(root.path()).unwrap_err().to_string().contains("key: is not UTF-8 text"));
}

#[test]
fn a_pipe_does_not_hang_the_start() {
    let root = TempDir::new().unwrap();
    let status = std::process::Command::new("mkfifo").arg(root.path().join("pipe")).status().unwrap();
    assert!(status.success());
    let path = root.path().to_owned();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(load(&path).map(drop)).unwrap());
    let error = receiver.recv_timeout(Duration::from_secs(10)).expect("reading the pipe hangs").unwrap_err();
    assert!(error.to_string().contains("pipe: is no regular file"), "{error}");
}

#[test]
fn two_files_for_one_key_are_an_error() {
    let root = TempDir::new().unwrap();
    write(&root.path().join("database__password"), "a");
    write(&root.path().join("database/password"), "b");
    let error = load(root.path()).unwrap_err().to_string();
    assert!(error.contains("`database.password` is set twice"), "{error}");
}

#[test]
fn a_dangling_link_is_an_error_and_not_an_absent_secret() {
    let root = TempDir::new().unwrap();
    symlink("..data/password", root.path().join("password")).unwrap();
    assert!(load(root.path()).unwrap_err().to_string().contains("password: cannot be read"));
}
