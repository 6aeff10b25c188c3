//! A folder of generated files: written as a whole, compared as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Contents by path, relative to the folder.
#[derive(Default)]
pub struct Tree(BTreeMap<String, String>);

impl Tree {
    /// Adds one file.
    pub fn add(&mut self, path: String, text: String) {
        self.0.insert(path, text);
    }

    /// Makes `folder` hold exactly these files. Unchanged files keep their modification time.
    pub fn write(&self, folder: &Path) -> Result<()> {
        for name in self.stale(folder)? {
            let path = folder.join(&name);
            match self.0.get(&name) {
                Some(text) => {
                    std::fs::create_dir_all(path.parent().context("a file has a parent")?)?;
                    std::fs::write(&path, text)?;
                }
                None => std::fs::remove_file(&path)?,
            }
            println!("updated {name}");
        }
        Ok(())
    }

    /// The paths whose contents in `folder` differ: changed, missing, or not generated.
    pub fn stale(&self, folder: &Path) -> Result<Vec<String>> {
        let mut paths: BTreeSet<String> = self.0.keys().cloned().collect();
        if folder.is_dir() {
            list(folder, "", &mut paths)?;
        }
        Ok(paths
            .into_iter()
            .filter(|path| std::fs::read_to_string(folder.join(path)).ok().as_ref() != self.0.get(path))
            .collect())
    }
}

fn list(folder: &Path, prefix: &str, paths: &mut BTreeSet<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &format!("{path}/"), paths)?;
        } else {
            paths.insert(path);
        }
    }
    Ok(())
}

/// Formats Rust source with the workspace's settings.
pub fn rustfmt(root: &Path, text: &str) -> Result<String> {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--emit", "stdout", "--config-path"])
        .arg(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("running rustfmt")?;
    // rustfmt reads everything before it writes, so one thread cannot block on a full pipe.
    child.stdin.take().context("stdin is piped")?.write_all(text.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("rustfmt refused the generated source:\n{text}");
    }
    Ok(String::from_utf8(output.stdout)?)
}
