//! Layers made of a few files: the built-in image and fixtures.

use std::io;
use tar::{Builder, EntryType, Header};

/// One entry of a layer; everything belongs to root and has no time, so that equal lists give equal layers.
#[derive(Clone, Copy, Debug)]
pub enum TarEntry<'a> {
    /// A directory with a mode.
    Directory(&'a str, u32),
    /// A file with its content and mode.
    File(&'a str, &'a [u8], u32),
    /// A symbolic link and its target.
    Symlink(&'a str, &'a str),
}

/// The uncompressed archive of a layer.
pub fn tarball(entries: &[TarEntry<'_>]) -> io::Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    for entry in entries {
        let mut header = Header::new_gnu();
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        match *entry {
            TarEntry::Directory(path, mode) => {
                header.set_entry_type(EntryType::Directory);
                header.set_mode(mode);
                header.set_size(0);
                builder.append_data(&mut header, path, io::empty())?;
            }
            TarEntry::File(path, content, mode) => {
                header.set_mode(mode);
                header.set_size(content.len() as u64);
                builder.append_data(&mut header, path, content)?;
            }
            TarEntry::Symlink(path, target) => {
                header.set_entry_type(EntryType::Symlink);
                header.set_mode(0o777);
                header.set_size(0);
                builder.append_link(&mut header, path, target)?;
            }
        }
    }
    builder.into_inner()
}
