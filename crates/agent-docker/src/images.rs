//! Images that the Engine pulls and keeps.

use crate::engine::{Engine, EngineError, present};
use agent_driver::{Image, ImageConfig, ImageId, Images, PullError, PullPolicy};
use async_trait::async_trait;
use bollard::models::ImageInspect;
use bollard::query_parameters::CreateImageOptions;
use futures_util::TryStreamExt as _;
use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::OnceCell;

type Pulled = OnceCell<Result<Image, PullError>>;

/// Brings images through the Engine.
pub(crate) struct DockerImages {
    engine: Arc<Engine>,
    /// Pulls that are under way, by reference.
    pulls: Mutex<HashMap<String, Weak<Pulled>>>,
}

/// `name:tag` or `name@digest`, as the Engine wants to be told.
struct Reference<'a> {
    name: &'a str,
    tag: &'a str,
}

#[async_trait]
impl Images for DockerImages {
    async fn ensure(&self, reference: &str, policy: PullPolicy) -> Result<Image, PullError> {
        let parsed = Reference::parse(reference)?;
        let here = self.inspect(&parsed).await?;
        match here {
            // A digest stands for one image; what no registry named was loaded by hand.
            Some(image)
                if policy == PullPolicy::PreferCached || parsed.is_digest() || image.digest.is_none() =>
            {
                Ok(image)
            }
            here => {
                let pull = self.pull_of(&parsed.whole());
                pull.get_or_init(|| self.pull(&parsed, here)).await.clone()
            }
        }
    }
}

impl DockerImages {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, pulls: Mutex::default() }
    }

    /// The pull that is under way, or a new one. A caller that goes away hands it to one that waits.
    fn pull_of(&self, reference: &str) -> Arc<Pulled> {
        let mut pulls = self.pulls.lock().unwrap_or_else(PoisonError::into_inner);
        pulls.retain(|_, pull| pull.strong_count() > 0);
        if let Some(pull) = pulls.get(reference).and_then(Weak::upgrade) {
            return pull;
        }
        let pull = Arc::new(Pulled::new());
        pulls.insert(reference.to_owned(), Arc::downgrade(&pull));
        pull
    }

    /// Asks the registry, and makes do with what is here when that fails.
    async fn pull(&self, reference: &Reference<'_>, here: Option<Image>) -> Result<Image, PullError> {
        let options = CreateImageOptions {
            from_image: Some(reference.name.to_owned()),
            tag: Some(reference.tag.to_owned()),
            ..Default::default()
        };
        let pulled: Result<(), EngineError> = self
            .engine
            .ask(|| {
                self.engine
                    .docker
                    .create_image(Some(options.clone()), None, None)
                    .try_for_each(|_| ready(Ok(())))
            })
            .await;
        match (pulled, here) {
            (Ok(()), _) => self
                .inspect(reference)
                .await?
                .ok_or_else(|| PullError(format!("{} was removed while it was pulled", reference.whole()))),
            (Err(error), Some(image)) => {
                let reference = reference.whole();
                tracing::warn!(reference, %error, "the image on the host is used, as it cannot be pulled");
                Ok(image)
            }
            (Err(error), None) => Err(pull_error(error)),
        }
    }

    async fn inspect(&self, reference: &Reference<'_>) -> Result<Option<Image>, PullError> {
        let whole = reference.whole();
        let found = self.engine.ask(|| self.engine.docker.inspect_image(&whole));
        let found = present(found.await).map_err(pull_error)?;
        Ok(found.map(|found| image(found, reference)))
    }
}

impl<'a> Reference<'a> {
    fn parse(text: &'a str) -> Result<Self, PullError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-/:@".contains(&b);
        let reference = match text.split_once('@') {
            Some((name, digest)) => Self { name: untagged(name).0, tag: digest },
            None => {
                let (name, tag) = untagged(text);
                Self { name, tag: tag.unwrap_or("latest") }
            }
        };
        let is_path = !reference.name.split('/').any(|part| matches!(part, "" | "." | ".."));
        match text.bytes().all(plain) && is_path && !reference.tag.is_empty() {
            true => Ok(reference),
            false => Err(PullError("invalid reference format".to_owned())),
        }
    }

    fn is_digest(&self) -> bool {
        self.tag.contains(':')
    }

    fn whole(&self) -> String {
        format!("{}{}{}", self.name, if self.is_digest() { '@' } else { ':' }, self.tag)
    }
}

/// The name without its tag: a colon before the last slash is a port's.
fn untagged(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (name, None),
    }
}

fn image(found: ImageInspect, reference: &Reference<'_>) -> Image {
    let config = found.config.unwrap_or_default();
    let digests = found.repo_digests.unwrap_or_default();
    let digests: Vec<_> = digests.iter().filter_map(|whole| whole.split_once('@')).collect();
    // An image that was pulled under several names has a digest under each.
    let own = |name: &str| name == reference.name || reference.name.ends_with(&format!("/{name}"));
    let digest = digests.iter().find(|(name, _)| own(name)).or(digests.first());
    Image {
        id: ImageId(found.id.unwrap_or_default()),
        digest: digest.map(|(_, digest)| (*digest).to_owned()),
        config: ImageConfig {
            entrypoint: config.entrypoint.unwrap_or_default(),
            cmd: config.cmd.unwrap_or_default(),
            env: config.env.unwrap_or_default(),
            working_dir: config.working_dir.unwrap_or_default(),
            user: config.user.unwrap_or_default(),
            stop_signal: config.stop_signal.unwrap_or_default(),
            volumes: config.volumes.unwrap_or_default(),
            labels: config.labels.unwrap_or_default().into_iter().collect(),
        },
        layers: Vec::new(),
    }
}

fn pull_error(error: EngineError) -> PullError {
    PullError(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_apart() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, name, tag) in [
            ("busybox", "busybox", "latest"),
            ("busybox:1.36", "busybox", "1.36"),
            ("localhost:5000/a/b", "localhost:5000/a/b", "latest"),
            ("localhost:5000/a/b:c", "localhost:5000/a/b", "c"),
            (&format!("a/b@{digest}"), "a/b", &digest),
            (&format!("a/b:c@{digest}"), "a/b", &digest),
        ] {
            let reference = Reference::parse(text).unwrap();
            assert_eq!((reference.name, reference.tag), (name, tag), "{text}");
        }
        for bad in ["", "a b", "../info", "a/../b", "a?b", "a:", "/a", "a@"] {
            assert!(Reference::parse(bad).is_err(), "{bad}");
        }
    }
}
