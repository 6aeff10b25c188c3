//! Names of images, as Docker reads them.

use agent_driver::PullError;
use oci_client::Reference;
use std::net::IpAddr;

/// Completes a name: registry `docker.io`, namespace `library`, tag `latest`. With a digest, the tag means nothing.
pub(crate) fn normalize(text: &str) -> Result<Reference, PullError> {
    let reference: Reference =
        text.parse().map_err(|error| PullError(format!("invalid reference format: {text:?}: {error}")))?;
    Ok(match reference.digest() {
        Some(digest) => reference.clone_with_digest(digest.to_owned()),
        None => reference,
    })
}

/// Registries of this host speak plain HTTP, as Docker has it for `127.0.0.0/8`.
pub(crate) fn is_local(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _port)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed_as_docker_does() {
        let whole = |text: &str| normalize(text).unwrap().whole();
        let digest = format!("sha256:{}", "ab".repeat(32));
        assert_eq!(whole("hello-world"), "docker.io/library/hello-world:latest");
        assert_eq!(whole("wharf/hello:1"), "docker.io/wharf/hello:1");
        assert_eq!(whole("127.0.0.1:5000/a/b"), "127.0.0.1:5000/a/b:latest");
        assert_eq!(whole("localhost/a"), "localhost/a:latest");
        assert_eq!(whole(&format!("a:tag@{digest}")), format!("docker.io/library/a@{digest}"));
        for bad in ["", "UPPER", "a b", "a@sha256:12", "../etc", "a:"] {
            assert!(normalize(bad).unwrap_err().0.starts_with("invalid reference format"), "{bad:?}");
        }
    }

    #[test]
    fn only_loopback_is_local() {
        assert!(
            is_local("127.0.0.1:5000")
                && is_local("localhost")
                && is_local("127.9.9.9")
                && is_local("[::1]:80")
        );
        assert!(!is_local("docker.io") && !is_local("10.0.0.1:5000") && !is_local("localhost.example.com"));
    }
}
