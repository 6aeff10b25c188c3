//! Files of an archive: in a directory, or inside of a tar that is read where it lies.

use crate::decompress::{decompress, is_compressed};
use crate::disk::Disk;
use crate::error::{LoadError, StoreError};
use crate::unpack::{Budget, Limits, Metered};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Links between files of an archive that are followed.
const MAX_LINKS: usize = 8;
/// Files in the archive itself, not in its layers.
const MAX_FILES: u64 = 100_000;

pub(super) enum Source {
    Directory(PathBuf),
    Tar { file: Arc<File>, members: BTreeMap<String, Member> },
}

pub(super) enum Member {
    File { at: u64, size: u64 },
    Link(String),
}

impl Source {
    pub(super) fn open(path: &Path, disk: &Disk, limits: Limits) -> Result<Source, LoadError> {
        let failed = |source| LoadError::Read { path: path.to_owned(), source };
        if path.is_dir() {
            return Ok(Source::Directory(path.to_owned()));
        }
        let mut file = File::open(path).map_err(failed)?;
        let mut magic = Vec::new();
        (&file).take(4).read_to_end(&mut magic).map_err(failed)?;
        file.rewind().map_err(failed)?;
        if is_compressed(&magic) {
            let mut plain =
                disk.tmp_file().map_err(|e| StoreError::new("write a temporary file for", path, e))?;
            let stream = decompress(&file).map_err(failed)?;
            let copied = io::copy(&mut stream.take(limits.max_bytes), &mut plain).map_err(failed)?;
            if copied == limits.max_bytes {
                return Err(LoadError::Invalid(format!("the archive has more than {copied} bytes")));
            }
            file = plain;
        }
        let members = index(&file, limits).map_err(|source| match source.raw_os_error() {
            Some(_) => failed(source),
            None => LoadError::Unreadable { path: path.to_owned(), source },
        })?;
        Ok(Source::Tar { file: Arc::new(file), members })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Source::Directory(root) => root.join(name).is_file(),
            Source::Tar { members, .. } => members.contains_key(name),
        }
    }

    pub(super) fn size(&self, name: &str) -> Result<u64, LoadError> {
        Ok(match self {
            Source::Directory(root) => {
                let missing = |_| LoadError::Missing(name.to_owned());
                inside(root, name)?.metadata().map_err(missing)?.len()
            }
            Source::Tar { members, .. } => resolve(members, name)?.1,
        })
    }

    pub(super) fn open_file(&self, name: &str) -> Result<Box<dyn Read + Send + '_>, LoadError> {
        match self {
            Source::Directory(root) => {
                let path = inside(root, name)?;
                match File::open(&path) {
                    Ok(file) => Ok(Box::new(file)),
                    Err(source) if source.kind() == io::ErrorKind::NotFound => {
                        Err(LoadError::Missing(name.to_owned()))
                    }
                    Err(source) => Err(LoadError::Read { path, source }),
                }
            }
            Source::Tar { file, members } => {
                let (at, size) = resolve(members, name)?;
                Ok(Box::new(Slice { file: file.clone(), at, end: at.saturating_add(size) }))
            }
        }
    }

    /// Reads a file of at most `max` bytes.
    pub(super) fn read(&self, name: &str, max: u64) -> Result<Vec<u8>, LoadError> {
        if self.size(name)? > max {
            return Err(LoadError::Invalid(format!("{name} has more than {max} bytes")));
        }
        let mut content = Vec::new();
        let read = self.open_file(name)?.take(max).read_to_end(&mut content);
        read.map_err(|source| LoadError::Read { path: name.into(), source })?;
        Ok(content)
    }
}

/// Names come from the archive's own text: they stay below it.
fn inside(root: &Path, name: &str) -> Result<PathBuf, LoadError> {
    let plain = Path::new(name).components().all(|component| matches!(component, Component::Normal(_)));
    if plain { Ok(root.join(name)) } else { Err(LoadError::Missing(name.to_owned())) }
}

fn resolve(members: &BTreeMap<String, Member>, name: &str) -> Result<(u64, u64), LoadError> {
    let mut at = name;
    for _ in 0..MAX_LINKS {
        match members.get(at) {
            Some(&Member::File { at, size }) => return Ok((at, size)),
            Some(Member::Link(target)) => at = target,
            None => break,
        }
    }
    Err(LoadError::Missing(name.to_owned()))
}

fn index(file: &File, limits: Limits) -> io::Result<BTreeMap<String, Member>> {
    let mut file = file;
    file.seek(SeekFrom::Start(0))?;
    let budget = Budget::new(Limits { max_entries: MAX_FILES, ..limits });
    let mut archive = tar::Archive::new(Metered::new(file, budget.clone()));
    let mut members = BTreeMap::new();
    let mut entries = archive.entries_with_seek()?;
    loop {
        budget.begin_headers();
        let Some(entry) = entries.next() else { return Ok(members) };
        let entry = entry?;
        budget.count_entry().map_err(io::Error::other)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let member = match entry.header().entry_type() {
            tar::EntryType::Regular => Member::File { at: entry.raw_file_position(), size: entry.size() },
            tar::EntryType::Symlink => match entry.link_name_bytes() {
                Some(target) => Member::Link(joined(&name, &String::from_utf8_lossy(&target), true)),
                None => continue,
            },
            tar::EntryType::Link => match entry.link_name_bytes() {
                Some(target) => Member::Link(joined(&name, &String::from_utf8_lossy(&target), false)),
                None => continue,
            },
            _ => continue,
        };
        members.insert(joined("", &name, false), member);
    }
}

/// The path of a link's target in the archive; a plain name of a member, so it cannot lead anywhere else.
fn joined(link: &str, target: &str, relative: bool) -> String {
    let mut parts: Vec<&str> = Vec::new();
    if relative && let Some((directory, _)) = link.rsplit_once('/') {
        parts.extend(directory.split('/'));
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.retain(|part| !matches!(*part, "" | "."));
    parts.join("/")
}

/// A part of a file, read without moving anyone else's position.
struct Slice {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Slice {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let max = buf.len().min(left);
        let n = self.file.read_at(&mut buf[..max], self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_in_the_archive() {
        assert_eq!(joined("abc/layer.tar", "../def/layer.tar", true), "def/layer.tar");
        assert_eq!(joined("abc/layer.tar", "../../../etc/passwd", true), "etc/passwd");
        assert_eq!(joined("", "./manifest.json", false), "manifest.json");
        let loops = BTreeMap::from([("a".to_owned(), Member::Link("a".to_owned()))]);
        assert!(resolve(&loops, "a").is_err());
        assert!(inside(Path::new("/x"), "../y").is_err() && inside(Path::new("/x"), "/y").is_err());
    }
}
