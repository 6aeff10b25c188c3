//! Loading archives of all kinds, listing and removing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod support;

use agent_driver::{Images, PullPolicy};
use agent_image::fixture::{FixtureImage, Packing, TarEntry, pack};
use agent_image::{HELLO, ImageStore, LoadError, LoadProgress, LoadedImage, RemoveError};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use support::{assert_installed, two_layers};

struct World {
    store: ImageStore,
    dir: tempfile::TempDir,
}

fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    World { store: ImageStore::open(dir.path().join("store")).unwrap(), dir }
}

impl World {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn load(&self, path: &Path, name: Option<&str>) -> Result<Vec<LoadedImage>, LoadError> {
        self.store.load(path, name, &|_| {})
    }
}

async fn assert_two_layers(store: &ImageStore, reference: &str) {
    let image = store.ensure(reference, PullPolicy::Default).await.unwrap();
    let name = |layer: usize| fs::read_to_string(image.layers[layer].join("etc/name")).unwrap();
    assert_eq!((name(0).as_str(), name(1).as_str()), ("upper", "lower"));
    assert_eq!(image.config.entrypoint, ["/entry"]);
}

fn tar(directory: &Path, to: &Path) {
    let mut builder = tar::Builder::new(fs::File::create(to).unwrap());
    builder.append_dir_all(".", directory).unwrap();
    builder.finish().unwrap();
}

#[tokio::test]
async fn layouts_and_archives_are_loaded() {
    let world = world();
    let reference = "docker.io/library/demo:1";
    let (layout, docker, layout_tar) =
        (world.path("layout"), world.path("docker.tar"), world.path("layout.tar"));
    let mut image = two_layers("demo:1");
    image.packing = Packing::Zstd;
    image.write_layout(&layout).unwrap();
    image.write_docker_archive(&docker).unwrap();
    tar(&layout, &layout_tar);
    let plain = fs::read(&docker).unwrap();
    fs::write(world.path("docker.tar.gz"), pack(&plain, Packing::Gzip).unwrap()).unwrap();
    fs::write(world.path("docker.tar.zst"), pack(&plain, Packing::Zstd).unwrap()).unwrap();
    let id = image.pack().unwrap().config.digest;
    for path in [layout, docker, layout_tar, world.path("docker.tar.gz"), world.path("docker.tar.zst")] {
        let store = ImageStore::open(world.path("fresh")).unwrap();
        let progress = Mutex::new(Vec::new());
        let loaded = store.load(&path, None, &|now| progress.lock().unwrap().push(now)).unwrap();
        assert_eq!((loaded[0].reference.as_str(), loaded[0].id.0.as_str()), (reference, id.as_str()));
        assert_eq!(loaded[0].size_bytes, 5 + 5 + 5);
        let LoadProgress { done_bytes, total_bytes } = *progress.lock().unwrap().last().unwrap();
        assert!(done_bytes == total_bytes && total_bytes > 0);
        assert_two_layers(&store, "demo:1").await;
        fs::remove_dir_all(world.path("fresh")).unwrap();
    }
}

#[tokio::test]
async fn skopeos_archives_are_loaded() {
    assert_installed("skopeo", "skopeo");
    let world = world();
    two_layers("demo:1").write_layout(&world.path("layout")).unwrap();
    let from = format!("oci:{}:demo:1", world.path("layout").display());
    for (to, name, expected) in [
        (format!("docker-archive:{}:demo:2", world.path("a.tar").display()), None, "demo:2"),
        (format!("oci-archive:{}:demo:3", world.path("b.tar").display()), None, "demo:3"),
        (format!("oci-archive:{}", world.path("c.tar").display()), Some("named/by-hand"), "named/by-hand"),
    ] {
        let skopeo = Command::new("skopeo")
            .args(["copy", "--insecure-policy", &from, &to])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(skopeo.success());
        let file = to.split(':').nth(1).unwrap();
        world.load(Path::new(file), name).unwrap();
        assert_two_layers(&world.store, expected).await;
    }
}

#[test]
fn names_are_wanted_once() {
    let world = world();
    two_layers("demo:1").write_layout(&world.path("named")).unwrap();
    assert_eq!(
        world.load(&world.path("named"), Some("other/name")).unwrap()[0].reference,
        "docker.io/other/name:latest"
    );
    assert!(matches!(world.load(&world.path("named"), Some("Not A Name")), Err(LoadError::Name(_))));
    two_layers("demo:1").write_layout(&world.path("nameless")).unwrap();
    let index = world.path("nameless/index.json");
    fs::write(&index, fs::read_to_string(&index).unwrap().replace("ref.name", "unrelated")).unwrap();
    assert!(matches!(world.load(&world.path("nameless"), None), Err(LoadError::Nameless(_))));
    world.load(&world.path("nameless"), Some("given")).unwrap();
}

#[test]
fn what_is_no_archive_is_refused() {
    let world = world();
    let check = |path: &str, text: &str| {
        let error = world.load(&world.path(path), None).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    };
    check("missing", "No such file");
    fs::create_dir(world.path("empty")).unwrap();
    check("empty", "neither an OCI image layout nor a docker archive");
    fs::write(world.path("noise"), [7; 4000]).unwrap();
    check("noise", "neither an OCI image layout nor a docker archive: numeric field");
    fs::write(world.path("short.gz"), [0x1f, 0x8b, 8]).unwrap();
    check("short.gz", "cannot read");
    let tampered = world.path("tampered");
    two_layers("demo:1").write_layout(&tampered).unwrap();
    let config = two_layers("demo:1").pack().unwrap().config;
    let blob = tampered.join("blobs/sha256").join(config.digest.trim_start_matches("sha256:"));
    let changed = fs::read_to_string(&blob).unwrap().replace("/entry", "/other");
    fs::write(&blob, changed).unwrap();
    check("tampered", "does not have the digest");
    fs::remove_file(&blob).unwrap();
    check("tampered", "the archive has no blobs/sha256/");
    let escape = r#"[{"Config":"../../../../etc/hostname","RepoTags":["x"],"Layers":[]}]"#;
    fs::create_dir(world.path("escape")).unwrap();
    fs::write(world.path("escape/manifest.json"), escape).unwrap();
    check("escape", "the archive has no ../../../../etc/hostname");
    let mut foreign = two_layers("demo:1");
    foreign.architecture = "s390x".to_owned();
    foreign.write_layout(&world.path("foreign")).unwrap();
    check("foreign", "descriptor matching platform");
    assert!(world.store.list().unwrap().is_empty());
}

#[tokio::test]
async fn images_are_listed_and_removed_with_what_only_they_need() {
    let world = world();
    let base = FixtureImage::new("base").with_layer(&[TarEntry::File("base", b"12345", 0o644)]).unwrap();
    base.write_layout(&world.path("base")).unwrap();
    let top = base.clone().with_layer(&[TarEntry::File("top", b"123", 0o644)]).unwrap();
    FixtureImage { reference: "top".to_owned(), ..top }.write_layout(&world.path("top")).unwrap();
    world.load(&world.path("base"), None).unwrap();
    world.load(&world.path("top"), None).unwrap();
    let list = world.store.list().unwrap();
    let sizes: Vec<_> =
        list.iter().map(|image| (image.reference.as_str(), image.size_bytes, image.loaded)).collect();
    assert_eq!(
        sizes,
        [("docker.io/library/base:latest", 5, true), ("docker.io/library/top:latest", 8, true)]
    );
    assert_eq!(list[0].created.as_deref(), Some("2024-01-02T03:04:05Z"));

    let image = world.store.ensure("top", PullPolicy::Default).await.unwrap();
    let in_use: BTreeSet<PathBuf> = image.layers.iter().cloned().collect();
    let removed = world.store.remove("top", &in_use).unwrap();
    assert_eq!(removed.layers, 0, "a container needs them");
    assert!(image.layers[0].join("top").exists());
    assert!(matches!(world.store.remove("top", &in_use), Err(RemoveError::NotFound(_))));
    let removed = world.store.collect(&BTreeSet::new()).unwrap();
    assert_eq!((removed.layers, removed.size_bytes), (1, 3), "the other one is shared");
    assert!(!image.layers[0].exists() && image.layers[1].exists());
    let removed = world.store.remove("base:latest", &BTreeSet::new()).unwrap();
    assert_eq!((removed.layers, removed.size_bytes), (1, 5));
    for part in ["layers", "blobs/sha256", "refs"] {
        assert_eq!(fs::read_dir(world.path("store").join(part)).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn a_damaged_store_is_mended_by_loading_again() {
    let world = world();
    two_layers("demo:1").write_layout(&world.path("layout")).unwrap();
    world.load(&world.path("layout"), None).unwrap();
    let image = world.store.ensure("demo:1", PullPolicy::PreferCached).await.unwrap();
    fs::remove_dir_all(image.layers[0].parent().unwrap()).unwrap();
    assert!(world.store.list().unwrap().is_empty(), "an incomplete image is none");
    world.load(&world.path("layout"), None).unwrap();
    assert_two_layers(&world.store, "demo:1").await;
}

#[tokio::test]
async fn the_built_in_image_is_there_and_made_once() {
    let world = world();
    world.store.ensure_builtin().unwrap();
    let image = world.store.ensure(HELLO, PullPolicy::Default).await.unwrap();
    let made = fs::metadata(&image.layers[0]).unwrap().modified().unwrap();
    world.store.ensure_builtin().unwrap();
    assert_eq!(fs::metadata(&image.layers[0]).unwrap().modified().unwrap(), made);
    assert_eq!(image.config.entrypoint, ["/hello"]);
    assert!(world.store.list().unwrap()[0].loaded);
    let output =
        Command::new(image.layers[0].join("hello")).args(["echo", "Hello", "World!"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "Hello World!\n");
}

#[tokio::test]
async fn busybox_becomes_an_image() {
    assert_installed("/bin/busybox", "busybox-static");
    let world = world();
    FixtureImage::hello_world(Path::new("/bin/busybox"))
        .unwrap()
        .write_docker_archive(&world.path("hello.tar"))
        .unwrap();
    world.load(&world.path("hello.tar"), None).unwrap();
    let image = world.store.ensure("hello-world", PullPolicy::Default).await.unwrap();
    assert_eq!(fs::read_link(image.layers[0].join("bin/sh")).unwrap(), Path::new("busybox"));
}
