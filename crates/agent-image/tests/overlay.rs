//! What is unpacked, overlayfs understands.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod support;

use agent_driver::{Images, PullPolicy};
use agent_image::ImageStore;
use agent_image::fixture::{FixtureImage, TarEntry};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Mounts in a namespace of its own, which takes the mount away with it, and answers what a shell says.
fn in_overlay(layers: &[std::path::PathBuf], at: &Path, script: &str) -> String {
    let lower: Vec<String> = layers.iter().map(|layer| layer.display().to_string()).collect();
    let script = format!("mount -t overlay overlay -o ro,lowerdir={} . && cd . && {script}", lower.join(":"));
    let script = script.replace("cd .", &format!("cd {}", at.display()));
    let output =
        Command::new("unshare").args(["--mount", "sh", "-c", &script]).current_dir(at).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn needs_root_whiteouts_hide_what_is_below() {
    let dir = tempfile::tempdir().unwrap();
    let file = |path| TarEntry::File(path, b"x", 0o644);
    let image = FixtureImage::new("x")
        .with_layer(&[
            file("a/one"),
            file("a/two"),
            file("b/old"),
            file("c/old"),
            file("gone/x"),
            file("kept/x"),
        ])
        .unwrap()
        .with_layer(&[
            TarEntry::File("a/.wh.one", b"", 0),
            TarEntry::File("b/.wh..wh..opq", b"", 0),
            file("b/new"),
            TarEntry::File(".wh.gone", b"", 0),
            TarEntry::File(".wh.c", b"", 0),
            TarEntry::Directory("c", 0o700),
            file("c/new"),
        ])
        .unwrap();
    image.write_layout(&dir.path().join("layout")).unwrap();
    let store = ImageStore::open(dir.path().join("store")).unwrap();
    store.load(&dir.path().join("layout"), None, &|_| {}).unwrap();
    let image = store.ensure("x", PullPolicy::Default).await.unwrap();
    let merged = dir.path().join("merged");
    fs::create_dir(&merged).unwrap();
    let files = in_overlay(&image.layers, &merged, "find . -type f | sort");
    assert_eq!(files, "./a/two\n./b/new\n./c/new\n./kept/x\n");
    assert_eq!(in_overlay(&image.layers, &merged, "stat -c %a c"), "700\n");
}
