//! The store as others see it.

use crate::digest::Digest;
use crate::disk::Disk;
use crate::error::StoreError;
use crate::flight::Flights;
use crate::layer::{Layer, chain};
use crate::manifest::{Config, Platform};
use crate::refs::Record;
use crate::registry::{Credentials, Registry};
use crate::unpack::Limits;
use agent_driver::{Image, ImageId, PullError};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How a store behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bounds of each layer.
    pub limits: Limits,
    /// By registry, as it stands in references (`docker.io`, `127.0.0.1:5000`). Others are asked anonymously.
    pub credentials: BTreeMap<String, Credentials>,
    /// For everything before the first layer, so that a task that cannot start says so soon.
    pub resolve_timeout: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            limits: Limits::default(),
            credentials: BTreeMap::new(),
            resolve_timeout: Duration::from_secs(20),
        }
    }
}

/// Images under one directory. Clones share everything.
#[derive(Clone)]
pub struct ImageStore(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) disk: Disk,
    pub(crate) limits: Limits,
    pub(crate) resolve_timeout: Duration,
    pub(crate) platform: Platform,
    pub(crate) registry: Registry,
    /// By reference.
    pub(crate) pulls: Flights<String, Result<Image, PullError>>,
    /// By chain id.
    pub(crate) layers: Flights<Digest, Result<(), PullError>>,
}

impl ImageStore {
    /// Opens a store, making it when it is missing. Only its owner can look into it.
    pub fn open(dir: impl AsRef<Path>) -> Result<ImageStore, StoreError> {
        ImageStore::open_with(dir, Options::default())
    }

    /// Opens a store with other options.
    pub fn open_with(dir: impl AsRef<Path>, options: Options) -> Result<ImageStore, StoreError> {
        // Overlayfs takes no relative directories.
        let dir = std::path::absolute(dir.as_ref()).map_err(|e| StoreError::new("open", dir.as_ref(), e))?;
        Ok(ImageStore(Arc::new(Inner {
            disk: Disk::open(&dir)?,
            limits: options.limits,
            resolve_timeout: options.resolve_timeout,
            platform: Platform::of_host(),
            registry: Registry::new(options.credentials),
            pulls: Flights::default(),
            layers: Flights::default(),
        })))
    }
}

impl Inner {
    /// The image that a reference stands for on this host, when all of it is here.
    pub(crate) fn find(&self, reference: &str) -> Result<Option<(Record, Image)>, StoreError> {
        let Some(record) = self.disk.read_record(reference)? else { return Ok(None) };
        Ok(self.image(&record)?.map(|image| (record, image)))
    }

    fn image(&self, record: &Record) -> Result<Option<Image>, StoreError> {
        let Some((config, layers)) = self.config(&record.id)? else { return Ok(None) };
        let mut paths = Vec::with_capacity(layers.len());
        for layer in layers.iter().rev() {
            if self.disk.layer_size(layer)?.is_none() {
                return Ok(None);
            }
            paths.push(self.disk.layer_path(&layer.chain_id));
        }
        Ok(Some(Image {
            id: ImageId(record.id.to_string()),
            digest: record.digest.as_ref().map(Digest::to_string),
            config: config.container(),
            layers: paths,
        }))
    }

    /// A stored configuration, with the layers that it names.
    pub(crate) fn config(&self, id: &Digest) -> Result<Option<(Config, Vec<Layer>)>, StoreError> {
        let json = self.disk.read_blob(id)?;
        let config = json.and_then(|json| Config::parse(&json, &self.platform).ok());
        Ok(config.map(|config| {
            let layers = chain(config.diff_ids());
            (config, layers)
        }))
    }

    /// Makes a reference stand for an image whose layers are here.
    pub(crate) fn publish(
        &self,
        reference: String,
        config_json: &[u8],
        digest: Option<Digest>,
        loaded: bool,
    ) -> Result<Record, StoreError> {
        let id = self.disk.write_blob(config_json)?;
        let record = Record { reference, id, digest, loaded };
        self.disk.write_record(&record)?;
        Ok(record)
    }
}
