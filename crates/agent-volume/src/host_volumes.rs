//! The volumes of this host.

use crate::layout::{Layout, VolumeDir, decode};
use crate::mount::{mount, unmount};
use crate::options;
use crate::record::Record;
use agent_driver::{DockerVolume, MountSource, VolumeError, VolumeScope, VolumeSource, VolumeSpec, Volumes};
use agent_host::{ensure_host_path, free_bytes, remove_tree, tree_bytes};
use async_trait::async_trait;
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What a new volume of Docker's has; it is root's.
const DATA_MODE: u32 = 0o755;
/// Files of containers are nobody else's business on the host.
const PRIVATE_MODE: u32 = 0o700;

/// Keeps volumes under a data directory.
#[derive(Clone, Debug)]
pub struct HostVolumes {
    layout: Layout,
    /// Held while a shared volume is made, mounted or unmounted. Those of tasks need none: a task's own steps come one
    /// after the other.
    shared: Arc<Mutex<()>>,
}

#[async_trait]
impl Volumes for HostVolumes {
    async fn ensure(&self, spec: &VolumeSpec) -> Result<MountSource, VolumeError> {
        let spec = spec.clone();
        self.blocking(move |volumes| volumes.ensure_blocking(&spec)).await.map(MountSource::Path)
    }

    async fn release(&self, task: &str) -> Result<(), VolumeError> {
        let task = task.to_owned();
        self.blocking(move |volumes| volumes.release_blocking(&task)).await
    }

    async fn list(&self) -> Result<Vec<String>, VolumeError> {
        self.blocking(|volumes| volumes.list_blocking().map_err(at("list volumes in", volumes.layout.root())))
            .await
    }

    async fn used_bytes(&self, task: &str) -> Result<u64, VolumeError> {
        let own = self.layout.task(task);
        self.blocking(move |_| tree_bytes(&own).map_err(at("count files in", &own))).await
    }

    async fn free_bytes(&self) -> Result<u64, VolumeError> {
        self.blocking(|volumes| {
            let root = volumes.layout.root();
            free_bytes(root).map_err(at("look at the file system of", root))
        })
        .await
    }
}

impl HostVolumes {
    /// Uses `root`, an absolute path that it makes if it is missing; what an earlier agent left there is known again.
    pub fn open(root: &Path) -> Result<Self, VolumeError> {
        if !root.is_absolute() {
            return Err(VolumeError(format!("the volumes' directory {} is not absolute", root.display())));
        }
        let layout = Layout::new(root.to_owned());
        for dir in [layout.tasks(), layout.all_shared()] {
            make_private(&dir).map_err(at("create", &dir))?;
        }
        Ok(Self { layout, shared: Arc::default() })
    }

    /// For a host that stops running tasks: releases every task and unmounts what is shared. The files of shared volumes
    /// stay. Idempotent.
    pub async fn teardown(&self) -> Result<(), VolumeError> {
        for task in self.list().await? {
            self.release(&task).await?;
        }
        self.blocking(|volumes| {
            let _alone = volumes.shared.lock().unwrap_or_else(PoisonError::into_inner);
            let all = volumes.layout.all_shared();
            for dir in entries(&all).map_err(at("read", &all))? {
                let data = VolumeDir(dir).data();
                unmount(&data).map_err(at("unmount", &data))?;
            }
            Ok(())
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, VolumeError> + Send + 'static,
    ) -> Result<T, VolumeError> {
        let volumes = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&volumes)).await;
        done.unwrap_or_else(|error| Err(VolumeError(format!("the volume driver failed: {error}"))))
    }

    fn ensure_blocking(&self, spec: &VolumeSpec) -> Result<PathBuf, VolumeError> {
        match &spec.source {
            VolumeSource::Host(path) => ensure_host_path(path).map(|()| path.clone()).map_err(VolumeError),
            VolumeSource::Task => self.ensure_own(spec, &DockerVolume::default()),
            VolumeSource::Docker(docker) if !matches!(docker.driver.as_str(), "" | "local") => {
                let driver = &docker.driver;
                Err(VolumeError(format!(
                    "error looking up volume plugin {driver}: plugin {driver:?} not found"
                )))
            }
            VolumeSource::Docker(docker) => match docker.scope {
                VolumeScope::Task => self.ensure_own(spec, docker),
                VolumeScope::Shared { autoprovision } => self.ensure_shared(spec, docker, autoprovision),
            },
        }
    }

    /// A volume of the task's own.
    fn ensure_own(&self, spec: &VolumeSpec, docker: &DockerVolume) -> Result<PathBuf, VolumeError> {
        let options = options::parse(&docker.driver_opts).map_err(VolumeError)?;
        let dir = self.layout.of_task(&spec.task, &spec.name);
        let existing = Record::read(&dir).map_err(at("read", &dir.record()))?;
        match &existing {
            Some(existing) => docker.check_options(&existing.driver_opts)?,
            None => make(&dir, &spec.name, docker, Record::write)?,
        }
        let data = dir.data();
        let mounted = options.map_or(Ok(()), |options| mount(&options, &data)).map_err(VolumeError);
        if mounted.is_err() && existing.is_none() {
            // The task will not run; nothing is kept for somebody to release.
            if let Err(error) = remove_volume(&dir) {
                tracing::warn!(%error, volume = %dir.0.display(), "a volume that could not be mounted is left");
            }
            // Other volumes of the task may be there.
            let _ = fs::remove_dir(self.layout.task(&spec.task));
        }
        mounted.map(|()| data)
    }

    fn ensure_shared(
        &self,
        spec: &VolumeSpec,
        docker: &DockerVolume,
        autoprovision: bool,
    ) -> Result<PathBuf, VolumeError> {
        let _alone = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        options::parse(&docker.driver_opts).map_err(VolumeError)?;
        let name = &spec.name;
        let dir = self.layout.shared(name);
        let opts = match Record::read(&dir).map_err(at("read", &dir.record()))? {
            Some(existing) => {
                docker.check_shared(&existing.driver_opts)?;
                existing.driver_opts
            }
            None if autoprovision => {
                make(&dir, name, docker, Record::write_durably)?;
                docker.driver_opts.clone()
            }
            None => return Err(VolumeError::missing(name)),
        };
        let user = dir.user(&spec.task);
        make_private(&dir.users()).and_then(|()| fs::write(&user, "")).map_err(at("write", &user))?;
        if let Some(options) = options::parse(&opts).map_err(VolumeError)? {
            mount(&options, &dir.data()).map_err(VolumeError).inspect_err(|_| {
                let _ = fs::remove_file(&user);
            })?;
        }
        Ok(dir.data())
    }

    fn release_blocking(&self, task: &str) -> Result<(), VolumeError> {
        let all = self.layout.all_shared();
        {
            let _alone = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            for dir in entries(&all).map_err(at("read", &all))? {
                leave_shared(&VolumeDir(dir), task)?;
            }
        }
        let own = self.layout.task(task);
        for dir in entries(&own).map_err(at("read", &own))? {
            remove_volume(&VolumeDir(dir.clone())).map_err(at("remove", &dir))?;
        }
        present(fs::remove_dir(&own)).map(|_| ()).map_err(at("remove", &own))
    }

    fn list_blocking(&self) -> io::Result<Vec<String>> {
        let mut tasks: BTreeSet<String> = names(&self.layout.tasks())?.collect();
        for dir in entries(&self.layout.all_shared())? {
            tasks.extend(names(&VolumeDir(dir).users())?);
        }
        Ok(tasks.into_iter().collect())
    }
}

/// Makes the directory, then says so: one without a record was never handed out.
fn make(
    dir: &VolumeDir,
    name: &str,
    docker: &DockerVolume,
    write: impl Fn(&Record, &VolumeDir) -> io::Result<()>,
) -> Result<(), VolumeError> {
    let data = dir.data();
    let record = Record {
        name: name.to_owned(),
        driver_opts: docker.driver_opts.clone(),
        labels: docker.labels.clone(),
    };
    let steps = || {
        make_private(&data)?;
        fs::set_permissions(&data, Permissions::from_mode(DATA_MODE))?;
        write(&record, dir)
    };
    steps().map_err(at("create volume in", &dir.0))
}

fn make_private(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(PRIVATE_MODE).create(dir)
}

/// The last task to leave unmounts. Its mark goes last, so that an interrupted release is begun again.
fn leave_shared(dir: &VolumeDir, task: &str) -> Result<(), VolumeError> {
    let (user, users) = (dir.user(task), dir.users());
    if !fs::exists(&user).map_err(at("look at", &user))? {
        return Ok(());
    }
    let is_last = entries(&users).map_err(at("read", &users))?.all(|other| other == user);
    if is_last {
        unmount(&dir.data()).map_err(at("unmount", &dir.data()))?;
    }
    present(fs::remove_file(&user)).map(|_| ()).map_err(at("remove", &user))
}

/// Removes a volume with its files, and never those of a file system that is mounted there: the kernel renames no mount
/// point, and only what was renamed is removed.
fn remove_volume(dir: &VolumeDir) -> io::Result<()> {
    let (data, removed) = (dir.data(), dir.removed());
    unmount(&data)?;
    remove_tree(&removed)?;
    present(fs::rename(&data, &removed))?;
    remove_tree(&removed)?;
    remove_tree(&dir.0)
}

/// What is in a directory; nothing when it is missing.
fn entries(dir: &Path) -> io::Result<impl Iterator<Item = PathBuf> + use<>> {
    let found: Option<io::Result<Vec<_>>> =
        present(fs::read_dir(dir))?.map(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    Ok(found.transpose()?.unwrap_or_default().into_iter())
}

/// The names that the entries of a directory stand for.
fn names(dir: &Path) -> io::Result<impl Iterator<Item = String> + use<>> {
    Ok(entries(dir)?.filter_map(|path| decode(path.file_name()?.to_str()?)))
}

fn at<'a>(step: &'static str, path: &'a Path) -> impl Fn(io::Error) -> VolumeError + use<'a> {
    move |error| VolumeError(format!("{step} {}: {error}", path.display()))
}

/// `None` for what is not there.
fn present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
