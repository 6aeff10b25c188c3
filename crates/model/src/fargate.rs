//! The CPU and memory pairs that Fargate runs (Amazon ECS task definition parameters: task size).

/// Whether Fargate runs a task of this size. CPU in units, memory in MiB.
pub fn is_valid_size(cpu_units: u32, memory_mib: u32) -> bool {
    let (min_gib, max_gib, step_gib) = match cpu_units {
        256 => return matches!(memory_mib, 512 | 1024 | 2048),
        512 => (1, 4, 1),
        1024 => (2, 8, 1),
        2048 => (4, 16, 1),
        4096 => (8, 30, 1),
        8192 => (16, 60, 4),
        16384 => (32, 120, 8),
        _ => return false,
    };
    let (min, max, step) = (min_gib * 1024, max_gib * 1024, step_gib * 1024);
    (min..=max).contains(&memory_mib) && (memory_mib - min).is_multiple_of(step)
}

/// Whether Fargate has any size with this much CPU.
pub fn is_valid_cpu(cpu_units: u32) -> bool {
    matches!(cpu_units, 256 | 512 | 1024 | 2048 | 4096 | 8192 | 16384)
}

#[cfg(test)]
mod tests {
    use super::is_valid_size;

    #[test]
    fn the_pairs_are_those_of_the_documentation() {
        let valid = [
            (256, 512),
            (256, 2048),
            (512, 4096),
            (1024, 2048),
            (4096, 30720),
            (8192, 20480),
            (16384, 122880),
        ];
        let invalid = [
            (256, 4096),
            (256, 513),
            (512, 512),
            (1024, 1024),
            (4096, 31744),
            (8192, 17408),
            (16384, 33792),
            (300, 512),
        ];
        for (cpu, memory) in valid {
            assert!(is_valid_size(cpu, memory), "{cpu}/{memory}");
        }
        for (cpu, memory) in invalid {
            assert!(!is_valid_size(cpu, memory), "{cpu}/{memory}");
        }
    }
}
