//! From a layer's tar stream to the directory that overlayfs takes for a lower layer.
//!
//! Archives come from strangers. Every path is resolved by the kernel (`openat2` with `RESOLVE_IN_ROOT`) against a
//! descriptor of the target directory, and the last component is never followed: neither `..` nor an absolute path nor
//! a symbolic link that the archive itself made leads out of it. That gives what a helper process under `chroot` would
//! give, without a process to start, feed and reap. Nothing else writes to the directory meanwhile, and no one sees
//! it before its digest was verified.
//!
//! Memory and disk are bounded: see [`Limits`].

mod entry;
mod limits;
mod metadata;
mod root;

pub use limits::Limits;
pub(crate) use limits::{Budget, Metered};

use entry::{EntryPath, Kind};
use metadata::Metadata;
use root::{Existing, Place, Root};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Why a layer cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    /// An entry that no honest layer has, or one that we do not honour.
    #[error("{path}: {why}")]
    Refused { path: String, why: &'static str },
    /// The host could not make an entry.
    #[error("{path}: {source}")]
    Entry { path: String, source: io::Error },
    /// The archive cannot be read.
    #[error("the archive is damaged: {0}")]
    Archive(#[source] io::Error),
    /// More bytes than [`Limits::max_bytes`].
    #[error("the layer has more than {0} bytes")]
    TooManyBytes(u64),
    /// More entries than [`Limits::max_entries`].
    #[error("the layer has more than {0} entries")]
    TooManyEntries(u64),
    /// The target directory itself.
    #[error("{0}")]
    Target(#[source] io::Error),
}

/// Unpacks into an empty directory and answers with the bytes of all regular files.
///
/// `parents` are the unpacked layers below, the topmost first: a directory that is only implied by the paths of others
/// looks as it does there. The stream is read to the end of the archive, which is not necessarily its own end.
pub(crate) fn unpack(
    source: impl Read,
    target: &Path,
    parents: &[PathBuf],
    limits: Limits,
) -> Result<u64, UnpackError> {
    let root = Root::open(target, parents).map_err(UnpackError::Target)?;
    let budget = Budget::new(limits);
    let mut archive = tar::Archive::new(Metered::new(source, budget.clone()));
    let mut layer = Layer { root, budget, directories: BTreeMap::new() };
    let mut entries = archive.entries().map_err(UnpackError::Archive)?;
    loop {
        layer.budget.begin_headers();
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(|source| layer.budget.explain(source))?;
        layer.budget.count_entry()?;
        layer.budget.begin_content();
        layer.place(&mut entry)?;
        // The next header then is the first thing that the next step reads.
        io::copy(&mut entry, &mut io::sink()).map_err(|source| layer.budget.explain(source))?;
    }
    layer.finish()
}

struct Layer {
    root: Root,
    budget: Budget,
    /// Modes and times of directories, set when nothing more is written into them.
    directories: BTreeMap<PathBuf, Metadata>,
}

impl Layer {
    fn place(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), UnpackError> {
        let Some(kind) = Kind::of(entry)? else { return Ok(()) };
        let path = EntryPath::parse(&entry.path_bytes())?;
        let metadata = Metadata::of(entry, &path)?;
        let Some((parent, name)) = path.split() else {
            if !matches!(kind, Kind::Directory) {
                return Err(path.refused("the root of the layer is not a directory"));
            }
            self.directories.insert(PathBuf::new(), metadata);
            return Ok(());
        };
        let parent = self.root.ensure_directory(parent).map_err(|source| path.failed(source))?;
        let place = Place { parent, name };
        if entry::is_whiteout(name) {
            return self.whiteout(&place, &path);
        }
        match kind {
            Kind::Directory => return self.directory(&place, &path, metadata),
            Kind::File => return self.file(&place, &path, entry, &metadata),
            _ => place.clear().map_err(|source| path.failed(source))?,
        };
        self.directories.remove(path.as_path());
        match kind {
            Kind::HardLink(target) => {
                return self.hard_link(&place, &path, &target);
            }
            Kind::Symlink(target) => place.symlink(&target),
            Kind::Node { file_type, device } => place.node(file_type, device),
            Kind::Directory | Kind::File => Ok(()),
        }
        .and_then(|()| metadata.apply_to_place(&place))
        .map_err(|source| path.failed(source))
    }

    fn directory(
        &mut self,
        place: &Place<'_>,
        path: &EntryPath,
        metadata: Metadata,
    ) -> Result<(), UnpackError> {
        place.directory().map_err(|source| path.failed(source))?;
        self.directories.insert(path.as_path().to_owned(), metadata);
        Ok(())
    }

    fn file(
        &mut self,
        place: &Place<'_>,
        path: &EntryPath,
        entry: &mut tar::Entry<'_, impl Read>,
        metadata: &Metadata,
    ) -> Result<(), UnpackError> {
        place.clear().map_err(|source| path.failed(source))?;
        self.directories.remove(path.as_path());
        let mut file = place.create().map_err(|source| path.failed(source))?;
        let size = entry.size();
        self.budget.spend(size)?;
        let copied = io::copy(&mut entry.take(size), &mut file).map_err(|source| path.failed(source))?;
        if copied != size {
            return Err(UnpackError::Archive(io::ErrorKind::UnexpectedEof.into()));
        }
        metadata.apply_to_file(&file).map_err(|source| path.failed(source))
    }

    fn hard_link(&mut self, place: &Place<'_>, path: &EntryPath, target: &[u8]) -> Result<(), UnpackError> {
        let target = EntryPath::parse(target)?;
        let Some((parent, name)) = target.split() else {
            return Err(path.refused("a hard link to the root"));
        };
        self.root
            .existing_directory(parent)
            .and_then(|parent| place.link_to(&Place { parent, name }))
            .map_err(|source| path.failed(source))
    }

    /// OCI image layer specification, "Whiteouts".
    fn whiteout(&mut self, place: &Place<'_>, path: &EntryPath) -> Result<(), UnpackError> {
        match entry::hidden_name(place.name) {
            entry::Hidden::AllBelow => root::make_opaque(&place.parent),
            entry::Hidden::Bookkeeping => Ok(()),
            entry::Hidden::Invalid => return Err(path.refused("it hides nothing that has a name")),
            entry::Hidden::One(name) => {
                let hidden = Place { parent: place.parent.try_clone().map_err(|e| path.failed(e))?, name };
                match hidden.existing() {
                    // What the same layer adds stays, on nothing of the layers below.
                    Ok(Existing::Directory) => {
                        hidden.open_directory().and_then(|dir| root::make_opaque(&dir))
                    }
                    Ok(Existing::Nothing) => hidden.whiteout(),
                    Ok(_) => Ok(()),
                    Err(source) => Err(source),
                }
            }
        }
        .map_err(|source| path.failed(source))
    }

    fn finish(self) -> Result<u64, UnpackError> {
        for (path, metadata) in self.directories.iter().rev() {
            let failed = |source| UnpackError::Entry { path: path.display().to_string(), source };
            let directory = self.root.existing_directory_for_reading(path).map_err(failed)?;
            metadata.apply_to_file(&directory).map_err(failed)?;
        }
        Ok(self.budget.spent())
    }
}

#[cfg(test)]
mod tests;
