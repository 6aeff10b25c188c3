//! `fluentd-address`, as Docker's fluentd driver reads it.

use std::fmt;
use std::path::PathBuf;

/// "fluentd-address: … By default, the logging driver connects to localhost:24224."
const HOST_DEFAULT: &str = "127.0.0.1";
const PORT_DEFAULT: u16 = 24224;

/// Where a collector listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A name or address, and a port.
    Tcp(String, u16),
    /// A socket's path.
    Unix(PathBuf),
}

impl Address {
    /// # Errors
    /// The text names no such place.
    pub fn parse(text: &str) -> Result<Self, String> {
        let invalid = |reason: &str| format!("invalid fluentd-address ({text}): {reason}");
        let (scheme, rest) = text.split_once("://").unwrap_or(("tcp", text));
        match scheme {
            "unix" if rest.is_empty() => Err(invalid("path is empty")),
            "unix" => Ok(Self::Unix(rest.into())),
            "tcp" if rest.contains('/') => Err(invalid("should not contain a path element")),
            "tcp" => {
                let (host, port) = match split_port(rest) {
                    (host, Some(port)) => (host, port.parse().map_err(|_| invalid("invalid port"))?),
                    (host, None) => (host, PORT_DEFAULT),
                };
                let host = if host.is_empty() { HOST_DEFAULT } else { host };
                Ok(Self::Tcp(host.to_owned(), port))
            }
            other => Err(invalid(&format!("unsupported scheme: {other}"))),
        }
    }
}

/// The last colon, unless it is one of an IPv6 address, which has brackets if it has a port.
fn split_port(text: &str) -> (&str, Option<&str>) {
    if let Some(rest) = text.strip_prefix('[')
        && let Some((host, after)) = rest.split_once(']')
    {
        return (host, after.strip_prefix(':'));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}

/// As Go writes it in errors: network and address.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "tcp [{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "tcp {host}:{port}"),
            Self::Unix(path) => write!(f, "unix {}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_and_what_is_the_default() {
        let shown = |text| Address::parse(text).expect(text).to_string();
        assert_eq!(shown(""), "tcp 127.0.0.1:24224");
        assert_eq!(shown("collector"), "tcp collector:24224");
        assert_eq!(shown("tcp://10.0.0.7:1234"), "tcp 10.0.0.7:1234");
        assert_eq!(shown(":1234"), "tcp 127.0.0.1:1234");
        assert_eq!(shown("[::1]:1234"), "tcp [::1]:1234");
        assert_eq!(shown("[::1]"), "tcp [::1]:24224");
        assert_eq!(shown("::1"), "tcp [::1]:24224");
        assert_eq!(shown("unix:///run/fluent.sock"), "unix /run/fluent.sock");
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        for (text, reason) in [
            ("unix://", "path is empty"),
            ("tcp://host/path", "should not contain a path element"),
            ("host:port", "invalid port"),
            ("host:65536", "invalid port"),
            ("tls://host", "unsupported scheme: tls"),
        ] {
            let error = Address::parse(text).expect_err(text);
            assert_eq!(error, format!("invalid fluentd-address ({text}): {reason}"));
        }
    }
}
