//! Manifests, indexes and configurations of images, as registries and archives have them.

use crate::digest::Digest;
use crate::error::ManifestError;
use agent_driver::ImageConfig;
use oci_spec::image::{ImageIndex, ImageManifest};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Largest manifest or index that is read, in bytes: what registries accept.
pub(crate) const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// What registries are asked for.
pub(crate) const MANIFEST_TYPES: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// A digest with the size that belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Descriptor {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

impl TryFrom<&oci_spec::image::Descriptor> for Descriptor {
    type Error = ManifestError;

    fn try_from(descriptor: &oci_spec::image::Descriptor) -> Result<Descriptor, ManifestError> {
        let digest = Digest::try_from(descriptor.digest().to_string())?;
        Ok(Descriptor { digest, size: descriptor.size() })
    }
}

/// A document at a reference.
pub(crate) enum Document {
    Index(Box<ImageIndex>),
    Image(Manifest),
}

/// One image's manifest.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) config: Descriptor,
    /// The lowest first.
    pub(crate) layers: Vec<Descriptor>,
}

/// The fields that tell manifests from indexes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    schema_version: u32,
    media_type: Option<String>,
    manifests: Option<serde::de::IgnoredAny>,
}

impl Document {
    pub(crate) fn parse(json: &[u8]) -> Result<Document, ManifestError> {
        let what = "manifest";
        let invalid = |source| ManifestError::Json { what, source };
        let shape: Shape = serde_json::from_slice(json).map_err(invalid)?;
        if shape.schema_version != 2 {
            return Err(ManifestError::MediaType(format!(
                "manifest, schema version {}",
                shape.schema_version
            )));
        }
        if let Some(media_type) =
            shape.media_type.filter(|media_type| !MANIFEST_TYPES.contains(&media_type.as_str()))
        {
            return Err(ManifestError::MediaType(media_type));
        }
        if shape.manifests.is_some() {
            return Ok(Document::Index(serde_json::from_slice(json).map_err(invalid)?));
        }
        let manifest: ImageManifest = serde_json::from_slice(json).map_err(invalid)?;
        Manifest::try_from(&manifest).map(Document::Image)
    }
}

impl TryFrom<&ImageManifest> for Manifest {
    type Error = ManifestError;

    fn try_from(manifest: &ImageManifest) -> Result<Manifest, ManifestError> {
        let config_type = manifest.config().media_type().to_string();
        if !CONFIG_TYPES.contains(&config_type.as_str()) {
            return Err(ManifestError::MediaType(config_type));
        }
        for layer in manifest.layers() {
            let layer_type = layer.media_type().to_string();
            if !is_layer_type(&layer_type) {
                return Err(ManifestError::MediaType(layer_type));
            }
        }
        Ok(Manifest {
            config: manifest.config().try_into()?,
            layers: manifest.layers().iter().map(Descriptor::try_from).collect::<Result<_, _>>()?,
        })
    }
}

const CONFIG_TYPES: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// Archives in a compression that we read. Which one it really is, its first bytes say.
fn is_layer_type(media_type: &str) -> bool {
    let bases = [
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
    ];
    let compression = bases.iter().find_map(|base| media_type.strip_prefix(base));
    matches!(compression, Some("" | "+gzip" | ".gzip" | "+zstd" | ".zstd"))
}

/// What the host runs: `linux/ARCHITECTURE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Platform {
    architecture: String,
}

impl Platform {
    pub(crate) fn of_host() -> Platform {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            "powerpc64" => "ppc64le",
            "loongarch64" => "loong64",
            other => other,
        };
        Platform { architecture: architecture.to_owned() }
    }

    pub(crate) fn architecture(&self) -> &str {
        &self.architecture
    }

    fn mismatch(&self) -> ManifestError {
        ManifestError::Platform(format!("linux/{}", self.architecture))
    }

    /// The entry of an index for this host. Entries without a platform come last: their configuration will tell.
    pub(crate) fn choose(&self, index: &ImageIndex) -> Result<Descriptor, ManifestError> {
        let rank = |entry: &oci_spec::image::Descriptor| match entry.platform() {
            None => Some(2),
            Some(platform) if platform.os().to_string() != "linux" => None,
            Some(platform) if platform.architecture().to_string() != self.architecture => None,
            Some(platform) => match platform.variant().as_deref() {
                None | Some("" | "v1" | "v8") => Some(0),
                // amd64/v3, say: not every such host can run it, so only when there is nothing plainer.
                Some(_) => Some(1),
            },
        };
        let chosen =
            index.manifests().iter().filter_map(|entry| Some((rank(entry)?, entry))).min_by_key(|c| c.0);
        let (_, entry) = chosen.ok_or_else(|| self.mismatch())?;
        entry.try_into()
    }
}

/// An image's configuration (OCI image configuration).
#[derive(Debug, Deserialize)]
pub(crate) struct Config {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
    /// RFC 3339, as the image has it.
    #[serde(default)]
    pub(crate) created: Option<String>,
    #[serde(default)]
    config: Option<Container>,
    rootfs: RootFs,
}

#[derive(Debug, Deserialize)]
struct RootFs {
    /// `null` in an image without layers.
    #[serde(default)]
    diff_ids: Option<Vec<Digest>>,
}

/// `null` stands for nothing in many images, so everything is optional.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Container {
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    env: Option<Vec<String>>,
    working_dir: Option<String>,
    user: Option<String>,
    stop_signal: Option<String>,
    /// Paths as names of members; their values are empty objects.
    volumes: Option<BTreeMap<String, serde::de::IgnoredAny>>,
    labels: Option<BTreeMap<String, String>>,
}

impl Config {
    /// Accepts what is for this platform.
    pub(crate) fn parse(json: &[u8], platform: &Platform) -> Result<Config, ManifestError> {
        let config: Config = serde_json::from_slice(json)
            .map_err(|source| ManifestError::Json { what: "image configuration", source })?;
        if config.os != "linux" || config.architecture != platform.architecture {
            return Err(platform.mismatch());
        }
        Ok(config)
    }

    /// The lowest first.
    pub(crate) fn diff_ids(&self) -> &[Digest] {
        self.rootfs.diff_ids.as_deref().unwrap_or_default()
    }

    pub(crate) fn container(&self) -> ImageConfig {
        let Some(config) = &self.config else { return ImageConfig::default() };
        ImageConfig {
            entrypoint: config.entrypoint.clone().unwrap_or_default(),
            cmd: config.cmd.clone().unwrap_or_default(),
            env: config.env.clone().unwrap_or_default(),
            working_dir: config.working_dir.clone().unwrap_or_default(),
            user: config.user.clone().unwrap_or_default(),
            stop_signal: config.stop_signal.clone().unwrap_or_default(),
            volumes: config.volumes.iter().flatten().map(|(path, _)| path.clone()).collect(),
            labels: config.labels.clone().unwrap_or_default(),
        }
    }

    pub(crate) fn expect_layers(&self, layers: usize) -> Result<(), ManifestError> {
        let diff_ids = self.diff_ids().len();
        if layers == diff_ids { Ok(()) } else { Err(ManifestError::LayerCount { layers, diff_ids }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amd64() -> Platform {
        Platform { architecture: "amd64".to_owned() }
    }

    fn index(platforms: &[&str]) -> ImageIndex {
        let entries: Vec<_> = platforms
            .iter()
            .enumerate()
            .map(|(i, platform)| {
                let digest = Digest::of(&[i as u8]);
                let mut entry = serde_json::json!({
                    "mediaType": MANIFEST_TYPES[2], "digest": digest.as_str(), "size": i,
                });
                let mut parts = platform.split('/');
                if let (Some(os), Some(architecture)) = (parts.next(), parts.next()) {
                    entry["platform"] = serde_json::json!({ "os": os, "architecture": architecture });
                    if let Some(variant) = parts.next() {
                        entry["platform"]["variant"] = variant.into();
                    }
                }
                entry
            })
            .collect();
        let json = serde_json::json!({ "schemaVersion": 2, "manifests": entries }).to_string();
        match Document::parse(json.as_bytes()).unwrap() {
            Document::Index(index) => *index,
            Document::Image(_) => panic!("an index"),
        }
    }

    #[test]
    fn the_entry_for_the_host_is_chosen() {
        let chosen = |platforms: &[&str]| amd64().choose(&index(platforms)).ok().map(|entry| entry.size);
        assert_eq!(chosen(&["linux/arm64/v8", "windows/amd64", "linux/amd64", "linux/amd64"]), Some(2));
        assert_eq!(chosen(&["linux/amd64/v3", "linux/amd64"]), Some(1));
        assert_eq!(chosen(&["none", "linux/amd64/v2"]), Some(1));
        assert_eq!(chosen(&["unknown/unknown", "none"]), Some(1));
        assert_eq!(chosen(&["linux/arm64", "unknown/unknown"]), None);
        let error = amd64().choose(&index(&["linux/arm64"])).unwrap_err().to_string();
        assert_eq!(error, "image Manifest does not contain descriptor matching platform 'linux/amd64'");
    }

    #[test]
    fn configurations_full_of_nulls_are_read() {
        let json = br#"{"architecture":"amd64","os":"linux","created":null,"history":null,
            "config":{"Entrypoint":null,"Cmd":["sh"],"Env":null,"Volumes":null,"Labels":null,"User":"","OnBuild":null},
            "rootfs":{"type":"layers","diff_ids":null}}"#;
        let config = Config::parse(json, &amd64()).unwrap();
        assert_eq!(config.container(), ImageConfig { cmd: vec!["sh".to_owned()], ..ImageConfig::default() });
        assert!(config.diff_ids().is_empty());
        let error = config.expect_layers(3).unwrap_err().to_string();
        assert_eq!(error, "number of layers and diffIDs don't match: 3 != 0");
        assert!(Config::parse(json, &Platform { architecture: "arm64".to_owned() }).is_err());
    }

    #[test]
    fn a_configuration_says_how_its_containers_begin_and_end() {
        let json = br#"{"architecture":"amd64","os":"linux","config":{"Entrypoint":["/init"],"Cmd":["serve"],
            "Env":["A=b"],"WorkingDir":"/srv","User":"app:app","StopSignal":"SIGQUIT",
            "Volumes":{"/var/lib/b":{},"/a":{}},"Labels":{"org.opencontainers.image.version":"7","empty":""},
            "ExposedPorts":{"80/tcp":{}}},"rootfs":{"type":"layers","diff_ids":[]}}"#;
        let strings = |words: &[&str]| words.iter().map(|word| word.to_string()).collect::<Vec<_>>();
        let labels = [("empty", ""), ("org.opencontainers.image.version", "7")];
        let expected = ImageConfig {
            entrypoint: strings(&["/init"]),
            cmd: strings(&["serve"]),
            env: strings(&["A=b"]),
            working_dir: "/srv".to_owned(),
            user: "app:app".to_owned(),
            stop_signal: "SIGQUIT".to_owned(),
            volumes: strings(&["/a", "/var/lib/b"]),
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        };
        assert_eq!(Config::parse(json, &amd64()).unwrap().container(), expected);
    }

    #[test]
    fn what_is_no_image_is_refused_by_its_media_type() {
        let digest = Digest::of(b"");
        let manifest = |config: &str, layer: &str| {
            format!(
                r#"{{"schemaVersion":2,"config":{{"mediaType":"{config}","digest":"{digest}","size":1}},
                "layers":[{{"mediaType":"{layer}","digest":"{digest}","size":1}}]}}"#
            )
        };
        let parse = |json: String| Document::parse(json.as_bytes()).map(|_| ()).map_err(|e| e.to_string());
        let (config, layer) = (CONFIG_TYPES[0], "application/vnd.oci.image.layer.v1.tar+zstd");
        assert_eq!(parse(manifest(config, layer)), Ok(()));
        let chart = "application/vnd.cncf.helm.config.v1+json";
        assert_eq!(parse(manifest(chart, layer)), Err(format!("unsupported media type {chart:?}")));
        let encrypted = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted";
        assert_eq!(parse(manifest(config, encrypted)), Err(format!("unsupported media type {encrypted:?}")));
        assert!(parse(r#"{"schemaVersion":1,"name":"old"}"#.to_owned()).is_err());
        assert!(parse("[".repeat(100_000)).is_err());
    }
}
