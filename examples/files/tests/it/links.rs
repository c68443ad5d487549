//! Signed links of the service. Those of S3 are in `backends`.

use serde_json::json;

use crate::support::{IMPATIENT, complete, initiate, names, path_of, send, sha256, start, stored};

#[test]
fn an_upload_by_a_link_is_a_file_once_it_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let upload = initiate(&service, "a.txt", "hello");
    complete(&service, &upload).problem(409, "UPLOAD_MISSING");
    assert_eq!(send(&service, &upload, &[], "hello").status, 204);
    let path = path_of(&upload);
    service.get(&path).problem(404, "FILE_NOT_FOUND");
    assert!(names(&service).is_empty());
    // Again is no other file, before and after.
    assert_eq!(send(&service, &upload, &[], "hello").status, 204);
    let file = complete(&service, &upload);
    assert_eq!((file.status, file.json()["sha256"].clone()), (200, json!(sha256("hello"))));
    assert_eq!(complete(&service, &upload).body, file.body);
    send(&service, &upload, &[], "hello").problem(404, "UPLOAD_NOT_FOUND");
    assert_eq!((service.get(&path).body.as_str(), names(&service).len()), ("hello", 1));
    service.stop();
}

#[test]
fn another_request_than_the_signed_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let upload = initiate(&service, "a.txt", "hello");
    // Other bytes of the same length: the signature is good, the digest is not.
    send(&service, &upload, &[], "hallo").problem(400, "DIGEST_MISMATCH");
    send(&service, &upload, &[], "hello!").problem(403, "INVALID_SIGNATURE");
    send(&service, &upload, &[("content-type", "text/html")], "hello").problem(403, "INVALID_SIGNATURE");
    let mut other = initiate(&service, "b.txt", "hallo");
    let digest = other["upload"]["headers"]["content-digest"].as_str().unwrap().to_owned();
    send(&service, &upload, &[("content-digest", &digest)], "hallo").problem(403, "INVALID_SIGNATURE");
    // A link for one file is none for another, and its time is its own.
    let url = upload["upload"]["url"].as_str().unwrap();
    let id = |upload: &serde_json::Value| upload["id"].as_str().unwrap().to_owned();
    other["upload"] = upload["upload"].clone();
    other["upload"]["url"] = json!(url.replace(&id(&upload), &id(&other)));
    send(&service, &other, &[], "hello").problem(403, "INVALID_SIGNATURE");
    other["upload"]["url"] = json!(url.replace("expires=1", "expires=2"));
    assert_ne!(other["upload"]["url"], url);
    send(&service, &other, &[], "hello").problem(403, "INVALID_SIGNATURE");
    assert_eq!((stored(folder.path()), names(&service)), (vec![], vec![]));
    complete(&service, &upload).problem(409, "UPLOAD_MISSING");
    service.stop();
}

#[test]
fn a_link_expires_and_its_upload_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let variables = [("FILES_UPLOADS__LINK_LASTS", "1s")];
    let service = start(folder.path(), &[variables.as_slice(), &IMPATIENT].concat());
    let (late, left) = (initiate(&service, "late", "hello"), initiate(&service, "left", "hello"));
    // Uploaded in time and never completed.
    assert_eq!(send(&service, &left, &[], "hello").status, 204);
    underpin_testkit::eventually_blocking(std::time::Duration::from_secs(30), "the link expires", || {
        send(&service, &late, &[], "hello").status == 403
    });
    send(&service, &late, &[], "hello").problem(403, "LINK_EXPIRED");
    service.log.wait_for("the sweep", |line| line["msg"] == "files swept");
    underpin_testkit::eventually_blocking(std::time::Duration::from_secs(30), "all is swept", || {
        stored(folder.path()).is_empty() && complete(&service, &left).status == 404
    });
    complete(&service, &late).problem(404, "UPLOAD_NOT_FOUND");
    service.stop();
}

#[test]
fn a_link_survives_the_process_that_made_it() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let upload = initiate(&service, "a.txt", "hello");
    service.kill();
    let service = start(folder.path(), &[]);
    assert_eq!(send(&service, &upload, &[], "hello").status, 204);
    service.kill();
    let service = start(folder.path(), &[]);
    assert_eq!(complete(&service, &upload).status, 200);
    service.kill();
    let service = start(folder.path(), &[]);
    assert_eq!(service.get(&path_of(&upload)).body, "hello");
    service.stop();
}
