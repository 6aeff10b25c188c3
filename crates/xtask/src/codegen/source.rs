//! Where the models come from: the Python package `botocore`, in the pinned version.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use flate2::read::GzDecoder;

use super::model::Model;

/// An installed `botocore`.
pub struct Botocore {
    data: PathBuf,
}

impl Botocore {
    /// Takes the installed package if its version is `version`; otherwise installs that version under `target/`.
    pub fn locate(root: &Path, version: &str) -> Result<Self> {
        let installed = Command::new("python3")
            .args(["-c", "import botocore as b; print(b.__version__); print(b.__path__[0])"])
            .output()
            .context("running python3")?;
        let text = String::from_utf8_lossy(&installed.stdout);
        let mut lines = text.lines();
        if let (Some(found), Some(path)) = (lines.next(), lines.next())
            && found == version
        {
            return Ok(Self { data: Path::new(path).join("data") });
        }
        let target = root.join("target").join(format!("botocore-{version}"));
        let data = target.join("botocore/data");
        if !data.is_dir() {
            let status = Command::new("python3")
                .args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"])
                .arg(&target)
                .arg(format!("botocore=={version}"))
                .status()
                .context("running pip")?;
            if !status.success() {
                bail!("pip could not install botocore {version}");
            }
        }
        Ok(Self { data })
    }

    /// The model in `folder`, such as `ecs/2014-11-13`.
    pub fn model(&self, folder: &str) -> Result<Model> {
        let plain = self.data.join(folder).join("service-2.json");
        let packed = plain.with_extension("json.gz");
        let mut text = String::new();
        if plain.is_file() {
            File::open(&plain)?.read_to_string(&mut text)?;
        } else {
            let file = File::open(&packed).with_context(|| format!("opening {}", packed.display()))?;
            GzDecoder::new(file).read_to_string(&mut text)?;
        }
        serde_json::from_str(&text).with_context(|| format!("parsing the model {folder}"))
    }
}
