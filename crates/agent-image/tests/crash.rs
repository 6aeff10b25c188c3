//! Killed at any moment, the store stays usable and complete.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod support;

use agent_driver::{Images, PullPolicy};
use agent_image::ImageStore;
use agent_image::fixture::{FixtureImage, TarEntry};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use support::FakeRegistry;

/// Set for the process that is to be killed: `STORE REFERENCE ARCHIVE`.
const VICTIM: &str = "AGENT_IMAGE_TEST_VICTIM";
const ROUNDS: u64 = 25;

fn image(files: usize) -> FixtureImage {
    let mut image = FixtureImage::new("demo");
    for layer in 0..4 {
        let paths: Vec<String> =
            (0..files).map(|file| format!("layer{layer}/dir{}/file{file}", file % 10)).collect();
        let entries: Vec<_> = paths.iter().map(|path| TarEntry::File(path, path.as_bytes(), 0o644)).collect();
        image = image.with_layer(&entries).unwrap();
    }
    image
}

/// Pulls, loads and removes until it is killed. Not a test of its own.
#[tokio::test]
async fn victim() {
    let Ok(arguments) = std::env::var(VICTIM) else { return };
    let mut arguments = arguments.split(' ');
    let mut next = || arguments.next().unwrap().to_owned();
    let (store, reference, archive) = (next(), next(), next());
    loop {
        let store = ImageStore::open(&store).unwrap();
        store.ensure(&reference, PullPolicy::Default).await.unwrap();
        store.load(Path::new(&archive), None, &|_| {}).unwrap();
        store.remove("demo", &BTreeSet::new()).unwrap();
        store.remove(&reference, &BTreeSet::new()).unwrap();
    }
}

#[tokio::test]
async fn killed_anywhere_the_store_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (store_path, archive) = (dir.path().join("store"), dir.path().join("demo.tar"));
    let registry = FakeRegistry::start();
    let image = image(60);
    registry.publish("latest", &image);
    image.write_docker_archive(&archive).unwrap();
    let reference = registry.reference("demo");
    for round in 0..ROUNDS {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "victim", "--nocapture"])
            .env(VICTIM, format!("{} {reference} {}", store_path.display(), archive.display()))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Spread over a few rounds of its work; what it is doing then, only the machine knows.
        tokio::time::sleep(Duration::from_millis(30 + round * 17)).await;
        assert!(victim.try_wait().unwrap().is_none(), "it runs until it is killed");
        victim.kill().unwrap();
        victim.wait().unwrap();
        assert_whole(&store_path, &reference).await;
    }
}

/// What is listed is complete; what is missing can be had; nothing half-done is left.
async fn assert_whole(path: &Path, reference: &str) {
    let store = ImageStore::open(path).unwrap();
    for image in store.list().unwrap() {
        let found = store.ensure(&image.reference, PullPolicy::PreferCached).await.unwrap();
        assert_layers(&found.layers);
    }
    assert_layers(&store.ensure(reference, PullPolicy::Default).await.unwrap().layers);
    for process in fs::read_dir(path.join("tmp")).unwrap() {
        assert_eq!(fs::read_dir(process.unwrap().path()).unwrap().count(), 0);
    }
}

fn assert_layers(layers: &[std::path::PathBuf]) {
    for (index, layer) in layers.iter().rev().enumerate() {
        for file in 0..60 {
            let path = format!("layer{index}/dir{}/file{file}", file % 10);
            assert_eq!(fs::read_to_string(layer.join(&path)).unwrap(), path);
        }
    }
}
