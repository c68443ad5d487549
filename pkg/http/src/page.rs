use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName};
use axum::routing::get;

/// Scripts and styles of this origin, no inline ones, and no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A page and the files it loads, all of them in the binary, under a policy that allows the page nothing else.
///
/// The policy (`Content-Security-Policy`) allows scripts, styles, images and requests of the same origin; inline scripts and styles do not run.
///
/// # Examples
/// ```
/// use axum::Router;
/// use underpin_http::Page;
///
/// let page = Page::new("<!doctype html><script type=module src=/page.js></script><h1>Jobs</h1>")
///     .script("/page.js", "document.title = 'Jobs'")
///     .style("/page.css", "body { font-family: sans-serif }");
/// let routes: Router = page.routes();
/// ```
#[derive(Debug, Clone)]
pub struct Page {
    files: Vec<File>,
}

#[derive(Debug, Clone)]
struct File {
    path: &'static str,
    content_type: &'static str,
    text: &'static str,
}

impl Page {
    /// A page at `/`.
    pub fn new(html: &'static str) -> Self {
        Self { files: vec![File { path: "/", content_type: "text/html; charset=utf-8", text: html }] }
    }

    /// Adds a script at this path.
    #[must_use]
    pub fn script(self, path: &'static str, text: &'static str) -> Self {
        self.file(path, "text/javascript; charset=utf-8", text)
    }

    /// Adds a style sheet at this path.
    #[must_use]
    pub fn style(self, path: &'static str, text: &'static str) -> Self {
        self.file(path, "text/css; charset=utf-8", text)
    }

    fn file(mut self, path: &'static str, content_type: &'static str, text: &'static str) -> Self {
        self.files.push(File { path, content_type, text });
        self
    }

    /// The routes, which answer GET and HEAD.
    ///
    /// # Panics
    /// When two files have one path, or a path does not begin with `/`.
    pub fn routes<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        self.files.into_iter().fold(Router::new(), |routes, file| {
            let answer = (head(file.content_type), file.text);
            routes.route(file.path, get(async move || answer))
        })
    }
}

fn head(content_type: &'static str) -> [(HeaderName, HeaderValue); 2] {
    [
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ]
}
