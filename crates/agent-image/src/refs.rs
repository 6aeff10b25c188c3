//! References, and the images that they stand for.

use crate::digest::Digest;
use crate::disk::{Disk, read_bounded, sync_parent};
use crate::error::StoreError;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::PathBuf;

/// `refs/HEX.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Complete: registry, repository, and tag or digest.
    pub(crate) reference: String,
    /// Digest of the configuration.
    pub(crate) id: Digest,
    /// Digest of the manifest or index that the registry, or the layout, has for the reference.
    pub(crate) digest: Option<Digest>,
    /// By hand, from an archive; else pulled.
    pub(crate) loaded: bool,
}

const MAX_RECORD_BYTES: u64 = 64 << 10;

impl Disk {
    pub(crate) fn read_record(&self, reference: &str) -> Result<Option<Record>, StoreError> {
        let json = read_bounded(&self.record_path(reference), MAX_RECORD_BYTES)?;
        Ok(json.and_then(|json| serde_json::from_slice(&json).ok()))
    }

    /// From now on the reference stands for this image. Its configuration and layers are there already.
    pub(crate) fn write_record(&self, record: &Record) -> Result<(), StoreError> {
        let path = self.record_path(&record.reference);
        let json =
            serde_json::to_vec(record).map_err(|source| StoreError::new("write", &path, source.into()))?;
        self.write_file(&path, &json)
    }

    /// Answers whether there was one.
    pub(crate) fn remove_record(&self, reference: &str) -> Result<bool, StoreError> {
        let path = self.record_path(reference);
        let failed = |source| StoreError::new("remove", &path, source);
        match fs::remove_file(&path) {
            Ok(()) => sync_parent(&path).map_err(failed).map(|()| true),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(failed(source)),
        }
    }

    /// All, sorted by reference.
    pub(crate) fn records(&self) -> Result<Vec<Record>, StoreError> {
        let refs = self.refs();
        let failed = |source| StoreError::new("read", &refs, source);
        let mut records = Vec::new();
        for entry in fs::read_dir(&refs).map_err(failed)? {
            let json = read_bounded(&entry.map_err(failed)?.path(), MAX_RECORD_BYTES)?;
            records.extend(json.and_then(|json| serde_json::from_slice::<Record>(&json).ok()));
        }
        records.sort_by(|a, b| a.reference.cmp(&b.reference));
        Ok(records)
    }

    fn record_path(&self, reference: &str) -> PathBuf {
        self.refs().join(format!("{}.json", Digest::of(reference.as_bytes()).hex()))
    }
}
