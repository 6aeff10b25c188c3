//! `cargo xtask tidy`: what a reviewer would otherwise have to look for. Each check is one file and returns sentences
//! that say what is wrong and what to do.

mod docs;
mod layers;
mod select;
mod sizes;
mod words;

use anyhow::{Result, bail};
use std::path::Path;

/// Something that is wrong, in one sentence.
type Finding = String;

/// Runs every check over the checkout at `root`; fails with the list of findings.
pub fn run(root: &Path) -> Result<()> {
    let mut findings = Vec::new();
    findings.extend(layers::check(root)?);
    findings.extend(select::check(root)?);
    findings.extend(sizes::check(root)?);
    findings.extend(words::check(root)?);
    findings.extend(docs::check(root)?);
    if findings.is_empty() {
        eprintln!("tidy: layers, sizes, words and documents are in order");
        return Ok(());
    }
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    bail!("tidy found {} thing(s) to mend", findings.len());
}

/// Every file under `dir` with this extension, in a stable order, build output left out.
fn files(dir: &Path, extension: &str) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(dir) = pending.pop() {
        for entry in std::fs::read_dir(&dir)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                pending.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
