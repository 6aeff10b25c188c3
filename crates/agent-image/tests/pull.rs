//! Pulling from a registry that does what registries do wrong.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod support;

use agent_driver::{Image, Images, PullPolicy};
use agent_image::fixture::{FixtureImage, Packing, TarEntry};
use agent_image::{Credentials, ImageStore, Limits, Options};
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};
use support::{FakeRegistry, Fault, two_layers};

struct World {
    registry: FakeRegistry,
    store: ImageStore,
    dir: tempfile::TempDir,
}

fn world() -> World {
    world_with(Options::default())
}

fn world_with(options: Options) -> World {
    let dir = tempfile::tempdir().unwrap();
    let store = ImageStore::open_with(dir.path(), options).unwrap();
    World { registry: FakeRegistry::start(), store, dir }
}

impl World {
    async fn pull(&self, rest: &str) -> Result<Image, String> {
        self.store.ensure(&self.registry.reference(rest), PullPolicy::Default).await.map_err(|error| error.0)
    }

    /// Nothing is half-done: no layer, no reference, nothing in flight.
    fn assert_empty(&self) {
        for part in ["layers", "refs", "blobs/sha256"] {
            assert_eq!(fs::read_dir(self.dir.path().join(part)).unwrap().count(), 0, "{part}");
        }
        for process in fs::read_dir(self.dir.path().join("tmp")).unwrap() {
            assert_eq!(fs::read_dir(process.unwrap().path()).unwrap().count(), 0, "tmp");
        }
    }
}

fn names(image: &Image) -> Vec<String> {
    image.layers.iter().map(|layer| fs::read_to_string(layer.join("etc/name")).unwrap_or_default()).collect()
}

#[tokio::test]
async fn an_image_is_pulled_unpacked_and_kept() {
    for packing in [Packing::Plain, Packing::Gzip, Packing::Zstd] {
        let world = world();
        let mut image = two_layers("x");
        image.packing = packing;
        let packed = world.registry.publish("latest", &image);
        let pulled = world.pull("team/app").await.unwrap();
        assert_eq!(names(&pulled), ["upper", "lower"], "the topmost first");
        assert_eq!(pulled.id.0, packed.config.digest);
        assert_eq!(pulled.digest, Some(packed.manifest.digest));
        assert_eq!(pulled.config.entrypoint, ["/entry"]);
        assert_eq!((pulled.config.cmd[0].as_str(), pulled.config.env[0].as_str()), ("arg", "A=b"));
        // Asked again, the registry only tells that nothing changed.
        let before = world.registry.requests("GET ");
        assert_eq!(world.pull("team/app:latest").await.unwrap(), pulled);
        assert_eq!(world.registry.requests("GET "), before);
        // A store that is opened anew has it too.
        let again = ImageStore::open(world.dir.path()).unwrap();
        let reference = world.registry.reference("team/app");
        assert_eq!(again.ensure(&reference, PullPolicy::PreferCached).await.unwrap(), pulled);
    }
}

#[tokio::test]
async fn a_moved_tag_is_followed_and_shared_layers_are_not_pulled_again() {
    let world = world();
    let packed = world.registry.publish("latest", &two_layers("x"));
    let first = world.pull("app").await.unwrap();
    let grown = two_layers("x").with_layer(&[TarEntry::File("etc/name", b"newest", 0o644)]).unwrap();
    world.registry.publish("latest", &grown);
    let cached =
        world.store.ensure(&world.registry.reference("app"), PullPolicy::PreferCached).await.unwrap();
    assert_eq!(cached, first);
    let second = world.pull("app").await.unwrap();
    assert_eq!(names(&second), ["newest", "upper", "lower"]);
    assert_eq!(second.layers[1..], first.layers);
    assert_eq!(world.registry.requests(&packed.layers[0].digest), 1);
}

#[tokio::test]
async fn the_image_on_the_host_is_used_when_the_registry_fails() {
    let world = world();
    world.registry.publish("latest", &two_layers("x"));
    let pulled = world.pull("app").await.unwrap();
    world.registry.fault("latest", Fault::Status(500, 1000));
    let before = world.registry.requests("");
    assert_eq!(world.pull("app").await.unwrap(), pulled);
    assert_eq!(world.registry.requests(""), before + 1, "asked once, not to keep the task waiting");
}

#[tokio::test]
async fn references_by_digest_need_no_answer_twice() {
    let world = world();
    world.registry.turn(|knobs| knobs.no_digest_header = true);
    let packed = world.registry.publish("latest", &two_layers("x"));
    let by_digest = format!("app@{}", packed.manifest.digest);
    let pulled = world.pull(&by_digest).await.unwrap();
    let before = world.registry.requests("");
    assert_eq!(world.pull(&by_digest).await.unwrap(), pulled);
    assert_eq!(world.registry.requests(""), before);
    assert_eq!(world.pull("app").await.unwrap().digest, pulled.digest, "hashed, for lack of a header");
}

#[tokio::test]
async fn the_platform_of_the_host_is_chosen() {
    let world = world();
    let image = two_layers("x");
    let ours = image.pack().unwrap();
    world.registry.put_blobs(&ours);
    let mut entry = ours.manifest.descriptor("application/vnd.oci.image.manifest.v1+json");
    entry["platform"] = serde_json::json!({ "os": "linux", "architecture": image.architecture });
    let mut other = entry.clone();
    other["platform"]["architecture"] = "s390x".into();
    other["digest"] = format!("sha256:{}", "0".repeat(64)).into();
    let index = |entries: &[&serde_json::Value]| {
        serde_json::json!({ "schemaVersion": 2, "manifests": entries }).to_string().into_bytes()
    };
    let index_type = "application/vnd.oci.image.index.v1+json";
    let both = agent_image::fixture::Blob::new(index(&[&other, &entry]));
    world.registry.put("latest", index_type, &both.content);
    world.registry.put(&both.digest, index_type, &both.content);
    let pulled = world.pull("app").await.unwrap();
    assert_eq!((pulled.id.0, pulled.digest), (ours.config.digest, Some(both.digest)));

    let foreign = agent_image::fixture::Blob::new(index(&[&other]));
    world.registry.put("foreign", index_type, &foreign.content);
    world.registry.put(&foreign.digest, index_type, &foreign.content);
    let error = world.pull("app:foreign").await.unwrap_err();
    let expected = format!("descriptor matching platform 'linux/{}'", image.architecture);
    assert!(error.contains(&expected), "{error}");

    let mut single = two_layers("x");
    single.architecture = "s390x".to_owned();
    world.registry.publish("single", &single);
    assert!(world.pull("app:single").await.unwrap_err().contains(&expected));
}

#[tokio::test]
async fn a_missing_image_is_reported_as_ecs_does() {
    let world = world();
    let reference = world.registry.reference("app:nope");
    let expected = format!(
        "pull image manifest has been retried 1 time(s): failed to resolve ref {reference}: {reference}: not found"
    );
    assert_eq!(world.pull("app:nope").await.unwrap_err(), expected);
    assert_eq!(world.pull("UPPER").await.unwrap_err().split(':').next(), Some("invalid reference format"));
    world.assert_empty();
}

#[tokio::test]
async fn nobody_there_is_reported_soon() {
    let world = world();
    let began = Instant::now();
    // Bound, never listening: refused at once, and no one else takes the port.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let reference = format!("127.0.0.1:{}/app", socket.local_addr().unwrap().port());
    let error = world.store.ensure(&reference, PullPolicy::Default).await.unwrap_err().0;
    assert!(
        error.starts_with("pull image manifest has been retried 3 time(s): failed to resolve ref"),
        "{error}"
    );
    assert!(error.contains("failed to do request: Head \"http://127.0.0.1:"), "{error}");
    assert!(error.ends_with("Connection refused (os error 111)"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(60), "long before anything times out");
}

#[tokio::test]
async fn a_registry_that_hangs_is_given_up() {
    let world = world_with(Options { resolve_timeout: Duration::from_millis(300), ..Options::default() });
    world.registry.publish("latest", &two_layers("x"));
    world.registry.fault("latest", Fault::Hang);
    let error = world.pull("app").await.unwrap_err();
    assert!(error.ends_with("app:latest: i/o timeout"), "{error}");
    world.assert_empty();
}

#[tokio::test]
async fn errors_that_pass_are_survived() {
    let world = world();
    let packed = world.registry.publish("latest", &two_layers("x"));
    world.registry.fault("latest", Fault::Status(500, 1));
    world.registry.fault(&packed.manifest.digest, Fault::Status(503, 1));
    world.registry.fault(&packed.layers[0].digest, Fault::Status(429, 2));
    world.pull("app").await.unwrap();

    world.registry.publish("other", &two_layers("y").with_layer(&[]).unwrap());
    world.registry.fault("other", Fault::Status(500, 1000));
    let error = world.pull("app:other").await.unwrap_err();
    assert!(
        error.starts_with("pull image manifest has been retried 3 time(s): failed to resolve ref "),
        "{error}"
    );
    assert!(error.contains("unexpected status from Head"), "{error}");
}

#[tokio::test]
async fn lies_are_found_out_and_nothing_stays() {
    let world = world();
    let packed = world.registry.publish("latest", &two_layers("x"));
    let blobs = [&packed.manifest, &packed.config, &packed.layers[0], &packed.layers[1]];
    for blob in blobs {
        for (fault, text) in [(Fault::Lie, "has the digest sha256:"), (Fault::Endless, "bytes")] {
            world.registry.turn(|knobs| knobs.faults.clear());
            world.registry.fault(&blob.digest, fault);
            let error = world.pull("app").await.unwrap_err();
            assert!(error.contains(text), "{error}");
            assert!(error.contains("retried 1 time(s)"), "{error}");
        }
    }
    world.registry.turn(|knobs| knobs.faults.clear());
    world.registry.fault(&packed.layers[1].digest, Fault::Truncate);
    let error = world.pull("app").await.unwrap_err();
    assert!(
        error.starts_with("ref pull has been retried 3 time(s): failed to copy: failed to do request"),
        "{error}"
    );
    assert!(world.store.list().unwrap().is_empty());
    // The lower layer may have made it, which is no harm: it is verified, and goes with the next collection.
    world.store.collect(&Default::default()).unwrap();
    world.assert_empty();
    world.registry.turn(|knobs| knobs.faults.clear());
    world.pull("app").await.unwrap();
}

#[tokio::test]
async fn a_layer_that_is_not_what_the_configuration_says_is_refused() {
    let world = world();
    let honest = two_layers("x").pack().unwrap();
    let mut other = two_layers("x");
    other.layers[1] = agent_image::fixture::tarball(&[TarEntry::File("etc/name", b"forged", 0o644)]).unwrap();
    let forged = other.pack().unwrap();
    world.registry.put_blobs(&forged);
    world.registry.put_blobs(&honest);
    let mut manifest: serde_json::Value = serde_json::from_slice(&honest.manifest.content).unwrap();
    let forged_manifest: serde_json::Value = serde_json::from_slice(&forged.manifest.content).unwrap();
    manifest["layers"] = forged_manifest["layers"].clone();
    let manifest = agent_image::fixture::Blob::new(manifest.to_string().into_bytes());
    for name in ["latest", manifest.digest.as_str()] {
        world.registry.put(name, agent_image::fixture::MANIFEST_TYPE, &manifest.content);
    }
    let error = world.pull("app").await.unwrap_err();
    assert!(
        error.contains("failed to extract layer") && error.contains("the configuration of the image says"),
        "{error}"
    );
    assert!(world.store.list().unwrap().is_empty());
}

#[tokio::test]
async fn tokens_are_fetched_anonymously_or_with_credentials() {
    for credentials in [None, Some(Credentials { username: "me".to_owned(), password: "pass".to_owned() })] {
        let registry = FakeRegistry::start();
        let name = registry.reference("").trim_end_matches('/').to_owned();
        let wanted = credentials.as_ref().map(|_| "Basic bWU6cGFzcw==".to_owned());
        let options = Options {
            credentials: credentials.map(|found| BTreeMap::from([(name, found)])).unwrap_or_default(),
            ..Options::default()
        };
        let world = World { registry, ..world_with(options) };
        world.registry.publish("latest", &two_layers("x"));
        world.registry.turn(|knobs| knobs.token = Some(wanted));
        world.pull("app").await.unwrap();
        assert_eq!(world.registry.requests("/token"), 1, "one token for the whole pull");
        world.registry.turn(|knobs| knobs.token = Some(Some("Basic other".to_owned())));
        let error = world.pull("app:two").await.unwrap_err();
        assert!(
            error.contains("pull access denied, repository does not exist or may require authorization"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn callers_at_the_same_time_share_the_work() {
    let world = world();
    let mut image = FixtureImage::new("x");
    for layer in 0..8_u8 {
        image = image.with_layer(&[TarEntry::File("etc/name", &[b'0' + layer], 0o644)]).unwrap();
    }
    let packed = world.registry.publish("latest", &image);
    let taller = image.with_layer(&[TarEntry::File("etc/name", b"8", 0o644)]).unwrap();
    world.registry.publish("taller", &taller);
    let (a, b, c, d) =
        tokio::join!(world.pull("app"), world.pull("app"), world.pull("app:taller"), world.pull("app"));
    assert_eq!(a.as_ref().unwrap(), b.as_ref().unwrap());
    assert_eq!(a.as_ref().unwrap(), d.as_ref().unwrap());
    assert_eq!(c.unwrap().layers[1..], a.unwrap().layers);
    for layer in &packed.layers {
        assert_eq!(world.registry.requests(&layer.digest), 1);
    }
    assert_eq!(world.registry.requests("HEAD /v2/app/manifests/latest"), 1);
    assert!(world.registry.most_blobs_in_flight() <= 3 + 3, "three for each image");
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_nothing_broken() {
    let world = world();
    let packed = world.registry.publish("latest", &two_layers("x"));
    world.registry.fault(&packed.layers[0].digest, Fault::Hang);
    let hanging = tokio::time::timeout(Duration::from_millis(300), world.pull("app")).await;
    assert!(hanging.is_err());
    world.registry.turn(|knobs| knobs.faults.clear());
    world.pull("app").await.unwrap();
}

#[tokio::test]
async fn layers_beyond_the_limits_are_refused() {
    let limits = Limits { max_bytes: 1 << 20, max_entries: 100 };
    let world = world_with(Options { limits, ..Options::default() });
    let zeros = vec![0; 2 << 20];
    let bomb = FixtureImage::new("x").with_layer(&[TarEntry::File("bomb", &zeros, 0o644)]).unwrap();
    let packed = world.registry.publish("latest", &bomb);
    assert!(packed.layers[0].content.len() < 100_000);
    let error = world.pull("app").await.unwrap_err();
    assert!(error.ends_with("the layer has more than 1048576 bytes"), "{error}");
    world.assert_empty();
}
