//! From a name to directories.

use crate::digest::Digest;
use crate::disk::MAX_CONFIG_BYTES;
use crate::error::{LayerError, ManifestError};
use crate::layer::{Layer, chain};
use crate::manifest::{Config, Descriptor, Document, Manifest};
use crate::reference::normalize;
use crate::refs::Record;
use crate::registry::{RegistryError, Repository};
use crate::store::{ImageStore, Inner};
use agent_driver::{Image, Images, PullError, PullPolicy};
use async_trait::async_trait;
use futures_util::future::{BoxFuture, try_join_all};
use futures_util::{FutureExt, TryFutureExt};
use oci_client::Reference;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Layers of one image that are downloaded at a time, as Docker has it.
const PARALLEL_DOWNLOADS: usize = 3;
/// Times that a registry is asked for the same thing.
const ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// An index may point at indexes, but not forever.
const MAX_INDEX_DEPTH: usize = 3;

#[async_trait]
impl Images for ImageStore {
    async fn ensure(&self, reference: &str, policy: PullPolicy) -> Result<Image, PullError> {
        let reference = normalize(reference)?;
        let name = reference.whole();
        let here = self.0.find(&name).map_err(pull_error)?;
        match here {
            Some((record, image))
                if record.loaded || policy == PullPolicy::PreferCached || reference.digest().is_some() =>
            {
                Ok(image)
            }
            here => self.0.pulls.join(name, self.ask(&reference, here)).await,
        }
    }
}

impl ImageStore {
    /// Asks the registry, and makes do with what is here when that fails.
    async fn ask(&self, reference: &Reference, here: Option<(Record, Image)>) -> Result<Image, PullError> {
        match (self.pull(reference, here.as_ref()).await, here) {
            (Err(error), Some((_, image))) => {
                tracing::warn!(reference = %reference, %error, "the image on the host is used, as it cannot be pulled");
                Ok(image)
            }
            (pulled, _) => pulled,
        }
    }

    async fn pull(&self, reference: &Reference, here: Option<&(Record, Image)>) -> Result<Image, PullError> {
        let inner = &self.0;
        let _adding = inner.disk.lock_shared().map_err(pull_error)?;
        let repository =
            inner.registry.repository(reference).map_err(|error| resolve_error(1, reference, error))?;
        let known = here.and_then(|(record, _)| record.digest.as_ref());
        let resolved = self.resolve(reference, &repository, known);
        let timed_out = |_| resolve_error(1, reference, "i/o timeout");
        let resolved = tokio::time::timeout(inner.resolve_timeout, resolved).await.map_err(timed_out)??;
        let name = reference.whole();
        if let Some(resolved) = resolved {
            let layers = chain(resolved.config.diff_ids());
            let pulling = Arc::new(Pulling::new(inner.clone(), resolved.manifest, layers));
            let layers = (0..pulling.layers.len()).map(|index| pulling.ensure_layer(&repository, index));
            try_join_all(layers).await?;
            inner
                .publish(name.clone(), &resolved.config_json, Some(resolved.digest), false)
                .map_err(pull_error)?;
        }
        match inner.find(&name).map_err(pull_error)? {
            Some((_, image)) => Ok(image),
            None => Err(PullError(format!("{name} was removed while it was pulled"))),
        }
    }

    /// What is to be pulled; `None` when the reference still stands for what is known.
    async fn resolve(
        &self,
        reference: &Reference,
        repository: &Repository<'_>,
        known: Option<&Digest>,
    ) -> Result<Option<Resolved>, PullError> {
        let retried = |Retried { attempts, error }| resolve_error(attempts, reference, error);
        // Who has an image already shall not wait for long to hear that it is still the one.
        let attempts = if known.is_some() { 1 } else { ATTEMPTS };
        let digest = retry_at_most(attempts, || repository.resolve()).await.map_err(retried)?;
        if known == Some(&digest) {
            return Ok(None);
        }
        let invalid = |error: ManifestError| {
            PullError(format!("pull image manifest has been retried 1 time(s): {error}"))
        };
        let mut at = digest.clone();
        for _ in 0..MAX_INDEX_DEPTH {
            let json = retry(|| repository.manifest(&at)).await.map_err(retried)?;
            let manifest = match Document::parse(&json).map_err(invalid)? {
                Document::Index(index) => {
                    at = self.0.platform.choose(&index).map_err(invalid)?.digest;
                    continue;
                }
                Document::Image(manifest) => manifest,
            };
            let config_json =
                retry(|| repository.blob(&manifest.config, MAX_CONFIG_BYTES)).await.map_err(retried)?;
            let config = Config::parse(&config_json, &self.0.platform).map_err(invalid)?;
            config.expect_layers(manifest.layers.len()).map_err(invalid)?;
            return Ok(Some(Resolved { digest, manifest, config_json, config }));
        }
        Err(invalid(ManifestError::Nesting))
    }
}

struct Resolved {
    /// Of the manifest or index that the reference stands for.
    digest: Digest,
    manifest: Manifest,
    config_json: Vec<u8>,
    config: Config,
}

/// The layers of one image on their way.
struct Pulling {
    inner: Arc<Inner>,
    blobs: Vec<Descriptor>,
    layers: Vec<Layer>,
    downloads: Semaphore,
}

impl Pulling {
    fn new(inner: Arc<Inner>, manifest: Manifest, layers: Vec<Layer>) -> Pulling {
        Pulling { inner, blobs: manifest.layers, layers, downloads: Semaphore::new(PARALLEL_DOWNLOADS) }
    }

    /// Downloads a layer, and unpacks it as soon as the one below is unpacked. Shared with every other image that has
    /// the same layers.
    fn ensure_layer<'a>(
        self: &'a Arc<Self>,
        repository: &'a Repository<'a>,
        index: usize,
    ) -> BoxFuture<'a, Result<(), PullError>> {
        let layer = &self.layers[index];
        async move {
            if self.is_here(layer)? {
                return Ok(());
            }
            let add = self.add_layer(repository, index);
            self.inner.layers.join(layer.chain_id.clone(), add).await
        }
        .boxed()
    }

    async fn add_layer(self: &Arc<Self>, repository: &Repository<'_>, index: usize) -> Result<(), PullError> {
        if self.is_here(&self.layers[index])? {
            return Ok(());
        }
        let archive = self.download(repository, &self.blobs[index]).await?;
        if let Some(below) = index.checked_sub(1) {
            self.ensure_layer(repository, below).await?;
        }
        let this = self.clone();
        let unpacking = tokio::task::spawn_blocking(move || {
            this.inner.disk.add_layer(&this.layers[..=index], archive, this.inner.limits)
        });
        let failed = |error: LayerError| {
            let digest = &self.blobs[index].digest;
            PullError(format!(
                "ref pull has been retried 1 time(s): failed to extract layer {digest}: {error}"
            ))
        };
        unpacking.await.map_err(pull_error)?.map_err(failed)
    }

    fn is_here(&self, layer: &Layer) -> Result<bool, PullError> {
        self.inner.disk.layer_size(layer).map(|size| size.is_some()).map_err(pull_error)
    }

    async fn download(&self, repository: &Repository<'_>, blob: &Descriptor) -> Result<File, PullError> {
        let max = self.inner.limits.max_bytes;
        if blob.size > max {
            return Err(PullError(format!("layer {} has {} bytes, more than {max}", blob.digest, blob.size)));
        }
        let _permit = self.downloads.acquire().await.map_err(pull_error)?;
        retry(|| async {
            let mut file = self.inner.disk.tmp_file()?;
            repository.download(blob, file.try_clone()?).await?;
            file.seek(SeekFrom::Start(0))?;
            Ok(file)
        })
        .map_err(|Retried { attempts, error }| {
            PullError(format!("ref pull has been retried {attempts} time(s): failed to copy: {error}"))
        })
        .await
    }
}

struct Retried {
    attempts: u32,
    error: RegistryError,
}

async fn retry<T, F>(attempt: impl FnMut() -> F) -> Result<T, Retried>
where
    F: Future<Output = Result<T, RegistryError>>,
{
    retry_at_most(ATTEMPTS, attempt).await
}

/// Tries again, with growing pauses, as long as that may help.
async fn retry_at_most<T, F>(max: u32, mut attempt: impl FnMut() -> F) -> Result<T, Retried>
where
    F: Future<Output = Result<T, RegistryError>>,
{
    let mut attempts = 1;
    let mut pause = FIRST_PAUSE;
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if attempts == max || !error.is_transient() => {
                return Err(Retried { attempts, error });
            }
            Err(error) => tracing::debug!(%error, attempts, "the registry is asked again"),
        }
        tokio::time::sleep(pause).await;
        attempts += 1;
        pause *= 4;
    }
}

/// As ECS has it; the CannotPullContainerError page of the developer guide lists these.
fn resolve_error(attempts: u32, reference: &Reference, error: impl std::fmt::Display) -> PullError {
    PullError(format!(
        "pull image manifest has been retried {attempts} time(s): failed to resolve ref {reference}: {error}"
    ))
}

fn pull_error(error: impl std::fmt::Display) -> PullError {
    PullError(error.to_string())
}
