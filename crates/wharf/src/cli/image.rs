//! `wharf image`: the images of this machine's agent.

use super::{Common, output::Row};
use crate::host::choice::RuntimeChoice;
use agent_image::{ImageStore, ImageSummary};
use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

/// Images on this machine.
#[derive(clap::Subcommand)]
pub enum Image {
    /// Load an OCI layout or a docker archive
    Load {
        /// A directory or a tar file, compressed or not
        path: PathBuf,
        /// Name the image so instead of as the archive does
        #[arg(long)]
        name: Option<String>,
    },
    /// List images
    Ls,
}

#[derive(Serialize)]
struct ImageRow {
    reference: String,
    id: String,
    size_bytes: u64,
    loaded: bool,
}

impl Row for ImageRow {
    const HEAD: &'static [&'static str] = &["IMAGE", "ID", "SIZE", "FROM"];
    fn cells(&self) -> Vec<String> {
        let id = self.id.trim_start_matches("sha256:").chars().take(12).collect();
        let size = indicatif::HumanBytes(self.size_bytes).to_string();
        vec![self.reference.clone(), id, size, if self.loaded { "loaded" } else { "registry" }.to_owned()]
    }
}

impl Image {
    pub async fn run(self, common: &Common) -> Result<ExitCode> {
        let data = common.data_dir()?;
        if let Some(RuntimeChoice::Docker(address)) = RuntimeChoice::known(&data)? {
            bail!(
                "the images of this Wharf are those of the Docker Engine at {address}: use `docker load` and `docker images`"
            );
        }
        let store = ImageStore::open(data.images())?;
        let rows: Vec<ImageRow> = match self {
            Image::Load { path, name } => {
                let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec}")?;
                let bar = ProgressBar::new(0).with_style(style);
                let loaded = store.load(&path, name.as_deref(), &|progress| {
                    bar.set_length(progress.total_bytes);
                    bar.set_position(progress.done_bytes);
                })?;
                bar.finish_and_clear();
                let is_loaded = |image: &ImageSummary| loaded.iter().any(|l| l.reference == image.reference);
                store.list()?.into_iter().filter(is_loaded).map(row).collect()
            }
            Image::Ls => store.list()?.into_iter().map(row).collect(),
        };
        common.output.rows(&rows)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn row(image: ImageSummary) -> ImageRow {
    ImageRow {
        reference: image.reference,
        id: image.id.0,
        size_bytes: image.size_bytes,
        loaded: image.loaded,
    }
}
