//! What a group uses, from its files.

use super::{Hierarchies, Tree};
use agent_driver::Stats;
use std::fs;
use std::path::Path;

/// Ticks a second of `cpuacct.stat`; the same on every architecture that Linux shows to programs.
const TICK_NS: u64 = 10_000_000;

impl Hierarchies {
    /// Fills in everything but the time and the networks. What the kernel does not say stays zero.
    pub(crate) fn stats(&self, group: &Path) -> Stats {
        match self {
            Self::V1(trees) => v1(trees, group),
            Self::V2(tree) => v2(tree, group),
        }
    }
}

fn v1(trees: &[Tree], group: &Path) -> Stats {
    let dir = |controller: &str| trees.iter().find(|t| t.has(controller)).map(|t| t.mount.join(group));
    let text = |controller: &str, file: &str| dir(controller).map(|dir| read(&dir, file)).unwrap_or_default();
    let (cpu, memory) = (text("cpuacct", "cpuacct.stat"), text("memory", "memory.stat"));
    let blocks = text("blkio", "blkio.throttle.io_service_bytes");
    let bytes = |what: &str| {
        let fields = blocks.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        fields.filter(|f| f.len() == 3 && f[1] == what).filter_map(|f| f[2].parse::<u64>().ok()).sum()
    };
    Stats {
        cpu_total_ns: number(&text("cpuacct", "cpuacct.usage")),
        cpu_user_ns: field(&cpu, "user") * TICK_NS,
        cpu_system_ns: field(&cpu, "system") * TICK_NS,
        memory_bytes: number(&text("memory", "memory.usage_in_bytes")),
        memory_bytes_max: number(&text("memory", "memory.max_usage_in_bytes")),
        memory_cache_bytes: field(&memory, "total_inactive_file"),
        memory_limit_bytes: field(&memory, "hierarchical_memory_limit").min(host_memory()),
        pids: number(&text("pids", "pids.current")),
        storage_read_bytes: bytes("Read"),
        storage_write_bytes: bytes("Write"),
        ..Stats::default()
    }
}

fn v2(tree: &Tree, group: &Path) -> Stats {
    let dir = tree.mount.join(group);
    let (cpu, memory, blocks) = (read(&dir, "cpu.stat"), read(&dir, "memory.stat"), read(&dir, "io.stat"));
    let bytes = |key: &str| {
        let words = blocks.split_whitespace().filter_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        words.filter_map(|value| value.parse::<u64>().ok()).sum()
    };
    let task = dir.parent().unwrap_or(&dir);
    let limit = |dir: &Path| read(dir, "memory.max").trim().parse().unwrap_or(u64::MAX);
    Stats {
        cpu_total_ns: field(&cpu, "usage_usec") * 1000,
        cpu_user_ns: field(&cpu, "user_usec") * 1000,
        cpu_system_ns: field(&cpu, "system_usec") * 1000,
        memory_bytes: number(&read(&dir, "memory.current")),
        memory_bytes_max: number(&read(&dir, "memory.peak")),
        memory_cache_bytes: field(&memory, "inactive_file"),
        memory_limit_bytes: limit(&dir).min(limit(task)).min(host_memory()),
        pids: number(&read(&dir, "pids.current")),
        storage_read_bytes: bytes("rbytes"),
        storage_write_bytes: bytes("wbytes"),
        ..Stats::default()
    }
}

fn read(dir: &Path, file: &str) -> String {
    fs::read_to_string(dir.join(file)).unwrap_or_default()
}

fn number(text: &str) -> u64 {
    text.trim().parse().unwrap_or(0)
}

/// The number after a word.
fn field(text: &str, key: &str) -> u64 {
    let rest = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    rest.map_or(0, number)
}

fn host_memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    line.map_or(0, |rest| number(rest.trim_end_matches("kB")) * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(dir: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(dir).unwrap();
        for (name, text) in files {
            fs::write(dir.join(name), text).unwrap();
        }
    }

    #[test]
    fn both_versions_of_the_files() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("t/c");
        files(
            &dir,
            &[
                ("cpu.stat", "usage_usec 30\nuser_usec 20\nsystem_usec 10\n"),
                ("memory.current", "4096\n"),
                ("memory.peak", "8192\n"),
                ("memory.max", "max\n"),
                ("memory.stat", "anon 1\ninactive_file 77\n"),
                ("pids.current", "3\n"),
                ("io.stat", "8:0 rbytes=5 wbytes=6 rios=1\n8:16 rbytes=10 wbytes=0\n"),
            ],
        );
        files(dir.parent().unwrap(), &[("memory.max", "65536\n")]);
        let tree = Tree { mount: root.path().to_owned(), controllers: Vec::new() };
        let seen = Hierarchies::V2(tree).stats(Path::new("t/c"));
        let expected = Stats {
            cpu_total_ns: 30_000,
            cpu_user_ns: 20_000,
            cpu_system_ns: 10_000,
            memory_bytes: 4096,
            memory_bytes_max: 8192,
            memory_cache_bytes: 77,
            memory_limit_bytes: 65_536,
            pids: 3,
            storage_read_bytes: 15,
            storage_write_bytes: 6,
            ..Stats::default()
        };
        assert_eq!(seen, expected);

        files(
            &dir,
            &[
                ("cpuacct.usage", "30000\n"),
                ("cpuacct.stat", "user 2\nsystem 1\n"),
                ("memory.usage_in_bytes", "4096\n"),
                ("memory.max_usage_in_bytes", "8192\n"),
                ("memory.stat", "cache 5\ntotal_inactive_file 77\nhierarchical_memory_limit 65536\n"),
                ("blkio.throttle.io_service_bytes", "8:0 Read 5\n8:0 Write 6\n8:16 Read 10\nTotal 21\n"),
            ],
        );
        let controllers = ["cpuacct", "memory", "pids", "blkio"].map(str::to_owned).to_vec();
        let tree = Tree { mount: root.path().to_owned(), controllers };
        let seen = Hierarchies::V1(vec![tree]).stats(Path::new("t/c"));
        assert_eq!(seen, Stats { cpu_user_ns: 20_000_000, cpu_system_ns: 10_000_000, ..expected });
    }
}
