//! The peers, when they are installed: a Docker daemon that answers, crun, runc. Each runs the same static program.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A Docker daemon with the program imported as an image.
pub struct Docker;

const DOCKER_IMAGE: &str = "wharf-bench";

impl Docker {
    /// `None` when no daemon answers.
    pub fn find() -> Result<Option<Self>> {
        let quiet = |args: &[&str]| {
            Command::new("docker")
                .args(args)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|s| s.success())
        };
        if !quiet(&["info"]) {
            return Ok(None);
        }
        let root = tempfile::tempdir()?;
        write_program(root.path())?;
        let archive = root.path().join("rootfs.tar");
        run(Command::new("tar").arg("-C").arg(root.path()).arg("-cf").arg(&archive).arg("hello"))?;
        run(Command::new("docker").arg("import").arg(&archive).arg(DOCKER_IMAGE))?;
        Ok(Some(Self))
    }

    /// How long `docker run --detach` took, without a network, which is the quickest for it; the container is removed
    /// afterwards.
    pub fn run_detached(&self) -> Result<Duration> {
        let began = Instant::now();
        let id = run(Command::new("docker").args([
            "run",
            "--detach",
            "--network=none",
            DOCKER_IMAGE,
            "/hello",
            "sleep",
            "3600",
        ]))?;
        let took = began.elapsed();
        run(Command::new("docker").args(["rm", "--force", id.trim()]))?;
        Ok(took)
    }
}

/// An OCI runtime's command and a bundle for it.
pub struct OciPeer {
    /// `crun` or `runc`.
    pub name: &'static str,
    bundle: PathBuf,
    runs: u32,
    _dir: tempfile::TempDir,
}

impl OciPeer {
    /// `None` when the command is not installed.
    pub fn find(name: &'static str) -> Result<Option<Self>> {
        if Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            return Ok(None);
        }
        let dir = tempfile::tempdir()?;
        let bundle = dir.path().to_owned();
        std::fs::create_dir(bundle.join("rootfs"))?;
        write_program(&bundle.join("rootfs"))?;
        run(Command::new(name).arg("spec").current_dir(&bundle))?;
        edit_spec(&bundle.join("config.json"))?;
        Ok(Some(Self { name, bundle, runs: 0, _dir: dir }))
    }

    /// How long `run` took: create, start, exit, delete.
    pub fn run(&mut self) -> Result<Duration> {
        self.runs += 1;
        let id = format!("wharf-bench-{}-{}", std::process::id(), self.runs);
        let began = Instant::now();
        run(Command::new(self.name).arg("run").arg(id).current_dir(&self.bundle))?;
        Ok(began.elapsed())
    }
}

fn edit_spec(path: &Path) -> Result<()> {
    let mut spec: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    spec["process"]["terminal"] = json!(false);
    spec["process"]["args"] = json!(["/hello", "true"]);
    std::fs::write(path, serde_json::to_vec(&spec)?)?;
    Ok(())
}

/// Writes the built-in static program as `hello` into a root file system.
pub fn write_program(rootfs: &Path) -> Result<()> {
    let path = rootfs.join("hello");
    std::fs::write(&path, agent_image::HELLO_PROGRAM)?;
    std::fs::set_permissions(&path, Permissions::from_mode(0o755))?;
    Ok(())
}

fn run(command: &mut Command) -> Result<String> {
    let done = command.stdin(Stdio::null()).output().with_context(|| format!("running {command:?}"))?;
    if !done.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}
