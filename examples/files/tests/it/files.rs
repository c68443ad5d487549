//! Upload in one request, download, ranges, lists, deletion.

use serde_json::json;
use underpin_testkit::{HttpReply, ServiceProcess};

use crate::support::{names, path_of, sha256, start, stored, upload};

#[test]
fn a_file_comes_back_whole_and_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let file = upload(&service, "digits.txt", "text/plain", "0123456789");
    assert_eq!((&file["size"], &file["sha256"]), (&json!(10), &json!(sha256("0123456789"))));
    let path = path_of(&file);
    let whole = service.get(&path);
    assert_eq!((whole.status, whole.body.as_str()), (200, "0123456789"));
    assert_eq!(whole.header("content-length"), Some("10"));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let etag = whole.header("etag").unwrap();

    let get = |headers: &[(&str, &str)]| service.send("GET", &path, headers, "");
    let part = |reply: HttpReply| {
        let range = reply.header("content-range").map(str::to_owned);
        (reply.status, range.unwrap_or_default(), reply.body)
    };
    let found = |range: &str, body: &str| (206, format!("bytes {range}/10"), body.to_owned());
    assert_eq!(part(get(&[("range", "bytes=2-4")])), found("2-4", "234"));
    assert_eq!(part(get(&[("range", "bytes=7-")])), found("7-9", "789"));
    assert_eq!(part(get(&[("range", "bytes=-2")])), found("8-9", "89"));
    assert_eq!(part(get(&[("range", "bytes=2-4"), ("if-range", etag)])), found("2-4", "234"));
    assert_eq!(get(&[("range", "bytes=2-4"), ("if-range", "\"old\"")]).body, "0123456789");
    let behind = get(&[("range", "bytes=10-")]);
    behind.problem(416, "RANGE_NOT_SATISFIABLE");
    assert_eq!(behind.header("content-range"), Some("bytes */10"));
    let known = get(&[("if-none-match", etag)]);
    assert_eq!((known.status, known.body.as_str(), known.header("etag")), (304, "", Some(etag)));
    let empty = upload(&service, "empty", "text/plain", "");
    assert_eq!((service.get(&path_of(&empty)).status, &empty["size"]), (200, &json!(0)));
    service.stop();
}

#[test]
fn what_a_stranger_uploads_runs_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let svg = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    for (name, content_type, data) in [
        ("logo.svg", "image/svg+xml", svg),
        ("page.html", "text/html", "<script>alert(1)</script>"),
        ("%22%3Bx.html", "application/xhtml+xml", "<html/>"),
    ] {
        let file = service.get(&path_of(&upload(&service, name, content_type, data)));
        assert_eq!((file.status, file.body.as_str()), (200, data));
        assert_eq!(file.header("content-type"), Some(content_type));
        let attachment = format!("attachment; filename*=UTF-8''{name}");
        assert_eq!(file.header("content-disposition"), Some(attachment.as_str()));
        assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(file.header("content-security-policy"), Some("default-src 'none'; sandbox"));
    }
    // Neither does what is refused: its detail is JSON.
    let refused = service.get("/api/v1/files/%3Cscript%3E");
    refused.problem(404, "FILE_NOT_FOUND");
    assert!(!refused.body.contains("<script>"), "{refused:?}");
    service.stop();
}

#[test]
fn a_name_is_never_a_path() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    for name in
        ["..%2F..%2Fetc%2Fpasswd", "..", "a%2Fb", "a%5Cb", "a%0Ab", "a%00", "", "a%0D%0Aset-cookie:%20b"]
    {
        let refused = service.send("POST", &format!("/api/v1/files?name={name}"), &[], "x");
        refused.problem(400, "INVALID_NAME");
    }
    service.send("POST", "/api/v1/files", &[], "x").problem(400, "INVALID_NAME");
    assert_eq!(stored(folder.path()), []);
    // What looks like a path to somebody is stored below an id.
    let file = upload(&service, "..hidden%20%C3%BC.txt", "text/plain", "x");
    assert_eq!(stored(folder.path()), [(file["id"].as_str().unwrap().to_owned(), 1)]);
    let read = service.get(&path_of(&file));
    let disposition = read.header("content-disposition");
    assert_eq!(disposition, Some("attachment; filename*=UTF-8''..hidden%20%C3%BC.txt"));
    service.stop();
}

#[test]
fn files_are_listed_by_pages_and_deleted_with_their_data() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let files: Vec<_> =
        ["a", "b", "c"].into_iter().map(|name| upload(&service, name, "text/plain", name)).collect();
    let first = service.get("/api/v1/files?limit=2").json();
    assert_eq!(first["files"], json!(files.get(..2).unwrap()));
    let rest =
        service.get(&format!("/api/v1/files?limit=2&cursor={}", first["next_cursor"].as_str().unwrap()));
    assert_eq!(rest.json(), json!({"files": [files.get(2)]}));
    service.get("/api/v1/files?limit=0").problem(400, "INVALID_QUERY");
    service.get("/api/v1/files?cursor=x").problem(400, "INVALID_QUERY");

    let path = path_of(&files[1]);
    assert_eq!(service.send("DELETE", &path, &[], "").status, 204);
    service.get(&path).problem(404, "FILE_NOT_FOUND");
    service.send("DELETE", &path, &[], "").problem(404, "FILE_NOT_FOUND");
    assert_eq!((names(&service), stored(folder.path()).len()), (vec!["a".to_owned(), "c".to_owned()], 2));
    service.stop();
}

#[test]
fn a_file_that_is_too_large_is_refused_whatever_it_says_of_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[("FILES_UPLOADS__MAX_SIZE", "1MiB")]);
    let large = "x".repeat(1024 * 1024 + 1);
    service.send("POST", "/api/v1/files?name=large", &[], &large).problem(413, "FILE_TOO_LARGE");
    let announcement = json!({"name": "large", "size": large.len(), "sha256": sha256(&large)});
    service.post("/api/v1/uploads", &[], &announcement).problem(413, "FILE_TOO_LARGE");
    assert_eq!((names(&service), stored(folder.path())), (vec![], vec![]));
    upload(&service, "fits", "text/plain", large.get(1..).unwrap());
    assert_ready(&service);
    service.stop();
}

fn assert_ready(service: &ServiceProcess) {
    assert_eq!(service.get("/health/ready").status, 200);
}
