//! The greeting on a terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;

/// Prints the address and commands to try, if stdout is a terminal.
pub(crate) fn greet(address: Option<SocketAddr>) {
    let mut out = io::stdout().lock();
    if let Some(address) = address.filter(|_| out.is_terminal()) {
        // A terminal that is gone is no reason to end.
        drop(out.write_all(text(address).as_bytes()));
    }
}

fn text(address: SocketAddr) -> String {
    let base = format!("http://{address}");
    let order = r#"{"customer":"ada","items":[{"sku":"tea","quantity":2,"unit_price_cents":350}]}"#;
    format!(
        "\norders listens on {base}. Try:\n\n\
         \x20 curl -i {base}/orders -H 'content-type: application/json' -d '{order}'\n\
         \x20 curl '{base}/orders?customer=ada&limit=20'\n\
         \x20 curl {base}/stats\n\n\
         Ctrl-C ends it.\n\n"
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn there_are_three_lines_to_try() {
        let text = super::text(([127, 0, 0, 1], 8080).into());
        assert_eq!(text.matches("  curl ").count(), 3);
        assert!(text.contains("listens on http://127.0.0.1:8080"));
    }
}
