use super::exchange::HttpExchange;
use super::process::ServiceProcess;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

impl ServiceProcess {
    /// Compares `/openapi.json` with the routes that answer, and with a document such as the README; returns how many paths and how many
    /// operations there are.
    ///
    /// Every method is tried on every path, `{id}` and other parameters replaced by `none`, with an empty JSON object as body: a method
    /// answers with 405 where the document has no such operation, and otherwise with a status that the document names. `readme` has each
    /// operation as `` `GET /api/v1/jobs` ``. Swagger UI is at `/docs/` and loads the same document.
    ///
    /// # Panics
    /// When they differ; the message names the operation.
    pub fn check_openapi(&self, readme: &str) -> (usize, usize) {
        let document = self.get("/openapi.json").json();
        let paths = document["paths"].as_object().expect("the document has paths");
        let mut operations = 0;
        for (path, documented) in paths {
            for method in METHODS {
                let status = self.status_of(method, &without_parameters(path));
                let operation = documented.get(method.to_lowercase());
                assert_eq!(status != 405, operation.is_some(), "{method} {path}: {status}");
                let Some(operation) = operation else { continue };
                operations += 1;
                let named = operation["responses"].get(status.to_string());
                assert!(named.is_some(), "{method} {path} answers {status}, which is not documented");
                assert!(readme.contains(&format!("`{method} {path}`")), "the README lacks {method} {path}");
            }
        }
        for (path, text) in [("/docs/", "swagger-ui"), ("/docs/swagger-initializer.js", "/openapi.json")] {
            let reply = self.get(path);
            assert!(reply.status == 200 && reply.body.contains(text), "{path}: {reply:?}");
        }
        (paths.len(), operations)
    }

    /// The status of an answer, which may never end.
    fn status_of(&self, method: &str, path: &str) -> u16 {
        let body = if matches!(method, "POST" | "PUT") { "{}" } else { "" };
        let headers = [("content-type", "application/json")];
        let mut exchange = HttpExchange::begin(&self.address, method, path, &headers, body.len());
        exchange.write(body);
        let line = exchange.line();
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        status.unwrap_or_else(|| panic!("{method} {path}: no status line, but {line}"))
    }
}

/// A path whose parameters are `none`.
fn without_parameters(path: &str) -> String {
    let segments = path.split('/').map(|segment| if segment.starts_with('{') { "none" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::without_parameters;

    #[test]
    fn parameters_are_replaced() {
        assert_eq!(without_parameters("/api/v1/jobs/{id}/files/{filename}"), "/api/v1/jobs/none/files/none");
        assert_eq!(without_parameters("/{shortCode}"), "/none");
    }
}
