//! Generates `crates/wire/src/generated/` and `docs/coverage/` from the public AWS service models.
//!
//! ```text
//! botocore (pinned) ── trim ──▶ crates/wire/models/*.json ──┐
//!                      crates/wire/operations.toml ─────────┴─ plan ─▶ emit ─▶ rustfmt ─▶ files
//! ```
//! `write` runs the whole line. `check` starts from the committed, trimmed models, so it needs neither Python nor
//! a network, and fails when a committed file differs from what it would write.
//!
//! Start at [`plan::Plan`]: it decides which shapes exist and which members are honoured; the emitters only print.

mod config;
mod coverage;
mod emit;
mod files;
mod model;
mod names;
mod plan;
mod source;
#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Context, Result, bail};

use config::Config;
use files::Tree;
use model::Model;
use plan::Plan;

const CONFIG: &str = "crates/wire/operations.toml";
const MODELS: &str = "crates/wire/models";
const GENERATED: &str = "crates/wire/src/generated";
const COVERAGE: &str = "docs/coverage";

/// Reads the pinned models and writes everything that follows from them.
pub fn write(root: &Path) -> Result<()> {
    let config = Config::read(&root.join(CONFIG))?;
    let mut models = Tree::default();
    let botocore = source::Botocore::locate(root, &config.botocore)?;
    for (name, service) in &config.services {
        let trimmed = botocore.model(&service.model)?.trim(&service.operations)?;
        models.add(format!("{name}.json"), serde_json::to_string_pretty(&trimmed)? + "\n");
    }
    models.write(&root.join(MODELS))?;
    let (generated, coverage) = generate(root, &config)?;
    generated.write(&root.join(GENERATED))?;
    coverage.write(&root.join(COVERAGE))
}

/// Fails when a generated file is not what [`write`] would write from the committed models.
pub fn check(root: &Path) -> Result<()> {
    let config = Config::read(&root.join(CONFIG))?;
    let (generated, coverage) = generate(root, &config)?;
    let mut stale = generated.stale(&root.join(GENERATED))?;
    stale.extend(coverage.stale(&root.join(COVERAGE))?);
    if !stale.is_empty() {
        bail!("stale, run `cargo xtask codegen`: {}", stale.join(", "));
    }
    Ok(())
}

fn generate(root: &Path, config: &Config) -> Result<(Tree, Tree)> {
    let (mut generated, mut coverage) = (Tree::default(), Tree::default());
    for (name, service) in &config.services {
        let path = root.join(MODELS).join(format!("{name}.json"));
        let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let mut model: Model =
            serde_json::from_str(&text).with_context(|| format!("parsing {}", path.display()))?;
        model.complete(&service.unlisted)?;
        let plan = Plan::new(name, service, &model).with_context(|| format!("service {name}"))?;
        for (file, text) in emit::service(&plan)? {
            generated.add(format!("{name}/{file}"), files::rustfmt(root, &text)?);
        }
        coverage.add(format!("{name}.md"), coverage::page(&plan));
    }
    generated.add("mod.rs".to_owned(), files::rustfmt(root, &emit::root(config))?);
    Ok((generated, coverage))
}
