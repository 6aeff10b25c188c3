//! `volume.json`: what a volume is.

use crate::layout::VolumeDir;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

/// No record that was written here is larger.
const BYTES_MAX: u64 = 1 << 20;

/// What is known of a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Its name, as the task definition has it.
    pub(crate) name: String,
    /// Options of the driver `local`.
    pub(crate) driver_opts: BTreeMap<String, String>,
    /// Labels.
    pub(crate) labels: BTreeMap<String, String>,
}

impl Record {
    /// `None` when the volume is not there, or was not finished.
    pub(crate) fn read(dir: &VolumeDir) -> io::Result<Option<Self>> {
        let mut json = Vec::new();
        match File::open(dir.record()) {
            Ok(file) => file.take(BYTES_MAX).read_to_end(&mut json)?,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        serde_json::from_slice(&json).map(Some).map_err(io::Error::from)
    }

    /// From now on the volume is there, also if this process dies.
    pub(crate) fn write(&self, dir: &VolumeDir) -> io::Result<()> {
        self.write_synced(dir, |_| Ok(()))
    }

    /// From now on the volume is there, also if the host loses power.
    pub(crate) fn write_durably(&self, dir: &VolumeDir) -> io::Result<()> {
        self.write_synced(dir, File::sync_all)?;
        sync_dir(&dir.0)?;
        dir.0.parent().map_or(Ok(()), sync_dir)
    }

    fn write_synced(&self, dir: &VolumeDir, sync: impl Fn(&File) -> io::Result<()>) -> io::Result<()> {
        let half_written = dir.0.join("volume.json.new");
        let mut file = File::create(&half_written)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        sync(&file)?;
        fs::rename(&half_written, dir.record())
    }
}

fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
