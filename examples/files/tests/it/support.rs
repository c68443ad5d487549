use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};
use underpin_objects::ObjectDigest;
use underpin_testkit::{HttpExchange, HttpReply, ServiceProcess};

use crate::BINARY;

pub(crate) fn start(folder: &Path, variables: &[(&str, &str)]) -> ServiceProcess {
    ServiceProcess::start(BINARY, folder, variables)
}

/// Limits that let the sweeper run while a test waits for it.
pub(crate) const IMPATIENT: [(&str, &str); 2] =
    [("FILES_HTTP__REQUEST_TIMEOUT", "1s"), ("FILES_UPLOADS__ABANDONED_AFTER", "2s")];

pub(crate) fn sha256(data: &str) -> String {
    ObjectDigest::of(data).to_string()
}

pub(crate) fn upload(service: &ServiceProcess, name: &str, content_type: &str, data: &str) -> Value {
    let path = format!("/api/v1/files?name={name}");
    let created = service.send("POST", &path, &[("content-type", content_type)], data);
    assert_eq!(created.status, 201, "{created:?}");
    let file = created.json();
    assert_eq!(created.header("location"), Some(path_of(&file).as_str()));
    file
}

pub(crate) fn path_of(file: &Value) -> String {
    format!("/api/v1/files/{}", file["id"].as_str().unwrap())
}

/// The names of all files.
pub(crate) fn names(service: &ServiceProcess) -> Vec<String> {
    let listing = service.get("/api/v1/files?limit=100").json();
    let files = listing["files"].as_array().unwrap();
    files.iter().map(|file| file["name"].as_str().unwrap().to_owned()).collect()
}

/// Announces a text with its real size and digest; the upload.
pub(crate) fn initiate(service: &ServiceProcess, name: &str, data: &str) -> Value {
    let announcement =
        json!({"name": name, "size": data.len(), "sha256": sha256(data), "content_type": "text/plain"});
    let initiated = service.post("/api/v1/uploads", &[], &announcement);
    assert_eq!(initiated.status, 201, "{initiated:?}");
    initiated.json()
}

/// Sends data to a signed link, of the service or of S3, with its headers but for those that are given.
pub(crate) fn send(
    service: &ServiceProcess,
    upload: &Value,
    others: &[(&str, &str)],
    data: &str,
) -> HttpReply {
    let request = &upload["upload"];
    let url = request["url"].as_str().unwrap();
    let (address, path) = match url.strip_prefix("http://") {
        Some(rest) => rest.split_at(rest.find('/').unwrap()),
        None => (service.address.as_str(), url),
    };
    let headers = request["headers"].as_object().unwrap().iter();
    // The client of the test counts the bytes itself.
    let headers = headers.filter(|(name, _)| *name != "content-length");
    let headers: Vec<(&str, &str)> = headers
        .map(|(name, value)| {
            let other = others.iter().find(|(other, _)| other == name);
            (name.as_str(), other.map_or(value.as_str().unwrap(), |(_, value)| value))
        })
        .collect();
    HttpExchange::begin(address, request["method"].as_str().unwrap(), path, &headers, data.len()).finish(data)
}

pub(crate) fn complete(service: &ServiceProcess, upload: &Value) -> HttpReply {
    let path = format!("/api/v1/uploads/{}/complete", upload["id"].as_str().unwrap());
    service.send("POST", &path, &[], "")
}

/// An upload whose end is not sent.
pub(crate) fn begin_upload(service: &ServiceProcess, name: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(&service.address).unwrap();
    let head = format!(
        "POST /api/v1/files?name={name} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n",
        service.address
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// The files below the folder of the service's objects, with their sizes.
pub(crate) fn stored(folder: &Path) -> Vec<(String, u64)> {
    let entries = std::fs::read_dir(folder.join("data/files.db.files.objects")).unwrap();
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.ok()?;
        // It may go while it is looked at.
        Some((entry.file_name().to_string_lossy().into_owned(), entry.metadata().ok()?.len()))
    };
    entries.filter_map(file).collect()
}
