//! Where a volume is.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// A dot is not among them: `.` and `..` are no names for directories.
const ENCODED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_');
/// File systems take 255; this leaves room.
const NAME_BYTES_MAX: usize = 200;

/// The directories under the data directory.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

/// A volume's directory.
#[derive(Clone, Debug)]
pub(crate) struct VolumeDir(pub(crate) PathBuf);

impl Layout {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn tasks(&self) -> PathBuf {
        self.root.join("task")
    }

    pub(crate) fn task(&self, task: &str) -> PathBuf {
        self.tasks().join(encode(task))
    }

    pub(crate) fn of_task(&self, task: &str, name: &str) -> VolumeDir {
        VolumeDir(self.task(task).join(encode(name)))
    }

    pub(crate) fn all_shared(&self) -> PathBuf {
        self.root.join("shared")
    }

    pub(crate) fn shared(&self, name: &str) -> VolumeDir {
        VolumeDir(self.all_shared().join(encode(name)))
    }
}

impl VolumeDir {
    pub(crate) fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    pub(crate) fn record(&self) -> PathBuf {
        self.0.join("volume.json")
    }

    /// Files that are being removed.
    pub(crate) fn removed(&self) -> PathBuf {
        self.0.join("removed")
    }

    pub(crate) fn users(&self) -> PathBuf {
        self.0.join("users")
    }

    pub(crate) fn user(&self, task: &str) -> PathBuf {
        self.users().join(encode(task))
    }
}

/// Any name as one of a file, and no two names as the same: a long one is its digest, after a `%` that no encoding has.
pub(crate) fn encode(name: &str) -> String {
    let encoded = utf8_percent_encode(name, &ENCODED).to_string();
    if encoded.len() <= NAME_BYTES_MAX {
        return encoded;
    }
    format!("%sha256-{}", hex::encode(Sha256::digest(name.as_bytes())))
}

/// The name that was encoded, unless it was long.
pub(crate) fn decode(file_name: &str) -> Option<String> {
    if file_name.starts_with("%sha256-") {
        return None;
    }
    percent_decode_str(file_name).decode_utf8().ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_a_file_name_of_its_own() {
        let long = ["x".repeat(255), "%".repeat(255), format!("{}y", "x".repeat(254))];
        let short = [".", "..", "a/b", "a%2Fb", "a b", "ä\n\0", "%sha256-", "plain-name_1"];
        let names: Vec<&str> = short.iter().copied().chain(long.iter().map(String::as_str)).collect();
        let encoded: std::collections::BTreeSet<String> = names.iter().map(|name| encode(name)).collect();
        assert_eq!(encoded.len(), names.len());
        for name in &encoded {
            assert!(name.len() <= NAME_BYTES_MAX && !name.contains(['/', '.', '\0']), "{name}");
        }
        for name in short {
            assert_eq!(decode(&encode(name)).as_deref(), Some(name));
        }
        assert_eq!(encode("plain-name_1"), "plain-name_1");
        assert_eq!(decode(&encode(&long[0])), None);
    }
}
