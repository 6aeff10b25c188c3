//! For tests on stable: the seeds of a target, so that neither they nor the target rot.

use std::fs;
use std::path::Path;

/// `crate_dir` is the `CARGO_MANIFEST_DIR` of a crate of the workspace.
pub fn replay(crate_dir: &str, target: &str, check: fn(&[u8]) -> bool) {
    let dir = Path::new(crate_dir).join("../../fuzz/seeds").join(target);
    let seeds = fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut count = 0;
    for seed in seeds {
        let path = seed.expect("the directory can be read").path();
        let bytes = fs::read(&path).expect("a seed can be read");
        assert!(check(&bytes), "{} is not understood any more", path.display());
        count += 1;
    }
    assert!(count > 0, "{} has no seeds", dir.display());
}
