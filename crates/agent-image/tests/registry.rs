//! Pulling from Docker's own registry what skopeo pushed to it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod support;

use agent_driver::{Images, PullPolicy};
use agent_image::ImageStore;
use agent_image::fixture::{Packing, TarEntry};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use support::{assert_installed, eventually, two_layers};

/// Ends with the test.
struct Registry {
    process: Child,
    address: String,
}

impl Registry {
    fn start(dir: &Path) -> Registry {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let config = format!(
            "version: 0.1\nlog: {{ level: error }}\nhttp: {{ addr: '{address}' }}\n\
             storage: {{ filesystem: {{ rootdirectory: '{}' }} }}\n",
            dir.join("registry").display()
        );
        fs::write(dir.join("config.yml"), config).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(dir.join("config.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let registry = Registry { process, address };
        eventually("the registry listens", || TcpStream::connect(&registry.address).is_ok());
        registry
    }

    fn push(&self, layout: &Path, rest: &str, more: &[&str]) {
        let from = format!("oci:{}", layout.display());
        let to = format!("docker://{}/{rest}", self.address);
        let status = Command::new("skopeo")
            .args(["copy", "--insecure-policy", "--dest-tls-verify=false"])
            .args(more)
            .args([&from, &to])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn images_of_every_format_are_pulled() {
    assert_installed("docker-registry", "docker-registry");
    assert_installed("skopeo", "skopeo");
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start(dir.path());
    let store = ImageStore::open(dir.path().join("store")).unwrap();
    for (rest, packing, more) in [
        ("team/app:gzip", Packing::Gzip, &[][..]),
        ("team/app:zstd", Packing::Zstd, &[]),
        ("team/app:docker", Packing::Gzip, &["--format", "v2s2"]),
        ("plain", Packing::Plain, &["--format", "v2s2"]),
    ] {
        let layout = dir.path().join(rest.replace(['/', ':'], "-"));
        let mut image = two_layers("x");
        // A layer of its own for each, so that each is really pulled.
        image = image.with_layer(&[TarEntry::File("which", rest.as_bytes(), 0o644)]).unwrap();
        image.packing = packing;
        image.write_layout(&layout).unwrap();
        registry.push(&layout, rest, more);
        let reference = format!("{}/{rest}", registry.address);
        let pulled = store.ensure(&reference, PullPolicy::Default).await.unwrap();
        assert_eq!(fs::read_to_string(pulled.layers[0].join("which")).unwrap(), rest);
        assert_eq!(pulled.layers.len(), 3);
        assert_eq!(store.ensure(&reference, PullPolicy::Default).await.unwrap(), pulled);
    }
    let missing = format!("{}/team/app:none", registry.address);
    let error = store.ensure(&missing, PullPolicy::Default).await.unwrap_err().0;
    assert!(error.ends_with(&format!("failed to resolve ref {missing}: {missing}: not found")), "{error}");
    let cached = format!("{}/plain", registry.address);
    drop(registry);
    store.ensure(&cached, PullPolicy::Default).await.unwrap();
}
