//! An hour of a cluster of 100 instances, or what the arguments say: `hour NODES TASKS MINUTES faults|calm [telemetry]`. For
//! profilers.

use sim::{Knobs, Size, run};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |n: usize, default: usize| arguments.get(n).map_or(Ok(default), |text| text.parse());
    let size = Size {
        nodes: number(0, 100)?,
        tasks: number(1, 800)?,
        duration: Duration::from_secs(60 * number(2, 60)? as u64),
        has_faults: arguments.get(3).is_none_or(|text| text != "calm"),
    };
    let knobs = Knobs { telemetry: arguments.get(4).is_some(), ..Knobs::sized(size) };
    println!("{}", run(1, knobs, false)?);
    Ok(())
}
